//! What a switch does beside its threads: links, ageing, statistics, ports that vanish.

use std::error::Error;
use std::time::{Duration, Instant};

use ixgbe::device::Control;
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
    /// `None` for a port that has vanished.
    controls: Vec<Option<Control<'n, AnyPlatform>>>,
    age: u16,
    start: Instant,
    printed: Instant,
}

impl<'a, 'n> Watch<'a, 'n> {
    /// Watches ports. Stations are forgotten after `age` seconds.
    pub fn new(
        bridge: &'a Bridge,
        counters: &'a [Vec<Counters>],
        controls: Vec<Control<'n, AnyPlatform>>,
        age: u16,
    ) -> Self {
        let now = Instant::now();
        let controls = controls.into_iter().map(Some).collect();
        Self { bridge, counters, controls, age, start: now, printed: now }
    }

    /// Looks at all links, and each second at the rest. Fails when fewer than two ports are left.
    pub fn look(&mut self) -> Result<(), Box<dyn Error>> {
        for (port, control) in self.controls.iter_mut().enumerate() {
            let Some(control) = control else { continue };
            let link = control.link_status();
            if link.is_up() != self.bridge.is_up(port) {
                self.bridge.set_up(port, link.is_up());
                eprintln!("port {port}: link {link}");
            }
        }
        if self.printed.elapsed() >= INTERVAL {
            self.printed = Instant::now();
            let now = self.start.elapsed().as_secs();
            self.bridge.set_time(now);
            self.bridge.table.expire(now, self.age);
            self.print();
        }
        match self.controls.iter().flatten().count() {
            0 | 1 => Err("fewer than two ports are left, and a switch needs two".into()),
            _ => Ok(()),
        }
    }

    /// Prints the statistics, and finds out which ports have vanished.
    pub fn print(&mut self) {
        print_head();
        for (port, control) in self.controls.iter_mut().enumerate() {
            match control.as_mut().map(|control| (control.link_status(), control.counters())) {
                Some((link, Ok(device))) => {
                    Sum::of(self.counters.iter().map(|all| &all[port])).print(port, &link.to_string(), &device)
                }
                Some((_, Err(error))) => {
                    eprintln!("port {port} has vanished, the others go on: {error}");
                    self.bridge.set_up(port, false);
                    *control = None;
                }
                None => {}
            }
        }
        println!("stations: {}", self.bridge.table.len());
    }

    /// Returns the ports that have vanished.
    pub fn vanished(&self) -> Vec<usize> {
        (0..self.controls.len()).filter(|port| self.controls[*port].is_none()).collect()
    }
}
