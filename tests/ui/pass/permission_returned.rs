use ixgbe::device::{Control, Error};
use ixgbe::platform::Platform;

fn case<H: Platform>(control: &mut Control<'_, H>) -> Result<(), Error> {
    let _ = control.with_receive_paused(|paused| paused.fctrl().read())?;
    Ok(())
}

fn main() {}
