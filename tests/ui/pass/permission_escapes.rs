use ixgbe::device::{Control, Error};
use ixgbe::platform::Platform;

fn case<H: Platform>(control: &mut Control<'_, H>) -> Result<(), Error> {
    let mut kept = None;
    control.with_receive_paused(|paused| kept = Some(paused.fctrl().read()))?;
    let _ = kept.is_some();
    Ok(())
}

fn main() {}
