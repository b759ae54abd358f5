//! Forwarding between two ports of any devices.

use std::error::Error;
use std::time::Duration;

use ixgbe::pool::Pool;
use ixgbe::port::{Control, QueuePair, ReceiveMetadata, TransmitRequests};

use super::Signals;
use super::watch::Watch;
use super::way::Way;

/// The halves of a running device.
pub type Split<C, R, T> = (C, Vec<QueuePair<R, T>>);

/// How packets are moved.
#[derive(Debug, clap::Args)]
pub struct ForwardingArguments {
    /// Largest number of packets to move in one call.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
}

/// Forwards between two devices of any kind until a signal comes: what a pair of one receives goes out on the same pair
/// of the other. With `offloads`, what one leaves of checksums and segments is requested of the other.
///
/// Returns the numbers of packets and bytes that each has received, and sent.
pub fn serve<R: ReceiveMetadata, T: TransmitRequests, S: ReceiveMetadata, U: TransmitRequests>(
    (mut control, mut ones): Split<impl Control, R, T>,
    (mut other_control, mut others): Split<impl Control, S, U>,
    pools: &[Pool],
    (arguments, offloads): (&ForwardingArguments, bool),
    signals: &Signals,
) -> Result<[[u64; 4]; 2], Box<dyn Error>> {
    for pair in &mut ones {
        pools.iter().try_for_each(|pool| pair.tx.attach(pool))?;
    }
    for pair in &mut others {
        pools.iter().try_for_each(|pool| pair.tx.attach(pool))?;
    }
    // Two for each pair: what found no room stays on its pair, and so in its order.
    let mut ways: Vec<_> =
        ones.iter().map(|_| [Way::new(arguments.batch, offloads), Way::new(arguments.batch, offloads)]).collect();
    let mut watches = [Watch::new("device 0", &mut control), Watch::new("device 1", &mut other_control)];
    while !signals.is_end() && !signals.take_reset() {
        let mut moved = false;
        for ((one, other), [forth, back]) in ones.iter_mut().zip(&mut others).zip(&mut ways) {
            moved |= forth.forward(&mut one.rx, &mut other.tx)?;
            moved |= back.forward(&mut other.rx, &mut one.tx)?;
        }
        if !moved {
            std::thread::sleep(Duration::from_micros(100));
        }
        watches[0].look(&mut control)?;
        watches[1].look(&mut other_control)?;
    }
    let counters = [control.counters()?, other_control.counters()?];
    Ok(counters.map(|all| [all.rx_packets, all.rx_octets, all.tx_packets, all.tx_octets]))
}

/// Fails unless all buffers are back in their pools, as they must be when no device runs any more.
pub fn all_are_back(pools: &[Pool]) -> Result<(), Box<dyn Error>> {
    match pools.iter().find(|pool| pool.available() != pool.capacity()) {
        Some(pool) => Err(format!("buffers are missing: {pool:?}").into()),
        None => Ok(()),
    }
}
