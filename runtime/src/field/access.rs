//! Access kinds of fields, as they appear in a field's type.

use core::marker::PhantomData;

use super::Layout;

/// An access kind whose fields in `R` software may set.
///
/// # Safety
///
/// [`MAY_SET`](Self::MAY_SET) must have only bits of `R` that any code may set to any value that their field takes: no
/// bit that is reserved, or the device's, or that the datasheet prescribes, or that an extension has marked.
#[diagnostic::on_unimplemented(
    message = "this field of `{R}` cannot be set: it is `{Self}`",
    label = "`{Self}` field of `{R}`",
    note = "only the device writes `ReadOnly` and `ReadToClear` fields",
    note = "every write sets a `Fixed` field itself, to the value that the datasheet prescribes",
    note = "no safe code sets a `DriverOnly` field"
)]
pub unsafe trait Settable<R>: 'static {
    /// The bits that fields of this kind may set, as a low and a high word. No field of this kind can set another bit.
    const MAY_SET: [u64; 2];
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $($marker:ident)*;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        $(
            #[diagnostic::do_not_recommend]
            // SAFETY: `Layout` promises that software may set these bits.
            unsafe impl<R: Layout> $marker<R> for $name {
                const MAY_SET: [u64; 2] = R::WRITABLE;
            }
        )*
    )*};
}

kinds! {
    /// Read and written freely.
    ReadWrite: Settable;
    /// Only read.
    ReadOnly:;
    /// Only written; reading returns no meaningful value.
    WriteOnly: Settable;
    /// Reading clears it.
    ReadToClear:;
    /// Writing a one clears it.
    OneToClear: Settable;
    /// Writing a zero clears it, a one does nothing.
    ZeroToClear: Settable;
    /// Writing a one sets it, a zero does nothing.
    OneToSet: Settable;
    /// Set by software, cleared by the device when done.
    SelfClearing: Settable;
    /// Reading sets it.
    ReadToSet: Settable;
    /// The datasheet prescribes its value, which every write sets.
    Fixed:;
    /// An extension of the map marks it, in a register without a mark or in a descriptor: no safe code sets it.
    DriverOnly:;
}

/// Access kind `A` of a field that an extension of the map adds. The type of the register or descriptor does not know the
/// field, and may have its bits as reserved.
#[derive(Debug, Clone, Copy)]
pub struct Added<A = ReadWrite>(PhantomData<A>);

#[diagnostic::do_not_recommend]
// SAFETY: every field keeps to its own bits. Making a field of this kind is unsafe: the caller promises that the bits do
// not conflict with the map. The generator checks that with both descriptions.
unsafe impl<R: Layout, A: Settable<R>> Settable<R> for Added<A> {
    const MAY_SET: [u64; 2] = [u64::MAX; 2];
}
