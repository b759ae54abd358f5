//! What modules say of themselves: pages after SFF-8472 and SFF-8636, true and made up.

use ixgbe::module::{Form, Level, Module, PAGE, Technology};
use proptest::prelude::*;

/// Sets the sums over a page, whose second part begins behind the first.
fn complete(page: &mut [u8; PAGE]) {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    page[63] = sum(&page[..63]);
    page[95] = sum(&page[64..95]);
}

/// A page after SFF-8472 with these bytes, and its sums.
fn sfp(bytes: &[(usize, u8)]) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    page[0] = 0x03;
    page[20..36].copy_from_slice(b"VENDOR          ");
    page[40..56].copy_from_slice(b"PART-10G        ");
    page[56..60].copy_from_slice(b"A   ");
    page[68..84].copy_from_slice(b"SERIAL          ");
    page[84..92].copy_from_slice(b"260102  ");
    bytes.iter().for_each(|(at, byte)| page[*at] = *byte);
    complete(&mut page);
    page
}

/// Measurements at 0xA2.
fn measured(values: [u16; 5], bytes: &[(usize, u8)]) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    for (n, value) in values.iter().enumerate() {
        page[96 + 2 * n..98 + 2 * n].copy_from_slice(&value.to_be_bytes());
    }
    bytes.iter().for_each(|(at, byte)| page[*at] = *byte);
    page[95] = page[..95].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    page
}

#[test]
fn kinds_of_modules_are_told_apart() {
    let technology = |bytes: &[(usize, u8)]| Module::from_sff8472(&sfp(bytes)).technology;
    assert_eq!(technology(&[(8, 1 << 2)]), Technology::PassiveCopper);
    assert_eq!(technology(&[(8, 1 << 3)]), Technology::ActiveCopper { limiting: false });
    assert_eq!(technology(&[(8, 1 << 3), (60, 1 << 2)]), Technology::ActiveCopper { limiting: true });
    assert_eq!(technology(&[(3, 1 << 5)]), Technology::Optical);
    assert_eq!(technology(&[(6, 1 << 3)]), Technology::TwistedPair);
    assert_eq!(technology(&[]), Technology::Unknown);
    let speeds = |bytes: &[(usize, u8)]| {
        let module = Module::from_sff8472(&sfp(bytes));
        (module.has_ten_gigabit(), module.has_one_gigabit(), module.is_multispeed())
    };
    assert_eq!(speeds(&[(3, 1 << 4)]), (true, false, false));
    assert_eq!(speeds(&[(3, 1 << 4), (6, 1 << 0)]), (true, true, true), "SR with SX");
    assert_eq!(speeds(&[(3, 1 << 5), (6, 1 << 1)]), (true, true, true), "LR with LX");
    assert_eq!(speeds(&[(3, 1 << 4), (6, 1 << 1)]), (true, true, false), "SR with LX");
    assert_eq!(speeds(&[(6, 1 << 0)]), (false, true, false));
    assert_eq!(speeds(&[(8, 1 << 2)]), (true, false, false), "a cable names no standard");
}

#[test]
fn texts_and_lengths_are_what_an_operator_reads() {
    let cable = Module::from_sff8472(&sfp(&[(8, 1 << 2), (18, 3)]));
    assert_eq!(
        cable.to_string(),
        "SFP, passive copper cable, 3 m of copper\n  vendor \"VENDOR\", part \"PART-10G\" revision \"A\", serial \"SERIAL\""
    );
    let optics = Module::from_sff8472(&sfp(&[(3, 1 << 4), (16, 8), (17, 3), (18, 40), (19, 30), (12, 103)]));
    assert_eq!((optics.reach.om1, optics.reach.om2, optics.reach.om3, optics.reach.copper), (30, 80, 300, 0));
    assert_eq!(optics.megabits, 10_300);
    let long = Module::from_sff8472(&sfp(&[(3, 1 << 5), (14, 10), (15, 100)]));
    assert_eq!(long.reach.single_mode, 10_000);
    // A name with an escape sequence, and one without an end.
    let evil = Module::from_sff8472(&sfp(&[(20, 0x1B), (21, b'['), (22, 0xFF), (23, 0), (24, b'\n')]));
    assert_eq!(evil.vendor.as_str(), "?[???R");
    let full = Module::from_sff8472(&sfp(&[(35, b'X')]));
    assert_eq!(full.vendor.as_str(), "VENDOR         X");
}

#[test]
fn wrong_sums_are_reported() {
    let page = sfp(&[(3, 1 << 4)]);
    assert!(Module::from_sff8472(&page).is_intact());
    for at in (0..=95).filter(|at| *at != 36) {
        let mut wrong = page;
        wrong[at] ^= 0x10;
        let module = Module::from_sff8472(&wrong);
        assert!(!module.is_intact(), "byte {at}");
        assert!(module.to_string().contains("a sum over this is wrong"));
    }
}

#[test]
fn measurements_have_their_units() {
    // It measures, reports everything, and follows a revision that is known.
    let page = sfp(&[(3, 1 << 4), (92, 0x68), (93, 0xF0), (94, 5)]);
    let values = [(-5 * 256 + 64_i16) as u16, 33_010, 3_500, 6_310, 10];
    let module = Module::from_sff8472(&page);
    let found = module.with_diagnostics(&page, &measured(values, &[])).diagnostics.unwrap();
    assert_eq!((found.millicelsius, found.microvolts, found.bias_microamperes), (-4_750, 3_301_000, 7_000));
    assert_eq!((found.tx_nanowatts, found.rx_nanowatts, found.intact), (631_000, 1_000, true));
    assert_eq!(
        found.to_string(),
        "-4.7 C, 3.30 V, laser 7.0 mA, sends 0.631 mW (-2.0 dBm), receives 0.001 mW (-30.0 dBm)"
    );
    let dark =
        module.with_diagnostics(&page, &measured([0; 5], &[(110, 0b1000_0110), (113, 0x40), (112, 0x80), (116, 0x11)]));
    let found = dark.diagnostics.unwrap();
    assert_eq!((found.tx_disabled, found.tx_fault, found.rx_loss), (Some(true), Some(true), Some(true)));
    let alarms = found.alarms.unwrap();
    assert_eq!((alarms.temperature, alarms.voltage, alarms.bias), (Level::HighAlarm, Level::LowWarning, Level::Normal));
    assert_eq!((alarms.tx_power, alarms.rx_power), (Level::LowWarning, Level::LowAlarm));
    let text = found.to_string();
    assert!(text.contains("receives 0.000 mW (no light) (ALARM: too low)"), "{text}");
    assert!(text.ends_with("the transmitter has FAILED, the transmitter is off, no light is received"), "{text}");
    // Not ready, and without options.
    let page = sfp(&[(92, 0x68), (94, 5)]);
    let found =
        Module::from_sff8472(&page).with_diagnostics(&page, &measured(values, &[(110, 1)])).diagnostics.unwrap();
    assert_eq!((found.alarms, found.tx_fault, found.rx_loss, found.not_ready), (None, None, None, true));
    // Modules that do not measure, or only after a command.
    for (kind, revision) in [(0x00, 5), (0x68, 0), (0x6C, 5)] {
        let page = sfp(&[(92, kind), (94, revision)]);
        assert_eq!(Module::from_sff8472(&page).with_diagnostics(&page, &measured(values, &[])).diagnostics, None);
    }
}

#[test]
fn values_are_calibrated_if_the_module_leaves_it_to_the_reader() {
    let page = sfp(&[(92, 0x50), (94, 5)]);
    let mut raw = measured([10 * 256, 1_000, 2_000, 3_000, 100], &[]);
    // Factors of 1.5 (in 1/256) and offsets; for received light 2 x + 50, of factors from the fourth degree down.
    for (at, offset) in [(76, 10_i16), (80, -100), (84, 256), (88, 0)] {
        raw[at..at + 2].copy_from_slice(&384_u16.to_be_bytes());
        raw[at + 2..at + 4].copy_from_slice(&offset.to_be_bytes());
    }
    for (n, factor) in [0.0_f32, 0.0, 0.0, 2.0, 50.0].iter().enumerate() {
        raw[56 + 4 * n..60 + 4 * n].copy_from_slice(&factor.to_be_bytes());
    }
    let module = Module::from_sff8472(&page);
    let found = module.with_diagnostics(&page, &raw).diagnostics.unwrap();
    assert_eq!((found.millicelsius, found.microvolts), (16_000, 150_000));
    assert_eq!((found.bias_microamperes, found.tx_nanowatts, found.rx_nanowatts), (6_020, 440_000, 25_000));
    // Absurd factors: not a number, infinite, and as large as they get.
    for factor in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        (0..5).for_each(|n| raw[56 + 4 * n..60 + 4 * n].copy_from_slice(&factor.to_be_bytes()));
        let found = module.with_diagnostics(&page, &raw).diagnostics.unwrap();
        assert!([0, 6_553_500].contains(&found.rx_nanowatts), "{factor}: {}", found.rx_nanowatts);
    }
}

#[test]
fn a_qsfp_module_is_identified() {
    let mut page = [0; PAGE];
    (page[0], page[3], page[142 - 128], page[146 - 128]) = (0x0D, 1 << 4, 2, 5);
    page[148 - 128..164 - 128].copy_from_slice(b"QSFP VENDOR     ");
    page[196 - 128..212 - 128].copy_from_slice(b"Q1              ");
    complete(&mut page);
    let module = Module::from_sff8636(&page);
    assert_eq!((module.form, module.technology, module.is_intact()), (Form::Qsfp, Technology::Optical, true));
    assert_eq!((module.vendor.as_str(), module.serial.as_str()), ("QSFP VENDOR", "Q1"));
    assert_eq!((module.reach.single_mode, module.reach.copper), (2_000, 0));
    assert!(!module.measures(&page));
    for (technology, expected) in [
        (0xA0, Technology::PassiveCopper),
        (0xB0, Technology::PassiveCopper),
        (0xC0, Technology::ActiveCopper { limiting: false }),
        (0xF0, Technology::ActiveCopper { limiting: false }),
        (0x40, Technology::Optical),
    ] {
        page[147 - 128] = technology;
        assert_eq!(Module::from_sff8636(&page).technology, expected, "{technology:#x}");
    }
    let blank = Module::from_sff8636(&[0; PAGE]);
    assert_eq!((blank.form, blank.technology), (Form::Other(0), Technology::Unknown));
}

fn page() -> impl Strategy<Value = [u8; PAGE]> {
    let bytes = prop_oneof![any::<u8>(), Just(0), Just(0xFF), 0x20..0x7F_u8];
    proptest::collection::vec(bytes, PAGE).prop_map(|bytes| bytes.try_into().expect("as many as a page has"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever a module says, its texts are printable, its lines few, its numbers in range.
    #[test]
    fn any_page_is_understood_or_not_but_does_no_harm(mut first in page(), second in page(), form in 0..4_u8) {
        // Bytes on which much depends are often plausible.
        if form & 1 != 0 {
            (first[0], first[92], first[94]) = (0x03, first[92] | 0x40, first[94] | 1);
        }
        if form & 2 != 0 {
            complete(&mut first);
        }
        for module in [Module::from_sff8472(&first).with_diagnostics(&first, &second), Module::from_sff8636(&first)] {
            let text = module.to_string();
            prop_assert!(text.chars().all(|char| matches!(char, ' '..='~' | '\n')), "{text:?}");
            prop_assert!(text.lines().count() <= 4 && text.len() < 1_000, "{text:?}");
            for field in [module.vendor.as_str(), module.part.as_str(), module.serial.as_str(), module.date.as_str()] {
                prop_assert!(field.len() <= 16 && !field.ends_with([' ', '\0']));
            }
            prop_assert!(!module.is_multispeed() || module.has_ten_gigabit() && module.has_one_gigabit());
            if let Some(found) = module.diagnostics {
                prop_assert!((-128_000..=128_000).contains(&found.millicelsius));
                prop_assert!(found.microvolts <= 6_553_500 && found.bias_microamperes <= 131_070);
                prop_assert!(found.tx_nanowatts <= 6_553_500 && found.rx_nanowatts <= 6_553_500);
            }
        }
        if form & 2 != 0 {
            prop_assert!(Module::from_sff8472(&first).is_intact() && Module::from_sff8636(&first).is_intact());
        }
    }
}
