//! Frames of capture files through a forwarder, and what becomes of files that are not as they should be.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Recorder, assert_clean, port, run};
use ixgbe::device::{Config, Device};
use ixgbe::packet::{Batch, Packet};
use ixgbe_sim::capture::LeftOut;
use ixgbe_sim::wire::pcap::{CaptureCounters, CaptureError, PcapInput, PcapOutput};
use ixgbe_sim::wire::{Duplex, Wire};
use ixgbe_sim::{Counters, Port};
use proptest::prelude::*;

fn traffic() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/traffic.pcap")
}

/// A file of a test's own, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("captures-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

/// The bytes of the capture's records, by a reader of our own: little-endian, microseconds.
fn frames(file: &[u8]) -> Vec<Vec<u8>> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xa1b2_c3d4);
    let (mut at, mut frames) = (24, Vec::new());
    while at < file.len() {
        let len = word(at + 8) as usize;
        frames.push(file[at + 16..at + 16 + len].to_vec());
        at += 16 + len;
    }
    frames
}

fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().max(60), 0);
    frame
}

/// How the numbers in a capture are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn word(self, value: u32) -> [u8; 4] {
        if self == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn half(self, value: u16) -> [u8; 2] {
        if self == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

/// A capture of these records: their bytes, and how long they were on the wire.
fn pcap(order: Order, magic: u32, link: u32, records: &[(&[u8], u32)]) -> Vec<u8> {
    let mut file = order.word(magic).to_vec();
    file.extend([order.half(2), order.half(4)].concat());
    file.extend([0, 0, 0x4_0000, link].map(|word| order.word(word)).concat());
    for (bytes, on_wire) in records {
        file.extend([1, 2, bytes.len() as u32, *on_wire].map(|word| order.word(word)).concat());
        file.extend_from_slice(bytes);
    }
    file
}

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;
const RAW_IP: u32 = 101;

/// The same as pcapng: a section, an interface a link type, and enhanced packets.
fn pcapng(order: Order, links: &[u16], records: &[(u32, &[u8], u32)]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = order.word(body.len() as u32 + 12);
        [&order.word(kind)[..], &len, &body, &len].concat()
    };
    let section = [&order.word(0x1a2b_3c4d)[..], &order.half(1), &order.half(0), &[0xff; 8]].concat();
    let mut file = block(0x0a0d_0d0a, &section);
    for link in links {
        file.extend(block(1, &[&order.half(*link)[..], &[0; 2], &order.word(0x4_0000)].concat()));
    }
    for (interface, bytes, on_wire) in records {
        let words = [*interface, 0, 0, bytes.len() as u32, *on_wire].map(|word| order.word(word)).concat();
        file.extend(block(6, &[&words[..], bytes].concat()));
    }
    file
}

/// What became of a capture.
struct Outcome {
    out: Vec<Vec<u8>>,
    capture: Arc<CaptureCounters>,
    counters: Counters,
}

impl Outcome {
    /// Frames given to the port, records left out as cut short, as unfit, and whether the file was damaged.
    fn counts(&self) -> (u64, u64, u64, bool) {
        assert!(self.capture.is_done());
        assert_eq!((self.counters.frames_in, self.counters.delivered), (self.capture.frames(), self.capture.frames()));
        let [cut, unfit @ ..] = LeftOut::ALL.map(|reason| self.capture.left_out(reason));
        (self.capture.frames(), cut, unfit.iter().sum(), self.capture.is_damaged())
    }
}

/// Forwards everything in the capture, after `touch`.
fn forward(path: &Path, config: &Config, touch: impl Fn(&mut Packet)) -> Outcome {
    let (port, recorder) = (port(0), Recorder::default());
    let input = PcapInput::open(path).unwrap();
    let capture = input.counters();
    port.plug(Duplex::new(input, recorder.clone()));
    drive(&port, config, &capture, touch);
    Outcome { out: recorder.take(), capture, counters: port.counters() }
}

fn drive(port: &Port, config: &Config, capture: &CaptureCounters, touch: impl Fn(&mut Packet)) {
    let mut nic = run(Device::new(port.claim().unwrap()).reset(&config.promiscuous(true)).unwrap());
    {
        let (_, mut queues) = nic.split();
        let mut batch = Batch::with_capacity(32);
        let mut idle = 0;
        while idle < 3 {
            idle = if port.step() == 0 && capture.is_done() { idle + 1 } else { 0 };
            while queues[0].rx.receive(&mut batch) > 0 {
                batch.iter_mut().for_each(&touch);
                while !batch.is_empty() {
                    queues[0].tx.transmit(&mut batch).unwrap();
                    port.step();
                }
            }
        }
    }
    nic.stop().unwrap();
    assert_clean(port);
}

#[test]
fn frames_come_out_in_order_and_unchanged() {
    let sent = frames(&std::fs::read(traffic()).unwrap());
    assert!(sent.len() > 20 && sent.iter().any(|frame| frame.len() < 60), "the capture is worth the test");
    let outcome = forward(&traffic(), &Config::new(), |_| {});
    assert_eq!(outcome.counts(), (sent.len() as u64, 0, 0, false));
    assert_eq!(outcome.out, sent.into_iter().map(padded).collect::<Vec<_>>());
}

#[test]
fn one_byte_that_is_touched_is_all_that_differs() {
    let sent = frames(&std::fs::read(traffic()).unwrap());
    let outcome = forward(&traffic(), &Config::new(), |packet| packet[17] ^= 0x40);
    assert_eq!(outcome.out.len(), sent.len());
    for (out, sent) in outcome.out.iter().zip(sent.into_iter().map(padded)) {
        let differing: Vec<usize> = (0..sent.len()).filter(|at| out[*at] != sent[*at]).collect();
        assert_eq!((out.len(), differing, out[17]), (sent.len(), vec![17], sent[17] ^ 0x40));
    }
}

/// The same through segments of buffers that are smaller than the frames.
#[test]
fn frames_pass_through_small_buffers() {
    let long: Vec<Vec<u8>> = (0..40).map(|n| common::frame([2; 6], 60 + n * 220, n as u8)).collect();
    let records: Vec<(&[u8], u32)> = long.iter().map(|frame| (&frame[..], frame.len() as u32)).collect();
    let file = Scratch::new("long.pcap", &pcap(Order::Little, MICROSECONDS, ETHERNET, &records));
    let config = Config::new().max_frame(9018).buffer_size(1024);
    let outcome = forward(&file.0, &config, |_| {});
    assert_eq!(outcome.counts(), (40, 0, 0, false));
    assert!(outcome.out == long);
}

#[test]
fn what_is_captured_is_what_was_sent() {
    let out = Scratch::new("out.pcap", b"");
    let port = port(0);
    let input = PcapInput::open(traffic()).unwrap();
    let (capture, output) = (input.counters(), PcapOutput::create(&out.0).unwrap());
    let written = output.written();
    port.plug(Duplex::new(input, output));
    drive(&port, &Config::new(), &capture, |_| {});
    // The file is complete when the wire is gone.
    drop(port.unplug());
    assert_eq!(written.load(std::sync::atomic::Ordering::Relaxed), capture.frames());
    let again = forward(&out.0, &Config::new(), |_| {});
    assert_eq!(again.out, frames(&std::fs::read(traffic()).unwrap()).into_iter().map(padded).collect::<Vec<_>>());
}

#[test]
fn all_kinds_of_capture_are_read() {
    let sent: Vec<Vec<u8>> = (0..5).map(|n| common::frame([2; 6], 60 + n, n as u8)).collect();
    let records: Vec<(&[u8], u32)> = sent.iter().map(|frame| (&frame[..], frame.len() as u32)).collect();
    let of_interface: Vec<(u32, &[u8], u32)> = records.iter().map(|(bytes, len)| (0, *bytes, *len)).collect();
    for order in [Order::Little, Order::Big] {
        let files = [
            ("micro", pcap(order, MICROSECONDS, ETHERNET, &records)),
            ("nano", pcap(order, NANOSECONDS, ETHERNET, &records)),
            ("next", pcapng(order, &[1], &of_interface)),
        ];
        for (name, file) in files {
            let file = Scratch::new(&format!("kind-{name}-{order:?}"), &file);
            let outcome = forward(&file.0, &Config::new(), |_| {});
            assert_eq!((outcome.counts(), outcome.out), ((5, 0, 0, false), sent.clone()), "{name} {order:?}");
        }
    }
}

// Files that are not as they should be

/// Wherever a file is cut off, what is before that comes out, and the cut is noticed unless it is between two records.
#[test]
fn a_truncated_capture_ends_at_the_damage() {
    let sent: Vec<Vec<u8>> = (0..3).map(|n| common::frame([2; 6], 70, n)).collect();
    let records: Vec<(&[u8], u32)> = sent.iter().map(|frame| (&frame[..], 70)).collect();
    let whole = pcap(Order::Little, MICROSECONDS, ETHERNET, &records);
    for len in [24, 25, 39, 40, 41, 100, 109, 110, 111, 195, 196, 197, 281, 282] {
        let file = Scratch::new(&format!("cut-{len}"), &whole[..len]);
        let outcome = forward(&file.0, &Config::new(), |_| {});
        let (complete, rest) = ((len - 24) / 86, (len - 24) % 86);
        assert_eq!(outcome.counts(), (complete as u64, 0, 0, rest != 0), "cut to {len}");
        assert_eq!(outcome.out, sent[..complete]);
    }
    let of_interface: Vec<(u32, &[u8], u32)> = records.iter().map(|(bytes, len)| (0, *bytes, *len)).collect();
    let whole = pcapng(Order::Little, &[1], &of_interface);
    for len in 48..whole.len() {
        let file = Scratch::new(&format!("cut-next-{len}"), &whole[..len]);
        let mut input = PcapInput::open(&file.0).unwrap();
        let (counters, mut came) = (input.counters(), Vec::new());
        input.receive(100, &mut |frame| came.push(frame.to_vec()));
        let (complete, rest) = ((len - 48) / 104, (len - 48) % 104);
        assert_eq!(
            (came.len(), counters.is_damaged(), counters.is_done()),
            (complete, rest != 0, true),
            "cut to {len}"
        );
    }
}

#[test]
fn what_is_no_capture_is_refused() {
    let path = |name: &str, bytes: &[u8]| Scratch::new(name, bytes);
    let short = path("short", &pcap(Order::Little, MICROSECONDS, ETHERNET, &[])[..23]);
    for file in [path("empty", b""), path("three", b"\xd4\xc3\xb2"), path("text", &b"not a capture ".repeat(9)), short]
    {
        let error = PcapInput::open(&file.0).expect_err("not a capture");
        assert!(matches!(&error, CaptureError::NotACapture { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.starts_with(&file.0.display().to_string()) && message.contains(" is not a capture file: "),
            "{message}"
        );
    }
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("captures-there-is-none.pcap");
    let error = PcapInput::open(&missing).expect_err("there is no such file");
    assert!(matches!(error, CaptureError::Io { .. }), "{error}");
    let nowhere = missing.join("within-a-file-that-is-none");
    assert!(matches!(PcapOutput::create(nowhere), Err(CaptureError::Io { .. })));
    let raw = path("raw", &pcap(Order::Little, MICROSECONDS, RAW_IP, &[(&[0x45; 40], 40)]));
    let error = PcapInput::open(&raw.0).expect_err("not Ethernet");
    assert!(matches!(error, CaptureError::NotEthernet { .. }), "{error}");
}

#[test]
fn records_that_were_cut_short_are_left_out() {
    let (whole, cut) = (common::frame([2; 6], 100, 1), common::frame([2; 6], 64, 2));
    let records = [(&whole[..], 100), (&cut[..], 1500), (&whole[..], 100), (&cut[..], 65)];
    let file = Scratch::new("snap", &pcap(Order::Little, MICROSECONDS, ETHERNET, &records));
    let outcome = forward(&file.0, &Config::new(), |_| {});
    assert_eq!((outcome.counts(), outcome.out), ((2, 2, 0, false), vec![whole.clone(), whole]));
}

#[test]
fn records_that_no_wire_carries_are_left_out() {
    let (good, huge) = (common::frame([2; 6], 100, 1), vec![7; 20_000]);
    let records = [(&[][..], 0), (&good[..], 100), (&huge[..], 20_000), (&good[..], 100)];
    let file = Scratch::new("unfit", &pcap(Order::Little, MICROSECONDS, ETHERNET, &records));
    let outcome = forward(&file.0, &Config::new(), |_| {});
    assert_eq!((outcome.counts(), outcome.out), ((2, 0, 2, false), vec![good.clone(), good]));
}

/// A frame that a wire can carry, and that this device was not configured for, is the device's to count.
#[test]
fn records_that_are_too_long_for_the_device_are_its_to_count() {
    let (good, long) = (common::frame([2; 6], 100, 1), common::frame([2; 6], 9000, 2));
    let file = Scratch::new(
        "long-for-us",
        &pcap(Order::Little, MICROSECONDS, ETHERNET, &[(&long, 9000), (&good, 100), (&long, 9000)]),
    );
    let outcome = forward(&file.0, &Config::new(), |_| {});
    assert_eq!((outcome.capture.frames(), outcome.counters.dropped_long, outcome.counters.delivered), (3, 2, 1));
    assert_eq!(outcome.out, [good]);
}

#[test]
fn records_of_other_links_are_left_out() {
    let good = common::frame([2; 6], 100, 1);
    let records = [(0, &good[..], 100), (1, &[0x45; 40][..], 40), (0, &good[..], 100)];
    let file = Scratch::new("links", &pcapng(Order::Little, &[1, RAW_IP as u16], &records));
    let outcome = forward(&file.0, &Config::new(), |_| {});
    assert_eq!((outcome.counts(), outcome.out), ((2, 0, 1, false), vec![good.clone(), good]));
}

/// What reading a file comes to, in small calls: the lengths of its frames.
fn read(bytes: &[u8]) -> Option<Vec<usize>> {
    let file = Scratch::new("damaged", bytes);
    let mut input = PcapInput::open(&file.0).ok()?;
    let (counters, mut lengths) = (input.counters(), Vec::new());
    for _ in 0..100 {
        input.receive(10, &mut |frame| lengths.push(frame.len()));
    }
    assert!(counters.is_done());
    assert_eq!(counters.frames(), lengths.len() as u64);
    Some(lengths)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a file holds, reading it comes to an end without a panic, and only possible frames come out.
    #[test]
    fn damaged_captures_do_no_harm(
        kind in 0..4,
        wrong in proptest::collection::vec((0..800_usize, proptest::collection::vec(any::<u8>(), 1..9)), 1..4),
    ) {
        let sent = common::frame([2; 6], 70, 1);
        let records = [(&sent[..], 70); 5];
        let order = if kind % 2 == 0 { Order::Little } else { Order::Big };
        let mut file = match kind {
            0 | 1 => pcap(order, MICROSECONDS, ETHERNET, &records),
            _ => pcapng(order, &[1], &records.map(|(bytes, len)| (0, bytes, len))),
        };
        for (at, with) in wrong {
            let at = at % file.len();
            let end = (at + with.len()).min(file.len());
            file[at..end].copy_from_slice(&with[..end - at]);
        }
        let lengths = read(&file).unwrap_or_default();
        prop_assert!(lengths.iter().all(|len| (1..=16_380).contains(len)));
        prop_assert!(lengths.len() <= 40);
    }

    /// The same for bytes without a plan behind the start of each kind of file.
    #[test]
    fn noise_does_no_harm(kind in 0..6, noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        let start = match kind {
            0 => vec![],
            1 => vec![0x1f, 0x8b],
            2 => pcap(Order::Little, MICROSECONDS, ETHERNET, &[]),
            3 => pcap(Order::Big, NANOSECONDS, ETHERNET, &[]),
            4 => pcapng(Order::Little, &[1], &[]),
            _ => pcapng(Order::Big, &[1], &[]),
        };
        let lengths = read(&[start, noise].concat()).unwrap_or_default();
        prop_assert!(lengths.iter().all(|len| (1..=16_380).contains(len)));
    }
}
