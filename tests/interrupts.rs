//! Interrupts of receive queues, as far as registers go: the model raises none.

mod common;

use std::time::Duration;

use common::{assert_clean, port, start};
use ixgbe::device::Config;
use ixgbe::mmio::Offset;
use ixgbe_sim::connect;

#[test]
fn each_receive_queue_has_a_vector_of_its_own() {
    let (a, b) = (port(0), port(1));
    connect(&a, &b);
    let mut nic = start(&a, &Config::new().queue_pairs(16));
    let peek = |offset| a.peek(Offset::new(offset).expect("a register"));
    let (mut control, mut queues) = nic.split();
    control.set_up_interrupts(Duration::from_micros(100)).expect("all values fit");
    assert_eq!(peek(0x00898), 1 << 31 | 1 << 30 | 1 << 5 | 1 << 4, "GPIE");
    assert_eq!(peek(0x00810), 0xffff, "EIAC");
    for queue in 0..16 {
        let allocation = peek(0x00900 + 4 * (queue / 2)) >> (16 * (queue % 2));
        assert_eq!(
            allocation & 0x80bf,
            0x80 | queue,
            "receive queue {queue} raises its vector, its transmit queue none"
        );
        assert_eq!(peek(0x00820 + 4 * queue) & 0xff8, 50 << 3, "EITR {queue}");
    }
    assert_eq!(peek(0x00aa0), 0, "nothing comes before it is asked for");
    for index in [0, 5, 15] {
        queues[index].rx.enable_interrupt();
    }
    assert_eq!((peek(0x00aa0), peek(0x00aa4)), (1 << 15 | 1 << 5 | 1, 0), "EIMS_EX, not bits of other causes");
    // The longest interval, however long a one was asked for.
    control.set_up_interrupts(Duration::from_secs(3600)).expect("all values fit");
    assert_eq!(peek(0x00820) & 0xff8, 0xff8);
    nic.stop().expect("stops");
    assert_clean(&a);
}
