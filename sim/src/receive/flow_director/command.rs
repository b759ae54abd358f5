//! The commands of FDIRCMD: adding, removing and finding a filter (datasheet 8.2.3.21.22).

use crate::chip::common::Common;
use crate::frame::vlan;
use crate::interrupts::{EICR_FLOW_DIRECTOR, Interrupts};
use crate::receive::flow_director::flow::{FDIRVLAN, Flow, SCTP_KIND};
use crate::receive::flow_director::table::{Added, Filter};
use crate::receive::flow_director::{FDIRCTRL, FDIRCTRL_PERFECT, FDIRFREE, FlowDirector, bucket, capacity};
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;
use crate::violation::Rule;

pub(super) const FDIRHASH: u32 = 0x0EE28;
const FDIRHASH_BUCKET_VALID: u32 = bit(15);
pub(crate) const FDIRCMD: u32 = 0x0EE2C;
const FDIRCMD_CMD: u32 = 3;
const FDIRCMD_FILTER_VALID: u32 = bit(2);
const FDIRCMD_FILTER_UPDATE: u32 = bit(3);
pub(super) const FDIRCMD_IPV6DMATCH: u32 = bit(4);
const FDIRCMD_CLEARHT: u32 = bit(8);
pub(super) const FDIRCMD_DROP: u32 = bit(9);
pub(crate) const FDIRCMD_INT: u32 = bit(10);
const FDIRCMD_COLLISION: u32 = bit(12);
pub(super) const FDIRCMD_QUEUE_EN: u32 = bit(15);
/// What a filter keeps of FDIRCMD, and a query returns: IPv6DMatch, L4TYPE, IPV6, Drop, INT, Last, Queue-EN, Rx-Queue
/// and Pool.
const ATTRIBUTES: u32 = 0x3F7F_8EF0;
pub(super) const FDIRLEN: u32 = 0x0EE4C;
const FDIRLEN_MAXLEN: u32 = 0x3F;
pub(super) const FDIRUSTAT: u32 = 0x0EE50;
pub(super) const FDIRFSTAT: u32 = 0x0EE54;

/// Commands of FDIRCMD.
const ADD: u32 = 1;
const REMOVE: u32 = 2;

impl FlowDirector {
    /// Performs the command in FDIRCMD and FDIRHASH.
    pub(super) fn command(&mut self, value: u32, common: &mut Common, interrupts: &mut Interrupts) {
        if value & FDIRCMD_CLEARHT != 0 {
            self.clear();
        }
        let command = value & FDIRCMD_CMD;
        if command == 0 {
            return;
        }
        // The device accepts the command at once.
        common.registers.set_bits(FDIRCMD, FDIRCMD_CMD, false);
        if !self.ready {
            common.violation(Rule::FlowDirectorNotReady, FDIRCMD, || format!("command {command}"));
            return;
        }
        if command == ADD {
            check_filter(value, common);
        }
        let registers = &mut common.registers;
        let alarm = match command {
            ADD => self.add(value, registers),
            REMOVE => self.remove(registers),
            _ => {
                self.query(registers);
                false
            }
        };
        if alarm {
            interrupts.cause(EICR_FLOW_DIRECTOR, common);
        }
    }

    /// Adds a filter, or updates the one with its signature or index. Returns `true` if software is to be interrupted.
    fn add(&mut self, value: u32, registers: &mut RegisterFile) -> bool {
        let control = registers.get(FDIRCTRL);
        let (bucket, id) = place(registers);
        let perfect = control & FDIRCTRL_PERFECT != 0;
        let flow = if perfect { Flow::in_registers(value, registers) } else { Flow::default() };
        let filter = Filter { id, flow, attributes: value & ATTRIBUTES, collision: false, too_long: false };
        let update = value & FDIRCMD_FILTER_UPDATE != 0;
        // Max-Length counts in units of 2, Full-Thresh in units of 16.
        let longest = (control >> 24 & 0xF) as usize * 2;
        match self.table.add(bucket, filter, update, longest, capacity(control)) {
            Added::New { length } => {
                let free = capacity(control) - self.table.used();
                registers.set(FDIRFREE, free);
                registers.count_field(FDIRUSTAT, 0, 16);
                note_length(length, registers);
                free <= (control >> 28) * 16
            }
            // Changed or not, the filter was not added (8.2.3.21.13).
            Added::Exists => {
                registers.count_field(FDIRFSTAT, 0, 8);
                false
            }
            Added::Full => {
                registers.count_field(FDIRFSTAT, 0, 8);
                true
            }
        }
    }

    /// Removes a filter. Returns `true` if software is to be interrupted.
    fn remove(&mut self, registers: &mut RegisterFile) -> bool {
        let (bucket, id) = place(registers);
        let removed = self.table.remove(bucket, id);
        if removed {
            registers.add(FDIRFREE, 1);
            registers.count_field(FDIRUSTAT, 16, 16);
        } else {
            registers.count_field(FDIRFSTAT, 8, 8);
        }
        !removed
    }

    /// Finds a filter, and puts its parameters into the registers.
    fn query(&self, registers: &mut RegisterFile) {
        let (bucket, id) = place(registers);
        let list = self.table.list(bucket);
        let length = list.len().min(0x3F) as u32;
        registers.set(FDIRLEN, registers.get(FDIRLEN) & FDIRLEN_MAXLEN | length << 8);
        registers.set_bits(FDIRHASH, FDIRHASH_BUCKET_VALID, !list.is_empty());
        let found = list.iter().find(|filter| filter.id == id);
        registers.set_bits(FDIRCMD, ATTRIBUTES | FDIRCMD_COLLISION | FDIRCMD_FILTER_VALID, false);
        let Some(filter) = found else { return };
        let collision = if filter.collision { FDIRCMD_COLLISION } else { 0 };
        registers.set_bits(FDIRCMD, filter.attributes | collision | FDIRCMD_FILTER_VALID, true);
        if registers.get(FDIRCTRL) & FDIRCTRL_PERFECT != 0 {
            filter.flow.store(registers);
        }
    }
}

/// Returns the bucket and the signature or index in FDIRHASH.
fn place(registers: &RegisterFile) -> (u16, u16) {
    let hash = registers.get(FDIRHASH);
    (bucket(hash as u16, registers), (hash >> 16 & 0x7FFF) as u16)
}

/// Keeps the length of the longest list since the last read of FDIRLEN, which returns one less (8.2.3.21.11).
fn note_length(length: usize, registers: &mut RegisterFile) {
    let old = registers.get(FDIRLEN);
    let longest = (length as u32 - 1).min(FDIRLEN_MAXLEN).max(old & FDIRLEN_MAXLEN);
    registers.set(FDIRLEN, old & !FDIRLEN_MAXLEN | longest);
}

/// Checks the filter that a command adds.
fn check_filter(value: u32, common: &mut Common) {
    let perfect = common.registers.get(FDIRCTRL) & FDIRCTRL_PERFECT != 0;
    let flow = Flow::in_registers(value, &common.registers);
    let wrong = if !perfect && value & FDIRCMD_DROP != 0 {
        "a signature filter with Drop"
    } else if perfect && common.registers.get(FDIRVLAN) & u32::from(vlan::CFI) != 0 {
        "FDIRVLAN has CFI"
    } else if perfect && flow.kind & 3 == SCTP_KIND && flow.ports != [0; 2] {
        "a filter of SCTP with ports"
    } else {
        return;
    };
    common.violation(Rule::FlowDirectorFilterInvalid, FDIRCMD, || format!("{wrong} ({value:#010x})"));
}
