// A queue is one thread's.
// error names: first

use ixgbe::packet::Batch;
use ixgbe::platform::Platform;
use ixgbe::queue::QueuePair;

fn case<H: Platform>(first: &mut QueuePair<'_, H>, second: &mut QueuePair<'_, H>) {
    std::thread::scope(|scope| {
        scope.spawn(|| first.rx.receive(&mut Batch::with_capacity(32)));
        scope.spawn(|| first.rx.receive(&mut Batch::with_capacity(32)));
    });
    let _ = second.rx.index();
}

fn main() {}
