//! The bridge to the crate tock-registers (feature `tock-registers`, on by default).
//!
//! Code that is written for tock-registers works with generated registers: their types are [`RegisterLongName`]s,
//! fields convert to [`Field`](TockField)s, and what was read converts to a [`LocalRegisterCopy`]. [`Readable`] is
//! implemented where a read has no side effect, [`Writeable`] where a register takes any number. All that this crate
//! has of tock-registers is here, so that a new major version of it changes this module alone.

pub use tock_registers::fields::Field as TockField;
pub use tock_registers::interfaces::{Readable, Writeable};
pub use tock_registers::{LocalRegisterCopy, RegisterLongName, UIntLike};

use crate::bus::Bus;
use crate::field::{Bits, Enumerated, Flag, mask};
use crate::register::{Contents, PureRead, RawWrite, Reg, Register, WritableIn};
use crate::space::Width;

impl<B, R, P> Readable for Reg<'_, B, R, P>
where
    B: Bus<R::Space, R::Width>,
    R: PureRead + RegisterLongName,
    R::Width: UIntLike,
{
    type T = R::Width;
    type R = R;

    #[inline(always)]
    fn get(&self) -> R::Width {
        self.read().get()
    }
}

impl<B, R, P> Writeable for Reg<'_, B, R, P>
where
    B: Bus<R::Space, R::Width>,
    R: RawWrite + WritableIn<P> + RegisterLongName,
    R::Width: UIntLike,
{
    type T = R::Width;
    type R = R;

    #[inline(always)]
    fn set(&self, value: R::Width) {
        self.write_raw(value);
    }
}

impl<R: Register + RegisterLongName> From<Contents<R>> for LocalRegisterCopy<R::Width, R>
where
    R::Width: UIntLike,
{
    #[inline(always)]
    fn from(contents: Contents<R>) -> Self {
        Self::new(contents.get())
    }
}

impl<T, R, const LSB: u32, const WIDTH: u32, A> From<Bits<R, LSB, WIDTH, A>> for TockField<T, R>
where
    T: UIntLike + Width,
    R: Register<Width = T> + RegisterLongName,
{
    fn from(_: Bits<R, LSB, WIDTH, A>) -> Self {
        Self::new(T::truncate(mask(0, WIDTH)[0]), LSB as usize)
    }
}

impl<T, R, const LSB: u32, A> From<Flag<R, LSB, A>> for TockField<T, R>
where
    T: UIntLike + Width,
    R: Register<Width = T> + RegisterLongName,
{
    fn from(_: Flag<R, LSB, A>) -> Self {
        Self::new(T::truncate(1), LSB as usize)
    }
}

impl<T, R, const LSB: u32, const WIDTH: u32, E, A> From<Enumerated<R, LSB, WIDTH, E, A>> for TockField<T, R>
where
    T: UIntLike + Width,
    R: Register<Width = T> + RegisterLongName,
{
    fn from(_: Enumerated<R, LSB, WIDTH, E, A>) -> Self {
        Self::new(T::truncate(mask(0, WIDTH)[0]), LSB as usize)
    }
}
