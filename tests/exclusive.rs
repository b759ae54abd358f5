//! One device has one driver.

mod common;

use common::{assert_clean, assert_works, recorded, start};
use ixgbe::device::{Config, Device};
use ixgbe_sim::AlreadyClaimed;

#[test]
fn a_port_is_claimed_by_one_driver_at_a_time() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    assert_eq!(port.clone().claim().err(), Some(AlreadyClaimed), "another handle is no other port");
    let (_, mut queues) = nic.split();
    assert!(port.claim().is_err());
    queues.clear();
    let reset = nic.stop().unwrap();
    assert!(port.claim().is_err(), "in every state");
    drop(reset);

    // The next driver gets the whole device.
    let mut nic = start(&port, &Config::new());
    assert_works(&mut nic, &port, &recorder);
    drop(nic);
    assert!(port.claim().is_ok());
    assert_clean(&port);
}

#[test]
fn a_device_that_was_forgotten_stays_claimed() {
    let (port, _) = recorded(0);
    std::mem::forget(start(&port, &Config::new()));
    assert_eq!(port.claim().err(), Some(AlreadyClaimed), "its rings are the device's still");
}

#[test]
fn a_platform_that_was_not_used_can_be_claimed_again() {
    let (port, _) = recorded(0);
    drop(port.claim().unwrap());
    drop(Device::new(port.claim().unwrap()));
    assert!(port.claim().is_ok());
}
