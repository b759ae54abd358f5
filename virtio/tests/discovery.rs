//! Capability lists that are right, unusual, and wrong.

mod fake;

use fake::{ALL, Fake, FakeFunction, capability};
use ixgbe_virtio::discovery::{DiscoveryError, Flaw, Layout, Part, Region, discover};

/// Finds the parts of a device whose configuration space was changed.
fn found(change: impl FnOnce(&mut fake::State)) -> Result<Layout, DiscoveryError<std::fmt::Error>> {
    let (fake, function): (Fake, FakeFunction) = Fake::new(ALL);
    change(&mut fake.state());
    discover(&function)
}

/// Returns why the capability at `at` cannot be used.
fn flaw(at: u8, part: Part, change: impl FnOnce(&mut fake::State)) -> Flaw {
    match found(change) {
        Err(DiscoveryError::Unusable { part: found, capability, flaw }) => {
            assert_eq!((found, capability), (part, at));
            flaw
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn parts_are_where_the_capabilities_say() {
    let region = |offset| Region { bar: 4, offset, length: 0x1000 };
    let layout = found(|_| {}).unwrap();
    assert_eq!((layout.common, layout.network, layout.notify), (region(0), region(0x2000), region(0x3000)));
    assert_eq!(layout.multiplier, 4);
}

#[test]
fn only_modern_network_devices_are_driven() {
    let block = found(|state| state.config_space[2..4].copy_from_slice(&[0x42, 0x10])).unwrap_err();
    assert_eq!(
        block.to_string(),
        "the function is 1af4:1042, and not a VirtIO network device (1af4:1041 or 1af4:1000)"
    );
    assert!(found(|state| state.config_space[0] = 0x86).is_err());
    // A transitional device has both interfaces.
    let transitional = |state: &mut fake::State| state.config_space[2..4].copy_from_slice(&[0x00, 0x10]);
    assert!(found(transitional).is_ok());
    let legacy = found(|state| {
        transitional(state);
        state.config_space[0x41] = 0;
    });
    assert_eq!(legacy, Err(DiscoveryError::LegacyOnly));
    assert!(legacy.unwrap_err().to_string().contains("legacy interface of VirtIO 0.9"));
    // A modern id without capabilities is no legacy device.
    assert_eq!(found(|state| state.config_space[6] = 0), Err(DiscoveryError::Absent(Part::Common)));
}

#[test]
fn of_several_capabilities_the_first_that_is_usable_counts() {
    // One of I/O ports, one of a reserved BAR, one of a reserved kind, and then the good one.
    let layout = found(|state| {
        let space = &mut state.config_space;
        space[0x34] = 0xc0;
        capability(space, 0xc0, 0xd0, 2, 2, (0, 0x100));
        capability(space, 0xd0, 0xe0, 1, 6, (0, 0x1000));
        capability(space, 0xe0, 0x50, 99, 4, (0xffff_ffff, 0xffff_ffff));
        space[0xc2] = 20;
        space[0xd0..0xd4].copy_from_slice(&[9, 0xe0, 16, 1]);
    });
    assert_eq!(layout.unwrap().notify.bar, 4);
    // Of two good ones, the first.
    let layout = found(|state| {
        state.config_space[0x34] = 0xc0;
        capability(&mut state.config_space, 0xc0, 0x50, 1, 1, (0x40, 0x40));
    });
    assert_eq!(layout.unwrap().common, Region { bar: 1, offset: 0x40, length: 0x40 });
}

#[test]
fn ranges_outside_of_their_bar_are_named() {
    let set = |state: &mut fake::State, offset: u32, length: u32| {
        capability(&mut state.config_space, 0x50, 0x64, 1, 4, (offset, length));
    };
    let at = |offset, length| flaw(0x50, Part::Common, |state| set(state, offset, length));
    // The sum of the two wraps around in 32 bits.
    for (offset, length) in [(0xffff_fff0, 0x40), (0x3ff0, 0x40), (0x4000, 0x40), (0, 0x4001), (u32::MAX, u32::MAX)] {
        let region = Region { bar: 4, offset: offset.into(), length: length.into() };
        assert_eq!(at(offset, length), Flaw::OutsideOfBar { region, size: 0x4000 }, "{offset:#x}");
    }
    assert!(found(|state| set(state, 0x3fc0, 0x40)).is_ok(), "up to the end");
    let region = Region { bar: 4, offset: 0, length: 0x37 };
    assert_eq!(at(0, 0x37), Flaw::TooSmall { region, needed: 0x38 });
    let region = Region { bar: 4, offset: 2, length: 0x40 };
    assert_eq!(at(2, 0x40), Flaw::Misaligned { region, alignment: 4 });
    let absent = flaw(0x50, Part::Common, |state| capability(&mut state.config_space, 0x50, 0x64, 1, 0, (0, 0x40)));
    assert_eq!(absent, Flaw::NotMappable { bar: 0 });
    let error = found(|state| set(state, 0x3ff0, 0x40)).unwrap_err().to_string();
    assert_eq!(
        error,
        "the capability at 0x50, which leads to the common configuration, gives 0x40 bytes at 0x3ff0 of BAR4, which has \
         0x4000 bytes"
    );
}

#[test]
fn short_capabilities_are_named() {
    assert_eq!(flaw(0x50, Part::Common, |state| state.config_space[0x52] = 15), Flaw::Short { length: 15 });
    assert_eq!(flaw(0x50, Part::Common, |state| state.config_space[0x52] = 0), Flaw::Short { length: 0 });
    // The multiplier is in the last four bytes.
    assert_eq!(flaw(0x8c, Part::Notify, |state| state.config_space[0x8e] = 19), Flaw::Short { length: 19 });
    assert_eq!(flaw(0x8c, Part::Notify, |state| state.config_space[0x9c] = 5), Flaw::OddMultiplier { multiplier: 5 });
    // At the end of the configuration space there is no room for one.
    let end = found(|state| {
        state.config_space[0x51] = 0xfc;
        state.config_space[0xfc..].copy_from_slice(&[9, 0x64, 16, 4]);
    });
    assert!(end.is_ok(), "a later one is usable: {end:?}");
}

#[test]
fn lists_that_loop_are_errors() {
    let error = found(|state| state.config_space[0xa5] = 0x50).unwrap_err().to_string();
    assert_eq!(error, "the list of capabilities returns from 0xa4 to 0x50");
    let error = found(|state| state.config_space[0x41] = 0x10).unwrap_err().to_string();
    assert_eq!(error, "the list of capabilities leads from 0x40 into the header, to 0x10");
}

#[test]
fn no_configuration_space_makes_it_panic() {
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u32
    };
    let mut good = 0;
    for _ in 0..20_000 {
        good += u32::from(
            found(|state| {
                for _ in 0..1 + random() % 4 {
                    let at = 0x30 + random() as usize % 0x80;
                    state.config_space[at] = random() as u8;
                }
            })
            .is_ok(),
        );
    }
    assert!((1000..19_000).contains(&good), "{good} of 20,000 could be used");
}
