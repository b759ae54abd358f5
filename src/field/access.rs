//! Access kinds of fields, as they appear in a field's type.

/// What a field allows.
pub trait Access: Copy + 'static {}

/// A field that software may set.
#[diagnostic::on_unimplemented(
    message = "this field of `{R}` cannot be set: it is `{Self}`",
    label = "`{Self}` field of `{R}`",
    note = "`ReadOnly` and `ReadClears` fields are the device's; a `Fixed` one has a value that the datasheet prescribes, and every write sees to it by itself; a `Guarded` one decides over memory"
)]
pub trait Settable<R>: Access {}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $($marker:ident)*;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl Access for $name {}
        $(
            #[diagnostic::do_not_recommend]
            impl<R> $marker<R> for $name {}
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
