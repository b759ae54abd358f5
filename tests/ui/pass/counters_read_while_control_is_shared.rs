use ixgbe::device::Control;
use ixgbe::platform::Platform;

fn in_two_threads<T: Send>(one: impl FnOnce() -> T, other: impl FnOnce() -> T + Send) {
    std::thread::scope(|scope| {
        scope.spawn(other);
        one();
    });
}

fn case<H: Platform>(control: &mut Control<'_, H>) {
    in_two_threads(|| drop(control.mac()), || drop(control.registers()));
}

fn main() {}
