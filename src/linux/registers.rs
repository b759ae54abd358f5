//! The kinds of functions that this crate drives under Linux, by their registers.

use datasheet_runtime::space::Space;

use crate::linux::ids::Kind;
use crate::registers::{RegisterSpace, virtual_function};

/// The registers of a kind of PCI function: [`RegisterSpace`] of a physical function, or
/// [`virtual_function::RegisterSpace`] of a virtual one.
pub trait Registers: Space + sealed::Sealed {}

pub(crate) mod sealed {
    use super::Kind;

    /// What tells the kinds apart.
    pub trait Sealed: Send + Sync + 'static {
        /// The kind.
        const KIND: Kind;
    }
}

impl Registers for RegisterSpace {}

impl sealed::Sealed for RegisterSpace {
    const KIND: Kind = Kind::Physical;
}

impl Registers for virtual_function::RegisterSpace {}

impl sealed::Sealed for virtual_function::RegisterSpace {
    const KIND: Kind = Kind::Virtual;
}
