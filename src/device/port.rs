//! The 82599 as any network device: it implements the traits of [`port`].

use alloc::vec::Vec;

use crate::device::{Control, Device, Error, Running};
use crate::platform::Platform;
use crate::pool::Pool;
use crate::port::{self, Counters, LinkStatus, Port};
use crate::queue::{QueuePair, ReceiveQueue, TransmitQueue};

impl<H: Platform> Port for Device<Running, H> {
    type Control<'a> = Control<'a, H>;
    type Receive<'a> = ReceiveQueue<'a, H>;
    type Transmit<'a> = TransmitQueue<'a, H>;

    fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<'_, H>>) {
        Device::split(self)
    }

    fn pools(&self) -> Vec<Pool> {
        Device::pools(self).cloned().collect()
    }
}

impl<H: Platform> port::Control for Control<'_, H> {
    type Error = Error;

    fn mac(&self) -> [u8; 6] {
        Control::mac(self)
    }

    fn link(&mut self) -> LinkStatus {
        self.link_status()
    }

    fn counters(&mut self) -> Result<Counters, Error> {
        let statistics = self.statistics()?;
        let drops = |count: fn(&crate::queue::ReceiveCounters) -> u64| {
            statistics.queues.iter().map(|queue| count(&queue.drops)).fold(0, u64::saturating_add)
        };
        Ok(Counters {
            rx_packets: statistics.rx_packets,
            rx_octets: statistics.rx_octets,
            rx_lost: alloc::vec![
                ("missed", statistics.rx_missed),
                ("no descriptor", statistics.rx_no_descriptor),
                ("CRC", statistics.rx_crc_errors),
                ("undersize", statistics.rx_undersize),
                ("oversize", statistics.rx_oversize),
            ],
            rx_dropped: alloc::vec![
                ("bad length", drops(|drops| drops.bad_length)),
                ("long", drops(|drops| drops.long)),
                ("damaged", drops(|drops| drops.damaged)),
                ("discarded", statistics.queues.iter().map(|queue| queue.rx_discarded).fold(0, u64::saturating_add)),
            ],
            tx_packets: statistics.tx_packets,
            tx_octets: statistics.tx_octets,
        })
    }
}
