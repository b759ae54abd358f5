// What is permitted while reception is paused is not permitted afterwards.
// error names: paused

use ixgbe::device::{Control, Error};
use ixgbe::platform::Platform;

fn case<H: Platform>(control: &mut Control<'_, H>) -> Result<(), Error> {
    let mut kept = None;
    control.with_receive_paused(|paused| kept = Some(paused))?;
    let _ = kept.is_some();
    Ok(())
}

fn main() {}
