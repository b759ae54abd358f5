//! Single packets on the model: which of them the stack gets, who computed their checksums, and which are sent.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::{Recorder, assert_clean, pool_of, recorded, start};
use etherparse::{ArpEthIpv4Packet, ArpOperation, PacketBuilder, SlicedPacket, TransportSlice};
use ixgbe::device::Config;
use ixgbe::pool::Pool;
use ixgbe::queue::{QueuePair, ReceiveQueue, TransmitQueue};
use ixgbe_sim::{Port, PortPlatform};
use ixgbe_smoltcp::{Adapter, Counters, Offloading, Plain};
use smoltcp::phy::{Checksum, Device, RxToken, TxToken};
use smoltcp::time::Instant;

const PARTNER: [u8; 6] = [2, 0, 0, 0, 0, 9];
const IPS: [[u8; 4]; 2] = [[10, 0, 0, 1], [10, 0, 0, 2]];

type Queues<'a> = Offloading<ReceiveQueue<'a, PortPlatform>, TransmitQueue<'a, PortPlatform>>;

/// Has `test` use an adapter of a running device, whose packets are in buffers of `buffer` bytes.
fn with_adapter(buffer: usize, test: impl FnOnce(&Port, &Recorder, &mut Adapter<Queues<'_>>)) {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = Pool::new(nic.platform(), 64, buffer).unwrap();
    let mut adapter =
        Adapter::new(Offloading::new(nic.split().1.pop().unwrap()), pool.clone(), 1518).unwrap().cut_up_to(65_536);
    test(&port, &recorder, &mut adapter);
    drop(adapter);
    assert_clean(&port);
    let own = pool_of(&nic);
    nic.stop().unwrap();
    assert_eq!((pool.available(), own.available()), (pool.capacity(), own.capacity()));
}

fn tcp() -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(PARTNER, common::mac(0)).ipv4(IPS[1], IPS[0], 64).tcp(1, 2, 3, 4);
    builder.write(&mut frame, &[7; 101]).unwrap();
    frame
}

fn udp() -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(PARTNER, common::mac(0)).ipv4(IPS[1], IPS[0], 64).udp(1, 2);
    builder.write(&mut frame, &[7; 101]).unwrap();
    frame
}

fn ping() -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(PARTNER, common::mac(0)).ipv4(IPS[1], IPS[0], 64);
    builder.icmpv4_echo_request(1, 2).write(&mut frame, &[7; 50]).unwrap();
    frame
}

fn arp() -> Vec<u8> {
    let mut frame = Vec::new();
    let arp = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: PARTNER,
        sender_ipv4: IPS[1],
        target_mac: [0; 6],
        target_ipv4: IPS[0],
    };
    PacketBuilder::ethernet2(PARTNER, [0xff; 6]).arp(arp.into()).write(&mut frame).unwrap();
    frame
}

/// Returns the frame with the byte at `index` changed, and the header's checksum right again if `header` is set.
fn changed(mut frame: Vec<u8>, index: usize, value: u8, header: bool) -> Vec<u8> {
    frame[index] = value;
    if header {
        frame[24..26].fill(0);
        let sum: u32 = frame[14..34].chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
        frame[24..26].copy_from_slice(&(!((sum % 0xffff) as u16)).to_be_bytes());
    }
    frame
}

/// Returns the frame with two VLAN tags, behind which the chip does not look.
fn tagged(mut frame: Vec<u8>) -> Vec<u8> {
    frame.splice(12..12, [0x88, 0xa8, 0, 1, 0x81, 0, 0, 2]);
    frame
}

/// Returns whether the stack checks a checksum and computes it.
fn by_stack(checksum: Checksum) -> (bool, bool) {
    (checksum.rx(), checksum.tx())
}

#[test]
fn the_stack_computes_what_the_chip_does_not() {
    with_adapter(2048, |_, _, adapter| {
        let capabilities = adapter.capabilities();
        let checksum = &capabilities.checksum;
        assert_eq!([checksum.ipv4, checksum.tcp, checksum.udp].map(by_stack), [(false, false); 3]);
        assert_eq!([checksum.icmpv4, checksum.icmpv6].map(by_stack), [(true, true); 2]);
        assert_eq!(capabilities.max_transmission_unit, 1514);
        assert_eq!(capabilities.segmentation.tcpv4.map(Into::into), Some(65_536));
    });
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    let QueuePair { rx, tx } = nic.split().1.pop().unwrap();
    let capabilities = Adapter::new(Plain::new(rx, tx), pool, 1518).unwrap().capabilities();
    let checksum = &capabilities.checksum;
    assert_eq!([checksum.ipv4, checksum.tcp, checksum.udp].map(by_stack), [(true, true); 3]);
    assert_eq!(capabilities.segmentation.tcpv4, None);
}

#[test]
fn the_stack_gets_packets_with_right_checksums_only() {
    // Of each frame: what the counters say after it. The stack gets a frame that is not dropped.
    type Count = fn(&mut Counters);
    let software: Count = |counters| counters.rx_by_software += 1;
    let bad: Count = |counters| counters.rx_bad += 1;
    let dropped: Count = |counters| counters.rx_dropped += 1;
    let cases: [(&str, Vec<u8>, &[Count]); 13] = [
        ("TCP", tcp(), &[]),
        ("UDP", udp(), &[]),
        ("ARP", arp(), &[]),
        ("ICMP", ping(), &[software]),
        ("UDP without a checksum", [&udp()[..40], &[0, 0], &udp()[42..]].concat(), &[software]),
        ("TCP with a wrong checksum", changed(tcp(), 60, 1, false), &[bad]),
        ("UDP with a wrong checksum", changed(udp(), 60, 1, false), &[bad]),
        ("a header with a wrong checksum", changed(tcp(), 22, 9, false), &[bad]),
        ("behind two tags", tagged(tcp()), &[software]),
        ("wrong behind two tags", tagged(changed(tcp(), 60, 1, false)), &[software, bad]),
        ("a wrong header behind two tags", tagged(changed(tcp(), 22, 9, false)), &[software, bad]),
        ("a fragment", changed(tcp(), 20, 0x20, true), &[dropped]),
        ("a length that is not there", tagged(changed(tcp(), 17, 8, true)), &[dropped]),
    ];
    with_adapter(2048, |port, _, adapter| {
        let mut expected = Counters::default();
        for (name, mut frame, counts) in cases {
            // As a sender pads it.
            frame.resize(frame.len().max(60), 0xee);
            let dropped = expected.rx_bad + expected.rx_dropped;
            counts.iter().for_each(|count| count(&mut expected));
            let is_expected = expected.rx_bad + expected.rx_dropped == dropped;
            port.deliver(&frame);
            let received = adapter.receive(Instant::ZERO).map(|(token, _)| token.consume(<[u8]>::to_vec));
            assert_eq!(received, is_expected.then_some(frame), "{name}");
            assert_eq!(adapter.counters(), expected, "{name}");
        }
    });
}

/// Sends `frame` as the stack does. Returns what arrived.
fn send<Q: ixgbe_smoltcp::Queues>(
    (port, recorder): (&Port, &Recorder),
    adapter: &mut Adapter<Q>,
    frame: &[u8],
) -> Vec<Vec<u8>> {
    adapter.transmit(Instant::ZERO).unwrap().consume(frame.len(), |bytes| bytes.copy_from_slice(frame));
    port.run_until_idle(1000);
    recorder.take()
}

#[test]
fn the_chip_inserts_checksums() {
    with_adapter(2048, |port, recorder, adapter| {
        for frame in [tcp(), udp()] {
            let mut bare = frame.clone();
            bare[24..26].fill(0);
            let at = if frame[23] == 6 { 50 } else { 40 };
            bare[at..at + 2].fill(0);
            assert_eq!(send((port, recorder), adapter, &bare), [frame]);
        }
        assert_eq!(send((port, recorder), adapter, &arp())[0][..42], arp());
        assert_eq!(adapter.counters(), Counters::default());
        // The stack computes the checksum of ICMP.
        assert_eq!(send((port, recorder), adapter, &ping()), [ping()]);
        assert_eq!(adapter.counters().tx_by_software, 1);
        // Raw sockets may send anything.
        assert!(send((port, recorder), adapter, &changed(tcp(), 14, 0, false)).is_empty());
        assert_eq!(adapter.counters().tx_dropped, 1);
    });
}

#[test]
fn the_chip_cuts_packets_in_one_buffer_and_in_several() {
    for buffer in [16 * 1024, 2048] {
        with_adapter(buffer, |port, recorder, adapter| {
            let payload: Vec<u8> = (0..10_000_u32).map(|at| (at ^ at >> 8) as u8).collect();
            let mut frame = Vec::new();
            let builder = PacketBuilder::ethernet2(PARTNER, common::mac(0)).ipv4(IPS[1], IPS[0], 64).tcp(1, 2, 3, 4);
            builder.write(&mut frame, &payload).unwrap();
            let mut meta = smoltcp::phy::PacketMeta::default();
            meta.segmentation_offload_size = 1000.try_into().ok();
            let mut token = adapter.transmit(Instant::ZERO).unwrap();
            token.set_meta(meta);
            token.consume(frame.len(), |bytes| bytes.copy_from_slice(&frame));
            port.run_until_idle(1000);
            let frames = recorder.take();
            assert_eq!(frames.len(), 10, "in buffers of {buffer}");
            let mut arrived = Vec::new();
            for frame in &frames {
                let packet = SlicedPacket::from_ethernet(frame).unwrap();
                let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("{frame:x?}") };
                assert_eq!(tcp.checksum(), tcp.calc_checksum_ipv4(IPS[1], IPS[0]).unwrap());
                arrived.extend_from_slice(tcp.payload());
            }
            assert_eq!(arrived, payload);
            let mut expected = Counters::default();
            expected.tx_cut = 1;
            assert_eq!(adapter.counters(), expected);
        });
    }
}
