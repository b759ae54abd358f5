//! The kinds of PCI functions that have queues: they differ in where their doorbells are, and in how packets are sent.
//!
//! All of it is known at compile time: a queue of a physical function costs what it would cost if there were no others.

use datasheet_runtime::bus;

use crate::descriptors::{AdvancedTransmitContextRead, AdvancedTransmitDataRead, LegacyTransmitRead};
use crate::field::Value;
use crate::mmio::{Below, Bus, Index};
use crate::offload::PackedContext;
use crate::pool::SendFormat;
use crate::register::Driver;
use crate::registers::permission::{QueueEnabled, Running};
use crate::registers::{EIMS_EX, Registers, RxQueue, TxQueue, VfQueue, virtual_function};
use crate::value;

/// The physical function of a port, which a [`device::Device`](crate::device::Device) is.
#[derive(Debug, Clone, Copy)]
pub enum Physical {}

/// A virtual function of a port, which a [`vf::VirtualFunction`](crate::vf::VirtualFunction) is.
#[derive(Debug, Clone, Copy)]
pub enum Virtual {}

/// A kind of function, for its rings.
pub trait Kind: SendFormat {
    /// The bits that each data descriptor has besides its own.
    const DATA: u64;
    /// The context that descriptors without a request have: context 0, which no other replaces.
    const CONTEXT: Option<PackedContext>;
    /// Whether the function has the clock that packets are stamped with.
    const CLOCK: bool;
}

impl SendFormat for Physical {
    type Descriptor = LegacyTransmitRead;

    #[inline(always)]
    fn second_word(word: u64) -> u64 {
        word
    }
}

impl Kind for Physical {
    const DATA: u64 = 0;
    const CONTEXT: Option<PackedContext> = None;
    const CLOCK: bool = true;
}

/// What makes the device look at the context.
const CHECK_CONTEXT: u64 = value!(AdvancedTransmitDataRead { CC: true }).bits()[1];
/// Where PAYLEN is: above the length of the descriptor's own data.
const PAYLEN: u32 = 46;

impl SendFormat for Virtual {
    type Descriptor = AdvancedTransmitDataRead;

    #[inline(always)]
    fn second_word(word: u64) -> u64 {
        word | CHECK_CONTEXT | (word & 0xffff) << PAYLEN
    }
}

/// The switch between the functions of a port parses each packet, and takes the length of its first header from a context
/// (7.2.3.2.4).
impl Kind for Virtual {
    const DATA: u64 = CHECK_CONTEXT;
    const CONTEXT: Option<PackedContext> =
        Some(PackedContext::new(value!(AdvancedTransmitContextRead { MACLEN: crate::pool::SHORTEST as u64 })));
    const CLOCK: bool = false;
}

// Both formats have the flags of a packet in the same bits, and PAYLEN is where it is written.
const _: () = {
    let [_, legacy] = value!(LegacyTransmitRead { EOP: true, IFCS: true, RS: true }).bits();
    let [_, data] = value!(AdvancedTransmitDataRead { EOP: true, IFCS: true, RS: true }).bits();
    let [_, payload] = value!(AdvancedTransmitDataRead { PAYLEN: 1 }).bits();
    assert!(legacy == data && payload == 1 << PAYLEN);
};

/// The value of `$register`, which is PSRTYPE or VFPSRTYPE, for `$queues` queues: TCP and UDP, IPv4 and IPv6, L2, and the
/// number of bits of the hash that select a queue.
///
/// Headers are split from data only where SRRCTL says so.
macro_rules! recognised_headers {
    ($register:ident, $queues:expr) => {{
        let bits: u64 = match $queues {
            1 => 0,
            2..4 => 1,
            _ => 2,
        };
        // A write of a register that is unknown after a reset names all fields.
        let headers = $crate::value!($register {
            PSR_TYPE0: false,
            PSR_TYPE1: false,
            PSR_TYPE2: false,
            PSR_TYPE3: false,
            PSR_TYPE4: true,
            PSR_TYPE5: true,
            PSR_TYPE6: false,
            PSR_TYPE7: false,
            PSR_TYPE8: true,
            PSR_TYPE9: true,
            PSR_TYPE10: false,
            PSR_TYPE11: false,
            PSR_TYPE12: true,
            PSR_TYPE13: false,
            PSR_TYPE14: false,
            PSR_TYPE15: false,
            PSR_TYPE16: false,
            PSR_TYPE17: false,
            PSR_TYPE18: false
        });
        headers.try_with($register::RQPL, bits)
    }};
}
pub(crate) use recognised_headers;

/// A kind of function, [`Physical`] or [`Virtual`], whose registers are on platform `H`.
pub trait Function<H>: Kind {
    /// Writes a receive queue's tail.
    ///
    /// # Safety
    ///
    /// The queue is enabled, or will not be enabled. Up to the tail, its descriptors were posted, and the ring keeps their
    /// buffers until the device has stopped.
    unsafe fn ring_receive(platform: &H, queue: RxQueue, tail: u32);

    /// Writes a transmit queue's tail.
    ///
    /// # Safety
    ///
    /// As for [`ring_receive`](Self::ring_receive).
    unsafe fn ring_transmit(platform: &H, queue: TxQueue, tail: u32);

    /// Returns the interrupt vector of a receive queue.
    fn vector(queue: RxQueue) -> usize;

    /// Returns the interrupt vector of a transmit queue of a function with `rx_queues` receive queues.
    fn transmit_vector(queue: TxQueue, rx_queues: usize) -> usize;

    /// Unmasks an interrupt vector.
    ///
    /// # Safety
    ///
    /// The device runs, or the queues of the vector are disabled.
    unsafe fn unmask(platform: &H, vector: usize);
}

impl<H: Bus> Function<H> for Physical {
    #[inline(always)]
    unsafe fn ring_receive(platform: &H, queue: RxQueue, tail: u32) {
        // SAFETY: the caller's promise.
        let registers: Registers<'_, H, Driver<QueueEnabled>> = unsafe { Registers::assume_permission(platform) };
        registers.rdt(queue).ring_doorbell(tail);
    }

    #[inline(always)]
    unsafe fn ring_transmit(platform: &H, queue: TxQueue, tail: u32) {
        // SAFETY: the caller's promise.
        let registers: Registers<'_, H, Driver<QueueEnabled>> = unsafe { Registers::assume_permission(platform) };
        registers.tdt(queue).ring_doorbell(tail);
    }

    fn vector(queue: RxQueue) -> usize {
        queue.get()
    }

    fn transmit_vector(queue: TxQueue, rx_queues: usize) -> usize {
        transmit_vector(queue.get(), rx_queues)
    }

    unsafe fn unmask(platform: &H, vector: usize) {
        // SAFETY: the caller's promise. A bit of EIMS that is written as 1 sets itself alone, whoever writes others;
        // interrupts go where the platform has them sent, and to no memory of this register's.
        let registers: Registers<'_, H, Driver<Running>> = unsafe { Registers::assume_permission(platform) };
        let cause = Value::EMPTY.try_with(EIMS_EX::INTERRUPT_ENABLE, 1u64 << (vector % 32));
        if let (Ok(half), Ok(cause)) = (Index::<Below<2>>::new(vector / 32), cause) {
            registers.eims_ex(half).set_bits(cause);
        }
    }
}

/// The last vector of a physical function (8.2.3.5.16).
const LAST_VECTOR: usize = 63;

/// Returns the vector of a physical function's transmit queue. The vectors before it belong to the receive queues and the
/// link. Queues for which no vector is left share the last.
pub(crate) const fn transmit_vector(queue: usize, rx_queues: usize) -> usize {
    let vector = rx_queues + 1 + queue;
    if vector < LAST_VECTOR { vector } else { LAST_VECTOR }
}

/// The vector that all transmit queues of a virtual function share.
pub(crate) const VIRTUAL_TRANSMIT_VECTOR: usize = 1;

/// Returns the vector of a virtual function's receive queue: those after the first share one.
pub(crate) const fn virtual_vector(queue: usize) -> usize {
    if queue == 0 { 0 } else { 1 }
}

impl<H: bus::Bus<virtual_function::RegisterSpace>> Function<H> for Virtual {
    #[inline(always)]
    unsafe fn ring_receive(platform: &H, queue: RxQueue, tail: u32) {
        // SAFETY: the caller's promise.
        let registers: virtual_function::Registers<'_, H, Driver<QueueEnabled>> =
            unsafe { virtual_function::Registers::assume_permission(platform) };
        if let Ok(queue) = VfQueue::new(queue.get()) {
            registers.vfrdt(queue).ring_doorbell(tail);
        }
    }

    #[inline(always)]
    unsafe fn ring_transmit(platform: &H, queue: TxQueue, tail: u32) {
        // SAFETY: the caller's promise.
        let registers: virtual_function::Registers<'_, H, Driver<QueueEnabled>> =
            unsafe { virtual_function::Registers::assume_permission(platform) };
        if let Ok(queue) = VfQueue::new(queue.get()) {
            registers.vftdt(queue).ring_doorbell(tail);
        }
    }

    fn vector(queue: RxQueue) -> usize {
        virtual_vector(queue.get())
    }

    fn transmit_vector(_queue: TxQueue, _rx_queues: usize) -> usize {
        VIRTUAL_TRANSMIT_VECTOR
    }

    unsafe fn unmask(platform: &H, vector: usize) {
        // SAFETY: the caller's promise. A bit of VTEIMS that is written as 1 sets itself alone, whoever writes others.
        let registers: virtual_function::Registers<'_, H, Driver<Running>> =
            unsafe { virtual_function::Registers::assume_permission(platform) };
        if let Ok(cause) = Value::EMPTY.try_with(virtual_function::VTEIMS::EIMS, 1u64 << (vector % 32)) {
            registers.vteims().set_bits(cause);
        }
    }
}
