//! Which frames the port accepts, and how it counts those for several hosts.

use std::error::Error;
use std::time::Duration;

use ixgbe::device::Statistics;
use ixgbe::packet::Batch;
use ixgbe::pool::Pool;

use super::card::Card;
use super::table::{Check, Table};
use super::traffic::Nic;

const FILTERS: Check = Check { name: "address filters", register: "FCTRL, RAH", section: "8.2.3.7.1" };
const COUNTERS: Check =
    Check { name: "broadcast and multicast", register: "BPRC, MPRC, BPTC, MPTC", section: "8.2.3.23" };
const PADDING: Check = Check { name: "short frames are padded", register: "HLREG0", section: "8.2.3.22.8" };

/// A counter of the statistics.
type Count = fn(&Statistics) -> u64;

/// The number of frames to each address.
const FRAMES: u64 = 3;
/// The time in which a frame comes back.
const PROMPT: Duration = Duration::from_millis(20);

/// Returns a frame of `len` bytes with the EtherType for experiments. RSS does not hash it, so it comes to queue 0.
fn frame(destination: [u8; 6], source: [u8; 6], len: usize) -> Vec<u8> {
    let mut frame = [destination, source].concat();
    frame.extend([0x88, 0xb5]);
    frame.resize(len, 0xa5);
    frame
}

/// Sends `bytes`. Returns what comes back to queue 0.
fn echo(card: &Card, nic: &mut Nic, pool: &Pool, bytes: &[u8]) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
    let (mut batch, mut received) = (Batch::with_capacity(1), Batch::with_capacity(4));
    batch.push(pool.take_copy(bytes)?).map_err(|_| "the batch is full")?;
    let (_, mut rx, mut tx) = nic.split_queues();
    tx[0].transmit(&mut batch)?;
    card.poll(PROMPT, || rx[0].receive(&mut received) > 0);
    Ok(received.first().map(|packet| packet.to_vec()))
}

/// Sends frames to this port, to others and to several, without and with promiscuous mode.
pub fn check(card: &Card, nic: &mut Nic, pool: &Pool, table: &mut Table) -> Result<(), Box<dyn Error>> {
    let mac = nic.mac();
    let mut other = mac;
    other[5] ^= 1;
    let destinations = [
        ("this port", mac, true),
        ("another port", other, false),
        ("all", [0xff; 6], true),
        ("a group", [1, 0, 0x5e, 0, 0, 1], true),
    ];
    let (mut differences, before) = (Vec::new(), nic.statistics()?);
    for promiscuous in [false, true] {
        nic.split().0.set_promiscuous(promiscuous)?;
        for (name, destination, is_accepted) in destinations {
            for _ in 0..FRAMES {
                let came = echo(card, nic, pool, &frame(destination, mac, 60))?.is_some();
                if came != (is_accepted || promiscuous) {
                    let what = if came { "comes" } else { "does not come" };
                    differences.push(format!("a frame to {name} {what} in, promiscuous mode is {promiscuous}"));
                    break;
                }
            }
        }
    }
    nic.split().0.set_promiscuous(false)?;
    let accepted = differences.is_empty();
    table.judge(FILTERS, differences, "own address, all and groups; with promiscuous mode everything");
    if !accepted {
        table.skipped(COUNTERS, "the address filters differ");
        return Ok(());
    }
    let after = nic.statistics()?;
    let counters: [(&str, Count); 4] = [
        ("BPRC", |all| all.rx_broadcast),
        ("MPRC", |all| all.rx_multicast),
        ("BPTC", |all| all.tx_broadcast),
        ("MPTC", |all| all.tx_multicast),
    ];
    let counted = counters.map(|(name, count)| (name, count(&after) - count(&before)));
    let wrong = counted.iter().filter(|(_, count)| *count != 2 * FRAMES);
    let differences = wrong.map(|(name, count)| format!("{name} is {count}, and should be {}", 2 * FRAMES)).collect();
    table.judge(COUNTERS, differences, format!("4 counters, {} frames each", 2 * FRAMES));
    Ok(())
}

/// Sends frames below the minimum: the device must pad them with zeros.
pub fn check_padding(card: &Card, nic: &mut Nic, pool: &Pool, table: &mut Table) -> Result<(), Box<dyn Error>> {
    let (mut differences, mac) = (Vec::new(), nic.mac());
    // Below 17 bytes, drivers proven on silicon pad themselves.
    for len in 17..60 {
        let mut sent = frame(mac, mac, len);
        let received = echo(card, nic, pool, &sent)?;
        sent.resize(60, 0);
        match received {
            Some(bytes) if bytes == sent => {}
            Some(bytes) => differences.push(format!("a frame of {len} bytes comes back with {} bytes", bytes.len())),
            None => differences.push(format!("a frame of {len} bytes does not come back")),
        }
        if differences.len() > 3 {
            break;
        }
    }
    table.judge(PADDING, differences, "17 to 59 bytes come back as 60");
    Ok(())
}
