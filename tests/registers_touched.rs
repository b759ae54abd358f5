//! Which registers each function of the driver touches: recorded, so that the documentation can say so.
//!
//! After a change that is meant to show in it: `BLESS=1 cargo test --test registers_touched`.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{assert_clean, batch, frame, mac, packet, pool_of, port};
use ixgbe::device::filter::{Accept, EtherType, FiveTuple, Flow, FlowDirector, FlowMemory, Perfect, Rule, VlanId};
use ixgbe::device::{Config, Device, FlowControl, LinkMode, PtpMessage, PtpStamps, Rate};
use ixgbe::packet::Batch;
use ixgbe::registers::{RxQueue, TxQueue};
use ixgbe::trace::{RegisterAccess, Traced};
use ixgbe::{constant, index};
use ixgbe_sim::connect;

const HEAD: &str = "\
# The registers that each function of the driver touches, if nothing goes wrong. Recorded by tests/registers_touched.rs.
";

/// Functions, in the order of their first call, and registers.
#[derive(Default)]
struct Record {
    order: Vec<&'static str>,
    touched: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

impl Record {
    fn begin(&mut self, function: &'static str) {
        if self.touched.insert(function, self.touched.get(function).cloned().unwrap_or_default()).is_none() {
            self.order.push(function);
        }
    }
}

/// Runs a device with `config` through its life, with Flow Director if `flows` is `true`.
fn record(config: &Config, flows: bool, record: &Arc<Mutex<Record>>) {
    let director = FlowDirector::perfect(FlowMemory::Kib64);
    let config = &if flows { config.flow_director(director) } else { *config };
    let (port, partner) = (port(0), port(1));
    connect(&port, &partner);
    let current = Arc::new(Mutex::new("device::Device::new"));
    let begin = |function| {
        *current.lock().unwrap() = function;
        record.lock().unwrap().begin(function);
    };
    let (log, function) = (Arc::clone(record), Arc::clone(&current));
    let platform = Traced::new(port.claim().unwrap(), move |access: RegisterAccess| {
        let (register, _) = access.register().expect("the driver touches registers only");
        let function = *function.lock().unwrap();
        log.lock().unwrap().touched.entry(function).or_default().insert(register.name);
    });

    let device = Device::new(platform);
    begin("device::Device::reset");
    let device = device.reset(config).unwrap();
    begin("device::Device::wait_for_link");
    let device = device.wait_for_link(Duration::from_secs(5)).unwrap();
    begin("device::Device::start");
    let mut device = device.start().unwrap();
    let pool = pool_of(&device);
    let (mut control, mut queues) = device.split();
    begin("device::Control::link");
    control.link();
    begin("device::Control::statistics");
    control.statistics().unwrap();
    begin("device::Control::health");
    assert_eq!(control.health(), []);
    begin("device::Control::set_mac");
    control.set_mac(mac(2)).unwrap();
    begin("device::Control::set_promiscuous");
    control.set_promiscuous(true).unwrap();
    begin("device::Control::with_receive_paused");
    control.with_receive_paused(|_| ()).unwrap();
    begin("device::Control::identify");
    control.identify().unwrap();
    begin("device::Control::set_rate");
    control.set_rate(index!(TxQueue, 0), Rate::megabits(100).unwrap()).unwrap();
    begin("device::Control::remove_rate");
    control.remove_rate(index!(TxQueue, 0)).unwrap();
    if let Some(mut clock) = control.ptp() {
        begin("device::PtpClock::time");
        clock.time().unwrap();
        begin("device::PtpClock::adjust_frequency");
        clock.adjust_frequency(1_000).unwrap();
        begin("device::PtpClock::request_transmit_stamp");
        clock.request_transmit_stamp().unwrap();
        begin("device::PtpClock::transmit_stamp");
        clock.transmit_stamp().unwrap();
        begin("device::PtpClock::receive_stamp");
        clock.receive_stamp(&PtpMessage { kind: 0, source: [0; 10], sequence_id: 0 }).unwrap();
    }
    begin("device::filter::Filters::add");
    let queue = RxQueue::new(0).unwrap();
    let mut rules: Vec<Rule> = vec![
        Accept::Unicast(mac(3)).into(),
        Accept::MulticastHash([1; 6]).into(),
        Accept::Vlan(constant!(VlanId, 1)).into(),
        Accept::AllMulticast.into(),
        constant!(EtherType, 0x88cc).to(queue),
        FiveTuple::new().to(queue),
    ];
    if flows {
        let flow = Flow::<Perfect>::tcp().source([1; 4].into()).destination([2; 4].into());
        rules.push(flow.source_port(1).destination_port(2).to(queue));
    }
    let handles: Vec<_> = rules.into_iter().map(|rule| control.filters().add(rule).unwrap()).collect();
    begin("device::filter::Filters::flow_statistics");
    control.filters().flow_statistics();
    begin("device::filter::RuleHandle::remove");
    handles.into_iter().for_each(|handle| handle.remove().unwrap());
    begin("queue::TransmitQueue::transmit");
    queues[0].tx.transmit(&mut batch([packet(&pool, &frame(mac(1), 60, 0))])).unwrap();
    begin("queue::ReceiveQueue::receive");
    // As many as it takes for buffers to be given back.
    let mut received = Batch::with_capacity(64);
    let sender = Device::new(partner.claim().unwrap()).reset(&Config::new()).unwrap();
    let mut sender = common::run(sender);
    for n in 0..200 {
        common::transmit(&mut sender, &frame([0xff; 6], 60, n));
        port.step();
        partner.step();
        queues[0].rx.receive(&mut received);
        received.clear();
    }
    drop((control, queues));
    begin("device::Device::recover");
    let device = device.recover().unwrap();
    sender.stop().unwrap();
    begin("device::Device::stop");
    device.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn the_driver_touches_the_registers_that_its_documentation_names() {
    let recorded: Arc<Mutex<Record>> = Arc::default();
    record(&Config::new(), false, &recorded);
    record(&Config::new().queue_pairs(4).link(LinkMode::TenGigabitSfi), true, &recorded);
    record(&Config::new().flow_control(FlowControl::Both).ptp(PtpStamps::EventsV2), false, &recorded);
    let recorded = recorded.lock().unwrap();
    let mut text = HEAD.to_owned();
    for function in &recorded.order {
        let registers: Vec<_> = recorded.touched[function].iter().copied().collect();
        assert!(!registers.is_empty(), "{function} touches nothing, so nothing was recorded");
        text += &format!("{function}: {}\n", registers.join(" "));
    }

    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/device/registers.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = similar::TextDiff::from_lines(&old, &text);
    assert!(old == text, "other registers are touched now:\n{}", difference.unified_diff());
}
