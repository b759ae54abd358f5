//! What the library explains of random frames under random rules, held against the queue that the model chooses.
//!
//! The library reads its own list of rules, the model its registers: both must come to the same queue, by a filter of
//! the same kind. `IXGBE_RULE_SETS=10000 cargo test --release --test explanations` tries that many sets of rules.

mod common;
#[path = "common/packets.rs"]
mod packets;

use std::net::Ipv4Addr;

use common::{assert_clean, mac, port, start};
use ixgbe::constant;
use ixgbe::device::filter::{
    Accept, Action, Decision, EtherType, Explanation, FiveTuple, FlexibleBytes, Flow, FlowDirector, FlowMemory, Layer4,
    Layer4Fields, Perfect, PortBits, Ports, Priority, Rule, Signature, VlanFields, VlanId,
};
use ixgbe::device::{Config, Error, HashFields, Rss};
use ixgbe::registers::RxQueue;
use ixgbe_sim::Port;
use ixgbe_sim::wire::NoTraffic;
use packets::{ICMP, Ip, SCTP, TCP, UDP};

/// Sets of rules that a device gets before another device, with another configuration, takes its place.
const SETS_PER_DEVICE: usize = 25;
const FRAMES_PER_SET: usize = 30;

/// A generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn maybe<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        self.one_in(2).then(|| self.of(all))
    }
}

// Few values, so that rules meet frames and each other.
const MACS: [[u8; 6]; 7] = [
    [2, 0x82, 0x59, 0x90, 0, 0],
    [2, 0, 0, 0, 0, 0x77],
    [2, 0, 0, 0, 0, 0x78],
    [0xff; 6],
    [0x01, 0, 0x5e, 0, 0, 0x16],
    [0x01, 0, 0x5e, 9, 0x0f, 0x16],
    [0x33, 0x33, 0, 0, 0, 1],
];
const V4: [[u8; 4]; 4] = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 1, 2], [192, 168, 1, 1]];
const PORTS: [u16; 4] = [80, 81, 0x1234, 0xff00];
const TYPES: [u16; 5] = [0x88cc, 0x88b5, 0x0806, 0x8808, 0x9000];
const TAGS: [u16; 6] = [1, 100, 0xa064, 0xb064, 0x6000, 4094];
const PROTOCOLS: [u8; 4] = [TCP, UDP, SCTP, ICMP];

fn v6(address: [u8; 4]) -> [u8; 16] {
    let mut bytes = [0x20; 16];
    bytes[12..].copy_from_slice(&address);
    bytes
}

/// The fields that a device's flows compare.
#[derive(Debug, Clone, Copy)]
enum Flows {
    None,
    Perfect { source: Ipv4Addr, layer4: Layer4Fields, vlan: VlanFields, flexible: Option<FlexibleBytes> },
    Signature { layer4: Layer4Fields, vlan: VlanFields },
}

fn configure(random: &mut Random) -> (Config, Flows) {
    let queues = random.of(&[1, 2, 5, 16]);
    let mut key = [0; 40];
    key.fill_with(|| random.next() as u8);
    let fields = random.of(&[
        HashFields::ALL,
        HashFields::IPV4,
        HashFields::TCP_IPV4 | HashFields::IPV6,
        HashFields::UDP_IPV6 | HashFields::UDP_IPV4,
    ]);
    let config = Config::new().queue_pairs(queues).rx_descriptors(64).tx_descriptors(64);
    let config = config.rss(Rss::new(queues).key(key).fields(fields)).promiscuous(random.one_in(4));
    let config = config.all_multicast(random.one_in(4)).max_frame(random.of(&[1000, 1518, 2000])).buffer_size(2048);
    let bits = PortBits { source: 0xfff0, destination: 0x00ff };
    let layer4 = random.of(&[
        Layer4Fields::Ignored,
        Layer4Fields::Protocol,
        Layer4Fields::Ports { tcp: PortBits::ALL, udp: PortBits::ALL },
        Layer4Fields::Ports { tcp: bits, udp: PortBits::NONE },
    ]);
    let vlan = random.of(&[VlanFields::Ignored, VlanFields::Id, VlanFields::Priority, VlanFields::IdAndPriority]);
    match random.below(3) {
        0 => (config, Flows::None),
        1 => {
            let director = FlowDirector::signature(FlowMemory::Kib64).layer4(layer4).vlan(vlan);
            (config.flow_director(director), Flows::Signature { layer4, vlan })
        }
        _ => {
            let source = random.of(&[[255; 4], [255, 255, 255, 0], [0, 0, 0, 0]]).into();
            let flexible = random.of(&[None, None, Some(constant!(FlexibleBytes, 6))]);
            let director = FlowDirector::perfect(FlowMemory::Kib128).source_bits(source).layer4(layer4).vlan(vlan);
            let director = flexible.map_or(director, |place| director.flexible_bytes(place));
            (config.flow_director(director), Flows::Perfect { source, layer4, vlan, flexible })
        }
    }
}

fn five_tuple(random: &mut Random) -> FiveTuple {
    let mut ports = Ports::ANY;
    ports = random.maybe(&PORTS).map_or(ports, |port| ports.source(port));
    ports = random.maybe(&PORTS).map_or(ports, |port| ports.destination(port));
    let layer4 =
        random.of(&[Layer4::Any(ports), Layer4::Tcp(ports), Layer4::Udp(ports), Layer4::Sctp(ports), Layer4::Other]);
    let filter = FiveTuple::new().layer4(layer4).priority(Priority::new(1 + random.below(7) as u8).unwrap());
    let filter = random.maybe(&V4).map_or(filter, |address| filter.source(address.into()));
    random.maybe(&V4).map_or(filter, |address| filter.destination(address.into()))
}

/// Sets the fields of a flow that do not depend on its kind.
macro_rules! common_fields {
    ($flow:ident, $random:ident, $layer4:ident, $vlan:ident, $protocol:ident) => {
        if let Layer4Fields::Ports { tcp, udp } = $layer4 {
            let bits = if $protocol == TCP { tcp } else { udp };
            if ($protocol == TCP || $protocol == UDP) && bits != PortBits::NONE {
                let (source, destination) = ($random.of(&PORTS), $random.of(&PORTS));
                $flow = $flow.source_port(source & bits.source).destination_port(destination & bits.destination);
            }
        }
        let tag = $random.maybe(&TAGS).unwrap_or(0);
        if let (VlanFields::Id | VlanFields::IdAndPriority, Ok(id)) = ($vlan, VlanId::new(tag & 0xfff)) {
            $flow = $flow.vlan(id);
        }
        if let VlanFields::Priority | VlanFields::IdAndPriority = $vlan {
            $flow = $flow.vlan_priority((tag >> 13) as u8);
        }
    };
}

fn flow(random: &mut Random, flows: Flows, queue: RxQueue) -> Option<Rule> {
    let protocol = random.of(&PROTOCOLS);
    match flows {
        Flows::None => None,
        Flows::Perfect { source, layer4, vlan, flexible } => {
            let mut flow = match (layer4, protocol) {
                (Layer4Fields::Ignored, _) | (_, ICMP) => Flow::<Perfect>::ip(),
                (_, TCP) => Flow::tcp(),
                (_, UDP) => Flow::udp(),
                _ => Flow::sctp(),
            };
            flow = flow.destination(random.of(&V4).into());
            if source != Ipv4Addr::UNSPECIFIED {
                flow = flow.source(Ipv4Addr::from(random.of(&V4)) & source);
            }
            if flexible.is_some() {
                flow = flow.flexible_bytes([2, 0]);
            }
            common_fields!(flow, random, layer4, vlan, protocol);
            Some(if random.one_in(3) { flow.drop() } else { flow.to(queue) })
        }
        Flows::Signature { layer4, vlan } => {
            let mut flow = match (layer4, protocol) {
                (Layer4Fields::Ignored, _) | (_, ICMP) => Flow::<Signature>::ip(),
                (_, TCP) => Flow::tcp(),
                (_, UDP) => Flow::udp(),
                _ => Flow::sctp(),
            };
            let (source, destination) = (random.of(&V4), random.of(&V4));
            flow = match random.one_in(2) {
                true => flow.source(source.into()).destination(destination.into()),
                false => flow.source(v6(source).into()).destination(v6(destination).into()),
            };
            common_fields!(flow, random, layer4, vlan, protocol);
            Some(flow.to(queue))
        }
    }
}

fn rule(random: &mut Random, flows: Flows, queues: usize) -> Rule {
    let queue = RxQueue::new(random.below(queues)).unwrap();
    match random.below(10) {
        0 => Accept::Unicast(random.of(&MACS[..3])).into(),
        1 => Accept::Multicast(random.of(&MACS[4..])).into(),
        2 => Accept::MulticastHash(random.of(&MACS[4..])).into(),
        3 => random.of(&[Accept::AllUnicast, Accept::AllMulticast]).into(),
        4 if random.one_in(3) => Accept::Vlan(VlanId::new(random.of(&[1, 100, 4094])).unwrap()).into(),
        5 => EtherType::new(random.of(&TYPES)).unwrap().to(queue),
        6 | 7 => five_tuple(random).to(queue),
        _ => flow(random, flows, queue).unwrap_or_else(|| five_tuple(random).to(queue)),
    }
}

fn frame(random: &mut Random) -> Vec<u8> {
    // Mostly its own address, so that most frames get as far as a queue.
    let to = if random.one_in(3) { random.of(&MACS) } else { mac(0) };
    let tag = if random.one_in(3) { Some(random.of(&TAGS)) } else { None };
    let mut ip =
        Ip::v4(to, random.of(&PROTOCOLS), random.of(&V4), random.of(&V4), (random.of(&PORTS), random.of(&PORTS)));
    (ip.tag, ip.is_fragment, ip.has_options) = (tag, random.one_in(8), random.one_in(8));
    if random.one_in(3) {
        (ip.source, ip.destination) = (v6(random.of(&V4)).into(), v6(random.of(&V4)).into());
    }
    let mut frame = ip.frame();
    let ether_type = if tag.is_some() { 16 } else { 12 };
    match random.below(16) {
        // Of another type.
        0 | 1 => frame[ether_type..ether_type + 2].copy_from_slice(&random.of(&TYPES).to_be_bytes()),
        // With headers that lie.
        2 | 3 => {
            let at = ether_type + 2 + random.below(40);
            frame[at] = random.next() as u8;
        }
        // With an LLC and SNAP header.
        4 => {
            frame.splice(ether_type..ether_type, [0, 50, 0xaa, 0xaa, 3, 0, 0, 0]);
        }
        // Too short, down to nothing, or too long.
        5 => frame.truncate(random.below(62)),
        6 => frame.resize(random.of(&[996, 997, 1000, 1001, 1514, 1515, 1518, 1519, 1996, 1997, 2000, 2001]), 0),
        // Another tag inside the first.
        7 => {
            frame.splice(12..12, [0x81, 0x00, 0x00, 0x64]);
        }
        _ => {}
    }
    frame
}

/// Returns what differs, if the model decides otherwise than `explanation` says.
fn difference(port: &Port, frame: &[u8], explanation: &Explanation) -> Option<String> {
    use ixgbe_sim::Decision as Model;
    let model = port.destination(frame);
    let agrees = match (model.map(|model| (model.queue, model.decision)), explanation.action, explanation.decision) {
        (None, Action::Drop, decision) => !matches!(decision, Decision::Rule(_)),
        (Some((_, Model::FlowDirector { drop: true, .. })), Action::Drop, Decision::Rule(Rule::Flow(..))) => true,
        (Some((queue, decision)), Action::Queue(ours), because) => {
            queue == ours.get()
                && match (decision, because) {
                    (Model::EtherType(_), Decision::Rule(Rule::EtherType(..)))
                    | (Model::FiveTuple(_), Decision::Rule(Rule::FiveTuple(..)))
                    | (Model::FlowDirector { drop: false, .. }, Decision::Rule(Rule::Flow(..)))
                    | (Model::Default, Decision::Default) => true,
                    (Model::Rss(hash), Decision::Hash { hash: ours, .. }) => hash == ours,
                    _ => false,
                }
        }
        _ => false,
    };
    (!agrees).then(|| format!("explained: {explanation:?}\nmodel: {model:?}\nframe: {frame:02x?}"))
}

#[test]
fn the_library_explains_what_the_model_does() {
    let sets = std::env::var("IXGBE_RULE_SETS").map_or(400, |sets| sets.parse().expect("a number"));
    let mut decided = [0_u32; 6];
    for seed in 1..=(sets as u64).div_ceil(SETS_PER_DEVICE as u64) {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (config, flows) = configure(&mut random);
        let port = port(0);
        port.plug(NoTraffic);
        let mut nic = start(&port, &config);
        let queues = nic.split().1.len();
        let mut handles = Vec::new();
        for set in 0..SETS_PER_DEVICE {
            // A part of the rules stays for the next set.
            while handles.len() > random.below(6) {
                drop(handles.swap_remove(random.below(handles.len())));
            }
            for _ in 0..random.below(14) {
                match nic.filters().add(rule(&mut random, flows, queues)) {
                    Ok(handle) => handles.push(handle),
                    // It repeats or overlaps another.
                    Err(Error::Filter(_)) => {}
                    Err(error) => panic!("seed {seed}, set {set}: {error}"),
                }
            }
            if random.one_in(16) {
                nic = nic.recover().unwrap();
            }
            for _ in 0..FRAMES_PER_SET {
                let frame = frame(&mut random);
                let explanation = nic.filters().explain(&frame);
                if let Some(difference) = difference(&port, &frame, &explanation) {
                    let rules: Vec<_> = handles.iter().map(|handle| handle.rule()).collect();
                    panic!("seed {seed}, set {set}: {difference}\nrules: {rules:#?}\n{config:?}");
                }
                decided[match explanation.decision {
                    Decision::Rule(Rule::EtherType(..)) => 0,
                    Decision::Rule(Rule::FiveTuple(..)) => 1,
                    Decision::Rule(Rule::Flow(..)) => 2,
                    Decision::Hash { .. } => 3,
                    Decision::Default => 4,
                    _ => 5,
                }] += 1;
            }
        }
        drop(handles);
        nic.stop().unwrap();
        assert_clean(&port);
    }
    assert!(decided.iter().all(|count| *count as usize > sets / 10), "each kind decides often: {decided:?}");
}
