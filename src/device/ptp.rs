//! The clock for IEEE 1588 (PTP), and time stamps of packets (datasheet 8.2.3.26).
//!
//! The device has one register for the stamp of a received packet, and one for a sent packet. Each holds a stamp
//! until it is read, and the device takes no other meanwhile. So a stamp that nobody fetches is dropped after
//! [`STAMP_LIMIT`], and counted.

use core::fmt;
use core::time::Duration;

use crate::device::presence::is_removed;
use crate::device::ptp_message::EVENT_PORT;
use crate::device::ptp_time::{Frequency, LARGEST_OFFSET, LinkClock, Moment, PERIOD};
use crate::device::{Control, Error, PtpMessage, Running};
use crate::field::{Value, ValueError};
use crate::mmio::Bus;
use crate::packet::numbers::PTP;
use crate::platform::Platform;
use crate::port::LinkStatus;
use crate::register::{Driver, Exclusive};
use crate::registers::permission::Reset;
use crate::registers::{ETQF, EtherTypeFilter, RXMTRL, Registers, TIMINCA, TSYNCRXCTL, TSYNCTXCTL, rxmtrl, tsyncrxctl};
use crate::{index, value};

/// The registers of a running device, for its one `Control`.
type RunningRegisters<'a, H> = Registers<'a, H, Exclusive<Running>>;

/// The time for which a stamp may wait to be fetched, or a requested one to be taken.
const STAMP_LIMIT: Duration = Duration::from_secs(1);

/// The EtherType filter of PTP, by custom of drivers.
pub(crate) const PTP_FILTER: EtherTypeFilter = index!(EtherTypeFilter, 3);

/// Which received packets get a time stamp: see [`Config::ptp`](crate::device::Config::ptp).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PtpStamps {
    /// Event messages of PTP version 2, over Ethernet and over UDP.
    #[default]
    EventsV2,
}

/// A wrong use of a [`PtpClock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PtpError {
    /// The frequency offset is too large for the device.
    Frequency {
        /// The offset asked for, in parts per billion.
        offset: i32,
        /// The largest, either way.
        limit: i32,
    },
    /// A time stamp of a sent packet was requested before, and was neither taken nor given up.
    StampPending,
}

impl fmt::Display for PtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frequency { offset, limit } => write!(
                f,
                "cannot adjust the frequency by {offset} parts per billion: TIMINCA takes -{limit} to {limit}: set the \
                 time instead"
            ),
            Self::StampPending => f.write_str(
                "cannot request a time stamp: another is pending: call PtpClock::transmit_stamp until it is taken or \
                 lost",
            ),
        }
    }
}

impl core::error::Error for PtpError {}

/// What came of the last [request](PtpClock::request_transmit_stamp).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransmitStamp {
    /// No stamp is requested.
    NotRequested,
    /// The packet was not sent yet.
    Pending,
    /// The time at which the packet was sent. The next call returns [`NotRequested`](Self::NotRequested).
    Taken(Duration),
    /// The stamp was not taken within a second, or the clock was restarted. It will not come.
    Lost,
}

/// Counts of time stamps since the device was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PtpCounters {
    /// Stamps of received packets that were returned.
    pub rx_stamps: u64,
    /// Stamps of received packets that were lost: nobody fetched them, their packet was dropped, or the link's speed
    /// changed.
    pub rx_lost: u64,
    /// Stamps of sent packets that were returned.
    pub tx_stamps: u64,
    /// Stamps of sent packets that were requested and did not come.
    pub tx_lost: u64,
    /// Requests that were refused because another was pending.
    pub tx_refused: u64,
    /// Restarts of the clock: the link's speed changed, or the device was reset.
    pub restarts: u64,
}

/// The clock's state between two calls.
#[derive(Debug)]
pub(crate) struct State {
    /// The link's clock that the increment is for.
    link_clock: LinkClock,
    /// `true` if the device's clock was started before.
    started: bool,
    /// `true` if the device's clock runs.
    runs: bool,
    /// The frequency offset in parts per billion.
    offset: i32,
    frequency: Frequency,
    /// The last reading.
    last: Moment,
    /// The host's time at which a stamp of a received packet was first seen to wait.
    rx_waits: Option<Duration>,
    request: Request,
    counters: PtpCounters,
}

/// A request for the stamp of a sent packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    None,
    /// Requested at this time of the host.
    Pending(Duration),
    /// The clock was restarted meanwhile.
    Lost,
}

impl State {
    /// Returns a clock that begins at 0, now. The device's clock starts with the first look at the link.
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            link_clock: LinkClock::TEN_GIGABIT,
            started: false,
            runs: false,
            offset: 0,
            frequency: Frequency::new(LinkClock::TEN_GIGABIT, 0),
            last: Moment::default().restarted(now).with_time(Duration::ZERO),
            rx_waits: None,
            request: Request::None,
            counters: PtpCounters::default(),
        }
    }

    /// Notes that the device was reset: its clock stands still.
    pub(crate) fn was_reset(&mut self) {
        self.runs = false;
    }

    /// Starts the clock anew if the link has another speed. The host's clock says how much time has passed.
    ///
    /// `flapped` says that the link was down meanwhile: at less than 10 Gbit/s, the clock then ran at another speed.
    pub(crate) fn follow<H: Platform>(
        &mut self,
        platform: &H,
        registers: RunningRegisters<'_, H>,
        status: LinkStatus,
        flapped: bool,
    ) -> Result<(), ValueError> {
        let clock = match status {
            LinkStatus::Up(speed) => LinkClock::of(speed),
            LinkStatus::Down => LinkClock::TEN_GIGABIT,
        };
        let ran_on = self.link_clock == clock && (!flapped || clock == LinkClock::TEN_GIGABIT);
        if self.runs && ran_on { Ok(()) } else { self.restart(platform, registers, clock) }
    }

    fn restart<H: Platform>(
        &mut self,
        platform: &H,
        registers: RunningRegisters<'_, H>,
        clock: LinkClock,
    ) -> Result<(), ValueError> {
        let frequency = Frequency::new(clock, self.offset);
        registers.timinca().write(value!(TIMINCA {}));
        registers.systim().write(0);
        registers.timinca().write(increment(frequency)?);
        self.last = self.last.restarted(platform.now());
        self.counters.restarts += u64::from(self.started);
        (self.started, self.runs) = (true, true);
        (self.frequency, self.link_clock) = (frequency, clock);
        // Stamps of the old clock say nothing.
        self.counters.rx_lost += u64::from(has_receive_stamp(registers));
        self.rx_waits = None;
        if let Request::Pending(_) = self.request {
            self.request = Request::Lost;
            self.counters.tx_lost += 1;
        }
        _ = (registers.rxstmp().read(), registers.txstmp().read());
        Ok(())
    }

    /// Reads the clock.
    fn read<H: Platform>(&mut self, platform: &H, registers: RunningRegisters<'_, H>) -> Result<(), ValueError> {
        let counts = registers.systim().read();
        match self.last.later(counts, platform.now(), self.frequency) {
            Some(moment) => self.last = moment,
            // Something has reset the device, or written its clock.
            None => self.restart(platform, registers, self.link_clock)?,
        }
        Ok(())
    }

    /// Drops the stamp of a received packet that has waited for too long.
    fn expire_receive_stamp<H: Platform>(&mut self, platform: &H, registers: RunningRegisters<'_, H>) {
        if !has_receive_stamp(registers) {
            self.rx_waits = None;
            return;
        }
        let now = platform.now();
        let since = *self.rx_waits.get_or_insert(now);
        if now.saturating_sub(since) >= STAMP_LIMIT {
            _ = registers.rxstmp().read();
            self.rx_waits = None;
            self.counters.rx_lost += 1;
        }
    }
}

fn increment(frequency: Frequency) -> Result<Value<TIMINCA>, ValueError> {
    Value::EMPTY.try_with(TIMINCA::IP, u64::from(PERIOD))?.try_with(TIMINCA::IV, u64::from(frequency.increment))
}

fn has_receive_stamp<H: Bus>(registers: RunningRegisters<'_, H>) -> bool {
    registers.tsyncrxctl().read().field(TSYNCRXCTL::RXTT)
}

/// Sets up time stamps, before the device runs. The clock stands still.
pub(crate) fn initialise<H: Bus>(
    registers: Registers<'_, H, Driver<Reset>>,
    stamps: PtpStamps,
) -> Result<(), ValueError> {
    let PtpStamps::EventsV2 = stamps;
    // PTP over Ethernet is found by a filter; index 3 is the one that drivers use for it. PTP over UDP needs none.
    let filter = value!(ETQF { TIME_STAMP_1588: true, FILTER_ENABLE: true });
    registers.etqf(PTP_FILTER).write(filter.try_with(ETQF::ETYPE, u64::from(PTP))?);
    // The reset value of the port is the right number, but as hexadecimal digits.
    let messages = value!(RXMTRL { CTRLT: rxmtrl::CTRLT::SyncV1, MSGT: rxmtrl::MSGT::SyncV2 });
    registers.rxmtrl().write(messages.try_with(RXMTRL::UDPT, u64::from(EVENT_PORT))?);
    registers.tsyncrxctl().write(value!(TSYNCRXCTL { TYPE: tsyncrxctl::TYPE::EventV2, EN: true }));
    registers.tsynctxctl().write(value!(TSYNCTXCTL { EN: true }));
    Ok(())
}

/// The PTP clock of a port, and the time stamps of its packets: see [`Control::ptp`].
///
/// The clock counts nanoseconds from 0 on, or from the time that was [set](Self::set_time). It runs as fast as the link's
/// clock, or as much faster as [`adjust_frequency`](Self::adjust_frequency) says.
///
/// Each call looks at the link. When its speed has changed, the device's clock starts again, and goes on from the time of
/// the last call plus the time that has passed by the platform's [`Clock`](crate::clock::Clock). So call
/// [`time`](Self::time) often: a change of speed then costs no more than the difference of both clocks between two calls.
/// Between the change and the next call, nothing can be read, so no wrong time is returned.
pub struct PtpClock<'c, 'a, H: Platform> {
    control: &'c mut Control<'a, H>,
}

impl<'a, H: Platform> Control<'a, H> {
    /// Returns the PTP clock, if [`Config::ptp`](crate::device::Config::ptp) enabled it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ixgbe::device::{Config, Device, PtpStamps};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// let config = Config::new().ptp(PtpStamps::EventsV2);
    /// let nic = Device::new(port.claim()?).reset(&config)?;
    /// # let mut nic = nic.assume_link_up().start()?;
    /// # let (mut control, _) = nic.split();
    /// let mut clock = control.ptp().ok_or("PTP is off")?;
    /// clock.set_time(Duration::from_secs(1_700_000_000))?;
    /// clock.adjust_frequency(-1_500)?;   // 1.5 parts per million slower than the link's clock
    /// clock.adjust_time(-20)?;           // 20 ns back
    /// println!("{:?}", clock.time()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn ptp(&mut self) -> Option<PtpClock<'_, 'a, H>> {
        self.ptp.is_some().then_some(PtpClock { control: self })
    }
}

impl<H: Platform> PtpClock<'_, '_, H> {
    /// Returns the state, after a look at the link and at the clock.
    fn update(&mut self) -> Result<(&mut State, &H, RunningRegisters<'_, H>), Error> {
        self.control.look_at_link();
        let platform = self.control.platform;
        // SAFETY: as for `Control::registers_mut`: the device runs as long as its one `Control` is borrowed uniquely.
        let registers: RunningRegisters<'_, H> = unsafe { Registers::assume_permission(platform) };
        if is_removed(platform, registers) {
            return Err(Error::Removed { step: "reading the PTP clock (8.2.3.26)" });
        }
        let state = self.control.ptp.get_or_insert_with(|| State::new(platform.now()));
        state.read(platform, registers)?;
        Ok((state, platform, registers))
    }

    /// Returns the time. It never goes back, unless it is set or adjusted back.
    ///
    /// It also drops the stamp of a received packet that has waited for a second, and blocks the stamps of others.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device no longer answers.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/PtpClock.time.md")))]
    pub fn time(&mut self) -> Result<Duration, Error> {
        let (state, platform, registers) = self.update()?;
        state.expire_receive_stamp(platform, registers);
        Ok(state.last.time())
    }

    /// Sets the time.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device no longer answers.
    pub fn set_time(&mut self, time: Duration) -> Result<(), Error> {
        let (state, ..) = self.update()?;
        state.last = state.last.with_time(time);
        Ok(())
    }

    /// Adds `nanoseconds` to the time, which does not become less than 0.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device no longer answers.
    pub fn adjust_time(&mut self, nanoseconds: i64) -> Result<(), Error> {
        let (state, ..) = self.update()?;
        state.last = state.last.shifted(nanoseconds);
        Ok(())
    }

    /// Lets the clock run `offset` parts per billion faster than the link's clock, or slower if it is negative.
    ///
    /// It replaces the offset from before, and holds at each speed of the link and after a recovery.
    ///
    /// # Errors
    ///
    /// [`Error::Ptp`] if the offset is more than 250,000,000 either way, or [`Error::Removed`].
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/PtpClock.adjust_frequency.md")))]
    pub fn adjust_frequency(&mut self, offset: i32) -> Result<(), Error> {
        if offset.unsigned_abs() > LARGEST_OFFSET.unsigned_abs() {
            return Err(Error::Ptp(PtpError::Frequency { offset, limit: LARGEST_OFFSET }));
        }
        let (state, _, registers) = self.update()?;
        let frequency = Frequency::new(state.link_clock, offset);
        registers.timinca().write(increment(frequency)?);
        (state.frequency, state.offset) = (frequency, offset);
        Ok(())
    }

    /// Returns the frequency offset in parts per billion.
    #[must_use]
    pub fn frequency(&self) -> i32 {
        self.control.ptp.as_ref().map_or(0, |state| state.offset)
    }

    /// Returns the counts of time stamps.
    #[must_use]
    pub fn counters(&self) -> PtpCounters {
        self.control.ptp.as_ref().map_or(PtpCounters::default(), |state| state.counters)
    }

    /// Returns the time at which a received packet arrived. Call it for each packet whose descriptor says that it has a
    /// stamp (TS), with the message in the packet: fetching the stamp makes room for the next.
    ///
    /// Returns `None` if the stamp is not there, or belongs to another packet, which is counted as lost.
    ///
    /// ```
    /// use ixgbe::device::{Config, Device, PtpMessage, PtpStamps};
    /// use ixgbe::packet::Batch;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # port.plug(ixgbe_sim::wire::NoTraffic);
    /// # let config = Config::new().ptp(PtpStamps::EventsV2).promiscuous(true);
    /// # let nic = Device::new(port.claim()?).reset(&config)?;
    /// # let mut nic = nic.wait_for_link(std::time::Duration::from_secs(10))?.start()?;
    /// # let (mut control, mut queues) = nic.split();
    /// # // A Sync message.
    /// # let message = [&[0x01, 0x1b, 0x19, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0x88, 0xf7, 0, 2][..], &[0; 44]].concat();
    /// # port.deliver(&message);
    /// let mut batch = Batch::with_capacity(32);
    /// queues[0].rx.receive_with_metadata(&mut batch);
    /// for packet in batch.iter().filter(|packet| packet.is_time_stamped()) {
    ///     let message = PtpMessage::parse(packet).ok_or("the device stamps messages of PTP alone")?;
    ///     let arrived = control.ptp().ok_or("PTP is off")?.receive_stamp(&message)?;
    ///     assert!(arrived.is_some());
    /// }
    /// # assert!(batch[0].is_time_stamped());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device no longer answers.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/PtpClock.receive_stamp.md")))]
    pub fn receive_stamp(&mut self, message: &PtpMessage) -> Result<Option<Duration>, Error> {
        let (state, _, registers) = self.update()?;
        if !has_receive_stamp(registers) {
            return Ok(None);
        }
        let attributes = registers.rxsatr().read();
        let counts = registers.rxstmp().read();
        state.rx_waits = None;
        if !is_of(attributes, message) {
            state.counters.rx_lost += 1;
            return Ok(None);
        }
        state.counters.rx_stamps += 1;
        Ok(Some(state.last.at(counts, state.frequency)))
    }

    /// Makes ready for the stamp of a packet that is to be sent. Then transmit one packet with a request for a stamp, and
    /// call [`transmit_stamp`](Self::transmit_stamp) until it has one.
    ///
    /// ```
    /// use ixgbe::device::{Config, Device, PtpStamps, TransmitStamp};
    /// use ixgbe::offload::Request;
    /// use ixgbe::packet::Batch;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # port.plug(ixgbe_sim::wire::NoTraffic);
    /// # let config = Config::new().ptp(PtpStamps::EventsV2).promiscuous(true);
    /// # let nic = Device::new(port.claim()?).reset(&config)?;
    /// # let mut nic = nic.wait_for_link(std::time::Duration::from_secs(10))?.start()?;
    /// # let (mut control, mut queues) = nic.split();
    /// # // A Sync message.
    /// # let message = [&[0x01, 0x1b, 0x19, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0x88, 0xf7, 0, 2][..], &[0; 44]].concat();
    /// control.ptp().ok_or("PTP is off")?.request_transmit_stamp()?;
    /// let packet = queues[0].rx.pool().take_copy(&message)?;
    /// let mut batch = Batch::with_capacity(32);
    /// batch.push(Request::new().time_stamp().apply(packet)?).map_err(|_| "the batch is full")?;
    /// queues[0].tx.transmit_with_requests(&mut batch)?;
    /// # port.run_until_idle(100);
    /// match control.ptp().ok_or("PTP is off")?.transmit_stamp()? {
    ///     TransmitStamp::Taken(sent) => println!("sent at {sent:?}"),
    ///     other => return Err(format!("no stamp: {other:?}").into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Ptp`] if another stamp is pending, or [`Error::Removed`].
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/PtpClock.request_transmit_stamp.md")))]
    pub fn request_transmit_stamp(&mut self) -> Result<(), Error> {
        let (state, platform, registers) = self.update()?;
        let now = platform.now();
        if let Request::Pending(since) = state.request {
            if now.saturating_sub(since) < STAMP_LIMIT {
                state.counters.tx_refused += 1;
                return Err(Error::Ptp(PtpError::StampPending));
            }
            state.counters.tx_lost += 1;
        }
        // A stamp that came too late must not be taken for the next.
        _ = registers.txstmp().read();
        state.request = Request::Pending(now);
        Ok(())
    }

    /// Returns the stamp of the sent packet, if it is there. It never waits.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device no longer answers.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/PtpClock.transmit_stamp.md")))]
    pub fn transmit_stamp(&mut self) -> Result<TransmitStamp, Error> {
        let (state, platform, registers) = self.update()?;
        let since = match state.request {
            Request::None => return Ok(TransmitStamp::NotRequested),
            Request::Lost => {
                state.request = Request::None;
                return Ok(TransmitStamp::Lost);
            }
            Request::Pending(since) => since,
        };
        if registers.tsynctxctl().read().field(TSYNCTXCTL::TXTT) {
            let counts = registers.txstmp().read();
            state.request = Request::None;
            state.counters.tx_stamps += 1;
            return Ok(TransmitStamp::Taken(state.last.at(counts, state.frequency)));
        }
        if platform.now().saturating_sub(since) < STAMP_LIMIT {
            return Ok(TransmitStamp::Pending);
        }
        state.request = Request::None;
        state.counters.tx_lost += 1;
        Ok(TransmitStamp::Lost)
    }
}

impl<H: Platform> fmt::Debug for PtpClock<'_, '_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PtpClock").field(&self.control.ptp).finish()
    }
}

/// Returns `true` if RXSATR names the sender and the number of `message`.
///
/// The sequence number is as on the wire, first byte lowest. The datasheet does not give the order of the sender's bytes,
/// so both are taken. It has six of them: those that version 1 has as the sender's identity, at the same place.
fn is_of(attributes: u64, message: &PtpMessage) -> bool {
    let [source @ .., first, second] = attributes.to_le_bytes();
    let [_, _, of_message @ .., _, _] = message.source;
    let mut reversed = source;
    reversed.reverse();
    u16::from_be_bytes([first, second]) == message.sequence_id && [source, reversed].contains(&of_message)
}
