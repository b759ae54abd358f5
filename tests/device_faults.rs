//! The driver's care: whatever the device does wrong ends in an error or a counter of its own, no memory is
//! lost or taken away from beneath the device, and once the fault is over a reset makes the device work again.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{
    Recorder, assert_clean, assert_clean_but, assert_works, at, batch, frame, mac, packet, pool_of, receive, recorded,
    reset, run, start, transmit,
};
use ixgbe::clock::Clock;
use ixgbe::device::filter::{Flow, FlowDirector, FlowMemory, Perfect};
use ixgbe::device::{Config, Device, Error, Reset, Running, StartError, Unbound};
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::index;
use ixgbe::mmio::Offset;
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;
use ixgbe::pool::{Pool, PoolError};
use ixgbe::port::{LinkStatus, Speed};
use ixgbe::registers::{RegisterSpace, RxQueue};
use ixgbe::runtime::bus::Bus;
use ixgbe_sim::{Fault, Port, PortConfig, Rule};

/// The register that was waited for in vain.
#[track_caller]
fn register(error: &Error) -> &'static str {
    match error {
        Error::TimedOut { cause, .. } => cause.register,
        error => panic!("a time-out was expected, not: {error}"),
    }
}

/// A reset brings the device back: traffic passes, and in the end nothing stays mapped.
#[track_caller]
fn assert_recovers<H: Platform>(device: Device<Unbound, H>, port: &Port, recorder: &Recorder) {
    assert_reset_recovers(device.reset(&Config::new()).expect("the fault is over"), port, recorder);
}

#[track_caller]
fn assert_reset_recovers<H: Platform>(device: Device<Reset, H>, port: &Port, recorder: &Recorder) {
    let mut nic = run(device);
    assert_works(&mut nic, port, recorder);
    let pool = pool_of(&nic);
    nic.stop().expect("the fault is over");
    assert_eq!(port.mapped_bytes(), 0);
    assert_eq!(pool.available(), pool.capacity());
}

/// A fault that makes `reset` fail: with which error, and how the device recovers.
#[track_caller]
fn reset_fails(fault: Fault) -> Error {
    let (port, recorder) = recorded(0);
    port.inject(fault);
    let failed = Device::new(port.claim().unwrap()).reset(&Config::new()).expect_err("the fault is in the way");
    // It fails as often as it is tried.
    let failed = failed.device.reset(&Config::new()).expect_err("the fault is still in the way");
    port.clear(fault);
    assert_recovers(failed.device, &port, &recorder);
    // The second try finds a device that the first left in the middle of a reset.
    assert_clean_but(&port, &[Rule::ResetWithoutMasterDisable, Rule::AccessInReset, Rule::EepromNotAwaited]);
    failed.error
}

/// A fault that makes `start` fail: the device is rolled back, its memory is home, and it starts once the fault is over.
#[track_caller]
fn start_fails(fault: Fault) -> Error {
    let (port, recorder) = recorded(0);
    let pool = Pool::new(&port, 2048, 2048).unwrap();
    let device = reset(&port, &Config::new().queue_pairs(3)).wait_for_link(Duration::from_secs(5)).unwrap();
    port.inject(fault);
    let failed = match device.start_with(std::slice::from_ref(&pool)) {
        Err(StartError::RolledBack(failed)) => failed,
        Err(StartError::NotStopped(failed)) => panic!("{} and was not rolled back", failed.error),
        Ok(_) => panic!("the fault is in the way"),
    };
    assert_eq!(port.mapped_bytes(), 0, "what was mapped before the failure is unmapped");
    assert_eq!(pool.available(), pool.capacity());
    port.clear(fault);
    assert_reset_recovers(failed.device, &port, &recorder);
    assert_clean(&port);
    failed.error
}

/// A fault that makes `stop` fail: the memory stays until a reset brings the proof that the device has stopped.
#[track_caller]
fn stop_fails(fault: Fault, allowed: &[Rule]) -> Error {
    let (port, recorder) = recorded(0);
    let nic = start(&port, &Config::new());
    let (pool, mapped) = (pool_of(&nic), port.mapped_bytes());
    port.inject(fault);
    let failed = nic.stop().expect_err("the fault is in the way");
    assert_eq!(port.mapped_bytes(), mapped, "the device may still reach it");
    assert!(pool.available() < pool.capacity());
    port.clear(fault);
    let device = failed.device.reset(&Config::new()).expect("the fault is over");
    assert_eq!(port.mapped_bytes(), 0);
    assert_eq!(pool.available(), pool.capacity());
    assert_reset_recovers(device, &port, &recorder);
    assert_clean_but(&port, allowed);
    failed.error
}

// Faults in reset (4.6.3)

#[test]
fn reset_never_ends() {
    assert_eq!(register(&reset_fails(Fault::ResetNeverEnds)), "CTRL");
}

#[test]
fn eeprom_is_never_read() {
    assert_eq!(register(&reset_fails(Fault::EepromNeverDone)), "EEC");
}

#[test]
fn eeprom_is_missing() {
    assert_eq!(reset_fails(Fault::EepromMissing), Error::NoEeprom);
}

#[test]
fn dma_never_initialises() {
    assert_eq!(register(&reset_fails(Fault::DmaInitNeverDone)), "RDRXCTL");
}

#[test]
fn master_never_stops_before_a_reset() {
    assert_eq!(register(&reset_fails(Fault::MasterNeverStops)), "STATUS");
}

#[test]
fn semaphore_is_taken() {
    let error = reset_fails(Fault::SemaphoreTimeout);
    assert_eq!(error, Error::SemaphoreTimeout { semaphore: "SWSM.SMBI" });
}

#[test]
fn firmware_holds_the_mac_registers() {
    let error = reset_fails(Fault::FirmwareHoldsResources);
    assert_eq!(error, Error::SemaphoreTimeout { semaphore: "SW_FW_SYNC, the MAC's registers" });
}

/// The device itself does not look at the checksum: the firmware's word is passed on to the log.
#[test]
fn a_corrupt_eeprom_is_reported_by_the_firmware_only() {
    let (port, recorder) = recorded(0);
    port.inject(Fault::EepromCorrupt);
    let mut nic = start(&port, &Config::new());
    assert_works(&mut nic, &port, &recorder);
    assert_ne!(common::peek(&port, "FWSM", 0) >> 19 & 0x3f, 0);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// The driver reads nothing through EERD and never uses the transmit security block's halt: no harm comes from them.
#[test]
fn faults_of_what_is_not_used_do_no_harm() {
    for fault in [Fault::EepromReadNeverDone, Fault::SecTxNeverReady] {
        let (port, recorder) = recorded(0);
        port.inject(fault);
        let mut nic = start(&port, &Config::new());
        assert_works(&mut nic, &port, &recorder);
        nic.stop().unwrap();
        assert_clean(&port);
    }
}

// Faults of the link (4.6.4)

#[test]
fn link_never_comes_up() {
    let (port, recorder) = recorded(0);
    port.inject(Fault::LinkNeverUp);
    let device = reset(&port, &Config::new());
    let limit = Duration::from_millis(300);
    let failed = device.wait_for_link(limit).expect_err("there is no link");
    assert!(matches!(failed.error, Error::NoLink { waited, .. } if waited >= limit), "{}", failed.error);
    assert!(failed.error.to_string().starts_with("the link did not come up within 3"), "{}", failed.error);
    port.clear(Fault::LinkNeverUp);
    assert_reset_recovers(failed.device, &port, &recorder);
    assert_clean(&port);
}

#[test]
fn link_status_is_what_the_link_is() {
    let (port, recorder) = recorded(0);
    port.set_link(false);
    let mut nic = reset(&port, &Config::new()).assume_link_up().start().unwrap();
    assert_eq!(nic.link(), LinkStatus::Down);
    port.set_link(true);
    port.wait(Duration::from_millis(50));
    assert_eq!(nic.link(), LinkStatus::Up(Some(Speed::GBIT_10)));
    assert_works(&mut nic, &port, &recorder);
    // The cable is pulled while the device runs: packets wait, and go out when it is back.
    port.set_link(false);
    port.wait(Duration::from_millis(1));
    assert_eq!(nic.link(), LinkStatus::Down);
    transmit(&mut nic, &frame(mac(9), 100, 0));
    port.wait(Duration::from_millis(5));
    assert_eq!(recorder.take().len(), 0);
    port.set_link(true);
    port.wait(Duration::from_millis(50));
    assert_eq!(recorder.take().len(), 1);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn link_flaps_while_running() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    port.inject(Fault::LinkFlap);
    let (mut up, mut down) = (0, 0);
    for _ in 0..100 {
        port.wait(Duration::from_millis(1));
        transmit(&mut nic, &frame(mac(9), 100, 0));
        *if nic.split().0.link().is_up() { &mut up } else { &mut down } += 1;
    }
    assert!(up > 10 && down > 2, "{up} times up, {down} times down");
    port.clear(Fault::LinkFlap);
    port.wait(Duration::from_millis(50));
    assert_eq!(recorder.take().len(), 100, "nothing is lost on the way out");
    assert_eq!(nic.link(), LinkStatus::Up(Some(Speed::GBIT_10)));
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// A link that is there for a moment only is none (specification update, software clarification 6).
#[test]
fn a_link_of_a_moment_is_no_link() {
    let (port, _) = recorded(0);
    let flicker = AtomicU64::new(0);
    let platform = Meddler::new(port, move |port, offset| match port.read32(offset) {
        // Up in every second read.
        links if offset == at("LINKS", 0) && flicker.fetch_add(1, Ordering::Relaxed) % 2 == 1 => links & !(1 << 30),
        value => value,
    });
    let device = Device::new(platform).reset(&Config::new()).unwrap();
    let failed = device.wait_for_link(Duration::from_millis(200)).expect_err("it never holds");
    assert!(matches!(failed.error, Error::NoLink { .. }));
}

// Faults in start (4.6.7, 4.6.8)

#[test]
fn queue_never_enables() {
    assert_eq!(register(&start_fails(Fault::RxQueueNeverEnables)), "RXDCTL");
    assert_eq!(register(&start_fails(Fault::TxQueueNeverEnables)), "TXDCTL");
}

#[test]
fn receive_data_path_is_never_idle() {
    let (port, recorder) = recorded(0);
    let device = reset(&port, &Config::new()).assume_link_up();
    port.inject(Fault::SecRxNeverReady);
    let Err(StartError::RolledBack(failed)) = device.start() else { panic!("rolled back was expected") };
    assert_eq!(register(&failed.error), "SECRXSTAT");
    assert_eq!(port.mapped_bytes(), 0);
    port.clear(Fault::SecRxNeverReady);
    assert_reset_recovers(failed.device, &port, &recorder);
    assert_clean(&port);
}

/// A start whose roll-back fails, too, gives back a device that keeps its memory until it is reset.
#[test]
fn a_start_that_cannot_be_rolled_back_is_lost() {
    let (port, recorder) = recorded(0);
    let pool = Pool::new(&port, 2048, 2048).unwrap();
    let device = reset(&port, &Config::new()).wait_for_link(Duration::from_secs(5)).unwrap();
    let faults = [Fault::TxQueueNeverEnables, Fault::MasterNeverStops];
    faults.iter().for_each(|fault| port.inject(*fault));
    let Err(StartError::NotStopped(failed)) = device.start_with(std::slice::from_ref(&pool)) else { panic!("lost") };
    assert_eq!(register(&failed.error), "TXDCTL", "the first error is the one to tell");
    assert_ne!(port.mapped_bytes(), 0);
    faults.iter().for_each(|fault| port.clear(*fault));
    let device = failed.device.reset(&Config::new()).unwrap();
    assert_eq!((port.mapped_bytes(), pool.available()), (0, pool.capacity()));
    assert_reset_recovers(device, &port, &recorder);
    assert_clean_but(&port, &[Rule::ResetWithoutMasterDisable]);
}

// Faults in stop (4.2.1.6.1)

#[test]
fn receive_queue_never_disables() {
    assert_eq!(register(&stop_fails(Fault::RxQueueNeverDisables, &[Rule::ResetWhileEnabled])), "RXDCTL");
}

#[test]
fn transmit_queue_never_disables() {
    assert_eq!(register(&stop_fails(Fault::TxQueueNeverDisables, &[Rule::ResetWhileEnabled])), "TXDCTL");
}

#[test]
fn master_never_stops() {
    assert_eq!(register(&stop_fails(Fault::MasterNeverStops, &[Rule::ResetWithoutMasterDisable])), "STATUS");
}

#[test]
fn receive_data_path_is_never_idle_at_the_end() {
    assert_eq!(register(&stop_fails(Fault::SecRxNeverReady, &[Rule::PausedWithoutHalt])), "SECRXSTAT");
}

/// A queue that really hangs does not come back by itself: the reset that follows the failure must bring it back.
#[test]
fn a_queue_that_hangs_for_good_is_reset_away() {
    for fault in [Fault::RxQueueNeverDisables, Fault::TxQueueNeverDisables] {
        let (port, recorder) = recorded(0);
        let nic = start(&port, &Config::new());
        let pool = pool_of(&nic);
        port.inject(fault);
        let failed = nic.stop().expect_err("the queue hangs");
        let device = failed.device.reset(&Config::new()).expect("the device was reset, so no queue is enabled");
        assert_eq!(pool.available(), pool.capacity());
        port.clear(fault);
        assert_reset_recovers(device, &port, &recorder);
        assert_clean_but(&port, &[Rule::ResetWhileEnabled]);
    }
}

#[test]
fn dropping_a_device_that_does_not_stop_leaks_its_memory() {
    let (port, recorder) = recorded(0);
    let nic = start(&port, &Config::new());
    let (pool, mapped) = (pool_of(&nic), port.mapped_bytes());
    port.inject(Fault::MasterNeverStops);
    drop(nic);
    assert_eq!(port.mapped_bytes(), mapped, "the device may still reach it");
    assert!(pool.available() < pool.capacity());
    port.clear(Fault::MasterNeverStops);
    let mut nic = start(&port, &Config::new());
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_eq!(port.mapped_bytes(), mapped, "what is lost stays lost, and mapped");
    assert_clean_but(&port, &[Rule::ResetWithoutMasterDisable]);
}

// Descriptors that say what cannot be (7.1.6)

#[test]
fn absurd_lengths_are_dropped() {
    for length in [0, 2049, 16_384, u16::MAX] {
        let (port, recorder) = recorded(0);
        let mut nic = start(&port, &Config::new());
        let pool = pool_of(&nic);
        port.inject(Fault::RxLength(length));
        for _ in 0..100 {
            port.deliver(&frame(nic.mac(), 100, 0));
        }
        assert_eq!(receive(&mut nic).len(), 0, "length {length}");
        let statistics = nic.statistics().unwrap();
        assert_eq!((statistics.queues[0].drops.bad_length, statistics.rx_dropped()), (100, 100), "length {length}");
        port.clear(Fault::RxLength(0));
        assert_works(&mut nic, &port, &recorder);
        nic.stop().unwrap();
        assert_eq!(pool.available(), pool.capacity());
        assert_clean(&port);
    }
}

/// A length that a buffer can have is believed: what is behind the frame are the buffer's own bytes.
#[test]
fn a_wrong_length_within_the_buffer_reaches_nothing_else() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let size = pool_of(&nic).buffer_size();
    port.inject(Fault::RxLength(size as u16));
    let sent = frame(nic.mac(), 100, 0);
    port.deliver(&sent);
    let received = receive(&mut nic);
    assert_eq!((received[0].len(), &received[0][..100]), (size, &sent[..]));
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Frames without an end are put together only as far as a frame can reach.
#[test]
fn frames_that_never_end_are_dropped() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    port.inject(Fault::RxNoEop);
    for _ in 0..200 {
        port.deliver(&frame(nic.mac(), 100, 0));
    }
    assert_eq!(receive(&mut nic).len(), 0);
    assert!(nic.split().1[0].rx.drops().long >= 1);
    port.clear(Fault::RxNoEop);
    // The end of the next frame ends what did not end.
    port.deliver(&frame(nic.mac(), 100, 0));
    receive(&mut nic);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// A frame that the MAC or the security block found damaged is not handed on.
#[test]
fn damaged_frames_are_dropped() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    port.inject(Fault::RxErrors);
    for _ in 0..50 {
        port.deliver(&frame(nic.mac(), 100, 0));
    }
    assert_eq!(receive(&mut nic).len(), 0);
    let statistics = nic.statistics().unwrap();
    assert_eq!((statistics.queues[0].drops.damaged, statistics.rx_dropped()), (50, 50));
    port.clear(Fault::RxErrors);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn frames_with_a_wrong_crc_are_counted() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    port.inject(Fault::RxCrcErrors);
    for _ in 0..50 {
        port.deliver(&frame(nic.mac(), 100, 0));
    }
    assert_eq!(receive(&mut nic).len(), 0);
    assert_eq!(nic.statistics().unwrap().rx_crc_errors, 50);
    port.clear(Fault::RxCrcErrors);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// A write-back that never comes holds the queue up, which shows in that more was counted than came; a restart helps.
#[test]
fn a_lost_receive_write_back_is_repaired_by_a_restart() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    port.inject(Fault::RxWriteBackLost);
    for _ in 0..10 {
        port.deliver(&frame(nic.mac(), 100, 0));
    }
    port.clear(Fault::RxWriteBackLost);
    port.deliver(&frame(nic.mac(), 100, 0));
    assert_eq!(receive(&mut nic).len(), 0);
    assert_eq!(nic.statistics().unwrap().rx_packets, 11);
    let device = nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_reset_recovers(device, &port, &recorder);
    assert_clean(&port);
}

#[test]
fn a_lost_transmit_write_back_keeps_packets_until_the_stop() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    let free = pool.available();
    port.inject(Fault::TxWriteBackLost);
    transmit(&mut nic, &frame(mac(9), 100, 0));
    port.run_until_idle(10);
    assert_eq!(recorder.take().len(), 1, "it was sent");
    assert!(!nic.split().1[0].tx.is_drained());
    assert_eq!(pool.available(), free - 1, "nothing says that the device is done with the packet");
    let device = nic.stop().expect("the stop does not wait for ever");
    assert_eq!(pool.available(), pool.capacity());
    port.clear(Fault::TxWriteBackLost);
    assert_reset_recovers(device, &port, &recorder);
    assert_clean(&port);
}

#[test]
fn a_stalled_transmitter_fills_the_ring_and_can_be_stopped() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().tx_descriptors(64));
    let pool = pool_of(&nic);
    port.inject(Fault::TxStalls);
    let mut batch = batch((0..100).map(|n| packet(&pool, &frame(mac(9), 100, n))));
    {
        let (_, mut queues) = nic.split();
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 63);
        port.run_until_idle(10);
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 0);
        assert_eq!((batch.len(), queues[0].tx.reclaim()), (37, 0));
    }
    batch.clear();
    let device = nic.stop().expect("the stop does not wait for ever");
    assert_eq!((pool.available(), recorder.take().len()), (pool.capacity(), 0));
    port.clear(Fault::TxStalls);
    assert_reset_recovers(device, &port, &recorder);
    // There was no way to drain it.
    assert_clean_but(&port, &[Rule::TransmitDisabledUndrained]);
}

// Surprise removal

#[track_caller]
fn assert_removed(error: &Error) {
    assert!(matches!(error, Error::Removed { .. }), "{error:?}");
}

#[test]
fn removed_before_reset() {
    let (port, recorder) = recorded(0);
    port.inject(Fault::SurpriseRemoval);
    let failed = Device::new(port.claim().unwrap()).reset(&Config::new()).expect_err("there is no device");
    assert_removed(&failed.error);
    port.clear(Fault::SurpriseRemoval);
    assert_recovers(failed.device, &port, &recorder);
    assert_clean(&port);
}

#[test]
fn removed_while_reset() {
    let (port, recorder) = recorded(0);
    let device = reset(&port, &Config::new());
    port.inject(Fault::SurpriseRemoval);
    let failed = device.wait_for_link(Duration::from_secs(1)).expect_err("there is no device");
    assert_removed(&failed.error);
    port.clear(Fault::SurpriseRemoval);
    assert_reset_recovers(failed.device, &port, &recorder);
    assert_clean(&port);
}

#[test]
fn removed_with_the_link_up() {
    let (port, recorder) = recorded(0);
    let device = reset(&port, &Config::new()).wait_for_link(Duration::from_secs(1)).unwrap();
    port.inject(Fault::SurpriseRemoval);
    let Err(StartError::NotStopped(failed)) = device.start() else { panic!("there is no device to roll back") };
    assert_removed(&failed.error);
    port.clear(Fault::SurpriseRemoval);
    assert_recovers(failed.device, &port, &recorder);
}

#[test]
fn removed_while_running() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let (pool, mapped) = (pool_of(&nic), port.mapped_bytes());
    assert_works(&mut nic, &port, &recorder);
    let before = nic.statistics().unwrap();
    port.inject(Fault::SurpriseRemoval);
    {
        let (mut control, mut queues) = nic.split();
        assert_eq!(control.link(), LinkStatus::Down);
        assert_removed(&control.statistics().expect_err("there is no device"));
        assert_removed(&control.set_promiscuous(true).expect_err("there is no device"));
        let mut batch = Batch::with_capacity(32);
        assert_eq!(queues[0].rx.receive(&mut batch), 0);
        // Packets can be posted; nobody sends them.
        batch.push(packet(&pool, &frame(mac(9), 100, 0))).unwrap();
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
    }
    let failed = nic.stop().expect_err("there is no device");
    assert_removed(&failed.error);
    assert_eq!(port.mapped_bytes(), mapped);
    port.clear(Fault::SurpriseRemoval);
    let mut nic = run(failed.device.reset(&Config::new()).unwrap());
    assert_eq!(pool.available(), pool.capacity());
    assert_works(&mut nic, &port, &recorder);
    // What was counted before the removal has nothing to do with this run.
    assert_eq!((before.rx_packets, nic.statistics().unwrap().rx_packets), (1, 1));
    nic.stop().unwrap();
    // The removed device looks as if it had been left as it was.
    assert_clean_but(&port, &[Rule::TransmitDisabledUndrained]);
}

#[test]
fn dropping_a_removed_device_leaks_its_memory() {
    let (port, _) = recorded(0);
    let nic = start(&port, &Config::new());
    let mapped = port.mapped_bytes();
    port.inject(Fault::SurpriseRemoval);
    drop(nic);
    assert_eq!(port.mapped_bytes(), mapped);
}

/// Commands have a limit. A filter that the device may still have keeps its place until a reset.
#[test]
fn a_silent_flow_director_ends_in_errors() {
    let (port, _) = recorded(0);
    let silent = Arc::new(AtomicU64::new(0));
    let (is_silent, command) = (Arc::clone(&silent), at("FDIRCMD", 0));
    let platform = Meddler::new(port.clone(), move |port, offset| {
        let busy = if offset == command && is_silent.load(Ordering::Relaxed) != 0 { 3 } else { 0 };
        port.read32(offset) | busy
    });
    let director = FlowDirector::perfect(FlowMemory::Kib64);
    let mut nic = run(Device::new(platform).reset(&Config::new().flow_director(director)).unwrap());
    let rule = |n: u16| {
        let flow = Flow::<Perfect>::tcp().source([10, 0, 0, 1].into()).destination([10, 0, 0, 2].into());
        flow.source_port(n).destination_port(80).to(index!(RxQueue, 0))
    };
    let handle = nic.filters().add(rule(1)).unwrap();
    silent.store(1, Ordering::Relaxed);
    let began = port.now();
    assert_eq!(register(&nic.filters().add(rule(2)).unwrap_err()), "FDIRCMD");
    assert_eq!(register(&handle.remove().unwrap_err()), "FDIRCMD");
    assert_eq!(register(&nic.filters().rebuild_flows().unwrap_err()), "FDIRCMD");
    assert!(port.now() - began < Duration::from_millis(1), "{:?}", port.now() - began);
    silent.store(0, Ordering::Relaxed);
    let fill = |nic: &mut Device<Running, Meddler>, from: u16| -> Vec<_> {
        (from..).map_while(|n| nic.filters().add(rule(n)).ok()).collect()
    };
    let mut handles = fill(&mut nic, 10);
    assert_eq!(handles.len(), director.capacity() - 2, "two filters may still be there");
    let mut nic = nic.recover().unwrap();
    handles.extend(fill(&mut nic, 5000));
    assert_eq!(handles.len(), director.capacity(), "a reset removes them");
    let indices: BTreeSet<_> = handles.iter().map(|handle| handle.flow_index()).collect();
    assert_eq!(indices.len(), handles.len(), "each has an index of its own");
    drop(handles);
    let statistics = nic.filters().flow_statistics();
    assert_eq!((statistics.free, statistics.remove_failures), (2046, 0));
    nic.stop().unwrap();
    assert_clean(&port);
}

type Answer = Box<dyn Fn(&Port, Offset) -> u32 + Send + Sync>;

/// A platform on which reads can be answered otherwise, and memory can be short.
struct Meddler {
    port: Port,
    answer: Answer,
    /// How many allocations and mappings there may still be.
    memory: Arc<AtomicU64>,
}

impl Meddler {
    fn new(port: Port, answer: impl Fn(&Port, Offset) -> u32 + Send + Sync + 'static) -> Self {
        Self { port, answer: Box::new(answer), memory: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    fn spend(&self) -> bool {
        self.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

// SAFETY: honest: reads are the port's own, or those of a device that was removed. Exclusive: the tests claim no platform of
// the port besides.
unsafe impl Bus<RegisterSpace> for Meddler {
    fn read(&self, offset: Offset) -> u32 {
        (self.answer)(&self.port, offset)
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: as the caller says.
        unsafe { self.port.write32(offset, value) };
    }
}

// SAFETY: memory is the port's, or there is none.
unsafe impl Dma for Meddler {
    fn domain(&self) -> Domain {
        self.port.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        if self.spend() { self.port.allocate(len) } else { Err(DmaError::OutOfMemory { len }) }
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        let refused = DmaError::NotMappable { len: memory.len(), reason: "the test wants it so" };
        if self.spend() { self.port.map(memory) } else { Err(refused) }
    }
}

// SAFETY: both calls go to the port's clock.
unsafe impl Clock for Meddler {
    fn now(&self) -> Duration {
        self.port.now()
    }

    fn wait(&self, time: Duration) {
        self.port.wait(time);
    }
}

/// Takes the device through its life; tells in which transition it failed, and why.
fn live(device: Device<Unbound, Meddler>) -> Result<(), (&'static str, Error)> {
    let device = device.reset(&Config::new().queue_pairs(2)).map_err(|failed| ("reset", failed.error))?;
    let device = device.wait_for_link(Duration::from_secs(1)).map_err(|failed| ("wait_for_link", failed.error))?;
    let mut nic = device.start().map_err(|failed| ("start", *failed.error()))?;
    nic.split().0.set_promiscuous(true).map_err(|error| ("set_promiscuous", error))?;
    nic.statistics().map_err(|error| ("statistics", error))?;
    nic.stop().map(drop).map_err(|failed| ("stop", failed.error))
}

/// Wherever in its life the device goes, the next transition says so, and nothing is unmapped beneath it.
#[test]
fn removed_at_any_moment() {
    let mut transitions = std::collections::BTreeMap::<&str, usize>::new();
    // Reads from one change of the transition to the next are tried in steps, and the change itself read by read.
    let (mut moment, mut last, mut one_by_one) = (0, (0, "reset"), false);
    loop {
        let (port, _) = recorded(0);
        let reads = AtomicU64::new(0);
        let platform = Meddler::new(port.clone(), move |port, offset| {
            if reads.fetch_add(1, Ordering::Relaxed) == moment {
                port.inject(Fault::SurpriseRemoval);
            }
            port.read32(offset)
        });
        let result = live(Device::new(platform));
        port.clear(Fault::SurpriseRemoval);
        assert_clean(&port);
        match result {
            Ok(()) => break,
            Err((transition, error)) => {
                assert!(matches!(error, Error::Removed { .. }), "read {moment}, in {transition}: {error:?}");
                *transitions.entry(transition).or_default() += 1;
                let changed = transition != last.1;
                if changed && !one_by_one {
                    (moment, one_by_one) = (last.0 + 1, true);
                    continue;
                }
                (last, one_by_one) = ((moment, transition), one_by_one && !changed);
            }
        }
        moment += if one_by_one { 1 } else { 17 };
    }
    for transition in ["reset", "wait_for_link", "start", "set_promiscuous", "statistics", "stop"] {
        assert!(transitions.contains_key(transition), "never removed in {transition}: {transitions:?}");
    }
}

/// Wherever in the start memory runs out, the start is rolled back and nothing is lost.
#[test]
fn memory_runs_out_at_any_moment() {
    for allowed in 0.. {
        let (port, recorder) = recorded(0);
        let pool = Pool::new(&port, 4096, 2048).unwrap();
        let platform = Meddler::new(port.clone(), Port::read32);
        let memory = Arc::clone(&platform.memory);
        let device = Device::new(platform).reset(&Config::new().queue_pairs(2)).unwrap().assume_link_up();
        memory.store(allowed, Ordering::Relaxed);
        let started = device.start_with(std::slice::from_ref(&pool));
        memory.store(u64::MAX, Ordering::Relaxed);
        let failed = match started {
            Ok(nic) => {
                nic.stop().unwrap();
                assert!(allowed >= 8, "two rings in both directions and their pool");
                break;
            }
            Err(StartError::RolledBack(failed)) => failed,
            Err(StartError::NotStopped(failed)) => panic!("{} and was not rolled back", failed.error),
        };
        assert!(matches!(failed.error, Error::Dma(_) | Error::Pool(PoolError::Dma(_))), "{:?}", failed.error);
        assert_eq!(port.mapped_bytes(), 0, "after {allowed}");
        assert_eq!(pool.available(), pool.capacity(), "after {allowed}: buffers are lost");
        assert_reset_recovers(failed.device, &port, &recorder);
        assert_clean(&port);
    }
}

/// Where every page has an address of its own, a buffer or ring over a page's border is refused, not torn.
#[test]
fn memory_in_scattered_pages_is_refused() {
    let port = Port::new(PortConfig { scattered_pages: true, ..PortConfig::default() });
    let pool = Pool::new(&port, 1024, 2048).unwrap();
    let device = reset(&port, &Config::new()).assume_link_up();
    let Err(StartError::RolledBack(failed)) = device.start_with(std::slice::from_ref(&pool)) else { panic!("refused") };
    let error = failed.error;
    let is_refused = |error| matches!(error, DmaError::NotMappable { reason, .. } if reason.ends_with("in one piece"));
    assert!(matches!(error, Error::Dma(error) | Error::Pool(PoolError::Dma(error)) if is_refused(error)), "{error}");
    assert_eq!((pool.available(), port.mapped_bytes()), (pool.capacity(), 0));
    drop(failed);
    assert_clean(&port);
}

/// Traffic goes on while the receive path cannot be paused: the caller hears that nothing has changed.
#[test]
fn filters_cannot_be_changed_while_the_data_path_is_busy() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    port.inject(Fault::SecRxNeverReady);
    let error = nic.split().0.set_promiscuous(true).expect_err("the data path is never idle");
    assert_eq!(register(&error), "SECRXSTAT");
    assert_eq!(common::peek(&port, "FCTRL", 0) >> 9 & 1, 0);
    assert_works(&mut nic, &port, &recorder);
    port.clear(Fault::SecRxNeverReady);
    nic.split().0.set_promiscuous(true).unwrap();
    nic.stop().unwrap();
    assert_clean(&port);
}

/// A pause that cannot be ended is told, and the next one ends it.
#[test]
fn reception_that_does_not_resume_is_told() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let result = nic.split().0.with_receive_paused(|_| port.inject(Fault::SecRxNeverReady));
    assert_eq!(register(&result.expect_err("the data path does not become idle again")), "SECRXSTAT");
    assert_eq!(common::peek(&port, "RXCTRL", 0) & 1, 0, "it may not be enabled without");
    port.clear(Fault::SecRxNeverReady);
    nic.split().0.with_receive_paused(|_| ()).unwrap();
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// A device of unknown history, left running by somebody who is gone, is quieted first.
#[test]
fn a_device_that_was_left_running_is_quieted() {
    let (port, recorder) = recorded(0);
    let nic: common::Nic = start(&port, &Config::new().queue_pairs(2));
    let mapped = port.mapped_bytes();
    std::mem::forget(nic);
    // SAFETY: the platform was forgotten with its device.
    unsafe { port.abandon() };
    let mut nic = start(&port, &Config::new());
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_eq!(port.mapped_bytes(), mapped, "what was forgotten is leaked, not freed");
    assert_clean(&port);
}
