//! The decisions of a switch: to which ports a frame goes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ixgbe::queue::Route;

use super::counters::{Counters, Event};
use super::table::Table;

/// The most ports: each has two outputs in a set of 64.
pub const MOST_PORTS: usize = 32;

/// What all threads of a switch share.
pub struct Bridge {
    pub table: Table,
    /// The VLAN of each access port. The other ports are trunks: their frames have tags, or are of VLAN 0.
    access: Vec<Option<u16>>,
    /// The set of ports that have a link, and the set of ports that have vanished.
    up: AtomicU64,
    gone: AtomicU64,
    start: Instant,
    /// The time since the start, in seconds.
    now: AtomicU64,
}

impl Bridge {
    /// Makes a switch of ports with these VLANs. No port has a link yet.
    pub fn new(access: Vec<Option<u16>>) -> Self {
        Self { table: Table::new(), access, up: 0.into(), gone: 0.into(), start: Instant::now(), now: 0.into() }
    }

    /// Returns the number of ports.
    pub fn ports(&self) -> usize {
        self.access.len()
    }

    /// Returns the VLAN of `port`, if it is an access port.
    pub fn access(&self, port: usize) -> Option<u16> {
        self.access[port]
    }

    /// Returns `true` if there are access ports, whose frames have no tags.
    pub fn changes_tags(&self) -> bool {
        self.access.iter().any(Option::is_some)
    }

    /// Looks at the clock, and forgets stations that were not heard for `age` seconds.
    pub fn expire(&self, age: u16) {
        let now = self.start.elapsed().as_secs();
        self.now.store(now, Ordering::Relaxed);
        self.table.expire(now, age);
    }

    /// Leaves out a port that has vanished.
    pub fn leave_out(&self, port: usize) {
        self.gone.fetch_or(1 << port, Ordering::Relaxed);
        self.set_up(port, false);
    }

    /// Returns the ports that have not vanished.
    pub fn present(&self) -> impl Iterator<Item = usize> {
        let gone = self.gone.load(Ordering::Relaxed);
        (0..self.ports()).filter(move |port| gone >> port & 1 == 0)
    }

    /// Returns `true` if `port` has a link.
    pub fn is_up(&self, port: usize) -> bool {
        self.up.load(Ordering::Relaxed) >> port & 1 != 0
    }

    /// Notes whether `port` has a link. Stations behind a port without one may turn up elsewhere, so they are forgotten.
    pub fn set_up(&self, port: usize, is_up: bool) {
        if is_up {
            self.up.fetch_or(1 << port, Ordering::Relaxed);
        } else {
            self.up.fetch_and(!(1 << port), Ordering::Relaxed);
            self.table.flush(port);
        }
    }

    /// Returns the VLAN of a frame that port `from` received with a tag of VLAN `tag`, or without one.
    pub fn vlan(&self, from: usize, tag: Option<u16>) -> Result<u16, Event> {
        match (self.access[from], tag.unwrap_or(0)) {
            (_, 0xfff) => Err(Event::OtherVlan),
            (None, vlan) | (Some(vlan), 0) => Ok(vlan),
            (Some(_), _) => Err(Event::OtherVlan),
        }
    }

    /// Decides about a frame of `vlan` from port `from`, learns where its source is, and counts it.
    ///
    /// Output n is for frames that port n alone sends, and the output that is [`ports`](Self::ports) behind it for those
    /// that go to all ports, so that their rate can be limited. A station's first frames may overtake each other there.
    pub fn route(&self, from: usize, vlan: Result<u16, Event>, frame: &[u8], counters: &Counters) -> Route {
        let decided = vlan.and_then(|vlan| self.decide(from, vlan, frame, counters));
        let (event, route) = decided.unwrap_or_else(|reason| (reason, Route::Drop));
        counters.add(event, 1);
        route
    }

    fn decide(&self, from: usize, vlan: u16, frame: &[u8], counters: &Counters) -> Result<(Event, Route), Event> {
        let addresses = frame.first_chunk::<12>().ok_or(Event::Unsendable)?;
        let [a, b, c, d, e, f, source @ ..] = *addresses;
        let destination = [a, b, c, d, e, f];
        if source[0] & 1 != 0 || source == [0; 6] {
            return Err(Event::BadSource);
        }
        let up = self.up.load(Ordering::Relaxed);
        // What a port received before its cable was pulled says nothing any more.
        if up >> from & 1 != 0 {
            self.table.learn(vlan, source, from, self.now.load(Ordering::Relaxed));
        }
        // Pause frames, spanning trees and others that no bridge forwards (802.1Q, table 8-1).
        if destination.starts_with(&[0x01, 0x80, 0xc2, 0, 0]) && f < 0x10 {
            return Err(Event::Reserved);
        }
        let known = if a & 1 == 0 { self.table.find(vlan, destination) } else { None };
        let is_member = |port: &usize| self.access[*port].is_none_or(|of| of == vlan);
        let members = match known {
            Some(port) => 1 << port,
            None => (0..self.ports()).filter(is_member).fold(0, |set, port| set | 1 << port),
        };
        let others: u64 = members & !(1 << from);
        match (known, others & up) {
            _ if others == 0 => Err(Event::SamePort),
            (_, 0) => Err(Event::NoLink),
            (Some(port), _) => Ok((Event::Forwarded, Route::Output(port))),
            (None, set) => {
                counters.add(Event::NoLink, (others & !up).count_ones() as usize);
                counters.add(Event::Copies, set.count_ones() as usize);
                Ok((Event::Flooded, Route::Outputs(set << self.ports())))
            }
        }
    }
}
