//! What the generated code refers to, as little as a chip of 8-bit registers without arrays and DMA needs.

/// Fields and their values.
pub mod field {
    use core::marker::PhantomData;

    /// Kinds of access, as they appear in a field's type.
    pub mod access {
        /// A field that software may set.
        #[diagnostic::on_unimplemented(message = "this field cannot be set: it is `{Self}`")]
        pub trait Settable {}

        macro_rules! kinds {
            ($($(#[$doc:meta])* $name:ident $(: $settable:ident)?;)*) => {$(
                $(#[$doc])*
                #[derive(Debug, Clone, Copy)]
                pub enum $name {}
                $(impl $settable for $name {})?
            )*};
        }

        kinds! {
            /// Read and written freely.
            ReadWrite: Settable;
            /// Only read.
            ReadOnly;
            /// Only written.
            WriteOnly: Settable;
            /// A read clears it.
            ReadToClear;
        }
    }

    use access::{ReadWrite, Settable};

    /// What has fields.
    ///
    /// # Safety
    ///
    /// The constants must be what the description says.
    pub unsafe trait Layout: Copy + 'static {
        /// The datasheet's name.
        const NAME: &'static str;
        /// The bits of the fields that software may set.
        const WRITABLE: [u64; 2];
    }

    /// Values for some fields of `R`.
    #[derive(Debug, Clone, Copy)]
    pub struct Value<R> {
        pub(super) mask: u8,
        pub(super) bits: u8,
        layout: PhantomData<R>,
    }

    impl<R> Value<R> {
        const fn of(lsb: u32, width: u32, value: u64) -> Self {
            let mask = mask(width) << lsb;
            Self { mask, bits: (value as u8) << lsb & mask, layout: PhantomData }
        }

        /// This value and the other: where both give a field, the other's.
        #[must_use]
        pub const fn and(self, other: Self) -> Self {
            Self { mask: self.mask | other.mask, bits: self.bits & !other.mask | other.bits, layout: PhantomData }
        }
    }

    const fn mask(width: u32) -> u8 {
        u8::MAX >> (8 - width)
    }

    /// A field of `R`.
    pub trait Field<R> {
        /// What reading it gives.
        type Read;
        /// The field's meaning, from what was read of its register.
        fn read(self, register: u8) -> Self::Read;
    }

    /// A number.
    #[derive(Debug, Clone, Copy)]
    pub struct Bits<R, const LSB: u32, const WIDTH: u32, A = ReadWrite>(PhantomData<(R, A)>);

    /// One bit.
    #[derive(Debug, Clone, Copy)]
    pub struct Flag<R, const LSB: u32, A = ReadWrite>(PhantomData<(R, A)>);

    /// Bits whose values have the names of `E`.
    #[derive(Debug, Clone, Copy)]
    pub struct Enumerated<R, const LSB: u32, const WIDTH: u32, E, A = ReadWrite>(PhantomData<(R, E, A)>);

    /// The named values of a field.
    ///
    /// # Safety
    ///
    /// The numbers must be values of the field.
    pub unsafe trait Enumeration: Copy + 'static {
        /// The value of those bits, if it has a name.
        fn from_bits(raw: u64) -> Option<Self>;
        /// The bits of this value.
        fn to_bits(self) -> u64;
    }

    impl<R, const LSB: u32, const WIDTH: u32, A> Bits<R, LSB, WIDTH, A> {
        /// The field.
        ///
        /// # Safety
        ///
        /// The description must have it.
        #[must_use]
        pub const unsafe fn new(_name: &'static str) -> Self {
            Self(PhantomData)
        }

        /// A value for the field, if it fits.
        #[must_use]
        pub fn of(self, value: u8) -> Option<Value<R>>
        where
            A: Settable,
        {
            (value <= mask(WIDTH)).then(|| Value::of(LSB, WIDTH, value.into()))
        }
    }

    impl<R, const LSB: u32, A> Flag<R, LSB, A> {
        /// The flag.
        ///
        /// # Safety
        ///
        /// The description must have it.
        #[must_use]
        pub const unsafe fn new(_name: &'static str) -> Self {
            Self(PhantomData)
        }

        /// A value for the flag.
        #[must_use]
        pub fn of(self, value: bool) -> Value<R>
        where
            A: Settable,
        {
            Value::of(LSB, 1, value.into())
        }
    }

    impl<R, const LSB: u32, const WIDTH: u32, E, A> Enumerated<R, LSB, WIDTH, E, A> {
        /// The field.
        ///
        /// # Safety
        ///
        /// The description must have it.
        #[must_use]
        pub const unsafe fn new(_name: &'static str) -> Self {
            Self(PhantomData)
        }

        /// A value for the field.
        #[must_use]
        pub fn of(self, value: E) -> Value<R>
        where
            E: Enumeration,
            A: Settable,
        {
            Value::of(LSB, WIDTH, value.to_bits())
        }
    }

    impl<R, const LSB: u32, const WIDTH: u32, A> Field<R> for Bits<R, LSB, WIDTH, A> {
        type Read = u64;

        fn read(self, register: u8) -> u64 {
            (register >> LSB & mask(WIDTH)).into()
        }
    }

    impl<R, const LSB: u32, A> Field<R> for Flag<R, LSB, A> {
        type Read = bool;

        fn read(self, register: u8) -> bool {
            register >> LSB & 1 == 1
        }
    }

    impl<R, const LSB: u32, const WIDTH: u32, E: Enumeration, A> Field<R> for Enumerated<R, LSB, WIDTH, E, A> {
        type Read = Option<E>;

        fn read(self, register: u8) -> Option<E> {
            E::from_bits((register >> LSB & mask(WIDTH)).into())
        }
    }
}

/// The description as data.
pub mod info {
    use super::mmio::Range;

    /// How a register or field answers.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum AccessKind {
        /// Read and written freely.
        Rw,
        /// Only read.
        Ro,
        /// Only written.
        Wo,
        /// A read clears it.
        Rc,
    }

    /// A field.
    #[allow(missing_docs)]
    #[derive(Debug)]
    pub struct FieldInfo {
        pub name: &'static str,
        pub lsb: u32,
        pub width: u32,
        pub access: AccessKind,
        pub values: &'static [(&'static str, u64)],
    }

    /// A register.
    #[allow(missing_docs)]
    #[derive(Debug)]
    pub struct RegisterInfo {
        pub name: &'static str,
        pub title: &'static str,
        pub section: &'static str,
        pub page: u32,
        pub group: &'static str,
        pub width: u32,
        pub access: AccessKind,
        pub reset: Option<u32>,
        pub reset_known: u32,
        pub preserve: u32,
        pub must_be_zero: u32,
        pub must_be_one: u32,
        pub ranges: &'static [Range],
        pub aliases: &'static [Range],
        pub write_in: &'static [&'static str],
        pub memory_safety: bool,
        pub device_state: bool,
        pub hardware_damage: bool,
        pub doorbell: bool,
        pub fields: &'static [FieldInfo],
    }
}

/// The way to the chip.
pub mod mmio {
    /// Where a register is: below 8.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Offset(u32);

    impl Offset {
        /// For constants in generated code.
        #[must_use]
        pub const fn constant(bytes: u32) -> Self {
            assert!(bytes < 8);
            Self(bytes)
        }

        /// The offset in bytes.
        #[must_use]
        pub const fn bytes(self) -> u32 {
            self.0
        }
    }

    /// Registers at equal distances.
    #[allow(missing_docs)]
    #[derive(Debug)]
    pub struct Range {
        pub first: u32,
        pub count: u32,
        pub base: u32,
        pub stride: u32,
    }

    /// Reads and writes the registers: ports on a PC, memory elsewhere. Nothing that is written lets the chip reach memory.
    pub trait Bus {
        /// Reads the register at `offset`.
        fn read8(&self, offset: Offset) -> u8;
        /// Writes the register at `offset`.
        fn write8(&self, offset: Offset, value: u8);
    }
}

/// Registers, and what may be done with them.
pub mod register {
    use core::marker::PhantomData;

    use super::field::{Field, Layout, Value};
    use super::mmio::{Bus, Offset};

    /// A register.
    ///
    /// # Safety
    ///
    /// The constants must be what the description says.
    #[allow(missing_docs)]
    pub unsafe trait Register: Layout + RegisterLongName {
        const SECTION: &'static str;
        const WIDTH: u32;
        const KEEP: u32;
        const ONES: u32;
        const RESET: u32;
    }

    /// What marks a type as a register.
    pub trait RegisterLongName {}
    /// A register whose value after a reset is known, or in which no write stores anything.
    ///
    /// # Safety
    ///
    /// `RESET` must be known, or no write may store anything.
    pub unsafe trait Resettable {}
    /// A register that a read does not change.
    ///
    /// # Safety
    ///
    /// A read must change nothing.
    pub unsafe trait PureRead {}
    /// A register that a read changes.
    ///
    /// # Safety
    ///
    /// A read must change nothing but the register.
    pub unsafe trait SideEffectRead {}
    /// A register that takes what is written.
    ///
    /// # Safety
    ///
    /// A write must store.
    pub unsafe trait PlainWrite {}
    /// A register that takes any number.
    ///
    /// # Safety
    ///
    /// Every number must be right.
    pub unsafe trait RawWrite {}
    /// A register that may be written by who has permission `P`.
    ///
    /// # Safety
    ///
    /// Who has `P` must be allowed to write the register.
    pub unsafe trait WritableIn<P> {}

    /// The permission `P` of who has the chip to themselves.
    #[derive(Debug)]
    pub struct Exclusive<P>(PhantomData<P>);
    /// The permission of a driver of chips that reach memory, which this does not.
    #[derive(Debug)]
    pub struct Driver<P>(PhantomData<P>);

    /// What was read from register `R`.
    #[derive(Debug, Clone, Copy)]
    pub struct Read<R>(u8, PhantomData<R>);

    impl<R> Read<R> {
        /// The value of `field`.
        pub fn field<F: Field<R>>(self, field: F) -> F::Read {
            field.read(self.0)
        }
    }

    /// Register `R` on bus `B`, accessed with permission `P`.
    #[derive(Debug)]
    pub struct Reg<'a, B, R, P>(&'a B, Offset, PhantomData<fn() -> (R, P)>);

    impl<'a, B: Bus, R: Register, P> Reg<'a, B, R, P> {
        pub(crate) const fn at(bus: &'a B, offset: Offset) -> Self {
            assert!(R::WIDTH == 8);
            Self(bus, offset, PhantomData)
        }

        /// Reads the register.
        #[must_use]
        pub fn read(&self) -> Read<R>
        where
            R: PureRead,
        {
            Read(self.0.read8(self.1), PhantomData)
        }

        /// Writes `value`; fields that it does not give take the value that they have after a reset.
        pub fn write(&self, value: Value<R>)
        where
            R: PlainWrite + Resettable + WritableIn<P>,
        {
            self.store(R::RESET as u8, value);
        }

        /// Writes a whole register that is one number.
        pub fn write_full(&self, value: u8)
        where
            R: PlainWrite + WritableIn<P>,
        {
            self.0.write8(self.1, value);
        }

        /// Reads the register and writes it back with `value`.
        pub fn modify(&self, value: Value<R>)
        where
            R: PureRead + PlainWrite + WritableIn<P>,
        {
            self.store(self.0.read8(self.1), value);
        }

        fn store(&self, old: u8, value: Value<R>) {
            self.0.write8(self.1, old & (R::KEEP as u8) & !value.mask | value.bits | R::ONES as u8);
        }
    }

    impl<B: Bus, R: Register + SideEffectRead, P> Reg<'_, B, R, Exclusive<P>> {
        /// Reads the register, which changes it.
        #[must_use]
        pub fn read_with_side_effects(&self) -> Read<R> {
            Read(self.0.read8(self.1), PhantomData)
        }
    }
}
