//! Windows: an index register, and the registers behind it, which show the element that the index selects.
//!
//! Each write of the index register changes the element that all registers behind the window show. So a [`Window`] is the
//! only way to both. It cannot be copied, and each access borrows it exclusively. There are two sorts:
//!
//! - A [`Bank`]: [`select`](Window::select) writes the index, and returns the registers of the selected element. They
//!   borrow the window, so nothing else can be selected while they are in use.
//! - A [`Commanded`] window: its index register also has commands. [`read`](Window::read) and [`write`](Window::write)
//!   give a command, and wait until the device has carried it out.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use crate::array::{Index, IndexSpace};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::field::{FullValue, Value, mask};
use crate::info::WindowInfo;
use crate::register::{Contents, PlainWrite, PureRead, Reg, Register, Resettable, TimedOut, WritableIn};
use crate::space::Offset;

/// What a window shows, and where its index register is.
///
/// # Safety
///
/// Field [`INFO.field`](WindowInfo::field) of the index register must take every index of `Index`, and a write of it must
/// change nothing but what the registers behind the window stand for.
pub unsafe trait View {
    /// The index register.
    type Selector: Register;
    /// What the index numbers.
    type Index: IndexSpace;
    /// Where the index register is.
    const SELECTOR: Offset<<Self::Selector as Register>::Space, <Self::Selector as Register>::Width>;
    /// The window as data.
    const INFO: WindowInfo;
}

/// A window whose registers stand for the element that was selected last.
///
/// # Safety
///
/// [`Registers`](Self::Registers) must reach no register but those behind the window.
pub unsafe trait Bank: View {
    /// The registers behind the window, on a bus that is borrowed for `'w`.
    type Registers<'w, B: 'w, P>;

    /// Returns the registers of the element that is selected now.
    ///
    /// # Safety
    ///
    /// Permission `P` must hold for the device behind `bus`, and nothing else may be selected before `'w` ends.
    unsafe fn registers<'w, B: 'w, P>(bus: &'w B) -> Self::Registers<'w, B, P>;
}

/// A window whose index register has commands, which transfer one element to or from the data register.
///
/// # Safety
///
/// The commands in [`View::INFO`] must give only fields that software may set.
pub unsafe trait Commanded: View {
    /// The data register.
    type Data: Register;
    /// Where the data register is.
    const DATA: Offset<<Self::Data as Register>::Space, <Self::Data as Register>::Width>;
}

/// A window with a command that reads.
///
/// # Safety
///
/// [`READ`](Self::READ) must be the fields of the command, in the bits that [`View::INFO`] gives.
#[diagnostic::on_unimplemented(
    message = "window `{Self}` has no command that reads",
    label = "what is behind it can only be written"
)]
pub unsafe trait ReadCommand: Commanded {
    /// The bits that give the command.
    const READ: u64;
}

/// A window with a command that writes.
///
/// # Safety
///
/// [`WRITE`](Self::WRITE) must be the fields of the command, in the bits that [`View::INFO`] gives.
#[diagnostic::on_unimplemented(
    message = "window `{Self}` has no command that writes",
    label = "what is behind it can only be read"
)]
pub unsafe trait WriteCommand: Commanded {
    /// The bits that give the command.
    const WRITE: u64;
}

/// The window `V` of the device on bus `B`, with permission `P`: the only way to its registers.
pub struct Window<'a, B, V, P> {
    bus: &'a B,
    kind: PhantomData<(V, P)>,
}

impl<B, V: View, P> fmt::Debug for Window<'_, B, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", V::INFO.name, V::SELECTOR)
    }
}

impl<'a, B, V: View, P> Window<'a, B, V, P> {
    /// Makes a window, for generated code.
    ///
    /// # Safety
    ///
    /// As long as the window is in use, permission `P` must hold for the device behind `bus`, and nothing else may write
    /// the index register or access what is behind it.
    #[doc(hidden)]
    #[must_use]
    #[inline(always)]
    pub const unsafe fn at(bus: &'a B) -> Self {
        Self { bus, kind: PhantomData }
    }

    /// Writes `index` to the index register, with the bits of a command.
    #[inline(always)]
    fn give(&self, index: Index<V::Index>, command: u64)
    where
        B: Bus<<V::Selector as Register>::Space, <V::Selector as Register>::Width>,
        V::Selector: PlainWrite + Resettable + WritableIn<P>,
    {
        // SAFETY: the window was made for a device for which `P` holds, and `View` says where its index register is.
        let selector: Reg<'_, B, V::Selector, P> = unsafe { Reg::at(self.bus, V::SELECTOR) };
        let WindowInfo { lsb, width, commands, .. } = V::INFO;
        let commands = match commands {
            Some(commands) => commands.mask,
            None => 0,
        };
        let bits = ((index.get() as u64) << lsb) | command;
        selector.write(Value::of([mask(lsb, width)[0] | commands, 0], 0, bits));
    }
}

impl<B, V: Bank, P> Window<'_, B, V, P>
where
    B: Bus<<V::Selector as Register>::Space, <V::Selector as Register>::Width>,
{
    /// Selects element `index`, and returns the registers that stand for it.
    #[inline(always)]
    pub fn select(&mut self, index: Index<V::Index>) -> V::Registers<'_, B, P>
    where
        V::Selector: PlainWrite + Resettable + WritableIn<P>,
    {
        self.give(index, 0);
        // SAFETY: the window was made for a device for which `P` holds. The result borrows the window, which nobody else
        // has, so nothing else is selected while it is in use.
        unsafe { V::registers(self.bus) }
    }
}

impl<B, V: Commanded, P> Window<'_, B, V, P>
where
    B: Bus<<V::Selector as Register>::Space, <V::Selector as Register>::Width>
        + Bus<<V::Data as Register>::Space, <V::Data as Register>::Width>,
{
    /// Reads element `index`: gives the command, waits for at most `limit`, and reads the data register.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if the device does not carry out the command in time. The device may still do so later, and the next
    /// command does not wait for that.
    pub fn read(
        &mut self,
        index: Index<V::Index>,
        clock: &impl Clock,
        limit: Duration,
    ) -> Result<Contents<V::Data>, TimedOut>
    where
        V: ReadCommand,
        V::Selector: PureRead + PlainWrite + Resettable + WritableIn<P>,
        V::Data: PureRead,
    {
        self.give(index, V::READ);
        self.wait(clock, limit)?;
        Ok(self.data().read())
    }

    /// Writes `value` to element `index`: writes the data register, gives the command, and waits for at most `limit`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if the device does not carry out the command in time. The device may still do so later, and the next
    /// command does not wait for that.
    pub fn write(
        &mut self,
        index: Index<V::Index>,
        value: FullValue<V::Data>,
        clock: &impl Clock,
        limit: Duration,
    ) -> Result<(), TimedOut>
    where
        V: WriteCommand,
        V::Selector: PureRead + PlainWrite + Resettable + WritableIn<P>,
        V::Data: PlainWrite + WritableIn<P>,
    {
        self.data().write_full(value);
        self.give(index, V::WRITE);
        self.wait(clock, limit)
    }

    fn data(&self) -> Reg<'_, B, V::Data, P> {
        // SAFETY: the window was made for a device for which `P` holds, and `Commanded` says where its data register is.
        unsafe { Reg::at(self.bus, V::DATA) }
    }

    /// Waits until the index register says that the command was carried out.
    fn wait(&self, clock: &impl Clock, limit: Duration) -> Result<(), TimedOut>
    where
        V::Selector: PureRead,
    {
        // SAFETY: the window was made for a device for which `P` holds, and `View` says where its index register is.
        let selector: Reg<'_, B, V::Selector, P> = unsafe { Reg::at(self.bus, V::SELECTOR) };
        let is_done = |read: Contents<V::Selector>| {
            V::INFO.commands.is_none_or(|commands| read.get().into() & commands.done_mask == commands.done)
        };
        selector.wait_until(clock, limit, is_done).map(|_| ())
    }
}
