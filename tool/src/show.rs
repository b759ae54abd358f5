//! `ixgbectl show`: what can be known of a port without changing anything.

use std::error::Error;
use std::io::Write;

use ixgbe::device::{Diagnosis, Medium};
use ixgbe::linux::FunctionInfo;
use ixgbe::port::{LinkStatus, Speed};
use ixgbe::registers::{
    AUTOC, AUTOC2, CTRL, CTRL_EXT, ESDP, FWSM, MMNGC, RAH, RAL, RDLEN, RXDCTL, STATUS, TDLEN, TXDCTL, esdp, fwsm,
};
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::arguments::{Show, Target};
use crate::interface::Interface;
use crate::list;
use crate::view::{self, View};

/// AUTOC2.FASM, AUTOC2.PDD and the bit between them keep the link down (8.2.3.22.22).
const LINK_DISABLE: u32 = 7 << 28;
/// CTRL.LRST and CTRL.RST.
const RESETS: u32 = 1 << 3 | 1 << 26;
/// The number of bytes of a descriptor.
const DESCRIPTOR: u32 = 16;

/// The link of a port, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `None` if it cannot be known.
    pub status: Option<LinkStatus>,
    /// Why there is none, or why it is not known.
    pub reason: Option<String>,
}

/// A port, as far as it can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    lines: Vec<(&'static str, String)>,
    json: Map<String, Value>,
    pub link: Link,
}

pub fn run(arguments: &Show, out: &mut dyn Write) -> Result<Outcome, Box<dyn Error>> {
    let (name, report) = match arguments.target {
        Target::Function(address) => {
            let function = FunctionInfo::of(address)?;
            let interfaces: Vec<_> = function.interfaces.iter().map(|name| Interface::new(name)).collect();
            let seen = if function.is_virtual {
                Err("this command knows registers of physical functions only".into())
            } else {
                view::open(arguments.target)
            };
            let report = match &seen {
                Ok(view) => Report::new(Some(&function), &interfaces, Ok(&**view)),
                Err(error) => Report::new(Some(&function), &interfaces, Err(&error.to_string())),
            };
            (format!("{address}: {} (8086:{:04x})", function.name, function.device), report)
        }
        #[cfg(feature = "model")]
        Target::Model => ("model".to_owned(), Report::new(None, &[], Ok(&*view::open(arguments.target)?))),
    };
    if arguments.json {
        writeln!(out, "{:#}", Value::from(report.json))?;
    } else {
        writeln!(out, "{name}")?;
        for (name, text) in &report.lines {
            writeln!(out, "  {name:<12} {text}")?;
        }
    }
    Ok(if report.link.status == Some(LinkStatus::Down) { Outcome::Finding } else { Outcome::Fine })
}

impl Report {
    /// Reports on a port: what the kernel shows of its function and interfaces, and its registers, or why they cannot be
    /// seen.
    pub fn new(function: Option<&FunctionInfo>, interfaces: &[Interface], view: Result<&dyn View, &str>) -> Self {
        let mut report = Self { lines: Vec::new(), json: Map::new(), link: Link { status: None, reason: None } };
        if let Some(function) = function {
            report.add_function(function);
        }
        for interface in interfaces {
            report.add_interface(interface);
        }
        let medium = function.map_or(Some(Medium::SfpCage), |function| Medium::of(function.device));
        report.link = match interfaces.first() {
            Some(interface) => link_of_interface(interface, view.ok(), medium),
            None => view.map_or_else(
                |reason| Link { status: None, reason: Some(reason.to_owned()) },
                |view| link_of_registers(view, medium),
            ),
        };
        let (text, json) = report.link.describe();
        report.add("link", text, json);
        match view {
            Ok(view) => report.add_registers(view),
            Err(reason) => report.add("registers", reason.to_owned(), Value::Null),
        }
        let asked = interfaces.first().map(|interface| &interface.name);
        let ask = |command: &str, otherwise: &str| match asked {
            Some(name) => format!("not read here: `{command} {name}`"),
            None => format!("not read here, because {otherwise}"),
        };
        report.add("module", ask("ethtool --module-info", "that drives the module's bus (I2CCTL)"), Value::Null);
        report.add("EEPROM", ask("ethtool --driver", "that writes EERD"), Value::Null);
        report
    }

    fn add(&mut self, name: &'static str, text: String, json: Value) {
        self.lines.push((name, text));
        self.json.insert(name.to_lowercase().replace(' ', "_"), json);
    }

    fn add_function(&mut self, function: &FunctionInfo) {
        if let Value::Object(described) = list::describe(function) {
            self.json.extend(described);
        }
        let none = || "none".to_owned();
        let cpus = function.locality.cpus();
        let near = match (cpus.first(), cpus.last()) {
            (Some(first), Some(last)) if first != last => format!(", {} CPUs from {first} to {last}", cpus.len()),
            (Some(only), _) => format!(", CPU {only}"),
            _ => String::new(),
        };
        let node = function.locality.node().map_or_else(none, |node| node.0.to_string());
        self.lines.push(("driver", function.driver.clone().unwrap_or_else(none)));
        self.lines.push(("IOMMU group", function.iommu_group.map_or_else(none, |group| group.to_string())));
        self.lines.push(("NUMA node", node + &near));
    }

    fn add_interface(&mut self, interface: &Interface) {
        let (receive, transmit) = interface.queues();
        let text = format!(
            "{}: {}, MAC {}, MTU {}, queues: {receive} receive, {transmit} transmit (`ethtool --show-ring {0}`)",
            interface.name,
            interface.state().as_deref().unwrap_or("unknown"),
            interface.mac().as_deref().unwrap_or("unknown"),
            interface.mtu().map_or_else(|| "unknown".to_owned(), |mtu| mtu.to_string()),
        );
        self.add("interface", text, interface.describe());
    }

    /// Adds what registers say that a read does not change.
    fn add_registers(&mut self, view: &dyn View) {
        let loaded = view::one::<CTRL_EXT>(view).map(|it| it.field(CTRL_EXT::DRV_LOAD));
        let text = match loaded {
            Some(true) => "a driver has announced itself (CTRL_EXT.DRV_LOAD)",
            _ => "no driver has announced itself (CTRL_EXT.DRV_LOAD)",
        };
        self.add("in use", text.to_owned(), loaded.into());
        if let Some(mode) = view::one::<AUTOC>(view).map(|it| it.field(AUTOC::LMS)) {
            let text = mode.map_or_else(|| "unknown".to_owned(), |mode| format!("{mode:?}"));
            self.add("link mode", format!("{text} (AUTOC.LMS)"), text.clone().into());
        }
        if let Some(mac) = mac(view) {
            self.add("MAC", mac.clone(), mac.into());
        }
        if let Some(firmware) = view::one::<FWSM>(view) {
            let mode = match firmware.field(FWSM::FW_MODE) {
                Some(fwsm::FW_MODE::NoFirmware) => "none",
                Some(fwsm::FW_MODE::PassThrough) => "passes packets to a management controller",
                Some(fwsm::FW_MODE::HostInterfaceOnly) => "obeys commands of the host only",
                None => "in an unknown mode",
            };
            let failure = firmware.get() >> 19 & 0x3f;
            let more = if failure == 0 { String::new() } else { format!(", reports failure {failure} (8.2.3.4.10)") };
            self.add("firmware", format!("{mode}{more}"), json!({ "mode": mode, "failure": failure }));
        }
        let receive = rings(|queue| {
            let enabled = view::element::<RXDCTL>(view, queue)?.field(RXDCTL::ENABLE);
            Some((enabled, view::element::<RDLEN>(view, queue)?.get() / DESCRIPTOR))
        });
        let transmit = rings(|queue| {
            let enabled = view::element::<TXDCTL>(view, queue)?.field(TXDCTL::ENABLE);
            Some((enabled, view::element::<TDLEN>(view, queue)?.get() / DESCRIPTOR))
        });
        let text = format!("receive {}, transmit {}", show_rings(&receive), show_rings(&transmit));
        self.add("rings", text, json!({ "receive": receive, "transmit": transmit }));
    }
}

/// Returns how many descriptors each enabled queue has. `look` reads both from the registers of a queue.
fn rings(look: impl Fn(usize) -> Option<(bool, u32)>) -> Vec<u32> {
    (0..128).map_while(look).filter(|(enabled, _)| *enabled).map(|(_, descriptors)| descriptors).collect()
}

fn show_rings(rings: &[u32]) -> String {
    match rings {
        [] => "none enabled".to_owned(),
        [first, rest @ ..] if rest.iter().all(|ring| ring == first) => {
            format!("{} of {first} descriptors", rings.len())
        }
        _ => rings.iter().map(u32::to_string).collect::<Vec<_>>().join("+") + " descriptors",
    }
}

/// Returns the MAC address in the first filter.
fn mac(view: &dyn View) -> Option<String> {
    let (low, high) = (view::one::<RAL>(view)?.get(), view::one::<RAH>(view)?.get());
    let bytes = [low.to_le_bytes(), high.to_le_bytes()].concat();
    Some(bytes[..6].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

/// Returns the link of an interface of the kernel, and from registers, if they can be seen, why there is none.
fn link_of_interface(interface: &Interface, view: Option<&dyn View>, medium: Option<Medium>) -> Link {
    let down = |reason| Link { status: Some(LinkStatus::Down), reason: Some(reason) };
    match interface.carrier() {
        Some(true) => {
            let speed = interface.speed().filter(|speed| *speed > 0).map(Speed::from_megabits);
            Link { status: Some(LinkStatus::Up(speed)), reason: None }
        }
        None => down(format!("{0} is not set up: `ip link set {0} up`", interface.name)),
        Some(false) => down(view.map_or_else(
            || format!("the kernel does not say why; try `ethtool --module-info {}`", interface.name),
            |view| why_down(view, medium),
        )),
    }
}

/// Returns the link from registers that a read does not change: LINKS, which has the speed, is none of them.
fn link_of_registers(view: &dyn View, medium: Option<Medium>) -> Link {
    match view::one::<STATUS>(view).map(|status| status.field(STATUS::LINK_UP)) {
        Some(true) => Link { status: Some(LinkStatus::Up(None)), reason: None },
        Some(false) => Link { status: Some(LinkStatus::Down), reason: Some(why_down(view, medium)) },
        None => Link { status: None, reason: Some("STATUS cannot be read".into()) },
    }
}

/// Returns the most likely reason for which there is no link, from the port outwards.
fn why_down(view: &dyn View, medium: Option<Medium>) -> String {
    let in_reset = view::one::<CTRL>(view).is_some_and(|ctrl| ctrl.get() & RESETS != 0);
    let is_disabled = view::one::<AUTOC2>(view).is_some_and(|autoc2| autoc2.get() & LINK_DISABLE != 0);
    let is_held = view::one::<MMNGC>(view).is_some_and(|it| it.field(MMNGC::MNG_VETO));
    let pins = view::one::<ESDP>(view).filter(|_| medium == Some(Medium::SfpCage));
    let is_empty = pins.is_some_and(|esdp| {
        esdp.field(ESDP::SDP2_IODIR) == Some(esdp::SDP2_IODIR::Input) && !esdp.field(ESDP::SDP2_DATA)
    });
    let is_dark = pins.is_some_and(|esdp| {
        let is_switch = esdp.field(ESDP::SDP3_IODIR) == Some(esdp::SDP3_IODIR::Output);
        is_switch && !esdp.field(ESDP::SDP3_NATIVE) && esdp.field(ESDP::SDP3_DATA)
    });
    if in_reset {
        "the port is in reset (CTRL)".to_owned()
    } else if is_empty {
        format!("{} (ESDP: SDP2 is low, which says so on most boards)", Diagnosis::NoModule)
    } else if is_dark {
        "the laser is switched off (ESDP.SDP3 is high), as drivers leave it that stop: start one".to_owned()
    } else if is_held {
        Diagnosis::FirmwareHoldsPort.to_string()
    } else if is_disabled {
        "bits of AUTOC2 keep the link down, as some EEPROMs and suspended drivers set them: start a driver".to_owned()
    } else {
        "signal and partner are shown by LINKS, which a read changes: ask the program that drives the port, or test \
         with `ixgbectl selftest --link`"
            .to_owned()
    }
}

impl Link {
    fn describe(&self) -> (String, Value) {
        let speed = match self.status {
            Some(LinkStatus::Up(speed)) => speed.map(|speed| speed.bits_per_second() / 1_000_000),
            _ => None,
        };
        let up = self.status.map(LinkStatus::is_up);
        let status = match self.status {
            Some(LinkStatus::Up(None)) => "up".to_owned(),
            Some(status) => status.to_string(),
            None => "unknown".to_owned(),
        };
        let text = self.reason.as_ref().map_or_else(|| status.clone(), |reason| format!("{status}: {reason}"));
        (text, json!({ "up": up, "speed_mbit_s": speed, "reason": self.reason }))
    }
}

#[cfg(all(test, feature = "model"))]
mod tests;
