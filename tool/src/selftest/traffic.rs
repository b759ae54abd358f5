//! Traffic in loopback: frames go out on a transmit queue and must come back on the right receive queue, unchanged.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::time::Duration;

use ixgbe::device::{Device, Running};
use ixgbe::packet::Batch;
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;

use super::card::Card;
use super::counters::Expected;
use super::frames::Frames;

/// A device under test.
pub type Nic = Device<Running, AnyPlatform>;

/// The largest number of frames in flight: fewer than a receive ring has buffers for, whatever their size.
pub const IN_FLIGHT: usize = 16;
/// The time after which a frame is lost.
const PATIENCE: Duration = Duration::from_millis(50);
/// The time in which a full transmit ring must have room again.
const RING_PATIENCE: Duration = Duration::from_secs(1);

/// A frame to send.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    pub tx: usize,
    pub rx: usize,
    pub len: usize,
}

/// Frames on their way, and what went wrong with others.
pub struct Traffic<'a> {
    card: &'a Card,
    pub frames: &'a Frames,
    pub expected: &'a mut Expected,
    next: u64,
    sent: BTreeMap<u64, Planned>,
    /// The last number that came from each transmit queue to each receive queue.
    last: HashMap<(usize, usize), u64>,
    /// The number of each kind of difference, and the first one of it.
    wrong: BTreeMap<&'static str, (u64, String)>,
    batch: Batch,
    scratch: Vec<u8>,
    count: u64,
    octets: u64,
}

impl<'a> Traffic<'a> {
    pub fn new(card: &'a Card, frames: &'a Frames, expected: &'a mut Expected) -> Self {
        Self {
            card,
            frames,
            expected,
            next: 1,
            sent: BTreeMap::new(),
            last: HashMap::new(),
            wrong: BTreeMap::new(),
            batch: Batch::with_capacity(IN_FLIGHT),
            scratch: Vec::new(),
            count: 0,
            octets: 0,
        }
    }

    /// Sends `plan` from buffers of `pool`, at most [`IN_FLIGHT`] frames at a time, and waits for each to come back.
    pub fn exchange(
        &mut self,
        nic: &mut Nic,
        pool: &Pool,
        plan: impl IntoIterator<Item = Planned>,
    ) -> Result<(), Box<dyn Error>> {
        let mut plan = plan.into_iter().peekable();
        while plan.peek().is_some() {
            let mut by_queue: BTreeMap<usize, Vec<Planned>> = BTreeMap::new();
            for planned in plan.by_ref().take(IN_FLIGHT) {
                by_queue.entry(planned.tx).or_default().push(planned);
            }
            for (tx, planned) in by_queue {
                self.send(nic, pool, tx, &planned)?;
            }
            self.collect(nic);
            if self.is_hopeless() {
                break;
            }
        }
        self.drain(nic);
        Ok(())
    }

    /// Checks that the device reports all frames of each transmit queue as sent.
    fn drain(&mut self, nic: &mut Nic) {
        for queue in &mut nic.split_queues().2 {
            if !self.card.poll(PATIENCE, || queue.is_drained()) {
                let index = queue.index().get();
                note(&mut self.wrong, "sent and not reported", || format!("transmit queue {index} never gets its DD"));
            }
        }
    }

    /// Returns `true` if more than 100 frames were lost: waiting for more would take too long.
    pub fn is_hopeless(&self) -> bool {
        self.wrong.get("lost").is_some_and(|(count, _)| *count > 100)
    }

    /// Sends frames on transmit queue `tx`.
    pub fn send(&mut self, nic: &mut Nic, pool: &Pool, tx: usize, plan: &[Planned]) -> Result<(), Box<dyn Error>> {
        let mut batch = Batch::with_capacity(plan.len());
        for planned in plan {
            let number = self.next;
            self.next += 1;
            self.frames.write(number, planned.rx, planned.len, &mut self.scratch);
            let packet = pool.take_copy(&self.scratch).map_err(|error| format!("{error}: {pool:?}"))?;
            batch.push(packet).map_err(|_| "the batch is full")?;
            self.sent.insert(number, *planned);
            self.expected.count(*planned);
            self.count += 1;
            self.octets += planned.len as u64;
        }
        let (_, _, mut queues) = nic.split_queues();
        let queue = queues.get_mut(tx).ok_or("there is no such transmit queue")?;
        let mut refused = Ok(0);
        let is_sent = self.card.poll(RING_PATIENCE, || {
            refused = queue.transmit(&mut batch);
            refused.is_err() || batch.is_empty()
        });
        refused?;
        if !is_sent {
            return Err(
                format!("transmit queue {tx} has no room for a frame after a second: its ring stays full").into()
            );
        }
        Ok(())
    }

    /// Receives until all frames are back, or too much time has passed. The frames that are missing then are lost.
    pub fn collect(&mut self, nic: &mut Nic) {
        let mut since = self.card.world.now();
        while !self.sent.is_empty() && self.card.world.now().saturating_sub(since) < self.card.world.patience(PATIENCE)
        {
            if self.receive(nic) > 0 {
                since = self.card.world.now();
            } else {
                self.card.world.idle();
            }
        }
        // A frame that comes twice, or that nobody sent, may follow.
        self.card.world.idle();
        self.receive(nic);
        let (_, _, mut queues) = nic.split_queues();
        queues.iter_mut().for_each(|queue| _ = queue.reclaim());
        for (number, Planned { tx, rx, len }) in std::mem::take(&mut self.sent) {
            note(&mut self.wrong, "lost", || {
                format!("frame {number} of {len} bytes, from transmit queue {tx} to receive queue {rx}")
            });
        }
    }

    /// Receives what has arrived, and checks it. Returns the number of frames.
    pub fn receive(&mut self, nic: &mut Nic) -> usize {
        let mut received = 0;
        let (_, mut queues, _) = nic.split_queues();
        for (index, queue) in queues.iter_mut().enumerate() {
            while queue.receive(&mut self.batch) > 0 {
                received += self.batch.len();
                for packet in &*self.batch {
                    let pieces = packet.segments().collect::<Vec<_>>();
                    check(
                        (&mut self.sent, &mut self.last, &mut self.wrong),
                        (self.frames, &mut self.scratch),
                        (index, &pieces),
                    );
                }
                self.batch.clear();
            }
        }
        received
    }

    /// Returns the differences since the last call, and the numbers of frames and octets sent.
    pub fn take(&mut self) -> (Vec<String>, u64, u64) {
        let wrong = std::mem::take(&mut self.wrong);
        let differences =
            wrong.into_iter().map(|(kind, (count, first))| format!("{count} of {} frames {kind}: {first}", self.count));
        let result = (differences.collect(), self.count, self.octets);
        (self.count, self.octets) = (0, 0);
        result
    }
}

type State<'a> = (
    &'a mut BTreeMap<u64, Planned>,
    &'a mut HashMap<(usize, usize), u64>,
    &'a mut BTreeMap<&'static str, (u64, String)>,
);

/// Checks a frame that receive queue `queue` brought in `pieces`.
fn check((sent, last, wrong): State, (frames, scratch): (&Frames, &mut Vec<u8>), (queue, pieces): (usize, &[&[u8]])) {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    let Some(number) = pieces.first().and_then(|start| frames.number(start)) else {
        note(wrong, "unknown", || format!("{len} bytes on receive queue {queue}"));
        return;
    };
    let Some(planned) = sent.remove(&number) else {
        note(wrong, "received twice", || format!("frame {number} on receive queue {queue}"));
        return;
    };
    if queue != planned.rx {
        note(wrong, "on the wrong queue", || format!("frame {number} on receive queue {queue}, not {}", planned.rx));
    } else if last.insert((planned.tx, queue), number).is_some_and(|last| last > number) {
        note(wrong, "out of order", || format!("frame {number} on receive queue {queue}"));
    }
    if len != planned.len {
        note(wrong, "of the wrong length", || format!("frame {number} has {len} bytes, not {}", planned.len));
        return;
    }
    frames.write(number, planned.rx, planned.len, scratch);
    let received = pieces.iter().flat_map(|piece| piece.iter());
    if let Some(at) = received.zip(&*scratch).position(|(received, sent)| received != sent) {
        note(wrong, "changed", || format!("frame {number} of {len} bytes, at byte {at}"));
    }
}

fn note(wrong: &mut BTreeMap<&'static str, (u64, String)>, kind: &'static str, first: impl FnOnce() -> String) {
    wrong.entry(kind).or_insert_with(|| (0, first())).0 += 1;
}
