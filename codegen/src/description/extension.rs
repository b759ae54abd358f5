//! What one crate adds to the description that another was made from.

use super::{Field, Index, Items, Name, Named, Register};
use crate::parse::decode::mapping;
use crate::source::Spanned;

mapping! {
    /// A whole file of additions.
    pub struct Extension("an extension") {
        /// What it is called. The traits that make the additions reachable begin with it.
        pub extension: Name,
        /// The chip whose description it adds to.
        pub extends: Name,
        /// Further groups.
        pub groups: Named<String> = default,
        /// Further indices.
        pub indices: Named<Index> = default,
        /// Further registers.
        pub registers: Items<Register> = default,
        /// What is added to registers that are described already, by their names.
        pub additions: Named<Addition> = default,
    }
}

mapping! {
    /// What is added to one register.
    pub struct Addition("an addition") {
        /// `true` if a wrong value of the added fields lets the chip reach memory that it was not given.
        pub memory_safety: Option<Spanned<bool>> = default,
        /// `true` if a wrong value of the added fields makes untrue what the driver knows of the chip.
        pub device_state: Option<Spanned<bool>> = default,
        /// `true` if a wrong value of the added fields can destroy hardware.
        pub hardware_damage: Option<Spanned<bool>> = default,
        /// Further fields.
        pub fields: Named<Field> = default,
        /// Further values that have names, by the names of the fields.
        pub values: Named<Named<Spanned<u64>>> = default,
    }
}
