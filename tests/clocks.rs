//! Clocks that are wrong: no wait is endless, and what is freed is the driver's.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::pass_on::pass_on;
use common::{batch, frame, mac, packet, pool_of, recorded};
use ixgbe::clock::Clock;
use ixgbe::device::{Config, Device, Running, Unbound};
use ixgbe_sim::{Fault, Port, PortPlatform, Rule, Runner};

/// How long a test may take until a wait is called endless.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is wrong with a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// Nothing.
    Nothing,
    /// It always says the same time.
    StandsStill,
    /// Each time that it is asked, it is earlier.
    GoesBack,
    /// It stands still, and its waits return at once.
    NeverWaits,
}

/// A port with a clock of its own.
struct Clocked {
    platform: PortPlatform,
    wrong: Arc<Mutex<Wrong>>,
    asked: AtomicU64,
}

impl Clocked {
    fn wrong(&self) -> Wrong {
        *self.wrong.lock().unwrap()
    }
}

/// A device whose clock is wrong, and what to change that by.
fn device(port: &Port, wrong: Wrong) -> (Device<Unbound, Clocked>, Arc<Mutex<Wrong>>) {
    let wrong = Arc::new(Mutex::new(wrong));
    let platform = port.claim().unwrap();
    (Device::new(Clocked { platform, wrong: Arc::clone(&wrong), asked: AtomicU64::new(0) }), wrong)
}

pass_on!(Bus, Dma of Clocked => platform);

// SAFETY: every call goes to the port's platform.
// SAFETY: it breaks the contract, which is the point. Nothing comes of it: the model accesses no memory but what is mapped,
// and keeps that alive itself.
unsafe impl Clock for Clocked {
    fn now(&self) -> Duration {
        match self.wrong() {
            Wrong::Nothing => self.platform.now(),
            Wrong::StandsStill | Wrong::NeverWaits => Duration::ZERO,
            Wrong::GoesBack => {
                Duration::from_secs(1 << 40) - Duration::from_millis(self.asked.fetch_add(1, Ordering::Relaxed))
            }
        }
    }

    fn wait(&self, time: Duration) {
        if self.wrong() != Wrong::NeverWaits {
            self.platform.wait(time);
        }
    }
}

/// Fails if `run` does not end.
fn ends(what: &str, run: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        run();
        _ = ended.send(());
    });
    if end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("{what}: it waits for ever");
    }
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// A running device, with a packet that was posted and cannot leave; and what to change its clock by.
fn running(port: &Port, wrong: Wrong) -> (Device<Running, Clocked>, Arc<Mutex<Wrong>>) {
    let (device, clock) = device(port, wrong);
    let mut nic = device.reset(&Config::new()).unwrap().assume_link_up().start().unwrap();
    port.set_link(false);
    let mut batch = batch([packet(&pool_of(&nic), &frame(mac(1), 60, 0))]);
    assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 1);
    (nic, clock)
}

#[test]
fn no_wait_is_endless() {
    for wrong in [Wrong::StandsStill, Wrong::GoesBack] {
        // Each kind of wait, held up for ever.
        ends(&format!("{wrong:?}, a register"), move || {
            let (port, _) = recorded(0);
            port.inject(Fault::ResetNeverEnds);
            assert!(device(&port, wrong).0.reset(&Config::new()).is_err());
        });
        ends(&format!("{wrong:?}, a semaphore"), move || {
            let (port, _) = recorded(0);
            port.inject(Fault::SemaphoreTimeout);
            assert!(device(&port, wrong).0.reset(&Config::new()).is_err());
        });
        ends(&format!("{wrong:?}, the link"), move || {
            let (port, _) = recorded(0);
            port.inject(Fault::LinkNeverUp);
            let nic = device(&port, wrong).0.reset(&Config::new()).unwrap();
            assert!(nic.wait_for_link(Duration::from_secs(1)).is_err());
        });
        ends(&format!("{wrong:?}, packets to leave, and queues"), move || {
            let (port, _) = recorded(0);
            let (nic, _) = running(&port, wrong);
            port.inject(Fault::RxQueueNeverDisables);
            port.inject(Fault::MasterNeverStops);
            assert!(nic.stop().is_err());
        });
        ends(&format!("{wrong:?}, a drop"), move || {
            let (port, _) = recorded(0);
            drop(running(&port, wrong).0);
        });
    }
}

/// What is freed rests on what the device says, as far as it says it: also in real time, in which reading costs next to nothing.
#[test]
fn a_clock_that_never_waits_frees_nothing_that_the_device_has() {
    for real_time in [false, true] {
        let (port, _) = recorded(0);
        let runner = real_time.then(|| Runner::start([port.clone()]).unwrap());
        let (nic, clock) = running(&port, Wrong::Nothing);
        for number in 0..40 {
            port.deliver(&frame(mac(0), 60, number));
        }
        *clock.lock().unwrap() = Wrong::NeverWaits;
        ends("the device is dropped", move || drop(nic));
        drop(runner);
        let violations = port.violations();
        let freed = violations.iter().find(|violation| violation.rule == Rule::UnmappedWhileOwned);
        assert_eq!(freed, None, "real time: {real_time}");
    }
}
