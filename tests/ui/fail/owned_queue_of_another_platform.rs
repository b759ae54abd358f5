// The queues of a forwarder are on platforms of one type: a device forwards in place only to one of its kind.
// error names: H, G

use ixgbe::platform::Platform;
use ixgbe::queue::{InPlaceForwarder, OwnedReceiveQueue, ReceiveQueue, TransmitQueue};

fn case<H: Platform, G: Platform>(
    rx: &mut OwnedReceiveQueue<H>,
    foreign: &mut ReceiveQueue<'_, G>,
    tx: &mut [TransmitQueue<'_, H>],
) {
    let Ok(mut rx) = rx.queue() else { return };
    let _ = (rx.index(), foreign.index());
    let _ = InPlaceForwarder::new(foreign, tx);
}

fn main() {}
