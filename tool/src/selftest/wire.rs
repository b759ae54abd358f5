//! The wire: is there a link, and does it stay free of errors?

use std::error::Error;
use std::time::Duration;

use ixgbe::device::{Config, Device, Unbound};
use ixgbe::packet::Batch;
use ixgbe::platform::AnyPlatform;

use super::card::Card;
use super::table::{Check, Table};

const LINK: Check = Check { name: "link", register: "LINKS", section: "8.2.3.22.20" };
const ERRORS: Check = Check { name: "errors on the wire", register: "CRCERRS, MLFC, MRFC", section: "8.2.3.23" };
const SENT: Check = Check { name: "a frame to the wire", register: "GPTC", section: "8.2.3.23.44" };

/// The time limit for the link.
const LIMIT: Duration = Duration::from_secs(10);
/// The time for which errors are counted.
const WATCH: Duration = Duration::from_secs(1);

/// Resets the card without loopback, waits for the link, sends one frame and counts errors for a second.
///
/// # Errors
///
/// Fails if the card cannot be reset or started.
pub fn check(card: &Card, device: Device<Unbound, AnyPlatform>, table: &mut Table) -> Result<(), Box<dyn Error>> {
    let device = match device.reset(&Config::new())?.wait_for_link(LIMIT) {
        Ok(device) => device,
        Err(error) => {
            table.differs(LINK, error.to_string());
            table.skipped(SENT, "no link");
            table.skipped(ERRORS, "no link");
            return Ok(());
        }
    };
    let mut nic = device.start()?;
    let status = nic.link();
    table.judge(LINK, if status.is_up() { vec![] } else { vec![format!("link {status}")] }, format!("link {status}"));
    // To this port itself, with the EtherType for experiments: a switch keeps it off other ports.
    let mac = nic.mac();
    let mut frame = [mac, mac].concat();
    frame.extend([0x88, 0xb5]);
    frame.resize(60, 0);
    let pool = nic.pools().next().cloned().ok_or("a queue has a pool")?;
    let mut batch = Batch::with_capacity(1);
    batch.push(pool.take_copy(&frame)?).map_err(|_| "the batch is full")?;
    nic.split().1[0].tx.transmit(&mut batch)?;
    card.world.wait(WATCH);
    let statistics = nic.statistics()?;
    let sent = statistics.tx_packets;
    table.judge(SENT, if sent == 1 { vec![] } else { vec![format!("GPTC is {sent}, and should be 1")] }, "GPTC is 1");
    let errors = [
        ("CRCERRS", statistics.rx_crc_errors),
        ("ILLERRC", statistics.rx_illegal),
        ("RFC", statistics.rx_fragments),
        ("RJC", statistics.rx_jabber),
    ];
    let differences = errors.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} is {count}"));
    table.judge(ERRORS, differences.collect(), format!("none in {WATCH:?}, {} frames came in", statistics.rx_packets));
    nic.stop()?;
    Ok(())
}
