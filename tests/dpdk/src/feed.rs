//! A wire that brings the frames written to a file, while the program runs.

use std::fs::File;
use std::io::Write;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use ixgbe_sim::Wire;

/// The interval between two looks at the file.
const LOOK: Duration = Duration::from_millis(20);

/// Frames from a file that grows: one a line, in hexadecimal digits. What is sent is lost.
#[derive(Debug)]
pub(crate) struct Feed {
    frames: Receiver<Vec<u8>>,
    report: File,
}

impl Feed {
    /// Watches `file`, which need not exist yet, and writes a line to `report` once a frame has arrived.
    pub(crate) fn new(file: String, report: File) -> Self {
        let (sender, frames) = mpsc::channel();
        std::thread::spawn(move || watch(&file, &sender));
        Self { frames, report }
    }
}

/// Sends the frames of all complete lines, until nobody wants them.
fn watch(file: &str, frames: &Sender<Vec<u8>>) {
    let mut seen = 0;
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in complete.lines().skip(seen) {
            seen += 1;
            if frames.send(bytes(line)).is_err() {
                return;
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// Returns the bytes of a line, up to the first pair that is no number.
fn bytes(line: &str) -> Vec<u8> {
    let pairs = line.as_bytes().chunks_exact(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map_while(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

impl Wire for Feed {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        for frame in self.frames.try_iter().take(room) {
            port(&frame);
            if let Err(error) = writeln!(self.report, "a frame arrived") {
                eprintln!("error: the model's report: {error}");
            }
        }
    }

    fn transmit(&mut self, _frame: &[u8]) {}
}
