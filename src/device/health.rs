//! The health of a running device: hangs, the link, starved queues, memory and bus errors.
//!
//! [`Control::health`] compares registers with what they were at the look before. It needs no ring: owned queues may be
//! with other threads meanwhile, and the data path neither counts nor tests anything for it.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::clock;
use crate::device::presence::{Present, is_removed};
use crate::device::{Control, Running, Statistics};
use crate::field::Value;
use crate::platform::Platform;
use crate::register::Exclusive;
use crate::registers::{EICR, EICS, MFLCN, PICAUSE, RDH, RDT, Registers, RxQueue, TDH, TDT, TxQueue};
use crate::value;

/// The time without progress after which a transmit queue with packets hangs. At 100 Mbit/s, the longest frame takes
/// 1.3 ms.
const HANG: Duration = Duration::from_millis(250);
/// A last look at a queue that seems to hang: its head may have come around to where it was.
const LAST_LOOK: Duration = Duration::from_millis(5);
/// The pause between two reads of that head.
const POLL_INTERVAL: Duration = Duration::from_micros(100);
/// The bit of EICS that stands for EICR.LSC.
const LINK_CHANGED: u64 = 1 << 20;

/// What [`Control::health`] found.
///
/// [`Display`](fmt::Display) gives a sentence with the remedy, which [`remedy`](Self::remedy) returns as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Symptom {
    /// A transmit queue has packets and sends none, although there is a link and the link partner sends no pause frames.
    TransmitHang {
        /// The index of the queue.
        queue: usize,
        /// The time since a look first found the queue where it is now.
        since: Duration,
    },
    /// The link was lost while transmit queues had packets. They may not go on when the link is back.
    LinkLost {
        /// The number of queues with packets.
        queues: usize,
    },
    /// A receive queue has no descriptors for packets that arrive, and had none at the look before.
    ReceiveStarved {
        /// The index of the queue.
        queue: usize,
        /// `true` if its pool has no free buffer: the program keeps too many packets. Otherwise nobody calls `receive`.
        pool_is_empty: bool,
        /// The number of packets that were lost for this since the look before.
        lost: u64,
    },
    /// Packets are missed, although receive queues have descriptors, and no queue moves.
    ReceiveHang {
        /// The number of packets that were missed since the look before.
        missed: u64,
    },
    /// An uncorrectable error in a memory of the device (EICR.ECC).
    MemoryError,
    /// The temperature sensor reports too high a temperature (EICR.GPI_SDP0, on boards with such a sensor).
    TooHot,
    /// An error on PCIe (EICR.PCI_EXCEPTION, PICAUSE).
    Bus(BusError),
    /// A register returned all ones, and then the device answered again.
    ReadAllOnes,
    /// The device returns all ones: it was removed, or no longer responds on the bus.
    Gone,
}

/// An error on PCIe, from PICAUSE (8.2.3.4.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BusError {
    /// A request was completed with an abort.
    Aborted,
    /// An address was accessed that the device does not support.
    UnsupportedAddress,
    /// A request had wrong byte enables.
    ByteEnables,
    /// A request of the device timed out.
    TimedOut,
    /// Bus mastering was disabled while requests were pending.
    MasteringDisabled,
    /// PICAUSE does not say which.
    Unknown,
}

/// What to do about a [`Symptom`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing, but write it down: the device goes on.
    Log,
    /// Change the program: the device works, but its queues are not served.
    Serve,
    /// [`recover`](crate::device::Device::recover) the device.
    Recover,
    /// [`stop`](crate::device::Device::stop) the device, or drop it.
    Stop,
}

impl Symptom {
    /// Returns what to do about it.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::TransmitHang { .. } | Self::LinkLost { .. } | Self::ReceiveHang { .. } | Self::MemoryError => {
                Remedy::Recover
            }
            Self::ReceiveStarved { .. } => Remedy::Serve,
            Self::Bus(BusError::MasteringDisabled) | Self::TooHot | Self::Gone => Remedy::Stop,
            Self::Bus(_) | Self::ReadAllOnes => Remedy::Log,
        }
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TransmitHang { queue, since } => {
                write!(f, "transmit queue {queue} has packets and has sent none for {since:?}: recover the device")
            }
            Self::LinkLost { queues } => write!(
                f,
                "the link was lost while {queues} transmit queues had packets, which may never be sent: recover the \
                 device"
            ),
            Self::ReceiveStarved { queue, pool_is_empty: true, lost } => write!(
                f,
                "receive queue {queue} has no descriptors and its pool no buffers, {lost} packets were lost: drop \
                 packets sooner, or make the pool larger"
            ),
            Self::ReceiveStarved { queue, pool_is_empty: false, lost } => write!(
                f,
                "receive queue {queue} is full and nobody takes its packets, {lost} packets were lost: call receive"
            ),
            Self::ReceiveHang { missed } => write!(
                f,
                "reception does not move although there are descriptors, {missed} packets were missed: recover the \
                 device"
            ),
            Self::MemoryError => f.write_str("a memory of the device has an uncorrectable error: recover the device"),
            Self::TooHot => f.write_str("the device is too hot: stop it, and look after its cooling"),
            Self::Bus(error) => write!(f, "an error on PCIe: {error}"),
            Self::ReadAllOnes => f.write_str(
                "a register returned all ones, and then the device answered again: if that repeats, check its slot",
            ),
            Self::Gone => f.write_str("the device reads as all ones, it is gone: drop it"),
        }
    }
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aborted => "a request was aborted: look for messages of the IOMMU",
            Self::UnsupportedAddress => "an unsupported address was accessed: another program may use the device",
            Self::ByteEnables => "a request had wrong byte enables: another program may use the device",
            Self::TimedOut => "a request of the device timed out: if that repeats, check its slot",
            Self::MasteringDisabled => "bus mastering was disabled: another program resets the device, so stop it",
            Self::Unknown => "the device does not say which",
        })
    }
}

/// What the last look saw.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// For each transmit queue, where it stands, if it has packets.
    tx: Vec<Option<Standing>>,
    rx: Vec<Reception>,
    /// `true` if there was a link, also if it was lost since, and transmit queues have packets of that time.
    has_link: bool,
    received: u64,
    missed: u64,
    /// The pause frames that were received.
    pauses: u64,
    /// The local and remote faults that [`Control::link`] has seen.
    pub(crate) faults: (u64, u64),
}

impl Watch {
    /// Returns the watch of a device that no look has seen since these statistics.
    pub(crate) fn since(statistics: &Statistics) -> Self {
        Self {
            received: statistics.rx_packets,
            missed: statistics.rx_missed,
            pauses: pauses(statistics),
            faults: (statistics.local_faults, statistics.remote_faults),
            ..Self::default()
        }
    }
}

/// A receive queue: its count of packets, if it had no descriptors, and of packets that found none.
#[derive(Debug, Clone, Copy, Default)]
struct Reception {
    starved_at: Option<u64>,
    dropped: u64,
}

/// A transmit queue with packets: its head, its count of packets, and when a look first found it so.
#[derive(Debug, Clone, Copy)]
struct Standing {
    head: u64,
    sent: u64,
    since: Duration,
}

/// A look at a device.
struct Look<'a, 'c, H: Platform> {
    device: &'a Present<'a, H>,
    control: &'a mut Control<'c, H>,
    symptoms: Vec<Symptom>,
}

impl<H: Platform> Control<'_, H> {
    /// Looks for what is wrong with the device, and returns what it finds: nothing, if all is well.
    ///
    /// Call it at a rhythm of your own, such as once a second. A hang takes two calls to be found, at least 250 ms
    /// apart. The calls also keep the [statistics](Self::statistics) up to date. A call reads about 200 registers. The
    /// calls of queues cost nothing more for it.
    ///
    /// A call waits up to 15 ms for a device that reads as all ones, and 5 ms for each queue that seems to hang. A
    /// paused queue does not hang: with flow control on, pause frames of the link partner start the time anew.
    ///
    /// It does not notice a device that sends packets and does not report them.
    ///
    /// ```
    /// # use ixgbe::device::{Config, Device};
    /// use ixgbe::device::Remedy;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let [port, partner] = [0, 1].map(|_| ixgbe_sim::Port::new(Default::default()));
    /// # ixgbe_sim::connect(&port, &partner);
    /// # let mut nic = Device::new(port.claim()?).reset(&Config::new())?.assume_link_up().start()?;
    /// let symptoms = nic.split().0.health();
    /// symptoms.iter().for_each(|finding| eprintln!("{finding}"));
    /// if symptoms.iter().any(|finding| finding.remedy() == Remedy::Recover) {
    ///     nic = nic.recover()?;
    /// }
    /// # nic.stop()?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "watchdog")]
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.health.md")))]
    pub fn health(&mut self) -> Vec<Symptom> {
        let device = &Present::new(self.platform);
        let mut look = Look { device, control: self, symptoms: Vec::new() };
        look.all();
        // A device that is removed in the middle of a look may look as if something else were wrong.
        let is_gone = device.is_removed() || is_removed(device, look.registers());
        if device.answered_late() {
            look.symptoms.push(Symptom::ReadAllOnes);
        }
        let symptoms = look.symptoms;
        if is_gone {
            *self.watch = Watch::since(self.statistics);
            return alloc::vec![Symptom::Gone];
        }
        symptoms
    }
}

impl<'a, H: Platform> Look<'a, '_, H> {
    fn registers(&self) -> Registers<'a, Present<'a, H>, Exclusive<Running>> {
        // SAFETY: the device runs while its one `Control` exists, and this look borrows that uniquely; queues read no
        // registers. `Exclusive<Running>` is no `Driver` permission.
        unsafe { Registers::assume_permission(self.device) }
    }

    fn all(&mut self) {
        self.causes();
        // Counters that are read now would be lost.
        if self.device.is_removed() {
            return;
        }
        if let Ok(statistics) = self.control.statistics_of(self.device) {
            self.transmission(&statistics);
            self.reception(&statistics);
        }
    }

    /// Notes what EICR and PICAUSE report.
    fn causes(&mut self) {
        let registers = self.registers();
        let causes = registers.eicr().read_with_side_effects();
        if causes.field(EICR::LSC)
            && self.control.settings.interrupts.is_some()
            && let Ok(link_changed) = Value::EMPTY.try_with(EICS::INTERRUPT_CAUSE_SET, LINK_CHANGED)
        {
            // The read has cleared a cause whose interrupt may not have been sent yet.
            registers.eics().write(link_changed);
        }
        if causes.field(EICR::ECC) {
            self.symptoms.push(Symptom::MemoryError);
        }
        if causes.field(EICR::GPI_SDP0) {
            self.symptoms.push(Symptom::TooHot);
        }
        if causes.field(EICR::PCI_EXCEPTION) {
            let causes = registers.picause().read();
            let all = value!(PICAUSE { CA: true, UA: true, BE: true, TO: true, BMEF: true });
            registers.picause().clear_bits(all);
            let errors = [
                (causes.field(PICAUSE::CA), BusError::Aborted),
                (causes.field(PICAUSE::UA), BusError::UnsupportedAddress),
                (causes.field(PICAUSE::BE), BusError::ByteEnables),
                (causes.field(PICAUSE::TO), BusError::TimedOut),
                (causes.field(PICAUSE::BMEF), BusError::MasteringDisabled),
            ];
            let unknown = (!errors.iter().any(|(is_set, _)| *is_set), BusError::Unknown);
            let set = errors.into_iter().chain([unknown]).filter(|(is_set, _)| *is_set);
            self.symptoms.extend(set.map(|(_, error)| Symptom::Bus(error)));
        }
    }

    /// Notes transmit queues that do not send what they have.
    fn transmission(&mut self, statistics: &Statistics) {
        let registers = self.registers();
        self.control.look_at_link();
        let has_link = self.control.settings.link.is_up();
        let may_move = !self.is_paused(registers, statistics) && has_link;
        let (queues, now) = (self.control.config.tx_queues, self.control.platform.now());
        self.control.watch.tx.resize(queues, None);
        let mut with_packets = 0;
        for (queue, last) in TxQueue::all().zip(&mut self.control.watch.tx) {
            let head = registers.tdh(queue).read().field(TDH::TDH);
            let tail = registers.tdt(queue).read().field(TDT::TDT);
            // With more queues than sets of counters, a count is of several queues.
            let count = statistics.queues.get(queue.get()).filter(|_| queues <= statistics.queues.len());
            let sent = count.map_or(0, |count| count.tx_packets);
            let stood = last.filter(|last| may_move && (last.head, last.sent) == (head, sent));
            *last = (head != tail).then(|| stood.unwrap_or(Standing { head, sent, since: now }));
            let Some(Standing { since, .. }) = *last else { continue };
            with_packets += 1;
            let since = now.saturating_sub(since);
            if since >= HANG && stands(self.control.platform, registers, queue, head) {
                self.symptoms.push(Symptom::TransmitHang { queue: queue.get(), since });
            }
        }
        let had_link = self.control.watch.has_link;
        if had_link && !has_link && with_packets > 0 {
            self.symptoms.push(Symptom::LinkLost { queues: with_packets });
        }
        self.control.watch.has_link = has_link || had_link && with_packets > 0;
    }

    /// Returns `true` if the link partner asked for a pause since the last look, and the device obeys.
    fn is_paused(
        &mut self,
        registers: Registers<'_, Present<'a, H>, Exclusive<Running>>,
        statistics: &Statistics,
    ) -> bool {
        let obeys = registers.mflcn().read();
        let total = pauses(statistics);
        let before = core::mem::replace(&mut self.control.watch.pauses, total);
        (obeys.field(MFLCN::RFCE) || obeys.field(MFLCN::RPFCE)) && total != before
    }

    /// Notes receive queues that cannot receive.
    fn reception(&mut self, statistics: &Statistics) {
        let (registers, queues) = (self.registers(), self.control.config.rx_queues);
        let Watch { rx, missed, received, .. } = &mut *self.control.watch;
        rx.resize(queues, Reception::default());
        let newly_missed = statistics.rx_missed.saturating_sub(core::mem::replace(missed, statistics.rx_missed));
        let is_receiving = core::mem::replace(received, statistics.rx_packets) != statistics.rx_packets;
        let mut has_descriptors = true;
        for (((queue, last), counts), pool) in RxQueue::all().zip(rx).zip(&statistics.queues).zip(self.control.pools) {
            let head = registers.rdh(queue).read().field(RDH::RDH);
            let tail = registers.rdt(queue).read().field(RDT::RDT);
            let now =
                Reception { starved_at: (head == tail).then_some(counts.rx_packets), dropped: counts.rx_no_descriptor };
            let before = core::mem::replace(last, now);
            has_descriptors &= head != tail;
            if now.starved_at.is_some() && now.starved_at == before.starved_at {
                // With one queue, the device misses what it would otherwise drop.
                let missed = if queues == 1 { newly_missed } else { 0 };
                let lost = now.dropped.saturating_sub(before.dropped) + missed;
                let pool_is_empty = pool.available() == 0;
                self.symptoms.push(Symptom::ReceiveStarved { queue: queue.get(), pool_is_empty, lost });
            }
        }
        if newly_missed > 0 && !is_receiving && has_descriptors {
            self.symptoms.push(Symptom::ReceiveHang { missed: newly_missed });
        }
    }
}

/// Returns `true` if the head of a transmit queue stays where it is.
fn stands<H: Platform>(
    platform: &H,
    registers: Registers<'_, Present<'_, H>, Exclusive<Running>>,
    queue: TxQueue,
    head: u64,
) -> bool {
    let moves = || (registers.tdh(queue).read().field(TDH::TDH) != head).then_some(());
    clock::poll(platform, LAST_LOOK, POLL_INTERVAL, moves).is_err()
}

/// Returns the number of frames that asked for a pause.
fn pauses(statistics: &Statistics) -> u64 {
    statistics.rx_priority_xoff.iter().copied().fold(statistics.rx_xoff, u64::saturating_add)
}
