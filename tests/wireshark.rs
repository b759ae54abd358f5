//! Offloaded frames, captured from the wire and judged by Wireshark's `tshark`: it checks every checksum, puts the
//! segments of TCP together again, and says what it thinks of the rest.
//!
//! Without tshark the test ends at once, unless `CI` is set: then it fails.

mod common;
#[path = "common/tshark.rs"]
mod tshark;

use std::path::{Path, PathBuf};

use common::{assert_clean, mac, pool_of, port, start};
use etherparse::{IpHeaders, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, PacketBuilder, VlanId};
use ixgbe::device::Config;
use ixgbe::offload::{Request, Requested, VlanTag};
use ixgbe::packet::{Batch, Headers, Network, Transport};
use ixgbe::pool::Pool;
use ixgbe_sim::wire::pcap::PcapOutput;

/// The ports of TCP and UDP, which name no protocol that tshark would look for in the payload.
const PORTS: [u16; 2] = [50_001, 50_002];
/// The most that IP's length can say, less headers.
const SAYABLE: usize = 65_000;

/// As [`tshark`](tshark::tshark), which checks every checksum.
fn checked(file: &Path, arguments: &[&str]) -> Option<String> {
    let options =
        ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE", "sctp.checksum:CRC 32c"];
    let options: Vec<&str> = options.iter().flat_map(|option| ["-o", option]).collect();
    tshark::tshark(file, &[&options, arguments].concat())
}

/// A packet to send.
#[derive(Debug, Clone, Copy)]
struct Kind {
    network: Network,
    transport: Transport,
    /// Bytes behind the headers.
    len: usize,
    /// Bytes behind the headers of each segment, if the device cuts the packet.
    segment: Option<u16>,
    /// The tag in the packet, and the one that the device inserts before it.
    tags: [Option<u16>; 2],
}

impl Kind {
    fn payload(&self) -> Vec<u8> {
        (0..self.len).map(|at| (at * 31 + at / 256) as u8).collect()
    }

    /// Returns the frame, with wrong checksums. `flow` is part of the source address, and the number of SCTP's chunk.
    fn frame(&self, flow: u8) -> Vec<u8> {
        let mut payload = self.payload();
        let beyond = payload.split_off(payload.len().min(SAYABLE));
        let [source, destination] = PORTS;
        let protocol = IpNumber(self.transport.protocol());
        let ip = match self.network {
            Network::Ipv4 => {
                let mut header = Ipv4Header::new(0, 64, protocol, [10, 0, 1, flow], [10, 0, 0, 2]).unwrap();
                header.identification = 0xfff0;
                IpHeaders::Ipv4(header, Default::default())
            }
            Network::Ipv6 => {
                let mut header = Ipv6Header { hop_limit: 64, flow_label: Ipv6FlowLabel::ZERO, ..Default::default() };
                header.source = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, flow];
                header.destination = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
                IpHeaders::Ipv6(header, Default::default())
            }
        };
        let builder = PacketBuilder::ethernet2(mac(0), mac(9));
        let builder = match self.tags[0] {
            Some(tag) => builder.single_vlan(VlanId::try_new(tag).unwrap()).ip(ip),
            None => builder.ip(ip),
        };
        let mut frame = vec![];
        match self.transport {
            Transport::Tcp => {
                builder.tcp(source, destination, 0xffff_f000, 8192).psh().ack(1).write(&mut frame, &payload).unwrap();
            }
            Transport::Udp => builder.udp(source, destination).write(&mut frame, &payload).unwrap(),
            Transport::Sctp => {
                // Ports, tag, checksum; a chunk of data with TSN, stream and protocol, all of it.
                let mut sctp =
                    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &[5, 5, 5, 5, 0, 0, 0, 0]].concat();
                sctp.extend([0, 3]);
                sctp.extend((16 + payload.len() as u16).to_be_bytes());
                sctp.extend([0, 0, 0, flow, 0, 0, 0, 0, 0, 0, 0, 0]);
                sctp.extend(&payload);
                builder.write(&mut frame, protocol, &sctp).unwrap();
            }
        }
        let headers = Headers::parse(&frame).unwrap();
        let (ip, transport) = (headers.network_at(), headers.transport_at());
        if self.network == Network::Ipv4 {
            frame[ip + 10..ip + 12].fill(0xee);
        }
        let sum = match self.transport {
            Transport::Tcp => transport + 16..transport + 18,
            Transport::Udp => transport + 6..transport + 8,
            Transport::Sctp => transport + 8..transport + 12,
        };
        frame[sum].fill(0xee);
        if !beyond.is_empty() {
            let length = if self.network == Network::Ipv4 { ip + 2 } else { ip + 4 };
            frame[length..length + 2].fill(0);
        }
        frame.extend(beyond);
        frame
    }

    fn requested(&self, flow: u8, pool: &Pool) -> Requested {
        let packet = pool.take_copy(&self.frame(flow)).unwrap();
        let request = Request::new().with_headers(Headers::parse(&packet).unwrap());
        let request = match self.segment {
            Some(segment) => request.segments(segment),
            None => request.checksums(),
        };
        let tag = self.tags[1].map(|id| VlanTag::new(id).unwrap());
        tag.map_or(request, |tag| request.vlan(tag)).apply(packet).unwrap()
    }

    /// Returns the lengths of the payloads of the frames that must be sent.
    fn frames(&self) -> Vec<usize> {
        let segment = self.segment.map_or(self.len, usize::from);
        self.payload().chunks(segment).map(<[u8]>::len).collect()
    }
}

/// Returns all packets: those that are cut first, so that their TCP streams have the first numbers.
fn kinds() -> Vec<Kind> {
    let plain = Kind { network: Network::Ipv4, transport: Transport::Tcp, len: 0, segment: None, tags: [None; 2] };
    let both = [Network::Ipv4, Network::Ipv6].map(|network| Kind { network, ..plain });
    let tags = [[None, None], [None, Some(100)], [Some(7), None], [Some(7), Some(100)]];
    let mut kinds = vec![];
    for len in [20_000, 262_143] {
        kinds.extend(both.map(|kind| Kind { len, segment: Some(1400), ..kind }));
    }
    for tags in tags {
        kinds.extend(both.map(|kind| Kind { len: 4_000, segment: Some(1000), tags, ..kind }));
    }
    for tags in tags {
        let udp = both.map(|kind| Kind { transport: Transport::Udp, tags, ..kind });
        kinds.extend(udp.map(|kind| Kind { len: 4_500, segment: Some(1000), ..kind }));
        for transport in [Transport::Tcp, Transport::Udp, Transport::Sctp] {
            for len in [4, 1_000] {
                kinds.extend(both.map(|kind| Kind { transport, len, tags, ..kind }));
            }
        }
    }
    // Checksums over an odd number of bytes, and over nothing.
    for transport in [Transport::Tcp, Transport::Udp] {
        kinds.extend(both.map(|kind| Kind { transport, len: 333, ..kind }));
    }
    kinds
}

/// A file of the test's own, which goes with it.
struct Capture(PathBuf);

impl Drop for Capture {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

/// Sends all packets, and returns the capture of the wire.
fn captured(kinds: &[Kind]) -> Capture {
    let name = format!("wireshark-{}.pcap", std::process::id());
    let file = Capture(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
    let port = port(0);
    port.plug(PcapOutput::create(&file.0).unwrap());
    let mut nic = start(&port, &Config::new().buffer_size(8192));
    let pool = pool_of(&nic);
    for (flow, kind) in kinds.iter().enumerate() {
        let mut batch = Batch::with_capacity(1);
        batch.push(kind.requested(flow as u8, &pool)).unwrap();
        for _ in 0..100 {
            nic.split().1[0].tx.transmit_with_requests(&mut batch).unwrap();
            if port.run_until_idle(100) == 0 && batch.is_empty() {
                break;
            }
        }
        assert!(batch.is_empty());
    }
    assert_clean(&port);
    // The file is complete when the wire is gone.
    drop(port.unplug());
    file
}

/// What tshark says of a frame: fields that it lacks are empty, and those that it has twice stand behind each other.
const FIELDS: [&str; 9] = [
    "ip.checksum.status",
    "tcp.checksum.status",
    "udp.checksum.status",
    "sctp.checksum.status",
    "vlan.id",
    "tcp.len",
    "udp.payload",
    "_ws.expert.message",
    "sctp.data_payload_proto_id",
];

#[test]
fn wireshark_finds_nothing_wrong_with_offloaded_frames() {
    let kinds = kinds();
    let file = captured(&kinds);
    let fields: Vec<&str> = ["-T", "fields"].into_iter().chain(FIELDS.iter().flat_map(|field| ["-e", field])).collect();
    let Some(frames) = checked(&file.0, &fields) else { return };
    assert_frames(&kinds, &frames);
    let streams: Vec<Kind> = kinds.into_iter().take_while(|kind| kind.transport == Transport::Tcp).collect();
    let follow: Vec<String> = (0..streams.len()).map(|stream| format!("follow,tcp,raw,{stream}")).collect();
    let arguments: Vec<&str> = ["-q"].into_iter().chain(follow.iter().flat_map(|which| ["-z", which])).collect();
    assert_streams(&streams, &checked(&file.0, &arguments).expect("it was there before"));
}

/// Fails unless `frames`, a line of [`FIELDS`] for each, are those of `kinds`, with right checksums.
fn assert_frames(kinds: &[Kind], frames: &str) {
    let mut frames = frames.lines();
    for kind in kinds {
        let mut payload = vec![];
        for len in kind.frames() {
            let line = frames.next().expect("a frame for each segment");
            let found: Vec<&str> = line.split('\t').collect();
            let [ip, tcp, udp, sctp, vlan, tcp_len, udp_payload, complaint, chunk] = found[..] else {
                panic!("{line}")
            };
            // 1 is Good.
            let good = |is: bool| if is { "1" } else { "" };
            assert_eq!(ip, good(kind.network == Network::Ipv4), "the header's checksum: {kind:?}");
            let transports = [Transport::Tcp, Transport::Udp, Transport::Sctp];
            assert_eq!([tcp, udp, sctp], transports.map(|transport| good(transport == kind.transport)), "{kind:?}");
            let [inside, outside] = kind.tags.map(|tag| tag.map(|tag| tag.to_string()));
            let tags: Vec<String> = outside.into_iter().chain(inside).collect();
            assert_eq!(vlan, tags.join(","), "{kind:?}");
            assert_eq!(complaint, "", "{kind:?}");
            match kind.transport {
                Transport::Tcp => assert_eq!(tcp_len, len.to_string(), "{kind:?}"),
                Transport::Udp => {
                    assert_eq!(udp_payload.len(), len * 2, "{kind:?}");
                    payload.extend(bytes(udp_payload));
                }
                Transport::Sctp => assert_eq!(chunk, "0", "{kind:?}"),
            }
        }
        if kind.transport == Transport::Udp {
            assert!(payload == kind.payload(), "{kind:?}");
        }
    }
    assert_eq!(frames.next(), None);
}

/// Fails unless the payloads of `streams`, as tshark puts them together, are those of `kinds`.
fn assert_streams(kinds: &[Kind], streams: &str) {
    // Each stream: some lines that are no digits, the segments, and a line that ends them.
    let mut streams: Vec<Vec<u8>> = streams
        .split("Filter: tcp.stream eq ")
        .skip(1)
        .map(|stream| stream.lines().skip(3).take_while(|line| !line.starts_with('=')).flat_map(bytes).collect())
        .collect();
    streams.sort_by_key(Vec::len);
    let mut payloads: Vec<Vec<u8>> = kinds.iter().map(Kind::payload).collect();
    payloads.sort_by_key(Vec::len);
    assert_eq!(streams.iter().map(Vec::len).collect::<Vec<_>>(), payloads.iter().map(Vec::len).collect::<Vec<_>>());
    assert!(streams == payloads);
}

/// Returns the bytes of hexadecimal digits.
fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
