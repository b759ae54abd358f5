//! Owned queues of a virtual function: they go anywhere, and the function stops or recovers only with all rings back.

use std::thread;
use std::time::Duration;

use ixgbe::device::Running;
use ixgbe::packet::Batch;
use ixgbe::pool::Pool;
use ixgbe::port::{Down, Receive, Transmit, TransmitError};
use ixgbe::vf::{Config, Event, OwnedControl, OwnedQueuePair, VirtualFunction};
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{Fault, HostConfig, Port, PortConfig, VirtualPlatform};

const MAC: [u8; 6] = [0x02, 0x82, 0x59, 0x10, 0xED, 0x00];

type Nic = VirtualFunction<Running, VirtualPlatform>;
type Pair = OwnedQueuePair<VirtualPlatform>;

fn running(queues: usize) -> (Port, Nic, Vec<Pool>) {
    let port = Port::new(PortConfig::default());
    port.plug(NoTraffic);
    let function = port.host(HostConfig::default()).unwrap().remove(0);
    let config = Config::new().queue_pairs(queues);
    let nic = VirtualFunction::new(function.claim().unwrap()).reset(&config).unwrap().start().unwrap();
    port.wait(Duration::from_millis(50));
    let pools = nic.pools().cloned().collect();
    (port, nic, pools)
}

/// A frame for the function, from a station that its answers go to.
fn deliver(port: &Port) {
    let mut frame = vec![7; 60];
    frame[..6].copy_from_slice(&MAC);
    frame[6..14].copy_from_slice(&[2, 0, 0, 0, 0, 0x77, 0x88, 0xB5]);
    port.deliver(&frame);
}

/// Sends what has arrived back. Returns the number of packets.
fn reflect(pair: &mut Pair) -> Result<usize, Down> {
    let mut batch = Batch::with_capacity(32);
    pair.rx.receive(&mut batch)?;
    for packet in &mut batch {
        let (to, rest) = packet.split_at_mut(6);
        to.swap_with_slice(&mut rest[..6]);
    }
    match pair.tx.transmit(&mut batch) {
        Ok(sent) => Ok(sent),
        Err(TransmitError::Down(down)) => Err(down),
        Err(TransmitError::Refused(refused)) => panic!("{refused}"),
    }
}

fn reunite(control: OwnedControl<VirtualPlatform>, pair: &mut Pair) -> Nic {
    let missing = control.reunite(Duration::ZERO).unwrap_err();
    assert_eq!(missing.missing, 2);
    // They have not noticed, and go on.
    assert_eq!(reflect(pair), Ok(0));
    let control = missing.control;
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            while reflect(pair).is_ok() {}
            _ = pair.tx.queue();
        });
        let mut left = control;
        let nic = loop {
            match left.reunite(Duration::from_secs(1)) {
                Ok(nic) => break nic,
                Err(failed) => left = failed.control,
            }
        };
        other.join().unwrap();
        nic
    })
}

#[test]
fn owned_queues_outlive_recoveries_and_restarts_of_their_function() {
    let (port, nic, pools) = running(1);
    let (mut control, mut pairs) = nic.into_split();
    let mut pair = pairs.pop().unwrap();
    assert_eq!((pairs.len(), control.lent()), (0, 2));
    let elsewhere = port.clone();
    let worker = thread::spawn(move || {
        deliver(&elsewhere);
        assert_eq!(reflect(&mut pair), Ok(1));
        pair
    });
    let mut pair = worker.join().unwrap();
    port.run_until_idle(100);
    // The control works meanwhile, and sees a reset of the physical function.
    assert_eq!(control.control().statistics().unwrap().tx_packets, 1);
    port.reset_host();
    assert_eq!(control.control().poll_event(), Ok(Some(Event::HostReset)));
    port.wait(Duration::from_millis(100));
    let nic = reunite(control, &mut pair).recover().unwrap();
    port.wait(Duration::from_millis(50));
    assert_eq!(reflect(&mut pair), Err(Down::Parked));
    let (control, pairs) = nic.into_split();
    assert!(pairs.is_empty(), "they have an owner");
    deliver(&port);
    assert_eq!(reflect(&mut pair), Ok(1));
    // Stopped and started again, with new rings and the same pools.
    let nic = reunite(control, &mut pair).stop().unwrap().start_with(&pools).unwrap();
    let (control, pairs) = nic.into_split();
    assert!(pairs.is_empty());
    deliver(&port);
    assert_eq!(reflect(&mut pair), Ok(1));
    port.run_until_idle(100);
    assert_eq!(port.counters().transmitted, 3);
    drop(pair);
    control.reunite(Duration::ZERO).unwrap().stop().unwrap();
    assert_eq!(pools[0].available(), pools[0].capacity());
    assert_eq!(port.violations(), []);
}

#[test]
fn a_function_that_is_dropped_stops_without_its_queues_which_free_their_rings() {
    let (port, nic, pools) = running(2);
    let (control, mut pairs) = nic.into_split();
    assert_eq!(pairs.len(), 2);
    drop(control);
    for pair in &mut pairs {
        assert_eq!(reflect(pair), Err(Down::Closed));
    }
    drop(pairs);
    for pool in &pools {
        assert_eq!(pool.available(), pool.capacity());
    }
    drop(pools);
    assert_eq!((port.mapped_bytes(), port.violations()), (0, vec![]));
}

#[test]
fn the_rings_of_a_function_that_does_not_stop_leak() {
    let (port, nic, pools) = running(1);
    port.inject(Fault::RxQueueNeverDisables);
    let (control, pairs) = nic.into_split();
    drop(control);
    drop(pairs);
    assert!(pools[0].available() < pools[0].capacity());
    drop(pools);
    assert!(port.mapped_bytes() > 0);
}

#[test]
fn one_ring_that_is_missing_keeps_the_function_split() {
    let (port, nic, _) = running(2);
    let (control, mut pairs) = nic.into_split();
    let kept = pairs.remove(1).rx;
    drop(pairs);
    let missing = control.reunite(Duration::ZERO).unwrap_err();
    assert_eq!(missing.missing, 1);
    drop(kept);
    let nic = missing.control.reunite(Duration::ZERO).unwrap();
    let (mut control, rx, tx) = nic.into_split_queues();
    assert_eq!((rx.len(), tx.len(), control.lent()), (2, 2, 4));
    assert_eq!(port.violations(), []);
}
