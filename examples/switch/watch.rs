//! What a switch does beside its threads: links, ageing, statistics, ports that hang or vanish.

use std::error::Error;
use std::time::{Duration, Instant};

use ixgbe::device::{Control, Remedy, Symptom};
use ixgbe::platform::AnyPlatform;
use ixgbe::port::Control as _;

use super::bridge::Bridge;
use super::counters::{Counters, Sum, print_head};

/// The time between two statistics.
const INTERVAL: Duration = Duration::from_secs(1);

/// The controls of the ports of a switch.
pub struct Watch<'a, 'n> {
    bridge: &'a Bridge,
    /// One for each thread and port.
    counters: &'a [Vec<Counters>],
    controls: Vec<Control<'n, AnyPlatform>>,
    printed: Instant,
    hanging: Option<usize>,
}

impl<'a, 'n> Watch<'a, 'n> {
    /// Watches all ports.
    pub fn new(bridge: &'a Bridge, counters: &'a [Vec<Counters>], controls: Vec<Control<'n, AnyPlatform>>) -> Self {
        Self { bridge, counters, controls, printed: Instant::now(), hanging: None }
    }

    /// Looks at all links, and each second at the rest. Forgets stations that were not heard for `age` seconds. Fails when
    /// fewer than two ports are left.
    pub fn look(&mut self, age: u16) -> Result<(), Box<dyn Error>> {
        for port in self.bridge.present() {
            let link = self.controls[port].link_status();
            if link.is_up() != self.bridge.is_up(port) {
                self.bridge.set_up(port, link.is_up());
                eprintln!("port {port}: link {link}");
            }
        }
        if self.printed.elapsed() >= INTERVAL {
            self.printed = Instant::now();
            self.bridge.expire(age);
            self.examine();
            self.print();
        }
        match self.bridge.present().count() {
            0 | 1 => Err("fewer than two ports are left, and a switch needs two".into()),
            _ => Ok(()),
        }
    }

    /// Finds out which ports hang, and which have vanished.
    pub fn examine(&mut self) {
        for port in self.bridge.present() {
            let symptoms = self.controls[port].health();
            // What waits for a cable may go on by itself when it is put back. If it does not, that is a hang.
            for symptom in symptoms.iter().filter(|symptom| !matches!(symptom, Symptom::LinkLost { .. })) {
                eprintln!("port {port}: {symptom}");
                match symptom.remedy() {
                    Remedy::Recover => self.hanging = Some(port),
                    Remedy::Stop => self.bridge.leave_out(port),
                    _ => {}
                }
            }
        }
    }

    /// Returns a port that hangs until it is recovered.
    pub fn hanging(&self) -> Option<usize> {
        self.hanging
    }

    /// Prints the statistics.
    pub fn print(&mut self) {
        print_head();
        for port in self.bridge.present() {
            let (link, device) = (self.controls[port].link_status(), self.controls[port].counters());
            let sum = Sum::of(self.counters.iter().map(|all| &all[port]));
            if let Ok(device) = device {
                sum.print(port, &link.to_string(), &device);
            }
        }
        println!("stations: {}", self.bridge.table.len());
    }
}
