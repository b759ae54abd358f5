//! Statistics (datasheet 4.6.5, 8.2.3.23).
//!
//! Reading clears most of the device's counters, so the driver adds up what it reads. A full counter stops, and then
//! loses counts. At 10 Gbit/s, a packet counter (32 bits) is full after 288 seconds, an octet counter (36 bits) after
//! 55.

use alloc::vec::Vec;

use crate::device::Error;
use crate::field::Value;
use crate::mmio::{Bus, Index};
use crate::queue::ReceiveCounters;
use crate::register::{Driver, ExclusiveAccess};
use crate::registers::permission::Reset;
use crate::registers::{PacketBuffer, RQSMR, Registers, StatisticsCounter, TQSM};

/// Counters since the device was started. A [recovery](crate::device::Device::recover) does not clear them.
///
/// Octets are counted from the destination address to the end of the data, without the CRC, as in a packet. The
/// datasheet does not say whether QBTC counts the padding of a sent frame of fewer than 60 octets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Packets written to a receive ring: the sum over the queues (QPRC), because GPRC also counts missed packets.
    pub rx_packets: u64,
    /// Octets of these packets, without CRC (QBRC).
    pub rx_octets: u64,
    /// Packets that found no room in the packet buffer (RXMPC).
    pub rx_missed: u64,
    /// Packets dropped because their ring had no descriptor, or their queue was disabled (QPRDC).
    pub rx_no_descriptor: u64,
    /// Packets with a bad CRC (CRCERRS).
    pub rx_crc_errors: u64,
    /// Packets with an illegal byte (ILLERRC).
    pub rx_illegal: u64,
    /// Packets with a wrong length field (RLEC).
    pub rx_length_errors: u64,
    /// Good packets of fewer than 64 octets (RUC).
    pub rx_undersize: u64,
    /// Good packets longer than the largest frame (ROC).
    pub rx_oversize: u64,
    /// Bad packets of fewer than 64 octets (RFC).
    pub rx_fragments: u64,
    /// Bad packets longer than the largest frame (RJC).
    pub rx_jabber: u64,
    /// Broadcast packets received (BPRC).
    pub rx_broadcast: u64,
    /// Multicast packets received (MPRC).
    pub rx_multicast: u64,
    /// Packets sent (GPTC).
    pub tx_packets: u64,
    /// Octets sent, without CRC: the sum over the queues (QBTC), because GOTC counts the CRC.
    pub tx_octets: u64,
    /// Broadcast packets sent (BPTC).
    pub tx_broadcast: u64,
    /// Multicast packets sent (MPTC).
    pub tx_multicast: u64,
    /// Recoveries of the device.
    pub recoveries: u64,
    /// Counters per queue: entry n counts receive queue n and transmit queue n.
    ///
    /// The device has 16 sets of counters (8.2.3.23.71). With more transmit queues, entry n also counts queue n + 16
    /// and so on.
    pub queues: Vec<QueueStatistics>,
}

/// Counters of a receive and a transmit queue since the device was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueStatistics {
    /// Packets received (QPRC).
    pub rx_packets: u64,
    /// Octets received, without CRC (QBRC).
    pub rx_octets: u64,
    /// Packets dropped because there was no descriptor, or the queue was disabled (QPRDC).
    pub rx_no_descriptor: u64,
    /// Packets sent (QPTC).
    pub tx_packets: u64,
    /// Octets sent, without CRC (QBTC).
    pub tx_octets: u64,
    /// Packets that the driver dropped.
    pub drops: ReceiveCounters,
    /// Packets that were received, and that nobody had fetched when the device was recovered. Their buffers returned to
    /// the pool.
    pub rx_discarded: u64,
    /// Packets that were posted, and that the device had not reported as sent when it was recovered. It may have sent
    /// some of them. Their buffers returned to their pools.
    pub tx_discarded: u64,
}

impl Statistics {
    /// Returns counters of 0, for `queues` queues of each kind.
    pub(crate) fn new(queues: usize) -> Self {
        let mut statistics = Self::default();
        statistics.queues.resize(queues.min(StatisticsCounter::all().count()), QueueStatistics::default());
        statistics
    }

    /// Returns the number of packets that arrived but were not delivered, for any reason.
    #[must_use]
    pub fn rx_dropped(&self) -> u64 {
        let queues = self.queues.iter();
        let by_driver = queues.flat_map(|QueueStatistics { drops, rx_discarded, .. }| {
            [drops.long, drops.bad_length, drops.damaged, *rx_discarded]
        });
        by_driver.fold(self.rx_missed.saturating_add(self.rx_no_descriptor), u64::saturating_add)
    }

    /// Adds the counts of the device since the last update.
    pub(crate) fn update<H: Bus, P: ExclusiveAccess>(&mut self, registers: Registers<'_, H, P>) {
        macro_rules! add {
            ($($total:ident $counter:ident)*) => {$(
                add_to(&mut self.$total, registers.$counter().read_with_side_effects().get());
            )*};
        }
        add! {
            rx_crc_errors crcerrs
            rx_illegal illerrc
            rx_length_errors rlec
            rx_undersize ruc
            rx_oversize roc
            rx_fragments rfc
            rx_jabber rjc
            rx_broadcast bprc
            rx_multicast mprc
            tx_packets gptc
            tx_broadcast bptc
            tx_multicast mptc
        }
        for buffer in PacketBuffer::all() {
            add_to(&mut self.rx_missed, registers.rxmpc(buffer).read_with_side_effects().get());
        }
        for (counter, queue) in StatisticsCounter::all().zip(&mut self.queues) {
            let packets = registers.qprc(counter).read_with_side_effects().get();
            let octets = registers.qbrc(counter).read_with_side_effects();
            let dropped = registers.qprdc(counter).read_with_side_effects().get();
            add_to(&mut self.rx_packets, packets);
            add_to(&mut self.rx_octets, octets);
            add_to(&mut self.rx_no_descriptor, dropped);
            add_to(&mut queue.rx_packets, packets);
            add_to(&mut queue.rx_octets, octets);
            add_to(&mut queue.rx_no_descriptor, dropped);
            add_to(&mut queue.tx_packets, registers.qptc(counter).read_with_side_effects().get());
            let octets = registers.qbtc(counter).read_with_side_effects();
            add_to(&mut self.tx_octets, octets);
            add_to(&mut queue.tx_octets, octets);
        }
    }
}

/// Adds to a total. A removed device reads as all ones; the caller discards the resulting sums.
fn add_to(total: &mut u64, amount: impl Into<u64>) {
    *total = total.saturating_add(amount.into());
}

/// Assigns a set of counters to each queue, shared beyond 16 queues, and clears the counters that are read (4.6.5).
pub(crate) fn initialise<H: Bus>(registers: Registers<'_, H, Driver<Reset>>, queues: usize) -> Result<(), Error> {
    let counters = StatisticsCounter::all().count();
    let counter = |queue: usize| if queue < queues { (queue % counters) as u64 } else { 0 };
    for index in Index::all() {
        let [a, b, c, d] = core::array::from_fn(|n| counter(4 * index.get() + n));
        let map = Value::EMPTY.try_with(RQSMR::Q_MAP_0, a)?.try_with(RQSMR::Q_MAP_1, b)?;
        registers.rqsmr(index).write(map.try_with(RQSMR::Q_MAP_2, c)?.try_with(RQSMR::Q_MAP_3, d)?);
        let map = Value::EMPTY.try_with(TQSM::Q_MAP_0, a)?.try_with(TQSM::Q_MAP_1, b)?;
        registers.tqsm(index).write(map.try_with(TQSM::Q_MAP_2, c)?.try_with(TQSM::Q_MAP_3, d)?);
    }
    Statistics::new(counters).update(registers);
    Ok(())
}
