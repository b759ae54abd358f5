//! The register file: position of each register, effects of reads and writes, all from the generated table.

pub(crate) mod offsets;

use std::sync::OnceLock;

use ixgbe::info::{AccessKind, RegisterInfo};
use ixgbe::mmio::REGISTER_SPACE;
use ixgbe::registers::REGISTERS;

/// Number of 32-bit words in the register space.
const WORDS: usize = REGISTER_SPACE / 4;
/// Marks a word without a register.
const NONE: u16 = u16::MAX;

/// One register's masks, derived from its fields.
#[derive(Debug)]
struct Masks {
    /// Bits that a write does not change.
    keep: u32,
    /// Bits that a read clears.
    read_clears: u32,
    /// Bits that a read sets.
    read_sets: u32,
    /// Bits that writing 1 clears.
    ones_clear: u32,
    /// Bits that writing 1 sets.
    ones_set: u32,
    /// Bits that read as 0, regardless of the written value.
    write_only: u32,
    /// `true` if a write can change any bit.
    writable: bool,
}

/// The table, indexed by offset.
struct Layout {
    /// For each word, the index of its register in the table.
    register: Box<[u16]>,
    /// For each word, the word that stores its value: the word itself, except for aliases.
    home: Box<[u16]>,
    masks: Box<[Masks]>,
}

fn layout() -> &'static Layout {
    static LAYOUT: OnceLock<Layout> = OnceLock::new();
    LAYOUT.get_or_init(|| {
        let mut register = vec![NONE; WORDS].into_boxed_slice();
        let mut home = vec![0; WORDS].into_boxed_slice();
        let words = |range: &ixgbe::mmio::Range| {
            let range = *range;
            (0..range.count).map(move |n| (range.first + n, ((range.base + n * range.stride) / 4) as usize))
        };
        for (at, info) in REGISTERS.iter().enumerate() {
            let homes: Vec<(u32, usize)> = info.ranges.iter().flat_map(words).collect();
            let aliases = info.aliases.iter().flat_map(words);
            for (index, word) in homes.iter().copied().chain(aliases) {
                let target = homes.iter().find(|(of, _)| *of == index).map_or(word, |(_, word)| *word);
                if word < WORDS && register[word] == NONE {
                    register[word] = at as u16;
                    home[word] = target as u16;
                }
            }
        }
        Layout { register, home, masks: REGISTERS.iter().map(masks).collect() }
    })
}

fn masks(info: &RegisterInfo) -> Masks {
    // All registers of the chip have 32 bits.
    let of = |kinds: &[AccessKind]| info.bits_with_access(|access| kinds.contains(&access)) as u32;
    let fixed = (info.must_be_zero | info.must_be_one) as u32;
    let (preserve, reset_known) = (info.preserve as u32, info.reset_known as u32);
    // Reserved bits are hard-wired, but reserved bits of unknown value after a reset are memory.
    let wired = preserve & reset_known & !stored_though_reserved(info.name);
    Masks {
        keep: ((of(&[AccessKind::Ro, AccessKind::Rc]) & !preserve) | wired) & !fixed,
        read_clears: of(&[AccessKind::Rc, AccessKind::RcW1c]) & !preserve,
        read_sets: of(&[AccessKind::ReadSets]) & !preserve,
        ones_clear: of(&[AccessKind::W1c, AccessKind::RcW1c]) & !preserve,
        ones_set: of(&[AccessKind::W1s]) & !preserve,
        write_only: of(&[AccessKind::Wo]) & !preserve,
        writable: info.is_writable(),
    }
}

/// Returns the reserved bits that the chip stores: the register test of Linux' driver reads them back. Sections
/// 8.2.3.3.3 and 8.2.3.3.4 count the thresholds both in steps of 32 bytes and in steps of 16. This is the lowest bit of
/// the steps of 16.
fn stored_though_reserved(name: &str) -> u32 {
    if matches!(name, "FCRTL" | "FCRTH") { 1 << 4 } else { 0 }
}

const fn bits(lsb: u32, width: u32) -> u32 {
    let mask = if width >= 32 { u32::MAX } else { (1 << width) - 1 };
    mask << lsb
}

/// The values of one port's registers.
pub(crate) struct RegisterFile {
    layout: &'static Layout,
    values: Box<[u32]>,
    /// For each word, `true` if software has written it since the reset.
    written: Box<[bool]>,
}

/// The position of a known register.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// The offset of the word that stores the value, in bytes.
    pub(crate) offset: u32,
    register: usize,
}

impl Place {
    pub(crate) fn info(self) -> &'static RegisterInfo {
        &REGISTERS[self.register]
    }
}

impl RegisterFile {
    pub(crate) fn new() -> Self {
        let values = vec![0; WORDS].into_boxed_slice();
        let written = vec![false; WORDS].into_boxed_slice();
        let mut file = Self { layout: layout(), values, written };
        file.reset(1, |_| true);
        file
    }

    /// Returns the position of the register at `offset`, if there is one.
    #[inline]
    pub(crate) fn find(&self, offset: u32) -> Option<Place> {
        let word = (offset / 4) as usize;
        let register = *self.layout.register.get(word)?;
        (register != NONE)
            .then(|| Place { offset: u32::from(self.layout.home[word]) * 4, register: usize::from(register) })
    }

    /// Returns the value at a home offset.
    #[inline]
    pub(crate) fn get(&self, offset: u32) -> u32 {
        self.values.get((offset / 4) as usize).copied().unwrap_or(0)
    }

    /// Sets the value at a home offset, on behalf of the device.
    #[inline]
    pub(crate) fn set(&mut self, offset: u32, value: u32) {
        if let Some(word) = self.values.get_mut((offset / 4) as usize) {
            *word = value;
        }
    }

    /// Sets or clears bits, on behalf of the device.
    pub(crate) fn set_bits(&mut self, offset: u32, mask: u32, on: bool) {
        let old = self.get(offset);
        self.set(offset, if on { old | mask } else { old & !mask });
    }

    /// Adds to a counter, which saturates at all ones (8.2.3.23).
    #[inline]
    pub(crate) fn add(&mut self, offset: u32, amount: u32) {
        if let Some(word) = self.values.get_mut((offset / 4) as usize) {
            *word = word.saturating_add(amount);
        }
    }

    /// Adds 1 to the counter of `width` bits at bit `lsb`, which saturates at all ones.
    pub(crate) fn count_field(&mut self, offset: u32, lsb: u32, width: u32) {
        let value = self.get(offset);
        if value & bits(lsb, width) != bits(lsb, width) {
            self.set(offset, value + (1 << lsb));
        }
    }

    /// Adds to a counter of 36 bits over two registers, which saturates at all ones.
    #[inline]
    pub(crate) fn add_wide(&mut self, low: u32, high: u32, amount: u32) {
        match self.get(low).overflowing_add(amount) {
            (sum, false) => self.set(low, sum),
            (_, true) if self.get(high) >= 0xF => self.set(low, u32::MAX),
            (sum, true) => {
                self.set(low, sum);
                self.set(high, self.get(high) + 1);
            }
        }
    }

    /// Returns `true` if software has written the register since the reset.
    pub(crate) fn is_written(&self, offset: u32) -> bool {
        self.written.get((offset / 4) as usize).copied().unwrap_or(false)
    }

    /// Reads the register as software does, with the read's side effects.
    pub(crate) fn read(&mut self, place: Place) -> u32 {
        let masks = &self.layout.masks[place.register];
        let value = self.get(place.offset);
        if masks.read_clears | masks.read_sets != 0 {
            self.set(place.offset, (value & !masks.read_clears) | masks.read_sets);
        }
        value & !masks.write_only
    }

    /// Returns `true` if a write can change the register.
    pub(crate) fn is_writable(&self, place: Place) -> bool {
        self.layout.masks[place.register].writable
    }

    /// Returns the register's value after a write of `value`.
    pub(crate) fn after_write(&self, place: Place, value: u32) -> u32 {
        let masks = &self.layout.masks[place.register];
        let old = self.get(place.offset);
        let acting = masks.keep | masks.ones_clear | masks.ones_set;
        (old & masks.keep) | (value & !acting) | (old & masks.ones_clear & !value) | ((old | value) & masks.ones_set)
    }

    /// Returns the reserved bits that a write of `value` violates.
    pub(crate) fn wrong_reserved(&self, place: Place, value: u32) -> u32 {
        let info = place.info();
        // Bits of unknown value after a reset may be cleared at any time.
        let checked = info.reset_known as u32 | if self.is_written(place.offset) { value } else { 0 };
        let changed = (value ^ self.get(place.offset)) & info.preserve as u32 & checked;
        changed | (value & info.must_be_zero as u32) | (!value & info.must_be_one as u32)
    }

    /// Stores a value written by software.
    pub(crate) fn store(&mut self, place: Place, value: u32) {
        self.set(place.offset, value);
        if let Some(written) = self.written.get_mut((place.offset / 4) as usize) {
            *written = true;
        }
    }

    /// Resets every register for which `which` returns `true`. Unknown bits get values that differ between resets with
    /// different `seed`s.
    pub(crate) fn reset(&mut self, seed: u32, which: impl Fn(&RegisterInfo) -> bool) {
        for info in REGISTERS.iter().filter(|info| which(info)) {
            for offset in info.offsets() {
                // A counter starts at 0 even where the datasheet gives no reset value.
                let unknown =
                    if info.access == AccessKind::Rc { 0 } else { garbage(offset, seed) & !(info.reset_known as u32) };
                self.set(offset, (info.reset.unwrap_or(0) & info.reset_known) as u32 | unknown);
                if let Some(written) = self.written.get_mut((offset / 4) as usize) {
                    *written = false;
                }
            }
        }
    }
}

/// Returns arbitrary bits that depend on the offset and the seed.
fn garbage(offset: u32, seed: u32) -> u32 {
    let mixed = (offset ^ seed.rotate_left(16)).wrapping_mul(0x9E37_79B1);
    (mixed ^ (mixed >> 15)).wrapping_mul(0x85EB_CA77)
}

/// Returns the offset of element `index` of the register in the generated table.
#[cfg(test)]
pub(crate) fn in_table(name: &str, index: usize) -> Option<u32> {
    REGISTERS.iter().find(|info| info.name == name)?.offsets().nth(index)
}

/// Asserts that offsets copied by hand agree with the generated table.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_in_table(offsets: &[(&str, u32)]) {
    for (name, offset) in offsets {
        assert_eq!(in_table(name, 0), Some(*offset), "{name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_starts_with_its_reset_value() {
        let file = RegisterFile::new();
        for info in REGISTERS {
            for offset in info.offsets() {
                let place = file.find(offset).unwrap();
                assert_eq!((place.info().name, place.offset), (info.name, offset));
                let known = info.reset.unwrap_or(0) & info.reset_known;
                assert_eq!(u64::from(file.get(offset)) & info.reset_known, known, "{} at {offset:#x}", info.name);
            }
        }
    }

    #[test]
    fn counters_stop_at_all_ones() {
        let mut file = RegisterFile::new();
        let (low, high) = (0x04088, 0x0408C);
        file.set(low, u32::MAX - 1);
        file.add(low, 2);
        assert_eq!(file.get(low), u32::MAX);
        for (before, after) in [([u32::MAX - 1, 0xE], [0, 0xF]), ([u32::MAX - 1, 0xF], [u32::MAX, 0xF])] {
            file.set(low, before[0]);
            file.set(high, before[1]);
            file.add_wide(low, high, 2);
            assert_eq!([low, high].map(|at| file.get(at)), after);
        }
        file.set(low, 0x00FE);
        (0..3).for_each(|_| file.count_field(low, 0, 8));
        file.count_field(low, 8, 8);
        assert_eq!(file.get(low), 0x01FF);
    }

    #[test]
    fn unknown_values_differ_between_resets() {
        let mut file = RegisterFile::new();
        let unknown = REGISTERS.iter().find(|info| info.reset_known == 0 && info.access == AccessKind::Rw).unwrap();
        let offset = unknown.offsets().next().unwrap();
        let before = file.get(offset);
        file.reset(2, |_| true);
        assert_ne!(file.get(offset), before, "{}", unknown.name);
    }

    #[test]
    fn every_kind_of_access_has_its_effects() {
        let mut file = RegisterFile::new();
        for info in REGISTERS {
            let Some(offset) = info.offsets().next() else { continue };
            let place = file.find(offset).unwrap();
            let field = |kind: AccessKind| {
                let of = info.fields.iter().filter(|field| field.access == kind);
                of.fold(0, |mask, field| mask | bits(field.lsb, field.width)) & !(info.preserve as u32)
            };
            file.set(offset, u32::MAX);
            let read = file.read(place);
            let hidden = if info.access == AccessKind::Wo { !(info.preserve as u32) } else { field(AccessKind::Wo) };
            assert_eq!(read, !hidden, "{}", info.name);
            let cleared = field(AccessKind::Rc) | field(AccessKind::RcW1c);
            assert_eq!(file.get(offset) & cleared, 0, "{}: reading clears", info.name);
            file.set(offset, 0);
            file.read(place);
            let set = field(AccessKind::ReadSets);
            assert_eq!(file.get(offset) & set, set, "{}: reading sets", info.name);
            file.set(offset, u32::MAX);
            let ones = field(AccessKind::W1c) | field(AccessKind::RcW1c);
            assert_eq!(file.after_write(place, ones) & ones, 0, "{}: ones clear", info.name);
            assert_eq!(file.after_write(place, 0) & ones, ones, "{}: zeros do not", info.name);
            let kept = field(AccessKind::Ro) | field(AccessKind::W1s);
            assert_eq!(file.after_write(place, 0) & kept, kept, "{}: zeros change nothing", info.name);
            file.set(offset, 0);
            let ones = field(AccessKind::W1s);
            assert_eq!(file.after_write(place, ones) & ones, ones, "{}: ones set", info.name);
        }
    }
}
