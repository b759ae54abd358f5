//! Wireshark's `tshark`, which judges what we write.

use std::path::Path;
use std::process::Command;

/// Runs tshark on `file`. Returns what it prints, or `None` if it is not installed and need not be: with `CI` set, it must
/// be there. It must not complain.
pub fn tshark(file: &Path, arguments: &[&str]) -> Option<String> {
    match Command::new("tshark").arg("-n").arg("-r").arg(file).args(arguments).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "cannot run tshark: {error}: run `apt-get install tshark`");
            eprintln!("nothing was judged: cannot run tshark: {error}");
            None
        }
    }
}
