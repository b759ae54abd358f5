use ixgbe::platform::Platform;
use ixgbe::queue::{InPlaceForwarder, OwnedReceiveQueue, ReceiveQueue, TransmitQueue};

fn case<H: Platform, G: Platform>(
    rx: &mut OwnedReceiveQueue<H>,
    foreign: &mut ReceiveQueue<'_, G>,
    tx: &mut [TransmitQueue<'_, H>],
) {
    let Ok(mut rx) = rx.queue() else { return };
    let _ = (rx.index(), foreign.index());
    let _ = InPlaceForwarder::new(&mut rx, tx);
}

fn main() {}
