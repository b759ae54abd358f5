//! A thread that advances ports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::port::Port;

/// Number of idle rounds before the thread sleeps.
const PATIENCE: u32 = 100;
/// Duration of a sleep.
const NAP: Duration = Duration::from_micros(50);

/// A thread that advances ports until it is dropped.
///
/// Drivers with threads of their own need a runner, because polling a descriptor ring does not advance the model. While
/// it runs, the ports' clock is real time, and waiting sleeps. A doorbell also advances its port at once, on the thread
/// that rings the doorbell.
#[derive(Debug)]
pub struct Runner {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    ports: Vec<Port>,
}

impl Runner {
    /// Starts to advance `ports`, all in turn on one thread.
    ///
    /// # Errors
    ///
    /// Fails if the system cannot create the thread.
    pub fn start(ports: impl IntoIterator<Item = Port>) -> std::io::Result<Self> {
        let ports: Vec<Port> = ports.into_iter().collect();
        let stop = Arc::new(AtomicBool::new(false));
        ports.iter().for_each(Port::start_real_time);
        let (mine, stopped) = (ports.clone(), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("ixgbe-sim".into()).spawn(move || run(&mine, &stopped));
        match thread {
            Ok(thread) => Ok(Self { stop, thread: Some(thread), ports }),
            Err(error) => {
                ports.iter().for_each(Port::stop_real_time);
                Err(error)
            }
        }
    }
}

fn run(ports: &[Port], stop: &AtomicBool) {
    let mut idle = 0;
    while !stop.load(Ordering::Acquire) {
        let mut moved = 0;
        for port in ports {
            match port.step_if_free() {
                Some(frames) => moved += frames,
                None => std::thread::yield_now(),
            }
        }
        idle = if moved > 0 { 0 } else { idle + 1 };
        if idle > PATIENCE {
            std::thread::sleep(NAP);
        } else if idle > 0 {
            std::thread::yield_now();
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // If a wire panicked, its thread has already printed the panic.
            _ = thread.join();
        }
        self.ports.iter().for_each(Port::stop_real_time);
    }
}
