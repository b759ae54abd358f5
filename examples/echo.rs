//! Answers ARP and ICMP echo requests: a host that can be pinged.
//!
//! On the model a second port asks, as many times as `--packets` says.
//!
//! ```console
//! $ cargo run --release --example echo
//! $ cargo run --release --example echo -- 0000:03:00.0 --ip 192.0.2.1
//! ```

mod common;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use common::bench::{Nic, PortArguments};
use etherparse::{ArpOperation, Icmpv4Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use ixgbe::device::Config;
use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::Pool;
use ixgbe_sim::connect;

/// Answers ARP and ICMP echo requests.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// The address to answer for.
    #[arg(long, default_value = "192.0.2.1")]
    ip: Ipv4Addr,
    /// How many requests to answer before the end.
    #[arg(long, default_value_t = 1000)]
    packets: u64,
}

/// The answer to `frame`, if it asks anything of us.
fn answer(frame: &[u8], mac: [u8; 6], ip: Ipv4Addr) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let asker: [u8; 6] = frame.get(6..12)?.try_into().ok()?;
    let mut reply = Vec::with_capacity(frame.len());
    match packet.net? {
        NetSlice::Arp(arp) if arp.operation() == ArpOperation::REQUEST && arp.target_protocol_addr() == ip.octets() => {
            let sender: [u8; 4] = arp.sender_protocol_addr().try_into().ok()?;
            let arp = etherparse::ArpEthIpv4Packet {
                operation: ArpOperation::REPLY,
                sender_mac: mac,
                sender_ipv4: ip.octets(),
                target_mac: asker,
                target_ipv4: sender,
            };
            PacketBuilder::ethernet2(mac, asker).arp(arp.into()).write(&mut reply).ok()?;
        }
        NetSlice::Ipv4(header) if header.header().destination_addr() == ip => {
            let Some(TransportSlice::Icmpv4(icmp)) = packet.transport else { return None };
            let Icmpv4Type::EchoRequest(echo) = icmp.icmp_type() else { return None };
            PacketBuilder::ethernet2(mac, asker)
                .ipv4(ip.octets(), header.header().source(), 64)
                .icmpv4(Icmpv4Type::EchoReply(echo))
                .write(&mut reply, icmp.payload())
                .ok()?;
        }
        _ => return None,
    }
    Some(reply)
}

/// Receives, answers, and says how many answers were sent.
fn serve(nic: &mut Nic, batch: &mut Batch, ip: Ipv4Addr) -> Result<u64, Box<dyn Error>> {
    let mac = nic.mac();
    let (_, mut queues) = nic.split();
    queues[0].rx.receive(batch);
    batch.retain(|packet| match answer(packet, mac, ip) {
        // The answer goes out in the request's own buffer.
        Some(reply) => {
            packet.truncate(0);
            packet.extend_from_slice(&reply).is_ok()
        }
        None => false,
    });
    Ok(queues[0].tx.transmit(batch)? as u64)
}

/// A request of the partner: first who has the address, then echoes.
fn request(pool: &Pool, number: u64, mac: [u8; 6], ip: Ipv4Addr) -> Option<Packet> {
    let mut frame = Vec::new();
    let own = Ipv4Addr::new(192, 0, 2, 2);
    if number == 0 {
        let arp = etherparse::ArpEthIpv4Packet {
            operation: ArpOperation::REQUEST,
            sender_mac: common::mac_of(1),
            sender_ipv4: own.octets(),
            target_mac: [0; 6],
            target_ipv4: ip.octets(),
        };
        PacketBuilder::ethernet2(common::mac_of(1), [0xff; 6]).arp(arp.into()).write(&mut frame).ok()?;
    } else {
        let echo = PacketBuilder::ethernet2(common::mac_of(1), mac).ipv4(own.octets(), ip.octets(), 64);
        echo.icmpv4_echo_request(1, number as u16).write(&mut frame, &number.to_be_bytes()).ok()?;
    }
    let mut packet = pool.take()?;
    packet.extend_from_slice(&frame).ok()?;
    Some(packet)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| echo(&arguments))
}

fn echo(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut bench = arguments.ports.open(1, 2)?;
    let [one, other] = bench.model() else {
        let [mut nic] = bench.bring_up(&Config::new())?;
        let (mut batch, mut answers) = (Batch::with_capacity(32), 0);
        println!("{} answers at {:02x?}, link {}", arguments.ip, nic.mac(), nic.link());
        while answers < arguments.packets && !bench.is_interrupted() {
            answers += serve(&mut nic, &mut batch, arguments.ip)?;
        }
        drop(batch);
        println!("{answers} requests were answered");
        return bench.finish([nic]);
    };
    connect(one, other);
    let mut nics: [Nic; 2] = bench.bring_up(&Config::new())?;
    let (mac, pool) = (nics[0].mac(), nics[1].pools().next().cloned().ok_or("a queue has a pool")?);
    let (mut batch, mut asking) = (Batch::with_capacity(32), Batch::with_capacity(32));
    let (mut asked, mut answers, start) = (0, 0, Instant::now());
    while answers < arguments.packets {
        serve(&mut nics[0], &mut batch, arguments.ip)?;
        let (_, mut queues) = nics[1].split();
        // No more than a few at a time: a host that is asked too fast drops.
        if asked < arguments.packets && asked - answers < 32 {
            let packet = request(&pool, asked, mac, arguments.ip).ok_or("no request can be made")?;
            asking.push(packet).map_err(|_| "the batch is full")?;
            asked += queues[0].tx.transmit(&mut asking)? as u64;
        }
        answers += queues[0].rx.receive(&mut asking) as u64;
        asking.clear();
        if start.elapsed() > Duration::from_secs(30) {
            return Err(format!("{answers} of {asked} requests were answered in time").into());
        }
    }
    println!("{answers} of {asked} requests were answered in {:.3} s", start.elapsed().as_secs_f64());
    drop((batch, asking));
    bench.finish(nics)
}
