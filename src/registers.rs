//! The registers of the 82599, generated from `registers.yaml`.
//!
//! [`Registers`] has a method for each. What a register is (its bits, its reset value, when it may
//! be written) stands with its type, under the datasheet's name; [`REGISTERS`] is the same as data.
//! To find one: [by address](by_address), [by name](by_name), [by group](by_group), or by the name
//! that another driver gives it, in the search above.

/// The type that has the methods of a block of registers.
macro_rules! block {
    ($(#[$block:meta])* struct; $(#[$assume:meta])* assume) => {
        $(#[$block])*
        pub struct Registers<'a, B, P> {
            bus: &'a B,
            permission: core::marker::PhantomData<fn() -> P>,
        }

        impl<B, P> Clone for Registers<'_, B, P> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<B, P> Copy for Registers<'_, B, P> {}

        impl<B, P> core::fmt::Debug for Registers<'_, B, P> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "Registers<{}>", core::any::type_name::<P>())
            }
        }

        impl<'a, B, P> Registers<'a, B, P> {
            $(#[$assume])*
            #[must_use]
            pub const unsafe fn assume(bus: &'a B) -> Self {
                Self { bus, permission: core::marker::PhantomData }
            }
        }
    };
}

block! {
    /// The registers of a device on bus `B`, with what permission `P` allows.
    ///
    /// It is got from a device in some state, and `P` is that state: so the compiler knows which
    /// registers may be written. A [`Driver`] permission is not to be had outside the driver.
    ///
    /// ```compile_fail
    /// use ixgbe::registers::{Registers, permission::Running};
    /// fn forge<B: ixgbe::mmio::Bus>(bus: &B) -> Registers<'_, B, Running> {
    ///     Registers::assume(bus) // unsafe
    /// }
    /// ```
    struct;

    /// The registers on `bus` with permission `P`, whoever asks: the way past the rules, for what this crate does not do.
    ///
    /// ```
    /// use ixgbe::registers::{RSCCTL, Registers, RxQueue, permission::QueueDisabled};
    /// use ixgbe::{mmio::Bus, register::Driver, value};
    ///
    /// /// # Safety
    /// ///
    /// /// `queue` is disabled, and its buffers are as long as its SRRCTL says.
    /// unsafe fn coalesce<B: Bus>(bus: &B, queue: RxQueue) {
    ///     // SAFETY: the caller's promise.
    ///     let registers = unsafe { Registers::<_, Driver<QueueDisabled>>::assume(bus) };
    ///     registers.rscctl(queue).modify(value!(RSCCTL { RSCEN: true }));
    /// }
    /// ```
    ///
    /// # Safety
    ///
    /// As long as the result or a copy of it is in use:
    ///
    /// - the device must be in the state, or its queue, that `P` says;
    /// - [`Exclusive`] and [`Driver`] say besides that nobody else uses the device: what is read with an effect, or
    ///   read, changed and written back, is not the driver's to use at the same time;
    /// - with [`Driver`], what is written must not let the device reach memory that it was not given: registers
    ///   that decide over memory (addresses, lengths, buffer sizes, tails, enables) are written with it alone;
    /// - it must not make untrue the state that a [`Device`](crate::device::Device) says it is in, either, and must not
    ///   destroy hardware: registers that can (resets, the EEPROM) are written with it alone, too.
    assume
}

impl<'a, B: Bus, P> Registers<'a, B, P> {
    /// The register `R` at `offset`, which this crate does not know: for what extensions of the map generate.
    ///
    /// # Safety
    ///
    /// Whoever may write `R` by its own rules (`WritableIn`) cannot thereby let the device reach memory that it was not
    /// given. The description that `R` is generated from says so: what decides over memory is marked there.
    #[doc(hidden)]
    #[inline(always)]
    #[must_use]
    pub const unsafe fn added<R: Register>(self, offset: Offset) -> Reg<'a, B, R, P> {
        Reg::at(self.bus, offset)
    }
}

include!(concat!(env!("OUT_DIR"), "/registers.rs"));

/// The registers that a virtual function of the 82599 has in its BAR0, for a driver in a virtual machine.
///
/// There is none in this crate. The virtual function has the permissions of the physical one: it is reset, runs, and its
/// queues are enabled, in the same way.
pub mod virtual_function {
    block! {
        /// The registers of a virtual function on bus `B`, with what permission `P` allows.
        struct;

        /// The registers on `bus` with permission `P`: the caller knows that it holds.
        ///
        /// # Safety
        ///
        /// `bus` reaches BAR0 of a virtual function of the 82599, and what [`Registers::assume`](super::Registers::assume)
        /// asks for holds of that function.
        assume
    }

    include!(concat!(env!("OUT_DIR"), "/registers_virtual_function.rs"));
}

/// The MSI-X table and the pending bits of the 82599, which are in BAR3.
///
/// Under Linux they are the kernel's: VFIO sets up the table by itself.
pub mod msix {
    block! {
        /// The MSI-X table on bus `B`, with what permission `P` allows.
        struct;

        /// The table on `bus` with permission `P`: the caller knows that it holds.
        ///
        /// # Safety
        ///
        /// `bus` reaches BAR3 of the 82599, and what [`Registers::assume`](super::Registers::assume) asks for holds of the
        /// device.
        assume
    }

    include!(concat!(env!("OUT_DIR"), "/registers_msix.rs"));
}
