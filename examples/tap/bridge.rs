//! Moves frames between a port and a TAP interface, in both directions.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ixgbe::device::Control;
use ixgbe::linux::Interrupts;
use ixgbe::offload::drivers::Verdict;
use ixgbe::offload::{Checksum, Received, Request, Requested};
use ixgbe::packet::{Batch, Headers, Packet, Transport};
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::{MAX_BUFFER_SIZE, Pool};
use ixgbe::port::TransmitRequests;
use ixgbe::queue::QueuePair;

use super::common::events;
use super::common::testbed::Nic;
use super::common::watch::Watch;
use super::device::{Frame, Tap, sleep};

/// The shortest time between two interrupts of a queue.
const MODERATION: Duration = Duration::from_micros(50);
/// The time without a frame after which the thread sleeps.
const SPIN: Duration = Duration::from_micros(50);
/// The longest sleep, after which the thread looks at the link and at the end.
const PATIENCE: Duration = Duration::from_millis(100);
/// The most buffers of a packet with requests.
const MOST_BUFFERS: usize = 37;

/// What a bridge has moved, in frames.
#[derive(Debug, Default)]
pub struct Counts {
    to_port: u64,
    /// Of these, those that the chip was to cut, and those whose checksum software computed.
    cut: u64,
    by_software: u64,
    from_port: u64,
    /// Of these, those whose checksum the chip found right.
    checked: u64,
    dropped: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { to_port, cut, by_software, from_port, checked, dropped } = self;
        write!(f, "{to_port} frames sent, {cut} cut by the chip, {by_software} checksums by software; ")?;
        write!(f, "{from_port} received, {checked} found right by the chip; {dropped} dropped")
    }
}

/// A port and a TAP interface.
pub struct Bridge<'a> {
    tap: Tap,
    control: Control<'a, AnyPlatform>,
    queues: QueuePair<'a, AnyPlatform>,
    /// Without them, the thread polls.
    interrupts: Option<Interrupts>,
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
        // Large ones, for the kernel's large packets, unless the memory is in small pages.
        let platform = nic.platform();
        let pool = Pool::new(platform, 256, MAX_BUFFER_SIZE).or_else(|_| Pool::new(platform, 1024, 2048))?;
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
    fn step(&mut self) -> Result<bool, Box<dyn Error>> {
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
    fn has_room(&self) -> bool {
        !self.requested.is_full() && self.pool.available() >= MOST_BUFFERS
    }

    /// Returns `true` if something can be done only after the port has sent packets.
    fn waits_for_room(&self) -> bool {
        !self.requested.is_empty() || !self.has_room()
    }

    /// Sleeps until there is something to do, in the order of [`ixgbe::wait`].
    fn sleep(&mut self) -> Result<(), Box<dyn Error>> {
        self.queues.rx.enable_interrupt();
        if self.waits_for_room() {
            self.queues.tx.enable_interrupt();
        }
        if self.step()? {
            return Ok(());
        }
        let Some(interrupts) = &self.interrupts else { return Ok(()) };
        let vectors = [interrupts.vector(self.queues.rx.vector())?, interrupts.vector(self.queues.tx.vector())?];
        let [rx, tx] = vectors.map(AsFd::as_fd);
        let mut files = vec![rx];
        files.extend(self.waits_for_room().then_some(tx));
        files.extend(self.has_room().then(|| self.tap.as_fd()));
        sleep(&files, PATIENCE)?;
        for vector in vectors {
            vector.take()?;
        }
        Ok(())
    }
}

/// Makes the request for a frame of the kernel, of which `packet` is a copy. What the chip does not do, software does.
/// `None` for a packet that can only be dropped.
fn request(packet: Packet, frame: &Frame<'_>, counts: &mut Counts) -> Option<Requested> {
    let Some((start, offset)) = frame.checksum else { return Some(packet.into()) };
    let is_meant = |headers: &Headers| {
        let field = headers.transport().map(|transport| if transport == Transport::Tcp { 16 } else { 6 });
        headers.transport_at() == usize::from(start) && field == Some(offset)
    };
    let packet = match Headers::parse(&packet).ok().filter(is_meant).map(|headers| Request::new().with_headers(headers))
    {
        None => packet,
        Some(request) => {
            let request = match frame.segment {
                Some(payload) => request.segments(payload.get()),
                None => request.transport_checksum(),
            };
            match request.apply(packet) {
                Ok(requested) => {
                    counts.cut += u64::from(frame.segment.is_some());
                    return Some(requested);
                }
                Err(refused) => refused.packet,
            }
        }
    };
    if frame.segment.is_some() {
        return None;
    }
    let mut packet = Received::reported(packet, Verdict::Partial { start, offset }, None).ok()?;
    packet.complete_checksum();
    counts.by_software += 1;
    Some(packet.into_packet().into())
}
