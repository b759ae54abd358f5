//! A wire that reports the frames that the port sends.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write;

use ixgbe_sim::Wire;

/// Writes each frame to the report: one a line, in hexadecimal digits. Brings none.
#[derive(Debug)]
pub(crate) struct Sent {
    report: File,
}

impl Sent {
    pub(crate) fn new(report: File) -> Self {
        Self { report }
    }
}

impl Wire for Sent {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, frame: &[u8]) {
        let mut line = String::from("sent ");
        frame.iter().for_each(|byte| _ = write!(line, "{byte:02x}"));
        line.push('\n');
        // In one piece: other wires write to the file, too.
        if let Err(error) = self.report.write_all(line.as_bytes()) {
            eprintln!("error: the model's report: {error}");
        }
    }
}
