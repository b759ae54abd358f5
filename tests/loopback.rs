//! Loopback inside the MAC: what a caller sees of it, and what is left of it afterwards.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{assert_clean, assert_works, at, frame, mac, peek, port, receive, recorded, run, transmit};
use ixgbe::device::{Config, Device, Error, Loopback};
use ixgbe::port::{LinkStatus, Speed};
use ixgbe::trace::{RegisterAccess, Traced};
use ixgbe_sim::{Fault, Port};

const FLU: u32 = 1;
const LMS: u32 = 7 << 13;
const LPBK: u32 = 1 << 15;
const RST: u64 = 1 << 26;
const LRST: u64 = 1 << 3;

fn looped() -> Config {
    Config::new().loopback(Loopback::Mac)
}

fn autoc(port: &Port) -> u32 {
    peek(port, "AUTOC", 0)
}

#[test]
fn packets_come_back_without_a_cable() {
    let port = port(0);
    let mut nic = run(Device::new(port.claim().unwrap()).reset(&looped()).unwrap());
    assert_eq!(nic.link(), LinkStatus::Up(Some(Speed::GBIT_10)));
    for len in [17, 60, 1514] {
        let sent = frame(mac(0), len, 7);
        transmit(&mut nic, &sent);
        port.run_until_idle(10);
        let mut padded = sent.clone();
        padded.resize(len.max(60), 0);
        assert_eq!(receive(&mut nic), [padded], "{len} bytes");
    }
    // A device that is stopped can be started again, and still is in loopback.
    let mut nic = run(nic.stop().unwrap());
    transmit(&mut nic, &frame(mac(0), 99, 1));
    port.run_until_idle(10);
    assert_eq!(receive(&mut nic).len(), 1);
    assert_clean(&port);
}

/// The frame of a link partner does not come in, and the partner gets none.
#[test]
fn the_wire_takes_no_part() {
    let (port, recorder) = recorded(0);
    let mut nic = run(Device::new(port.claim().unwrap()).reset(&looped()).unwrap());
    transmit(&mut nic, &frame(mac(0), 60, 7));
    port.run_until_idle(10);
    assert_eq!(receive(&mut nic).len(), 1);
    assert!(recorder.take().is_empty());
    drop(nic.stop().unwrap());
    assert_eq!((autoc(&port) & (FLU | LMS), peek(&port, "HLREG0", 0) & LPBK), (3 << 13, 0), "stop ends the loopback");
    let mut nic = run(Device::new(port.claim().unwrap()).reset(&Config::new()).unwrap());
    assert_works(&mut nic, &port, &recorder);
    assert_clean(&port);
}

/// A recovery resets the device, and loops it back again.
#[test]
fn a_device_that_recovers_is_in_loopback_again() {
    let port = port(0);
    let nic = run(Device::new(port.claim().unwrap()).reset(&looped()).unwrap());
    let mut nic = nic.recover().expect("nothing is in the way");
    transmit(&mut nic, &frame(mac(0), 99, 1));
    port.run_until_idle(10);
    assert_eq!(receive(&mut nic), [frame(mac(0), 99, 1)]);
    assert_clean(&port);
}

#[test]
fn a_running_device_that_is_dropped_leaves_no_loopback() {
    let port = port(0);
    let nic = run(Device::new(port.claim().unwrap()).reset(&looped()).unwrap());
    drop(nic);
    port.wait(Duration::from_millis(20));
    assert_eq!((autoc(&port) & (FLU | LMS), peek(&port, "HLREG0", 0) & LPBK), (3 << 13, 0));
    assert_eq!(peek(&port, "LINKS", 0) >> 30 & 1, 0);
    assert_clean(&port);
}

#[test]
fn a_port_of_the_firmware_is_refused_and_left_alone() {
    for (fault, words) in [
        (Fault::FirmwareManages, "firmware in pass-through mode, uses this port"),
        (Fault::FirmwareVeto, "no firmware, forbids changes of the link"),
    ] {
        let (port, recorder) = recorded(0);
        port.inject(fault);
        let failed = Device::new(port.claim().unwrap()).reset(&looped()).expect_err("the firmware has the port");
        assert!(matches!(failed.error, Error::LoopbackRefused { .. }), "{}", failed.error);
        let text = failed.error.to_string();
        assert!(text.starts_with(&format!("cannot loop the port back: {words}: switch manageability off")), "{text}");
        assert_eq!((autoc(&port) & FLU, peek(&port, "HLREG0", 0) & LPBK), (0, 0));
        port.clear(fault);
        let mut nic = run(failed.device.reset(&Config::new()).unwrap());
        assert_works(&mut nic, &port, &recorder);
        assert_clean(&port);
    }
}

/// The firmware may take the port between reset and start.
#[test]
fn a_port_that_the_firmware_takes_is_refused_at_the_start() {
    let port = port(0);
    let device = Device::new(port.claim().unwrap()).reset(&looped()).unwrap().assume_link_up();
    port.inject(Fault::FirmwareVeto);
    let failed = device.start().expect_err("the firmware has the port");
    assert!(matches!(failed.error(), Error::LoopbackRefused { .. }), "{failed}");
    assert_eq!(autoc(&port) & FLU, 0);
    assert_clean(&port);
}

#[test]
fn a_link_that_cannot_be_forced_is_an_error() {
    let port = port(0);
    let device = Device::new(port.claim().unwrap()).reset(&looped()).unwrap().assume_link_up();
    port.inject(Fault::LinkNeverUp);
    let failed = device.start().expect_err("there is no link");
    assert!(failed.to_string().starts_with("no link in loopback 150"), "{failed}");
    drop(failed);
    assert_eq!((autoc(&port) & (FLU | LMS), peek(&port, "HLREG0", 0) & LPBK), (3 << 13, 0));
    assert_clean(&port);
}

/// A link that was forced up is none for the firmware either: the reset of a port that it uses includes the link then.
#[test]
fn a_forced_link_is_not_kept_for_the_firmware() {
    let port = port(0);
    let resets = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&resets);
    let platform = Traced::new(port.claim().unwrap(), move |access: RegisterAccess| {
        if access.write && access.offset == at("CTRL", 0).bytes() && access.value & (RST | LRST) != 0 {
            log.lock().unwrap().push(access.value & (RST | LRST));
        }
    });
    let nic = run(Device::new(platform).reset(&looped()).unwrap());
    port.inject(Fault::FirmwareManages);
    drop(nic);
    assert_eq!(*resets.lock().unwrap(), [RST | LRST; 2]);
    port.wait(Duration::from_millis(20));
    assert_eq!((autoc(&port) & FLU, peek(&port, "LINKS", 0) >> 30 & 1), (0, 0));
    assert_clean(&port);
}
