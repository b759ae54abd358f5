//! Interrupts of queues and of the link.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{assert_clean, port, start};
use ixgbe::device::Config;
use ixgbe::mmio::Offset;
use ixgbe_sim::connect;

#[test]
fn each_queue_has_a_vector_of_its_own() {
    let (a, b) = (port(0), port(1));
    connect(&a, &b);
    let mut nic = start(&a, &Config::new().queue_pairs(16));
    let peek = |offset| a.peek(Offset::new(offset).expect("a register"));
    let eitr = |vector| peek(if vector < 24 { 0x00820 + 4 * vector } else { 0x12300 + 4 * (vector - 24) }) & 0xff8;
    let (mut control, mut queues) = nic.split();
    control.set_up_interrupts(Duration::from_micros(100)).expect("all values fit");
    assert_eq!(peek(0x00898), 1 << 31 | 1 << 30 | 1 << 5 | 1 << 4, "GPIE");
    assert_eq!(peek(0x00810), 0xffff, "EIAC");
    for queue in 0..16 {
        let allocation = peek(0x00900 + 4 * (queue / 2)) >> (16 * (queue % 2));
        assert_eq!(allocation & 0xbf, 0x80 | queue, "receive queue {queue} raises its vector");
        assert_eq!(allocation >> 8 & 0xbf, 0x80 | (17 + queue), "transmit queue {queue} has one behind the link's");
        assert_eq!(eitr(queue), 50 << 3, "EITR {queue}");
        assert_eq!(eitr(17 + queue), 50 << 3, "EITR {}", 17 + queue);
    }
    assert_eq!(peek(0x00aa0), 0, "nothing comes before it is asked for");
    for index in [0, 5, 15] {
        queues[index].rx.enable_interrupt();
    }
    assert_eq!((peek(0x00aa0), peek(0x00aa4)), (1 << 15 | 1 << 5 | 1, 0), "EIMS_EX, not bits of other causes");
    for index in [0, 14, 15] {
        queues[index].tx.enable_interrupt();
    }
    assert_eq!((peek(0x00aa0), peek(0x00aa4)), (1 << 31 | 1 << 17 | 1 << 15 | 1 << 5 | 1, 1), "EIMS_EX of both halves");
    assert_eq!(peek(0x00a00) & 0xff80, 0x8000 | 16 << 8, "IVAR_MISC: other causes raise the vector behind");
    assert_eq!(peek(0x00880) & 0x7fff_0000, 1 << 20, "EIMS: of other causes the link's alone");
    // The longest interval, however long a one was asked for.
    control.set_up_interrupts(Duration::from_secs(3600)).expect("all values fit");
    assert_eq!(peek(0x00820) & 0xff8, 0xff8);
    nic.stop().expect("stops");
    assert_clean(&a);
}

#[test]
fn each_change_of_the_link_is_told_once_it_was_acknowledged() {
    let (a, b) = (port(0), port(1));
    connect(&a, &b);
    let mut nic = start(&a, &Config::new().queue_pairs(3));
    let raised = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&raised);
    a.on_interrupt(move |vector| seen.lock().unwrap().push(vector));
    let raised = || std::mem::take(&mut *raised.lock().unwrap());
    let (mut control, _) = nic.split();
    control.set_up_interrupts(Duration::ZERO).expect("all values fit");
    // The link came up before anybody asked.
    assert_eq!(raised(), [3]);
    assert!(control.acknowledge_link_interrupt().is_up());
    for up in [false, true, false, true] {
        a.set_link(up);
        a.wait(Duration::from_millis(50));
        assert_eq!(raised(), [3], "the link is to be up: {up}");
        a.wait(Duration::from_millis(50));
        assert_eq!((raised(), control.acknowledge_link_interrupt().is_up()), (vec![], up));
    }
    nic.stop().expect("stops");
    assert_clean(&a);
}
