//! Commands to the running server: one per line, on standard input.
//!
//! ```text
//!  unplug 1          pull the cable of the second port
//!  plug 1            plug it in again
//!  fault 0 TxStalls  inject a fault into the first port, by a name of `ixgbe_sim::Fault`
//!  clear 0 TxStalls  clear the fault
//!  drift 1 -20000    make the oscillator of the second port too slow by 20,000 parts per billion
//!  reset-host 0      let the model's physical function reset the first port
//!  report 1          print and clear the violations of the second port's driver
//! ```

use std::io::BufRead;

use ixgbe_sim::Port;

use crate::print_violations;

/// Executes the commands in `lines` until the input ends.
pub(crate) fn obey(lines: impl BufRead, ports: &[Port]) {
    for line in lines.lines().map_while(Result::ok) {
        match command(&line, ports) {
            Ok(()) => println!("done: {line}"),
            Err(why) => eprintln!("error: cannot execute `{line}`: {why}"),
        }
    }
}

fn command(line: &str, ports: &[Port]) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let port = |number: &str| {
        number.parse().ok().and_then(|number: usize| ports.get(number)).ok_or("unknown port; expected a number from 0")
    };
    match words[..] {
        ["unplug", number] => port(number)?.set_link(false),
        ["plug", number] => port(number)?.set_link(true),
        ["fault", number, name] => port(number)?.inject(name.parse()?),
        ["clear", number, name] => port(number)?.clear(name.parse()?),
        ["drift", number, parts] => {
            let parts = parts.parse().map_err(|_| "expected parts per billion, from -2147483648 to 2147483647")?;
            port(number)?.set_drift(parts);
        }
        ["reset-host", number] => port(number)?.reset_host(),
        ["report", number] => {
            let port = port(number)?;
            print_violations(&format!("report on port {number}"), port);
            port.clear_violations();
        }
        _ => {
            let expected = "unplug|plug|report|reset-host PORT, fault|clear PORT NAME or drift PORT PARTS_PER_BILLION";
            return Err(format!("unknown command; expected {expected}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ixgbe::mmio::Offset;
    use ixgbe_sim::PortConfig;

    #[test]
    fn a_command_acts_on_its_port_and_an_invalid_one_is_an_error() {
        let ports = [Port::new(PortConfig::default()), Port::new(PortConfig::default())];
        let status = |port: &Port| port.read32(Offset::new(8).unwrap());
        obey(&b"fault 1 SurpriseRemoval\nfault 1\n"[..], &ports);
        assert_ne!(status(&ports[0]), u32::MAX);
        assert_eq!(status(&ports[1]), u32::MAX);
        command("clear 1 SurpriseRemoval", &ports).unwrap();
        assert_ne!(status(&ports[1]), u32::MAX);
        for wrong in
            ["", "fault 2 TxStalls", "fault 0 Nothing", "plug", "plug -1", "plug 0 0", "burn 0", "drift 0 fast"]
        {
            assert!(command(wrong, &ports).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_oscillator_of_a_port_drifts_on_command() {
        use std::time::Duration;
        let ports = [Port::new(PortConfig::default()), Port::new(PortConfig::default())];
        obey(&b"drift 1 -20000\n"[..], &ports);
        let [right, slow] = ports.each_ref().map(|port| {
            // TIMINCA: 128 every 20 clocks, which is 1 a nanosecond.
            // SAFETY: no driver has claimed the port.
            unsafe { port.write32(Offset::new(0x8C14).unwrap(), 20 << 24 | 128) };
            let before = port.peek(Offset::new(0x8C0C).unwrap());
            port.wait(Duration::from_secs(1));
            port.peek(Offset::new(0x8C0C).unwrap()) - before
        });
        assert!(right.abs_diff(1_000_000_000) <= 128, "{right}");
        assert!(slow.abs_diff(1_000_000_000 - 20_000) <= 128, "{slow}");
    }
}
