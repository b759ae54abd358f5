//! The LEDs of a port.

mod common;

use common::*;
use ixgbe_sim::{Fault, Led};

const LEDCTL: u32 = 0x200;

fn leds(driver: &Driver) -> [Led; 4] {
    [0, 1, 2, 3].map(|number| driver.port.led(number))
}

#[test]
fn after_a_reset_the_leds_show_the_link() {
    let driver = Driver::running();
    assert_eq!(driver.read(LEDCTL), 0x0504_8100);
    // Link up, 10 Gb/s (which blinks), link with activity, 1 Gb/s.
    assert_eq!(leds(&driver), [Led::On, Led::Blinking, Led::On, Led::Off]);
    driver.port.inject(Fault::ModuleOneGigabit);
    let autoc = driver.read(AUTOC);
    driver.write(AUTOC, autoc & !(7 << 13 | 1 << 9) | 1 << 12);
    assert_eq!(leds(&driver), [Led::Off; 4], "the link restarts");
    assert!(driver.until(LINKS, 1 << 30, 1 << 30));
    assert_eq!(leds(&driver), [Led::On, Led::Off, Led::On, Led::On]);
    driver.clean();
}

#[test]
fn a_port_is_identified_by_an_led() {
    let driver = Driver::running();
    // On, off, inverted off, blinking.
    driver.write(LEDCTL, 14 | 15 << 8 | (1 << 6 | 15) << 16 | (1 << 7 | 14) << 24);
    assert_eq!(leds(&driver), [Led::On, Led::Off, Led::On, Led::Blinking]);
    driver.write(LEDCTL, (1 << 6 | 14) | (1 << 6 | 1 << 7 | 15) << 8 | 2 << 16 | (1 << 7 | 15) << 24);
    assert_eq!(leds(&driver), [Led::Off, Led::On, Led::Off, Led::Off], "an inverted LED does not blink");
    driver.write(LEDCTL, (1 << 7 | 14) << 24);
    driver.port.set_link(false);
    driver.port.step();
    assert_eq!(driver.port.led(3), Led::On, "without a link it does not blink");
    driver.clean();
}
