//! Capture files as wires: what is right passes, what is not is said or counted.

mod common;

use std::path::PathBuf;

use common::*;
use ixgbe_sim::wire::pcap::{CaptureError, PcapInput, PcapOutput};
use ixgbe_sim::wire::{Duplex, Wire};

/// A file of its own for a test.
fn file(name: &str, contents: &[u8]) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = directory.join(format!("{}-{name}", std::process::id()));
    std::fs::write(&path, contents).unwrap();
    path
}

/// A classic file header, little-endian with microseconds.
fn classic(link: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(0xA1B2_C3D4_u32.to_le_bytes());
    bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(65_535_u32.to_le_bytes());
    bytes.extend(link.to_le_bytes());
    bytes
}

/// A record of `frame`, of which `on_wire` bytes there were.
fn record(frame: &[u8], on_wire: usize) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    bytes.extend((frame.len() as u32).to_le_bytes());
    bytes.extend((on_wire as u32).to_le_bytes());
    bytes.extend(frame);
    bytes
}

/// A pcapng block.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}

/// All frames of a wire.
fn frames(input: &mut PcapInput) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    input.receive(1_000, &mut |frame| frames.push(frame.to_vec()));
    frames
}

#[test]
fn a_classic_file_is_read_and_its_oddities_are_counted() {
    let mut contents = classic(1);
    contents.extend(record(&frame(MAC, 100), 100));
    contents.extend(record(&frame(MAC, 59), 59));
    contents.extend(record(&frame(MAC, 30), 30));
    contents.extend(record(&frame(MAC, 96), 1_500));
    contents.extend(record(&[], 0));
    contents.extend(record(&vec![1; 20_000], 20_000));
    contents.extend(record(&frame(MAC, 1_514), 1_514));
    let mut input = PcapInput::open(file("classic.pcap", &contents)).unwrap();
    let counters = input.counters();
    let frames = frames(&mut input);
    assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [100, 60, 60, 1_514]);
    assert_eq!(frames[2], [frame(MAC, 30), vec![0; 30]].concat());
    assert_eq!(frames[0], frame(MAC, 100));
    assert_eq!((counters.frames(), counters.cut(), counters.unfit()), (4, 1, 2));
    assert!(counters.is_done() && !counters.is_damaged());
}

#[test]
fn a_file_may_be_in_the_other_byte_order() {
    let mut contents = Vec::new();
    contents.extend(0xA1B2_3C4D_u32.to_be_bytes());
    contents.extend([0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    contents.extend(65_535_u32.to_be_bytes());
    contents.extend(1_u32.to_be_bytes());
    contents.extend([0; 8]);
    contents.extend(60_u32.to_be_bytes());
    contents.extend(60_u32.to_be_bytes());
    contents.extend(frame(MAC, 60));
    let mut input = PcapInput::open(file("big.pcap", &contents)).unwrap();
    assert_eq!(frames(&mut input), [frame(MAC, 60)]);
}

#[test]
fn a_pcapng_file_is_read() {
    let mut contents = block(0x0A0D_0D0A, &[&0x1A2B_3C4D_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xFF; 8]].concat());
    contents.extend(block(1, &[1, 0, 0, 0, 0, 0, 1, 0]));
    contents.extend(block(1, &[101, 0, 0, 0, 0, 0, 1, 0])); // Raw IP.
    let enhanced = |interface: u32, frame: &[u8], on_wire: u32| {
        let numbers = [interface, 0, 0, frame.len() as u32, on_wire];
        let head: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        block(6, &[&head[..], frame].concat())
    };
    contents.extend(enhanced(0, &frame(MAC, 61), 61));
    contents.extend(enhanced(1, &frame(MAC, 61), 61));
    contents.extend(enhanced(0, &frame(MAC, 61), 99));
    contents.extend(enhanced(0, &frame(MAC, 300), 300));
    let mut input = PcapInput::open(file("next.pcapng", &contents)).unwrap();
    let counters = input.counters();
    assert_eq!(frames(&mut input), [frame(MAC, 61), frame(MAC, 300)]);
    assert_eq!((counters.frames(), counters.cut(), counters.unfit(), counters.is_damaged()), (2, 1, 1, false));
}

#[test]
fn what_is_no_capture_is_refused_with_its_name() {
    let missing = PcapInput::open("no/such/file.pcap").unwrap_err();
    assert!(matches!(missing, CaptureError::Io { .. }) && missing.to_string().starts_with("no/such/file.pcap"));
    for (name, contents) in [("empty", Vec::new()), ("text", b"hello, this is not a capture file".to_vec())] {
        let error = PcapInput::open(file(name, &contents)).unwrap_err();
        assert!(matches!(error, CaptureError::NotACapture { .. }), "{error}");
        assert!(error.to_string().contains("is not a capture file"), "{error}");
    }
    let error = PcapInput::open(file("wifi.pcap", &classic(105))).unwrap_err();
    assert!(matches!(error, CaptureError::NotEthernet { .. }), "{error}");
}

#[test]
fn a_file_that_ends_within_a_record_is_read_so_far() {
    let mut contents = classic(1);
    contents.extend(record(&frame(MAC, 100), 100));
    contents.extend(&record(&frame(MAC, 100), 100)[..50]);
    let mut input = PcapInput::open(file("cut.pcap", &contents)).unwrap();
    let counters = input.counters();
    assert_eq!(frames(&mut input), [frame(MAC, 100)]);
    assert!(counters.is_damaged() && counters.is_done());
}

#[test]
fn a_capture_goes_through_a_port_and_comes_out_the_same() {
    let mut contents = classic(1);
    let packets: Vec<Vec<u8>> = (0..200).map(|n| frame(MAC, 60 + n * 7)).collect();
    packets.iter().for_each(|packet| contents.extend(record(packet, packet.len())));
    let input = PcapInput::open(file("in.pcap", &contents)).unwrap();
    let out = file("out.pcap", &[]);
    let output = PcapOutput::create(&out).unwrap();
    let written = output.written();
    let mut driver = Driver::new();
    driver.port.plug(Duplex::new(input, output));
    driver.bring_up(&[0], &[0]);
    for _ in 0..1_000 {
        driver.port.step();
        while let Some((packet, _)) = driver.receive(0) {
            driver.put_packet(0, &packet);
        }
        driver.ring(0);
        driver.refill(0);
    }
    drop(driver.port.unplug());
    assert_eq!(written.load(std::sync::atomic::Ordering::Acquire), 200);
    assert_eq!(frames(&mut PcapInput::open(&out).unwrap()), packets);
    driver.clean();
}
