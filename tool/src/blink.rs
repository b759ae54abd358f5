//! `ixgbectl blink`: an LED that shows a person which port it is.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ixgbe::device::{Config, Device, Running};
use ixgbe::platform::Platform;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Outcome;
use crate::arguments::{Blink, Target};
use crate::drive::{self, Driven};
use crate::progress;

/// The time for which the LED blinks before the program looks whether it was asked to end.
const PIECE: Duration = Duration::from_secs(1);

pub fn run(arguments: &Blink, out: &mut dyn Write) -> Result<Outcome, Box<dyn Error>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one ends the process at once.
        flag::register_conditional_default(signal, Arc::clone(&interrupted))?;
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    match arguments.drive.target {
        Target::Function(address) => {
            if let Some(name) = drive::interface_of(address)?.filter(|_| !arguments.drive.sysfs) {
                return Err(format!(
                    "{address} is the network interface {name} of the kernel, which blinks it without losing its link: \
                     `ethtool --identify {name} {}`",
                    arguments.seconds
                )
                .into());
            }
            let mut driven = Driven::open(address, &arguments.drive)?;
            let device = Device::new(driven.take()?).reset(&Config::new())?;
            let mut nic = device.assume_link_up().start()?;
            blink(&mut nic, arguments.seconds, &interrupted, out)?;
            nic.stop()?;
        }
        #[cfg(feature = "model")]
        Target::Model => blink(crate::model::Running::start()?.device(), arguments.seconds, &interrupted, out)?,
    }
    Ok(Outcome::Fine)
}

/// Blinks for this many seconds, or until `interrupted`.
fn blink<H: Platform>(
    nic: &mut Device<Running, H>,
    seconds: u64,
    interrupted: &AtomicBool,
    out: &mut dyn Write,
) -> Result<(), Box<dyn Error>> {
    let (mut control, _queues) = nic.split();
    let mut led = control.identify()?;
    writeln!(out, "LED{} blinks for {seconds} s", led.led())?;
    out.flush()?;
    for _ in progress::bar("seconds", seconds).wrap_iter(0..seconds) {
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
        led.blink_for(PIECE);
    }
    Ok(())
}

#[cfg(all(test, feature = "model"))]
mod tests {
    use super::*;
    use ixgbe_sim::{Port, PortConfig};
    use std::sync::Mutex;

    #[test]
    fn the_led_goes_on_and_off_and_is_as_before_in_the_end() {
        let port = Port::new(PortConfig::default());
        let mut nic =
            Device::new(port.claim().unwrap()).reset(&Config::new()).unwrap().assume_link_up().start().unwrap();
        let before = nic.registers().ledctl().read().get();
        let text = Arc::new(Mutex::new(String::new()));
        let lines = Arc::clone(&text);
        let recorder = port.record(move |line| *lines.lock().unwrap() += &format!("{line}\n"));
        let mut said = Vec::new();
        blink(&mut nic, 2, &AtomicBool::new(false), &mut said).unwrap();
        recorder.finish();
        assert_eq!(String::from_utf8(said).unwrap(), "LED2 blinks for 2 s\n");
        let writes = text.lock().unwrap().matches("write LEDCTL").count();
        assert!(writes >= 8, "on and off twice a second, for two seconds: {writes} writes");
        assert_eq!(nic.registers().ledctl().read().get(), before);
        // Who is asked to end does not begin.
        blink(&mut nic, 86400, &AtomicBool::new(true), &mut Vec::new()).unwrap();
        nic.stop().unwrap();
    }
}
