//! What the program of the random maps needs beside the runtime: a bus that writes down each access, and a look at the
//! abilities of registers.
//!
//! This file is not a part of the test but of the program that the test compiles.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::marker::PhantomData;
pub use std::time::Duration;

pub use datasheet_runtime::address::DmaAddr;
pub use datasheet_runtime::array::Index;
pub use datasheet_runtime::field::Value;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::clock::Clock;
use datasheet_runtime::info::RegisterInfo;
use datasheet_runtime::register;
use datasheet_runtime::space::{Offset, Space, Width};

/// A bus that answers two reads, and writes down each access.
pub struct Recorder {
    answers: Cell<[u64; 2]>,
    pub log: RefCell<String>,
}

impl Recorder {
    pub fn new(answers: [u64; 2]) -> Self {
        Self { answers: Cell::new(answers), log: RefCell::default() }
    }
}

// SAFETY: no device is behind this bus.
unsafe impl<S: Space, W: Width> Bus<S, W> for Recorder {
    fn read(&self, offset: Offset<S, W>) -> W {
        let [answer, next] = self.answers.replace([0; 2]);
        self.answers.set([next, 0]);
        let value = W::truncate(answer);
        write!(self.log.borrow_mut(), "read {} at {:#x}: {value:#x}; ", 8 * W::BYTES, offset.bytes()).unwrap();
        value
    }

    unsafe fn write(&self, offset: Offset<S, W>, value: W) {
        write!(self.log.borrow_mut(), "write {} at {:#x}: {value:#x}; ", 8 * W::BYTES, offset.bytes()).unwrap();
    }
}

/// A clock of a chip that needs no time.
pub struct Stopped;

// SAFETY: no device is behind this clock.
unsafe impl Clock for Stopped {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _: Duration) {}
}

/// What is known of a register at compile time: whether it has a trait. An associated constant of the type goes before one
/// of a trait, and it is there only if the bound holds.
pub struct Probe<T>(PhantomData<T>);

macro_rules! probes {
    ($($ability:ident)*) => {
        #[allow(non_upper_case_globals)]
        pub trait NotThere {
            $(const $ability: bool = false;)*
            const WritableIn: bool = false;
        }
        impl<T> NotThere for Probe<T> {}
        $(#[allow(non_upper_case_globals)]
        impl<T: register::$ability> Probe<T> {
            pub const $ability: bool = true;
        })*
        #[allow(non_upper_case_globals)]
        impl<R: register::WritableIn<P>, P> Probe<(R, P)> {
            pub const WritableIn: bool = true;
        }
    };
}

probes!(PureRead SideEffectRead PlainWrite WriteOneToSet WriteOneToClear Resettable RawWrite Doorbell);

/// Prints which traits a register has, and who may write it.
macro_rules! probe {
    ($register:ident: $($permission:path),*) => {
        probe!(@ $register [PureRead SideEffectRead PlainWrite WriteOneToSet WriteOneToClear Resettable RawWrite Doorbell]
            $($permission),*)
    };
    (@ $register:ident [$($ability:ident)*] $($permission:path),*) => {{
        use ::datasheet_runtime::register as r;
        type Of<T> = Probe<T>;
        let has = [$(Of::<$register>::$ability),*];
        let writable = [$([
            Of::<($register, $permission)>::WritableIn,
            Of::<($register, r::Exclusive<$permission>)>::WritableIn,
            Of::<($register, r::Driver<$permission>)>::WritableIn,
        ]),*];
        println!("{has:?} {writable:?}");
    }};
}

/// Accesses a register on a bus that answers so, and prints what went over it and what came of it.
macro_rules! on_bus {
    ($answers:expr, $Handle:ident, $permission:ident, $($access:tt)*) => {{
        let bus = Recorder::new($answers);
        type Driver = ::datasheet_runtime::register::Driver<permission::$permission>;
        // SAFETY: no device is behind the bus.
        #[allow(unused_mut)]
        let mut registers = unsafe { $Handle::<_, Driver>::assume_permission(&bus) };
        on_bus!(@ bus registers [] $($access)*);
    }};
    (@ $bus:ident $registers:ident [$($access:tt)*] ; show $register:ident $(, $field:ident)*) => {
        let read = $registers.$($access)*;
        let fields: &[String] = &[$(format!("{}={:?} ", stringify!($field), read.field($register::$field))),*];
        println!("{}{}", $bus.log.borrow(), fields.concat());
    };
    (@ $bus:ident $registers:ident [$($access:tt)*] ; number) => {
        let number: u64 = $registers.$($access)*;
        println!("{}{number}", $bus.log.borrow());
    };
    (@ $bus:ident $registers:ident [$($access:tt)*]) => {
        let () = $registers.$($access)*;
        println!("{}", $bus.log.borrow());
    };
    (@ $bus:ident $registers:ident [$($access:tt)*] $next:tt $($rest:tt)*) => {
        on_bus!(@ $bus $registers [$($access)* $next] $($rest)*);
    };
}

/// Prints what the table of all registers says of one.
pub fn print_info(info: &RegisterInfo) {
    let offsets: Vec<_> = info.offsets().collect();
    let found = offsets.iter().map(|offset| info.index_at(*offset));
    assert!(found.eq((0..info.count()).map(Some)), "the elements of {} are not found at {offsets:x?}", info.name);
    let RegisterInfo { width, reset, reset_known, preserve, must_be_zero, must_be_one, fields, .. } = info;
    print!("{width} {reset:?} known {reset_known:#x} preserve {preserve:#x} ");
    print!("zero {must_be_zero:#x} one {must_be_one:#x} at {offsets:x?}");
    fields.iter().for_each(|field| print!(" {} {} {}", field.name, field.lsb, field.width));
    if let Some(window) = info.window {
        print!(" behind {} of {} by {} bits at {}", window.name, window.count, window.width, window.lsb);
    }
    println!();
}
