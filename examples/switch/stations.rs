//! Stations behind modelled ports: each sends frames to the others of its VLAN, and all check what they get.

use std::collections::{BTreeSet, HashSet};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use ixgbe_sim::{Port, Wire};

/// Every frame whose number is a multiple of this goes to all stations.
const BROADCASTS: u64 = 100;
/// The most frames that a port gets at once.
const BURST: usize = 32;

/// A station. An access port has one, of its VLAN, and a trunk has one of each VLAN.
struct Station {
    port: usize,
    vlan: u16,
    sent: u64,
    /// The stations that it has heard, and the numbers of their frames.
    heard: HashSet<(usize, u64)>,
}

/// All stations of a switch.
pub struct Network {
    stations: Vec<Station>,
    access: Vec<Option<u16>>,
    /// Number of frames that each station sends.
    packets: u64,
    wrong: u64,
    /// The number of frames that had arrived at the last look, and since when.
    looked: (u64, Instant),
}

impl Network {
    /// Makes the stations of a switch whose access ports have these VLANs, and plugs them into its ports.
    pub fn plug(ports: &[Port], access: &[Option<u16>], packets: u64) -> Arc<Mutex<Self>> {
        let vlans: BTreeSet<u16> = access.iter().flatten().copied().chain([0]).collect();
        let mut stations = Vec::new();
        for (port, access) in access.iter().enumerate() {
            let of_port = vlans.iter().filter(|vlan| access.is_none_or(|of| of == **vlan));
            stations.extend(of_port.map(|&vlan| Station { port, vlan, sent: 0, heard: HashSet::new() }));
        }
        let (access, looked) = (access.to_vec(), (0, Instant::now()));
        let network = Arc::new(Mutex::new(Self { stations, access, packets, wrong: 0, looked }));
        ports.iter().enumerate().for_each(|(n, port)| port.plug(Cable(n, Arc::clone(&network))));
        network
    }

    /// Returns the other stations of the VLAN of `station`.
    fn peers(&self, station: usize) -> Vec<usize> {
        let is_peer = |other: &usize| *other != station && self.stations[*other].vlan == self.stations[station].vlan;
        (0..self.stations.len()).filter(is_peer).collect()
    }

    /// Returns who is to get frame `number` of `station`.
    fn receivers(&self, station: usize, number: u64) -> Vec<usize> {
        let peers = self.peers(station);
        if number.is_multiple_of(BROADCASTS) { peers } else { vec![peers[(number % peers.len() as u64) as usize]] }
    }

    /// Makes frame `number` of `station`, as it is on the wire of `port`.
    fn frame(&self, station: usize, number: u64, port: usize) -> Vec<u8> {
        let mac = |station: usize| [0x02, 0x82, 0x59, 1, (station >> 8) as u8, station as u8];
        let is_broadcast = number.is_multiple_of(BROADCASTS);
        let destination = if is_broadcast { [0xff; 6] } else { mac(self.receivers(station, number)[0]) };
        let vlan = self.stations[station].vlan;
        let payload = [0, station as u64, number].map(u64::to_be_bytes).concat();
        // Several flows, for RSS to spread.
        let builder =
            PacketBuilder::ethernet2(mac(station), destination).ipv4([10, 0, 0, number as u8 % 16], [10; 4], 64);
        let mut frame = vec![];
        _ = builder.udp(1, 9).write(&mut frame, &payload);
        if self.access[port].is_none() && vlan != 0 {
            frame.splice(12..12, [0x81, 0, (vlan >> 8) as u8, vlan as u8]);
        }
        frame
    }

    /// Returns the next frame that a station behind `port` sends.
    ///
    /// Each station begins with a broadcast. Before it has heard all others, it sends nothing else.
    fn next(&mut self, port: usize) -> Option<Vec<u8>> {
        let is_ready = |station: &usize| {
            let Station { port: at, sent, heard, .. } = &self.stations[*station];
            let (peers, hears) = (self.peers(*station), |peer: &usize| *sent == 0 || heard.contains(&(*peer, 0)));
            *at == port && !peers.is_empty() && *sent < self.packets && peers.iter().all(hears)
        };
        let station = (0..self.stations.len()).filter(is_ready).min_by_key(|station| self.stations[*station].sent)?;
        let number = self.stations[station].sent;
        self.stations[station].sent += 1;
        Some(self.frame(station, number, port))
    }

    /// Checks a frame that the switch sent on `port`: one of its stations is to get it, and has not got it before.
    fn arrive(&mut self, port: usize, frame: &[u8]) {
        let numbers = frame.last_chunk().map_or(u128::MAX, |numbers| u128::from_be_bytes(*numbers));
        let (source, number) = ((numbers >> 64) as usize, numbers as u64);
        let is_sent = self.stations.get(source).is_some_and(|station| number < station.sent);
        let is_right = is_sent && self.frame(source, number, port) == frame;
        let receivers = if is_right { self.receivers(source, number) } else { Vec::new() };
        match receivers.into_iter().find(|receiver| self.stations[*receiver].port == port) {
            Some(receiver) if self.stations[receiver].heard.insert((source, number)) => {}
            _ => self.wrong += 1,
        }
    }

    /// Returns the number of frames that arrived where they were to.
    pub fn arrived(&self) -> u64 {
        self.stations.iter().map(|station| station.heard.len() as u64).sum()
    }

    /// Returns `true` if nothing has arrived for a second, after all frames were sent or not.
    pub fn is_over(&mut self) -> bool {
        if self.looked.0 != self.arrived() {
            self.looked = (self.arrived(), Instant::now());
        }
        self.looked.1.elapsed() > Duration::from_secs(1)
    }

    /// Fails unless all frames arrived where they were to, and nowhere else, but for `dropped` ones.
    pub fn check(&self, dropped: u64) -> Result<(), Box<dyn Error>> {
        let sent =
            self.stations.iter().enumerate().flat_map(|(n, station)| (0..station.sent).map(move |sent| (n, sent)));
        let expected: u64 = sent.map(|(station, number)| self.receivers(station, number).len() as u64).sum();
        let (arrived, wrong) = (self.arrived(), self.wrong);
        println!("{expected} frames were to arrive, {arrived} did, {dropped} were dropped, {wrong} were wrong");
        if wrong > 0 || arrived + dropped != expected { Err("frames do not add up".into()) } else { Ok(()) }
    }
}

/// The cable between a port and its stations.
struct Cable(usize, Arc<Mutex<Network>>);

/// Locks the stations.
pub fn lock(network: &Mutex<Network>) -> MutexGuard<'_, Network> {
    network.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire for Cable {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        let mut network = lock(&self.1);
        (0..room.min(BURST)).map_while(|_| network.next(self.0)).for_each(|frame| port(&frame));
    }

    fn transmit(&mut self, frame: &[u8]) {
        lock(&self.1).arrive(self.0, frame);
    }
}
