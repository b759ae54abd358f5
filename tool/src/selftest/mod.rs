//! The self-test: everything a card and the library must agree on, checked in order and without a cable.
//!
//! Reading order: `identity`, `module` and `reset_values` only read; `loopback` resets the device and sends `frames` through it as
//! `traffic`, and `counters` says what they must leave; `wire` needs a cable. `table` has the results. `command` is the command line's.

pub mod card;
pub mod command;
mod counters;
mod filters;
mod frames;
mod identity;
mod interrupts;
mod kinds;
mod loopback;
mod module;
mod reset_values;
pub mod table;
mod traffic;
mod wire;

use ixgbe::device::{Config, Device, Reset};
use ixgbe::platform::AnyPlatform;
use serde_json::{Value, json};

use card::Card;
use table::{Check, Table};

const RESET: Check = Check { name: "reset", register: "CTRL", section: "4.6.3" };
const LOOPBACK: Check = Check { name: "loopback", register: "AUTOC, HLREG0", section: "14.1" };
const LINK: Check = Check { name: "link", register: "LINKS", section: "8.2.3.22.20" };
const RULES: Check = Check { name: "rules of the model", register: "", section: "" };

/// CTRL.LRST and CTRL.RST.
const RESETS: u32 = 1 << 3 | 1 << 26;

/// How much is tested.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The largest frame, with CRC.
    pub max_frame: usize,
    /// The step between lengths of frames.
    pub stride: usize,
    /// The number of stops and starts.
    pub cycles: usize,
    /// The number of measurements.
    pub samples: usize,
    /// Whether to test the wire.
    pub link: bool,
    /// Whether reports may identify the card.
    pub identify: bool,
}

/// Tests the card on `platform`. Adds rows to `table`, and returns what a report has besides them.
pub fn run(card: &Card, platform: AnyPlatform, options: &Options, table: &mut Table) -> Value {
    let mut report = json!({});
    let device = Device::new(platform);
    report["pci"] = identity::check_pci(device.platform(), table);
    if !identity::check_bar(device.platform(), table) {
        return report;
    }
    report["registers_as_found"] = reset_values::dump(device.platform(), options.identify);
    match device.reset(&Config::new()) {
        Ok(device) => run_reset(card, device, options, (table, &mut report)),
        Err(failed) => {
            table.differs(RESET, failed.to_string());
            // In reset, only CTRL and STATUS may be read.
            let is_in_reset = failed.device.registers().ctrl().read().get() & RESETS != 0;
            if !is_in_reset {
                report["registers_after_reset"] = reset_values::dump(failed.device.platform(), options.identify);
            }
        }
    }
    check_rules(card, table);
    report
}

/// Makes the checks from the first reset on.
fn run_reset(
    card: &Card,
    mut device: Device<Reset, AnyPlatform>,
    options: &Options,
    (table, report): (&mut Table, &mut Value),
) {
    table.ok(RESET, "done, with DMA and EEPROM ready");
    report["card"] = identity::check_bring_up(device.bring_up(), table);
    report["module"] = module::check(&mut device, options.identify, table);
    // In loopback, a reset does not touch the link: its registers keep their reset values.
    let device = match device.into_unbound().reset(&loopback::config(options.max_frame)) {
        Ok(device) => {
            report["registers_after_reset"] = reset_values::dump(device.platform(), options.identify);
            reset_values::check(device.platform(), table);
            let (figures, device) = loopback::check(card, device, options, table);
            report["figures"] = figures;
            device
        }
        Err(failed) => {
            match failed.error {
                ixgbe::device::Error::LoopbackRefused { .. } => table.skipped(LOOPBACK, failed.to_string()),
                _ => table.differs(LOOPBACK, failed.to_string()),
            }
            failed.device
        }
    };
    match options.link {
        true => wire::check(card, device, table).unwrap_or_else(|error| table.differs(LINK, error.to_string())),
        false => table.skipped(LINK, "give --link to test the wire"),
    }
}

/// Checks that the driver broke no rule of the model, if the card is one.
fn check_rules(card: &Card, table: &mut Table) {
    if let Some(violations) = card.world.violations() {
        table.judge(RULES, violations, "none was broken");
    }
}

#[cfg(all(test, feature = "model"))]
mod tests;
