//! Capture files as wires: valid frames pass, and everything else is reported or counted.

mod common;

use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::files::*;
use common::*;
use ixgbe_sim::capture::{Damage, Description, Item, LeftOut, Reader, Writer};
use ixgbe_sim::wire::pcap::{CaptureCounters, CaptureError, PcapInput, PcapOutput};
use ixgbe_sim::wire::{Duplex, Wire};

/// Writes a file for one test, and returns its path.
fn file(name: &str, contents: &[u8]) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = directory.join(format!("{}-{name}", std::process::id()));
    std::fs::write(&path, contents).unwrap();
    path
}

/// Returns a classic file header, little-endian with microseconds.
fn classic(link: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(0xA1B2_C3D4_u32.to_le_bytes());
    bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(65_535_u32.to_le_bytes());
    bytes.extend(link.to_le_bytes());
    bytes
}

/// Returns a record of `frame`, whose length on the wire was `on_wire`.
fn record(frame: &[u8], on_wire: usize) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    bytes.extend((frame.len() as u32).to_le_bytes());
    bytes.extend((on_wire as u32).to_le_bytes());
    bytes.extend(frame);
    bytes
}

/// Returns a pcapng block.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}

/// Returns all frames of a wire.
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
    assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [100, 59, 30, 1_514]);
    assert_eq!(frames[2], frame(MAC, 30));
    assert_eq!(frames[0], frame(MAC, 100));
    assert_eq!((counters.frames(), left_out(&counters)), (4, [1, 1, 1, 0]));
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
    assert_eq!((counters.frames(), left_out(&counters), counters.is_damaged()), (2, [1, 0, 0, 1], false));
}

#[test]
fn a_file_that_is_no_capture_is_rejected_with_its_name() {
    let missing = PcapInput::open("no/such/file.pcap").unwrap_err();
    assert!(
        matches!(missing, CaptureError::Io { .. })
            && missing.to_string().starts_with("cannot access capture file no/such/file.pcap: ")
    );
    for (name, contents) in [("empty", Vec::new()), ("text", b"hello, this is not a capture file".to_vec())] {
        let error = PcapInput::open(file(name, &contents)).unwrap_err();
        assert!(matches!(error, CaptureError::NotACapture { .. }), "{error}");
        assert!(error.to_string().contains("is not a capture file"), "{error}");
    }
    let error = PcapInput::open(file("wifi.pcap", &classic(105))).unwrap_err();
    assert!(matches!(error, CaptureError::NotEthernet { .. }), "{error}");
}

#[test]
fn a_file_that_ends_within_a_record_is_read_up_to_it() {
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

// Details of the formats

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns the numbers of records left out as truncated, empty, too long and not Ethernet.
fn left_out(counters: &CaptureCounters) -> [u64; 4] {
    LeftOut::ALL.map(|reason| counters.left_out(reason))
}

/// Reads a file. Returns its frames, its damage, and the numbers of records left out as truncated, empty, too long and
/// not Ethernet.
fn outcome(name: &str, contents: &[u8]) -> (Vec<Vec<u8>>, [u64; 4], Option<String>) {
    let path = file(name, contents);
    let mut input = PcapInput::open(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    std::fs::remove_file(path).unwrap();
    let counters = input.counters();
    let mut all = Vec::new();
    for _ in 0..10_000 {
        if !counters.is_done() {
            all.extend(frames(&mut input));
        }
    }
    assert!(counters.is_done(), "{name}: reading comes to an end");
    assert_eq!(counters.frames(), all.len() as u64, "{name}");
    (all, left_out(&counters), counters.damage().map(str::to_owned))
}

const NONE: [u64; 4] = [0; 4];

#[test]
fn an_fcs_in_the_file_is_not_sent() {
    let [data, with_fcs] = [frame(MAC, 100), [frame(MAC, 100), vec![0xFC; 4]].concat()];
    // If bit 26 is set, the highest four bits are the length, in units of two bytes.
    for (link, stays) in [(0x2400_0001, false), (0x2000_0001, true), (0x4000_0001, true), (0x0400_0001, true)] {
        let contents = pcap(LITTLE, [0xA1B2_C3D4, link, 65_535], &[(&with_fcs, 104)]);
        let expected = if stays { &with_fcs } else { &data };
        assert_eq!(outcome("fcs.pcap", &contents), (vec![expected.clone()], NONE, None), "{link:#x}");
    }
    // The capture cut off only the FCS, or more.
    let contents = pcap(BIG, [0xA1B2_C3D4, 0x2400_0001, 65_535], &[(&data, 104), (&data[..99], 104), (&[1; 4], 4)]);
    assert_eq!(outcome("fcs-cut.pcap", &contents), (vec![data.clone()], [1, 1, 0, 0], None));
    for big in [LITTLE, BIG] {
        for length in [4, 32] {
            let start = [section(big, &[]), interface(big, 1, 0, &ng_option(big, 13, &[length]))].concat();
            // The packet's own flags take precedence.
            let flags = ng_option(big, 2, &words(big, &[2 << 5]));
            let packets = [enhanced(big, 0, &with_fcs, 104, &[]), enhanced(big, 0, &with_fcs, 104, &flags)].concat();
            let expected = vec![data.clone(), with_fcs[..102].to_vec()];
            assert_eq!(outcome("fcs.pcapng", &[start, packets].concat()), (expected, NONE, None), "{big} {length}");
        }
    }
}

#[test]
fn a_simple_packet_ends_where_it_says() {
    for big in [LITTLE, BIG] {
        let data = frame(MAC, 61);
        let start = |snap| [section(big, &[]), interface(big, 1, snap, &[])].concat();
        let contents = [start(0), simple(big, &data, 61)].concat();
        assert_eq!(outcome("simple.pcapng", &contents), (vec![data.clone()], NONE, None));
        let contents = [start(61), simple(big, &data, 64), simple(big, &data, 61)].concat();
        assert_eq!(outcome("simple-cut.pcapng", &contents), (vec![data.clone()], [1, 0, 0, 0], None));
        let contents = [start(0), simple(big, &data, 100)].concat();
        let (frames, _, damage) = outcome("simple-over.pcapng", &contents);
        assert_eq!((frames.len(), damage.unwrap().contains("longer than its block")), (0, true));
    }
}

#[test]
fn unknown_options_and_blocks_are_skipped() {
    for big in [LITTLE, BIG] {
        let data = frame(MAC, 75);
        // No end of the options, a time zone, a resolution, an unknown option, an option longer than its block.
        let section = section(big, &ng_option(big, 4, b"app"));
        let options = [
            ng_option(big, 2, b"eth0"),
            ng_option(big, 10, &[0; 4]),
            ng_option(big, 9, &[0xFF]),
            ng_option(big, 0x7654, b"what?"),
            halves(big, &[4, 0xFFFF]),
        ];
        let interfaces = [interface(big, 1, 0, &options.concat()), interface(big, 113, 0, &[])].concat();
        let packet = || enhanced(big, 0, &data, 75, &ng_option(big, 0x4321, b"x"));
        let odd = [0x99, 4, 5, 9, 10, 0xBAD, 0x4000_0BAD].map(|kind| ng(big, kind, &[0xFF; 37])).concat();
        let old = ng(big, 2, &[&halves(big, &[0, 0])[..], &words(big, &[0, 0, 75, 75]), &data].concat());
        let contents = [section, interfaces, packet(), odd, old, enhanced(big, 1, &data, 75, &[]), packet()].concat();
        assert_eq!(outcome("unknown.pcapng", &contents), (vec![data; 3], [0, 0, 0, 1], None), "{big}");
    }
}

#[test]
fn each_section_has_its_own_interfaces_and_order() {
    let data = frame(MAC, 75);
    let one = [section(LITTLE, &[]), interface(LITTLE, 101, 0, &[]), enhanced(LITTLE, 0, &data, 75, &[])].concat();
    let other = [section(BIG, &[]), interface(BIG, 1, 0, &[]), enhanced(BIG, 0, &data, 75, &[])].concat();
    let contents = [&other[..], &one, &other, &section(LITTLE, &[]), &enhanced(LITTLE, 0, &data, 75, &[])].concat();
    let (frames, left_out, damage) = outcome("sections.pcapng", &contents);
    assert_eq!((frames, left_out), (vec![data.clone(), data], [0, 0, 0, 1]));
    let damage = damage.unwrap();
    assert!(damage.ends_with("after record 3: a packet belongs to interface 0, which is not described"), "{damage}");
}

#[test]
fn irrelevant_header_fields_are_ignored() {
    let data = frame(MAC, 100);
    for (big, magic) in [(LITTLE, 0xA1B2_C3D4), (LITTLE, 0xA1B2_3C4D), (BIG, 0xA1B2_C3D4), (BIG, 0xA1B2_3C4D)] {
        for snap in [0, 64, u32::MAX] {
            let contents = pcap(big, [magic, 1, snap], &[(&data, 100), (&[], 0), (&data, 100)]);
            let expected = (vec![data.clone(), data.clone()], [0, 1, 0, 0], None);
            assert_eq!(outcome("fields.pcap", &contents), expected, "{big} {magic:#x} {snap}");
        }
    }
}

fn both_kinds() -> [Vec<u8>; 2] {
    let data = frame(MAC, 77);
    let start = [section(BIG, &ng_option(BIG, 4, b"app")), interface(BIG, 1, 0, &[])].concat();
    [
        pcap(LITTLE, [0xA1B2_C3D4, 1, 65_535], &[(&data[..], 77); 3]),
        [start, enhanced(BIG, 0, &data, 77, &[]).repeat(2), simple(BIG, &data, 77)].concat(),
    ]
}

#[test]
fn gzip_is_recognised_by_its_contents() {
    for (index, contents) in both_kinds().iter().enumerate() {
        let expected = (vec![frame(MAC, 77); 3], NONE, None);
        assert_eq!(outcome(&format!("plain-{index}.gz"), contents), expected);
        let packed = gzip(contents);
        assert_eq!(outcome(&format!("packed-{index}.pcap"), &packed), expected);
        // Several gzip members form one file.
        let (one, other) = contents.split_at(contents.len() / 2);
        assert_eq!(outcome(&format!("members-{index}"), &[gzip(one), gzip(other)].concat()), expected);
        for len in 0..packed.len() {
            let path = file(&format!("packed-cut-{index}"), &packed[..len]);
            if let Ok(mut input) = PcapInput::open(&path) {
                let counters = input.counters();
                assert!(frames(&mut input).iter().all(|came| *came == frame(MAC, 77)));
                assert!(counters.is_done() && counters.is_damaged(), "gzip cut to {len}");
            }
        }
        let mut wrong = packed.clone();
        let crc = wrong.len() - 8;
        wrong[crc] ^= 1;
        let (frames, _, damage) = outcome(&format!("crc-{index}"), &wrong);
        assert_eq!((frames.len(), damage.is_some()), (3, true), "a wrong CRC is damage");
    }
}

#[test]
fn records_before_the_damage_are_read() {
    for (index, contents) in both_kinds().iter().enumerate() {
        // The end of each record.
        let ends = if index == 0 { [24, 117, 210, 303] } else { [56, 168, 280, 376] };
        assert_eq!(contents.len(), ends[3]);
        for len in 0..contents.len() {
            let path = file(&format!("damage-{index}"), &contents[..len]);
            let Ok(mut input) = PcapInput::open(&path) else {
                assert!(len < ends[0], "cut to {len}");
                continue;
            };
            let (counters, came) = (input.counters(), frames(&mut input));
            let before = ends.iter().skip(1).filter(|end| **end <= len).count();
            assert_eq!(came, vec![frame(MAC, 77); before], "cut to {len}");
            let at = ends.iter().copied().rfind(|end| *end <= len);
            let is_whole = at == Some(len) || index == 1 && len == 36;
            assert!(counters.is_done() && counters.is_damaged() != is_whole, "cut to {len}");
            if let (Some(at), Some(damage)) = (at, counters.damage()) {
                let expected = format!("damaged at byte {at}, after record {before}: the file ends within a record");
                assert_eq!(damage, expected);
            }
        }
    }
}

#[test]
fn impossible_lengths_are_damage() {
    let data = frame(MAC, 77);
    let [classic, next] = both_kinds();
    for len in [262_145, 0x8000_0000, u32::MAX] {
        let contents = [classic.clone(), words(LITTLE, &[1, 2, len, len]), vec![0; 100]].concat();
        let (frames, _, damage) = outcome("absurd.pcap", &contents);
        assert_eq!((frames.len(), damage.unwrap().contains("above the limit")), (3, true), "{len}");
    }
    for len in [0, 4, 8, 11, 13, 14, 15, 0x0100_0004, 0x8000_0000, u32::MAX - 3, u32::MAX] {
        for kind in [0x99, 6, 1, 0x0A0D_0D0A] {
            let contents = [next.clone(), words(BIG, &[kind, len, 0x1A2B_3C4D]), vec![0; 100]].concat();
            let (frames, _, damage) = outcome("absurd.pcapng", &contents);
            let damage = damage.unwrap();
            assert!(frames.len() == 3 && damage.contains("a block length is"), "{kind:#x} {len}: {damage}");
        }
    }
    // A block whose lengths differ, and a packet that is longer than its block.
    let mut differing = ng(BIG, 0x99, &[0; 8]);
    differing[19] ^= 8;
    let over = ng(BIG, 6, &[words(BIG, &[0, 0, 0, 4000, 4000]), data.clone()].concat());
    for (wrong, reason) in [(differing, "two lengths of a block differ"), (over, "longer than its block")] {
        let (frames, _, damage) = outcome("inner.pcapng", &[next.clone(), wrong, next.clone()].concat());
        assert_eq!((frames.len(), damage.unwrap().contains(reason)), (3, true), "{reason}");
    }
}

/// Checks that a compressed file of a million empty records is read in bounded steps.
#[test]
fn a_compression_bomb_is_read_in_bounded_steps() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&classic(1)).unwrap();
    (0..100).for_each(|_| encoder.write_all(&vec![0; 160_000]).unwrap());
    let path = file("bomb", &encoder.finish().unwrap());
    let mut input = PcapInput::open(&path).unwrap();
    let counters = input.counters();
    input.receive(1, &mut |_| panic!("there is no frame"));
    assert!(counters.left_out(LeftOut::Empty) < 10_000 && !counters.is_done(), "one call read the whole file");
    while !counters.is_done() {
        input.receive(1, &mut |_| panic!("there is no frame"));
    }
    assert_eq!((counters.left_out(LeftOut::Empty), counters.is_damaged()), (1_000_000, false));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_modified_format_has_longer_record_headers() {
    let mut contents = pcap(LITTLE, [0xA1B2_CD34, 1, 65_535], &[]);
    for _ in 0..3 {
        contents.extend(words(LITTLE, &[1, 2, 77, 77, 9, 9]));
        contents.extend(frame(MAC, 77));
    }
    assert_eq!(outcome("modified.pcap", &contents), (vec![frame(MAC, 77); 3], NONE, None));
}

#[test]
fn options_after_the_end_of_options_are_ignored() {
    let options = [ng_option(LITTLE, 0, &[]), ng_option(LITTLE, 13, &[4])].concat();
    let start = [section(LITTLE, &[]), interface(LITTLE, 1, 0, &options)].concat();
    let contents = [start, enhanced(LITTLE, 0, &frame(MAC, 77), 77, &[])].concat();
    assert_eq!(outcome("end-of-options.pcapng", &contents), (vec![frame(MAC, 77)], NONE, None));
}

#[test]
fn too_many_interfaces_are_damage() {
    let contents = [section(LITTLE, &[]), interface(LITTLE, 1, 0, &[]).repeat((1 << 16) + 1)].concat();
    let (_, _, damage) = outcome("interfaces.pcapng", &contents);
    assert_eq!(damage.unwrap(), "damaged at byte 1310748, after record 0: a section has more than 65536 interfaces");
}

/// The parts of a file that is compressed with zstd follow each other. One that is cut off is damage.
#[cfg(feature = "zstd")]
#[test]
fn files_compressed_with_zstd_are_read() {
    let data = frame(MAC, 100);
    let contents = pcap(LITTLE, [0xA1B2_C3D4, 1, 65_535], &[(&data, 100), (&data, 100)]);
    let parts = [&contents[..30], &contents[30..]].map(|part| zstd::encode_all(part, 1).unwrap()).concat();
    assert_eq!(outcome("parts.zst", &parts), (vec![data.clone(), data.clone()], NONE, None));
    let (frames, left_out, damage) = outcome("cut.zst", &parts[..parts.len() - 9]);
    assert_eq!((frames.len() < 2, left_out, damage.is_some()), (true, NONE, true));
    // The window of 2 GiB is a claim that takes no memory.
    let window = [&[0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3][..], &[0; 99]].concat();
    let error = PcapInput::open(file("window.zst", &window)).unwrap_err();
    assert!(matches!(error, CaptureError::NotACapture { .. }), "{error}");
}

#[cfg(not(feature = "zstd"))]
#[test]
fn without_the_feature_a_file_compressed_with_zstd_is_refused() {
    let error = PcapInput::open(file("whole.zst", &[0x28, 0xB5, 0x2F, 0xFD, 0, 0])).unwrap_err();
    assert!(error.to_string().ends_with("needs the feature `zstd` of ixgbe-sim: build with it"), "{error}");
}

/// A directory of a test's own, with a capture in it. Returns both paths.
fn directory(name: &str) -> (PathBuf, PathBuf) {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let capture = directory.join("dump-00007.pcap");
    std::fs::write(&capture, [classic(1), record(&frame(MAC, 60), 60)].concat()).unwrap();
    (directory, capture)
}

/// By any path, also by that of a later file of a series.
#[test]
fn a_file_that_is_read_is_not_overwritten() {
    let (directory, capture) = directory("read");
    let contents = std::fs::read(&capture).unwrap();
    let [hard, soft] = ["hard", "soft"].map(|name| directory.join(name));
    std::fs::hard_link(&capture, &hard).unwrap();
    std::os::unix::fs::symlink("dump-00007.pcap", &soft).unwrap();
    std::fs::hard_link(&capture, directory.join("links-00002.pcap")).unwrap();
    let indirect = directory.join("../").join(directory.file_name().unwrap()).join("dump-00007.pcap");
    let mut input = PcapInput::open(&capture).unwrap();
    for (path, series) in [
        (&capture, None),
        (&hard, None),
        (&soft, None),
        (&indirect, None),
        (&directory.join("dump.pcap"), Some(None)),
        (&directory.join("links.pcap"), Some(Some(3))),
    ] {
        let said = Writer::create(path, series, &[]).unwrap_err().to_string();
        assert!(said.contains("reads or writes that file already") && said.ends_with("give another name"), "{said}");
        assert!(said.contains(&format!("as {}", capture.display())), "{said}");
    }
    assert!(
        matches!(PcapOutput::create(&hard), Err(CaptureError::SameFile { path, open }) if path == hard && open == capture)
    );
    assert_eq!(std::fs::read(&capture).unwrap(), contents);
    // Nothing was created, such as the first file of a series.
    assert_eq!(directory.read_dir().unwrap().count(), 4);
    assert_eq!(frames(&mut input), [frame(MAC, 60)]);
    // Names that only look as if, and the file itself once nobody reads it.
    Writer::create(directory.join("dump-0000.pcap"), Some(None), &[]).unwrap();
    drop(input);
    PcapOutput::create(&capture).unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn two_writers_have_two_files() {
    let (directory, _) = directory("written");
    let (new, link) = (directory.join("new.pcapng"), directory.join("link.pcapng"));
    // Its target does not exist yet.
    std::os::unix::fs::symlink("new.pcapng", &link).unwrap();
    let writer = Writer::create(&link, None, &[]).unwrap();
    assert!(matches!(Writer::create(&new, None, &[]), Err(CaptureError::SameFile { .. })));
    assert_eq!(new.metadata().unwrap().len(), writer.written());
    // A series does not come back to a file by a link.
    std::fs::hard_link(&new, directory.join("links-00002.pcapng")).unwrap();
    assert!(matches!(
        Writer::create(directory.join("links.pcapng"), Some(None), &[]),
        Err(CaptureError::SameFile { .. })
    ));
    drop(writer);
    let mut writer = Writer::create(directory.join("links.pcapng"), Some(None), &[]).unwrap();
    let _new = Writer::create(&new, None, &[]).unwrap();
    assert!(matches!(writer.next_file(), Err(CaptureError::SameFile { .. })));
    // What is no file on a disk may be written by several.
    for path in ["/dev/null", "/dev/null"].map(|path| Writer::create(path, None, &[])) {
        assert!(path.is_ok());
    }
    std::fs::remove_dir_all(directory).unwrap();
}

/// What the program prints would be between the packets.
#[test]
fn a_wire_is_not_written_to_the_standard_output() {
    for name in ["-", "/dev/stdout"] {
        let is_device = std::fs::metadata(name).is_ok_and(|file| file.file_type().is_char_device());
        // Such as /dev/null, which may take both.
        let Err(error) = PcapOutput::create(name) else {
            assert!(is_device);
            continue;
        };
        assert!(error.to_string().contains("the program prints there"), "{error}");
    }
}

/// The number of packets of a file, and the damage at its end.
fn packets(path: &Path) -> (usize, Option<Damage>) {
    let (mut reader, mut packets) = (Reader::open(path).unwrap(), 0);
    loop {
        match reader.next_item() {
            Ok(Item::Record(_)) => packets += 1,
            Ok(Item::Other) => {}
            Ok(Item::End) => return (packets, None),
            Err(damage) => return (packets, Some(damage)),
        }
    }
}

/// As one is whose program was killed.
#[test]
fn a_file_without_an_end_is_read_up_to_the_last_flush() {
    let (directory, _) = directory("killed");
    for name in [
        "whole.pcapng",
        "whole.pcapng.gz",
        #[cfg(feature = "zstd")]
        "whole.pcapng.zst",
    ] {
        let (path, cut) = (directory.join(name), directory.join("cut"));
        let mut writer = Writer::create(&path, None, &[Description::default()]).unwrap();
        let mut flush = |packets: std::ops::Range<usize>| {
            for number in packets {
                writer.packet(0, Duration::from_secs(1), &frame(MAC, 60 + number), 60 + number, None).unwrap();
            }
            writer.flush().unwrap();
            assert_eq!(path.metadata().unwrap().len(), writer.written());
            writer.written() as usize
        };
        let flushed = [flush(0..10), flush(10..20), flush(20..200)];
        let bytes = std::fs::read(&path).unwrap();
        for len in (flushed[0]..bytes.len()).step_by(101).chain(flushed) {
            std::fs::write(&cut, &bytes[..len]).unwrap();
            let (count, damage) = packets(&cut);
            let least = if len < flushed[1] {
                10
            } else if len < flushed[2] {
                20
            } else {
                200
            };
            assert!(count >= least, "{name}, {len} of {flushed:?} bytes: {count}, {damage:?}");
            // All that is missing is the end of a frame.
            assert!(!flushed.contains(&len) || count == least && (damage.is_none() || name.ends_with("zst")));
        }
        writer.finish().unwrap();
        assert_eq!(packets(&path), (200, None), "{name}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

/// What has several frames is misread by some programs.
#[test]
#[cfg(feature = "zstd")]
fn a_file_compressed_with_zstd_is_one_frame() {
    let (directory, _) = directory("frame");
    let path = directory.join("dump.pcapng.zst");
    let mut writer = Writer::create(&path, None, &[Description::default()]).unwrap();
    for number in 0..100 {
        writer.packet(0, Duration::ZERO, &frame(MAC, 60 + number), 60 + number, None).unwrap();
        writer.flush().unwrap();
    }
    drop(writer);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(zstd::zstd_safe::find_frame_compressed_size(&bytes), Ok(bytes.len()));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_wire_that_cannot_write_says_so() {
    // A chunk of frames is written at once, and the last ones when the wire is dropped.
    for frames in [1, 10_000] {
        let (reader, pipe) = std::io::pipe().unwrap();
        let mut output = PcapOutput::create(format!("/proc/self/fd/{}", pipe.as_raw_fd())).unwrap();
        let (failure, written) = (output.failure(), output.written());
        drop(reader);
        (0..frames).for_each(|_| output.transmit(&frame(MAC, 60)));
        assert_eq!(failure.get().is_some(), frames > 1);
        assert_eq!(written.load(Ordering::Relaxed) < frames, frames > 1);
        drop(output);
        let said = failure.get().unwrap().to_string();
        assert!(said.ends_with("its reader has closed it"), "{said}");
    }
}
