//! Dumps a device's registers, decoded field by field.
//!
//! ```console
//! $ cargo run --example registers
//! $ cargo run --example registers -- --name RXDCTL --all
//! $ cargo run --example registers -- 0000:03:00.0
//! ```

mod common;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use common::LinkPartner;
use common::testbed::PortArguments;
use ixgbe::device::Config;
use ixgbe::info::RegisterInfo;
use ixgbe::mmio::Offset;
use ixgbe::registers::{REGISTERS, RegisterSpace};
use ixgbe::runtime::bus::Bus;

/// Dumps a device's registers, decoded field by field.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Print only registers whose name contains this text.
    #[arg(long, default_value = "")]
    name: String,
    /// Print all elements of arrays, not only the first.
    #[arg(long)]
    all: bool,
    /// Also read registers that change when read: this clears counters and takes semaphores.
    #[arg(long)]
    side_effects: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| dump(&arguments))
}

fn dump(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&[1], 1)?;
    testbed.model().iter().try_for_each(|port| LinkPartner::plug(port, (None, None), (0, 0)).map(|_| ()))?;
    // A device that runs has more to show than one that was never touched.
    let [nic] = testbed.bring_up(&Config::new())?;
    let mut out = std::io::stdout().lock();
    for info in REGISTERS.iter().filter(|info| info.name.contains(&arguments.name)) {
        let why_not = match info {
            info if !info.access.is_readable() => Some("write-only"),
            info if info.has_read_side_effects() && !arguments.side_effects => {
                Some("reading changes it: --side-effects")
            }
            _ => None,
        };
        match why_not {
            Some(reason) => writeln!(out, "{:<12} -          ({reason})", info.name)?,
            None => show(&mut out, info, nic.platform(), arguments.all)?,
        }
    }
    testbed.finish([nic])
}

fn show(out: &mut impl Write, info: &RegisterInfo, bus: &impl Bus<RegisterSpace>, all: bool) -> std::io::Result<()> {
    let count = if all { usize::MAX } else { 1 };
    for (index, offset) in info.offsets().filter_map(Offset::new).enumerate().take(count) {
        let value = bus.read(offset);
        let name = if info.count() == 1 { info.name.to_owned() } else { format!("{}[{index}]", info.name) };
        writeln!(out, "{name:<12} {value:#010x} at {offset:?}  {} (datasheet {})", info.title, info.section)?;
        for field in info.fields {
            writeln!(out, "    {}", field.show(value.into()))?;
        }
    }
    Ok(())
}
