//! The examples `replay` and `capture` on two ports of the model: what one sends, the other writes, as tshark reads it.
//!
//! Without tshark or libpcap the tests that need them end at once, unless `CI` is set: then they fail.

#![allow(clippy::duplicate_mod, reason = "each example has the code that they share as a module of its own")]

#[allow(dead_code, reason = "tests run it without its arguments")]
#[path = "../examples/capture.rs"]
mod capture;
#[path = "../sim/tests/common/files.rs"]
mod files;
#[path = "../examples/replay/pace.rs"]
mod pace;
#[allow(dead_code, reason = "tests run it without its arguments")]
#[path = "../examples/replay.rs"]
mod replay;
#[path = "common/tshark.rs"]
mod tshark;

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use files::*;
use ixgbe_sim::capture::{Description, Filter, FilterError, Item, Reader, Writer};
use ixgbe_sim::wire::pcap::PcapInput;
use ixgbe_sim::wire::{Duplex, NoTraffic};
use ixgbe_sim::{Fault, Port, Wire};
use tshark::tshark;

/// The outcome of an example: nothing, or the sentence that it ends with.
type Outcome = Result<(), String>;

/// A directory of a test's own, which goes with it.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn write(directory: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A frame of some bytes, to an address of one port alone.
fn frame(len: usize) -> Vec<u8> {
    let head = [2, 0x82, 0x59, 0x90, 0, 1, 2, 0x82, 0x59, 0x90, 0, 9, 0x88, 0xB5];
    (0..len).map(|at| *head.get(at).unwrap_or(&((at * 31 + len) as u8))).collect()
}

/// Runs `capture` with these arguments on some ports that `plug` gives wires, until it is idle after `is_done`.
fn run_capture(
    output: &Path,
    arguments: &[&str],
    (ports, plug): (usize, impl FnOnce(&[Port])),
    is_done: &dyn Fn() -> bool,
) -> Outcome {
    let output = output.to_str().unwrap();
    let command = [&["capture", "--promiscuous", "--output", output], arguments].concat();
    let arguments = capture::Arguments::try_parse_from(command).map_err(|error| error.to_string())?;
    let testbed = arguments.ports.open(&[], ports).map_err(|error| error.to_string())?;
    plug(testbed.model());
    capture::capture(&arguments, testbed, is_done).map_err(|error| error.to_string())
}

/// A wire from one port to another that keeps what the other does not take yet, whoever starts first and ends last.
#[derive(Clone, Default)]
struct Relay {
    frames: Arc<Mutex<VecDeque<Vec<u8>>>>,
    /// Set when the receiver takes frames.
    is_open: Arc<AtomicBool>,
}

impl Wire for Relay {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        if room > 0 {
            self.is_open.store(true, Ordering::Relaxed);
        }
        let mut frames = self.frames.lock().unwrap();
        let count = room.min(frames.len());
        frames.drain(..count).for_each(|frame| port(&frame));
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.frames.lock().unwrap().push_back(frame.to_vec());
    }
}

/// Has `replay` send files, and `capture` write them all to `output`. Returns the outcomes of both.
fn send_and_capture(files: &[PathBuf], output: &Path, sending: &[&str], capturing: &[&str]) -> (Vec<Outcome>, Outcome) {
    let (relay, has_sent) = (Relay::default(), &AtomicBool::new(false));
    thread::scope(|scope| {
        let (wire, frames) = (Duplex::new(relay.clone(), NoTraffic), Arc::clone(&relay.frames));
        let is_done = move || has_sent.load(Ordering::Relaxed) && frames.lock().unwrap().is_empty();
        let capturing =
            scope.spawn(move || run_capture(output, capturing, (1, |ports: &[Port]| ports[0].plug(wire)), &is_done));
        while !relay.is_open.load(Ordering::Relaxed) && !capturing.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        let send = |file: &PathBuf| {
            let command = [&["replay", "--input", file.to_str().unwrap()], sending].concat();
            let arguments = replay::Arguments::try_parse_from(command).unwrap();
            let testbed = arguments.ports.open(&[], 1).unwrap();
            testbed.model()[0].plug(Duplex::new(NoTraffic, relay.clone()));
            replay::replay(&arguments, Reader::open(file).unwrap(), testbed).map_err(|error| error.to_string())
        };
        let sent = files.iter().map(send).collect();
        has_sent.store(true, Ordering::Relaxed);
        (sent, capturing.join().unwrap())
    })
}

/// The packets of a file as tshark reads them: link type, length on the wire, bytes.
fn packets(file: &Path) -> Option<Vec<(String, usize, Vec<u8>)>> {
    let json: serde_json::Value = serde_json::from_str(&tshark(file, &["-T", "json", "-x"])?).unwrap();
    let packet = |packet: &serde_json::Value| {
        let layers = &packet["_source"]["layers"];
        // A block that tshark does not know counts as a packet without all this.
        let text = |field: &str| layers["frame"][field].as_str().unwrap_or_default().to_owned();
        let hex = layers["frame_raw"][0].as_str().unwrap_or_default().as_bytes();
        let bytes = hex.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
        (text("frame.encap_type"), text("frame.len").parse().unwrap_or(0), bytes.collect())
    };
    Some(json.as_array().unwrap().iter().map(packet).collect())
}

/// What a wire carries of the packets: whole frames of Ethernet, without `fcs` bytes, padded.
fn on_the_wire(packets: Vec<(String, usize, Vec<u8>)>, fcs: usize) -> Vec<Vec<u8>> {
    let is_whole = |(link, len, bytes): &(String, usize, Vec<u8>)| link == "1" && *len == bytes.len() && *len > 0;
    let whole = packets.into_iter().filter(is_whole).map(|(_, _, mut bytes)| {
        bytes.truncate(bytes.len() - fcs);
        bytes.resize(bytes.len().max(60), 0);
        bytes
    });
    whole.collect()
}

/// Kinds of files: a name, the bytes, the length of the FCS, the number of frames, and what `replay` says at its end.
fn kinds(big: bool) -> Vec<(&'static str, Vec<u8>, usize, usize, &'static str)> {
    const MICRO: u32 = 0xA1B2_C3D4;
    const NANO: u32 = 0xA1B2_3C4D;
    let (one, other, odd) = (frame(60), frame(1514), frame(61));
    let both: [(&[u8], u32); 2] = [(&one, 60), (&other, 1514)];
    let start = |options: &[u8], snap| [section(big, &[]), interface(big, 1, snap, options)].concat();
    let ng_both =
        |options| [start(options, 0), enhanced(big, 0, &one, 60, &[]), enhanced(big, 0, &other, 1514, &[])].concat();
    let late = {
        let mut file = pcap(big, [MICRO, 1, 65_535], &both);
        file[28..32].copy_from_slice(&words(big, &[5_000_000]));
        file
    };
    let resolutions = [
        section(big, &ng_option(big, 4, b"program")),
        interface(big, 1, 0, &ng_option(big, 9, &[9])),
        interface(big, 1, 0, &[ng_option(big, 9, &[0x8A]), ng_option(big, 14, &[0; 8])].concat()),
        interface(big, 101, 0, &ng_option(big, 9, &[0xFF])),
        stamped(big, 0, 1_000_000_000, &one, 60, &[]),
        stamped(big, 1, 1 << 10, &other, 1514, &ng_option(big, 1, b"a comment")),
        stamped(big, 2, u64::MAX, &one, 60, &[]),
    ];
    let unknown = [
        start(&ng_option(big, 10, &[0; 4]), 0),
        ng(big, 0xBAD, &[7; 33]),
        enhanced(big, 0, &odd, 61, &ng_option(big, 0x4321, b"what?")),
        ng(big, 4, &[0; 4]),
        ng(big, 0x4000_0BAD, &[7; 8]),
    ];
    let sections = [
        start(&[], 0),
        enhanced(big, 0, &one, 60, &[]),
        section(!big, &[]),
        interface(!big, 1, 0, &[]),
        interface(!big, 1, 0, &ng_option(!big, 2, b"eth1")),
        enhanced(!big, 1, &other, 1514, &[]),
    ];
    let raw_ip = [
        section(big, &[]),
        interface(big, 101, 0, &[]),
        enhanced(big, 0, &[0; 60], 60, &[]),
        start(&[], 0),
        enhanced(big, 0, &one, 60, &[]),
    ];
    let whole = pcap(big, [MICRO, 1, 65_535], &both);
    let fcs_both: [(&[u8], u32); 2] = [(&one, 60), (&odd, 61)];
    vec![
        ("micro", whole.clone(), 0, 2, ""),
        ("nano", pcap(big, [NANO, 1, 65_535], &both), 0, 2, ""),
        ("no snap length", pcap(big, [MICRO, 1, 0], &both), 0, 2, ""),
        ("above the snap length", pcap(big, [MICRO, 1, 64], &both), 0, 2, ""),
        ("more microseconds than a second has", late, 0, 2, ""),
        ("an FCS of 4 bytes", pcap(big, [MICRO, 0x2400_0001, 65_535], &fcs_both), 4, 2, ""),
        ("bits of an FCS without its flag", pcap(big, [MICRO, 0x2000_0001, 65_535], &fcs_both), 0, 2, ""),
        ("cut off", whole[..whole.len() - 1].to_vec(), 0, 1, "damaged at byte 100, after record 1"),
        ("empty record", pcap(big, [MICRO, 1, 65_535], &[(&one, 60), (&[], 0), (&odd, 61)]), 0, 2, "left out: 1 empty"),
        ("cut record", pcap(big, [MICRO, 1, 65_535], &[(&one, 60), (&odd, 64)]), 0, 1, "left out: 1 cut short"),
        ("short frames", pcap(big, [MICRO, 1, 65_535], &[(&one[..14], 14), (&one[..59], 59)]), 0, 2, ""),
        ("pcapng", ng_both(&[]), 0, 2, ""),
        ("simple packet", [start(&[], 0), simple(big, &odd, 61)].concat(), 0, 1, ""),
        ("cut simple packet", [start(&[], 61), simple(big, &odd, 64)].concat(), 0, 0, "left out: 1 cut short"),
        (
            "no end of options",
            [
                section(big, &halves(big, &[4, 0])),
                start(&ng_option(big, 2, b"eth0"), 0)[28..].to_vec(),
                enhanced(big, 0, &one, 60, &[]),
            ]
            .concat(),
            0,
            1,
            "",
        ),
        ("interfaces of other resolutions", resolutions.concat(), 0, 2, "left out: 1 without an Ethernet header"),
        ("unknown blocks and options", unknown.concat(), 0, 1, ""),
        ("two sections of other byte orders", sections.concat(), 0, 2, ""),
        ("two sections, one of raw IP", raw_ip.concat(), 0, 1, "left out: 1 without an Ethernet header"),
    ]
}

/// Each file is sent plain, or compressed in one of two ways.
#[test]
fn what_replay_sends_is_what_capture_writes() {
    let directory = directory();
    let all = [("little", LITTLE), ("big", BIG)].into_iter().flat_map(|(order, big)| {
        let named =
            move |(name, bytes, fcs, frames, says)| (format!("{name}, {order}-endian"), bytes, fcs, frames, says);
        kinds(big).into_iter().map(named)
    });
    let all: Vec<_> = all.collect();
    let compressed = all.iter().enumerate().map(|(index, (_, bytes, ..))| {
        let bytes = match index % 3 {
            0 => bytes.clone(),
            1 => {
                let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            _ => zstd::encode_all(&bytes[..], 1).unwrap(),
        };
        write(&directory, &format!("sent-{index}"), &bytes)
    });
    let written = directory.path().join("written.pcapng");
    let (sent, captured) = send_and_capture(&compressed.collect::<Vec<_>>(), &written, &["--fast"], &[]);
    assert_eq!(captured, Ok(()));
    let mut expected = vec![];
    for ((name, bytes, fcs, frames, says), sent) in all.iter().zip(sent) {
        match sent {
            Ok(()) => assert_eq!(*says, "", "{name}"),
            Err(said) => assert!(!says.is_empty() && said.contains(says), "{name}: {said}"),
        }
        // tshark fails for a file that was cut off, so it reads the first kind: the whole one, in either byte order.
        let whole = if name.starts_with("cut off") { &all[0].1 } else { bytes };
        let Some(packets) = packets(&write(&directory, "whole", whole)) else { return };
        let packets = on_the_wire(packets, *fcs);
        assert!(packets.len() >= *frames, "{name}");
        expected.extend(packets.into_iter().take(*frames).map(|packet| (name, packet)));
    }
    let written = packets(&written).unwrap();
    assert_eq!(written.len(), expected.len());
    for ((name, expected), written) in expected.into_iter().zip(written) {
        assert_eq!(written, ("1".into(), expected.len(), expected), "{name}");
    }
}

/// Runs `capture` on ports that receive these files.
fn capture_files(inputs: &[&Path], output: &Path, arguments: &[&str]) -> Outcome {
    let inputs: Vec<_> = inputs.iter().map(|path| PcapInput::open(path).unwrap()).collect();
    let counters: Vec<_> = inputs.iter().map(PcapInput::counters).collect();
    let plug = |ports: &[Port]| ports.iter().zip(inputs).for_each(|(port, input)| port.plug(input));
    let is_done = || counters.iter().all(|counters| counters.is_done());
    run_capture(output, arguments, (counters.len(), plug), &is_done)
}

/// The values of fields, for each packet of a file.
fn fields(file: &Path, fields: &[&str]) -> Option<Vec<String>> {
    let fields: Vec<&str> = fields.iter().flat_map(|field| ["-e", field]).collect();
    Some(tshark(file, &[&["-T", "fields"], &fields[..]].concat())?.lines().map(str::to_owned).collect())
}

/// Returns a file of frames with these lengths.
fn file_of(directory: &tempfile::TempDir, name: &str, lens: impl IntoIterator<Item = usize>) -> PathBuf {
    let frames: Vec<_> = lens.into_iter().map(frame).collect();
    let records: Vec<(&[u8], u32)> = frames.iter().map(|frame| (&frame[..], frame.len() as u32)).collect();
    write(directory, name, &pcap(LITTLE, [0xA1B2_C3D4, 1, 65_535], &records))
}

/// The arguments of a pace alone.
#[derive(Debug, clap::Parser)]
struct Paced {
    #[command(flatten)]
    pace: pace::PaceArguments,
}

#[test]
fn packets_keep_their_distance_unless_they_are_hurried() {
    let directory = directory();
    // 0.3 s and 0.2 s apart, by interfaces of other resolutions, and of a clock that is an hour behind. Then one of an
    // earlier time, one without a time, and one whose time is a lie.
    let (hour, data) = (3600_u64, frame(60));
    for big in [LITTLE, BIG] {
        let offset = if big { hour.to_be_bytes() } else { hour.to_le_bytes() };
        let file = [
            section(big, &[]),
            interface(big, 1, 0, &[]),
            interface(big, 1, 0, &ng_option(big, 9, &[9])),
            interface(big, 1, 0, &[ng_option(big, 9, &[0x81]), ng_option(big, 14, &offset)].concat()),
            stamped(big, 0, (hour + 10) * 1_000_000, &data, 60, &[]),
            stamped(big, 1, (hour + 10) * 1_000_000_000 + 300_000_000, &data, 60, &[]),
            stamped(big, 2, 21, &data, 60, &[]),
            stamped(big, 0, 7, &data, 60, &[]),
            simple(big, &data, 60),
            stamped(big, 1, u64::MAX, &data, 60, &[]),
        ];
        let sent = write(&directory, "sent.pcapng", &file.concat());
        for (arguments, millis, shortened) in [
            (&[][..], [0, 300, 500, 500, 500, 1500], 1),
            (&["--speed", "2"], [0, 150, 250, 250, 250, 1250], 1),
            (&["--speed", "0.5"], [0, 600, 1000, 1000, 1000, 2000], 1),
            (&["--packets-per-second", "10"], [0, 100, 200, 300, 400, 500], 0),
            // A frame has 512 bits.
            (&["--bits-per-second", "5120"], [0, 100, 200, 300, 400, 500], 0),
            (&["--fast"], [0; 6], 0),
        ] {
            let Paced { pace } = Paced::parse_from([&["paced"], arguments].concat());
            let mut pace = pace::Pace::new(&pace, Duration::from_secs(1));
            pace.begin_file();
            let (mut reader, mut dues) = (Reader::open(&sent).unwrap(), vec![]);
            loop {
                match reader.next_item().unwrap() {
                    Item::Record(record) => dues.push(pace.due(record.stamp, 64)),
                    Item::Other => {}
                    Item::End => break,
                }
            }
            let after: Vec<_> = dues.iter().map(|due| (*due - dues[0]).as_millis()).collect();
            assert_eq!((&after[..], pace.shortened()), (&millis[..], shortened), "{arguments:?}");
        }
    }
    let sent = file_of(&directory, "sent", [60; 4]);
    let start = Instant::now();
    let written = directory.path().join("written.pcapng");
    let outcomes = send_and_capture(&[sent], &written, &["--packets-per-second", "10"], &[]);
    assert_eq!(outcomes, (vec![Ok(())], Ok(())));
    assert!(start.elapsed() >= Duration::from_millis(300), "no packet is early");
}

#[test]
fn a_file_is_sent_several_times_or_one_interface_of_it() {
    let directory = directory();
    let names = [&b"first"[..], b"second"].map(|name| interface(LITTLE, 1, 0, &ng_option(LITTLE, 2, name))).concat();
    let packets =
        [(0, 60), (1, 61), (0, 62), (1, 63)].map(|(index, len)| enhanced(LITTLE, index, &frame(len), len as u32, &[]));
    let sent = write(&directory, "sent.pcapng", &[section(LITTLE, &[]), names, packets.concat()].concat());
    let written = directory.path().join("written.pcapng");
    for (arguments, lens) in [
        (&["--loops", "3"][..], &["60", "61", "62", "63"].repeat(3)[..]),
        (&["--interface", "second"], &["61", "63"]),
        (&["--interface", "0", "--loops", "2"], &["60", "62", "60", "62"]),
    ] {
        let outcomes = send_and_capture(std::slice::from_ref(&sent), &written, &[&["--fast"], arguments].concat(), &[]);
        assert_eq!(outcomes, (vec![Ok(())], Ok(())));
        let Some(written) = fields(&written, &["frame.len"]) else { return };
        assert_eq!(written, lens, "{arguments:?}");
    }
    // Without end, too: the first round shows that there is none.
    for loops in ["1", "0"] {
        let arguments = ["--fast", "--interface", "third", "--loops", loops];
        let (sent, captured) = send_and_capture(std::slice::from_ref(&sent), &written, &arguments, &[]);
        let said = sent[0].as_ref().unwrap_err();
        assert!(
            said.ends_with("sent.pcapng is of interface \"third\": it has packets of 0 (\"first\"), 1 (\"second\")"),
            "{said}"
        );
        assert_eq!(captured, Ok(()));
    }
    let empty = write(&directory, "empty.pcap", &pcap(LITTLE, [0xA1B2_C3D4, 1, 65_535], &[]));
    let (sent, _) = send_and_capture(std::slice::from_ref(&empty), &written, &["--interface", "0"], &[]);
    assert!(sent[0].as_ref().unwrap_err().ends_with("it has no packets"), "{sent:?}");
    // There is nothing to send, however often.
    assert_eq!(send_and_capture(&[empty], &written, &["--loops", "0"], &[]), (vec![Ok(())], Ok(())));
}

/// Two ports are two interfaces of one file, which has their counters. Long packets come in several buffers.
#[test]
fn ports_are_interfaces_with_counters() {
    let directory = directory();
    let one = file_of(&directory, "one", 60..80);
    let other = file_of(&directory, "other", [60, 9_000, 15_000]);
    let written = directory.path().join("written.pcapng");
    assert_eq!(capture_files(&[&one, &other], &written, &["--snap", "70"]), Ok(()));
    let Some(packets) = fields(&written, &["frame.interface_name", "frame.len", "frame.cap_len"]) else { return };
    let expected = |name, len: usize| format!("{name}\t{len}\t{}", len.min(70));
    let mut all: Vec<_> = (60..80).map(|len| expected("model0", len)).collect();
    all.extend([60, 9_000].map(|len| expected("model1", len)));
    let mut sorted = packets.clone();
    sorted.sort_by_key(|line| line.starts_with("model1"));
    assert_eq!(sorted, all);
    let blocks = tshark(&written, &["-X", "read_format:MIME Files Format", "-V"]).unwrap();
    let counts =
        |name: &str| blocks.lines().filter_map(|line| line.trim().strip_prefix(name)).collect::<Vec<_>>().join(" ");
    // The chip does not take the frame of 15,000 bytes.
    assert_eq!(counts("Number of Received Packets: "), "20 3");
    assert_eq!(counts("Number of Delivered to the User Packets: "), "20 2");
    assert_eq!(counts("Number of Dropped Packets: "), "0 0");
    assert!(
        counts("Comment: ")
            .contains("captured 2, filtered 0, missed 0, no descriptor 0, CRC 0, undersize 0, oversize 1"),
        "{blocks}"
    );
    let output = std::process::Command::new("capinfos").arg(&written).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.contains("Time precision = nanoseconds (9)") && printed.contains("Number of stat entries = 1"),
        "{printed}"
    );
}

#[test]
fn files_follow_each_other_and_the_first_ones_go() {
    let directory = directory();
    let sent = file_of(&directory, "sent", (0..3_000).map(|_| 1_000));
    for extension in ["pcapng", "pcapng.gz", "pcapng.zst"] {
        let output = directory.path().join(format!("dump.{extension}"));
        assert_eq!(capture_files(&[&sent], &output, &["--file-bytes", "300", "--files", "2"]), Ok(()));
        let names =
            std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.starts_with("dump")).collect();
        names.sort();
        assert!(names.len() == 2 && names[0] != format!("dump-00001.{extension}"), "{names:?}");
        for name in names {
            let path = directory.path().join(name);
            let complete = tshark(&path, &["-X", "read_format:MIME Files Format", "-V"]);
            assert!(complete.is_none_or(|blocks| blocks.contains("Number of Received Packets: ")), "{path:?}");
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// A sender that waits until it is let go.
struct Held(PcapInput, Arc<AtomicBool>);

impl Wire for Held {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        if self.1.load(Ordering::Relaxed) {
            self.0.receive(room, port);
        }
    }

    fn transmit(&mut self, _frame: &[u8]) {}
}

/// The system's clock and the chip's differ by nothing that a test could see; the comment says which it was.
#[test]
fn the_chip_stamps_messages_of_ptp() {
    let directory = directory();
    let sync = [&[0x01, 0x1b, 0x19, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0x88, 0xf7, 0, 2][..], &[0; 48]].concat();
    let other = frame(60);
    let file = pcap(LITTLE, [0xA1B2_C3D4, 1, 65_535], &[(&sync, 64), (&other, 60)]);
    let (sent, written) = (write(&directory, "sent", &file), directory.path().join("written.pcapng"));
    let (input, runs) = (PcapInput::open(&sent).unwrap(), Arc::new(AtomicBool::new(false)));
    let (counters, held) = (input.counters(), Held(input, Arc::clone(&runs)));
    // The first look at the link has started the chip's clock when the capture asks this.
    let is_done = || {
        runs.store(true, Ordering::Relaxed);
        counters.is_done()
    };
    let plug = |ports: &[Port]| ports[0].plug(held);
    assert_eq!(run_capture(&written, &["--chip-time"], (1, plug), &is_done), Ok(()));
    let Some(packets) = fields(&written, &["frame.len", "frame.comment", "frame.time_epoch"]) else { return };
    assert_eq!(packets.len(), 2);
    assert!(packets[0].starts_with("64\tstamped by the chip\t") && packets[1].starts_with("60\t\t"), "{packets:?}");
    let seconds = |line: &String| line.rsplit('\t').next().unwrap().parse::<f64>().unwrap();
    let apart = (seconds(&packets[0]) - seconds(&packets[1])).abs();
    assert!(apart > 0.0 && apart < 1.0, "{packets:?}");
}

/// A port that is gone ends the capture with a sentence. The file has what came before, and the last counters.
#[test]
fn a_port_that_vanishes_leaves_a_complete_file() {
    let directory = directory();
    let (sent, written) = (file_of(&directory, "sent", 60..160), directory.path().join("written.pcapng"));
    let input = PcapInput::open(&sent).unwrap();
    let counters = input.counters();
    let outcome = thread::scope(|scope| {
        let plug = |ports: &[Port]| {
            let port = ports[0].clone();
            port.plug(input);
            scope.spawn(move || {
                while !counters.is_done() {
                    thread::sleep(Duration::from_millis(1));
                }
                // Until all of them are written.
                thread::sleep(Duration::from_millis(500));
                port.inject(Fault::SurpriseRemoval);
            });
        };
        run_capture(&written, &[], (1, plug), &|| false)
    });
    let said = outcome.unwrap_err();
    assert!(said.contains("it is gone"), "{said}");
    let Some(blocks) = tshark(&written, &["-X", "read_format:MIME Files Format", "-V"]) else { return };
    assert!(blocks.contains("Number of Delivered to the User Packets: 100"), "{blocks}");
    assert_eq!(fields(&written, &["frame.len"]).unwrap().len(), 100);
}

/// Compressed in many parts, which a reader has to put together: half of the bytes are random.
#[test]
fn tshark_reads_large_compressed_files() {
    const PACKETS: usize = 200_000;
    let directory = directory();
    let (mut frame, mut random) = (frame(90), 1_u32);
    for extension in ["gz", "zst"] {
        let path = directory.path().join(format!("large.pcapng.{extension}"));
        let mut writer = Writer::create(&path, None, &[Description::default()]).unwrap();
        for number in 0..PACKETS {
            for byte in &mut frame[45..] {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (random >> 24) as u8;
            }
            writer.packet(0, Duration::from_micros(number as u64), &frame, frame.len(), None).unwrap();
        }
        let flushed = directory.path().join(format!("flushed.pcapng.{extension}"));
        writer.flush().unwrap();
        std::fs::copy(&path, &flushed).unwrap();
        writer.finish().unwrap();
        for path in [path, flushed] {
            let Some(last) =
                tshark(&path, &["-Y", &format!("frame.number >= {PACKETS}"), "-T", "fields", "-e", "frame.number"])
            else {
                return;
            };
            assert_eq!(last.trim(), PACKETS.to_string(), "{path:?}");
        }
    }
}

#[test]
fn the_file_that_is_read_is_not_written() {
    let directory = directory();
    let sent = file_of(&directory, "sent-00003", [60]);
    let contents = std::fs::read(&sent).unwrap();
    for (output, arguments) in [(&sent, &[][..]), (&directory.path().join("sent"), &["--file-seconds", "1"])] {
        let said = capture_files(&[&sent], output, arguments).unwrap_err();
        assert!(said.starts_with(&format!("cannot write {}: this program reads", sent.display())), "{said}");
        assert_eq!(std::fs::read(&sent).unwrap(), contents);
    }
    assert_eq!(directory.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_disk_without_room_is_a_sentence() {
    let directory = directory();
    let sent = file_of(&directory, "sent", [60]);
    let said = capture_files(&[&sent], Path::new("/dev/full"), &[]).unwrap_err();
    assert!(said.contains("cannot write /dev/full: No space left on device"), "{said}");
}

/// Returns a filter, or `None` if there is no libpcap and none is needed.
fn filter(text: &str) -> Option<Result<Filter, FilterError>> {
    match Filter::new(text) {
        Err(FilterError::NoLibrary(error)) => {
            assert!(std::env::var_os("CI").is_none(), "{error}: run `apt-get install libpcap0.8`");
            None
        }
        result => Some(result),
    }
}

#[test]
fn a_filter_selects_as_tcpdump_does() {
    let udp =
        [&frame(12)[..], &[8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 53], &[0; 24]]
            .concat();
    let Some(dns) = filter("udp port 53 and host 10.0.0.2") else { return };
    let dns = dns.unwrap();
    assert!(dns.matches(&udp) && !dns.matches(&frame(60)) && !dns.matches(&udp[..30]) && !dns.matches(&[]));
    assert!(filter("").unwrap().unwrap().matches(&[]));
    let directory = directory();
    let file = pcap(LITTLE, [0xA1B2_C3D4, 1, 65_535], &[(&udp, 60), (&frame(60), 60), (&udp, 60)]);
    let (sent, written) = (write(&directory, "sent", &file), directory.path().join("written.pcapng"));
    assert_eq!(capture_files(&[&sent], &written, &["--filter", "udp port 53"]), Ok(()));
    let Some(blocks) = tshark(&written, &["-X", "read_format:MIME Files Format", "-V"]) else { return };
    assert!(
        blocks.contains("Number of Accepted by Filter Packets: 2") && blocks.contains("captured 2, filtered 1,"),
        "{blocks}"
    );
    assert_eq!(fields(&written, &["frame.len"]).unwrap(), ["60", "60"]);
}

#[test]
fn absurd_filters_are_refused_with_a_reason() {
    let deep = format!("{}tcp{}", "(".repeat(2_000), ")".repeat(2_000));
    for (text, reason) in [
        ("tcp and and", "syntax error"),
        ("port 99999", "illegal port number"),
        ("vlan 5000", "greater than maximum"),
        ("a filter\0with a zero", "nul byte"),
    ] {
        let Some(result) = filter(text) else { return };
        let said = result.unwrap_err().to_string();
        assert!(said.contains(reason) && said.contains(" is no filter: "), "{said}");
    }
    assert!(filter(&deep).unwrap().is_ok());
    assert_eq!(filter(&"not ".repeat(2_000)).unwrap().unwrap_err(), FilterError::TooLong(8_000));
}

#[test]
fn arguments_without_a_sense_are_refused() {
    let directory = directory();
    let sent = file_of(&directory, "sent", [60]);
    let written = directory.path().join("written.pcapng");
    for (arguments, says) in [
        (&["--snap", "0"][..], "0 is not in 1..=262144"),
        (&["--files", "3"], "--file-bytes"),
        (&["--count", "0"], "0 is not in 1.."),
        (&["--input", "x", "0000:03:00.0"], "cannot be used with"),
    ] {
        let said = capture_files(&[&sent], &written, arguments).unwrap_err();
        assert!(said.contains(says), "{said}");
    }
    let said = capture_files(&[&sent], Path::new("-"), &["--file-bytes", "9"]).unwrap_err();
    assert!(said.contains("the standard output is one file"), "{said}");
    for arguments in [
        &["--speed", "0"][..],
        &["--speed", "nan"],
        &["--speed", "-1"],
        &["--fast", "--speed", "2"],
        &["--bits-per-second", "0"],
    ] {
        let command = [&["replay", "--input", "x"], arguments].concat();
        assert!(replay::Arguments::try_parse_from(command).is_err(), "{arguments:?}");
    }
}
