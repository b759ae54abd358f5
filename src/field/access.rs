//! Access kinds of fields, as they appear in a field's type.

use core::marker::PhantomData;

use super::Layout;

/// The access kind of fields of `R` that software may set.
///
/// # Safety
///
/// [`MAY_SET`](Self::MAY_SET) must have only bits of `R` that any code may set to any value that their field takes: no bit that
/// is reserved, or the device's, or that the datasheet prescribes, or that an extension has marked.
#[diagnostic::on_unimplemented(
    message = "this field of `{R}` cannot be set: it is `{Self}`",
    label = "`{Self}` field of `{R}`",
    note = "`ReadOnly` and `ReadClears` fields are the device's; a `Fixed` one has a value that the datasheet prescribes, and every write sees to it by itself; a `Guarded` one decides over memory"
)]
pub unsafe trait Settable<R>: 'static {
    /// The bits that fields of this kind can be, the low and the high 64. Whatever a field says, no other bit is set.
    const MAY_SET: [u64; 2];
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $($marker:ident)*;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        $(
            #[diagnostic::do_not_recommend]
            // SAFETY: what `Layout` says may be set.
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
    /// Only written; reading gives nothing of meaning.
    WriteOnly: Settable;
    /// Reading clears it.
    ReadClears:;
    /// Writing a one clears it.
    WriteOneClears: Settable;
    /// Writing a one sets it, a zero does nothing.
    WriteOneSets: Settable;
    /// Set by software, cleared by the device when done.
    SelfClearing: Settable;
    /// Reading sets it.
    ReadSets: Settable;
    /// The datasheet prescribes its value; every write sees to it.
    Fixed:;
    /// An extension of the map says that it decides over memory, in a register that otherwise does not.
    Guarded:;
}

/// Of kind `A`, and added by an extension of the map: the register's own type was made without the field, and may take its
/// bits for reserved.
#[derive(Debug, Clone, Copy)]
pub struct Added<A = ReadWrite>(PhantomData<A>);

#[diagnostic::do_not_recommend]
// SAFETY: this leaves a field its own bits. That they are in no way of the map's was checked with both descriptions at hand, and
// whoever makes a field of this kind, which is unsafe, says so.
unsafe impl<R: Layout, A: Settable<R>> Settable<R> for Added<A> {
    const MAY_SET: [u64; 2] = [u64::MAX; 2];
}
