//! The schema of extensions: additions of one crate to the description of another.

use super::{Allow, DescriptorFormat, Field, Index, Items, Name, Named, Pair, Permission, Register};
use crate::source::Spanned;
use crate::yaml::decode::mapping;

mapping! {
    /// A whole file of additions.
    pub struct Extension("an extension") {
        /// The name of the extension, with which the names of its traits begin.
        pub extension: Name,
        /// The chip whose description it adds to.
        pub extends: Name,
        /// The lints that are allowed in the whole file, each with the reason.
        pub allow: Allow = default,
        /// Further groups.
        pub groups: Named<String> = default,
        /// Further indices.
        pub indices: Named<Index> = default,
        /// Further permissions.
        pub permissions: Named<Permission> = default,
        /// Further registers.
        pub registers: Items<Register> = default,
        /// The additions to described registers, by their names.
        pub additions: Named<Addition> = default,
        /// Further pairs.
        pub pairs: Items<Pair> = default,
        /// Further formats of descriptors.
        pub descriptors: Items<DescriptorFormat> = default,
        /// The additions to described formats, by the names of their types, such as `TransferRead`.
        pub descriptor_additions: Named<DescriptorAddition> = default,
    }
}

mapping! {
    /// The additions to one register.
    pub struct Addition("an addition", "an extension adds to a register, and changes none of its rules") {
        /// `true` if a wrong value of the added fields lets the chip access memory that was not given to it.
        pub memory_safety: Option<Spanned<bool>> = default,
        /// `true` if a wrong value of the added fields changes the state of the chip that the driver tracks.
        pub device_state: Option<Spanned<bool>> = default,
        /// `true` if a wrong value of the added fields can destroy hardware.
        pub hardware_damage: Option<Spanned<bool>> = default,
        /// Further fields.
        pub fields: Named<Field> = default,
        /// Further named values, by the names of the fields.
        pub values: Named<Named<Spanned<u64>>> = default,
    }
}

mapping! {
    /// The additions to one format of a descriptor.
    pub struct DescriptorAddition(
        "an addition to a descriptor",
        "an extension adds to a descriptor, and changes none of its rules"
    ) {
        /// Further fields, in bits that were reserved.
        pub fields: Named<Field> = default,
        /// Further named values, by the names of the fields.
        pub values: Named<Named<Spanned<u64>>> = default,
    }
}
