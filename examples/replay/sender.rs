//! Sends frames at given times.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use ixgbe::device::Control;
use ixgbe::packet::{Batch, CopyError};
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use ixgbe::queue::QueuePair;

use super::common::testbed::Nic;
use super::common::watch::Watch;

/// The shortest frame that a wire carries, in bytes without CRC.
const SHORTEST: usize = 60;
/// The longest sleep before the next look at the link and at signals.
const LOOK: Duration = Duration::from_millis(50);
/// The time that is left to a port to send, once the program ends.
const PATIENCE: Duration = Duration::from_secs(1);
/// A sleep ends later than it should, by about this time: the rest of a wait is spent awake.
const OVERSLEPT: Duration = Duration::from_micros(100);

/// A port that sends frames.
pub struct Sender<'a> {
    control: Control<'a, AnyPlatform>,
    queue: QueuePair<'a, AnyPlatform>,
    pool: Pool,
    batch: Batch,
    watch: Watch,
    is_over: &'a dyn Fn() -> bool,
    sent: u64,
    /// The bytes of the packets that were due, and the number of those that were padded.
    bytes: u64,
    padded: u64,
}

impl<'a> Sender<'a> {
    /// Sends with `nic` until `is_over`.
    pub fn new(nic: &'a mut Nic, is_over: &'a dyn Fn() -> bool) -> Result<Self, Box<dyn Error>> {
        let pool = nic.pools().next().cloned().ok_or("a device has a receive queue with a pool")?;
        let (mut control, mut queues) = nic.split();
        let queue = queues.pop().ok_or("a device has a queue pair")?;
        let watch = Watch::new("port 0", &mut control);
        Ok(Self { control, queue, pool, batch: Batch::with_capacity(64), watch, is_over, sent: 0, bytes: 0, padded: 0 })
    }

    /// Returns `true` if the user ends the program.
    pub fn is_over(&self) -> bool {
        (self.is_over)()
    }

    /// Says what was sent.
    pub fn summary(&self) -> String {
        format!("{} packets of {} bytes, {} of them padded to {SHORTEST} bytes", self.sent, self.bytes, self.padded)
    }

    /// Sends `frame` at this time, with what is due until then, unless the program ends before. Pads it, as a MAC does.
    pub fn send_at(&mut self, due: Instant, frame: &[u8]) -> Result<(), Box<dyn Error>> {
        loop {
            let wait = due.saturating_duration_since(Instant::now());
            if self.is_over() {
                return Ok(());
            }
            if wait.is_zero() {
                break;
            }
            self.flush()?;
            match wait.checked_sub(OVERSLEPT) {
                Some(wait) => thread::sleep(wait.min(LOOK)),
                None => std::hint::spin_loop(),
            }
        }
        if self.batch.is_full() {
            self.flush()?;
        }
        let mut padded = [0; SHORTEST];
        let is_short = frame.len() < SHORTEST;
        let frame = if is_short {
            padded[..frame.len()].copy_from_slice(frame);
            &padded
        } else {
            frame
        };
        while !self.is_over() {
            match self.pool.take_copy(frame) {
                Ok(packet) => {
                    self.batch.push(packet).map_err(|_| "the batch is full")?;
                    self.bytes += frame.len() as u64;
                    self.padded += u64::from(is_short);
                    break;
                }
                // Those that were sent come back first.
                Err(CopyError::NoBuffer) => _ = self.transmit()?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends all that is due. A port without link keeps it waiting until there is one, or until
    /// some time after the program should end.
    pub fn flush(&mut self) -> Result<(), Box<dyn Error>> {
        self.watch.look(&mut self.control)?;
        let start = Instant::now();
        while !self.batch.is_empty() {
            if !self.transmit()? && self.is_over() && start.elapsed() > PATIENCE {
                return Err(format!("{} packets were read and not sent", self.batch.len()).into());
            }
        }
        Ok(())
    }

    /// Sends what there is room for. Returns `false`, some time later, if there is none.
    fn transmit(&mut self) -> Result<bool, Box<dyn Error>> {
        let sent = self.queue.tx.transmit(&mut self.batch)?;
        self.sent += sent as u64;
        if sent == 0 {
            self.watch.look(&mut self.control)?;
            thread::sleep(Duration::from_micros(50));
        }
        Ok(sent > 0)
    }
}
