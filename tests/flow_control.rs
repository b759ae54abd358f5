//! Flow control: what is asked for, what the partner agrees to, and the registers for it.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Altered, Nic, assert_clean, at, frame, mac, peek, pool_of, port, recorded, start};
use ixgbe::device::FlowControl::{self, Both, Off, Receive, Transmit};
use ixgbe::device::{Backplane, Config, Device, LinkMode, Medium, Running};
use ixgbe::packet::Batch;
use ixgbe_sim::Port;
use ixgbe_sim::wire::NoTraffic;

const KIB: u32 = 1024;
const ENABLE: u32 = 1 << 31;

/// The registers of flow control: MFLCN, FCCFG, FCRTL and FCRTH of buffer 0, FCTTV, FCRTV.
fn registers(port: &Port) -> [u32; 6] {
    ["MFLCN", "FCCFG", "FCRTL", "FCRTH", "FCTTV", "FCRTV"].map(|name| peek(port, name, 0))
}

fn expected(mode: FlowControl, high: u32, low: u32) -> [u32; 6] {
    let mflcn = if mode.receives() { 0b1010 } else { 0b0010 };
    match mode.transmits() {
        true => [mflcn, 1 << 3, (low * KIB) | ENABLE, (high * KIB) | ENABLE, 0xffff_ffff, 0x7fff],
        false => [mflcn, 0, 0, (512 - 24) * KIB, 0, 0],
    }
}

#[test]
fn each_mode_has_its_registers_where_nothing_is_negotiated() {
    for mode in [Off, Receive, Transmit, Both] {
        // Standard frames arrive whatever the largest frame is.
        for (max_frame, high, low) in [(64, 497, 10), (1518, 497, 10), (15_872, 448, 66)] {
            let (port, _) = recorded(0);
            let mut nic = start(&port, &Config::new().flow_control(mode).max_frame(max_frame));
            assert_eq!(registers(&port), expected(mode, high, low), "{mode:?} {max_frame}");
            let others = (1..8).map(|buffer| (peek(&port, "FCRTL", buffer), peek(&port, "FCRTH", buffer)));
            assert!(others.into_iter().all(|levels| levels == (0, 0)), "the other buffers have no memory");
            assert_eq!(nic.split().0.flow_control(), mode);
            nic.split().0.link();
            assert_eq!(registers(&port), expected(mode, high, low), "after a look at the link");
            assert_clean(&port);
        }
    }
}

/// With pause frames, a queue without descriptors holds packets back; without, it drops them for the others' sake.
#[test]
fn queues_drop_only_if_no_pause_frames_are_sent() {
    const DROP_EN: u32 = 1 << 28;
    for (mode, queues, drops) in
        [(Off, 1, false), (Off, 4, true), (Receive, 4, true), (Transmit, 4, false), (Both, 4, false)]
    {
        let (port, _) = recorded(0);
        let _nic = start(&port, &Config::new().flow_control(mode).queue_pairs(queues));
        assert_eq!(peek(&port, "SRRCTL", 0) & DROP_EN != 0, drops, "{mode:?} with {queues} queues");
    }
}

/// What a partner that negotiates offers: nothing, or the two bits.
type Offer = Arc<Mutex<Option<u32>>>;

/// A port at 1 Gbit/s whose partner offers what `offer` says.
fn one_gigabit(offer: &Offer) -> (Port, Altered) {
    let (port, offer) = (port(0), Arc::clone(offer));
    port.plug(NoTraffic);
    let [status, partner, links] = ["PCS1GLSTA", "PCS1GANLP", "LINKS"].map(|name| at(name, 0));
    let platform = Altered::new(&port, move |offset, real| match (*offer.lock().unwrap(), offset) {
        // AN_1G_COMPLETE.
        (Some(_), offset) if offset == status => real | 1 << 16,
        (None, offset) if offset == status => real & !(1 << 16),
        (Some(bits), offset) if offset == partner => real | bits << 7,
        // 1 Gbit/s.
        (_, offset) if offset == links => real & !(3 << 28) | 2 << 28 | 1 << 30,
        _ => real,
    });
    (port, platform)
}

fn run(platform: Altered, config: &Config) -> Device<Running, Altered> {
    Device::new(platform).reset(config).unwrap().assume_link_up().start().unwrap()
}

#[test]
fn partners_at_one_gigabit_agree() {
    for (asked, offered, partner, agreed) in [
        (Both, 3, Some(3), Both),
        (Both, 3, Some(2), Receive),
        (Both, 3, Some(0), Off),
        (Both, 3, None, Both),
        (Receive, 3, Some(3), Receive),
        (Receive, 3, Some(1), Receive),
        (Transmit, 2, Some(3), Transmit),
        (Transmit, 2, Some(1), Off),
        (Off, 0, Some(3), Off),
    ] {
        let offer = Offer::new(Mutex::new(partner));
        let (port, platform) = one_gigabit(&offer);
        let config = Config::new().link(LinkMode::OneGigabitSfi { negotiate: true }).flow_control(asked);
        let mut nic = run(platform, &config);
        assert_eq!(peek(&port, "PCS1GANA", 0) >> 7 & 3, offered, "what is offered for {asked:?}");
        assert_eq!(nic.split().0.flow_control(), agreed, "{asked:?} with {partner:?}");
        assert_eq!(registers(&port)[..4], expected(agreed, 497, 10)[..4], "{asked:?} with {partner:?}");
    }
}

#[test]
fn a_partner_that_changes_its_mind_is_followed_at_the_next_link() {
    let offer = Offer::new(Mutex::new(Some(3)));
    let down = Arc::new(Mutex::new(false));
    let (port, one) = one_gigabit(&offer);
    drop(one);
    let (is_down, partner) = (Arc::clone(&down), Arc::clone(&offer));
    let [status, ability, links] = ["PCS1GLSTA", "PCS1GANLP", "LINKS"].map(|name| at(name, 0));
    let platform = Altered::new(&port, move |offset, real| {
        let up = !*is_down.lock().unwrap();
        match offset {
            offset if offset == status => real | 1 << 16,
            offset if offset == ability => real | partner.lock().unwrap().unwrap() << 7,
            offset if offset == links => real & !(7 << 28) | 2 << 28 | u32::from(up) << 30,
            _ => real,
        }
    });
    let config = Config::new().link(LinkMode::OneGigabitSfi { negotiate: true }).flow_control(Both);
    let mut nic = run(platform, &config);
    assert_eq!(nic.split().0.flow_control(), Both);
    *offer.lock().unwrap() = Some(2);
    nic.split().0.link_status();
    assert_eq!(nic.split().0.flow_control(), Both, "the link did not go down");
    *down.lock().unwrap() = true;
    nic.split().0.link_status();
    *down.lock().unwrap() = false;
    nic.split().0.health();
    assert_eq!(nic.split().0.flow_control(), Receive);
    assert_eq!(registers(&port)[..4], expected(Receive, 497, 10)[..4]);
    let mut nic = nic.recover().unwrap();
    assert_eq!(nic.split().0.flow_control(), Receive, "a recovery negotiates anew");
    assert_eq!(registers(&port)[..4], expected(Receive, 497, 10)[..4]);
}

#[test]
fn partners_on_a_backplane_agree() {
    for (asked, offered, partner, agreed) in
        [(Both, 3, 3, Both), (Both, 3, 2, Receive), (Transmit, 2, 3, Transmit), (Receive, 3, 0, Off), (Off, 0, 3, Off)]
    {
        let port = port(0);
        port.plug(NoTraffic);
        let [links, links2, page] = ["LINKS", "LINKS2", "ANLP1"].map(|name| at(name, 0));
        let platform = Altered::new(&port, move |offset, real| match offset {
            // Negotiation is complete, with a partner that takes part.
            offset if offset == links => real | 1 << 31,
            offset if offset == links2 => real | 1 << 6,
            offset if offset == page => real & !(3 << 10) | partner << 10,
            _ => real,
        });
        let modes = LinkMode::Backplane(Backplane { kr: true, ..Backplane::default() });
        let config = Config::new().medium(Medium::Backplane).link(modes).flow_control(asked);
        let mut nic = common::run(Device::new(platform).reset(&config).unwrap());
        assert_eq!(peek(&port, "AUTOC", 0) >> 28 & 3, offered, "what is offered for {asked:?}");
        assert_eq!(nic.split().0.flow_control(), agreed, "{asked:?} with {partner}");
        assert_eq!(registers(&port)[..4], expected(agreed, 497, 10)[..4]);
    }
}

#[test]
fn a_recovery_keeps_the_mode() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().flow_control(Both)).recover().unwrap();
    assert_eq!(registers(&port), expected(Both, 497, 10));
    port.wait(Duration::from_millis(100));
    assert!(nic.link().is_up());
    common::assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_eq!(registers(&port)[1..4], expected(Off, 0, 0)[1..4], "a stop ends it");
    assert_clean(&port);
}

/// Sends as many frames as the partner, which receives none meanwhile, takes in a time. Returns their number.
fn flood(sender: &mut Nic, ports: [&Port; 2]) -> u64 {
    let pool = pool_of(sender);
    let data = frame(mac(1), 1_500, 0);
    let mut sent = 0;
    for _ in 0..400 {
        let mut batch = Batch::with_capacity(32);
        while let Ok(packet) = pool.take_copy(&data) {
            if batch.push(packet).is_err() {
                break;
            }
        }
        sent += sender.split().1[0].tx.transmit(&mut batch).unwrap() as u64;
        ports.iter().for_each(|port| _ = port.step());
    }
    sent
}

#[test]
fn a_port_that_pauses_its_partner_loses_nothing() {
    for mode in [Both, Off] {
        let ports = [port(0), port(1)];
        ixgbe_sim::connect(&ports[0], &ports[1]);
        let config = Config::new().flow_control(mode).rx_descriptors(64);
        let mut sender = start(&ports[0], &config);
        let mut receiver = start(&ports[1], &config);
        let sent = flood(&mut sender, [&ports[0], &ports[1]]);
        let (now, partner) = (receiver.statistics().unwrap(), sender.statistics().unwrap());
        if mode == Off {
            assert!(now.rx_missed > 0 && now.tx_xoff == 0 && partner.rx_xoff == 0, "{now:?}");
            continue;
        }
        assert!(now.tx_xoff > 0 && partner.rx_xoff > 0, "{now:?}");
        assert_eq!((now.rx_missed, now.tx_packets), (0, 0), "pause frames are no packets of a queue");
        assert!(now.tx_good_packets >= now.tx_xoff, "but of the port");
        assert!(sender.split().0.health().is_empty(), "a paused queue does not hang");
        // Everything arrives once somebody receives, and the pause ends.
        let mut received = 0;
        for _ in 0..20_000 {
            received += common::receive(&mut receiver).len() as u64;
            ports.iter().for_each(|port| _ = port.step());
            if received == sent {
                break;
            }
        }
        assert_eq!(received, sent);
        assert!(receiver.statistics().unwrap().tx_xon > 0);
        assert_eq!(receiver.statistics().unwrap().rx_missed, 0);
        ports.iter().for_each(assert_clean);
    }
}
