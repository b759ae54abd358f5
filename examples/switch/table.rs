//! The stations of a switch: behind which port each was last heard.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of stations that may share a set, and number of sets.
const WAYS: usize = 4;
const SET_BITS: u32 = 12;
/// The longest time for which a station is remembered, in seconds.
pub const LONGEST_AGE: u16 = 1000;

/// Number of bits of a VLAN's identifier and a MAC address together.
const KEY_BITS: u32 = 12 + 48;
const KEY: u64 = (1 << KEY_BITS) - 1;
const SECONDS: u64 = 1 << 10;

/// A bounded table that threads share without locks: each entry is one word.
///
/// From high to low, a word is the 48 bits of the station's key that its set does not imply, 6 bits of the port plus one,
/// and 10 bits of the second in which the station was heard. An empty entry is 0. A station whose set is full is not
/// remembered, so that frames for it go to all ports.
pub struct Table {
    entries: Vec<AtomicU64>,
    seed: u64,
}

fn port_of(entry: u64) -> Option<usize> {
    ((entry >> 10 & 63) as usize).checked_sub(1)
}

impl Table {
    /// Makes an empty table.
    pub fn new() -> Self {
        let entries = (0..WAYS << SET_BITS).map(|_| AtomicU64::new(0)).collect();
        // Nobody outside can choose addresses that fill one set.
        Self { entries, seed: RandomState::new().build_hasher().finish() }
    }

    /// Returns the set of a station, and what of its key the set does not imply.
    ///
    /// Each step can be undone, so no two stations have both in common.
    fn place(&self, vlan: u16, mac: [u8; 6]) -> (&[AtomicU64], u64) {
        let mac = mac.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        let mut key = (u64::from(vlan) << 48 | mac) & KEY;
        for factor in [self.seed | 1, 0x9e37_79b9_7f4a_7c15] {
            key = (key ^ key >> 31).wrapping_mul(factor) & KEY;
        }
        key ^= key >> 31;
        let first = (key & ((1 << SET_BITS) - 1)) as usize * WAYS;
        (&self.entries[first..first + WAYS], key >> SET_BITS)
    }

    /// Returns the port of a station, if it is known.
    pub fn find(&self, vlan: u16, mac: [u8; 6]) -> Option<usize> {
        let (set, tag) = self.place(vlan, mac);
        set.iter().map(|entry| entry.load(Ordering::Relaxed)).filter(|entry| entry >> 16 == tag).find_map(port_of)
    }

    /// Notes that a station was heard at `port` in second `now`. Writes nothing if that is known already.
    pub fn learn(&self, vlan: u16, mac: [u8; 6], port: usize, now: u64) {
        let (set, tag) = self.place(vlan, mac);
        let heard = tag << 16 | (port as u64 + 1) << 10 | (now % SECONDS);
        let is_of = |entry: &u64| *entry == 0 || entry >> 16 == tag;
        let entries = || set.iter().map(|entry| (entry, entry.load(Ordering::Relaxed)));
        let known = entries().find(|(_, entry)| *entry != 0 && is_of(entry));
        if let Some((entry, before)) = known.or_else(|| entries().find(|(_, entry)| is_of(entry)))
            && before != heard
        {
            // If another thread was faster, the station's next frame is early enough.
            _ = entry.compare_exchange(before, heard, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Forgets the entries that `is_stale` selects by their port and by the second in which they were heard.
    fn forget(&self, is_stale: impl Fn(usize, u64) -> bool) {
        for entry in &self.entries {
            let before = entry.load(Ordering::Relaxed);
            if port_of(before).is_some_and(|port| is_stale(port, before % SECONDS)) {
                // An entry that has changed is not stale.
                _ = entry.compare_exchange(before, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }

    /// Forgets all stations behind `port`.
    pub fn flush(&self, port: usize) {
        self.forget(|of, _| of == port);
    }

    /// Forgets the stations that were not heard for `age` seconds. It must run more often than every 24 seconds.
    pub fn expire(&self, now: u64, age: u16) {
        self.forget(|_, heard| (now % SECONDS).wrapping_sub(heard) % SECONDS > age.into());
    }

    /// Returns the number of stations.
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.load(Ordering::Relaxed) != 0).count()
    }
}
