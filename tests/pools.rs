//! How many pools there can be: in a process of its own, as the numbers are all of a process's.

use ixgbe::pool::{MAX_POOLS, Pool, PoolError};
use plain::{Addresses, Plain};

#[path = "../benches/plain/mod.rs"]
mod plain;

#[test]
fn a_pool_keeps_its_number_as_long_as_a_packet_of_it_is_out() {
    let (dma, _player) = Plain::new(Addresses::Identity);
    let mut pools: Vec<Pool> = (0..MAX_POOLS).map(|_| Pool::new(&dma, 2, 1024).expect("a number is free")).collect();
    assert_eq!(Pool::new(&dma, 2, 1024).unwrap_err(), PoolError::TooManyPools);
    let mut packet = pools[7].take().expect("a free buffer");
    packet.extend_from_slice(b"still here").expect("room");
    drop(pools.swap_remove(7));
    assert_eq!(Pool::new(&dma, 2, 1024).unwrap_err(), PoolError::TooManyPools);
    assert_eq!((&packet[..], packet.tailroom()), (&b"still here"[..], 1024 - 10));
    drop(packet);
    let last = Pool::new(&dma, 3, 2048).expect("a number is free again");
    assert_eq!(Pool::new(&dma, 2, 1024).unwrap_err(), PoolError::TooManyPools);
    // Every packet goes home to the pool that it is of, whichever number that has.
    let packets: Vec<_> = pools.iter().chain([&last]).map(|pool| pool.take().expect("a free buffer")).collect();
    assert!(pools.iter().all(|pool| pool.available() == 1) && last.available() == 2);
    drop(packets);
    assert!(pools.iter().all(|pool| pool.available() == 2) && last.available() == 3);
}
