//! Identification of a port by one of its LEDs (datasheet 8.2.3.1.6).

use core::fmt;
use core::time::Duration;

use crate::clock;
use crate::device::presence::is_removed;
use crate::device::{Control, Error};
use crate::field::{Value, ValueError};
use crate::platform::Platform;
use crate::registers::LEDCTL;

/// The number of LEDs of a port.
const LEDS: u8 = 4;
/// The codes of LEDn_MODE that matter here.
const LINK_AND_ACTIVITY: u32 = 4;
const ON: u64 = 14;
const OFF: u64 = 15;
/// The LED to take if none shows link and activity: on most boards, LED2 does.
const USUAL: u8 = 2;
/// The time for which the LED is on, and then off: 2 Hz, as `ethtool --identify` does it.
const HALF_PERIOD: Duration = Duration::from_millis(250);

/// A port whose LED is on, so that a person finds it: see [`Control::identify`]. Dropping it restores the LED.
pub struct Identify<'c, 'a, H: Platform> {
    control: &'c mut Control<'a, H>,
    led: u8,
    /// LEDCTL as it was.
    before: u32,
}

/// The reason why an LED does not blink by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoBlink {
    /// There is no link: the device blinks only with one.
    NoLink,
    /// The board inverts the LED's output, and such an LED does not blink (erratum 50).
    Inverted,
}

impl fmt::Display for NoBlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLink => "the device blinks no LED without a link: switch it on and off with Identify::blink_for",
            Self::Inverted => {
                "the board inverts the LED, which does not blink then (erratum 50): switch it on and off with \
                 Identify::blink_for"
            }
        })
    }
}

impl core::error::Error for NoBlink {}

impl<'a, H: Platform> Control<'a, H> {
    /// Switches an LED of the port on, so that a person finds it. Link and packets go on undisturbed.
    ///
    /// It is the LED that shows link and activity, or LED2 if none does. The result can also make it blink, and
    /// restores it when it is dropped. After a process that was killed meanwhile, a [reset](crate::device::Device::reset)
    /// restores it.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use ixgbe::device::{Config, Device};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # let mut nic = Device::new(port.claim()?).reset(&Config::new())?.assume_link_up().start()?;
    /// # let (mut control, _) = nic.split();
    /// control.identify()?.blink_for(Duration::from_secs(1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device no longer answers.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.identify.md")))]
    pub fn identify(&mut self) -> Result<Identify<'_, 'a, H>, Error> {
        let before = self.registers().ledctl().read().get();
        if before == u32::MAX && is_removed(self.platform, self.registers()) {
            return Err(Error::Removed { step: "reading LEDCTL (8.2.3.1.6)" });
        }
        let led = (0..LEDS).find(|led| byte(before, *led) & 0xf == LINK_AND_ACTIVITY).unwrap_or(USUAL);
        let mut identify = Identify { control: self, led, before };
        identify.set(true);
        Ok(identify)
    }
}

impl<'a, H: Platform> Identify<'_, 'a, H> {
    /// Returns the number of the LED: 0 to 3.
    #[must_use]
    pub fn led(&self) -> u8 {
        self.led
    }

    /// Returns the control of the device, for the work that goes on meanwhile.
    pub fn control(&mut self) -> &mut Control<'a, H> {
        self.control
    }

    /// Switches the LED on or off.
    pub fn set(&mut self, on: bool) {
        self.write(if on { ON } else { OFF }, false);
    }

    /// Makes the LED blink by itself, as fast as LEDCTL.GLOBAL_BLINK_MODE says: 2.5 or 6 times a second.
    ///
    /// # Errors
    ///
    /// [`NoBlink`] if the device cannot. The LED stays as it is.
    pub fn blink(&mut self) -> Result<(), NoBlink> {
        if byte(self.before, self.led) & 0x40 != 0 {
            return Err(NoBlink::Inverted);
        }
        if !self.control.link_status().is_up() {
            return Err(NoBlink::NoLink);
        }
        self.write(ON, true);
        Ok(())
    }

    /// Switches the LED on and off, twice a second, and returns after `time`. It works with and without a link.
    pub fn blink_for(&mut self, time: Duration) {
        let platform = self.control.platform;
        let mut on = false;
        // A removed device has no LED that could be seen.
        let switch = || {
            on = !on;
            self.set(on);
            (self.control.registers().status().read().get() == u32::MAX).then_some(())
        };
        _ = clock::poll(platform, time, HALF_PERIOD.min(time), switch);
    }

    fn write(&mut self, shows: u64, blinks: bool) {
        match value(self.led, shows, blinks) {
            Ok(value) => self.control.registers().ledctl().modify(value),
            Err(error) => log::error!("cannot switch LED{}: {error}", self.led),
        }
    }
}

impl<H: Platform> Drop for Identify<'_, '_, H> {
    fn drop(&mut self) {
        let before = byte(self.before, self.led);
        self.write(u64::from(before & 0xf), before & 0x80 != 0);
    }
}

impl<H: Platform> fmt::Debug for Identify<'_, '_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identify").field("led", &self.led).finish_non_exhaustive()
    }
}

/// Returns the byte of an LED: mode in bits 3:0, inversion in bit 6, blinking in bit 7.
fn byte(ledctl: u32, led: u8) -> u32 {
    ledctl >> (8 * u32::from(led)) & 0xff
}

/// Returns the fields of LED `led` that decide what it shows.
fn value(led: u8, shows: u64, blinks: bool) -> Result<Value<LEDCTL>, ValueError> {
    match led {
        0 => Value::EMPTY.with(LEDCTL::LED0_BLINK, blinks).try_with(LEDCTL::LED0_MODE, shows),
        1 => Value::EMPTY.with(LEDCTL::LED1_BLINK, blinks).try_with(LEDCTL::LED1_MODE, shows),
        2 => Value::EMPTY.with(LEDCTL::LED2_BLINK, blinks).try_with(LEDCTL::LED2_MODE, shows),
        _ => Value::EMPTY.with(LEDCTL::LED3_BLINK, blinks).try_with(LEDCTL::LED3_MODE, shows),
    }
}
