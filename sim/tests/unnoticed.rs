//! Behaviour whose errors stock `ixgbe` does not notice (docs/virtual-machine.md), checked against the datasheet: each
//! event happens, and none too early. `faults.rs` shows that a driver notices a missing event.

mod common;

use common::*;

const I2CCTL: u32 = 0x28;

fn reset_and_configured() -> Driver {
    let driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    driver
}

#[test]
fn txdctl_enable_is_set_after_a_while_and_clear_after_another() {
    let driver = reset_and_configured();
    driver.start_transmit_dma();
    let ring = TestRing::new(&driver.port, 64, 2048);
    driver.prepare_tx(5, &ring);
    for (written, expected) in [(ENABLE, ENABLE), (0, 0)] {
        driver.write(tx(5, 0x28), written);
        assert_ne!(driver.read(tx(5, 0x28)) & ENABLE, expected, "not at once");
        assert!(driver.until(tx(5, 0x28), ENABLE, expected));
    }
    driver.clean();
}

#[test]
fn secrxstat_is_ready_while_reception_is_halted_and_no_longer() {
    let driver = reset_and_configured();
    assert_eq!(driver.read(SECRXSTAT) & 1, 0);
    driver.set(SECRXCTRL, 2);
    assert_eq!(driver.read(SECRXSTAT) & 1, 0, "not at once");
    assert!(driver.until(SECRXSTAT, 1, 1));
    driver.clear(SECRXCTRL, 2);
    assert_eq!(driver.read(SECRXSTAT) & 1, 0);
    driver.clean();
}

#[test]
fn the_master_enable_status_follows_the_master_disable() {
    let driver = reset_and_configured();
    assert_eq!(driver.read(STATUS) & 1 << 19, 1 << 19);
    driver.set(CTRL, 1 << 2);
    assert_eq!(driver.read(STATUS) & 1 << 19, 1 << 19, "not at once");
    assert!(driver.until(STATUS, 1 << 19, 0));
    driver.clear(CTRL, 1 << 2);
    assert_eq!(driver.read(STATUS) & 1 << 19, 1 << 19);
    driver.clean();
}

#[test]
fn dmaidone_is_clear_after_a_reset_and_then_set() {
    let driver = reset_and_configured();
    assert!(driver.master_disable());
    driver.set(CTRL, 1 << 26);
    driver.wait_us(1_100);
    assert_eq!(driver.read(RDRXCTL) & 1 << 3, 0);
    assert!(driver.until(RDRXCTL, 1 << 3, 1 << 3));
    driver.clean();
}

/// A master on the two lines of I2CCTL: bits 0 and 1 are clock in and out, bits 2 and 3 data.
struct Master<'a>(&'a Driver);

impl Master<'_> {
    fn drive(&self, clock: bool, data: bool) -> bool {
        self.0.write(I2CCTL, u32::from(clock) << 1 | u32::from(data) << 3);
        self.0.read(I2CCTL) & 1 << 2 != 0
    }

    fn bit(&self, data: bool) -> bool {
        self.drive(false, data);
        let level = self.drive(true, data);
        self.drive(false, data);
        level
    }

    /// Sends a start condition and bytes. Returns `true` if all were acknowledged.
    fn start(&self, bytes: &[u8]) -> bool {
        self.drive(false, true);
        self.drive(true, true);
        self.drive(true, false);
        self.drive(false, false);
        bytes.iter().all(|byte| {
            (0..8).rev().for_each(|n| _ = self.bit(byte >> n & 1 != 0));
            !self.bit(true)
        })
    }

    fn byte(&self) -> u8 {
        let byte = (0..8).fold(0, |byte, _| byte << 1 | u8::from(self.bit(true)));
        self.bit(true);
        byte
    }
}

#[test]
fn an_sfp_answers_on_i2c() {
    let driver = reset_and_configured();
    let master = Master(&driver);
    // An SFP's identifier, its connector, 10GBASE-SR (SFF-8472).
    for (place, expected) in [(0, 0x03), (2, 0x07), (3, 0x10)] {
        assert!(master.start(&[0xA0, place]), "no acknowledgement");
        assert!(master.start(&[0xA1]));
        assert_eq!(master.byte(), expected, "at {place}");
    }
    driver.clean();
}
