//! What the code of random maps refers to: every width, every kind of access, and a bus that writes down what goes over it.
//!
//! This is not a part of the test but of the program that it compiles. A chip's own runtime does less, and checks more.

pub use self::field::Value;
pub use self::mmio::Recorder;

pub mod field {
    use std::marker::PhantomData;

    pub mod access {
        pub trait Settable {}
        macro_rules! kinds {
            ($($name:ident)*; $($settable:ident)*) => {
                $(pub enum $name {})*
                $(impl Settable for $settable {})*
            };
        }
        kinds! {
            ReadWrite ReadOnly WriteOnly ReadToClear OneToClear OneToSet SelfClearing ReadToSet Fixed DriverOnly;
            ReadWrite WriteOnly OneToClear OneToSet SelfClearing ReadToSet
        }
    }

    use access::{ReadWrite, Settable};

    pub unsafe trait Layout {
        const NAME: &'static str;
        const WRITABLE: [u64; 2];
    }

    /// Values for some fields of `R`.
    pub struct Value<R> {
        pub mask: u32,
        pub bits: u32,
        layout: PhantomData<R>,
    }

    /// A value for each.
    pub struct FullValue<R>(pub Value<R>);

    impl<R: Layout> Value<R> {
        pub const EMPTY: Self = Self { mask: 0, bits: 0, layout: PhantomData };

        pub fn try_with<T, F: Field<R> + Set<T>>(self, field: F, value: T) -> Option<Self> {
            let (value, (lsb, width)) = (field.encode(value)?, F::BITS);
            let mask = (u64::MAX >> (64 - width) << lsb) as u32;
            let bits = (value << lsb) as u32;
            (self.mask & mask == 0).then_some(Self {
                mask: self.mask | mask,
                bits: self.bits | bits,
                layout: PhantomData,
            })
        }

        #[track_caller]
        pub fn full(self) -> FullValue<R> {
            assert_eq!(u64::from(self.mask), R::WRITABLE[0], "these are not all fields of {} that can be set", R::NAME);
            Full(self)
        }
    }

    pub trait Field<R> {
        const BITS: (u32, u32);
        type Read: std::fmt::Debug;
        fn decode(&self, value: u64) -> Self::Read;
        fn of(&self, register: u32) -> Self::Read {
            let (lsb, width) = Self::BITS;
            self.decode(u64::from(register) >> lsb & u64::MAX >> (64 - width))
        }
    }

    pub trait Set<T> {
        fn encode(&self, value: T) -> Option<u64>;
    }

    pub unsafe trait Enumeration: Copy {
        fn from_bits(raw: u64) -> Option<Self>;
        fn to_bits(self) -> u64;
    }

    pub struct Bits<R, const LSB: u32, const WIDTH: u32, A = ReadWrite>(u64, u64, PhantomData<(R, A)>);
    pub struct Flag<R, const LSB: u32, A = ReadWrite>(PhantomData<(R, A)>);
    pub struct Enumerated<R, const LSB: u32, const WIDTH: u32, E, A = ReadWrite>(PhantomData<(R, E, A)>);

    impl<R, const LSB: u32, const WIDTH: u32, A> Bits<R, LSB, WIDTH, A> {
        pub const unsafe fn new(_name: &'static str) -> Self {
            Self(0, u64::MAX >> (64 - WIDTH), PhantomData)
        }
        pub const unsafe fn ranged(_name: &'static str, least: u64, greatest: u64) -> Self {
            Self(least, greatest, PhantomData)
        }
    }

    impl<R, const LSB: u32, A> Flag<R, LSB, A> {
        pub const unsafe fn new(_name: &'static str) -> Self {
            Self(PhantomData)
        }
    }

    impl<R, const LSB: u32, const WIDTH: u32, E, A> Enumerated<R, LSB, WIDTH, E, A> {
        pub const unsafe fn new(_name: &'static str) -> Self {
            Self(PhantomData)
        }
    }

    pub struct Address<R, const LSB: u32>(PhantomData<R>);

    impl<R, const LSB: u32> Address<R, LSB> {
        pub const unsafe fn new(_name: &'static str) -> Self {
            Self(PhantomData)
        }
    }

    pub unsafe trait ValueOf<E> {}

    impl<R, const LSB: u32, const WIDTH: u32, A> Field<R> for Bits<R, LSB, WIDTH, A> {
        const BITS: (u32, u32) = (LSB, WIDTH);
        type Read = u64;
        fn decode(&self, value: u64) -> u64 {
            value
        }
    }

    impl<R, const LSB: u32, A> Field<R> for Flag<R, LSB, A> {
        const BITS: (u32, u32) = (LSB, 1);
        type Read = bool;
        fn decode(&self, value: u64) -> bool {
            value == 1
        }
    }

    impl<R, const LSB: u32, const WIDTH: u32, E: Enumeration + std::fmt::Debug, A> Field<R>
        for Enumerated<R, LSB, WIDTH, E, A>
    {
        const BITS: (u32, u32) = (LSB, WIDTH);
        type Read = Option<E>;
        fn decode(&self, value: u64) -> Option<E> {
            E::from_bits(value)
        }
    }

    impl<R, const LSB: u32, const WIDTH: u32, A: Settable> Set<u64> for Bits<R, LSB, WIDTH, A> {
        fn encode(&self, value: u64) -> Option<u64> {
            (self.0 <= value && value <= self.1).then_some(value)
        }
    }

    impl<R, const LSB: u32, A: Settable> Set<bool> for Flag<R, LSB, A> {
        fn encode(&self, value: bool) -> Option<u64> {
            Some(value.into())
        }
    }

    impl<R, const LSB: u32, const WIDTH: u32, E: Enumeration, A: Settable> Set<E> for Enumerated<R, LSB, WIDTH, E, A> {
        fn encode(&self, value: E) -> Option<u64> {
            Some(value.to_bits())
        }
    }
}

pub mod info {
    use super::mmio::Range;

    pub enum AccessKind {
        Rw,
        Ro,
        Wo,
        Rc,
        W1c,
        RcW1c,
        W1s,
        Sc,
        ReadToSet,
    }

    pub struct FieldInfo {
        pub name: &'static str,
        pub lsb: u32,
        pub width: u32,
        pub access: AccessKind,
        pub values: &'static [(&'static str, u64)],
    }

    pub struct DescriptorInfo {
        pub name: &'static str,
        pub format: &'static str,
        pub section: &'static str,
        pub bits: u32,
        pub fields: &'static [FieldInfo],
    }

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

    impl std::fmt::Display for RegisterInfo {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let elements = self.ranges.iter().flat_map(|range| (0..range.count).map(|n| range.base + n * range.stride));
            write!(
                f,
                "{} {:?} known {:#x} preserve {:#x} zero {:#x} one {:#x} at {:x?}",
                self.width,
                self.reset,
                self.reset_known,
                self.preserve,
                self.must_be_zero,
                self.must_be_one,
                elements.collect::<Vec<_>>()
            )?;
            self.fields.iter().try_for_each(|field| write!(f, " {} {} {}", field.name, field.lsb, field.width))
        }
    }
}

pub mod mmio {
    use std::cell::{Cell, RefCell};
    use std::fmt::Write;
    use std::marker::PhantomData;

    /// A bus.
    pub trait Bus {
        fn read(&self, offset: u32, width: u32) -> u32;
        fn write(&self, offset: u32, width: u32, value: u32);
    }

    /// A bus that answers two reads, and writes down each access.
    pub struct Recorder {
        answers: Cell<[u32; 2]>,
        pub log: RefCell<String>,
    }

    impl Recorder {
        pub fn new(answers: [u32; 2]) -> Self {
            Self { answers: Cell::new(answers), log: RefCell::default() }
        }
    }

    impl Bus for Recorder {
        fn read(&self, offset: u32, width: u32) -> u32 {
            let [answer, next] = self.answers.replace([0; 2]);
            self.answers.set([next, 0]);
            let value = answer & u32::MAX >> (32 - width);
            write!(self.log.borrow_mut(), "read {width} at {offset:#x}: {value:#x}; ").unwrap();
            value
        }

        fn write(&self, offset: u32, width: u32, value: u32) {
            write!(self.log.borrow_mut(), "write {width} at {offset:#x}: {value:#x}; ").unwrap();
        }
    }

    #[derive(Clone, Copy)]
    pub struct Offset(pub u32);

    impl Offset {
        pub const fn constant(bytes: u32) -> Self {
            Self(bytes)
        }
    }

    #[derive(Clone, Copy)]
    pub struct Range {
        pub first: u32,
        pub count: u32,
        pub base: u32,
        pub stride: u32,
    }

    pub trait IndexSpace {
        const COUNT: u32;
        const NAME: &'static str;
    }

    pub enum Below<const COUNT: u32> {}

    impl<const COUNT: u32> IndexSpace for Below<COUNT> {
        const COUNT: u32 = COUNT;
        const NAME: &'static str = "element";
    }

    pub struct Index<K>(u32, PhantomData<K>);

    impl<K> Clone for Index<K> {
        fn clone(&self) -> Self {
            *self
        }
    }

    impl<K> Copy for Index<K> {}

    impl<K: IndexSpace> Index<K> {
        pub fn new(index: u32) -> Self {
            assert!(index < K::COUNT, "there is no {} {index}", K::NAME);
            Self(index, PhantomData)
        }
    }

    pub struct Array<K, const N: usize>([Range; N], PhantomData<K>);

    impl<K: IndexSpace, const N: usize> Array<K, N> {
        pub const fn constant(ranges: [Range; N]) -> Self {
            let (mut at, mut next) = (0, 0);
            while at < N {
                let Range { first, count, base, stride } = ranges[at];
                assert!(first == next && count > 0);
                assert!(base as u64 + (count - 1) as u64 * stride as u64 <= u32::MAX as u64);
                next += count;
                at += 1;
            }
            assert!(next == K::COUNT);
            Self(ranges, PhantomData)
        }

        pub const fn offset(&self, Index(index, _): Index<K>) -> Offset {
            let mut at = 0;
            while at < N {
                let Range { first, count, base, stride } = self.0[at];
                if first <= index && index < first + count {
                    return Offset(base + (index - first) * stride);
                }
                at += 1;
            }
            panic!("the ranges leave an element out")
        }
    }
}

pub mod register {
    use std::marker::PhantomData;

    use super::field::{Field, Full, Layout, Value};
    use super::mmio::{Bus, Offset};

    pub trait RegisterLongName {}

    pub unsafe trait Register: Layout + RegisterLongName {
        const SECTION: &'static str;
        const WIDTH: u32 = 32;
        const KEEP: u32;
        const ONES: u32;
        const RESET: u32;
    }

    pub unsafe trait Resettable {}
    pub unsafe trait PureRead {}
    pub unsafe trait SideEffectRead {}
    pub unsafe trait PlainWrite {}
    pub unsafe trait WriteOneToSet {}
    pub unsafe trait WriteOneToClear {}
    pub unsafe trait Doorbell {}
    pub unsafe trait RawWrite {}
    pub unsafe trait WritableIn<P> {}

    pub struct Exclusive<P>(PhantomData<P>);
    pub struct Driver<P>(PhantomData<P>);

    /// What was read from register `R`.
    pub struct Read<R>(u32, PhantomData<R>);

    impl<R> Read<R> {
        pub fn field<F: Field<R>>(&self, field: F) -> F::Read {
            field.of(self.0)
        }
    }

    pub struct Reg<'a, B, R, P>(&'a B, Offset, PhantomData<(R, P)>);

    impl<'a, B: Bus, R: Register, P> Reg<'a, B, R, P> {
        pub const fn at(bus: &'a B, offset: Offset) -> Self {
            Self(bus, offset, PhantomData)
        }

        fn take(&self) -> u32 {
            self.0.read(self.1.0, R::WIDTH)
        }

        fn put(&self, value: u32) {
            self.0.write(self.1.0, R::WIDTH, value);
        }

        fn store(&self, old: u32, value: Value<R>) {
            self.put(old & R::KEEP & !value.mask | value.bits | R::ONES);
        }

        pub fn read(&self) -> Read<R>
        where
            R: PureRead,
        {
            Read(self.take(), PhantomData)
        }

        pub fn read_with_side_effects(&self) -> Read<R>
        where
            R: SideEffectRead,
        {
            Read(self.take(), PhantomData)
        }

        pub fn write(&self, value: Value<R>)
        where
            R: PlainWrite + Resettable + WritableIn<P>,
        {
            self.store(R::RESET, value);
        }

        pub fn write_full(&self, value: FullValue<R>)
        where
            R: PlainWrite + WritableIn<P>,
        {
            self.store(R::RESET, value.0);
        }

        pub fn modify(&self, value: Value<R>)
        where
            R: PureRead + PlainWrite + WritableIn<P>,
        {
            self.store(self.take(), value);
        }

        pub fn set_bits(&self, value: Value<R>)
        where
            R: WriteOneToSet + WritableIn<P>,
        {
            self.put(value.bits);
        }

        pub fn clear_bits(&self, value: Value<R>)
        where
            R: WriteOneToClear + WritableIn<P>,
        {
            self.put(value.bits);
        }

        pub fn ring(&self, tail: u32)
        where
            R: Doorbell + WritableIn<P>,
        {
            self.put(tail & u32::MAX >> (32 - R::WIDTH));
        }
    }

    /// Two registers that hold one value.
    pub struct Pair<'a, B, L, H, P> {
        low: Reg<'a, B, L, P>,
        high: Reg<'a, B, H, P>,
        high_first: bool,
    }

    impl<'a, B: Bus, L: Register, H: Register, P> Pair<'a, B, L, H, P> {
        pub const fn new(low: Reg<'a, B, L, P>, high: Reg<'a, B, H, P>) -> Self {
            Self { low, high, high_first: false }
        }

        pub const fn high_first(low: Reg<'a, B, L, P>, high: Reg<'a, B, H, P>) -> Self {
            Self { low, high, high_first: true }
        }

        fn take(&self) -> u64 {
            let early = self.high_first.then(|| self.high.take());
            let low = self.low.take();
            let high = early.unwrap_or_else(|| self.high.take());
            u64::from(low) | u64::from(high) << L::WIDTH
        }

        pub fn read(&self) -> u64
        where
            L: PureRead,
            H: PureRead,
        {
            self.take()
        }

        pub fn read_with_side_effects(&self) -> u64
        where
            L: SideEffectRead,
            H: SideEffectRead,
        {
            self.take()
        }

        pub fn write(&self, value: u64)
        where
            L: PlainWrite + WritableIn<P>,
            H: PlainWrite + WritableIn<P>,
        {
            let low = value as u32 & u32::MAX >> (32 - L::WIDTH);
            let high = (value >> L::WIDTH) as u32;
            if self.high_first {
                self.high.put(high);
                self.low.put(low);
            } else {
                self.low.put(low);
                self.high.put(high);
            }
        }
    }
}

/// What is known of a register at compile time: whether it has a trait. A constant of the type goes before one of a trait,
/// and is there only if the bound holds.
pub struct Probe<T>(std::marker::PhantomData<T>);

macro_rules! probes {
    ($($constant:ident: $ability:ident;)*) => {
        pub trait NotThere {
            $(const $constant: bool = false;)*
            const WRITABLE: bool = false;
        }
        impl<T> NotThere for Probe<T> {}
        $(impl<T: register::$ability> Probe<T> {
            pub const $constant: bool = true;
        })*
        impl<R: register::WritableIn<P>, P> Probe<(R, P)> {
            pub const WRITABLE: bool = true;
        }
    };
}

probes! {
    READ_PURE: PureRead;
    READ_ACTS: SideEffectRead;
    PLAIN_WRITE: PlainWrite;
    ONES_SET: WriteOneToSet;
    ONES_CLEAR: WriteOneToClear;
    KNOWN_RESET: Resettable;
    BARE_WRITE: RawWrite;
    DOORBELL: Doorbell;
}

/// Prints which traits a register has, and who may write it.
macro_rules! probe {
    ($register:ident: $($permission:path),*) => {{
        use $crate::runtime::register as r;
        type Of<T> = Probe<T>;
        let has = [
            Of::<$register>::READ_PURE,
            Of::<$register>::READ_ACTS,
            Of::<$register>::PLAIN_WRITE,
            Of::<$register>::ONES_SET,
            Of::<$register>::ONES_CLEAR,
            Of::<$register>::KNOWN_RESET,
            Of::<$register>::BARE_WRITE,
            Of::<$register>::DOORBELL,
        ];
        let writable = [$([
            Of::<($register, $permission)>::WRITABLE,
            Of::<($register, r::Exclusive<$permission>)>::WRITABLE,
            Of::<($register, r::Driver<$permission>)>::WRITABLE,
        ]),*];
        println!("{has:?} {writable:?}");
    }};
}

/// Accesses a register on a bus that answers so, and prints what went over it and what came of it.
macro_rules! on_bus {
    ($answers:expr, $permission:ident, $($access:tt)*) => {{
        let bus = Recorder::new($answers);
        let registers =
            Registers::<_, $crate::runtime::register::Driver<permission::$permission>>::with_permission(&bus);
        on_bus!(@ bus registers [] $($access)*);
    }};
    (@ $bus:ident $registers:ident [$($access:tt)*] ; show $register:ident $(, $field:ident)*) => {
        let read = $registers.$($access)*;
        let fields: &[String] = &[$(format!("{}={:?} ", stringify!($field), read.field($register::$field))),*];
        println!("{}{}", $bus.log.borrow(), fields.concat());
    };
    (@ $bus:ident $registers:ident [$($access:tt)*]) => {
        let result = $registers.$($access)*;
        println!("{}{}", $bus.log.borrow(), $crate::runtime::Shown(result));
    };
    (@ $bus:ident $registers:ident [$($access:tt)*] $next:tt $($rest:tt)*) => {
        on_bus!(@ $bus $registers [$($access)* $next] $($rest)*);
    };
}

/// The type that has the methods of the registers.
macro_rules! registers {
    () => {
        pub struct Registers<'a, B, P> {
            bus: &'a B,
            permission: std::marker::PhantomData<P>,
        }
        impl<B, P> Clone for Registers<'_, B, P> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<B, P> Copy for Registers<'_, B, P> {}
        impl<'a, B, P> Registers<'a, B, P> {
            pub const fn with_permission(bus: &'a B) -> Self {
                Self { bus, permission: std::marker::PhantomData }
            }
        }
    };
}

/// What a method gives: a number, or nothing.
pub struct Shown<T>(pub T);

impl std::fmt::Display for Shown<u64> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::fmt::Display for Shown<()> {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
