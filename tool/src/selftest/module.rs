//! The module or cable in the port's cage.

use ixgbe::device::{Device, Error, ModuleError, Reset};
use ixgbe::module::Module;
use ixgbe::platform::AnyPlatform;
use serde_json::{Value, json};

use super::table::{Check, Table};

const MODULE: Check = Check { name: "module", register: "I2CCTL", section: "8.2.3.1.5" };

/// Reads the module, and never writes it.
pub fn check(device: &mut Device<Reset, AnyPlatform>, identify: bool, table: &mut Table) -> Value {
    match device.module() {
        Ok(module) => {
            let text = format!("{} {}, {}", module.vendor.as_str(), module.part.as_str(), module.technology);
            let wrong = "a sum over the module's identification is wrong: it was misread, or its maker left it out";
            table.judge(MODULE, if module.is_intact() { vec![] } else { vec![wrong.to_owned()] }, text);
            json(&module, identify)
        }
        Err(Error::Module(error @ (ModuleError::NoCage | ModuleError::NoAnswer))) => {
            table.skipped(MODULE, error.to_string());
            json!({ "error": error.to_string() })
        }
        Err(error) => {
            table.differs(MODULE, error.to_string());
            json!({ "error": error.to_string() })
        }
    }
}

fn json(module: &Module, identify: bool) -> Value {
    json!({
        "technology": module.technology.to_string(),
        "standards": module.standards().collect::<Vec<_>>(),
        "megabits": module.megabits,
        "reach": format!("{:?}", module.reach),
        "vendor": module.vendor.as_str(),
        "oui": format!("{:02x?}", module.oui),
        "part": module.part.as_str(),
        "revision": module.revision.as_str(),
        "serial": identify.then(|| module.serial.as_str().to_owned()),
        "intact": module.is_intact(),
        "diagnostics": module.diagnostics.map(|diagnostics| diagnostics.to_string()),
    })
}
