//! The threads of a switch.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ixgbe::device::{Device, Rate, Running};
use ixgbe::platform::AnyPlatform;

use super::bridge::Bridge;
use super::counters::Counters;
use super::watch::Watch;
use super::worker::Worker;

/// The time between two looks at the links.
const INTERVAL: Duration = Duration::from_millis(20);

/// What the threads of a switch share.
pub struct Threads<'a> {
    pub bridge: &'a Bridge,
    /// One for each thread and port.
    pub counters: &'a [Vec<Counters>],
    /// The largest rate of each queue for frames that go to many ports.
    pub storm: Option<Rate>,
    /// Seconds after which a silent station is forgotten.
    pub age: u16,
    /// Pins the calling thread, whose number it gets.
    pub pin: &'a (dyn Fn(usize) + Sync),
}

impl Threads<'_> {
    /// Forwards until the end, or until a port hangs, which is returned. All threads have ended then.
    pub fn forward(
        &self,
        nics: &mut [Device<Running, AnyPlatform>],
        is_over: impl Fn() -> bool,
    ) -> Result<Option<usize>, Box<dyn Error>> {
        let mut workers: Vec<_> = self.counters.iter().map(|counters| Worker::new(self.bridge, counters)).collect();
        let mut controls = Vec::new();
        for nic in nics {
            let (mut control, rx, mut known) = nic.split_queues();
            let flood = known.split_off(rx.len());
            for ((worker, rx), (known, flood)) in workers.iter_mut().zip(rx).zip(known.into_iter().zip(flood)) {
                let limited = self.storm.map_or(Ok(()), |rate| control.set_rate(flood.index(), rate));
                limited.map_err(|error| format!("--storm for {} queues: {error}", self.counters.len()))?;
                worker.add_port(rx, known, flood);
            }
            controls.push(control);
        }
        let (mut watch, end) = (Watch::new(self.bridge, self.counters, controls), AtomicBool::new(false));
        watch.look(self.age)?;
        thread::scope(|scope| {
            let threads = workers.into_iter().enumerate().map(|(number, worker)| {
                let end = &end;
                scope.spawn(move || {
                    (self.pin)(number);
                    worker.run(end)
                })
            });
            let threads: Vec<_> = threads.collect();
            let watched = loop {
                thread::sleep(INTERVAL);
                match watch.look(self.age) {
                    Ok(()) if !end.load(Ordering::Relaxed) && watch.hanging().is_none() && !is_over() => {}
                    looked => break looked,
                }
            };
            end.store(true, Ordering::Relaxed);
            for thread in threads {
                thread.join().map_err(|_| "a thread panicked")??;
            }
            watched
        })?;
        if watch.hanging().is_none() {
            watch.print();
        }
        Ok(watch.hanging())
    }
}
