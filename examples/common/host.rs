//! A host that can be pinged, on any port.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ixgbe::linux::PciAddress;
use ixgbe::packet::Batch;
use ixgbe::port::{Control, Port, Receive, Transmit};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::watch::Watch;

#[path = "ping.rs"]
#[allow(dead_code, reason = "this host only answers")]
pub mod ping;

/// The arguments of such a host.
#[derive(Debug, clap::Args)]
pub struct HostArguments {
    /// The PCI address of the device, such as 0000:03:00.0.
    pub address: PciAddress,
    /// The address to answer for.
    #[arg(long, default_value = "192.0.2.1")]
    pub ip: Ipv4Addr,
}

/// Answers ARP and ICMP echo requests to `ip` until SIGINT or SIGTERM comes.
pub fn serve(port: &mut impl Port, ip: Ipv4Addr) -> Result<(), Box<dyn Error>> {
    let end = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&end))?;
    }
    let (mut control, mut queues) = port.split();
    let queues = queues.first_mut().ok_or("a device has a queue pair")?;
    let (mac, mut batch, mut answers) = (control.mac(), Batch::with_capacity(32), 0);
    println!("{ip} answers at {mac:02x?}");
    let mut watch = Watch::new("device 0", &mut control);
    while !end.load(Ordering::Relaxed) {
        watch.look(&mut control)?;
        if queues.rx.receive(&mut batch)? == 0 {
            std::thread::sleep(Duration::from_micros(100));
        }
        batch.retain(|packet| ping::answer_in_place(packet, mac, ip));
        answers += queues.tx.transmit(&mut batch)?;
    }
    println!("{answers} requests were answered, of {} packets received", control.counters()?.rx_packets);
    Ok(())
}
