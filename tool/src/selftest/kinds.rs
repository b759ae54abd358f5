//! RSS for each kind of packet that it hashes: the queue must be the one that the library computes.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use etherparse::PacketBuilder;
use ixgbe::device::{FlowTransport, Rss};
use ixgbe::packet::Batch;
use ixgbe::pool::Pool;

use super::card::Card;
use super::table::{Check, Table};
use super::traffic::Nic;

const CHECK: Check = Check { name: "RSS by kind of packet", register: "MRQC, RSSRK", section: "8.2.3.7.12" };

/// The number of flows of each kind.
const FLOWS: u16 = 32;
/// The time in which a frame comes back.
const PROMPT: Duration = Duration::from_millis(20);

/// A packet with the ends and the protocol that are hashed.
type Flow = (FlowTransport, SocketAddr, SocketAddr, Vec<u8>);

/// Returns the packets of flow `n`, one of each kind, for the port at `mac`.
fn flows(mac: [u8; 6], n: u16) -> Result<Vec<Flow>, Box<dyn Error>> {
    let spread = n.wrapping_mul(40_503);
    let [high, low] = spread.to_be_bytes();
    let v4 = [Ipv4Addr::new(198, 18, high, low), Ipv4Addr::new(198, 19, low, high)];
    // Addresses for documentation.
    let v6 = [Ipv6Addr::new(0x2001, 0xdb8, 0, spread, 0, 0, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 1, 0, n, 0, 0, 2)];
    let ports = [1024 + spread % 60_000, 9];
    let (payload, mut flows) = ([0x5a; 32], Vec::new());
    let mut add = |transport, [from, to]: [IpAddr; 2], write: &dyn Fn(&mut Vec<u8>) -> Result<(), String>| {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        let ends = [SocketAddr::new(from, ports[0]), SocketAddr::new(to, ports[1])];
        flows.push((transport, ends[0], ends[1], bytes));
        Ok::<_, String>(())
    };
    let start = || PacketBuilder::ethernet2(mac, mac);
    let ipv4 = || start().ipv4(v4[0].octets(), v4[1].octets(), 64);
    let ipv6 = || start().ipv6(v6[0].octets(), v6[1].octets(), 64);
    let (of_4, of_6) = (v4.map(IpAddr::from), v6.map(IpAddr::from));
    let text = |error: etherparse::err::packet::BuildWriteError| error.to_string();
    add(FlowTransport::Udp, of_4, &|out| ipv4().udp(ports[0], ports[1]).write(out, &payload).map_err(text))?;
    add(FlowTransport::Tcp, of_4, &|out| ipv4().tcp(ports[0], ports[1], 0, 1024).write(out, &payload).map_err(text))?;
    add(FlowTransport::Other, of_4, &|out| ipv4().icmpv4_echo_request(n, 1).write(out, &payload).map_err(text))?;
    add(FlowTransport::Udp, of_6, &|out| ipv6().udp(ports[0], ports[1]).write(out, &payload).map_err(text))?;
    add(FlowTransport::Tcp, of_6, &|out| ipv6().tcp(ports[0], ports[1], 0, 1024).write(out, &payload).map_err(text))?;
    Ok(flows)
}

/// Sends packets of all kinds, one at a time.
pub fn check(card: &Card, nic: &mut Nic, pool: &Pool, table: &mut Table) -> Result<(), Box<dyn Error>> {
    let (mac, rss): (_, Rss) = (nic.mac(), nic.split().0.rss());
    let (mut differences, mut count) = (Vec::new(), 0);
    let (mut batch, mut received) = (Batch::with_capacity(1), Batch::with_capacity(4));
    for n in 0..FLOWS {
        for (transport, source, destination, bytes) in flows(mac, n)? {
            let right = rss.queue(transport, source, destination);
            batch.push(pool.take_copy(&bytes)?).map_err(|_| "the batch is full")?;
            let (_, mut rx, mut tx) = nic.split_queues();
            tx[0].transmit(&mut batch)?;
            let mut came_to = None;
            card.poll(PROMPT, || {
                came_to = rx.iter_mut().position(|queue| queue.receive(&mut received) > 0);
                came_to.is_some()
            });
            received.clear();
            count += 1;
            let flow = format!("{transport:?} from {source} to {destination}");
            match came_to {
                Some(queue) if queue == right => {}
                Some(queue) => differences.push(format!("{flow} comes to receive queue {queue}, not {right}")),
                None => differences.push(format!("{flow} does not come back")),
            }
        }
        // A lost frame takes its time.
        if differences.len() > 8 {
            break;
        }
    }
    table.judge(CHECK, differences, format!("{count} flows of 5 kinds on the queues that Rss::queue names"));
    Ok(())
}
