//! Interrupts: one vector for each receive queue, raised once and then masked.

use std::error::Error;
use std::time::Duration;

use ixgbe::pool::Pool;

use super::card::{Card, Source};
use super::table::{Check, Table};
use super::traffic::{Nic, Planned, Traffic};

const CHECK: Check = Check { name: "interrupts", register: "EICR, IVAR, EIAM", section: "7.3" };

/// The time in which an interrupt must come.
const PROMPT: Duration = Duration::from_millis(100);
/// The time in which a masked one must not.
const SILENCE: Duration = Duration::from_millis(5);
/// The number of interrupts of each queue.
const ROUNDS: usize = 4;
/// The number of differences after which the rest is not tested.
const MOST: usize = 8;
/// The shortest time between two interrupts of a queue.
const MODERATION: Duration = Duration::from_micros(20);

/// Sends a frame to each of `queues` queues with its interrupt on, and another while it is masked.
pub fn check(
    card: &Card,
    nic: &mut Nic,
    pool: &Pool,
    (traffic, queues): (&mut Traffic, usize),
    table: &mut Table,
) -> Result<(), Box<dyn Error>> {
    if let Source::None(reason) = card.interrupts {
        table.skipped(CHECK, reason);
        return Ok(());
    }
    nic.split().0.set_up_interrupts(MODERATION)?;
    let mut differences = Vec::new();
    for queue in (0..ROUNDS).flat_map(|_| 0..queues) {
        let planned = [Planned { tx: queue, rx: queue, len: 60 }];
        enable(nic, queue);
        traffic.send(nic, pool, queue, &planned)?;
        if !card.interrupt(queue, PROMPT)? {
            differences.push(format!("vector {queue}: no interrupt {PROMPT:?} after a frame on receive queue {queue}"));
        }
        traffic.collect(nic);
        traffic.send(nic, pool, queue, &planned)?;
        if card.interrupt(queue, SILENCE)? {
            differences.push(format!("vector {queue}: a second interrupt, though the first masks it (EIAM)"));
        }
        enable(nic, queue);
        if !card.interrupt(queue, PROMPT)? {
            differences.push(format!("vector {queue}: the interrupt of a frame that came while it was masked is lost"));
        }
        traffic.collect(nic);
        // A lost interrupt takes its time.
        if differences.len() > MOST {
            break;
        }
    }
    differences.extend(traffic.take().0);
    table.judge(CHECK, differences, format!("{queues} vectors, each raised {ROUNDS} times and then masked"));
    Ok(())
}

fn enable(nic: &mut Nic, queue: usize) {
    if let Some(queue) = nic.split_queues().1.get_mut(queue) {
        queue.enable_interrupt();
    }
}
