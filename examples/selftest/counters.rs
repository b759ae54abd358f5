//! The counters that test frames must leave, to the byte.

use ixgbe::device::Statistics;
use ixgbe::info::AccessKind;
use ixgbe::mmio::Offset;
use ixgbe::registers::{REGISTERS, RegisterSpace};
use ixgbe::runtime::bus::Bus;

use super::table::{Check, Table};
use super::traffic::{Nic, Planned};

const MAC: Check = Check { name: "counters of the MAC", register: "GPTC to TORH", section: "8.2.3.23" };
const QUEUES: Check = Check { name: "counters of the queues", register: "QPRC to QBTC", section: "8.2.3.23" };
const ERRORS: Check = Check { name: "all other counters", register: "CRCERRS and others", section: "8.2.3.23" };

/// The octets of a CRC.
const CRC: u64 = 4;
/// The largest frame with CRC that each counter of sizes counts; the last counts all others.
const SIZES: [u64; 6] = [64, 127, 255, 511, 1023, u64::MAX];
const RECEIVED_SIZES: [&str; 6] = ["PRC64", "PRC127", "PRC255", "PRC511", "PRC1023", "PRC1522"];
const SENT_SIZES: [&str; 6] = ["PTC64", "PTC127", "PTC255", "PTC511", "PTC1023", "PTC1522"];

/// Frames and octets, without CRC.
type Count = [u64; 2];

/// What was sent, and so received: unicast frames, none of them short.
#[derive(Debug, Default)]
pub struct Expected {
    total: Count,
    tx: [Count; 16],
    rx: [Count; 16],
    sizes: [u64; 6],
}

impl Expected {
    pub fn count(&mut self, planned: Planned) {
        let len = planned.len as u64;
        for [frames, octets] in [&mut self.total, &mut self.tx[planned.tx % 16], &mut self.rx[planned.rx % 16]] {
            *frames += 1;
            *octets += len;
        }
        let size = SIZES.iter().position(|largest| len + CRC <= *largest).unwrap_or(5);
        self.sizes[size] += 1;
    }

    /// Compares the counters of the device, which was started before the first frame, with what was sent.
    pub fn check(&self, nic: &mut Nic, table: &mut Table) {
        let [frames, octets] = self.total;
        let mut differences = Vec::new();
        let mut compare = |name: String, value: u64, right: u64| {
            if value != right {
                differences.push(format!("{name} is {value}, and should be {right}"));
            }
        };
        let mut compared = 0;
        for (sizes, names) in [(self.sizes, RECEIVED_SIZES), (self.sizes, SENT_SIZES)] {
            for (right, name) in sizes.into_iter().zip(names) {
                compare(name.to_owned(), read(nic.platform(), &[name]), right);
                compared += 1;
            }
        }
        let wire = octets + CRC * frames;
        let registers: [(&[&str], u64); 13] = [
            (&["TPT"], frames),
            (&["TPR"], frames),
            (&["GPRC"], frames),
            (&["RXNFGPC"], frames),
            (&["RXDGPC"], frames),
            (&["TXDGPC"], frames),
            (&["GORCL", "GORCH"], wire),
            (&["GOTCL", "GOTCH"], wire),
            (&["TORL", "TORH"], wire),
            (&["RXNFGBCL", "RXNFGBCH"], wire),
            (&["RXDGBCL", "RXDGBCH"], octets),
            (&["TXDGBCL", "TXDGBCH"], octets),
            (&["XEC"], 0),
        ];
        for (names, right) in registers {
            compare(names.join("/"), read(nic.platform(), names), right);
            compared += 1;
        }
        // Reading these clears them, so they come last.
        let statistics = match nic.statistics() {
            Ok(statistics) => statistics,
            Err(error) => return table.differs(MAC, error.to_string()),
        };
        compare("GPTC".to_owned(), statistics.tx_packets, frames);
        for (name, value) in [
            ("BPRC", statistics.rx_broadcast),
            ("MPRC", statistics.rx_multicast),
            ("BPTC", statistics.tx_broadcast),
            ("MPTC", statistics.tx_multicast),
        ] {
            compare(name.to_owned(), value, 0);
        }
        table.judge(MAC, differences, format!("{} counters, {frames} frames, {octets} octets", compared + 5));
        self.check_queues(&statistics, table);
        check_errors(&statistics, nic.platform(), table);
    }

    fn check_queues(&self, statistics: &Statistics, table: &mut Table) {
        let mut differences = Vec::new();
        for (n, queue) in statistics.queues.iter().enumerate() {
            let ([rx, rx_octets], [tx, tx_octets]) = (self.rx[n % 16], self.tx[n % 16]);
            let driver = queue.drops.long + queue.drops.bad_length + queue.drops.damaged;
            for (name, value, right) in [
                ("QPRC", queue.rx_packets, rx),
                ("QBRC", queue.rx_octets, rx_octets),
                ("QPRDC", queue.rx_no_descriptor, 0),
                ("QPTC", queue.tx_packets, tx),
                ("QBTC", queue.tx_octets, tx_octets),
                ("frames that the driver dropped", driver, 0),
            ] {
                if value != right {
                    differences.push(format!("{name}[{n}] is {value}, and should be {right}"));
                }
            }
        }
        table.judge(QUEUES, differences, format!("5 counters of {} queues", statistics.queues.len()));
    }
}

/// Counters of faults on the link: in loopback there may be no signal.
const OF_THE_LINK: [&str; 2] = ["MLFC", "MRFC"];

/// Checks that no other counter counted anything.
fn check_errors(statistics: &Statistics, platform: &impl Bus<RegisterSpace>, table: &mut Table) {
    let errors = [
        ("RXMPC", statistics.rx_missed),
        ("CRCERRS", statistics.rx_crc_errors),
        ("ILLERRC", statistics.rx_illegal),
        ("RLEC", statistics.rx_length_errors),
        ("RUC", statistics.rx_undersize),
        ("ROC", statistics.rx_oversize),
        ("RFC", statistics.rx_fragments),
        ("RJC", statistics.rx_jabber),
    ];
    // All counters that were read so far were cleared by that.
    let others = REGISTERS.iter().filter(|info| info.access == AccessKind::Rc && info.window.is_none());
    let others = others.filter(|info| !OF_THE_LINK.contains(&info.name)).flat_map(|info| {
        info.offsets().filter_map(Offset::new).map(move |at| (info.name, u64::from(platform.read(at))))
    });
    let all: Vec<_> = errors.into_iter().chain(others).collect();
    let wrong = all.iter().filter(|(_, count)| *count > 0);
    let differences = wrong.map(|(name, count)| format!("{name} is {count}, and should be 0")).collect();
    table.judge(ERRORS, differences, format!("{} counters are 0", all.len()));
}

/// Reads a counter, low word first.
fn read(platform: &impl Bus<RegisterSpace>, names: &[&str]) -> u64 {
    let offset = |name: &&str| REGISTERS.iter().find(|info| info.name == *name).and_then(|info| info.offsets().next());
    let words = names.iter().map(|name| offset(name).and_then(Offset::new).map_or(0, |at| platform.read(at)));
    words.enumerate().fold(0, |value, (n, word)| value | u64::from(word) << (32 * n))
}
