//! What the card says of itself, by reads without side effects.

use std::collections::BTreeMap;

use ixgbe::device::{BringUp, Checksum, Finding, Medium};
use ixgbe::dma::Dma;
use ixgbe::mmio::Offset;
use ixgbe::registers::{REGISTERS, RegisterSpace};
use ixgbe::runtime::bus::Bus;
use serde_json::{Value, json};

use super::table::{Check, Table};

const IDS: Check = Check { name: "PCI ids", register: "configuration 0x00", section: "9.3" };
const BAR: Check = Check { name: "BAR", register: "STATUS", section: "8.2.3.1.2" };
const PCIE: Check = Check { name: "PCIe speed and width", register: "link status", section: "9.3" };
const CHECKSUM: Check = Check { name: "EEPROM checksum", register: "EERD", section: "6.2.1" };
const VERSIONS: Check = Check { name: "EEPROM versions", register: "EERD", section: "6" };
const FIRMWARE: Check = Check { name: "firmware", register: "FWSM", section: "8.2.3.4.10" };
const FINDINGS: Check = Check { name: "bring-up", register: "", section: "4.6.3" };

/// Intel's vendor id.
const INTEL: u16 = 0x8086;
/// The link status word of the PCIe capability.
const LINK_STATUS: u16 = 0xb2;

/// Checks the words of the PCI configuration space.
pub fn check_pci(platform: &impl Dma, table: &mut Table) -> Value {
    let words = [0x00, 0x02, 0x08, 0x2c, 0x2e].map(|offset| platform.read_config(offset));
    let [vendor, device, revision, subvendor, subdevice] = words;
    let hex = |word: Option<u16>| word.map(|word| format!("{word:04x}"));
    match (vendor, device) {
        (Some(vendor), Some(device)) => {
            let ids = format!("{vendor:04x}:{device:04x}");
            match Medium::of(device).filter(|_| vendor == INTEL) {
                Some(medium) => table.ok(IDS, format!("{ids}, a port with a {medium}")),
                None => table.differs(IDS, format!("{ids} is no 82599")),
            }
        }
        _ => table.skipped(IDS, "the platform does not read the configuration space"),
    }
    let link = platform.read_config(LINK_STATUS);
    match link {
        None => table.skipped(PCIE, "the platform does not read the configuration space"),
        Some(link) => {
            let (speed, lanes) = (link & 0xf, link >> 4 & 0x3f);
            let rate = match speed {
                1 => "2.5 GT/s",
                2 => "5 GT/s",
                _ => "unknown speed",
            };
            let text = format!("{rate}, {lanes} lanes");
            let full = (speed, lanes) == (2, 8);
            let differences =
                if full { Vec::new() } else { vec![format!("{text}: the card can have 5 GT/s, 8 lanes")] };
            table.judge(PCIE, differences, text);
        }
    }
    json!({
        "vendor": hex(vendor), "device": hex(device), "revision": revision.map(|word| word & 0xff),
        "subsystem_vendor": hex(subvendor), "subsystem": hex(subdevice), "link_status": hex(link),
    })
}

/// Checks that the registers answer, and where the other port's differ.
pub fn check_bar(platform: &impl Bus<RegisterSpace>, table: &mut Table) -> bool {
    let read = |name| REGISTERS.iter().find(|info| info.name == name).and_then(|info| info.offsets().next());
    let Some(status) = read("STATUS").and_then(Offset::new).map(|offset| platform.read(offset)) else { return false };
    match status {
        u32::MAX => table.differs(BAR, "STATUS reads as all ones: the card is gone, or its memory is not decoded"),
        _ => table.ok(BAR, format!("STATUS {status:#010x}, port {}", status >> 2 & 3)),
    }
    status != u32::MAX
}

/// Adds rows about what the reset read of the card.
pub fn check_bring_up(bring_up: &BringUp, table: &mut Table) -> Value {
    let findings: Vec<String> = bring_up.findings.iter().map(ToString::to_string).collect();
    // What the firmware claims is out of nobody's order.
    let is_claim = |finding: &&Finding| matches!(finding, Finding::LinkKeptForFirmware | Finding::LinkHeldByFirmware);
    let claims: Vec<String> = bring_up.findings.iter().filter(is_claim).map(ToString::to_string).collect();
    let differences = findings.iter().filter(|finding| !claims.contains(finding)).cloned().collect();
    let claims = if claims.is_empty() { "nothing out of order".to_owned() } else { claims.join("; ") };
    let mut versions = BTreeMap::new();
    match &bring_up.eeprom {
        None => {
            table.differs(CHECKSUM, "the EEPROM cannot be read");
            table.skipped(VERSIONS, "the EEPROM cannot be read");
        }
        Some(eeprom) => {
            let right = eeprom.checksum == Checksum::Right;
            let text = eeprom.checksum.to_string();
            table.judge(CHECKSUM, if right { Vec::new() } else { vec![text.clone()] }, text);
            let mut add = |name, value: Option<String>| _ = value.map(|value| versions.insert(name, value));
            add("part", eeprom.part_number.clone());
            add("image", eeprom.image.map(|image| format!("{image:#010x}")));
            add("firmware", eeprom.firmware_version.map(|version| format!("{version:#06x}")));
            add("option ROM", eeprom.option_rom.map(|[a, b]| format!("{a:#06x} {b:#06x}")));
            let shown: Vec<_> = versions.iter().map(|(name, value)| format!("{name} {value}")).collect();
            match shown.is_empty() {
                true => table.ok(VERSIONS, format!("{} words, no version in them", eeprom.words)),
                false => table.ok(VERSIONS, shown.join(", ")),
            }
        }
    }
    let firmware = bring_up.firmware.to_string();
    match bring_up.firmware.failure {
        0 => table.ok(FIRMWARE, &firmware),
        _ => table.differs(FIRMWARE, &firmware),
    }
    table.judge(FINDINGS, differences, claims);
    json!({
        "firmware": firmware,
        "eeprom": bring_up.eeprom.as_ref().map(|eeprom| json!({
            "words": eeprom.words,
            "checksum": eeprom.checksum.to_string(),
            "capabilities": format!("{:#06x}", eeprom.capabilities.0),
            "versions": versions,
            "firmware_restarts_link": eeprom.firmware_restarts_link,
        })),
        "findings": findings,
    })
}
