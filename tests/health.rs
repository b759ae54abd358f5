//! What `Control::health` finds, and what it must not take for a hang.

mod common;

use std::time::Duration;

use common::{
    Nic, assert_clean, assert_clean_but, assert_works, batch, frame, mac, packet, pool_of, receive, recorded, start,
    transmit,
};
use ixgbe::device::{BusError, Config, RING_LENS, Remedy, Symptom};
use ixgbe::packet::Batch;
use ixgbe_sim::{Fault, Port, Rule};

/// The time between two looks, which is enough for a hang.
const ROUND: Duration = Duration::from_millis(300);

fn small() -> Config {
    Config::new().rx_descriptors(*RING_LENS.start()).tx_descriptors(*RING_LENS.start())
}

fn look(nic: &mut Nic) -> Vec<Symptom> {
    nic.split().0.health()
}

/// Looks twice.
fn examine(nic: &mut Nic, port: &Port) -> Vec<Symptom> {
    look(nic);
    port.wait(ROUND);
    look(nic)
}

/// Sends `count` packets on transmit queue `queue`.
fn post(nic: &mut Nic, queue: usize, count: usize) {
    let pool = pool_of(nic);
    let mut packets = batch((0..count).map(|n| packet(&pool, &frame(mac(9), 60, n as u8))));
    assert_eq!(nic.split().1[queue].tx.transmit(&mut packets).unwrap(), count);
}

#[test]
fn a_healthy_device_has_no_symptoms() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small().queue_pairs(2));
    for round in 0..200 {
        // Idle, busy, and with packets that are still to be sent.
        for n in 0..round % 7 {
            transmit(&mut nic, &frame(mac(9), 60 + n, 1));
            port.deliver(&frame(mac(0), 60, 1));
        }
        assert_eq!(look(&mut nic), [], "round {round}");
        port.wait(ROUND);
        assert_eq!(look(&mut nic), [], "round {round}");
        receive(&mut nic);
        nic.split().1[0].tx.reclaim();
    }
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_transmit_queue_that_hangs_is_named() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &small().queue_pairs(2));
    port.inject(Fault::TxQueueHangs(1));
    assert_eq!(examine(&mut nic, &port), [], "it has no packets");
    post(&mut nic, 0, 3);
    post(&mut nic, 1, 3);
    assert_eq!(look(&mut nic), [], "nothing is known yet");
    port.wait(Duration::from_millis(240));
    assert_eq!(look(&mut nic), [], "too soon");
    port.wait(Duration::from_millis(20));
    let [Symptom::TransmitHang { queue: 1, since }] = *look(&mut nic) else { panic!("a hang was expected") };
    assert!((Duration::from_millis(250)..ROUND).contains(&since), "{since:?}");
    let [symptom] = *look(&mut nic) else { panic!("the hang goes on") };
    assert_eq!(symptom.remedy(), Remedy::Recover);
    assert!(symptom.to_string().starts_with("transmit queue 1 has packets and has sent none for "));
    assert!(symptom.to_string().ends_with(": recover the device"));
    // Also with its queues in other hands.
    let (mut control, pairs) = nic.into_split();
    assert!(matches!(*control.control().health(), [Symptom::TransmitHang { queue: 1, .. }]));
    drop(pairs);
    let mut nic = control.reunite(Duration::ZERO).unwrap().recover().unwrap();
    port.wait(ROUND);
    assert_eq!(examine(&mut nic, &port), []);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// The head of a queue is where it was, because it has come around.
#[test]
fn a_head_that_has_come_around_is_no_hang() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &small().queue_pairs(2));
    let head = common::at("TDH", 0);
    for _ in 0..4 {
        port.inject(Fault::TxStalls);
        post(&mut nic, 0, 16);
        let before = port.peek(head);
        assert_eq!(look(&mut nic), []);
        port.clear(Fault::TxStalls);
        for _ in 0..4 {
            port.run_until_idle(10);
            nic.split().1[0].tx.reclaim();
            port.inject(Fault::TxStalls);
            post(&mut nic, 0, 16);
            port.clear(Fault::TxStalls);
        }
        port.inject(Fault::TxStalls);
        port.wait(ROUND);
        assert_eq!(port.peek(head), before, "the test brings it around");
        assert_eq!(look(&mut nic), []);
        port.wait(ROUND);
        assert!(matches!(*look(&mut nic), [Symptom::TransmitHang { queue: 0, .. }]), "now it stands");
        port.clear(Fault::TxStalls);
        port.run_until_idle(10);
        nic.split().1[0].tx.reclaim();
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_paused_queue_does_not_hang() {
    for obeys in [true, false] {
        let (port, _) = recorded(0);
        let mut nic = start(&port, &small());
        if obeys {
            let control = nic.split().0;
            control.registers().mflcn().modify(ixgbe::value!(ixgbe::registers::MFLCN { RFCE: true }));
        } else {
            port.inject(Fault::TxQueueHangs(0));
        }
        port.inject(Fault::PartnerPauses);
        port.wait(ROUND);
        post(&mut nic, 0, 5);
        for _ in 0..5 {
            let symptoms = examine(&mut nic, &port);
            // Pause frames that the device does not obey are no excuse.
            assert_eq!(symptoms.len(), usize::from(!obeys), "{symptoms:?}");
        }
        port.clear(Fault::PartnerPauses);
        nic.recover().unwrap().stop().unwrap();
        assert_clean(&port);
    }
}

#[test]
fn a_link_that_is_lost_with_packets_is_a_symptom() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small().queue_pairs(2));
    port.inject(Fault::LinkLossStopsTransmit);
    assert_eq!(examine(&mut nic, &port), []);
    // Without packets, a lost link is none of its business, and packets that come later wait.
    port.set_link(false);
    assert_eq!(examine(&mut nic, &port), []);
    post(&mut nic, 0, 1);
    assert_eq!(examine(&mut nic, &port), []);
    port.set_link(true);
    port.wait(ROUND);
    assert_eq!(recorder.take().len(), 1);
    assert_eq!(examine(&mut nic, &port), []);
    // With packets, they may never be sent.
    port.inject(Fault::TxStalls);
    post(&mut nic, 1, 5);
    port.step();
    port.set_link(false);
    port.step();
    port.clear(Fault::TxStalls);
    let symptoms = look(&mut nic);
    assert_eq!(symptoms, [Symptom::LinkLost { queues: 1 }]);
    assert_eq!(symptoms[0].remedy(), Remedy::Recover);
    assert_eq!(look(&mut nic), symptoms, "it lasts");
    port.set_link(true);
    port.wait(ROUND);
    assert!(recorder.take().is_empty(), "the model shows what silicon may do");
    assert!(matches!(*examine(&mut nic, &port), [Symptom::TransmitHang { queue: 1, .. }]), "then it is a hang");
    // A recovery without a link ends the symptom, too.
    port.set_link(false);
    port.step();
    let mut nic = nic.recover().unwrap();
    post(&mut nic, 0, 5);
    assert_eq!(examine(&mut nic, &port), []);
    port.set_link(true);
    port.wait(ROUND);
    assert_eq!(recorder.take().len(), 5);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_starved_receive_queue_is_named_with_the_reason() {
    let (port, _) = recorded(0);
    let config = small();
    let mut nic = start(&port, &config.pool_buffers(100));
    let pool = pool_of(&nic);
    let arrive = |count| (0..count).for_each(|_| port.deliver(&frame(mac(0), 60, 1)));
    // Nobody takes the packets. The packet buffer has room for some, and then they are missed.
    arrive(63);
    assert_eq!(look(&mut nic), [], "it may be so for a moment");
    let symptoms = look(&mut nic);
    assert_eq!(symptoms, [Symptom::ReceiveStarved { queue: 0, pool_is_empty: false, lost: 0 }]);
    assert_eq!(symptoms[0].remedy(), Remedy::Serve);
    let before = port.counters().missed;
    while port.counters().missed < before + 7 {
        arrive(1);
    }
    assert_eq!(look(&mut nic), [Symptom::ReceiveStarved { queue: 0, pool_is_empty: false, lost: 7 }]);
    // They are taken, and kept.
    let mut kept = Batch::with_capacity(100);
    for _ in 0..10 {
        nic.split().1[0].rx.receive(&mut kept);
        port.step();
    }
    assert_eq!((kept.len(), pool.available()), (99, 0));
    look(&mut nic);
    let symptoms = look(&mut nic);
    assert_eq!(symptoms, [Symptom::ReceiveStarved { queue: 0, pool_is_empty: true, lost: 0 }]);
    assert!(symptoms[0].to_string().contains("drop packets sooner"));
    kept.clear();
    for _ in 0..200 {
        nic.split().1[0].rx.receive(&mut kept);
        kept.clear();
        port.step();
    }
    assert_eq!(examine(&mut nic, &port), []);
    drop(kept);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn packets_dropped_for_want_of_descriptors_are_counted_by_queue() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &small().queue_pairs(2));
    port.inject(Fault::RxQueueWrong);
    (0..63).for_each(|_| port.deliver(&frame(mac(0), 60, 1)));
    look(&mut nic);
    (0..9).for_each(|_| port.deliver(&frame(mac(0), 60, 1)));
    assert_eq!(look(&mut nic), [Symptom::ReceiveStarved { queue: 0, pool_is_empty: false, lost: 9 }]);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn reception_that_hangs_is_a_symptom() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small());
    port.inject(Fault::RxQueueHangs(0));
    assert_eq!(examine(&mut nic, &port), []);
    while port.counters().missed < 3 {
        port.deliver(&frame(mac(0), 1500, 1));
    }
    let symptoms = look(&mut nic);
    assert_eq!(symptoms, [Symptom::ReceiveHang { missed: 3 }]);
    assert_eq!(symptoms[0].remedy(), Remedy::Recover);
    let mut nic = nic.recover().unwrap();
    port.wait(ROUND);
    assert_works(&mut nic, &port, &recorder);
    assert_eq!(examine(&mut nic, &port), []);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Before any packet was received, the packets that were missed before do not count again.
#[test]
fn what_was_missed_before_a_recovery_or_an_absence_is_no_symptom() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &small());
    port.inject(Fault::RxQueueHangs(0));
    assert_eq!(examine(&mut nic, &port), []);
    while port.counters().missed < 3 {
        port.deliver(&frame(mac(0), 1500, 1));
    }
    assert_eq!(look(&mut nic), [Symptom::ReceiveHang { missed: 3 }]);
    port.inject(Fault::SurpriseRemoval);
    assert_eq!(look(&mut nic), [Symptom::Gone]);
    port.clear(Fault::SurpriseRemoval);
    assert_eq!(look(&mut nic), []);
    let mut nic = nic.recover().unwrap();
    assert_eq!(look(&mut nic), []);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn causes_are_symptoms_once() {
    let cases = [
        (Fault::MemoryError, Symptom::MemoryError, Remedy::Recover),
        (Fault::TooHot, Symptom::TooHot, Remedy::Stop),
        (Fault::RequestTimesOut, Symptom::Bus(BusError::TimedOut), Remedy::Log),
    ];
    for (fault, symptom, remedy) in cases {
        let (port, recorder) = recorded(0);
        let mut nic = start(&port, &small());
        port.inject(fault);
        assert_eq!(look(&mut nic), [symptom]);
        assert_eq!(symptom.remedy(), remedy);
        assert_eq!(look(&mut nic), []);
        assert_works(&mut nic, &port, &recorder);
        nic.stop().unwrap();
        assert_clean(&port);
    }
}

/// Whichever read returns all ones, a device that answers is not gone, and its counters stay right.
#[test]
fn one_read_of_all_ones_is_no_removal() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small().queue_pairs(2));
    for reads in 1..12 {
        port.inject(Fault::ReadsAllOnes(reads));
        assert_works(&mut nic, &port, &recorder);
        let symptoms = look(&mut nic);
        // The first read, and five of STATUS.
        assert_eq!(symptoms, [if reads <= 5 { Symptom::ReadAllOnes } else { Symptom::Gone }], "{reads} reads");
        port.clear(Fault::ReadsAllOnes(0));
        assert_eq!(look(&mut nic), []);
    }
    let statistics = nic.statistics().unwrap();
    assert_eq!((statistics.rx_packets, statistics.tx_packets), (11, 11));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_device_that_is_gone_is_nothing_else() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &small());
    post(&mut nic, 0, 5);
    look(&mut nic);
    port.inject(Fault::SurpriseRemoval);
    let start = port.now();
    let symptoms = look(&mut nic);
    assert!(port.now() - start < Duration::from_millis(100));
    assert_eq!(symptoms, [Symptom::Gone]);
    assert_eq!(
        (symptoms[0].remedy(), &*symptoms[0].to_string()),
        (Remedy::Stop, "the device reads as all ones, it is gone: drop it")
    );
    port.clear(Fault::SurpriseRemoval);
    assert_eq!(look(&mut nic), []);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// A look clears the cause of the link's interrupt, which must come all the same.
#[test]
fn a_look_loses_no_interrupt_of_the_link() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &small());
    let raised = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&raised);
    port.on_interrupt(move |vector| {
        _ = count.fetch_add(usize::from(vector == 1), std::sync::atomic::Ordering::Relaxed)
    });
    let mut control = nic.split().0;
    control.set_up_interrupts(Duration::from_micros(10)).unwrap();
    // Without bus mastering no message is sent, so the cause waits.
    control.acknowledge_link_interrupt();
    port.set_bus_master(false);
    raised.store(0, std::sync::atomic::Ordering::Relaxed);
    port.set_link(false);
    port.step();
    assert_eq!(control.health(), []);
    port.set_bus_master(true);
    port.wait(Duration::from_millis(1));
    assert!(raised.load(std::sync::atomic::Ordering::Relaxed) >= 1);
    nic.stop().unwrap();
    assert_clean_but(&port, &[Rule::DmaWhileMasterDisabled]);
}
