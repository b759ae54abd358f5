//! Waiting for packets and for room, instead of polling.
//!
//! A queue's interrupt is masked most of the time, and a packet that arrives then may raise none. So a program that
//! wants to sleep goes by this order, or it can sleep while packets wait:
//!
//! 1. Poll the queue until there is nothing to do.
//! 2. Enable the queue's interrupt.
//! 3. Poll once more.
//! 4. If there is still nothing to do, wait for the interrupt, and begin anew.
//!
//! [`attempt`] does the first three steps. What does the fourth depends on the system:
//!
//! - Threads of Linux sleep in `linux::Interrupts::receive` and `transmit`.
//! - Tasks await [`receive`] and [`transmit`], which need no particular executor.
//!
//! [`Control::set_up_interrupts`](crate::device::Control::set_up_interrupts) comes first.
//!
//! A queue that waits makes no call. Two things follow:
//!
//! - It gives no ring back: see [`OwnedControl::reunite`](crate::device::OwnedControl::reunite). Wait with a limit, or drop
//!   the future and the queue.
//! - It posts no buffers. A receive queue that has none left receives nothing, and raises nothing when buffers return to
//!   its pool. Wait with a limit, if the program may keep all packets of the pool.
//!
//! # Tasks
//!
//! The functions for tasks call a closure, `raised`, to learn whether the interrupt was raised. It keeps two promises:
//!
//! - It returns [`Poll::Ready`] once for one or more interrupts since it last did so.
//! - When it returns [`Poll::Pending`], the next interrupt wakes the [`Waker`](core::task::Waker) of its context, also
//!   an interrupt that comes while the closure runs.
//!
//! On Linux an eventfd that a reactor watches does that, such as `linux::Vector` in tokio's `AsyncFd`: see the example
//! `tokio`. Without an operating system, an interrupt handler sets a flag and then wakes a waker. The closure stores the
//! waker first, and looks at the flag then:
//!
//! ```
//! use std::sync::Mutex;
//! use std::sync::atomic::{AtomicBool, Ordering};
//! use std::task::{Context, Poll, Waker};
//! # use std::pin::pin;
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # use ixgbe::device::{Config, Device};
//! # use ixgbe::packet::Batch;
//! use ixgbe::wait;
//!
//! /// What the interrupt handler and the task share. A handler on the same core needs a cell that never blocks.
//! #[derive(Default)]
//! struct Bell {
//!     raised: AtomicBool,
//!     waker: Mutex<Option<Waker>>,
//! }
//!
//! impl Bell {
//!     fn ring(&self) {
//!         self.raised.store(true, Ordering::Release);
//!         let waker = self.waker.lock().unwrap().take();
//!         waker.inspect(Waker::wake_by_ref);
//!     }
//!
//!     fn poll(&self, context: &Context<'_>) -> Poll<Result<(), &'static str>> {
//!         *self.waker.lock().unwrap() = Some(context.waker().clone());
//!         if self.raised.swap(false, Ordering::Acquire) { Poll::Ready(Ok(())) } else { Poll::Pending }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let port = ixgbe_sim::Port::new(ixgbe_sim::PortConfig::default());
//! # let mut nic = Device::new(port.claim()?).reset(&Config::new().promiscuous(true))?.assume_link_up().start()?;
//! # let bell = Arc::new(Bell::default());
//! # let mut batch = Batch::with_capacity(32);
//! # {
//! # let (mut control, mut queues) = nic.split();
//! control.set_up_interrupts(Duration::ZERO)?;
//! // The interrupt handler of vector 0 rings the bell.
//! let handler = Arc::clone(&bell);
//! port.on_interrupt(move |vector| if vector == 0 { handler.ring() });
//!
//! let packets = wait::receive(&mut queues[0].rx, &mut batch, |context| bell.poll(context));
//! # let mut packets = pin!(packets);
//! # let mut context = Context::from_waker(Waker::noop());
//! # assert!(packets.as_mut().poll(&mut context).is_pending());
//! # port.deliver(&[0xff; 60]);
//! # assert!(matches!(packets.as_mut().poll(&mut context), Poll::Ready(Ok(1))));
//! # }
//! # batch.clear();
//! # nic.stop()?;
//! # Ok(())
//! # }
//! ```

#[cfg(all(feature = "linux", target_os = "linux"))]
mod threads;

use core::error;
use core::fmt;
use core::future::{Future, poll_fn};
use core::task::{Context, Poll};

use crate::packet::Batch;
use crate::port::{Down, InterruptSource, Receive, Transmit, TransmitError};

#[cfg(all(feature = "linux", target_os = "linux"))]
pub use threads::Patience;

/// A failed wait.
#[derive(Debug)]
pub enum Error<Q, E> {
    /// The queue failed.
    Queue(Q),
    /// The interrupt cannot be waited for.
    Interrupt(E),
}

impl<Q: fmt::Display, E: fmt::Display> fmt::Display for Error<Q, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(error) => error.fmt(f),
            Self::Interrupt(error) => write!(f, "cannot wait for the queue's interrupt: {error}"),
        }
    }
}

impl<Q: error::Error, E: error::Error> error::Error for Error<Q, E> {}

/// Calls `attempt`, and if it had nothing to do, enables the interrupt of `queue` and calls it again. Returns what
/// `attempt` has done.
///
/// With `None`, the caller can wait for the interrupt: whatever comes from now on raises it, and what came before was
/// seen.
///
/// # Errors
///
/// The errors of `attempt`, and [`Down`] of a queue that has no ring to enable the interrupt of.
pub fn attempt<Q: InterruptSource, T, E: From<Down>>(
    queue: &mut Q,
    mut attempt: impl FnMut(&mut Q) -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    if let Some(done) = attempt(queue)? {
        return Ok(Some(done));
    }
    queue.enable_interrupt()?;
    attempt(queue)
}

/// Receives packets into `batch`. Returns their number, or `None` if there was none, and room for some.
fn try_receive(rx: &mut impl Receive, batch: &mut Batch) -> Result<Option<usize>, Down> {
    let received = rx.receive(batch)?;
    // A full batch takes none, however long one waits.
    Ok((received > 0 || batch.is_full()).then_some(received))
}

/// Sends packets of `batch`. Returns their number, or `None` if there was room for none.
fn try_transmit(tx: &mut impl Transmit, batch: &mut Batch) -> Result<Option<usize>, TransmitError> {
    let sent = tx.transmit(batch)?;
    Ok((sent > 0 || batch.is_empty()).then_some(sent))
}

/// Receives packets into `batch`, and returns their number. Without a packet, its task is woken by the interrupt that
/// `raised` hears: see the [module](self).
///
/// It is ready with 0 only if the batch is full. A pending call has taken no packet: whoever stops calling loses none.
///
/// # Errors
///
/// [`Error::Queue`] as for [`Receive::receive`]; [`Error::Interrupt`] with an error of `raised`.
pub fn poll_receive<R: Receive + InterruptSource, E>(
    rx: &mut R,
    batch: &mut Batch,
    raised: impl FnMut(&mut Context<'_>) -> Poll<Result<(), E>>,
    context: &mut Context<'_>,
) -> Poll<Result<usize, Error<Down, E>>> {
    poll(rx, |rx| try_receive(rx, batch), raised, context)
}

/// Sends packets from the front of `batch`, as many as there is room for, and returns their number. Without room, its
/// task is woken by the interrupt that `raised` hears: see the [module](self).
///
/// It is ready with 0 only if the batch is empty. A pending call has sent no packet, and all stay in the batch.
///
/// # Errors
///
/// [`Error::Queue`] as for [`Transmit::transmit`]; [`Error::Interrupt`] with an error of `raised`.
pub fn poll_transmit<T: Transmit + InterruptSource, E>(
    tx: &mut T,
    batch: &mut Batch,
    raised: impl FnMut(&mut Context<'_>) -> Poll<Result<(), E>>,
    context: &mut Context<'_>,
) -> Poll<Result<usize, Error<TransmitError, E>>> {
    poll(tx, |tx| try_transmit(tx, batch), raised, context)
}

/// Receives at least one packet into `batch`, and returns the number: [`poll_receive`] as a future.
///
/// Cancel safe: a future that is dropped before it is ready has taken no packet.
///
/// # Errors
///
/// As [`poll_receive`].
pub fn receive<R: Receive + InterruptSource, E>(
    rx: &mut R,
    batch: &mut Batch,
    mut raised: impl FnMut(&mut Context<'_>) -> Poll<Result<(), E>>,
) -> impl Future<Output = Result<usize, Error<Down, E>>> {
    poll_fn(move |context| poll_receive(rx, batch, &mut raised, context))
}

/// Sends at least one packet of `batch`, and returns the number: [`poll_transmit`] as a future.
///
/// Cancel safe: a future that is dropped before it is ready has sent no packet, and all are in the batch.
///
/// # Errors
///
/// As [`poll_transmit`].
pub fn transmit<T: Transmit + InterruptSource, E>(
    tx: &mut T,
    batch: &mut Batch,
    mut raised: impl FnMut(&mut Context<'_>) -> Poll<Result<(), E>>,
) -> impl Future<Output = Result<usize, Error<TransmitError, E>>> {
    poll_fn(move |context| poll_transmit(tx, batch, &mut raised, context))
}

fn poll<Q: InterruptSource, T, F: From<Down>, E>(
    queue: &mut Q,
    mut step: impl FnMut(&mut Q) -> Result<Option<T>, F>,
    mut raised: impl FnMut(&mut Context<'_>) -> Poll<Result<(), E>>,
    context: &mut Context<'_>,
) -> Poll<Result<T, Error<F, E>>> {
    if let Some(done) = attempt(queue, &mut step).map_err(Error::Queue)? {
        return Poll::Ready(Ok(done));
    }
    match raised(context) {
        Poll::Pending => return Poll::Pending,
        Poll::Ready(heard) => heard.map_err(Error::Interrupt)?,
    }
    // The interrupt has masked itself, or is one of before. The next call enables it again, in its turn: an interrupt
    // without end must not keep the executor.
    match step(queue).map_err(Error::Queue)? {
        Some(done) => Poll::Ready(Ok(done)),
        None => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
}
