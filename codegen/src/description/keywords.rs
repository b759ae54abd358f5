//! The words that can stand for a value.

use crate::parse::decode::keywords;

keywords! {
    /// How a register or a field answers to reads and writes.
    pub enum Access("a kind of access") {
        /// Reads give what was written.
        ReadWrite = "rw",
        /// Writes do nothing.
        ReadOnly = "ro",
        /// Reads mean nothing.
        WriteOnly = "wo",
        /// A read clears it.
        ReadClears = "rc",
        /// Writing a one clears the bit.
        WriteOneClears = "w1c",
        /// A read clears it, and so does writing a one.
        ReadOrWriteOneClears = "rc_w1c",
        /// Writing a one sets the bit, writing a zero does nothing.
        WriteOneSets = "w1s",
        /// The chip clears it when it has done what was asked.
        SelfClearing = "sc",
        /// A read sets it.
        ReadSets = "read_sets",
    }
}

keywords! {
    /// What software does with bits of no field.
    #[derive(Default)]
    pub enum Reserved("a rule for reserved bits") {
        /// Writes back what it read.
        #[default]
        Preserve = "preserve",
        /// Writes zeros.
        Zero = "zero",
        /// Writes ones.
        One = "one",
    }
}

keywords! {
    /// The order in which the registers of a pair must be accessed.
    pub enum Order("an order of access") {
        /// The low one first.
        LowFirst = "low_first",
        /// The high one first.
        HighFirst = "high_first",
        /// It does not matter.
        Either = "either",
    }
}

keywords! {
    /// Who writes a descriptor in a format.
    pub enum Format("a descriptor's format") {
        /// Software, for the chip to read.
        Read = "read",
        /// The chip, over what it read.
        WriteBack = "write_back",
        /// Either: it is a structure in memory.
        Memory = "memory",
    }
}

keywords! {
    /// A kind of doubt about the datasheet.
    pub enum DoubtLabel("a label of a doubt") {
        /// It says two things.
        Contradiction = "contradiction",
        /// It says what is not so.
        Incorrect = "incorrect",
        /// It does not say.
        Missing = "missing",
        /// It says what has no use.
        Pointless = "pointless",
        /// It is misspelt.
        Typo = "typo",
    }
}

impl Access {
    /// What it means, in a few words.
    pub(crate) fn behaviour(self) -> &'static str {
        match self {
            Self::ReadWrite => "reads give what was written",
            Self::ReadOnly => "writes do nothing",
            Self::WriteOnly => "reads mean nothing",
            Self::ReadClears => "a read clears it",
            Self::WriteOneClears => "writing a one clears the bit",
            Self::ReadOrWriteOneClears => "a read clears it, and so does writing a one",
            Self::WriteOneSets => "writing a one sets the bit, a zero does nothing",
            Self::SelfClearing => "the device clears it when it has done what was asked",
            Self::ReadSets => "a read sets it",
        }
    }
}
