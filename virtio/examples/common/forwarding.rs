//! Forwarding between two ports of any devices.

use std::error::Error;
use std::time::Duration;

use ixgbe::packet::Batch;
use ixgbe::pool::Pool;
use ixgbe::port::{Control, Port, Receive, Transmit, TransmitError};

use super::Signals;
use super::watch::Watch;

/// Moves a batch from one queue to another, whatever their devices are. Returns `true` if any packet moved.
fn forward(from: &mut impl Receive, to: &mut impl Transmit, batch: &mut Batch) -> Result<bool, Box<dyn Error>> {
    let received = from.receive(batch)?;
    match to.transmit(batch) {
        Ok(sent) => Ok(received + sent > 0),
        // It has left the batch, and is dropped here.
        Err(TransmitError::Refused(refused)) => {
            eprintln!("note: {refused}");
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

/// Forwards between two ports until a signal comes. Returns the number of packets that each has received and sent.
pub fn serve(
    one: &mut impl Port,
    other: &mut impl Port,
    batch: u16,
    signals: &Signals,
) -> Result<[(u64, u64); 2], Box<dyn Error>> {
    let pools = [one.pools(), other.pools()].concat();
    let ((mut control, mut ones), (mut other_control, mut others)) = (one.split(), other.split());
    let (Some(one), Some(other)) = (ones.first_mut(), others.first_mut()) else { return Err("no queues".into()) };
    for pool in &pools {
        one.tx.attach(pool)?;
        other.tx.attach(pool)?;
    }
    let (mut forth, mut back) = (Batch::with_capacity(batch.into()), Batch::with_capacity(batch.into()));
    let mut watches = [Watch::new("device 0", &mut control), Watch::new("device 1", &mut other_control)];
    while !signals.is_end() && !signals.take_reset() {
        let moved = forward(&mut one.rx, &mut other.tx, &mut forth)? | forward(&mut other.rx, &mut one.tx, &mut back)?;
        if !moved {
            std::thread::sleep(Duration::from_micros(100));
        }
        watches[0].look(&mut control)?;
        watches[1].look(&mut other_control)?;
    }
    let counters = [control.counters()?, other_control.counters()?];
    Ok(counters.map(|counters| (counters.rx_packets, counters.tx_packets)))
}

/// Fails unless all buffers are back in their pools, as they must be when no device runs any more.
pub fn all_are_back(pools: &[Pool]) -> Result<(), Box<dyn Error>> {
    match pools.iter().find(|pool| pool.available() != pool.capacity()) {
        Some(pool) => Err(format!("buffers are missing: {pool:?}").into()),
        None => Ok(()),
    }
}
