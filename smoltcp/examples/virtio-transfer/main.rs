//! Transfers bytes by TCP in both directions at once on a VirtIO device, and checks them. The host of the virtual machine
//! computes the checksums and cuts large packets, as far as the device offers that.
//!
//! ```console
//! $ cargo run --release -p ixgbe-smoltcp --example virtio-transfer -- 0000:01:00.0 --bytes 1000000
//! $ cargo run --release -p ixgbe-smoltcp --example transfer -- --print 1000000 >contents
//! $ nc 192.0.2.2 5000 <contents >arrived    # on another host
//! ```

#[path = "../../../virtio/examples/common/mod.rs"]
mod common;
#[path = "../transfer/host.rs"]
#[allow(dead_code, reason = "this host only listens")]
mod host;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use clap::Parser;
use common::near::pin;
use common::watch::Watch;
use common::{DeviceArguments, Example, Signals, bring_up};
use host::{Host, Role};
use ixgbe::linux::PciAddress;
use ixgbe::pci::Function;
use ixgbe::pool::Pool;
use ixgbe_smoltcp::{Adapter, Counters, Offloading};
use ixgbe_virtio::Device;
use ixgbe_virtio::device::Reset;

/// The length of a frame beside the packet in it, in bytes with CRC.
const FRAME: usize = 18;
/// The size of the pool for packets that are sent, in bytes.
const POOL: usize = 4 << 20;

/// Transfers bytes by TCP in both directions at once on a VirtIO device, and checks them.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    devices: DeviceArguments,
    /// The PCI address of the device, such as 0000:03:00.0.
    address: PciAddress,
    /// Own address, of a network of 256 addresses.
    #[arg(long, default_value = "192.0.2.2")]
    ip: Ipv4Addr,
    /// TCP port.
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// Number of bytes to send, and to receive.
    #[arg(long, default_value_t = 20_000_000)]
    bytes: u64,
    /// Have the device cut packets of up to as many bytes, with headers; 0 for none.
    #[arg(long, value_name = "BYTES", default_value_t = 65_536)]
    tso: usize,
}

impl Example for &Arguments {
    fn run<H: Function>(self, devices: Vec<Device<Reset, H>>) -> Result<(), Box<dyn Error>> {
        let device = devices.into_iter().next().ok_or("a device is needed")?;
        let mut device = bring_up(device, &self.devices, &self.devices.config())?;
        let signals = Signals::new()?;
        pin(&self.devices.cpus(), 0);
        let pool = Pool::with_large_buffers(device.function(), POOL)?;
        let terms = device.terms();
        let (mut control, mut queues) = device.split();
        let queues = queues.pop().ok_or("a device has a queue pair")?;
        let adapter = Adapter::new(Offloading::new(queues), pool, usize::from(terms.mtu) + FRAME)?;
        let mut adapter = adapter.cut_up_to(self.tso);
        let role = Role::Listen(self.port);
        let mut host = Host::new(&mut adapter, (terms.mac, self.ip), role, (self.bytes, self.bytes))?;
        println!("{} listens at {:02x?}", self.ip, terms.mac);
        let mut watch = Watch::new("device 0", &mut control);
        while !host.poll(&mut adapter)? {
            watch.look(&mut control)?;
            if signals.is_end() {
                return Err("interrupted before the end of the connection".into());
            }
        }
        let ((sent, received), counters) = (host.moved(), adapter.counters());
        println!("{sent} bytes sent, {received} received and right, in {:.1} s", host.elapsed().as_secs_f64());
        let Counters { rx_by_software, tx_by_software, rx_bad, rx_dropped, tx_cut, tx_dropped, .. } = counters;
        println!("checksums by software: {rx_by_software} received, {tx_by_software} sent");
        println!("{tx_cut} packets were cut by the device");
        println!("dropped: {rx_bad} with a wrong checksum, {rx_dropped} others, {tx_dropped} not sent");
        let counters = control.counters()?;
        println!("{} packets received with {} bytes", counters.rx_packets, counters.rx_octets);
        drop(adapter);
        device.stop().map_err(|failed| failed.error)?;
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(&arguments.devices, &[arguments.address], &arguments)
}
