//! Which registers are the driver's alone, and why: a mark that is lost, or added without a reason, shows here.

use ixgbe::info::{AccessKind, RegisterInfo};
use ixgbe::registers::{REGISTERS, msix, virtual_function};

/// Registers whose write decides which memory the device reaches, or lets the driver trust what is not there yet.
#[rustfmt::skip]
const MEMORY_SAFETY: &[(&[&str], &str)] = &[
    (&["RDBAL", "RDBAH", "RDLEN", "TDBAL", "TDBAH", "TDLEN"], "Where a ring is, and how long."),
    (&["RDH", "RDT", "TDH", "TDT", "RXDCTL", "TXDCTL"], "Which descriptors the device reads, and whether it does."),
    (&["SRRCTL", "RSCCTL"], "How far the device writes into a buffer, and how many it takes for a packet."),
    (&["TDWBAL", "TDWBAH"], "Where a transmit queue's head is written."),
    (&["FCPTRL", "FCPTRH", "FCBUFF", "FCDMARW", "FCFLT", "FCPARAM", "FCFLTRW"], "Where FCoE frames are written."),
    (&["CTRL_EXT", "DCA_RXCTRL", "DCA_TXCTRL"], "No-snoop and relaxed ordering: a descriptor may be seen before its data."),
    (&["GCR_EXT", "PFVTCTL", "MRQC", "MTQC", "PFVFRE", "PFVFTE"], "As which function requests are made, and for whom."),
    (&["MSIXTADD", "MSIXTUADD", "MSIXTMSG", "MSIXTVCTRL"], "A message is a write to an address."),
    (&["VFRDBAL", "VFRDBAH", "VFRDLEN", "VFTDBAL", "VFTDBAH", "VFTDLEN", "VFRDH", "VFRDT", "VFTDH", "VFTDT"], "As RDBAL and its kin."),
    (&["VFRXDCTL", "VFTXDCTL", "VFSRRCTL", "VFRSCCTL", "VFTDWBAL", "VFTDWBAH", "VFDCA_RXCTRL", "VFDCA_TXCTRL"], "As RXDCTL and its kin."),
    (&["VTRSCINT"], "Nobody says what it does."),
];

/// Registers whose write makes untrue what the driver knows of the device.
#[rustfmt::skip]
const DEVICE_STATE: &[(&[&str], &str)] = &[
    (&["CTRL", "VFCTRL", "GCR_EXT"], "They reset the device, end its DMA, or throw away what is under way."),
    (&["RXCTRL", "SECRXCTRL", "DMATXCTL", "SECTXCTRL", "RTTDCS"], "They stop reception or transmission."),
    (&["FDIRCTRL"], "It takes memory from the receive packet buffers."),
    (&["SWSM", "FWSM", "SW_FW_SYNC"], "They say who owns what is shared with the firmware and the other port."),
];

/// Registers whose wrong write can destroy hardware.
#[rustfmt::skip]
const HARDWARE_DAMAGE: &[(&[&str], &str)] = &[
    (&["EEC", "EEMNGDATA"], "They write the EEPROM."),
    (&["FLA", "FLMNGCTL", "FLMNGDATA", "FLOP"], "They write or erase the flash."),
    (&["I2CCTL", "MSCA", "MSRWD"], "They reach the memory of a pluggable module, or of a PHY."),
    (&["ESDP", "PCIEPHYADR", "PCIEPHYDAT", "CoreCTL", "SMADARCTL"], "They drive pins, or set analog circuits."),
];

/// Fields that reset, enable, stop or redirect something: where safe code sets one, [`HARMLESS`] says why it may.
#[rustfmt::skip]
const EFFECTS: &[&str] = &[
    "RST", "LRST", "RXEN", "TE", "ENABLE", "PCIE_MASTER_DISABLE", "RX_DIS", "TX_DIS", "ARBDIS", "BUFFERS_CLEAR_FUNC", "LPBK",
    "NS_DIS", "RO_DIS", "VT_ENA", "VT_MODE", "VFRE", "VFTE", "MRQE", "PBALLOC", "SMBI", "SWESMBI", "SMBITS", "FWE", "FL_ER",
    "CMDV", "WRITE_ENABLE", "MDICMD", "VALID", "WE", "RE_VALIDATE", "HEAD_WB_EN", "RSCEN", "DESCTYPE", "BSIZEPACKET", "MASK",
];

/// The parts of names that stand for an effect.
const PARTS: &[&str] = &["_RO_EN", "PTR_", "BASE", "ADDR_", "ADDRESS"];

/// Register, field, and why safe code may write it.
#[rustfmt::skip]
const HARMLESS: &[(&str, &str, &str)] = &[
    ("GPIE", "VT_MODE", "It maps causes to vectors; where a message goes is up to the MSI-X table."),
    ("SAQF", "SOURCE_ADDRESS", "It is an IP address."),
    ("DAQF", "DESTINATION_ADDRESS", "It is an IP address."),
    ("MDEF", "IP_ADDRESS_AND", "It says what of a packet is compared."),
    ("FTQF", "MASK", "It says what of a packet is compared."),
    ("IPSRXMOD", "VALID", "It decrypts packets where they are."),
    ("HLREG0", "LPBK", "It is written before the start alone."),
    ("PFQDE", "WE", "It decides about drops."),
    ("TSAUXC", "MASK", "It says what of a time is compared."),
];

/// What makes a write legal beside the states of the device and of its queues, and the register that it is a fact about.
#[rustfmt::skip]
const PREDICATES: &[(&str, &str)] = &[
    ("ReceivePaused", "RXCTRL"), ("TransmitDisabled", "DMATXCTL"), ("ArbiterDisabled", "RTTDCS"), ("FlowDirectorReady", "FDIRCTRL"),
];

/// What is shared out or set up before the start, and would be untrue if it changed later.
#[rustfmt::skip]
const BEFORE_THE_START: &[&str] = &[
    "HLREG0", "RXPBSIZE", "TXPBSIZE", "TXPBTHRESH", "DTXMXSZRQ", "MNGTXMAP", "RTRUP2TC", "SECTXBUFFAF", "SECTXMINIFG",
    "FDIRCTRL", "FDIRHKEY", "FDIRSKEY",
];

fn all() -> impl Iterator<Item = &'static RegisterInfo> {
    REGISTERS.iter().chain(msix::REGISTERS).chain(virtual_function::REGISTERS)
}

fn named(name: &str) -> &'static RegisterInfo {
    all().find(|register| register.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

#[test]
fn each_mark_has_its_reason() {
    type IsMarked = fn(&RegisterInfo) -> bool;
    let marks: [(_, IsMarked); 3] = [
        (MEMORY_SAFETY, |register| register.memory_safety),
        (DEVICE_STATE, |register| register.device_state),
        (HARDWARE_DAMAGE, |register| register.hardware_damage),
    ];
    for (table, is_marked) in marks {
        for (names, reason) in table {
            for name in *names {
                assert!(is_marked(named(name)), "{name} is not marked. {reason}");
            }
        }
        let listed: Vec<_> = table.iter().flat_map(|(names, _)| *names).collect();
        for register in all().filter(|register| is_marked(register)) {
            assert!(listed.contains(&&register.name), "no reason is given for the mark of {}", register.name);
        }
    }
}

#[test]
fn what_resets_enables_or_stops_is_the_drivers() {
    let has_effect = |field: &str| EFFECTS.contains(&field) || PARTS.iter().any(|part| field.contains(part));
    let mut harmless: Vec<_> = HARMLESS.iter().map(|(register, field, _)| (*register, *field)).collect();
    for register in all().filter(|register| !register.is_the_drivers()) {
        let set = register.fields.iter().filter(|field| !matches!(field.access, AccessKind::Ro | AccessKind::Rc));
        for field in set.filter(|field| has_effect(field.name)) {
            let place = (register.name, field.name);
            let at = harmless.iter().position(|one| *one == place);
            harmless.remove(at.unwrap_or_else(|| panic!("safe code sets {}.{}", register.name, field.name)));
        }
    }
    assert!(harmless.is_empty(), "no safe code sets these: {harmless:?}");
}

#[test]
fn no_safe_write_makes_a_permission_untrue() {
    for register in all() {
        for permission in register.write_in {
            let is_a_state =
                matches!(*permission, "Unbound" | "Reset" | "LinkUp" | "Running" | "QueueDisabled" | "QueueEnabled");
            let predicate = PREDICATES.iter().any(|(predicate, _)| predicate == permission);
            assert!(is_a_state || predicate, "{permission}, by which {} is written, is new", register.name);
        }
    }
    for (predicate, register) in PREDICATES {
        assert!(named(register).device_state, "safe code makes {predicate} untrue by {register}");
    }
}

#[test]
fn what_is_set_up_before_the_start_stays() {
    for name in BEFORE_THE_START {
        let write_in = named(name).write_in;
        assert!(!write_in.is_empty() && !write_in.contains(&"Running"), "{name} is written in {write_in:?}");
    }
}
