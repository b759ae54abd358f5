//! What happened to the frames of a switch, and its statistics.

use std::sync::atomic::{AtomicU64, Ordering};

use ixgbe::port;

/// What can happen to a frame. The last ones drop it, or one of its copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It goes to the port behind which its destination is.
    Forwarded,
    /// It goes to all other ports of its VLAN that have a link.
    Flooded,
    /// What flooded frames make: one for each of these ports.
    Copies,
    /// It, or a copy, is in the ring of an output.
    Sent,
    BadSource,
    Reserved,
    OtherVlan,
    SamePort,
    NoLink,
    NoRoom,
    NoBuffer,
    Unsendable,
}

impl Event {
    /// The reasons for dropping, and their names.
    pub const DROPS: [(Self, &str); 8] = [
        (Self::BadSource, "source is no station"),
        (Self::Reserved, "for the link alone"),
        (Self::OtherVlan, "not of the port's VLAN"),
        (Self::SamePort, "nobody elsewhere"),
        (Self::NoLink, "no link"),
        (Self::NoRoom, "no room"),
        (Self::NoBuffer, "no buffer"),
        (Self::Unsendable, "unsendable"),
    ];
}

/// Counts of the frames that one thread received from one port: on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters([AtomicU64; Event::Unsendable as usize + 1]);

impl Counters {
    /// Counts `amount` events. Only one thread does, so the addition needs no locked instruction.
    pub fn add(&self, event: Event, amount: usize) {
        let counter = &self.0[event as usize];
        counter.store(counter.load(Ordering::Relaxed) + amount as u64, Ordering::Relaxed);
    }

    pub fn get(&self, event: Event) -> u64 {
        self.0[event as usize].load(Ordering::Relaxed)
    }
}

/// The sum of the counters of all threads.
pub struct Sum<'a>(Vec<&'a Counters>);

impl<'a> Sum<'a> {
    pub fn of(counters: impl IntoIterator<Item = &'a Counters>) -> Self {
        Self(counters.into_iter().collect())
    }

    pub fn get(&self, event: Event) -> u64 {
        self.0.iter().map(|counters| counters.get(event)).sum()
    }

    /// Returns the number of frames and copies that were dropped.
    pub fn dropped(&self) -> u64 {
        Event::DROPS.iter().map(|(event, _)| self.get(*event)).sum()
    }

    /// Prints the statistics of a port.
    pub fn print(&self, port: usize, link: &str, device: &port::Counters) {
        let lost: u64 = device.rx_lost.iter().chain(&device.rx_dropped).map(|(_, count)| count).sum();
        let why = Event::DROPS.iter().map(|(event, name)| (*name, self.get(*event)));
        let why = why.chain([("lost by the device", lost)]).filter(|(_, count)| *count > 0);
        let why: Vec<_> = why.map(|(name, count)| format!("{name} {count}")).collect();
        println!(
            "{port:>4} | {link:<16} | {:>10} | {:>10} | {:>10} | {:>10} | {:>9} | {}",
            device.rx_packets,
            device.tx_packets,
            self.get(Event::Forwarded),
            self.get(Event::Flooded),
            self.dropped() + lost,
            why.join(", ")
        );
    }
}

/// Prints the head of the statistics.
pub fn print_head() {
    println!("port | link             |         in |        out |  forwarded |    flooded |   dropped | why dropped");
}
