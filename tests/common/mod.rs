//! What the tests on the model share.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::time::Duration;

use ixgbe::device::{Config, Device, Reset, Running};
use ixgbe_sim::{Port, PortConfig};

/// A device on the model.
pub type Nic = Device<Running, Port>;

/// Port `index`, without a wire.
pub fn port(index: u8) -> Port {
    Port::new(PortConfig { mac: [2, 0x82, 0x59, 0x90, 0, index], ..PortConfig::default() })
}

/// A device that was reset, on a port that has a wire.
pub fn reset(port: &Port, config: &Config) -> Device<Reset, Port> {
    Device::new(port.clone()).reset(config).expect("the model resets")
}

/// A running device on a port that has a wire.
pub fn start(port: &Port, config: &Config) -> Nic {
    let nic = reset(port, config).wait_for_link(Duration::from_secs(5)).expect("the model has a link");
    nic.start().expect("the model starts")
}

/// Fails with all violations that a driver was seen to commit.
pub fn assert_clean(port: &Port) {
    let violations = port.violations();
    assert!(violations.is_empty(), "{}", violations.iter().map(|v| format!("{v}\n")).collect::<String>());
}
