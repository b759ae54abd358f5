//! MAC loopback (HLREG0.LPBK) with a link that AUTOC.FLU forces up: no cable is needed, and none is used.
//!
//! Three recipes are proven on silicon. Snabb's self-test writes AUTOC whole, with FLU, LMS 001 and Restart_AN. DPDK
//! does the same and then resets the pipeline. Linux keeps LMS, and adds FLU without a restart.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use ixgbe_sim::Wire;

const FLU: u32 = 1;
const RESTART_AN: u32 = 1 << 12;
const LMS: u32 = 7 << 13;
const LMS_10G_PARALLEL: u32 = 1 << 13;
const LPBK: u32 = 1 << 15;
const LINK_UP: u32 = 1 << 30;
const SPEED_10G: u32 = 3 << 28;
/// The signals and locks of the serial interface in LINKS.
const SERIAL_SIGNAL: u32 = 1 << 12 | 1 << 4;

/// A driver that runs in loopback, without a wire.
fn looped(autoc: impl Fn(u32) -> u32) -> Driver {
    let mut driver = Driver::new();
    driver.reset();
    driver.configure();
    driver.set(HLREG0, LPBK);
    driver.write(AUTOC, autoc(driver.read(AUTOC)));
    driver.add_rx(0, 64);
    driver.start_receive();
    driver.start_transmit_dma();
    driver.add_tx(0, 64);
    driver
}

#[test]
fn every_recipe_brings_the_link_up_and_frames_back() {
    let snabb = |_| FLU | LMS_10G_PARALLEL | RESTART_AN;
    let linux = |autoc| autoc | FLU;
    for (recipe, mode) in [(&snabb as &dyn Fn(u32) -> u32, 1), (&linux, 2)] {
        let mut driver = looped(recipe);
        assert_eq!(driver.read(LINKS) & LINK_UP, 0, "it takes a while");
        driver.wait_us(15_000);
        let links = driver.read(LINKS);
        assert_eq!(links & (LINK_UP | SPEED_10G), LINK_UP | SPEED_10G, "{links:#x}");
        assert_eq!(links >> 26 & 3, mode, "{links:#x}");
        assert_eq!(links & SERIAL_SIGNAL, 0, "a link without a signal");
        for len in [60, 77, 1514] {
            driver.send(0, &frame(MAC, len));
            assert_eq!(driver.receive(0).unwrap().0, frame(MAC, len));
        }
        driver.wait_us(1_000_000);
        assert_eq!(driver.read(LINKS) & LINK_UP, LINK_UP, "it stays up");
        driver.clean();
    }
}

/// A link partner that always sends, and counts what it gets.
struct Talker(Arc<AtomicUsize>);

impl Wire for Talker {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        if room > 0 {
            port(&frame(MAC, 99));
        }
    }

    fn transmit(&mut self, _: &[u8]) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_wire_is_cut_off() {
    let mut driver = Driver::new();
    let got = Arc::new(AtomicUsize::new(0));
    driver.port.plug(Talker(Arc::clone(&got)));
    driver.bring_up(&[0], &[0]);
    driver.send(0, &frame(MAC, 60));
    assert_eq!(got.load(Ordering::Relaxed), 1);
    driver.set(HLREG0, LPBK);
    while driver.receive(0).is_some() {}
    driver.refill(0);
    driver.send(0, &frame(MAC, 77));
    assert_eq!(driver.receive(0).unwrap().0, frame(MAC, 77));
    assert!(driver.receive(0).is_none(), "the partner's frames do not come in");
    assert_eq!(got.load(Ordering::Relaxed), 1, "the frame did not go out");
    driver.clean();
}

#[test]
fn a_forced_link_ends_with_the_bit_and_with_a_reset() {
    let driver = looped(|_| FLU | LMS_10G_PARALLEL | RESTART_AN);
    driver.wait_us(15_000);
    assert_ne!(driver.read(LINKS) & LINK_UP, 0);
    driver.clear(AUTOC, FLU);
    driver.wait_us(100);
    assert_eq!(driver.read(LINKS) & LINK_UP, 0);
    driver.set(AUTOC, FLU);
    driver.wait_us(15_000);
    assert_ne!(driver.read(LINKS) & LINK_UP, 0);
    driver.reset();
    assert_eq!(driver.read(AUTOC) & (FLU | LMS), 3 << 13, "the EEPROM's mode is back");
    driver.wait_us(50_000);
    assert_eq!(driver.read(LINKS) & LINK_UP, 0);
}
