// The generator makes it, and answers for it by `unsafe`.

use ixgbe::field::Enumeration;

#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Mine {
    Forged = 77,
}

unsafe impl Enumeration for Mine {
    fn from_bits(_: u64) -> Option<Self> {
        Some(Self::Forged)
    }

    fn to_bits(self) -> u64 {
        self as u64
    }
}

fn main() {}
