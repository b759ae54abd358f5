//! A bridge beside a stack, on the model: Linux is at the other end of the stack's wire.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::bridge::Bridge;
use super::device::Tap;
use crate::common::testbed::Nic;

/// Connects `partner`, the port at the other end of the wire, with `tap` while `stack` runs, which gets what returns
/// `true` once the bridge has failed.
pub fn beside(
    partner: &mut Nic,
    tap: Tap,
    stack: impl FnOnce(&dyn Fn() -> bool) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let (name, end) = (tap.name().to_owned(), &AtomicBool::new(false));
    let bridge = Bridge::new(partner, tap, true)?;
    thread::scope(|scope| {
        let bridge = scope.spawn(move || bridge.run(end).map_err(|error| error.to_string()));
        let result = stack(&|| bridge.is_finished());
        end.store(true, Ordering::Relaxed);
        let counts = bridge.join().map_err(|_| "the bridge's thread panicked")??;
        println!("{name}: {counts}");
        result
    })
}
