//! Flow Director: filters that send a flow to a queue of its own (datasheet 7.1.2.7 and 8.2.3.21).
//!
//! Signature filters over all fields of a flow are modelled. Masks, perfect filters, and the results of filters in
//! receive descriptors are not.

use std::collections::HashMap;

use crate::chip::clock::{Event, MICROSECOND, Time};
use crate::chip::common::Common;
use crate::frame::headers::{Headers, half, packet_type::*};
use crate::frame::vlan;
use crate::interrupts::{EICR_FLOW_DIRECTOR, Interrupts};
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;
use crate::violation::Rule;

pub(crate) const FDIRCTRL: u32 = 0x0EE00;
const FDIRCTRL_PBALLOC: u32 = 3;
const FDIRCTRL_INIT_DONE: u32 = bit(3);
const FDIRHKEY: u32 = 0x0EE68;
const FDIRSKEY: u32 = 0x0EE6C;
const FDIRFREE: u32 = 0x0EE38;
const FDIRUSTAT: u32 = 0x0EE50;
const FDIRFSTAT: u32 = 0x0EE54;
const FDIRMATCH: u32 = 0x0EE58;
const FDIRMISS: u32 = 0x0EE5C;
const FDIRHASH: u32 = 0x0EE28;
const FDIRCMD: u32 = 0x0EE2C;
const FDIRCMD_CMD: u32 = 3;
const FDIRCMD_FILTER_UPDATE: u32 = bit(3);
const FDIRCMD_CLEARHT: u32 = bit(8);
const FDIRCMD_QUEUE_EN: u32 = bit(15);

/// Time the device takes to initialise the table.
const INITIALISE: Time = 50 * MICROSECOND;

/// Commands of FDIRCMD.
const ADD: u32 = 1;
const REMOVE: u32 = 2;
const QUERY: u32 = 3;

/// Number of bytes of a frame that are hashed.
const TUPLE: usize = 42;
/// Number of bits of the hash input.
const BITS: usize = TUPLE * 8;

/// One filter.
struct Filter {
    signature: u32,
    /// The queue of the filter's frames, if the filter selects one.
    queue: Option<usize>,
}

/// The table of filters.
#[derive(Default)]
pub(crate) struct FlowDirector {
    /// `true` once the table is initialised.
    ready: bool,
    buckets: HashMap<u32, Vec<Filter>>,
    used: u32,
}

/// The result of the filters for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The filters do not apply to the frame.
    NotAsked,
    Miss,
    Match(Option<usize>),
}

/// Returns the number of filters that fit in the memory that FDIRCTRL.PBALLOC selects: 8 K - 2 in 64 KB, 16 K - 2 in
/// 128 KB, 32 K - 2 in 256 KB.
fn capacity(control: u32) -> u32 {
    match control & FDIRCTRL_PBALLOC {
        0 => 0,
        size => (4096 << size) - 2,
    }
}

/// Returns the part of the packet buffer that the table occupies, in KB.
pub(crate) fn memory(registers: &RegisterFile) -> u32 {
    match registers.get(FDIRCTRL) & FDIRCTRL_PBALLOC {
        0 => 0,
        size => 32 << size,
    }
}

impl FlowDirector {
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

    /// Initialises the table, if FDIRCTRL gives it memory.
    fn initialise(&mut self, value: u32, common: &mut Common) {
        *self = Self::default();
        common.clock.cancel(|event| event == Event::FlowDirectorReady);
        common.registers.set_bits(FDIRCTRL, FDIRCTRL_INIT_DONE, false);
        if value & FDIRCTRL_PBALLOC != 0 {
            common.clock.schedule(INITIALISE, Event::FlowDirectorReady);
        }
    }

    /// Ends the initialisation of the table.
    pub(crate) fn initialised(&mut self, common: &mut Common) {
        self.ready = true;
        common.registers.set_bits(FDIRCTRL, FDIRCTRL_INIT_DONE, true);
        common.registers.set(FDIRFREE, capacity(common.registers.get(FDIRCTRL)));
    }

    /// Performs the command in FDIRCMD and FDIRHASH.
    fn command(&mut self, value: u32, common: &mut Common, interrupts: &mut Interrupts) {
        if value & FDIRCMD_CLEARHT != 0 {
            self.buckets.clear();
            self.used = 0;
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
        let registers = &mut common.registers;
        let hash = registers.get(FDIRHASH);
        let (bucket, signature) = (bucket(hash, registers), hash >> 16 & 0x7FFF);
        let alarm = match command {
            ADD => {
                let queue = (value & FDIRCMD_QUEUE_EN != 0).then_some((value >> 16 & 0x7F) as usize);
                self.add(bucket, Filter { signature, queue }, value & FDIRCMD_FILTER_UPDATE != 0, registers)
            }
            REMOVE => self.remove(bucket, signature, registers),
            QUERY => {
                common.violation(Rule::NotModelled, FDIRCMD, || "queries of Flow Director".to_owned());
                false
            }
            _ => false,
        };
        if alarm {
            interrupts.cause(EICR_FLOW_DIRECTOR, common);
        }
    }

    /// Adds a filter, or updates the one with its signature if `update` is `true`. Returns `true` if software is to be
    /// interrupted.
    fn add(&mut self, bucket: u32, filter: Filter, update: bool, registers: &mut RegisterFile) -> bool {
        let control = registers.get(FDIRCTRL);
        let capacity = capacity(control);
        let list = self.buckets.entry(bucket).or_default();
        if let Some(old) = list.iter_mut().find(|old| old.signature == filter.signature) {
            if update {
                *old = filter;
            }
            // Changed or not, the filter was not added (8.2.3.21.13).
            registers.count_field(FDIRFSTAT, 0, 8);
            return false;
        }
        if self.used == capacity {
            registers.count_field(FDIRFSTAT, 0, 8);
            return true;
        }
        list.push(filter);
        self.used += 1;
        let free = capacity - self.used;
        registers.set(FDIRFREE, free);
        registers.count_field(FDIRUSTAT, 0, 16);
        // Full-Thresh counts in units of 16.
        free <= (control >> 28) * 16
    }

    /// Removes a filter. Returns `true` if software is to be interrupted.
    fn remove(&mut self, bucket: u32, signature: u32, registers: &mut RegisterFile) -> bool {
        let list = self.buckets.entry(bucket).or_default();
        let Some(at) = list.iter().position(|filter| filter.signature == signature) else {
            registers.count_field(FDIRFSTAT, 8, 8);
            return true;
        };
        list.remove(at);
        self.used -= 1;
        registers.add(FDIRFREE, 1);
        registers.count_field(FDIRUSTAT, 16, 16);
        false
    }

    /// Returns the result of the filters for a frame.
    #[inline]
    pub(crate) fn ask(&self, frame: &[u8], headers: &Headers, tag_type: u16, registers: &RegisterFile) -> Verdict {
        if !self.ready || headers.packet_type & (IPV4 | IPV6) == 0 {
            return Verdict::NotAsked;
        }
        let flexible = (registers.get(FDIRCTRL) >> 16 & 0x1F) as usize * 2;
        let tuple = tuple(frame, headers, tag_type, flexible);
        let bucket = bucket(hash(&tuple, registers.get(FDIRHKEY)).into(), registers);
        let signature = u32::from(hash(&tuple, registers.get(FDIRSKEY))) & 0x7FFF;
        let list = self.buckets.get(&bucket);
        let found = list.and_then(|list| list.iter().find(|filter| filter.signature == signature));
        found.map_or(Verdict::Miss, |filter| Verdict::Match(filter.queue))
    }
}

/// Returns the bucket of a hash. The table has as many buckets as filters fit in it.
fn bucket(hash: u32, registers: &RegisterFile) -> u32 {
    hash & 0x7FFF & (capacity(registers.get(FDIRCTRL)) + 1)
}

/// Counts the filters' result for a received frame.
#[inline]
pub(crate) fn count(verdict: Verdict, registers: &mut RegisterFile) {
    match verdict {
        Verdict::NotAsked => {}
        Verdict::Miss => registers.add(FDIRMISS, 1),
        Verdict::Match(_) => registers.add(FDIRMATCH, 1),
    }
}

/// Returns the hash input of a frame, first byte first: VLAN tag, addresses (source first), ports, two flexible bytes,
/// pool, flow type.
fn tuple(frame: &[u8], headers: &Headers, tag_type: u16, flexible: usize) -> [u8; TUPLE] {
    let mut tuple = [0; TUPLE];
    let mut put = |at: usize, bytes: Option<&[u8]>| {
        if let Some(bytes) = bytes {
            tuple[at..at + bytes.len()].copy_from_slice(bytes);
        }
    };
    // CFI is never compared (8.2.3.21.20), so the hash leaves it out as well.
    put(0, vlan::tag(frame, tag_type).map(|tag| (tag & !vlan::CFI).to_be_bytes()).as_ref().map(|tag| &tag[..]));
    let address =
        |nth: usize, len: usize| frame.get(headers.addresses + nth * len..headers.addresses + (nth + 1) * len);
    let version6 = headers.packet_type & (IPV4 | IPV6) == IPV6;
    if version6 {
        put(2, address(0, 16));
        put(18, address(1, 16));
    } else {
        put(14, address(0, 4));
        put(30, address(1, 4));
    }
    put(34, headers.ports.and_then(|at| frame.get(at..at + 4)));
    put(38, half(frame, flexible).map(u16::to_be_bytes).as_ref().map(|bytes| &bytes[..]));
    // The flow type, encoded as L4TYPE and IPV6 in FDIRCMD.
    let transport = match headers.packet_type & (TCP | UDP | SCTP) {
        UDP => 1,
        TCP => 2,
        SCTP => 3,
        _ => 0,
    };
    tuple[41] = transport | u8::from(version6) << 2;
    tuple
}

/// Computes the hash of a tuple. For each bit of the repeated key that is 1, it adds 16 bits of the tuple without
/// carry. The tuple is treated as a ring.
fn hash(tuple: &[u8; TUPLE], key: u32) -> u16 {
    let bit = |n: usize| {
        let n = n % BITS;
        u16::from(tuple[TUPLE - 1 - n / 8] >> (n % 8) & 1)
    };
    // The 15 bits before bit 0 are the last ones of the ring.
    let mut window = (0..15).fold(0, |window, n| window | bit(BITS - 15 + n) << n);
    let mut hash = 0;
    for step in 0..BITS + 15 {
        window |= bit(step) << 15;
        if key >> ((step + 1) % 32) & 1 != 0 {
            hash ^= window;
        }
        window >>= 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    /// Compares with hashes from a stock driver, which computes them in another way (folded to 32 bits) with its two
    /// keys.
    #[test]
    fn the_hash_is_the_one_that_drivers_expect() {
        let mut tuple = [0; TUPLE];
        let put = |tuple: &mut [u8; TUPLE], source: [u8; 4], destination: [u8; 4], ports: [u16; 2]| {
            tuple[14..18].copy_from_slice(&source);
            tuple[30..34].copy_from_slice(&destination);
            tuple[34..36].copy_from_slice(&ports[0].to_be_bytes());
            tuple[36..38].copy_from_slice(&ports[1].to_be_bytes());
        };
        let both = |tuple: &[u8; TUPLE]| [0x3DAD_14E2, 0x174D_3614].map(|key| hash(tuple, key));
        put(&mut tuple, [10, 0, 0, 2], [10, 0, 0, 1], [5000, 40000]);
        tuple[38..40].copy_from_slice(&[0x08, 0x00]);
        tuple[41] = 2;
        assert_eq!(both(&tuple), [0x8380, 0x16FC]);
        tuple[0..2].copy_from_slice(&[0x20, 0x65]);
        tuple[38..40].copy_from_slice(&[0x81, 0x00]);
        assert_eq!(both(&tuple), [0xADA2, 0x7431]);
        let mut tuple = [0; TUPLE];
        put(&mut tuple, [192, 168, 7, 9], [10, 1, 2, 3], [53, 1234]);
        tuple[38..40].copy_from_slice(&[0x08, 0x00]);
        tuple[41] = 1;
        assert_eq!(both(&tuple), [0xF779, 0xADCF]);
    }

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("FDIRCTRL", FDIRCTRL),
            ("FDIRHKEY", FDIRHKEY),
            ("FDIRSKEY", FDIRSKEY),
            ("FDIRFREE", FDIRFREE),
            ("FDIRUSTAT", FDIRUSTAT),
            ("FDIRFSTAT", FDIRFSTAT),
            ("FDIRMATCH", FDIRMATCH),
            ("FDIRMISS", FDIRMISS),
            ("FDIRHASH", FDIRHASH),
            ("FDIRCMD", FDIRCMD),
        ]);
    }
}
