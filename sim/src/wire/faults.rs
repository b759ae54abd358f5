//! A wire that loses, delays, duplicates and damages frames.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::generator::ETHERNET;
use super::{Moment, Passage, Wire};

/// The faults of a wire: for each, its share of the frames, from 0 to 1. At most one befalls a frame. Where the shares
/// add up to more than 1, those named first have theirs.
///
/// The same seed does the same to the same number of frames: what befalls the nth frame depends on nothing else.
///
/// ```
/// use ixgbe_sim::wire::faults::Faults;
///
/// let bad = Faults { loss: 0.01, delay: 0.05, seed: 7, ..Faults::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// Frames that never arrive.
    pub loss: f64,
    /// Frames that arrive with a wrong CRC, because one bit was flipped: the port counts them and drops them.
    pub corruption: f64,
    /// Frames one bit of which a switch flipped behind their Ethernet header, before it computed a CRC that is right: only
    /// the checksums of the packet show it.
    pub alteration: f64,
    /// Frames that arrive twice, one directly behind the other.
    pub duplication: f64,
    /// Frames that arrive later, so that frames sent behind them overtake them.
    pub delay: f64,
    /// How late a delayed frame is, at most, in the model time of the port. At least a nanosecond.
    pub longest_delay: Duration,
    /// What decides which frames they are.
    pub seed: u64,
}

impl Default for Faults {
    /// Returns no faults, and delays of at most a millisecond once there are some.
    fn default() -> Self {
        Self {
            loss: 0.0,
            corruption: 0.0,
            alteration: 0.0,
            duplication: 0.0,
            delay: 0.0,
            longest_delay: Duration::from_millis(1),
            seed: 0,
        }
    }
}

/// What befell how many frames. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct FaultCounters(Arc<[AtomicU64; 6]>);

macro_rules! counters {
    ($($index:literal $name:ident: $doc:literal,)*) => {$(
        #[doc = $doc]
        #[must_use]
        pub fn $name(&self) -> u64 {
            self.0[$index].load(Ordering::Relaxed)
        }
    )*};
}

impl FaultCounters {
    counters! {
        0 frames: "Returns the number of frames that the wire brought, whatever befell them.",
        1 lost: "Returns the number of frames lost, those included that were delayed when the link went down.",
        2 corrupted: "Returns the number of frames that arrived with a wrong CRC.",
        3 altered: "Returns the number of frames that arrived with another content and a right CRC.",
        4 duplicated: "Returns the number of frames that arrived twice.",
        5 delayed: "Returns the number of frames that were delayed.",
    }

    fn count(&self, index: usize, frames: u64) {
        self.0[index].fetch_add(frames, Ordering::Relaxed);
    }
}

/// What befalls a frame. The discriminant is its counter's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives = 0,
    Lost = 1,
    Corrupted = 2,
    Altered = 3,
    Duplicated = 4,
    Delayed = 5,
}

/// The random numbers of a seed (SplitMix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `limit`, or 0.
    fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// Decides what befalls a frame.
    fn fate(&mut self, faults: &Faults) -> Fate {
        // 53 bits fill the mantissa.
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let shares = [
            (Fate::Lost, faults.loss),
            (Fate::Corrupted, faults.corruption),
            (Fate::Altered, faults.alteration),
            (Fate::Duplicated, faults.duplication),
            (Fate::Delayed, faults.delay),
        ];
        let mut sum = 0.0;
        for (fate, share) in shares {
            // A share that is no number is none.
            sum += share.max(0.0);
            if drawn < sum {
                return fate;
            }
        }
        Fate::Arrives
    }
}

/// A wire with [`Faults`] on the way to its port: see [`Wire::with_faults`].
#[derive(Debug)]
pub struct Faulty<W> {
    wire: W,
    faults: Faults,
    dice: Dice,
    counters: FaultCounters,
    now: Duration,
    /// Frames that were delayed, by the time at which they arrive, and by their number.
    late: BTreeMap<(Duration, u64), Vec<u8>>,
    /// A frame that is changed.
    changed: Vec<u8>,
}

impl<W: Wire> Faulty<W> {
    pub(super) fn new(wire: W, faults: Faults) -> Self {
        let (dice, counters) = (Dice(faults.seed), FaultCounters::default());
        Self { wire, faults, dice, counters, now: Duration::ZERO, late: BTreeMap::new(), changed: Vec::new() }
    }

    /// Returns the counters, which can be read while the wire is plugged in.
    #[must_use]
    pub fn counters(&self) -> FaultCounters {
        self.counters.clone()
    }
}

/// Copies `frame` to `changed`, with one bit flipped from byte `from` on.
fn flip(frame: &[u8], from: usize, dice: &mut Dice, changed: &mut Vec<u8>) {
    changed.clear();
    changed.extend_from_slice(frame);
    let bit = dice.next() % 8;
    let place = from + dice.below(frame.len().saturating_sub(from) as u64) as usize;
    if let Some(byte) = changed.get_mut(place) {
        *byte ^= 1 << bit;
    }
}

impl<W: Wire> Wire for Faulty<W> {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        // Who does not hear of damage gets no damaged frame.
        self.receive_sent(room, &mut |frame, passage| {
            if !passage.damaged {
                port(frame);
            }
            true
        });
    }

    fn receive_sent(&mut self, room: usize, port: &mut dyn FnMut(&[u8], Passage) -> bool) {
        let Self { wire, faults, dice, counters, now, late, changed } = self;
        let mut given = 0;
        while let Some(first) = late.first_entry().filter(|frame| frame.key().0 <= *now) {
            given += 1;
            if !port(&first.remove(), Passage::default()) {
                return;
            }
        }
        wire.receive_sent(room.saturating_sub(given), &mut |frame, passage| {
            counters.count(0, 1);
            let fate = dice.fate(faults);
            if fate != Fate::Arrives {
                counters.count(fate as usize, 1);
            }
            match fate {
                Fate::Arrives => port(frame, passage),
                Fate::Lost => true,
                Fate::Corrupted => {
                    flip(frame, 0, dice, changed);
                    port(changed, Passage { damaged: true, ..passage })
                }
                Fate::Altered => {
                    flip(frame, ETHERNET, dice, changed);
                    port(changed, passage)
                }
                Fate::Duplicated => {
                    port(frame, passage);
                    port(frame, passage)
                }
                Fate::Delayed => {
                    let longest = u64::try_from(faults.longest_delay.as_nanos()).unwrap_or(u64::MAX);
                    let delay = Duration::from_nanos(1 + dice.below(longest));
                    late.insert((now.saturating_add(delay), counters.frames()), frame.to_vec());
                    true
                }
            }
        });
    }

    fn receive_control(&mut self, port: &mut dyn FnMut(&[u8])) {
        self.wire.receive_control(port);
    }

    fn holds(&self) -> bool {
        self.wire.holds()
    }

    fn flow_control(&mut self, obeys: bool, asks: bool) {
        self.wire.flow_control(obeys, asks);
    }

    fn tick(&mut self, now: Duration) {
        self.now = now;
        self.wire.tick(now);
    }

    fn overrun(&mut self) -> u64 {
        self.wire.overrun()
    }

    fn discard(&mut self) -> u64 {
        let late = self.late.len() as u64;
        self.late.clear();
        self.counters.count(Fate::Lost as usize, late);
        self.wire.discard() + late
    }

    fn room(&mut self) -> usize {
        self.wire.room()
    }

    fn depart(&mut self, at: Moment) {
        self.wire.depart(at);
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.wire.transmit(frame);
    }

    fn transmit_control(&mut self, frame: &[u8]) {
        self.wire.transmit_control(frame);
    }

    fn flush(&mut self) {
        self.wire.flush();
    }

    fn shine(&mut self, on: bool) {
        self.wire.shine(on);
    }

    fn plug(&mut self, connected: bool) {
        self.wire.plug(connected);
    }

    fn carrier(&self) -> bool {
        self.wire.carrier()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Faults = Faults {
        loss: 0.05,
        corruption: 0.04,
        alteration: 0.03,
        duplication: 0.02,
        delay: 0.1,
        longest_delay: Duration::from_micros(50),
        seed: 1,
    };
    const SENT: u64 = 20_000;

    /// Frames that consist of their number, eight times behind the header.
    struct Numbered(u64);

    impl Wire for Numbered {
        fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
            let end = SENT.min(self.0 + room as u64);
            (self.0..end).for_each(|number| port(&frame(number)));
            self.0 = end;
        }

        fn transmit(&mut self, _: &[u8]) {}
    }

    fn frame(number: u64) -> Vec<u8> {
        [&[0; ETHERNET], &*number.to_le_bytes().repeat(8)].concat()
    }

    /// Returns the number of a frame in which at most a few bits are wrong.
    fn number(frame: &[u8]) -> u64 {
        let numbers: Vec<_> =
            frame[ETHERNET..].chunks(8).map(|eight| u64::from_le_bytes(eight.try_into().unwrap())).collect();
        *numbers.iter().max_by_key(|number| numbers.iter().filter(|other| other == number).count()).unwrap()
    }

    /// Returns what arrives of `SENT` frames, at most ten each microsecond, whether with a wrong CRC, and what was counted.
    fn arrivals(faults: Faults) -> (Vec<(Vec<u8>, bool)>, FaultCounters) {
        let mut wire = Numbered(0).with_faults(faults);
        let mut frames = Vec::new();
        for microsecond in 0..SENT / 5 + 100 {
            wire.tick(Duration::from_micros(microsecond));
            wire.receive_sent(10, &mut |frame, passage| {
                frames.push((frame.to_vec(), passage.damaged));
                true
            });
        }
        (frames, wire.counters())
    }

    #[test]
    fn a_seed_decides_what_befalls_each_frame() {
        let (frames, counters) = arrivals(ALL);
        let (again, counters_again) = arrivals(ALL);
        assert!(frames == again);
        assert_eq!(format!("{counters:?}"), format!("{counters_again:?}"));
        assert!(frames != arrivals(Faults { seed: 2, ..ALL }).0);
    }

    #[test]
    fn shares_are_kept_and_counted() {
        let (frames, counters) = arrivals(ALL);
        let [lost, corrupted, altered] = [counters.lost(), counters.corrupted(), counters.altered()];
        let [duplicated, delayed] = [counters.duplicated(), counters.delayed()];
        assert_eq!(counters.frames(), SENT);
        for (count, share) in [(lost, 0.05), (corrupted, 0.04), (altered, 0.03), (duplicated, 0.02), (delayed, 0.1)] {
            let expected = share * SENT as f64;
            assert!((0.8..1.2).contains(&(count as f64 / expected)), "{count} instead of {expected}");
        }
        assert_eq!(frames.len() as u64, SENT - lost + duplicated);
        assert_eq!(frames.iter().filter(|(_, damaged)| *damaged).count() as u64, corrupted);
        // What arrived, against what was sent.
        let (mut whole, mut changed, mut twice, mut overtaken) = (0, 0, 0, 0);
        let (mut latest, mut previous) = (0, None);
        for (bytes, damaged) in &frames {
            let number = number(bytes);
            let sent = frame(number);
            let wrong = |range: std::ops::Range<usize>| -> u32 {
                let both = bytes[range.clone()].iter().zip(&sent[range]);
                both.map(|(is, was)| (is ^ was).count_ones()).sum()
            };
            let (header, rest) = (wrong(0..ETHERNET), wrong(ETHERNET..bytes.len()));
            match (damaged, header, rest) {
                (true, 0, 1) | (true, 1, 0) => {}
                (false, 0, 1) => changed += 1,
                (false, 0, 0) => {
                    whole += 1;
                    twice += u64::from(previous == Some(number));
                    overtaken += u64::from(number < latest);
                }
                what => panic!("{what:?} of frame {number}"),
            }
            (latest, previous) = (latest.max(number), Some(number));
        }
        assert_eq!((changed, twice), (altered, duplicated));
        assert_eq!(whole, SENT - lost - corrupted - altered + duplicated);
        assert!(overtaken > delayed / 2, "{overtaken} of {delayed}");
    }

    #[test]
    fn absurd_faults_do_nothing_absurd() {
        for share in [f64::NAN, -1.0, 0.0] {
            let nothing =
                Faults { loss: share, corruption: share, alteration: share, duplication: share, delay: share, ..ALL };
            assert!((0..SENT).map(|number| (frame(number), false)).eq(arrivals(nothing).0), "{share}");
        }
        let (none, counters) = arrivals(Faults { loss: f64::INFINITY, ..ALL });
        assert_eq!((none.len(), counters.lost()), (0, SENT));
        for longest_delay in [Duration::ZERO, Duration::MAX] {
            let (_, counters) = arrivals(Faults { delay: 1.0, longest_delay, ..Faults::default() });
            assert_eq!(counters.delayed(), SENT);
        }
        // Frames without a byte behind the header, or without any.
        for len in 0..20 {
            let mut changed = Vec::new();
            flip(&[0; 20][..len], ETHERNET, &mut Dice(3), &mut changed);
            assert_eq!(changed.iter().any(|byte| *byte != 0), len > ETHERNET);
        }
    }

    #[test]
    fn frames_that_are_late_are_lost_with_the_link() {
        let delayed = Faults { delay: 1.0, longest_delay: Duration::from_secs(1), ..Faults::default() };
        let mut wire = Numbered(SENT - 9).with_faults(delayed);
        wire.receive(9, &mut |_| unreachable!("it is late"));
        assert_eq!((wire.discard(), wire.counters().lost(), wire.discard()), (9, 9, 0));
    }
}
