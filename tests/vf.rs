//! The driver of virtual functions, on the model's virtual functions and its own physical function.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ixgbe::device::{Reset, Running};
use ixgbe::dma::Dma;
use ixgbe::packet::Batch;
use ixgbe::port::{LinkStatus, Speed};
use ixgbe::queue::{InPlaceForwarder, Route};
use ixgbe::vf::{Cast, Config, Error, Event, MailboxError, Refusal, Version, VirtualFunction};
use ixgbe_sim::wire::{Duplex, generator::Generator, sink::Sink};
use ixgbe_sim::{Fault, HostConfig, Port, PortConfig, VirtualPlatform, connect_copper};

const MAC: [u8; 6] = [0x02, 0x82, 0x59, 0x10, 0xED, 0x00];
const ELSEWHERE: [u8; 6] = [0x02, 0, 0, 0, 0, 0x77];
/// The answer's bits: granted, refused, known.
const GRANTED: u32 = 1 << 31;
const REFUSED: u32 = 1 << 30;
const KNOWN: u32 = 1 << 29;

type Nic<S> = VirtualFunction<S, VirtualPlatform>;

fn functions(config: HostConfig) -> (Port, Vec<ixgbe_sim::VirtualFunction>) {
    let port = Port::new(PortConfig::default());
    port.plug(ixgbe_sim::wire::NoTraffic);
    let functions = port.host(config).unwrap();
    (port, functions)
}

fn one(config: HostConfig) -> (Port, ixgbe_sim::VirtualFunction) {
    let (port, mut functions) = functions(config);
    (port, functions.remove(0))
}

fn reset(function: &ixgbe_sim::VirtualFunction, config: &Config) -> Nic<Reset> {
    VirtualFunction::new(function.claim().unwrap()).reset(config).unwrap()
}

fn running(function: &ixgbe_sim::VirtualFunction, config: &Config) -> Nic<Running> {
    let nic = reset(function, config).start().unwrap();
    function.port().wait(Duration::from_millis(50));
    nic
}

/// Returns the error of a reset.
fn failed(function: &ixgbe_sim::VirtualFunction, config: &Config) -> Error {
    VirtualFunction::new(function.claim().unwrap()).reset(config).unwrap_err().error
}

#[track_caller]
fn clean(port: &Port) {
    assert_eq!(port.violations(), []);
}

/// Takes what the function has to say of its beginnings: the link came up.
fn settle(nic: &mut Nic<Running>) {
    nic.platform().function().port().wait(Duration::from_millis(50));
    while nic.control().poll_event().unwrap().is_some() {}
}

fn frame(to: [u8; 6], from: [u8; 6], len: usize) -> Vec<u8> {
    let mut frame = vec![7; len];
    frame[..6].copy_from_slice(&to);
    frame[6..12].copy_from_slice(&from);
    frame[12..14].copy_from_slice(&[0x88, 0xB5]);
    frame
}

/// Sends one packet from queue 0, and returns how many were sent.
fn send(nic: &mut Nic<Running>, bytes: &[u8]) -> usize {
    let pool = nic.pools().next().unwrap().clone();
    let mut batch = Batch::with_capacity(1);
    batch.push(pool.take_copy(bytes).unwrap()).unwrap();
    let sent = nic.split().1[0].tx.transmit(&mut batch).unwrap();
    nic.platform().function().port().run_until_idle(100);
    sent
}

/// Returns the packets of all queues.
fn received(nic: &mut Nic<Running>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut batch = Batch::with_capacity(64);
    for mut pair in nic.split().1 {
        pair.rx.receive(&mut batch);
        all.extend(batch.iter().map(|packet| packet.to_vec()));
        batch.clear();
    }
    all
}

#[test]
fn the_handshake_agrees_on_address_version_and_queues() {
    for (newest, version) in [(0, Version::V1_0), (1, Version::V1_1), (2, Version::V1_2), (3, Version::V1_3)] {
        for queues in [2, 4] {
            let (port, function) = one(HostConfig { newest_version: newest, queues, ..Default::default() });
            let nic = reset(&function, &Config::new());
            let has = if newest == 0 { 1 } else { usize::from(queues) };
            assert_eq!((nic.mac(), nic.version(), nic.available_queues()), (MAC, version, has));
            clean(&port);
        }
    }
    let (_, function) = one(HostConfig::default());
    assert_eq!(reset(&function, &Config::new().newest_version(Version::V1_1)).version(), Version::V1_1);
}

#[test]
fn without_an_administrators_address_the_configuration_has_one() {
    let (port, function) = one(HostConfig { mac: None, ..Default::default() });
    assert_eq!(failed(&function, &Config::new()), Error::NoMacAddress);
    let mac = [0x02, 0, 0, 0, 0, 0x11];
    let mut nic = running(&function, &Config::new().mac(mac));
    port.deliver(&frame(mac, [2; 6], 60));
    assert_eq!(received(&mut nic).len(), 1);
    clean(&port);
}

#[test]
fn refusals_name_the_request() {
    let (port, function) = one(HostConfig { tells_rss: false, ..Default::default() });
    let mac = [0x02, 0, 0, 0, 0, 0x11];
    let refused = |refusal: Refusal| Error::Refused(refusal);
    assert_eq!(failed(&function, &Config::new().mac(mac)), refused(Refusal::Mac(mac)));
    assert_eq!(failed(&function, &Config::new().max_frame(9018)), refused(Refusal::MaxFrame(9018)));
    assert_eq!(failed(&function, &Config::new().queue_pairs(8)), Error::TooFewQueues { needed: 8, had: 4 });
    let mut nic = running(&function, &Config::new());
    let mut control = nic.control();
    assert_eq!(control.set_mac(mac).unwrap_err(), refused(Refusal::Mac(mac)));
    assert_eq!(control.add_mac(mac).unwrap_err(), refused(Refusal::FurtherMac(mac)));
    assert_eq!(control.set_cast(Cast::AllMulticast), Ok(Cast::Multicast), "without trust, it is lowered");
    assert_eq!(control.redirection_table().unwrap_err(), refused(Refusal::Other("GET_RETA")));
    assert_eq!(control.rss_key().unwrap_err(), refused(Refusal::Other("GET_RSS_KEY")));
    (0..16).for_each(|vlan| control.add_vlan(vlan).unwrap());
    assert_eq!(control.add_vlan(16).unwrap_err(), refused(Refusal::Vlan(16)));
    assert!(control.is_link_enabled().unwrap());
    assert!(refused(Refusal::Vlan(16)).to_string().contains("refused VLAN 16"));
    // Wrong in themselves: nothing is asked.
    assert_eq!(control.set_mac([0xFF; 6]).unwrap_err(), Error::NotUnicast([0xFF; 6]));
    assert_eq!(control.set_multicast(&[MAC]).unwrap_err(), Error::NotMulticast(MAC));
    assert_eq!(control.set_multicast(&[[1; 6]; 31]).unwrap_err(), Error::TooManyMulticasts { count: 31 });
    assert_eq!(control.add_vlan(4096).unwrap_err(), Error::NoVlan(4096));
    clean(&port);
    let (_, function) = one(HostConfig { trusted: true, ..Default::default() });
    let mut nic = running(&function, &Config::new());
    assert_eq!(nic.control().set_cast(Cast::Promiscuous).unwrap_err(), refused(Refusal::Cast(Cast::Promiscuous)));
}

#[test]
fn requests_that_the_version_does_not_have_are_not_sent() {
    let (port, function) = one(HostConfig { newest_version: 1, ..Default::default() });
    let mut nic = running(&function, &Config::new());
    let Error::UnknownVersion(error) = nic.control().rss_key().unwrap_err() else { panic!("another error") };
    assert_eq!((error.request, error.agreed, error.needed), ("GET_RSS_KEY", Version::V1_1, Version::V1_2));
    assert!(nic.control().set_cast(Cast::None).is_err() && nic.control().is_link_enabled().is_err());
    clean(&port);
}

#[test]
fn wrong_configurations_touch_nothing() {
    let (port, function) = one(HostConfig::default());
    for wrong in [
        Config::new().queue_pairs(0),
        Config::new().queue_pairs(9),
        Config::new().rx_descriptors(100),
        Config::new().tx_descriptors(8192),
        Config::new().max_frame(63),
        Config::new().max_frame(9729),
        Config::new().buffer_size(100),
    ] {
        let before = port.now();
        assert!(matches!(failed(&function, &wrong), Error::Config(_)), "{wrong:?}");
        assert_eq!(port.now(), before, "registers take time to read");
    }
}

#[test]
fn frames_pass_both_ways_and_are_counted() {
    let (port, function) = one(HostConfig { checks_source: false, ..Default::default() });
    let sink = Sink::new();
    let seen = sink.counters();
    let mut nic = running(&function, &Config::new().queue_pairs(2));
    port.plug(Duplex::new(Generator::new(MAC, 100).count(20_000).lossless(), sink));
    let mut batch = Batch::with_capacity(32);
    let mut rounds = 0;
    while seen.frames() < 20_000 && rounds < 100_000 {
        rounds += 1;
        port.step();
        for mut pair in nic.split().1 {
            pair.rx.receive(&mut batch);
            // The switch sends nothing back to where it came from.
            batch.iter_mut().for_each(|packet| packet[..6].copy_from_slice(&ELSEWHERE));
            pair.tx.transmit(&mut batch).unwrap();
            batch.clear();
        }
    }
    assert_eq!((seen.frames(), seen.lost()), (20_000, 0), "{:?}", port.counters());
    let mut control = nic.control();
    let statistics = control.statistics().unwrap();
    assert_eq!((statistics.rx_packets, statistics.tx_packets), (20_000, 20_000));
    assert_eq!((statistics.rx_octets_with_crc, statistics.tx_octets_with_crc), (20_000 * 104, 20_000 * 104));
    let counters = ixgbe::port::Control::counters(&mut control).unwrap();
    assert_eq!((counters.rx_octets, counters.tx_octets), (2_000_000, 2_000_000));
    let pool = nic.pools().next().unwrap().clone();
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    clean(&port);
}

#[test]
fn forwarding_in_place_works_on_a_virtual_function() {
    let (port, function) = one(HostConfig { checks_source: false, ..Default::default() });
    let sink = Sink::new();
    let seen = sink.counters();
    let mut nic = running(&function, &Config::new());
    port.plug(Duplex::new(Generator::new(MAC, 60).count(5_000).lossless(), sink));
    let mut rounds = 0;
    while seen.frames() < 5_000 && rounds < 100_000 {
        rounds += 1;
        port.step();
        let mut pair = nic.split().1.remove(0);
        let mut forwarder = InPlaceForwarder::new(&mut pair.rx, std::slice::from_mut(&mut pair.tx)).unwrap();
        forwarder.forward(32, |bytes| {
            bytes[..6].copy_from_slice(&ELSEWHERE);
            Route::Output(0)
        });
    }
    assert_eq!((seen.frames(), seen.lost()), (5_000, 0));
    clean(&port);
}

#[test]
fn functions_of_a_port_reach_each_other_and_the_wire() {
    let (port, functions) = functions(HostConfig { functions: 2, ..Default::default() });
    let partner = Port::new(PortConfig::default());
    connect_copper(&port, &partner);
    let [mut one, mut other] = [0, 1].map(|n| running(&functions[n], &Config::new()));
    let macs = [one.control().mac(), other.control().mac()];
    assert_ne!(macs[0], macs[1]);
    assert_eq!(one.control().link(), LinkStatus::Up(Some(Speed::GBIT_10)));
    send(&mut one, &frame(macs[1], macs[0], 200));
    assert_eq!(received(&mut other), [frame(macs[1], macs[0], 200)]);
    send(&mut one, &frame([0xFF; 6], macs[0], 60));
    assert_eq!(received(&mut other).len(), 1);
    assert!(received(&mut one).is_empty(), "nobody hears himself");
    assert_eq!(port.counters().transmitted, 1, "only the broadcast went out");
    clean(&port);
}

/// Packets of several buffers, and requests: each has the context that the switch needs.
#[test]
fn every_packet_has_the_context_that_the_switch_needs() {
    use ixgbe::offload::{Request, VlanTag};
    use ixgbe::packet::{Headers, Network, Transport};
    let (port, function) = one(HostConfig { max_frame: 9728, ..Default::default() });
    let sent = Recorder::default();
    port.plug(sent.clone());
    let mut nic = running(&function, &Config::new().max_frame(9018));
    let pool = nic.pools().next().unwrap().clone();
    // Longer than a buffer.
    let long = frame([2; 6], MAC, 8_000);
    let mut batch = Batch::with_capacity(8);
    batch.push(pool.take_copy(&long).unwrap()).unwrap();
    assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 1);
    port.run_until_idle(100);
    assert_eq!(sent.take(), [long]);
    let mut udp = Vec::new();
    let builder = etherparse::PacketBuilder::ethernet2(MAC, [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 7).udp(1, 2);
    builder.write(&mut udp, &[5; 100]).unwrap();
    let headers = Headers::new(14, Network::Ipv4, 20, Some(Transport::Udp), 8).unwrap();
    let mut requests = Batch::with_capacity(8);
    for round in 0..100 {
        // With a context of its own, with another, with none, and without a request.
        let packet = || pool.take_copy(&udp).unwrap();
        requests.push(Request::new().with_headers(headers).transport_checksum().apply(packet()).unwrap()).unwrap();
        requests.push(Request::new().vlan(VlanTag::from_bits(7)).apply(packet()).unwrap()).unwrap();
        requests.push(Request::new().time_stamp().apply(packet()).unwrap()).unwrap();
        requests.push(packet().into()).unwrap();
        let mut queues = nic.split().1;
        assert_eq!(queues[0].tx.transmit_with_requests(&mut requests).unwrap(), 4, "round {round}");
        batch.push(packet()).unwrap();
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
        drop(queues);
        port.run_until_idle(100);
        let mut tagged = udp.clone();
        tagged.splice(12..12, [0x81, 0, 0, 7]);
        assert_eq!(sent.take(), [&udp, &tagged, &udp, &udp, &udp].map(Clone::clone), "round {round}");
    }
    clean(&port);
}

#[test]
fn filters_are_what_was_asked_for() {
    let (port, function) = one(HostConfig { mac: None, trusted: true, ..Default::default() });
    let mut nic = running(&function, &Config::new().mac(MAC));
    let arrives = |nic: &mut Nic<Running>, frame: &[u8]| {
        port.deliver(frame);
        !received(nic).is_empty()
    };
    let [further, group] = [[0x02, 0, 0, 0, 0, 0x11], [0x01, 0x00, 0x5E, 1, 2, 3]];
    let mut tagged = frame(MAC, [2; 6], 64);
    tagged[12..16].copy_from_slice(&[0x81, 0, 0, 7]);
    for frame in [&frame(further, [2; 6], 60), &frame(group, [2; 6], 60), &tagged] {
        assert!(!arrives(&mut nic, frame));
    }
    nic.control().add_mac(further).unwrap();
    nic.control().set_multicast(&[group]).unwrap();
    nic.control().add_vlan(7).unwrap();
    for frame in [&frame(further, [2; 6], 60), &frame(group, [2; 6], 60), &tagged] {
        assert!(arrives(&mut nic, frame));
    }
    assert!(!arrives(&mut nic, &frame([0x01, 0x00, 0x5E, 9, 9, 9], [2; 6], 60)));
    assert_eq!(nic.control().set_cast(Cast::AllMulticast), Ok(Cast::AllMulticast));
    assert!(arrives(&mut nic, &frame([0x01, 0x00, 0x5E, 9, 9, 9], [2; 6], 60)));
    assert_eq!(nic.control().set_cast(Cast::None), Ok(Cast::None));
    assert!(!arrives(&mut nic, &frame([0xFF; 6], [2; 6], 60)));
    nic.control().clear_macs().unwrap();
    nic.control().set_multicast(&[]).unwrap();
    nic.control().remove_vlan(7).unwrap();
    for frame in [&frame(further, [2; 6], 60), &frame(group, [2; 6], 60), &tagged] {
        assert!(!arrives(&mut nic, frame));
    }
    nic.control().set_mac(further).unwrap();
    assert!(arrives(&mut nic, &frame(further, [2; 6], 60)) && !arrives(&mut nic, &frame(MAC, [2; 6], 60)));
    let table = nic.control().redirection_table().unwrap();
    assert_eq!(table[..5], [0, 1, 2, 3, 0]);
    assert_ne!(nic.control().rss_key().unwrap(), [0; 40]);
    clean(&port);
}

#[test]
fn rss_spreads_over_the_queues_of_the_function() {
    let (port, functions) = functions(HostConfig { functions: 2, ..Default::default() });
    let mut nic = running(&functions[1], &Config::new().queue_pairs(4));
    let mac = nic.control().mac();
    for number in 1..200_u16 {
        let mut udp = Vec::new();
        let builder = etherparse::PacketBuilder::ethernet2([2; 6], mac).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 7);
        builder.udp(number, 9).write(&mut udp, &[0; 32]).unwrap();
        port.deliver(&udp);
    }
    let mut batch = Batch::with_capacity(256);
    let counts = nic.split().1.into_iter().map(|mut pair| {
        batch.clear();
        pair.rx.receive(&mut batch)
    });
    let counts: Vec<usize> = counts.collect();
    assert!(counts.iter().all(|count| *count > 20) && counts.iter().sum::<usize>() == 199, "{counts:?}");
    clean(&port);
}

#[test]
fn link_changes_and_resets_of_the_physical_function_are_events() {
    let (port, function) = one(HostConfig::default());
    let mut nic = running(&function, &Config::new());
    settle(&mut nic);
    nic.control().add_vlan(7).unwrap();
    for up in [false, true] {
        port.set_link(up);
        port.wait(Duration::from_millis(50));
        let Some(Event::Link(link)) = nic.control().poll_event().unwrap() else { panic!("no event") };
        assert_eq!((link.is_up(), nic.control().poll_event()), (up, Ok(None)));
    }
    send(&mut nic, &frame([0xFF; 6], MAC, 60));
    port.reset_host();
    assert_eq!(nic.control().poll_event(), Ok(Some(Event::HostReset)));
    port.wait(Duration::from_millis(100));
    assert_eq!(nic.control().poll_event(), Ok(Some(Event::HostReset)), "until it is recovered");
    let error = nic.control().add_vlan(8).unwrap_err();
    assert_eq!(error, Error::Mailbox { request: "SET_VLAN", error: MailboxError::Forgotten });
    port.deliver(&frame(MAC, [2; 6], 60));
    assert!(received(&mut nic).is_empty());
    let mut nic = nic.recover().unwrap();
    port.wait(Duration::from_millis(50));
    let mut tagged = frame(MAC, [2; 6], 64);
    tagged[12..16].copy_from_slice(&[0x81, 0, 0, 7]);
    port.deliver(&tagged);
    assert_eq!(received(&mut nic).len(), 1, "its VLAN was set again");
    send(&mut nic, &frame([0xFF; 6], MAC, 60));
    let statistics = nic.control().statistics().unwrap().clone();
    assert_eq!((statistics.tx_packets, statistics.rx_packets, statistics.recoveries), (2, 1, 1));
    clean(&port);
}

#[test]
fn recovery_goes_on_with_what_was_posted_and_keeps_every_buffer() {
    let (port, function) = one(HostConfig::default());
    let mut nic = running(&function, &Config::new());
    let pool = nic.pools().next().unwrap().clone();
    for round in 0..5 {
        port.deliver(&frame(MAC, [2; 6], 60));
        port.set_link(false);
        port.step();
        assert_eq!(send(&mut nic, &frame([0xFF; 6], MAC, 60)), 1);
        port.reset_host();
        port.set_link(true);
        port.wait(Duration::from_millis(100));
        nic = nic.recover().unwrap();
        port.wait(Duration::from_millis(50));
        let statistics = nic.control().statistics().unwrap().clone();
        assert_eq!((statistics.rx_discarded, statistics.tx_discarded), (round + 1, round + 1));
    }
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    clean(&port);
}

#[test]
fn a_physical_function_that_does_not_come_back_is_not_waited_for_for_ever() {
    let (port, function) = one(HostConfig::default());
    let mut nic = running(&function, &Config::new());
    port.inject(Fault::HostResetNeverEnds);
    port.reset_host();
    let start = port.now();
    let failed = nic.control().poll_event();
    assert_eq!(failed, Ok(Some(Event::HostReset)));
    let failed = nic.recover().unwrap_err();
    assert!(matches!(failed.error, Error::NoHost { .. }), "{failed:?}");
    assert!(port.now() - start < Duration::from_secs(3));
    // Once it is back, a reset helps, and the memory is there again.
    port.clear(Fault::HostResetNeverEnds);
    port.wait(Duration::from_millis(100));
    let nic = failed.device.reset(&Config::new()).unwrap();
    nic.start().unwrap();
    clean(&port);
}

#[test]
fn a_recovery_can_wait_for_a_physical_function_that_is_away_for_long() {
    let (port, function) = one(HostConfig::default());
    let mut nic = running(&function, &Config::new());
    let pool = nic.pools().next().unwrap().clone();
    let away = Duration::from_secs(10);
    for comes_back in [true, false] {
        port.inject(Fault::HostResetNeverEnds);
        port.reset_host();
        let start = port.now();
        let is_over = AtomicBool::new(false);
        let recovered = std::thread::scope(|scope| {
            scope.spawn(|| {
                while port.now() < start + away && !is_over.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                if comes_back {
                    port.clear(Fault::HostResetNeverEnds);
                }
            });
            let recovered = nic.recover_within(3 * away);
            is_over.store(true, Ordering::Relaxed);
            recovered
        });
        let took = port.now() - start;
        nic = match recovered {
            Ok(nic) => {
                assert!(comes_back && took > away, "after {took:?}");
                nic
            }
            Err(failed) => {
                assert!(!comes_back && matches!(failed.error, Error::NoHost { .. }), "{failed:?}");
                assert!((3 * away..4 * away).contains(&took), "after {took:?}");
                port.clear(Fault::HostResetNeverEnds);
                port.wait(Duration::from_millis(100));
                failed.device.reset(&Config::new()).unwrap().start().unwrap()
            }
        };
        settle(&mut nic);
        port.deliver(&frame(MAC, [2; 6], 60));
        assert_eq!(received(&mut nic).len(), 1);
    }
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    clean(&port);
}

#[test]
fn a_silent_physical_function_costs_one_limit() {
    let (port, function) = one(HostConfig::default());
    let mut nic = running(&function, &Config::new());
    settle(&mut nic);
    port.inject(Fault::HostSilent);
    let start = port.now();
    let error = nic.control().add_vlan(7).unwrap_err();
    assert_eq!(error, Error::Mailbox { request: "SET_VLAN", error: MailboxError::NotRead });
    assert!((400..700).contains(&(port.now() - start).as_millis()), "{:?}", port.now() - start);
    let start = port.now();
    assert!(nic.control().add_vlan(7).is_err());
    assert!((port.now() - start) < Duration::from_millis(1), "it is not waited for again");
    // Packets pass all the same.
    port.deliver(&frame(MAC, [2; 6], 60));
    assert_eq!(received(&mut nic).len(), 1);
    port.clear(Fault::HostSilent);
    let mut nic = nic.recover().unwrap();
    nic.control().add_vlan(7).unwrap();
    clean(&port);
}

/// A physical function that talks nonsense is an error that names it, at each step of the handshake and afterwards.
#[test]
fn nonsense_is_an_error() {
    let words =
        [0, 1, 5, u32::MAX - 1, GRANTED | 2, GRANTED | REFUSED | 1, KNOWN, 0x100, 0x100 | KNOWN, REFUSED, GRANTED];
    for (first, rest) in words.into_iter().flat_map(|first| [(first, 0), (first, 1), (first, u32::MAX)]) {
        let (port, function) = one(HostConfig::default());
        port.inject(Fault::HostAnswers(first, rest));
        let start = port.now();
        let error = failed(&function, &Config::new());
        assert!(matches!(error, Error::Mailbox { request: "VF_RESET", .. }), "{first:#x}: {error:?}");
        assert!(port.now() - start < Duration::from_secs(4), "{first:#x}");
        // The device is none the worse for it.
        port.clear(Fault::HostAnswers(0, 0));
        let mut nic = running(&function, &Config::new());
        settle(&mut nic);
        port.inject(Fault::HostAnswers(first, rest));
        let error = nic.control().add_vlan(7).unwrap_err();
        assert!(matches!(error, Error::Mailbox { request: "SET_VLAN", .. }), "{first:#x}: {error:?}");
        port.deliver(&frame(MAC, [2; 6], 60));
        assert_eq!(received(&mut nic).len(), 1);
        clean(&port);
    }
}

/// Answers with the right first word, and numbers that cannot be.
#[test]
fn numbers_that_cannot_be_are_an_error() {
    // The address is none of a station; then, the hashed bits are none.
    for rest in [0, 1, 0xFFFF_FFFF, 0x0000_0102] {
        let (port, function) = one(HostConfig::default());
        port.inject(Fault::HostAnswers(GRANTED | 1, rest));
        let error = failed(&function, &Config::new());
        assert!(matches!(error, Error::BadAnswer { request: "VF_RESET", .. }), "{rest:#x}: {error:?}");
    }
    let (port, function) = one(HostConfig::default());
    let mut nic = running(&function, &Config::new());
    settle(&mut nic);
    for (id, name) in [(0x0C, "UPDATE_XCAST_MODE"), (0x10, "GET_LINK_STATE")] {
        port.inject(Fault::HostAnswers(GRANTED | KNOWN | id, 4));
        let error = match id {
            0x0C => nic.control().set_cast(Cast::Multicast).unwrap_err(),
            _ => nic.control().is_link_enabled().unwrap_err(),
        };
        assert_eq!(error, Error::BadAnswer { request: name, found: 4 });
    }
    // More is granted than was asked for.
    port.inject(Fault::HostAnswers(GRANTED | KNOWN | 0x0C, 2));
    assert_eq!(
        nic.control().set_cast(Cast::Multicast).unwrap_err(),
        Error::BadAnswer { request: "UPDATE_XCAST_MODE", found: 2 }
    );
    // Entries of the table have two bits, whatever is in the words.
    port.inject(Fault::HostAnswers(GRANTED | KNOWN | 0x0A, u32::MAX));
    assert_eq!(nic.control().redirection_table().unwrap(), [3; 128]);
    clean(&port);
}

#[test]
fn a_flood_of_messages_holds_nobody() {
    let (port, function) = one(HostConfig::default());
    let mut nic = running(&function, &Config::new());
    settle(&mut nic);
    for round in 0..200 {
        // A change of the link on each round: a message that nobody asked for.
        port.set_link(round % 2 == 0);
        port.wait(Duration::from_millis(30));
        let start = port.now();
        nic.control().poll_event().unwrap();
        nic.control().add_vlan(round % 16).unwrap();
        assert!(port.now() - start < Duration::from_millis(100));
    }
    clean(&port);
}

#[test]
fn a_function_that_is_gone_is_an_error() {
    let (port, function) = one(HostConfig::default());
    let mut nic = running(&function, &Config::new());
    port.inject(Fault::SurpriseRemoval);
    assert!(matches!(nic.control().poll_event(), Err(Error::Removed { .. })));
    assert!(matches!(nic.control().statistics(), Err(Error::Removed { .. })));
    assert!(matches!(nic.control().add_vlan(1), Err(Error::Mailbox { error: MailboxError::Removed, .. })));
    assert_eq!(nic.control().link(), LinkStatus::Down);
    assert!(received(&mut nic).is_empty());
    let failed = nic.stop().unwrap_err();
    assert!(matches!(failed.error, Error::Removed { .. }));
    assert!(matches!(failed.device.reset(&Config::new()).unwrap_err().error, Error::Removed { .. }));
}

#[test]
fn queues_that_do_not_start_or_stop_are_an_error() {
    for (fault, step) in [(Fault::RxQueueNeverEnables, "receive"), (Fault::TxQueueNeverEnables, "transmit")] {
        let (port, function) = one(HostConfig::default());
        port.inject(fault);
        let failed = reset(&function, &Config::new()).start().unwrap_err();
        assert!(failed.to_string().contains(&format!("enabling a {step} queue")), "{failed}");
        port.clear(fault);
        let ixgbe::vf::StartError::RolledBack(failed) = failed else { panic!("it did not stop") };
        failed.device.start().unwrap();
        clean(&port);
    }
    for fault in [Fault::RxQueueNeverDisables, Fault::TxQueueNeverDisables] {
        let (port, function) = one(HostConfig::default());
        let nic = running(&function, &Config::new());
        port.inject(fault);
        let failed = nic.stop().unwrap_err();
        assert!(failed.to_string().contains("disabling a"), "{failed}");
        port.clear(fault);
        let mapped = port.mapped_bytes();
        failed.device.reset(&Config::new()).unwrap();
        assert!(port.mapped_bytes() < mapped, "the memory was freed once it had stopped");
        clean(&port);
    }
}

#[test]
fn a_function_left_running_is_stopped_by_the_next_driver() {
    let (port, function) = one(HostConfig::default());
    let nic = running(&function, &Config::new().queue_pairs(4));
    drop(nic);
    assert_eq!(port.mapped_bytes(), 0, "dropping it frees its memory");
    let mut nic = running(&function, &Config::new());
    port.deliver(&frame(MAC, [2; 6], 60));
    assert_eq!(received(&mut nic).len(), 1);
    nic.stop().unwrap().start().unwrap();
    clean(&port);
}

#[test]
fn memory_that_cannot_be_had_is_an_error() {
    let (port, function) = one(HostConfig::default());
    for fault in [Fault::OutOfMemory, Fault::NotMappable] {
        port.inject(fault);
        let failed = reset(&function, &Config::new()).start().unwrap_err();
        assert!(matches!(failed.error(), Error::Dma(_) | Error::Pool(_)), "{failed:?}");
        port.clear(fault);
    }
    assert!(function.claim().unwrap().domain() == port.domain());
}

/// A wire that records sent frames.
#[derive(Clone, Default)]
struct Recorder(std::sync::Arc<std::sync::Mutex<Vec<Vec<u8>>>>);

impl Recorder {
    fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl ixgbe_sim::Wire for Recorder {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, frame: &[u8]) {
        self.0.lock().unwrap().push(frame.to_vec());
    }
}

/// Transmit queues share a vector with the receive queues after the first.
#[test]
fn each_queue_raises_its_vector_once() {
    let (port, function) = one(HostConfig::default());
    let mut nic = running(&function, &Config::new());
    settle(&mut nic);
    let raised = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&raised);
    function.on_interrupt(move |vector| seen.lock().unwrap().push(vector));
    let raised = || std::mem::take(&mut *raised.lock().unwrap());
    nic.control().set_up_interrupts(Duration::ZERO).unwrap();
    let pair = &mut nic.split().1[0];
    assert_eq!((pair.rx.vector(), pair.tx.vector()), (0, 1));
    let bytes = frame(ELSEWHERE, MAC, 60);
    assert_eq!((send(&mut nic, &bytes), raised()), (1, vec![]), "nobody asked for the interrupt");
    nic.split().1[0].tx.enable_interrupt();
    assert_eq!(raised(), [1], "also for a packet that was sent before");
    assert_eq!((send(&mut nic, &bytes), raised()), (1, vec![]), "once");
    nic.split().1[0].rx.enable_interrupt();
    port.deliver(&frame(MAC, ELSEWHERE, 60));
    port.run_until_idle(10);
    assert_eq!((raised(), received(&mut nic).len()), (vec![0], 1));
    nic.stop().unwrap();
    clean(&port);
}
