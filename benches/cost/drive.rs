//! The loop that all rows share: frames arrive, a call moves them, and what leaves is checked.

use std::collections::VecDeque;

use ixgbe::device::{Config, Device, Running};

use crate::lines::marked;
use crate::plain::{Plain, Player};
use crate::rows::Row;
use crate::traffic::{Frame, LONGEST, Phase, SHORTEST, Traffic};
use crate::work::{HEADER, Head, Work};

/// A device in plain memory that runs.
pub type Nic = Device<Running, Plain>;

/// Bytes of a buffer in rows with several segments a frame.
pub const SEGMENT: usize = 1024;

/// Calls that count between two of a random phase.
const CALLS_PER_PHASE: usize = 16;

/// Whether a call counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Yes,
    /// It brings the rings to where a counted call begins.
    No,
}

/// Who does with a queue what hardware would.
pub trait Wire {
    /// Returns how many buffers there are for frames to arrive in.
    fn room(&self) -> usize;

    /// Fills the next receive buffer with `bytes`, and says that there are `len`: the last of a frame, if `end`. Returns
    /// `false` if there is no buffer.
    fn fill(&mut self, bytes: &[u8], len: u16, end: bool) -> bool;

    /// Sends everything. `sent` sees the bytes of each buffer, and whether it is the last of its frame.
    fn send(&mut self, sent: impl FnMut(&[u8], bool));
}

impl Wire for Player {
    fn room(&self) -> usize {
        Self::room(self)
    }

    fn fill(&mut self, bytes: &[u8], len: u16, end: bool) -> bool {
        Self::fill(self, bytes, len, end)
    }

    fn send(&mut self, sent: impl FnMut(&[u8], bool)) {
        Self::send(self, usize::MAX, sent);
    }
}

/// Two devices, and who does with each queue of theirs what hardware would.
pub struct Rig {
    pub from: Nic,
    pub to: Nic,
    /// One per receive queue.
    pub arriving: Vec<Player>,
    /// One per transmit queue.
    pub leaving: Vec<Player>,
}

impl Rig {
    pub fn start(row: &Row) -> Self {
        let config = Config::new().rx_descriptors(row.ring).tx_descriptors(row.ring);
        let config = match row.segments {
            1 => config,
            // Copies come from the same pools as what is received.
            _ => config.max_frame(9018).buffer_size(SEGMENT).pool_buffers(4 * row.ring),
        };
        let (from, arriving) = Plain::start(row.addresses, &config.rx_queues(row.queues));
        let (to, leaving) = Plain::start(row.addresses, &config.tx_queues(row.outputs));
        let arriving = (0..row.queues).map(|queue| arriving.of_queue(queue)).collect();
        let leaving = (0..row.outputs).map(|queue| leaving.of_queue(queue)).collect();
        Self { from, to, arriving, leaving }
    }
}

/// What must leave an output: how many bytes, and the first of them.
struct Expected {
    len: usize,
    head: Head,
}

struct Wires<'w, A, L> {
    row: &'w Row,
    arriving: &'w mut [A],
    leaving: &'w mut [L],
    expected: Vec<VecDeque<Expected>>,
    /// The last frame that arrived.
    bytes: [u8; LONGEST],
}

impl<A: Wire, L: Wire> Wires<'_, A, L> {
    /// Lets `frame` arrive in receive queue `queue`.
    fn arrive<W: Work>(&mut self, queue: usize, frame: Frame) {
        let bytes = frame.write(&mut self.bytes);
        let wire = &mut self.arriving[queue];
        let mut len = bytes.len();
        for _ in 1..self.row.segments {
            assert!(wire.fill(bytes, SEGMENT as u16, false), "no buffer for {frame:?}");
            len += SEGMENT;
        }
        assert!(wire.fill(bytes, bytes.len() as u16, true), "no buffer for {frame:?}");
        let mut head: Head = [0; HEADER.len() + SHORTEST];
        head[HEADER.len()..].copy_from_slice(&bytes[..SHORTEST]);
        if let Some(output) = W::expect(&mut head) {
            let len = len.wrapping_add_signed(W::GROWS as isize);
            self.expected[output].push_back(Expected { len, head });
        }
    }

    /// Sends everything, which must be what was expected.
    fn send<W: Work>(&mut self) {
        let begin = HEADER.len().wrapping_add_signed(-W::GROWS as isize);
        for (wire, expected) in self.leaving.iter_mut().zip(&mut self.expected) {
            let mut len = 0;
            wire.send(|bytes, end| {
                let due = expected.front().expect("a frame that is due");
                if len == 0 {
                    let head = due.head.get(begin..).expect("the beginning of a frame");
                    assert!(bytes.starts_with(&head[..head.len().min(bytes.len())]), "a frame is wrong");
                }
                len += bytes.len();
                if end {
                    assert_eq!(len, due.len, "a frame has another length");
                    expected.pop_front();
                    len = 0;
                }
            });
            assert!(expected.is_empty(), "packets were lost");
        }
    }
}

/// Has the traffic of `row` moved by `forward`, which gets a receive queue, and forwards what waits there. Returns the
/// number of counted packets.
pub fn drive<W: Work>(
    row: &Row,
    arriving: &mut [impl Wire],
    leaving: &mut [impl Wire],
    mut forward: impl FnMut(usize, Counted),
) -> usize {
    let expected = leaving.iter().map(|_| VecDeque::new()).collect();
    let mut wires = Wires { row, arriving, leaving, expected, bytes: [0x5a; LONGEST] };
    let mut traffic = Traffic::new(row);
    let mut pass = |queue: usize, count: usize, counted: Counted, traffic: &mut Traffic<'_>| {
        let count = count.min(row.most).min(wires.arriving[queue].room() / row.segments);
        (0..count).for_each(|_| wires.arrive::<W>(queue, traffic.frame()));
        match counted {
            Counted::Yes => marked(|| forward(queue, counted)),
            Counted::No => forward(queue, counted),
        }
        wires.send::<W>();
        count
    };
    // Once round the rings, so that all buffers were used, and then to the first phase.
    let first = match row.phase {
        Phase::At(phase) => phase,
        Phase::Random => 0,
    };
    for queue in 0..row.queues {
        let mut left = row.ring + first;
        while left > 0 {
            left -= pass(queue, left.min(32), Counted::No, &mut traffic);
        }
    }
    let mut counted = 0;
    for turn in 0.. {
        if counted >= row.packets {
            break;
        }
        let queue = turn % row.queues;
        // Seldom, because calls that do not count may do what those that count owe.
        let mut before = if turn % CALLS_PER_PHASE == 0 { traffic.before() } else { 0 };
        while before > 0 {
            before -= pass(queue, before, Counted::No, &mut traffic);
        }
        counted += pass(queue, traffic.waiting(), Counted::Yes, &mut traffic);
    }
    counted
}
