//! A virtual function as any network device: it implements the traits of [`port`].

use alloc::vec::Vec;

use crate::pool::Pool;
use crate::port::{self, Counters, LinkStatus, Port};
use crate::queue::{ReceiveCounters, ReceiveQueue, TransmitQueue, Virtual};
use crate::vf::{Control, Error, Platform, QueuePair, Running, VirtualFunction};

/// Length of the CRC in bytes.
const CRC: u64 = 4;

impl<H: Platform> Port for VirtualFunction<Running, H> {
    type Control<'a> = Control<'a, H>;
    type Receive<'a> = ReceiveQueue<'a, H, Virtual>;
    type Transmit<'a> = TransmitQueue<'a, H, Virtual>;

    fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<'_, H>>) {
        VirtualFunction::split(self)
    }

    fn pools(&self) -> Vec<Pool> {
        VirtualFunction::pools(self).cloned().collect()
    }
}

impl<H: Platform> port::Control for Control<'_, H> {
    type Error = Error;

    fn mac(&self) -> [u8; 6] {
        Control::mac(self)
    }

    fn link(&mut self) -> LinkStatus {
        Control::link(self)
    }

    fn counters(&mut self) -> Result<Counters, Error> {
        let statistics = self.statistics()?;
        let drops = |count: fn(&ReceiveCounters) -> u64| statistics.drops.iter().map(count).sum();
        let without_crc = |octets: u64, packets: u64| octets.saturating_sub(CRC.saturating_mul(packets));
        Ok(Counters {
            rx_packets: statistics.rx_packets,
            rx_octets: without_crc(statistics.rx_octets_with_crc, statistics.rx_packets),
            // The physical function counts what is lost before it reaches a function.
            rx_lost: Vec::new(),
            rx_dropped: alloc::vec![
                ("bad length", drops(|drops| drops.bad_length)),
                ("long", drops(|drops| drops.long)),
                ("damaged", drops(|drops| drops.damaged)),
                ("discarded", statistics.rx_discarded),
            ],
            tx_packets: statistics.tx_packets,
            tx_octets: without_crc(statistics.tx_octets_with_crc, statistics.tx_packets),
        })
    }
}
