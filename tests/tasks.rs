//! Tasks that wait for packets and for room, without an executor of anybody's.

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use common::{assert_clean, batch, frame, mac, packet, pool_of, port, recorded, start};
use ixgbe::device::Config;
use ixgbe::packet::Batch;
use ixgbe::port::Down;
use ixgbe::wait::{self, Error};
use ixgbe_sim::Port;

/// The time after which a wake-up is lost.
const LOST: Duration = Duration::from_secs(10);

/// An interrupt handler's flag, and the task that waits for it.
#[derive(Default)]
struct Bell {
    raised: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    /// A bell that the interrupt `vector` of `port` rings.
    fn of(port: &Port, vector: u16) -> Arc<Self> {
        let bell = Arc::new(Self::default());
        let handler = Arc::clone(&bell);
        port.on_interrupt(move |raised| {
            if raised == vector {
                handler.raised.store(true, Ordering::Release);
                let waker = handler.waker.lock().unwrap().take();
                waker.inspect(Waker::wake_by_ref);
            }
        });
        bell
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Result<(), &'static str>> {
        *self.waker.lock().unwrap() = Some(context.waker().clone());
        if self.raised.swap(false, Ordering::Acquire) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

/// An executor of one task: it parks its thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a task to its end; `None` if it was not woken in time.
fn block_on<T>(mut task: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let start = Instant::now();
    while start.elapsed() < LOST {
        if let Poll::Ready(value) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        thread::park_timeout(LOST);
    }
    None
}

/// Polls a task once, and drops it if it is not another's.
fn poll_once<T>(task: impl Future<Output = T>) -> Poll<T> {
    pin!(task).poll(&mut Context::from_waker(Waker::noop()))
}

/// Each packet comes only after the one before it was received. Futures are dropped half-way, and lose none.
#[test]
fn a_task_sleeps_through_no_packet_and_loses_none() {
    const PACKETS: usize = 5_000;
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let bell = Bell::of(&port, 0);
    let (mut control, mut queues) = nic.split();
    control.set_up_interrupts(Duration::ZERO).unwrap();
    let (ask, asked) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in asked {
                (0..number * 7 % 5_000).for_each(|_| std::hint::spin_loop());
                port.deliver(&frame(mac(0), 60, number as u8));
            }
        });
        // It ends with this closure, and with it the thread.
        let (ask, mut batch) = (ask, Batch::with_capacity(4));
        for number in 1..=PACKETS {
            ask.send(number).unwrap();
            // Some are cancelled, at moments that differ.
            let mut is_early = false;
            for _ in 0..number % 4 {
                let task = wait::receive(&mut queues[0].rx, &mut batch, |context| bell.poll(context));
                is_early = poll_once(task).is_ready();
                assert_eq!(batch.len(), usize::from(is_early), "a pending future has taken nothing");
                if is_early {
                    break;
                }
            }
            if !is_early {
                let task = wait::receive(&mut queues[0].rx, &mut batch, |context| bell.poll(context));
                let received = block_on(pin!(task)).unwrap_or_else(|| panic!("packet {number} was slept through"));
                assert_eq!(received.unwrap(), 1);
            }
            assert_eq!(&batch[0][..], frame(mac(0), 60, number as u8));
            batch.clear();
        }
    });
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_task_that_has_no_room_is_woken_when_packets_were_sent() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().tx_descriptors(64));
    let pool = pool_of(&nic);
    let bell = Bell::of(&port, 2);
    let (mut control, mut queues) = nic.split();
    control.set_up_interrupts(Duration::ZERO).unwrap();
    let tx = &mut queues[0].tx;
    let mut waiting = batch((0..200).map(|number| packet(&pool, &frame(mac(1), 60, number))));
    let mut frames = Vec::new();
    while !waiting.is_empty() {
        let before = waiting.len();
        if let Poll::Ready(sent) = poll_once(wait::transmit(tx, &mut waiting, |context| bell.poll(context))) {
            assert!(sent.unwrap() > 0);
        } else {
            assert_eq!(waiting.len(), before, "a pending future has sent nothing");
            let sends = port.clone();
            let thread = thread::spawn(move || {
                thread::sleep(Duration::from_millis(2));
                sends.run_until_idle(100);
            });
            // Only the thread that sends wakes the task.
            let task = wait::transmit(tx, &mut waiting, |context| bell.poll(context));
            assert!(block_on(pin!(task)).expect("the task is woken").unwrap() > 0);
            thread.join().unwrap();
        }
        assert!(waiting.len() < before);
        frames.extend(recorder.take());
    }
    let task = wait::transmit(tx, &mut waiting, |context| bell.poll(context));
    assert!(matches!(poll_once(task), Poll::Ready(Ok(0))), "an empty batch waits for nothing");
    while !tx.is_drained() {
        port.step();
    }
    frames.extend(recorder.take());
    assert!(frames.iter().enumerate().all(|(number, sent)| *sent == frame(mac(1), 60, number as u8)));
    assert_eq!(frames.len(), 200);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// An interrupt that is always there must not keep the executor, and a wait that fails must end.
#[test]
fn a_source_of_interrupts_that_lies_neither_holds_nor_hides_anything() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let (mut control, mut queues) = nic.split();
    control.set_up_interrupts(Duration::ZERO).unwrap();
    let mut batch = Batch::with_capacity(1);
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let woken = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    let context = &mut Context::from_waker(&waker);
    let always = |_: &mut Context<'_>| Poll::Ready(Ok::<(), &str>(()));
    for polls in 1..=3 {
        assert!(wait::poll_receive(&mut queues[0].rx, &mut batch, always, context).is_pending());
        assert_eq!(woken.0.load(Ordering::Relaxed), polls, "it asks to be called again");
    }
    let fails = |_: &mut Context<'_>| Poll::Ready(Err("the reactor is gone"));
    let failed = wait::poll_receive(&mut queues[0].rx, &mut batch, fails, context);
    assert!(matches!(failed, Poll::Ready(Err(Error::Interrupt("the reactor is gone")))));
    port.deliver(&frame(mac(0), 60, 1));
    assert!(matches!(wait::poll_receive(&mut queues[0].rx, &mut batch, fails, context), Poll::Ready(Ok(1))));
    assert!(matches!(wait::poll_receive(&mut queues[0].rx, &mut batch, fails, context), Poll::Ready(Ok(0))), "full");
    drop(batch);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_task_hears_that_its_ring_is_taken_back() {
    let (one, other) = (port(0), port(1));
    ixgbe_sim::connect(&one, &other);
    let nic = start(&one, &Config::new());
    let bell = Bell::of(&one, 0);
    let (mut control, mut queues) = nic.into_split();
    control.control().set_up_interrupts(Duration::ZERO).unwrap();
    let mut batch = Batch::with_capacity(1);
    let queue = &mut queues[0];
    let task = wait::receive(&mut queue.rx, &mut batch, |context| bell.poll(context));
    assert!(poll_once(task).is_pending());
    let control = control.reunite(Duration::ZERO).expect_err("both rings are lent").control;
    drop(control);
    let task = wait::receive(&mut queue.rx, &mut batch, |context| bell.poll(context));
    assert!(matches!(poll_once(task), Poll::Ready(Err(Error::Queue(Down::Closed)))));
    assert_clean(&one);
}
