//! What the transfer writes to the standard output.

use std::error::Error;
use std::io::{Write, stdout};

use ixgbe_smoltcp::Counters;

use super::host::{Host, fill};

/// Prints the first bytes of the contents, for the other end.
pub fn print(bytes: u64) -> Result<(), Box<dyn Error>> {
    let (mut block, mut written, mut out) = (vec![0; 65_536], 0, stdout().lock());
    while written < bytes {
        let len = (bytes - written).min(block.len() as u64) as usize;
        fill(written, &mut block[..len]);
        out.write_all(&block[..len])?;
        written += len as u64;
    }
    Ok(())
}

/// Prints what host `n` has moved, and what its adapters have counted.
pub fn report(n: usize, host: &Host, adapters: &[Counters]) {
    let ((sent, received), seconds) = (host.moved(), host.elapsed().as_secs_f64());
    let rate = (sent + received) as f64 / seconds / 1e6;
    println!("port {n}: {sent} bytes sent, {received} received and right, in {seconds:.1} s: {rate:.1} MB/s");
    let sum = |count: fn(&Counters) -> u64| adapters.iter().map(count).sum::<u64>();
    let (received, sent) = (sum(|all| all.rx_by_software), sum(|all| all.tx_by_software));
    println!("port {n}: checksums by software: {received} received, {sent} sent");
    println!("port {n}: {} packets were cut by the chip", sum(|all| all.tx_cut));
    let (bad, others, unsent) = (sum(|all| all.rx_bad), sum(|all| all.rx_dropped), sum(|all| all.tx_dropped));
    println!("port {n}: dropped: {bad} with a wrong checksum, {others} others, {unsent} not sent");
}
