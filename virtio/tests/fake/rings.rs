//! The queues of the device, split and packed, by hand from the specification (2.7 and 2.8).

use std::sync::atomic::Ordering;

use super::{EVENT_IDX, NO_VECTOR, RING_PACKED, State};

/// Flags of a descriptor.
const NEXT: u16 = 1;
const WRITE: u16 = 2;
pub const AVAILABLE: u16 = 1 << 7;
pub const USED: u16 = 1 << 15;

/// A queue as the device knows it.
#[derive(Clone, Default)]
pub struct Queue {
    pub max: u16,
    pub size: u16,
    pub enabled: bool,
    pub notify_off: u16,
    pub vector: u16,
    pub(super) resetting: bool,
    pub(super) addresses: [u64; 3],
    /// The next buffer to take, and the next used one: indices of a split queue, and places in a packed one.
    next: u16,
    used: u16,
    /// Whether an odd number of rounds of a packed queue has ended.
    next_is_odd: bool,
    used_is_odd: bool,
    /// The buffers that the device has taken and not used.
    taken: Vec<Taken>,
    /// The device has used what it did not take. Then it cannot tell any more what the driver may do.
    has_lied: bool,
    /// Used buffers that were not shown yet: id, length, and how many descriptors they take.
    hidden: Vec<(u32, u32, u16)>,
}

impl Queue {
    pub fn new(max: u16, notify_off: u16) -> Self {
        Self { max, notify_off, vector: NO_VECTOR, ..Self::default() }
    }
}

/// The address and length of a part of a buffer, and whether the device writes it.
pub type Part = (u64, u32, bool);

/// A buffer that the device has taken.
#[derive(Clone)]
struct Taken {
    id: u16,
    parts: Vec<Part>,
    /// The descriptors of a split queue, each of which is in one buffer alone.
    descriptors: Vec<u16>,
    /// What was in the parts that the device reads.
    bytes: Vec<u8>,
}

/// One descriptor: address, length, and its last two words.
type Descriptor = (u64, u32, u16, u16);

impl State {
    fn is_packed(&self) -> bool {
        self.accepted & RING_PACKED != 0
    }

    /// Enables a queue. If doorbells are by place, the first buffer is worth one.
    pub(super) fn enable(&mut self, queue: usize) {
        self.queues[queue].enabled = true;
        let aligned = if self.is_packed() { [16, 4, 4] } else { [16, 2, 4] };
        let addresses = self.queues[queue].addresses;
        if addresses.iter().zip(aligned).any(|(address, to)| address % to != 0) {
            self.violations.push(format!("queue {queue} is not aligned: {addresses:x?}"));
        }
        if self.is_packed() && self.accepted & EVENT_IDX != 0 {
            self.want_doorbell(queue, 1 << 15, 2);
        }
    }

    fn descriptor(&mut self, queue: usize, index: u16) -> Descriptor {
        let bytes = self.read_memory(self.queues[queue].addresses[0] + 16 * u64::from(index), 16);
        let number =
            |from: usize, to: usize| bytes[from..to].iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
        (number(0, 8), number(8, 12) as u32, number(12, 14) as u16, number(14, 16) as u16)
    }

    /// Returns how many descriptors of a queue are available.
    pub fn available(&mut self, queue: usize) -> usize {
        let Queue { size, addresses, next, next_is_odd, .. } = self.queues[queue];
        if !self.is_packed() {
            return self.word(addresses[1] + 2).load(Ordering::SeqCst).wrapping_sub(next).into();
        }
        let is_available = |place: &u16| {
            let flags = self.word(addresses[0] + 16 * u64::from(place % size) + 14).load(Ordering::SeqCst);
            flags & (AVAILABLE | USED) == if next_is_odd ^ (*place >= size) { USED } else { AVAILABLE }
        };
        (next..next + size).take_while(is_available).count()
    }

    /// Takes the next available buffer of a queue: its id and its parts.
    pub fn next_available(&mut self, queue: usize) -> Option<(u16, Vec<Part>)> {
        if !self.queues[queue].enabled || self.status & 4 == 0 {
            return None;
        }
        if self.is_packed() { self.next_packed(queue) } else { self.next_split(queue) }
    }

    fn next_split(&mut self, queue: usize) -> Option<(u16, Vec<Part>)> {
        let Queue { size, addresses, next, .. } = self.queues[queue];
        let index = self.word(addresses[1] + 2).load(Ordering::SeqCst);
        if index == next {
            return None;
        }
        if index.wrapping_sub(next) > size {
            self.violations.push(format!("the available index of queue {queue} went from {next} to {index}"));
            return None;
        }
        let head = self.word(addresses[1] + 4 + 2 * u64::from(next % size)).load(Ordering::SeqCst);
        self.queues[queue].next = next.wrapping_add(1);
        if self.accepted & EVENT_IDX != 0 {
            if self.word(addresses[1]).load(Ordering::SeqCst) != 0 {
                self.violations.push(format!("queue {queue} has flags beside the index of its events"));
            }
            // The device asks for a doorbell when the next one becomes available.
            self.word(addresses[2] + 4 + 8 * u64::from(size)).store(next.wrapping_add(1), Ordering::SeqCst);
        }
        let (mut parts, mut descriptors, mut current) = (vec![], vec![], head);
        loop {
            let (address, len, flags, following) = self.descriptor(queue, current);
            parts.push((address, len, flags & WRITE != 0));
            descriptors.push(current);
            if flags & !(NEXT | WRITE) != 0 {
                self.violations.push(format!("descriptor {current} of queue {queue} has the flags {flags:#x}"));
            }
            if flags & NEXT == 0 {
                self.take(queue, head, &parts, descriptors);
                return Some((head, parts));
            }
            current = following;
            if parts.len() > usize::from(size) || current >= size {
                self.violations.push(format!("the chain from {head} does not end"));
                return None;
            }
        }
    }

    fn next_packed(&mut self, queue: usize) -> Option<(u16, Vec<Part>)> {
        let mut parts = vec![];
        let id = loop {
            let Queue { size, next, next_is_odd, .. } = self.queues[queue];
            let (address, len, id, flags) = self.descriptor(queue, next);
            if flags & (AVAILABLE | USED) != if next_is_odd { USED } else { AVAILABLE } {
                if !parts.is_empty() {
                    self.violations.push(format!("a chain of queue {queue} ends at {next}, which is not available"));
                }
                return None;
            }
            parts.push((address, len, flags & WRITE != 0));
            if flags & !(NEXT | WRITE | AVAILABLE | USED) != 0 {
                self.violations.push(format!("descriptor {next} of queue {queue} has the flags {flags:#x}"));
            }
            let cursor = &mut self.queues[queue];
            cursor.next = (next + 1) % size;
            cursor.next_is_odd ^= next + 1 == size;
            if flags & NEXT == 0 {
                break id;
            }
            if parts.len() == usize::from(size) {
                self.violations.push(format!("a chain of queue {queue} does not end"));
                return None;
            }
        };
        let Queue { size, next, next_is_odd, .. } = self.queues[queue];
        if id >= size || self.queues[queue].taken.iter().any(|other| other.id == id) {
            self.violations.push(format!("a buffer of queue {queue} has the id {id}, which is in use or too large"));
            return None;
        }
        self.take(queue, id, &parts, vec![]);
        if self.accepted & EVENT_IDX != 0 {
            self.want_doorbell(queue, next | u16::from(!next_is_odd) << 15, 2);
        }
        Some((id, parts))
    }

    /// Says when a packed queue wants its doorbell rung: a place and the wrap counter there, and flags.
    pub fn want_doorbell(&mut self, queue: usize, place: u16, flags: u16) {
        let address = self.queues[queue].addresses[2];
        self.word(address).store(place, Ordering::SeqCst);
        self.word(address + 2).store(flags, Ordering::SeqCst);
    }

    /// Returns when the driver of a packed queue wants an interrupt: a place, and flags.
    pub fn wanted_interrupt(&mut self, queue: usize) -> (u16, u16) {
        let address = self.queues[queue].addresses[1];
        [0, 2].map(|at| self.word(address + at).load(Ordering::SeqCst)).into()
    }

    /// Uses a buffer, without showing it.
    pub fn push_used(&mut self, queue: usize, id: u32, len: u32) {
        let place = self.queues[queue].taken.iter().position(|taken| u32::from(taken.id) == id);
        let mut count = 1;
        if let Some(Taken { parts, bytes, .. }) = place.map(|place| self.queues[queue].taken.remove(place)) {
            count = parts.len() as u16;
            if !self.queues[queue].has_lied && self.read_parts(&parts) != bytes {
                self.violations.push(format!("buffer {id} of queue {queue} was changed while the device had it"));
            }
        } else {
            // A lie takes one descriptor.
            self.queues[queue].has_lied = true;
        }
        self.queues[queue].hidden.push((id, len, count));
    }

    /// Returns what is in the parts that the device reads.
    fn read_parts(&mut self, parts: &[Part]) -> Vec<u8> {
        parts
            .iter()
            .filter(|part| !part.2)
            .flat_map(|(address, len, _)| self.read_memory(*address, *len as usize))
            .collect()
    }

    /// Takes a buffer: it is the device's until it has used it.
    fn take(&mut self, queue: usize, id: u16, parts: &[Part], descriptors: Vec<u16>) {
        let Queue { size, ref taken, has_lied, .. } = self.queues[queue];
        if !has_lied {
            let count = parts.len() + taken.iter().map(|taken| taken.parts.len()).sum::<usize>();
            let is_twice = taken.iter().flat_map(|taken| &taken.descriptors).any(|other| descriptors.contains(other));
            if count > usize::from(size) || is_twice {
                self.violations.push(format!("descriptors of queue {queue} are in two buffers: {descriptors:?}"));
            }
            if parts.iter().any(|part| part.1 == 0) || !parts.is_sorted_by_key(|part| part.2) {
                self.violations.push(format!("a buffer of queue {queue} is {parts:?}"));
            }
            if parts.iter().any(|(address, len, _)| self.has_any(*address, u64::from(*len))) {
                self.violations.push(format!("the device has some of {parts:x?} already"));
            }
        }
        let bytes = self.read_parts(parts);
        self.queues[queue].taken.push(Taken { id, parts: parts.to_vec(), descriptors, bytes });
    }

    /// Returns `true` if the device has any of `len` bytes at `address`. A header that is shared by packets does not count.
    pub fn has_any(&self, address: u64, len: u64) -> bool {
        let all = self.queues.iter().filter(|queue| queue.enabled && !queue.has_lied).flat_map(|queue| &queue.taken);
        all.flat_map(|taken| &taken.parts).any(|&(other, size, is_written)| {
            let is_header = size == 12 && !is_written && (other, len) == (address, 12);
            !is_header && address < other + u64::from(size) && other < address + len
        })
    }

    /// Shows the buffers that were used.
    pub fn publish_used(&mut self, queue: usize) {
        self.publish_some(queue, usize::MAX);
    }

    /// Shows the first `count` of the buffers that were used.
    pub fn publish_some(&mut self, queue: usize, count: usize) {
        let hidden = &mut self.queues[queue].hidden;
        let shown: Vec<_> = hidden.drain(..count.min(hidden.len())).collect();
        let Queue { size, vector, used: before, used_is_odd: is_odd, .. } = self.queues[queue];
        let passed: u16 = shown.iter().map(|(.., count)| count).sum();
        if self.is_packed() {
            // All of them at once: the flags of the first come last.
            let mut flags = vec![];
            for (id, len, count) in shown {
                let Queue { size, addresses, used, used_is_odd, .. } = self.queues[queue];
                let at = addresses[0] + 16 * u64::from(used);
                self.write_memory(at + 8, &[&len.to_le_bytes()[..], &(id as u16).to_le_bytes()].concat());
                let written = if len > 0 { WRITE } else { 0 };
                flags.push((used, written | if used_is_odd { 0 } else { AVAILABLE | USED }));
                let cursor = &mut self.queues[queue];
                cursor.used = (used + count) % size;
                cursor.used_is_odd ^= used + count >= size;
            }
            flags.into_iter().rev().for_each(|(place, flags)| self.set_flags(queue, place, flags));
            let mut places = (0..passed).map(|count| {
                let place = before + count;
                // The place, and above it the wrap counter, which is 1 in the first round.
                place % size + (u16::from(!is_odd ^ (place >= size)) << 15)
            });
            let is_wanted = match self.wanted_interrupt(queue) {
                (_, 0) => passed > 0,
                (event, 2) if self.accepted & EVENT_IDX != 0 => places.any(|place| event == place),
                (_, 1) => false,
                other => {
                    self.violations.push(format!("queue {queue} wants interrupts at {other:x?}"));
                    false
                }
            };
            self.raise(vector, is_wanted);
            return;
        }
        for (id, len, _) in shown {
            let Queue { addresses, used, .. } = self.queues[queue];
            let at = addresses[2] + 4 + 8 * u64::from(used % size);
            self.write_memory(at, &[id.to_le_bytes(), len.to_le_bytes()].concat());
            self.queues[queue].used = used.wrapping_add(1);
        }
        let used = self.queues[queue].used;
        self.set_used_index(queue, used);
        let is_wanted = self.is_split_interrupt_wanted(queue, before, used);
        self.raise(vector, is_wanted);
    }

    /// Returns `true` if the driver wants an interrupt when the used index goes from `old` to `new`.
    fn is_split_interrupt_wanted(&mut self, queue: usize, old: u16, new: u16) -> bool {
        let Queue { size, addresses, .. } = self.queues[queue];
        if self.accepted & EVENT_IDX == 0 {
            return old != new && self.word(addresses[1]).load(Ordering::SeqCst) & 1 == 0;
        }
        let event = self.word(addresses[1] + 4 + 2 * u64::from(size)).load(Ordering::SeqCst);
        // Whether the device has used entry number `event` now.
        (0..new.wrapping_sub(old)).any(|entry| old.wrapping_add(entry) == event)
    }

    fn raise(&mut self, vector: u16, is_wanted: bool) {
        if is_wanted && vector != NO_VECTOR {
            self.raised.push(vector);
        }
    }

    /// Writes the flags of a descriptor of a packed queue.
    pub fn set_flags(&mut self, queue: usize, place: u16, flags: u16) {
        let address = self.queues[queue].addresses[0] + 16 * u64::from(place) + 14;
        self.word(address).store(flags, Ordering::SeqCst);
    }

    /// Writes the lower 16 bits of the length of a used buffer, which may be shown already, at a place in the ring.
    pub fn set_used_len(&mut self, queue: usize, place: u16, len: u16) {
        let [descriptors, _, used] = self.queues[queue].addresses;
        let address = if self.is_packed() { descriptors + 8 } else { used + 8 };
        let step = if self.is_packed() { 16 } else { 8 };
        self.word(address + step * u64::from(place)).store(len, Ordering::SeqCst);
    }

    /// Returns the flags of a descriptor of a packed queue.
    pub fn flags(&mut self, queue: usize, place: u16) -> u16 {
        self.descriptor(queue, place).3
    }

    /// Returns how many buffers of a queue the driver has to find: those that the device has, and used ones not shown.
    pub fn unreturned(&self, queue: usize) -> usize {
        self.queues[queue].taken.len() + self.queues[queue].hidden.len()
    }

    /// Shows any used index of a split queue.
    pub fn set_used_index(&mut self, queue: usize, index: u16) {
        let address = self.queues[queue].addresses[2] + 2;
        self.word(address).store(index, Ordering::SeqCst);
    }

    /// Returns the used index of a split queue, or the place where the next used descriptor of a packed one goes.
    pub fn used_index(&self, queue: usize) -> u16 {
        self.queues[queue].used
    }
}
