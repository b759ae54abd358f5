//! The stack on VirtIO devices: two of them in memory, whose host hands frames from one to the other, as a bridge does
//! that never lets them onto a wire.

#[path = "../../virtio/tests/fake/mod.rs"]
mod fake;
#[path = "../examples/transfer/host.rs"]
mod host;

use std::net::Ipv4Addr;

use fake::host::Header;
use fake::{ALL, Fake, FakeFunction, RECEIVING, SENDING};
use host::{Host, Role};
use ixgbe::pool::Pool;
use ixgbe::port::{Port, QueuePair};
use ixgbe_smoltcp::{Adapter, Counters, Offloading, Plain, Queues};
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::{Config, Device};

const BYTES: u64 = 1_000_000;
const IPS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];

type Live = Device<DriverOk, FakeFunction>;
type Pair<'a> = QueuePair<<Live as Port>::Receive<'a>, <Live as Port>::Transmit<'a>>;

/// What the host has seen.
#[derive(Debug, Default)]
struct Seen {
    partial: usize,
    cut: usize,
    frames: usize,
}

/// Hands frames on. What the receiver does not take as it is, the host completes and cuts.
fn hand_on(from: &Fake, to: &Fake, seen: &mut Seen) {
    for (header, frame) in from.sent_with_headers() {
        let header = Header::read(&header);
        seen.partial += usize::from(header.flags != 0);
        seen.cut += usize::from(header.gso_type != 0);
        let takes = to.state().accepted & RECEIVING == RECEIVING;
        let frames = match takes || header == Header::default() {
            true => vec![(header, frame)],
            false => {
                let frames = fake::host::carry_out(&header, frame);
                frames.into_iter().map(|frame| (Header::default(), frame)).collect()
            }
        };
        let mut state = to.state();
        for (header, frame) in frames {
            seen.frames += 1;
            // A frame without room is lost.
            _ = state.write_frame_with(&header.bytes(), &frame);
        }
        state.publish_used(0);
    }
}

fn live(offered: u128) -> (Fake, Live) {
    let (fake, function) = Fake::new(offered);
    // The address decides which host a frame is for.
    let config = Config::new().receive_offloads(true);
    (fake, Device::new(function).unwrap().bring_up(&config).unwrap())
}

/// Transfers in both directions at once between devices that offer this. Returns the counters of both ends.
fn transfer<'a, Q: Queues>(
    fakes: &[Fake; 2],
    devices: &'a mut [Live; 2],
    adapter: impl Fn(Pair<'a>, Pool) -> Adapter<Q>,
) -> (Vec<Counters>, Seen) {
    let roles = [Role::Listen(80), Role::Connect(IPS[0], 80)];
    let bytes = [(BYTES, BYTES + 1), (BYTES + 1, BYTES)];
    let mut hosts = Vec::new();
    for (n, device) in devices.iter_mut().enumerate() {
        let pool = Pool::new(device.function(), 128, 16 * 1024).unwrap();
        let mac = [2, 0, 0, 0, 0, n as u8];
        let queues = device.split().1.pop().unwrap();
        let mut adapter = adapter(queues, pool);
        hosts.push((Host::new(&mut adapter, (mac, IPS[n]), roles[n], bytes[n]).unwrap(), adapter));
    }
    let mut seen = Seen::default();
    loop {
        hand_on(&fakes[0], &fakes[1], &mut seen);
        hand_on(&fakes[1], &fakes[0], &mut seen);
        let over =
            hosts.iter_mut().map(|(host, adapter)| host.poll(adapter).unwrap()).filter(|is_over| *is_over).count();
        if over == hosts.len() {
            break;
        }
    }
    for ((host, _), bytes) in hosts.iter().zip(bytes) {
        assert_eq!(host.moved(), bytes);
        assert!(host.elapsed() > std::time::Duration::ZERO);
    }
    (hosts.iter().map(|(_, adapter)| adapter.counters()).collect(), seen)
}

fn stop(fakes: [Fake; 2], devices: [Live; 2]) {
    for (fake, device) in fakes.into_iter().zip(devices) {
        fake::stop(&fake, device);
    }
}

/// As `transfer`, between two devices that offer this.
fn between(offered: [u128; 2]) -> (Vec<Counters>, Seen) {
    let [(one, first), (other, second)] = offered.map(live);
    let (fakes, mut devices) = ([one, other], [first, second]);
    let result = transfer(&fakes, &mut devices, |queues, pool| {
        Adapter::new(Offloading::new(queues), pool, 1518).unwrap().cut_up_to(65_536)
    });
    stop(fakes, devices);
    result
}

#[test]
fn no_checksum_is_computed_between_devices_that_offer_all() {
    let (counters, seen) = between([ALL | SENDING | RECEIVING; 2]);
    for counters in counters {
        assert_eq!((counters.rx_by_software, counters.tx_by_software), (0, 0));
        assert_eq!((counters.rx_bad, counters.rx_dropped, counters.tx_dropped), (0, 0, 0));
        assert!(counters.tx_cut > 10, "{counters:?}");
    }
    assert!(seen.cut > 20 && seen.partial > seen.cut, "{seen:?}");
    let longest = 2 * BYTES as usize / seen.cut;
    assert!(longest > 5_000, "packets of {longest} bytes");
}

#[test]
fn a_device_without_offloads_gets_whole_frames_and_its_stack_computes() {
    let (counters, seen) = between([ALL | SENDING | RECEIVING, ALL]);
    assert_eq!((counters[0].tx_by_software, counters[1].tx_cut), (0, 0));
    assert!(counters[0].tx_cut > 10 && counters[1].rx_by_software > 100 && counters[1].tx_by_software > 100);
    assert_eq!([counters[0].rx_bad, counters[1].rx_bad], [0, 0]);
    assert!(seen.frames > seen.cut, "{seen:?}");
}

#[test]
fn a_stack_without_metadata_gets_whole_checksums() {
    let [(one, first), (other, second)] = [ALL | SENDING | RECEIVING; 2].map(live);
    let (fakes, mut devices) = ([one, other], [first, second]);
    let [first, second] = &mut devices;
    let pools = [&*first, &*second].map(|device| Pool::new(device.function(), 128, 16 * 1024).unwrap());
    let [one_pool, other_pool] = pools;
    // Only one end asks for checksums, so the other receives partial ones.
    let QueuePair { rx, tx } = first.split().1.pop().unwrap();
    let mut plain = Adapter::new(Plain::new(rx, tx), one_pool, 1518).unwrap();
    let mut host = Host::new(&mut plain, ([2, 0, 0, 0, 0, 0], IPS[0]), Role::Listen(80), (BYTES, BYTES)).unwrap();
    let queues = second.split().1.pop().unwrap();
    let mut offloading = Adapter::new(Offloading::new(queues), other_pool, 1518).unwrap().cut_up_to(65_536);
    let role = Role::Connect(IPS[0], 80);
    let mut other_host = Host::new(&mut offloading, ([2, 0, 0, 0, 0, 1], IPS[1]), role, (BYTES, BYTES)).unwrap();
    let mut seen = Seen::default();
    while !(host.poll(&mut plain).unwrap() & other_host.poll(&mut offloading).unwrap()) {
        hand_on(&fakes[0], &fakes[1], &mut seen);
        hand_on(&fakes[1], &fakes[0], &mut seen);
    }
    assert!(seen.cut > 10, "{seen:?}");
    assert!(plain.counters().rx_by_software > 10 && offloading.counters().rx_bad == 0);
    drop((plain, offloading));
    stop(fakes, devices);
}
