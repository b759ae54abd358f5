//! The keywords that a value can be.

use crate::yaml::decode::keywords;

keywords! {
    /// A kind of access: the effect of reads and writes.
    pub enum Access("a kind of access") {
        /// A read returns the written value.
        ReadWrite = "rw",
        /// A write has no effect.
        ReadOnly = "ro",
        /// A read returns no meaningful value.
        WriteOnly = "wo",
        /// A read clears it.
        ReadClears = "rc",
        /// Writing a one clears the bit.
        WriteOneClears = "w1c",
        /// A read clears it, and so does writing a one.
        ReadOrWriteOneClears = "rc_w1c",
        /// Writing a zero clears the bit, writing a one does nothing.
        WriteZeroClears = "w0c",
        /// Writing a one sets the bit, writing a zero does nothing.
        WriteOneSets = "w1s",
        /// The chip clears it when the requested action is complete.
        SelfClearing = "sc",
        /// A read sets it.
        ReadSets = "read_sets",
    }
}

keywords! {
    /// The value that software writes to bits without a field.
    #[derive(Default)]
    pub enum Reserved("a rule for reserved bits") {
        /// The value that was read.
        #[default]
        Preserve = "preserve",
        /// Zeros.
        Zero = "zero",
        /// Ones.
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
        /// Either one first.
        Either = "either",
    }
}

keywords! {
    /// The order of the bytes of a register in memory.
    #[derive(Default)]
    pub enum ByteOrder("a byte order") {
        /// The least significant byte is at the lowest address.
        #[default]
        Little = "little",
        /// The most significant byte is at the lowest address.
        Big = "big",
    }
}

keywords! {
    /// The format of a descriptor: the side that writes it, or a structure of bytes.
    pub enum Format("a descriptor's format") {
        /// Written by software, for the chip to read.
        Read = "read",
        /// Written by the chip, over the descriptor that it read.
        WriteBack = "write_back",
        /// Written by either: a structure in memory.
        Memory = "memory",
        /// A structure of any number of bytes, whose last ones may be missing, such as a header.
        Structure = "structure",
    }
}

keywords! {
    /// A kind of doubt about the datasheet.
    pub enum DoubtLabel("a label of a doubt") {
        /// The datasheet contradicts itself.
        Contradiction = "contradiction",
        /// The datasheet is wrong.
        Incorrect = "incorrect",
        /// The datasheet leaves it out.
        Missing = "missing",
        /// The datasheet describes something without a use.
        Pointless = "pointless",
        /// The datasheet has a misspelling.
        Typo = "typo",
    }
}

impl Access {
    /// Describes the effect in a few words.
    pub(crate) fn behaviour(self) -> &'static str {
        match self {
            Self::ReadWrite => "a read returns the written value",
            Self::ReadOnly => "a write has no effect",
            Self::WriteOnly => "a read returns no meaningful value",
            Self::ReadClears => "a read clears it",
            Self::WriteOneClears => "writing a one clears the bit",
            Self::ReadOrWriteOneClears => "a read clears it, and so does writing a one",
            Self::WriteZeroClears => "writing a zero clears the bit, a one does nothing",
            Self::WriteOneSets => "writing a one sets the bit, a zero does nothing",
            Self::SelfClearing => "the device clears it when the requested action is complete",
            Self::ReadSets => "a read sets it",
        }
    }
}
