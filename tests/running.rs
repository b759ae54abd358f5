//! A running device on the model.

mod common;

use common::{assert_clean, port, start};
use ixgbe::device::Config;
use ixgbe::packet::Batch;
use ixgbe_sim::connect;

#[test]
fn a_packet_crosses_a_cable() {
    let (a, b) = (port(0), port(1));
    connect(&a, &b);
    let mut one = start(&a, &Config::new().promiscuous(true));
    let mut other = start(&b, &Config::new().promiscuous(true));
    let pool = one.pools().next().expect("a queue has a pool").clone();
    let mut packet = pool.take().expect("the pool has buffers");
    let frame: Vec<u8> = (0..100).collect();
    packet.extend_from_slice(&frame).expect("there is room");
    let mut batch = Batch::with_capacity(32);
    batch.push(packet).expect("the batch is empty");
    {
        let (_, mut queues) = one.split();
        assert_eq!(queues[0].tx.transmit(&mut batch), Ok(1));
    }
    for _ in 0..10 {
        a.step();
        b.step();
    }
    let (_, mut queues) = other.split();
    assert_eq!(queues[0].rx.receive(&mut batch), 1);
    assert_eq!(&batch[0][..], &frame[..]);
    batch.clear();
    one.stop().expect("stops");
    other.stop().expect("stops");
    assert_clean(&a);
    assert_clean(&b);
    assert_eq!(pool.available(), pool.capacity());
}
