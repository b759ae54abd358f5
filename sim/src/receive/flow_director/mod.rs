//! Flow Director: filters that send a flow to a queue of its own, or drop it (datasheet 7.1.2.7 and 8.2.3.21).

mod command;
mod flow;
mod table;

use crate::chip::clock::{Event, MICROSECOND, Time};
use crate::chip::common::Common;
use crate::frame::headers::{Headers, packet_type::*};
use crate::frame::vlan::Types;
use crate::interrupts::Interrupts;
pub(crate) use crate::receive::flow_director::command::{FDIRCMD, FDIRCMD_INT};
use crate::receive::flow_director::command::{FDIRCMD_DROP, FDIRCMD_IPV6DMATCH, FDIRCMD_QUEUE_EN};
use crate::receive::flow_director::flow::{FDIRDIP4M, FDIRIP6M, FDIRM, FDIRSIP4M, FDIRTCPM, FDIRUDPM, Flow};
use crate::receive::flow_director::table::{Filter, Table};
use crate::registers::RegisterFile;
use crate::registers::offsets::{RXCSUM, RXCSUM_PCSD, bit};
use crate::violation::Rule;

const FDIRCTRL: u32 = 0x0EE00;
const FDIRCTRL_PBALLOC: u32 = 3;
const FDIRCTRL_INIT_DONE: u32 = bit(3);
const FDIRCTRL_PERFECT: u32 = bit(4);
const FDIRCTRL_REPORT: u32 = bit(5);
const FDIRCTRL_REPORT_ALWAYS: u32 = bit(7);
const FDIRHKEY: u32 = 0x0EE68;
const FDIRSKEY: u32 = 0x0EE6C;
const FDIRFREE: u32 = 0x0EE38;
const FDIRMATCH: u32 = 0x0EE58;
const FDIRMISS: u32 = 0x0EE5C;

/// Time the device takes to initialise the table.
const INITIALISE: Time = 50 * MICROSECOND;

/// Bits of a write-back's second word that are reported whatever FDIRCTRL.Report-Status says (8.2.3.21.1).
const FLM: u64 = bit(2) as u64;
const ERROR_LENGTH: u64 = bit(20) as u64;
const ERROR_DROP: u64 = bit(21) as u64;
const ERROR_COLLISION: u64 = bit(22) as u64;

/// Bit 15 of what is reported of a signature filter. It is set in all that an 82599 reported to the test plans of DPDK.
const SIGNATURE_VALID: u32 = bit(15);

/// The filters, and the state of their table.
#[derive(Default)]
pub(crate) struct FlowDirector {
    /// `true` once the table is initialised.
    ready: bool,
    /// `true` if the table was initialised since the reset, and not cleared after that.
    initialised_before: bool,
    table: Table,
}

/// The result of the filters for a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lookup {
    pub(crate) matched: Option<Matched>,
    /// What the descriptor holds in place of the RSS hash, if it is reported.
    pub(crate) report: Option<u32>,
}

/// The filter that matches a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matched {
    /// Signature or SW-Index.
    pub(crate) id: u16,
    /// The queue of the filter's packets, if the filter selects one.
    pub(crate) queue: Option<usize>,
    /// `true` if the queue is the one for dropped packets.
    pub(crate) drop: bool,
    /// Status and error bits of the write-back.
    pub(crate) status: u64,
}

/// Returns the number of filters that fit in the memory that FDIRCTRL.PBALLOC selects. Signature filters: 8 K - 2 in
/// 64 KB, 16 K - 2 in 128 KB, 32 K - 2 in 256 KB. Perfect filters: a quarter.
fn capacity(control: u32) -> u32 {
    let unit = if control & FDIRCTRL_PERFECT != 0 { 1024 } else { 4096 };
    match control & FDIRCTRL_PBALLOC {
        0 => 0,
        size => (unit << size) - 2,
    }
}

/// Returns the bucket of a hash. The table has as many buckets as filters fit in it.
fn bucket(hash: u16, registers: &RegisterFile) -> u16 {
    hash & 0x7FFF & (capacity(registers.get(FDIRCTRL)) + 1) as u16
}

/// Returns the part of the packet buffer that the table occupies, in KB.
pub(crate) fn memory(registers: &RegisterFile) -> u32 {
    match registers.get(FDIRCTRL) & FDIRCTRL_PBALLOC {
        0 => 0,
        size => 32 << size,
    }
}

impl FlowDirector {
    /// Returns `true` if packets are looked up in the table.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Checks the rules of order for a change of the register at `at`.
    pub(crate) fn check_change(&self, at: u32, old: u32, new: u32, common: &mut Common) {
        let hashes = [FDIRDIP4M, FDIRSIP4M, FDIRTCPM, FDIRUDPM, FDIRIP6M, FDIRM, FDIRHKEY, FDIRSKEY];
        if self.table.used() > 0 && hashes.contains(&at) {
            common.violation(Rule::FlowDirectorChangedInUse, at, || format!("{old:#x} to {new:#x}"));
        }
    }

    /// Performs the effects of a write of `value` at `at`. Returns `false` if the register belongs to another part.
    #[inline]
    pub(crate) fn written(&mut self, at: u32, value: u32, common: &mut Common, interrupts: &mut Interrupts) -> bool {
        match at {
            FDIRCTRL => self.initialise(value, common),
            FDIRCMD => self.command(value, common, interrupts),
            _ => return false,
        }
        true
    }

    /// Clears the table's head and tail, and so the table.
    fn clear(&mut self) {
        self.table = Table::default();
        self.initialised_before = false;
    }

    /// Initialises the table, if FDIRCTRL gives it memory. The table is useless if it was initialised before, and
    /// FDIRCMD.CLEARHT did not clear its head and tail since.
    fn initialise(&mut self, value: u32, common: &mut Common) {
        self.ready = false;
        self.table = Table::default();
        common.clock.cancel(|event| event == Event::FlowDirectorReady);
        common.registers.set_bits(FDIRCTRL, FDIRCTRL_INIT_DONE, false);
        if value & FDIRCTRL_PBALLOC == 0 {
            return;
        }
        if self.initialised_before {
            self.table = Table::full(capacity(value));
            common.violation(Rule::FlowDirectorNotCleared, FDIRCTRL, || format!("{value:#010x} was written"));
        }
        self.initialised_before = true;
        common.clock.schedule(INITIALISE, Event::FlowDirectorReady);
    }

    /// Ends the initialisation of the table.
    pub(crate) fn initialised(&mut self, registers: &mut RegisterFile) {
        self.ready = true;
        registers.set_bits(FDIRCTRL, FDIRCTRL_INIT_DONE, true);
        registers.set(FDIRFREE, capacity(registers.get(FDIRCTRL)) - self.table.used());
    }

    /// Looks up a packet. Returns `None` for a packet without IP, and while there is no table.
    pub(crate) fn look_up(
        &self,
        frame: &[u8],
        headers: &Headers,
        tags: Types,
        registers: &RegisterFile,
    ) -> Option<Lookup> {
        if !self.ready || headers.packet_type & (IPV4 | IPV6) == 0 {
            return None;
        }
        let control = registers.get(FDIRCTRL);
        let perfect = control & FDIRCTRL_PERFECT != 0;
        let flow = Flow::of_packet(frame, headers, tags, (control >> 16 & 0x1F) as usize * 2);
        let masked = flow.masked(registers);
        let bucket = bucket(masked.hash(registers.get(FDIRHKEY)), registers);
        let list = self.table.list(bucket);
        let found = if perfect {
            list.iter().find(|filter| {
                let to_own_address = filter.attributes & FDIRCMD_IPV6DMATCH != 0;
                flow.is_matched_by(&filter.flow, to_own_address, registers)
            })
        } else if list.is_empty() {
            None
        } else {
            let signature = masked.hash(registers.get(FDIRSKEY)) & 0x7FFF;
            list.iter().find(|filter| filter.id == signature)
        };
        let matched = found.map(|filter| matched(filter, control));
        Some(Lookup { matched, report: report(bucket, matched, control, registers) })
    }
}

/// Returns what the filter does with a packet that it matches.
fn matched(filter: &Filter, control: u32) -> Matched {
    let perfect = control & FDIRCTRL_PERFECT != 0;
    // Behind the end of a list that is too long, a filter does not drop (8.2.3.21.1).
    let drop = perfect && filter.attributes & FDIRCMD_DROP != 0 && !filter.too_long;
    let selected = filter.attributes & FDIRCMD_QUEUE_EN != 0;
    let queue = match drop {
        true => Some(control >> 8 & 0x7F),
        false => selected.then_some(filter.attributes >> 16 & 0x7F),
    };
    let mut status = FLM;
    for (is, bits) in [(filter.too_long, ERROR_LENGTH), (drop, ERROR_DROP), (filter.collision, ERROR_COLLISION)] {
        status |= if is { bits } else { 0 };
    }
    Matched { id: filter.id, queue: queue.map(|queue| queue as usize), drop, status }
}

/// Returns what FDIRCTRL reports of a packet, if it reports it: the bucket in the upper half, and the filter's index or
/// signature in the lower, as an 82599 did it in the test plans of DPDK.
fn report(bucket: u16, matched: Option<Matched>, control: u32, registers: &RegisterFile) -> Option<u32> {
    let wanted = control & FDIRCTRL_REPORT != 0 && registers.get(RXCSUM) & RXCSUM_PCSD != 0;
    if !wanted || (matched.is_none() && control & FDIRCTRL_REPORT_ALWAYS == 0) {
        return None;
    }
    let perfect = control & FDIRCTRL_PERFECT != 0;
    let filter = matched.map_or(0, |filter| u32::from(filter.id) | if perfect { 0 } else { SIGNATURE_VALID });
    Some(u32::from(bucket) << 16 | filter)
}

/// Counts a packet that was looked up, and that a filter matched if `matched` is `true`.
pub(crate) fn count(matched: bool, registers: &mut RegisterFile) {
    registers.add(if matched { FDIRMATCH } else { FDIRMISS }, 1);
}

#[cfg(test)]
mod tests {
    use super::command::*;
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("FDIRCTRL", FDIRCTRL),
            ("FDIRHKEY", FDIRHKEY),
            ("FDIRSKEY", FDIRSKEY),
            ("FDIRFREE", FDIRFREE),
            ("FDIRLEN", FDIRLEN),
            ("FDIRUSTAT", FDIRUSTAT),
            ("FDIRFSTAT", FDIRFSTAT),
            ("FDIRMATCH", FDIRMATCH),
            ("FDIRMISS", FDIRMISS),
            ("FDIRHASH", FDIRHASH),
            ("FDIRCMD", FDIRCMD),
        ]);
    }
}
