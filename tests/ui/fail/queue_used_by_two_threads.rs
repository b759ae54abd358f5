// A queue is one thread's.
// error names: first

use ixgbe::packet::Batch;
use ixgbe::platform::Platform;
use ixgbe::queue::{QueuePair, ReceiveQueue};

fn in_two_threads<T: Send>(one: impl FnOnce() -> T, other: impl FnOnce() -> T + Send) {
    std::thread::scope(|scope| {
        scope.spawn(other);
        one();
    });
}

fn case<H: Platform>(first: &mut QueuePair<'_, H>, second: &mut QueuePair<'_, H>) {
    let _ = second.rx.index();
    let receive = |rx: &mut ReceiveQueue<'_, H>| rx.receive(&mut Batch::with_capacity(32));
    in_two_threads(|| receive(&mut first.rx), || receive(&mut first.rx));
}

fn main() {}
