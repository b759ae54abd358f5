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
        let statistics = match nic.statistics() {
            Ok(statistics) => statistics,
            Err(error) => return table.differs(MAC, error.to_string()),
        };
        let wire = octets + CRC * frames;
        let sizes = [RECEIVED_SIZES, SENT_SIZES].into_iter().flat_map(|names| names.into_iter().zip(self.sizes));
        let expected: Vec<(&str, u64)> = sizes
            .chain(["TPT", "TPR", "GPRC", "GPTC", "RXNFGPC", "RXDGPC", "TXDGPC"].map(|name| (name, frames)))
            .chain(["GORCL/GORCH", "GOTCL/GOTCH", "TORL/TORH", "RXNFGBCL/RXNFGBCH"].map(|name| (name, wire)))
            .chain(["RXDGBCL/RXDGBCH", "TXDGBCL/TXDGBCH"].map(|name| (name, octets)))
            .chain(["XEC", "BPRC", "MPRC", "BPTC", "MPTC"].map(|name| (name, 0)))
            .collect();
        for (name, right) in &expected {
            let count = of_port(&statistics).find(|(register, _)| register == name).map_or(0, |(_, count)| count);
            compare((*name).to_owned(), count, *right);
        }
        table.judge(MAC, differences, format!("{} counters, {frames} frames, {octets} octets", expected.len()));
        self.check_queues(&statistics, table);
        let known: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
        check_errors(&statistics, &known, nic.platform(), table);
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
/// What the port has as a sum over its queues, which are checked one by one.
const OF_QUEUES: [&str; 5] = ["QPRC", "QBRC_L/QBRC_H", "QPRDC", "QPTC", "QBTC_L/QBTC_H"];

/// Returns the counters of the port, by register.
fn of_port(statistics: &Statistics) -> impl Iterator<Item = (&'static str, u64)> {
    let counters = statistics.iter().filter(|counter| counter.index.is_none());
    let counters = counters.filter_map(|counter| Some((counter.register?, counter.value)));
    counters.filter(|(register, _)| !OF_THE_LINK.contains(register) && !OF_QUEUES.contains(register))
}

/// Checks that no counter but the `known` ones counted anything.
fn check_errors(statistics: &Statistics, known: &[&str], platform: &impl Bus<RegisterSpace>, table: &mut Table) {
    let errors = of_port(statistics).filter(|(register, _)| !known.contains(register));
    // All counters of the statistics were cleared by that.
    let others = REGISTERS.iter().filter(|info| info.access == AccessKind::Rc && info.window.is_none());
    let others = others.filter(|info| !OF_THE_LINK.contains(&info.name)).flat_map(|info| {
        info.offsets().filter_map(Offset::new).map(move |at| (info.name, u64::from(platform.read(at))))
    });
    let all: Vec<_> = errors.chain(others).collect();
    let wrong = all.iter().filter(|(_, count)| *count > 0);
    let differences = wrong.map(|(name, count)| format!("{name} is {count}, and should be 0")).collect();
    table.judge(ERRORS, differences, format!("{} counters are 0", all.len()));
}
