//! BAR0 of a virtual function: some registers of its own, and windows on the port's.

use std::collections::HashMap;
use std::sync::OnceLock;

use ixgbe::info::{AccessKind, RegisterInfo};
use ixgbe::registers::virtual_function::REGISTERS;

use crate::chip::Chip;
use crate::chip::READ;
use crate::chip::clock::MICROSECOND;
use crate::fault::Fault;
use crate::registers::offsets::*;
use crate::violation::Rule;
use crate::virtualisation::Counters;
use crate::virtualisation::switch::{PFVFRE, PSRTYPE};

const VFCTRL: u32 = 0x0000;
const VFCTRL_RST: u32 = bit(26);
const VFSTATUS: u32 = 0x0008;
const VFLINKS: u32 = 0x0010;
const VFFRTIMER: u32 = 0x0048;
const VFMBMEM: u32 = 0x0200;
const VFMBMEM_LAST: u32 = 0x023C;
const VFMAILBOX: u32 = 0x02FC;
const VFPSRTYPE: u32 = 0x0300;
const VFRDBAL: u32 = 0x1000;
const VFTDBAL: u32 = 0x2000;
/// The end of the queues' register blocks: 8 queues of each kind, 0x40 bytes each.
const BLOCKS: u32 = 0x200;
const BLOCK: u32 = 0x40;
const VFRXMEMWRAP: u32 = 0x3190;
const RXMEMWRAP: u32 = 0x03190;
const LINKS: u32 = 0x042A4;
const STATUS_LINK_UP: u32 = bit(7);
/// VFSTATUS: SR-IOV is on, and the number of functions follows from bit 10 on.
const VFSTATUS_IOV_ACTIVE: u32 = bit(18);

/// Returns the generated table, by offset.
fn table() -> &'static HashMap<u32, &'static RegisterInfo> {
    static TABLE: OnceLock<HashMap<u32, &'static RegisterInfo>> = OnceLock::new();
    TABLE.get_or_init(|| REGISTERS.iter().flat_map(|info| info.offsets().map(move |offset| (offset, info))).collect())
}

/// Returns a counter of a virtual function.
fn counter(offset: u32, counters: &Counters) -> Option<u32> {
    let Counters { received, received_octets, received_multicast, sent, sent_octets } = counters;
    Some(match offset {
        0x101C => *received as u32,
        0x1020 => *received_octets as u32,
        0x1024 => (received_octets >> 32) as u32 & 0xF,
        0x1034 => *received_multicast as u32,
        0x201C => *sent as u32,
        0x2020 => *sent_octets as u32,
        0x2024 => (sent_octets >> 32) as u32 & 0xF,
        _ => return None,
    })
}

impl Chip {
    /// Returns the port's register behind the one at `offset` of virtual function `index`. `None` in a block of a queue
    /// that the function does not have.
    fn queue_register(&self, index: usize, offset: u32) -> Option<u32> {
        let size = self.common.functions.host.pool_size();
        let queue = (offset % BLOCKS / BLOCK) as usize;
        let register = offset % BLOCK;
        (queue < size).then(|| match offset {
            ..VFTDBAL => rx(index * size + queue, register),
            _ => tx(index * size + queue, register),
        })
    }

    fn virtual_violation(&mut self, rule: Rule, offset: u32, detail: impl FnOnce() -> String) {
        let (name, section) =
            table().get(&offset).map_or(("unknown register", "8.3"), |info| (info.name, info.section));
        self.common.log.record(rule, name, section, detail);
    }

    /// Returns what virtual function `index` reads from its register at `offset`, with the read's side effects.
    pub(crate) fn virtual_read(&mut self, index: usize, offset: u32) -> u32 {
        self.pass(READ);
        self.note_unmapped();
        if self.common.faults.has(Fault::SurpriseRemoval) || self.common.faults.takes_read() {
            return u32::MAX;
        }
        match table().get(&offset).map(|info| info.access) {
            None => self.virtual_violation(Rule::UnknownRegister, offset, || format!("read at {offset:#06x}")),
            Some(AccessKind::Wo) => {
                self.virtual_violation(Rule::WriteOnlyRead, offset, || "a write-only register was read".to_owned());
                return 0;
            }
            Some(_) => {}
        }
        let count = self.common.functions.all.len() as u32;
        let Some(function) = self.common.functions.all.get_mut(index) else { return u32::MAX };
        if let Some(value) = counter(offset, &function.counters).or_else(|| function.vectors.read(offset)) {
            return value;
        }
        match offset {
            VFMAILBOX => function.mailbox.read(),
            VFMBMEM..=VFMBMEM_LAST => function.mailbox.word(((offset - VFMBMEM) / 4) as usize),
            VFSTATUS => {
                let status = self.common.registers.get(STATUS) & (3 << STATUS_LAN_ID | STATUS_LINK_UP | STATUS_MASTER);
                status | count << 10 | VFSTATUS_IOV_ACTIVE
            }
            VFLINKS => self.link.read(LINKS, self.common.registers.get(LINKS), &self.common),
            VFFRTIMER => (self.common.clock.now() / MICROSECOND) as u32,
            VFPSRTYPE => self.common.registers.get(PSRTYPE + index as u32 * 4),
            VFRXMEMWRAP => self.common.registers.get(RXMEMWRAP),
            VFRDBAL..0x1200 | VFTDBAL..0x2200 => match self.queue_register(index, offset) {
                Some(register) => self.read(register),
                None => 0,
            },
            _ => 0,
        }
    }

    /// Writes `value` to the register of virtual function `index` at `offset`.
    pub(crate) fn virtual_write(&mut self, index: usize, offset: u32, value: u32) {
        self.pass(0);
        self.note_unmapped();
        if self.common.faults.has(Fault::SurpriseRemoval) {
            return;
        }
        match table().get(&offset) {
            None => {
                return self.virtual_violation(Rule::UnknownRegister, offset, || {
                    format!("write of {value:#x} at {offset:#06x}")
                });
            }
            Some(info) if !info.is_writable() => {
                return self.virtual_violation(Rule::ReadOnlyWritten, offset, || format!("{value:#x} was written"));
            }
            Some(_) => {}
        }
        let Some(function) = self.common.functions.all.get_mut(index) else { return };
        if function.vectors.write(offset, value) {
            return self.raise_virtual();
        }
        match offset {
            VFCTRL if value & VFCTRL_RST != 0 => self.reset_virtual(index),
            VFMAILBOX => {
                if !function.mailbox.write(value) {
                    self.virtual_violation(Rule::MailboxNotOwned, offset, || "REQ was written without VFU".to_owned());
                }
                self.call_host();
            }
            VFMBMEM..=VFMBMEM_LAST => {
                let is_owned = function.mailbox.set_word(((offset - VFMBMEM) / 4) as usize, value);
                if !is_owned {
                    self.virtual_violation(Rule::MailboxNotOwned, offset, || format!("{value:#x} was written"));
                }
            }
            VFPSRTYPE => {
                self.common.registers.set(PSRTYPE + index as u32 * 4, value);
                self.pools_changed();
            }
            VFRDBAL..0x1200 | VFTDBAL..0x2200 => {
                let is_closed = self.common.registers.get(PFVFRE) | self.common.registers.get(0x08110);
                let enables = matches!(offset % BLOCK, RXDCTL) && value & QUEUE_ENABLE != 0;
                if enables && is_closed >> index & 1 == 0 {
                    self.virtual_violation(Rule::VirtualQueueTooEarly, offset, || format!("{value:#x} was written"));
                }
                let Some(register) = self.queue_register(index, offset) else { return };
                // A reset of the physical function disables the queues under a driver, which cannot know it yet.
                let is_known =
                    self.common.functions.all.get(index).is_some_and(|function| function.guest.clear_to_send);
                if offset % BLOCK == RDT && !is_known {
                    self.common.registers.set(register, value & 0xFFFF);
                } else {
                    self.write(register, value);
                }
            }
            _ => {}
        }
    }
}
