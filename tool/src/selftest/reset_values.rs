//! All registers that can be read without side effects, and those whose value after a reset is known.

use ixgbe::info::RegisterInfo;
use ixgbe::mmio::Offset;
use ixgbe::registers::{REGISTERS, RegisterSpace};
use ixgbe::runtime::bus::Bus;
use serde_json::{Map, Value};

use super::table::{Check, Table};

const CHECK: Check = Check { name: "reset values", register: "all", section: "8.2.3" };

/// A register with bits that do not follow from the reset alone.
struct Dependent {
    name: &'static str,
    /// The element of an array, or `None` for all.
    index: Option<usize>,
    bits: u32,
}

const fn dependent(name: &'static str, bits: u32) -> Dependent {
    Dependent { name, index: None, bits }
}

const DEPENDENT: &[Dependent] = &[
    // The number of the port, and the link.
    dependent("STATUS", 3 << 2 | 1 << 7),
    // The EEPROM was read.
    dependent("EEC", 1 << 9),
    // The driver has read words through it.
    dependent("EERD", u32::MAX),
    // What the partner sends.
    dependent("LINKS2", u32::MAX),
    // Pins: no reset changes them, and the board drives some.
    dependent("ESDP", u32::MAX),
    dependent("I2CCTL", u32::MAX),
    // The firmware has configured the ports.
    dependent("EEMNGCTL", 3 << 18),
    // The state of the firmware.
    dependent("FWSM", u32::MAX),
    dependent("SW_FW_SYNC", u32::MAX),
    // The DMA engine has initialised itself.
    dependent("RDRXCTL", 1 << 3),
    // The driver's reset wrote it.
    Dependent { name: "FCRTH", index: Some(0), bits: u32::MAX },
];

/// Returns the bits of element `index` that do not follow from the reset alone.
fn dependent_bits(name: &str, index: usize) -> u32 {
    let of = |it: &&Dependent| it.name == name && it.index.is_none_or(|only| only == index);
    DEPENDENT.iter().filter(of).fold(0, |bits, it| bits | it.bits)
}

/// Registers that identify the card, or name addresses in its owner's network.
const IDENTIFYING: &[&str] = &["RAL", "RAH", "MTA", "PFUTA", "MAVTV4", "MIPAF", "IP4AT", "IP6AT", "MMAL", "MMAH"];

/// Returns the registers that can be read at any time.
fn readable() -> impl Iterator<Item = &'static RegisterInfo> {
    REGISTERS.iter().filter(|info| info.access.is_readable() && !info.has_read_side_effects() && info.window.is_none())
}

/// Returns the values of all registers that can be read without side effects. Without `identify`, registers that tell
/// one card from another are left out.
pub fn dump(platform: &impl Bus<RegisterSpace>, identify: bool) -> Value {
    let mut all = Map::new();
    for info in readable().filter(|info| identify || !IDENTIFYING.contains(&info.name)) {
        let values = info.offsets().filter_map(Offset::new).map(|offset| format!("{:#010x}", platform.read(offset)));
        let mut values: Vec<String> = values.collect();
        // Most arrays hold one value many times.
        values.dedup();
        let same = values.len() == 1;
        let value = if same { values.swap_remove(0).into() } else { dump_array(platform, info) };
        all.insert(info.name.to_owned(), value);
    }
    all.into()
}

fn dump_array(platform: &impl Bus<RegisterSpace>, info: &RegisterInfo) -> Value {
    info.offsets()
        .filter_map(Offset::new)
        .map(|offset| Value::from(format!("{:#010x}", platform.read(offset))))
        .collect()
}

/// Compares the registers of a device that was just reset with the map.
pub fn check(platform: &impl Bus<RegisterSpace>, table: &mut Table) {
    let (mut differences, mut compared, mut left_out) = (Vec::new(), 0, 0);
    for info in readable().filter(|info| info.reset_known != 0) {
        let readable = info.reset_known as u32 & !written_only(info);
        for (index, offset) in info.offsets().enumerate() {
            let Some(at) = Offset::new(offset) else { continue };
            let known = readable & !dependent_bits(info.name, index);
            if known == 0 {
                left_out += 1;
                continue;
            }
            compared += 1;
            let (value, right) = (platform.read(at) & known, info.reset.unwrap_or(0) as u32 & known);
            if value != right {
                let index = if info.count() == 1 { String::new() } else { format!("[{index}]") };
                differences.push(format!(
                    "{}{index} reads {value:#010x}, the map has {right:#010x} (known bits {known:#010x}, datasheet {})",
                    info.name, info.section
                ));
            }
        }
    }
    let detail = format!("{compared} registers as in the map, {left_out} depend on board or driver");
    table.judge(CHECK, differences, detail);
}

/// Bits that read as something else than what they are.
fn written_only(info: &RegisterInfo) -> u32 {
    info.bits_with_access(|access| !access.is_readable()) as u32
}
