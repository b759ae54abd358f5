//! What a caller of `value!` and `index!` has under the names that stand in the macros is what the caller means by them.
#![allow(clippy::all, reason = "names and blocks are those that the macros could take for theirs")]

/// Everything here has the name of something that `value!` or `index!` says.
#[allow(non_upper_case_globals, non_camel_case_types, dead_code, unused_macros)]
mod taken {
    use ::ixgbe::registers::{RxQueue, SRRCTL, srrctl};

    /// Macros that would be called instead of those of the library, and of the language.
    macro_rules! stringify {
        ($($any:tt)*) => {
            compile_error!("the caller's `stringify!` is called")
        };
    }
    macro_rules! concat {
        ($($any:tt)*) => {
            compile_error!("the caller's `concat!` is called")
        };
    }
    macro_rules! panic {
        ($($any:tt)*) => {
            compile_error!("the caller's `panic!` is called")
        };
    }

    // Modules with the names of crates and of modules.
    mod core {}
    mod std {}
    mod alloc {}
    mod field {}
    mod mmio {}
    mod ixgbe {}

    // Types with the names of types, whose values are the numbers that are written.
    struct Index;
    struct Offset;
    struct Option;
    struct Result;
    struct str;
    struct u64;
    struct usize;
    enum Value {
        EMPTY = 1,
    }

    // A trait with the names of the methods and constants that the macros call, on every type.
    trait Calls: Sized {
        const EMPTY: u32 = 7;

        fn constant(self, _: i32) -> i32 {
            7
        }

        fn constant_and(self, _: &i32, _: i32) -> i32 {
            7
        }
    }
    impl<T> Calls for T {}

    // Constants with the names of constants, parameters and fields, in small and capital letters.
    const VALUE: u32 = 2;
    const INDEX: u32 = 3;
    const EMPTY: u32 = 4;
    const value: u32 = 5;
    const index: u32 = 6;
    static register: u32 = 7;
    static space: u32 = 8;
    const fn constant(number: u32) -> u32 {
        number
    }
    const fn constant_and(number: u32) -> u32 {
        number
    }
    const fn register_of_caller() -> u32 {
        register + space - 3
    }
    const BSIZEPACKET: u32 = 9;
    const RxQueueSpace: u32 = 10;

    /// The value of SRRCTL.BSIZEPACKET that each name stands for, and the value as the macro makes it.
    pub fn values() -> Vec<(u32, ::core::primitive::u64)> {
        macro_rules! each {
            ($($number:expr;)*) => {
                vec![$(($number as _, {
                    // What the macro takes must be a number of 64 bits, whatever it is called.
                    ::ixgbe::value!(SRRCTL { BSIZEPACKET: $number as ::core::primitive::u64 }).bits()[0]
                })),*]
            };
        }
        each! {
            VALUE; INDEX; EMPTY; value; index; constant(10); constant_and(11); BSIZEPACKET; Value::EMPTY; RxQueueSpace;
            register_of_caller(); { const VALUE: u32 = 13; VALUE }; { let at = 14; at };
        }
    }

    /// The same for indices.
    pub fn indices() -> Vec<(u32, ::core::primitive::usize)> {
        macro_rules! each {
            ($($number:expr;)*) => {
                vec![$(($number as _, ::ixgbe::index!(RxQueue, $number as ::core::primitive::usize).get())),*]
            };
        }
        each! {
            VALUE; INDEX; EMPTY; value; index; constant(10); constant_and(11); BSIZEPACKET; Value::EMPTY; RxQueueSpace;
            register_of_caller(); { const INDEX: u32 = 13; INDEX }; { let at = 14; at };
        }
    }

    /// Values in values: each has the name that it is made under to itself.
    pub fn nested() -> ::core::primitive::u64 {
        let nested = ::ixgbe::value!(SRRCTL {
            BSIZEPACKET: ::ixgbe::value!(SRRCTL {
                BSIZEPACKET: ::ixgbe::index!(RxQueue, 3).get() as ::core::primitive::u64
            })
            .bits()[0],
            DESCTYPE: srrctl::DESCTYPE::AdvancedOneBuffer,
        });
        nested.bits()[0]
    }
}

#[test]
fn names_of_the_caller_mean_what_they_mean_to_the_caller() {
    let values = taken::values();
    assert_eq!(values.len(), 13);
    for (wanted, made) in values {
        assert_eq!(u64::from(wanted), made);
    }
    let indices = taken::indices();
    assert_eq!(indices.len(), 13);
    for (wanted, made) in indices {
        assert_eq!(wanted as usize, made);
    }
    assert_eq!(taken::nested(), 1 << 25 | 3);
}
