//! Statistics (datasheet 4.6.5, 8.2.3.23): one table of all counters of the device.
//!
//! Reading clears most of the device's counters, so the driver adds up what it reads. A full counter stops. It reads
//! as a removed device does, so that all of its counts are lost. At 10 Gbit/s, a packet counter (32 bits) is full after
//! 288 seconds, an octet counter (36 bits) after 55.

use alloc::vec::Vec;
use core::fmt;

use crate::device::Error;
use crate::field::Value;
use crate::mmio::{Bus, Index};
use crate::queue::ReceiveCounters;
use crate::register::{Driver, ExclusiveAccess};
use crate::registers::permission::Reset;
use crate::registers::{
    BPRC, BPTC, CRCERRS, ERRBC, FCCRC, FCLAST, FCOEDWRC, FCOEDWTC, FCOEPRC, FCOEPTC, FCOERPDC, FECS1, FECS2, GPRC,
    GPTC, ILLERRC, LXOFFRXCNT, LXOFFTXC, LXONRXCNT, LXONTXC, MLFC, MNGPDC, MNGPRC, MNGPTC, MPRC, MPTC, MRFC, MSPDC,
    PRC64, PRC127, PRC255, PRC511, PRC1023, PRC1522, PTC64, PTC127, PTC255, PTC511, PTC1023, PTC1522, PXOFFRXCNT,
    PXOFFTXCNT, PXON2OFFCNT, PXONRXCNT, PXONTXC, QPRC, QPRDC, QPTC, RFC, RJC, RLEC, ROC, RQSMR, RUC, RXDDPC, RXDGPC,
    RXDLPBKPC, RXDSTATCTRL, RXLPBKPC, RXMPC, RXNFGPC, Registers, SSVPC, StatisticsCounter, TPR, TPT, TQSM, TXDGPC, XEC,
};
use crate::value;

/// Makes [`Statistics`] from its table: the fields, how each is read, and what [`Statistics::iter`] returns.
///
/// A row is `field: kind(source), "name in ethtool";`. The kinds are:
///
/// - `one`: a counter of 32 bits or less, by accessor, register and field;
/// - `octets`: a counter of 36 bits, by the accessor of the pair and the names of its halves;
/// - `sum`: the sum of a counter that each packet buffer has;
/// - `each`: a counter that each priority has, as an array;
/// - `queues`: the sum over the queues' counters, which [`QueueStatistics`] reads;
/// - `running`: a counter that reading does not clear.
macro_rules! statistics {
    ($($(#[$doc:meta])+ $name:ident: $kind:ident($($source:tt)+) $(, $ethtool:literal)?;)+) => {
        /// Counters since the device was started. A [recovery](crate::device::Device::recover) does not clear them.
        ///
        /// Octets are counted from the destination address to the end of the data, without the CRC, as in a packet. Only
        /// the counters whose names end in `_with_crc` count the four octets of the CRC, too. The datasheet does not say
        /// whether QBTC counts the padding of a sent frame of fewer than 60 octets.
        ///
        /// [`iter`](Self::iter) returns all counters with their names.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Statistics {
            $(
                $(#[$doc])+
                $(#[doc = concat!("\n\nIn `ethtool -S`: `", $ethtool, "`.")])?
                pub $name: total!($kind),
            )+
            /// Recoveries of the device.
            pub recoveries: u64,
            /// Counters per queue: entry n counts receive queue n and transmit queue n.
            ///
            /// The device has 16 sets of counters (8.2.3.23.71). With more transmit queues, entry n also counts queue
            /// n + 16 and so on.
            pub queues: Vec<QueueStatistics>,
            /// MNGPTC as it was read last.
            last_mngptc: u64,
        }

        impl Statistics {
            /// Adds the counts since the last update of all counters but the queues'.
            fn update_port<H: Bus, P: ExclusiveAccess>(&mut self, registers: Registers<'_, H, P>) {
                $(add!($kind(self, registers, $name, $($source)+));)+
            }

            /// Returns the rows of the table.
            fn rows(&self) -> impl Iterator<Item = Row<'_>> {
                [$(Row {
                    name: stringify!($name),
                    register: register!($kind($($source)+)),
                    ethtool: [$($ethtool)?].first().copied(),
                    values: values!($kind(self.$name)),
                },)+]
                .into_iter()
            }
        }
    };
}

/// The type of a total.
macro_rules! total {
    (each) => {
        [u64; 8]
    };
    ($kind:ident) => {
        u64
    };
}

/// Returns the totals of a row as a slice.
macro_rules! values {
    (each($($total:tt)+)) => { &$($total)+ };
    ($kind:ident($($total:tt)+)) => { core::slice::from_ref(&$($total)+) };
}

/// Returns the datasheet's name of the register of a row.
macro_rules! register {
    (octets($accessor:ident $low:literal $high:literal)) => {
        concat!($low, "/", $high)
    };
    (queues($name:literal)) => {
        $name
    };
    ($kind:ident($accessor:ident $register:ident :: $field:ident)) => {
        stringify!($register)
    };
}

/// Reads the counter of a row, and adds it.
macro_rules! add {
    (one($self:ident, $registers:ident, $name:ident, $accessor:ident $register:ident :: $field:ident)) => {
        add_to(&mut $self.$name, $registers.$accessor().read_with_side_effects().field($register::$field))
    };
    (octets($self:ident, $registers:ident, $name:ident, $accessor:ident $low:literal $high:literal)) => {
        add_to(&mut $self.$name, $registers.$accessor().read_with_side_effects())
    };
    (sum($self:ident, $registers:ident, $name:ident, $accessor:ident $register:ident :: $field:ident)) => {
        for index in Index::all() {
            let count = $registers.$accessor(index).read_with_side_effects().field($register::$field);
            add_to(&mut $self.$name, count);
        }
    };
    (each($self:ident, $registers:ident, $name:ident, $accessor:ident $register:ident :: $field:ident)) => {
        for (index, total) in Index::all().zip(&mut $self.$name) {
            add_to(total, $registers.$accessor(index).read_with_side_effects().field($register::$field));
        }
    };
    (running($self:ident, $registers:ident, $name:ident, $accessor:ident $register:ident :: $field:ident)) => {
        let count = $registers.$accessor().read().field($register::$field);
        // If it is less than it was, something has cleared it.
        let new = count.checked_sub($self.last_mngptc).unwrap_or(count);
        add_to(&mut $self.$name, new);
        $self.last_mngptc = count;
    };
    (queues($($row:tt)+)) => {};
}

statistics! {
    /// Packets written to a receive ring: the sum over the queues (QPRC), because GPRC also counts missed packets.
    rx_packets: queues("QPRC");
    /// Octets of these packets, without CRC (QBRC).
    rx_octets: queues("QBRC_L/QBRC_H");
    /// Packets that found no room in the packet buffer: the sum over the buffers (RXMPC).
    rx_missed: sum(rxmpc RXMPC::RXMPC), "rx_missed_errors";
    /// Packets dropped because their ring had no descriptor, or their queue was disabled (QPRDC).
    rx_no_descriptor: queues("QPRDC"), "rx_no_dma_resources";
    /// Packets of 64 octets or more with a bad CRC (CRCERRS).
    rx_crc_errors: one(crcerrs CRCERRS::CEC), "rx_crc_errors";
    /// Packets with an illegal byte (ILLERRC).
    rx_illegal: one(illerrc ILLERRC::IBEC);
    /// Packets with an error byte (ERRBC).
    rx_error_bytes: one(errbc ERRBC::EBC);
    /// Packets with a wrong length field (RLEC).
    rx_length_errors: one(rlec RLEC::RLEC), "rx_length_errors";
    /// Good packets of fewer than 64 octets (RUC).
    rx_undersize: one(ruc RUC::RUC), "rx_short_length_errors";
    /// Good packets longer than the largest frame (ROC).
    rx_oversize: one(roc ROC::ROC), "rx_long_length_errors";
    /// Bad packets of 12 to 63 octets (RFC).
    rx_fragments: one(rfc RFC::RFC);
    /// Bad packets longer than the largest frame (RJC).
    rx_jabber: one(rjc RJC::RJC);
    /// Short packets that the MAC discarded (MSPDC).
    rx_short_discarded: one(mspdc MSPDC::MSPDC);
    /// Packets with a wrong checksum of IPv4, TCP, UDP or SCTP (XEC). UDP packets without a checksum may count, too
    /// (erratum 44).
    rx_checksum_errors: one(xec XEC::XEC);
    /// Broadcast packets received (BPRC), with those that were missed.
    rx_broadcast: one(bprc BPRC::BPRC), "broadcast";
    /// Multicast packets received (MPRC), with those that were missed, without broadcasts.
    rx_multicast: one(mprc MPRC::MPRC), "multicast";
    /// Good packets that passed the filters of addresses (GPRC), with those that were missed.
    rx_good_packets: one(gprc GPRC::GPRC), "rx_pkts_nic";
    /// Octets of these packets (GORC).
    rx_good_octets_with_crc: octets(gorc "GORCL" "GORCH"), "rx_bytes_nic";
    /// Good packets, whether or not they passed the filters (RXNFGPC).
    rx_unfiltered_packets: one(rxnfgpc RXNFGPC::GPC);
    /// Octets of these packets (RXNFGBC).
    rx_unfiltered_octets_with_crc: octets(rxnfgbc "RXNFGBCL" "RXNFGBCH");
    /// Packets that arrived, good and bad, without flow control (TPR).
    rx_all_packets: one(tpr TPR::TPR);
    /// Octets of these packets (TOR).
    rx_all_octets_with_crc: octets(tor "TORL" "TORH");
    /// Good packets of 64 octets with CRC (PRC64), with those that were missed, as for the larger ones.
    rx_size_64: one(prc64 PRC64::PRC64);
    /// Good packets of 65 to 127 octets with CRC (PRC127).
    rx_size_65_to_127: one(prc127 PRC127::PRC127);
    /// Good packets of 128 to 255 octets with CRC (PRC255).
    rx_size_128_to_255: one(prc255 PRC255::PRC255);
    /// Good packets of 256 to 511 octets with CRC (PRC511).
    rx_size_256_to_511: one(prc511 PRC511::PRC511);
    /// Good packets of 512 to 1023 octets with CRC (PRC1023).
    rx_size_512_to_1023: one(prc1023 PRC1023::PRC1023);
    /// Good packets of 1024 octets with CRC and more (PRC1522).
    rx_size_1024_and_more: one(prc1522 PRC1522::PRC1522);
    /// Packets written to memory, of all queues (RXDGPC).
    rx_dma_packets: one(rxdgpc RXDGPC::GPC);
    /// Octets of these packets, without CRC (RXDGBC).
    rx_dma_octets: octets(rxdgbc "RXDGBCL" "RXDGBCH");
    /// Packets that were written once more, for another pool (RXDDPC). The driver uses one pool.
    rx_duplicated_packets: one(rxddpc RXDDPC::GPC);
    /// Octets of these packets, without CRC (RXDDBC).
    rx_duplicated_octets: octets(rxddbc "RXDDBCL" "RXDDBCH");
    /// Packets from another pool of the port (RXLPBKPC).
    rx_local_packets: one(rxlpbkpc RXLPBKPC::GPC);
    /// Octets of these packets, without CRC (RXLPBKBC).
    rx_local_octets: octets(rxlpbkbc "RXLPBKBCL" "RXLPBKBCH");
    /// Packets from another pool of the port that were written once more (RXDLPBKPC).
    rx_duplicated_local_packets: one(rxdlpbkpc RXDLPBKPC::GPC);
    /// Octets of these packets, without CRC (RXDLPBKBC).
    rx_duplicated_local_octets: octets(rxdlpbkbc "RXDLPBKBCL" "RXDLPBKBCH");
    /// Packets received for the firmware (MNGPRC).
    rx_management: one(mngprc MNGPRC::MNGPRC);
    /// Packets for the firmware that were dropped (MNGPDC).
    rx_management_dropped: one(mngpdc MNGPDC::MPDC);
    /// Packets sent: the sum over the queues (QPTC), because GPTC also counts pause frames.
    tx_packets: queues("QPTC");
    /// Octets sent, without CRC: the sum over the queues (QBTC), because GOTC counts the CRC.
    tx_octets: queues("QBTC_L/QBTC_H");
    /// Broadcast packets sent (BPTC).
    tx_broadcast: one(bptc BPTC::BPTC);
    /// Multicast packets sent (MPTC), with pause frames.
    tx_multicast: one(mptc MPTC::MPTC);
    /// Good packets sent, of 64 octets or more (GPTC), with pause frames.
    tx_good_packets: one(gptc GPTC::GPTC), "tx_pkts_nic";
    /// Octets of these packets (GOTC).
    tx_good_octets_with_crc: octets(gotc "GOTCL" "GOTCH"), "tx_bytes_nic";
    /// Packets sent, with pause frames and what the firmware sends (TPT).
    tx_all_packets: one(tpt TPT::TPT);
    /// Packets sent of 64 octets with CRC (PTC64), with pause frames.
    tx_size_64: one(ptc64 PTC64::PTC64);
    /// Packets sent of 65 to 127 octets with CRC (PTC127).
    tx_size_65_to_127: one(ptc127 PTC127::PTC127);
    /// Packets sent of 128 to 255 octets with CRC (PTC255).
    tx_size_128_to_255: one(ptc255 PTC255::PTC255);
    /// Packets sent of 256 to 511 octets with CRC (PTC511).
    tx_size_256_to_511: one(ptc511 PTC511::PTC511);
    /// Packets sent of 512 to 1023 octets with CRC (PTC1023).
    tx_size_512_to_1023: one(ptc1023 PTC1023::PTC1023);
    /// Packets sent of 1024 octets with CRC and more (PTC1522).
    tx_size_1024_and_more: one(ptc1522 PTC1522::PTC1522);
    /// Packets read from memory (TXDGPC).
    tx_dma_packets: one(txdgpc TXDGPC::GPTC);
    /// Octets of these packets, without CRC (TXDGBC).
    tx_dma_octets: octets(txdgbc "TXDGBCL" "TXDGBCH");
    /// Packets dropped because a pool sent them with an address or VLAN of another (SSVPC).
    tx_spoofed: one(ssvpc SSVPC::SSVPC);
    /// Packets sent by the firmware (MNGPTC). The datasheet calls the counter read-only: reading does not clear it.
    tx_management: running(mngptc MNGPTC::MNGPTC);
    /// Pause frames received that end a pause (LXONRXCNT).
    rx_xon: one(lxonrxcnt LXONRXCNT::XONRXC), "rx_flow_control_xon";
    /// Pause frames received that begin a pause (LXOFFRXCNT).
    rx_xoff: one(lxoffrxcnt LXOFFRXCNT::XOFFRXC), "rx_flow_control_xoff";
    /// Pause frames sent that end a pause (LXONTXC).
    tx_xon: one(lxontxc LXONTXC::LXONTXC), "tx_flow_control_xon";
    /// Pause frames sent that begin a pause (LXOFFTXC).
    tx_xoff: one(lxofftxc LXOFFTXC::LXOFFTXC), "tx_flow_control_xoff";
    /// Priority pause frames received that end a pause, by priority (PXONRXCNT).
    rx_priority_xon: each(pxonrxcnt PXONRXCNT::XONRXC), "rx_pb_N_pxon";
    /// Priority pause frames received that begin a pause, by priority (PXOFFRXCNT).
    rx_priority_xoff: each(pxoffrxcnt PXOFFRXCNT::XOFFRXC), "rx_pb_N_pxoff";
    /// Priority pause frames sent that end a pause, by priority (PXONTXC).
    tx_priority_xon: each(pxontxc PXONTXC::PXONTXC), "tx_pb_N_pxon";
    /// Priority pause frames sent that begin a pause, by priority (PXOFFTXCNT).
    tx_priority_xoff: each(pxofftxcnt PXOFFTXCNT::PXOFFTXCNT), "tx_pb_N_pxoff";
    /// Changes from sending to pause, by priority (PXON2OFFCNT).
    rx_priority_xon_to_xoff: each(pxon2offcnt PXON2OFFCNT::PXON2OFFCNT);
    /// Local faults of the link at 10 Gbit/s (MLFC).
    local_faults: one(mlfc MLFC::MLFC);
    /// Remote faults of the link at 10 Gbit/s (MRFC).
    remote_faults: one(mrfc MRFC::MRFC);
    /// Blocks of 10GBASE-KR that forward error correction corrected (FECS1).
    fec_corrected: one(fecs1 FECS1::FEC_CR_OUT);
    /// Blocks of 10GBASE-KR that forward error correction could not correct (FECS2).
    fec_uncorrected: one(fecs2 FECS2::FEC_UNCR_OUT);
    /// FCoE packets with a bad CRC of Fibre Channel (FCCRC). The driver does not use the device's FCoE functions.
    rx_fcoe_crc_errors: one(fccrc FCCRC::CRC_CNT), "fcoe_bad_fccrc";
    /// FCoE packets dropped (FCOERPDC).
    rx_fcoe_dropped: one(fcoerpdc FCOERPDC::RPDC), "rx_fcoe_dropped";
    /// Errors at the last FCoE packet of a sequence (FCLAST).
    rx_fcoe_last_errors: one(fclast FCLAST::LAST_CNT);
    /// FCoE packets received (FCOEPRC).
    rx_fcoe_packets: one(fcoeprc FCOEPRC::PRC), "rx_fcoe_packets";
    /// Words of 32 bits in FCoE packets received (FCOEDWRC).
    rx_fcoe_dwords: one(fcoedwrc FCOEDWRC::DWRC), "rx_fcoe_dwords";
    /// FCoE packets sent (FCOEPTC).
    tx_fcoe_packets: one(fcoeptc FCOEPTC::PTC), "tx_fcoe_packets";
    /// Words of 32 bits in FCoE packets sent (FCOEDWTC).
    tx_fcoe_dwords: one(fcoedwtc FCOEDWTC::DWTC), "tx_fcoe_dwords";
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

/// A row of the table.
struct Row<'a> {
    name: &'static str,
    register: &'static str,
    ethtool: Option<&'static str>,
    values: &'a [u64],
}

/// A counter of [`Statistics`], with its names.
///
/// [`Display`](fmt::Display) gives the name, with the index if it has one, and the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counter {
    /// The name of the field in [`Statistics`] or [`QueueStatistics`].
    pub name: &'static str,
    /// The queue or the priority, if the counter counts only for one.
    pub index: Option<usize>,
    /// The datasheet's name of the register, or of both halves; `None` for what the driver counts.
    pub register: Option<&'static str>,
    /// The name in `ethtool -S` under Linux, if the driver there shows it; `N` stands for the index.
    pub ethtool: Option<&'static str>,
    /// The count.
    pub value: u64,
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}[{index}]: {}", self.name, self.value),
            None => write!(f, "{}: {}", self.name, self.value),
        }
    }
}

impl QueueStatistics {
    /// Returns the counters with their names, with `queue` as index.
    fn iter(&self, queue: usize) -> impl Iterator<Item = Counter> {
        let ReceiveCounters { long, bad_length, damaged, no_buffer } = self.drops;
        [
            ("rx_packets", Some("QPRC"), self.rx_packets),
            ("rx_octets", Some("QBRC_L/QBRC_H"), self.rx_octets),
            ("rx_no_descriptor", Some("QPRDC"), self.rx_no_descriptor),
            ("tx_packets", Some("QPTC"), self.tx_packets),
            ("tx_octets", Some("QBTC_L/QBTC_H"), self.tx_octets),
            ("drops.long", None, long),
            ("drops.bad_length", None, bad_length),
            ("drops.damaged", None, damaged),
            ("drops.no_buffer", None, no_buffer),
            ("rx_discarded", None, self.rx_discarded),
            ("tx_discarded", None, self.tx_discarded),
        ]
        .into_iter()
        .map(move |(name, register, value)| Counter {
            name,
            index: Some(queue),
            register,
            ethtool: None,
            value,
        })
    }
}

impl Statistics {
    /// Returns counters of 0, for `queues` queues of each kind.
    pub(crate) fn new(queues: usize) -> Self {
        let mut statistics = Self::default();
        statistics.queues.resize(queues.min(StatisticsCounter::all().count()), QueueStatistics::default());
        statistics
    }

    /// Returns all counters with their names: first the port's, then each queue's.
    ///
    /// ```
    /// # use ixgbe::device::{Config, Device};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # let mut nic = Device::new(port.claim()?).reset(&Config::new())?.assume_link_up().start()?;
    /// let statistics = nic.statistics()?;
    /// for counter in statistics.iter().filter(|counter| counter.value != 0) {
    ///     println!("{counter}");   // such as `rx_missed: 3` or `rx_packets[0]: 17`
    /// }
    /// # assert_eq!(statistics.iter().next().map(|first| first.to_string()).as_deref(), Some("rx_packets: 0"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = Counter> {
        let port = self.rows().flat_map(|Row { name, register, ethtool, values }| {
            let indexed = values.len() > 1;
            values.iter().enumerate().map(move |(index, value)| {
                let index = indexed.then_some(index);
                Counter { name, index, register: Some(register), ethtool, value: *value }
            })
        });
        let value = self.recoveries;
        let own = [Counter { name: "recoveries", index: None, register: None, ethtool: None, value }];
        let queues = self.queues.iter().enumerate().flat_map(|(queue, counters)| counters.iter(queue));
        port.chain(own).chain(queues)
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
        self.update_port(registers);
        for (counter, queue) in StatisticsCounter::all().zip(&mut self.queues) {
            let received = registers.qprc(counter).read_with_side_effects().field(QPRC::PRC);
            let rx_octets = registers.qbrc(counter).read_with_side_effects();
            let dropped = registers.qprdc(counter).read_with_side_effects().field(QPRDC::PRDC);
            let sent = registers.qptc(counter).read_with_side_effects().field(QPTC::PTC);
            let tx_octets = registers.qbtc(counter).read_with_side_effects();
            for (of_port, of_queue, count) in [
                (&mut self.rx_packets, &mut queue.rx_packets, received),
                (&mut self.rx_octets, &mut queue.rx_octets, rx_octets),
                (&mut self.rx_no_descriptor, &mut queue.rx_no_descriptor, dropped),
                (&mut self.tx_packets, &mut queue.tx_packets, sent),
                (&mut self.tx_octets, &mut queue.tx_octets, tx_octets),
            ] {
                add_to(of_port, count);
                add_to(of_queue, count);
            }
        }
    }

    /// Begins to count on a device that was just started, with the counter that reading does not clear.
    pub(crate) fn begin<H: Bus, P>(&mut self, registers: Registers<'_, H, P>) {
        self.last_mngptc = registers.mngptc().read().field(MNGPTC::MNGPTC);
    }
}

/// Adds to a total. A removed device reads as all ones; the caller discards the resulting sums.
fn add_to(total: &mut u64, amount: impl Into<u64>) {
    *total = total.saturating_add(amount.into());
}

/// Assigns a set of counters to each queue, shared beyond 16 queues, and clears all counters (4.6.5).
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
    // RXDGPC and its like count all queues, not only the first set's.
    registers.rxdstatctrl().write(value!(RXDSTATCTRL { QSEL: 16 }));
    Statistics::new(counters).update(registers);
    Ok(())
}
