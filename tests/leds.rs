//! A port is found by its LED, which then is as it was.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Altered, Nic, assert_clean, at, peek, port, recorded, start};
use ixgbe::device::{Config, Device, Error, NoBlink};
use ixgbe::trace::{RegisterAccess, Traced};
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{Fault, Led, Port};

/// LED2 shows link and activity; LED1 blinks.
const LEDCTL: u32 = 0x0504_8100;

fn set(port: &Port, ledctl: u32) {
    // SAFETY: LEDCTL has nothing to do with memory, and the driver relies on nothing in it.
    unsafe { port.write32(at("LEDCTL", 0), ledctl) }
}

fn running(ledctl: u32) -> (Port, Nic) {
    let (port, _) = recorded(0);
    let nic = start(&port, &Config::new());
    set(&port, ledctl);
    (port, nic)
}

#[test]
fn the_led_of_link_and_activity_is_switched_and_restored() {
    for (ledctl, led) in [(LEDCTL, 2), (0x0504_0004, 0), (0x0401_4402, 1), (0xC401_0201, 3), (0x0103_0201, 2)] {
        let (port, mut nic) = running(ledctl);
        let shows = || peek(&port, "LEDCTL", 0) >> (8 * led) & 0x8f;
        let others = || peek(&port, "LEDCTL", 0) & !(0x8f << (8 * led));
        {
            let (mut control, _) = nic.split();
            let mut identify = control.identify().unwrap();
            assert_eq!((u32::from(identify.led()), shows(), others()), (led, 14, ledctl & !(0x8f << (8 * led))));
            identify.set(false);
            assert_eq!(shows(), 15);
            identify.set(true);
            assert_eq!(shows(), 14);
            assert!(identify.control().link_status().is_up(), "the link goes on");
        }
        assert_eq!(peek(&port, "LEDCTL", 0), ledctl, "{ledctl:#x}");
        assert_clean(&port);
    }
}

#[test]
fn an_led_blinks_by_itself_with_a_link_and_without_inversion_only() {
    let (port, mut nic) = running(LEDCTL);
    {
        let (mut control, _) = nic.split();
        control.identify().unwrap().blink().unwrap();
        let mut identify = control.identify().unwrap();
        identify.blink().unwrap();
        assert_eq!(peek(&port, "LEDCTL", 0), 0x058e_8100);
        port.set_link(false);
        port.wait(Duration::from_millis(1));
        assert_eq!(identify.blink(), Err(NoBlink::NoLink));
    }
    assert_eq!(peek(&port, "LEDCTL", 0), LEDCTL);
    let (_port, mut nic) = running(LEDCTL | 0x0040_0000);
    let (mut control, _) = nic.split();
    assert_eq!(control.identify().unwrap().blink(), Err(NoBlink::Inverted));
}

/// What somebody in front of the card sees.
#[test]
fn a_person_sees_the_led() {
    let (port, mut nic) = running(LEDCTL);
    {
        let (mut control, _) = nic.split();
        let mut identify = control.identify().unwrap();
        for (on, seen) in [(false, Led::Off), (true, Led::On)] {
            identify.set(on);
            assert_eq!(port.led(2), seen);
        }
        identify.blink().unwrap();
        assert_eq!(port.led(2), Led::Blinking);
        identify.set(true);
        port.set_link(false);
        port.step();
        assert_eq!(port.led(2), Led::On, "without a link, too");
    }
    assert_eq!(port.led(2), Led::Off, "it shows the link again");
}

#[test]
fn blinking_for_a_time_takes_that_time_with_and_without_a_link() {
    for linked in [true, false] {
        let port = port(0);
        port.plug(NoTraffic);
        let written = Arc::new(Mutex::new(Vec::new()));
        let (log, ledctl) = (Arc::clone(&written), at("LEDCTL", 0));
        let platform = Traced::new(port.claim().unwrap(), move |access: RegisterAccess| {
            if access.write && access.offset == ledctl.bytes() {
                log.lock().unwrap().push(access.value as u32 >> 16 & 0x8f);
            }
        });
        let mut nic = Device::new(platform).reset(&Config::new()).unwrap().assume_link_up().start().unwrap();
        set(&port, LEDCTL);
        port.set_link(linked);
        let began = port.now();
        nic.split().0.identify().unwrap().blink_for(Duration::from_secs(2));
        let took = port.now() - began;
        assert!((Duration::from_secs(2)..Duration::from_millis(2_300)).contains(&took), "{took:?}");
        let written = written.lock().unwrap();
        let (last, blinks) = written.split_last().unwrap();
        // On at first, then eight times in turn, and as it was at the end.
        assert_eq!(*last, 4);
        assert!((9..=11).contains(&blinks.len()), "{blinks:?}");
        assert!(blinks[1..].chunks_exact(2).all(|pair| pair == [14, 15]), "{blinks:?}");
    }
}

#[test]
fn a_card_that_was_pulled_is_named() {
    let (port, mut nic) = running(LEDCTL);
    port.inject(Fault::SurpriseRemoval);
    let (mut control, _) = nic.split();
    assert!(matches!(control.identify().map(|_| ()), Err(Error::Removed { .. })));
}

/// LEDCTL may really read as all ones.
#[test]
fn all_ones_in_ledctl_alone_are_no_removal() {
    let port = port(0);
    port.plug(NoTraffic);
    let ledctl = at("LEDCTL", 0);
    let platform = Altered::new(&port, move |offset, real| if offset == ledctl { u32::MAX } else { real });
    let mut nic = Device::new(platform).reset(&Config::new()).unwrap().assume_link_up().start().unwrap();
    assert_eq!(nic.split().0.identify().unwrap().led(), 2);
}
