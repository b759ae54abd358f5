//! Moves frames between a port and a TAP interface, in both directions.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ixgbe::device::Control;
use ixgbe::linux::Interrupts;
use ixgbe::offload::{Checksum, Received, Requested};
use ixgbe::packet::Batch;
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use ixgbe::port::TransmitRequests;
use ixgbe::queue::QueuePair;

use super::device::Tap;
use super::requests::{Counts, request};
use crate::common::events;
use crate::common::testbed::Nic;
use crate::common::watch::Watch;

/// The shortest time between two interrupts of a queue.
const MODERATION: Duration = Duration::from_micros(50);
/// The time without a frame after which the thread sleeps.
const SPIN: Duration = Duration::from_micros(50);
/// The longest sleep, after which the thread looks at the link and at the end.
pub const PATIENCE: Duration = Duration::from_millis(100);
/// The size of the pool for frames of the kernel, in bytes.
const POOL: usize = 4 << 20;
/// The most buffers of a packet with requests.
const MOST_BUFFERS: usize = 37;

/// A port and a TAP interface.
pub struct Bridge<'a> {
    pub(super) tap: Tap,
    control: Control<'a, AnyPlatform>,
    pub(super) queues: QueuePair<'a, AnyPlatform>,
    /// Without them, the thread polls.
    pub(super) interrupts: Option<Interrupts>,
    pool: Pool,
    received: Batch<Received>,
    requested: Batch<Requested>,
    counts: Counts,
}

impl<'a> Bridge<'a> {
    /// Connects a running port with `tap`, which gets the port's address. It sleeps if it `has_interrupts`.
    pub fn new(nic: &'a mut Nic, tap: Tap, has_interrupts: bool) -> Result<Self, Box<dyn Error>> {
        let vectors = nic.split().0.link_vector() + 2;
        let interrupts = has_interrupts.then(|| events::interrupts(nic.platform(), vectors)).transpose()?;
        // For the kernel's large packets.
        let pool = Pool::with_large_buffers(nic.platform(), POOL)?;
        nic.attach(&pool)?;
        let (mut control, mut queues) = nic.split();
        if interrupts.is_some() {
            control.set_up_interrupts(MODERATION)?;
        }
        let queues = queues.pop().ok_or("a device has a queue pair")?;
        tap.set_up(|offload| queues.tx.offers(offload), control.mac())?;
        let (received, requested) = (Batch::with_capacity(32), Batch::with_capacity(32));
        Ok(Self { tap, control, queues, interrupts, pool, received, requested, counts: Counts::default() })
    }

    /// Moves frames until `end` is set. Returns their number.
    pub fn run(mut self, end: &AtomicBool) -> Result<Counts, Box<dyn Error>> {
        let mut watch = Watch::new(self.tap.name(), &mut self.control);
        let (mut looked, mut moved, mut is_up) = (None, Instant::now(), None);
        while !end.load(Ordering::Relaxed) {
            if looked.is_none_or(|looked: Instant| looked.elapsed() >= PATIENCE) {
                looked = Some(Instant::now());
                watch.look(&mut self.control)?;
                let link = self.control.link_status().is_up();
                if is_up.replace(link) != Some(link) {
                    self.tap.set_carrier(link)?;
                }
            }
            if self.step()? {
                moved = Instant::now();
            } else if moved.elapsed() < SPIN || self.interrupts.is_none() {
                std::thread::yield_now();
            } else {
                self.sleep()?;
            }
        }
        Ok(self.counts)
    }

    /// Moves what there is. Returns `true` if that was anything.
    pub(super) fn step(&mut self) -> Result<bool, Box<dyn Error>> {
        let received = self.queues.rx.receive_with_metadata(&mut self.received);
        for frame in self.received.drain(..) {
            let is_right = frame.transport_checksum() == Checksum::Good;
            match self.tap.write(frame.segments(), is_right) {
                Ok(()) => self.counts.checked += u64::from(is_right),
                Err(error) if error.kind() == ErrorKind::NotConnected => return Err(error.into()),
                // The interface is down, or has no room.
                Err(_) => self.counts.dropped += 1,
            }
        }
        self.counts.from_port += received as u64;
        let read = self.read()?;
        // Also without a packet: it reclaims the buffers of those that were sent.
        let sent = match self.queues.tx.transmit_with_requests(&mut self.requested) {
            Ok(sent) => sent,
            Err(refused) => {
                self.counts.dropped += 1;
                refused.sent
            }
        };
        self.counts.to_port += sent as u64;
        Ok(received + read + sent > 0)
    }

    /// Reads what there is from the TAP interface, if it can be sent. Returns the number of frames.
    fn read(&mut self) -> io::Result<usize> {
        let mut read = 0;
        while self.has_room() {
            let Some(frame) = self.tap.read()? else { break };
            read += 1;
            let packet = self.pool.take_copy(frame.bytes).ok();
            match packet.and_then(|packet| request(packet, &frame, &mut self.counts)) {
                Some(requested) => _ = self.requested.push(requested),
                None => self.counts.dropped += 1,
            }
        }
        Ok(read)
    }

    /// Returns `true` if another frame of the kernel has its place, however large it is.
    pub(super) fn has_room(&self) -> bool {
        !self.requested.is_full() && self.pool.available() >= MOST_BUFFERS
    }

    /// Returns `true` if something can be done only after the port has sent packets.
    pub(super) fn waits_for_room(&self) -> bool {
        !self.requested.is_empty() || !self.has_room()
    }
}
