//! Transfers bytes by TCP in both directions at once, and checks them. The chip computes the checksums.
//!
//! ```console
//! $ cargo run --release -p ixgbe-smoltcp --example transfer
//! $ cargo run --release -p ixgbe-smoltcp --example transfer -- --print 1000000 >contents
//! $ nc -l -p 5000 <contents >arrived    # on a host at 192.0.2.1
//! $ cargo run --release -p ixgbe-smoltcp --example transfer -- 0000:03:00.0 --connect 192.0.2.1 --bytes 1000000
//! $ unshare --user --map-root-user --net sh    # on the model, with Linux at the other end
//! # target/release/examples/transfer --tap ixgbe0 &
//! # ip address add 192.0.2.1/24 dev ixgbe0 && ip link set ixgbe0 up
//! # nc 192.0.2.2 5000 <contents >arrived
//! $ cargo run --release -p ixgbe-smoltcp --example transfer -- --virtual-function 0000:03:10.0 --connect 192.0.2.1
//! ```

#[path = "../../../examples/common/mod.rs"]
#[macro_use]
mod common;
mod host;
mod output;
mod ports;
#[path = "../../../examples/tap"]
mod tap {
    pub mod beside;
    pub mod bridge;
    pub mod device;
    pub mod frames;
    pub mod requests;
    pub mod sleep;
}
mod virtual_function;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use clap::Parser;
use common::testbed::PortArguments;
use host::{Host, Role};
use ixgbe::linux::PciAddress;
use ixgbe_smoltcp::{Adapter, Queues};

/// The largest frame, in bytes with CRC.
const MAX_FRAME: usize = 1518;
/// The size of the pool for packets that a host sends, in bytes.
const POOL: usize = 4 << 20;

/// Transfers bytes by TCP in both directions at once, and checks them.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Drive this virtual function instead; only --sysfs of the options of ports applies.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["addresses", "take", "rebind", "user", "any_cpu", "plain"])]
    virtual_function: Option<PciAddress>,
    /// Have one port on the model, and the TAP interface with this name at the other end of its wire.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["addresses", "virtual_function"])]
    tap: Option<String>,
    /// Own address, of a network of 256 addresses. A second port has the next one.
    #[arg(long, default_value = "192.0.2.2")]
    ip: Ipv4Addr,
    /// Connect to this address instead of waiting for a connection.
    #[arg(long)]
    connect: Option<Ipv4Addr>,
    /// TCP port.
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// Number of bytes to send.
    #[arg(long, default_value_t = 20_000_000)]
    bytes: u64,
    /// Number of bytes to receive [default: as many as are sent].
    #[arg(long)]
    receive: Option<u64>,
    /// Have the stack compute all checksums.
    #[arg(long)]
    plain: bool,
    /// Have the chip cut packets of up to as many bytes, with headers; 0 for none. Those of more than a buffer of
    /// 16 KiB are copied once more.
    #[arg(long, value_name = "BYTES", default_value_t = 16_384)]
    tso: usize,
    /// Write as many bytes of the contents to the standard output, for the other end, and do nothing else.
    #[arg(long, value_name = "BYTES")]
    print: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| match (arguments.print, arguments.virtual_function) {
        (Some(bytes), _) => output::print(bytes),
        (None, Some(address)) => virtual_function::transfer(address, &arguments),
        (None, None) => ports::transfer(&arguments),
    })
}

impl Arguments {
    /// Makes host `n`, whose adapter has the address `mac`.
    fn host<Q: Queues>(&self, n: usize, mac: [u8; 6], adapter: &mut Adapter<Q>) -> Result<Host, Box<dyn Error>> {
        let bytes = (self.bytes, self.receive.unwrap_or(self.bytes));
        let ip = Ipv4Addr::from_bits(self.ip.to_bits().wrapping_add(n as u32));
        let (role, bytes) = match (n, self.connect) {
            (0, None) => (Role::Listen(self.port), bytes),
            (0, Some(host)) => (Role::Connect(host, self.port), bytes),
            _ => (Role::Connect(self.ip, self.port), (bytes.1, bytes.0)),
        };
        Host::new(adapter, (mac, ip), role, bytes)
    }
}
