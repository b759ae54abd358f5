//! The other end of a ping.

use std::error::Error;
use std::net::Ipv4Addr;

use etherparse::{ArpOperation, Icmpv4Type, NetSlice, SlicedPacket, TransportSlice};
use ixgbe::packet::Batch;
use ixgbe::pool::Pool;
use ixgbe::port::{Control, Port, Receive, Transmit};

use crate::common::ping::request;

/// Sends request number `ask` from any device to `host`, if there is one, and counts the answers that have arrived.
///
/// Returns the numbers of requests and answers.
pub fn exchange(
    port: &mut impl Port,
    pool: &Pool,
    batch: &mut Batch,
    (mac, ip): ([u8; 6], Ipv4Addr),
    ask: Option<u64>,
) -> Result<(u64, u64), Box<dyn Error>> {
    let (control, mut queues) = port.split();
    let queues = queues.first_mut().ok_or("a device has a queue pair")?;
    let mut asked = 0;
    if let Some(number) = ask {
        let request = request(number, control.mac(), mac, ip).ok_or("no request can be made")?;
        batch.push(pool.take_copy(&request)?).map_err(|_| "the batch is full")?;
        asked = queues.tx.transmit(batch)? as u64;
    }
    batch.clear();
    queues.rx.receive(batch)?;
    let answers = batch.iter().filter(|packet| is_answer(packet)).count() as u64;
    batch.clear();
    Ok((asked, answers))
}

/// Returns `true` if `frame` answers a request.
fn is_answer(frame: &[u8]) -> bool {
    let Ok(SlicedPacket { net, transport, .. }) = SlicedPacket::from_ethernet(frame) else { return false };
    match (net, transport) {
        (Some(NetSlice::Arp(arp)), _) => arp.operation() == ArpOperation::REPLY,
        (_, Some(TransportSlice::Icmpv4(icmp))) => matches!(icmp.icmp_type(), Icmpv4Type::EchoReply(_)),
        _ => false,
    }
}
