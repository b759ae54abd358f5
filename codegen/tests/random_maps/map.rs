//! A map as the test knows it. Its `Display` is the description that the generator reads.
//!
//! Things are told apart by their numbers, and named by them: `R2` is the third register.

use std::fmt;

/// A map.
#[derive(Debug, Clone)]
pub struct Map {
    /// Of each permission, those that it implies.
    pub permissions: Vec<Vec<usize>>,
    /// Those of which one is enough for registers that do not say.
    pub write_in: Vec<usize>,
    /// Of each index, how many there are.
    pub indices: Vec<u32>,
    pub registers: Vec<Register>,
    pub pairs: Vec<Pair>,
    pub windows: Vec<Window>,
}

#[derive(Debug, Clone)]
pub struct Register {
    pub width: u32,
    pub place: Place,
    pub access: &'static str,
    pub reset: Option<u64>,
    /// The bits of it that are known, if not all.
    pub known: Option<u64>,
    pub reserved: &'static str,
    pub reserved_bits: Vec<ReservedBits>,
    pub write_in: Option<Vec<usize>>,
    pub memory_safety: bool,
    pub device_state: bool,
    pub hardware_damage: bool,
    pub doorbell: bool,
    pub fields: Vec<Field>,
    /// What is tried with it.
    pub trials: Vec<Trial>,
}

/// Where a register is.
#[derive(Debug, Clone)]
pub enum Place {
    At(u32),
    /// An array, perhaps with a named index.
    Array(Option<usize>, Vec<Range>),
}

#[derive(Debug, Clone)]
pub struct Range {
    pub count: u32,
    pub base: u32,
    pub stride: u32,
}

/// Bits of no field with a rule of their own.
#[derive(Debug, Clone)]
pub struct ReservedBits {
    pub lsb: u32,
    pub width: u32,
    pub policy: &'static str,
}

#[derive(Debug, Clone)]
pub struct Field {
    pub lsb: u32,
    pub width: u32,
    pub access: Option<&'static str>,
    pub kind: Kind,
    /// The value that software must write.
    pub must: Option<u64>,
    /// The field and its value under which the bits are this one.
    pub when: Option<(usize, u64)>,
}

/// What the values of a field are.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A number, or a flag if it is one bit.
    Number,
    Within(u64, u64),
    /// Some have names: `V3` is 3.
    Named(Vec<u64>),
}

/// Two registers that hold one value.
#[derive(Debug, Clone)]
pub struct Pair {
    pub low: usize,
    pub high: usize,
    pub order: &'static str,
}

/// An index register, whose first field has the index, and the registers behind it.
#[derive(Debug, Clone)]
pub struct Window {
    pub selector: usize,
    /// A named index.
    pub index: Option<usize>,
    pub count: u32,
    pub registers: Vec<usize>,
    pub commands: Option<Commands>,
}

/// What the second field of an index register is given to read and to write, and what the third one is at the end.
#[derive(Debug, Clone)]
pub struct Commands {
    pub read: Option<u64>,
    pub write: Option<u64>,
    pub done: u64,
}

impl Map {
    /// The window that a register is behind, with its number.
    pub fn window_of(&self, register: usize) -> Option<(usize, &Window)> {
        self.windows.iter().enumerate().find(|(_, window)| window.registers.contains(&register))
    }
}

/// Numbers that something is tried with, whatever they come to for a register.
#[derive(Debug, Clone)]
pub struct Trial {
    pub element: usize,
    /// What the chip answers to two reads.
    pub answers: [u64; 2],
    /// Which fields are given a value, bit by bit.
    pub given: u32,
    pub value: u64,
}

impl Register {
    /// Whether a mark leaves it to the driver.
    pub fn is_marked(&self) -> bool {
        self.memory_safety || self.device_state || self.hardware_damage
    }

    /// How one of its fields answers to reads and writes.
    pub fn access_of(&self, field: &Field) -> &'static str {
        field.access.unwrap_or(self.access)
    }
}

/// Some of the things that have such names, separated by commas.
fn names(letter: char, numbers: &[usize]) -> String {
    numbers.iter().map(|number| format!("{letter}{number}")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("chip: X\ntitle: A random chip\ndatasheet: { document: D, revision: 1 }\ngroups: { g: Group }\n")?;
        f.write_str("indices:\n")?;
        for (number, count) in self.indices.iter().enumerate() {
            writeln!(f, "  I{number}: {{ count: {count}, doc: An index. }}")?;
        }
        f.write_str("permissions:\n")?;
        for (number, implied) in self.permissions.iter().enumerate() {
            writeln!(f, "  P{number}: {{ kind: k, doc: A permission., implies: [{}] }}", names('P', implied))?;
        }
        writeln!(f, "write_in: [{}]\nregisters:", names('P', &self.write_in))?;
        for (number, register) in self.registers.iter().enumerate() {
            writeln!(f, "  - name: R{number}\n    title: A register\n    section: \"1\"\n    group: g\n{register}")?;
        }
        f.write_str(if self.pairs.is_empty() { "" } else { "pairs:\n" })?;
        for (number, Pair { low, high, order }) in self.pairs.iter().enumerate() {
            writeln!(f, "  - {{ name: Q{number}, low: R{low}, high: R{high}, order: {order} }}")?;
        }
        f.write_str(if self.windows.is_empty() { "" } else { "windows:\n" })?;
        for (number, window) in self.windows.iter().enumerate() {
            writeln!(f, "  - name: W{number}\n{window}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::At(offset) => writeln!(f, "    offset: {offset:#x}")?,
            Place::Array(index, ranges) => {
                f.write_str("    array:\n")?;
                if let Some(index) = index {
                    writeln!(f, "      index: I{index}")?;
                }
                f.write_str("      ranges:\n")?;
                for Range { count, base, stride } in ranges {
                    writeln!(f, "        - {{ count: {count}, base: {base:#x}, stride: {stride:#x} }}")?;
                }
            }
        }
        writeln!(f, "    width: {}\n    access: {}", self.width, self.access)?;
        match self.reset {
            Some(reset) => writeln!(f, "    reset: {reset:#x}")?,
            None => writeln!(f, "    reset: unknown")?,
        }
        if let Some(known) = self.known {
            writeln!(f, "    reset_known: {known:#x}")?;
        }
        writeln!(f, "    reserved: {}", self.reserved)?;
        f.write_str(if self.reserved_bits.is_empty() { "" } else { "    reserved_bits:\n" })?;
        for ReservedBits { lsb, width, policy } in &self.reserved_bits {
            writeln!(f, "      - {{ bits: \"{}:{lsb}\", policy: {policy}, why: because }}", lsb + width - 1)?;
        }
        if let Some(write_in) = &self.write_in {
            writeln!(f, "    write_in: [{}]", names('P', write_in))?;
        }
        writeln!(f, "    memory_safety: {}\n    doorbell: {}", self.memory_safety, self.doorbell)?;
        writeln!(f, "    device_state: {}\n    hardware_damage: {}", self.device_state, self.hardware_damage)?;
        let musts = self.fields.iter().enumerate().filter_map(|(number, field)| Some((number, field.must?)));
        for (at, (number, value)) in musts.enumerate() {
            f.write_str(if at == 0 { "    required_values:\n" } else { "" })?;
            writeln!(f, "      F{number}: {value}")?;
        }
        f.write_str(if self.fields.is_empty() { "" } else { "    fields:\n" })?;
        for (number, field) in self.fields.iter().enumerate() {
            writeln!(f, "      F{number}: {{ {field} }}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    select: R{}.F0", self.selector)?;
        match self.index {
            Some(index) => writeln!(f, "    index: I{index}")?,
            None => writeln!(f, "    count: {}", self.count)?,
        }
        writeln!(f, "    registers: [{}]", names('R', &self.registers))?;
        let Some(Commands { read, write, done }) = &self.commands else { return Ok(()) };
        f.write_str("    commands:\n")?;
        for (command, value) in [("read", read), ("write", write), ("done", &Some(*done))] {
            let field = if command == "done" { "F2" } else { "F1" };
            if let Some(value) = value {
                writeln!(f, "      {command}: {{ {field}: {value} }}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bits: \"{}:{}\"", self.lsb + self.width - 1, self.lsb)?;
        if let Some(access) = self.access {
            write!(f, ", access: {access}")?;
        }
        match &self.kind {
            Kind::Number => {}
            Kind::Within(least, greatest) => write!(f, ", range: [{least}, {greatest}]")?,
            Kind::Named(values) => {
                let values: Vec<_> = values.iter().map(|value| format!("V{value}: {value}")).collect();
                write!(f, ", values: {{ {} }}", values.join(", "))?;
            }
        }
        if let Some((field, value)) = self.when {
            write!(f, ", when: {{ F{field}: {value} }}")?;
        }
        Ok(())
    }
}
