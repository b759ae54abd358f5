// That one device does not receive says nothing of another.
// error names: FCTRL, Running

use ixgbe::device::{Control, Error};
use ixgbe::platform::Platform;
use ixgbe::registers::FCTRL;
use ixgbe::value;

fn case<H: Platform>(a: &Control<'_, H>, b: &mut Control<'_, H>) -> Result<(), Error> {
    let _ = a.registers();
    b.with_receive_paused(|paused| {
        let _ = paused.fctrl().read();
        a.registers().fctrl().modify(value!(FCTRL { UPE: true }));
    })
}

fn main() {}
