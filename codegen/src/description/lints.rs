//! The lints: what a description may have, but probably should not.

/// A suspicion about a description, which its author can allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lint {
    /// A field has no `doc`.
    Undocumented,
    /// A text is `?`.
    Placeholder,
    /// Nothing uses a group, an index, a permission or a block.
    Unused,
    /// A register has no fields.
    NoFields,
    /// A field with named values gets a value without a name.
    UnnamedValue,
    /// A write changes reserved bits from their value after a reset.
    ReservedReset,
    /// A field that looks like an address can be set by any code.
    UnmarkedAddress,
    /// Two registers that look like one value are no pair.
    UnpairedHalves,
    /// An `allow` allows nothing.
    UnusedAllow,
}

impl Lint {
    /// All lints.
    pub const ALL: [Self; 9] = [
        Self::Undocumented,
        Self::Placeholder,
        Self::Unused,
        Self::NoFields,
        Self::UnnamedValue,
        Self::ReservedReset,
        Self::UnmarkedAddress,
        Self::UnpairedHalves,
        Self::UnusedAllow,
    ];

    /// Returns its name, which `allow` takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undocumented => "undocumented",
            Self::Placeholder => "placeholder",
            Self::Unused => "unused",
            Self::NoFields => "no-fields",
            Self::UnnamedValue => "unnamed-value",
            Self::ReservedReset => "reserved-reset",
            Self::UnmarkedAddress => "unmarked-address",
            Self::UnpairedHalves => "unpaired-halves",
            Self::UnusedAllow => "unused-allow",
        }
    }

    /// Returns what it warns about.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Undocumented => "a field without `doc`",
            Self::Placeholder => "a text that is `?`, which `from-svd` writes where the datasheet must be read",
            Self::Unused => "a group, an index, a permission or a block that nothing uses",
            Self::NoFields => "a register without fields",
            Self::UnnamedValue => {
                "a reset, required or fixed value or a condition that is none of the named values of its field"
            }
            Self::ReservedReset => {
                "reserved bits that a write changes from their value after a reset, without an entry in `reserved_bits`"
            }
            Self::UnmarkedAddress => {
                "a field of 16 bits or more that is named like an address, in a register or descriptor without a mark"
            }
            Self::UnpairedHalves => "neighbours with names such as `COUNT_L` and `COUNT_H` that are no pair",
            Self::UnusedAllow => "an `allow` that allows nothing",
        }
    }
}
