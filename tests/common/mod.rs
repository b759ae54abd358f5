//! What the tests on the model share.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod pass_on;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ixgbe::clock::Clock;
use ixgbe::device::{Config, Device, Reset, Running};
use ixgbe::mmio::Offset;
use ixgbe::packet::{Batch, Packet};
use ixgbe::platform::Platform;
use ixgbe::pool::Pool;
use ixgbe::registers::{REGISTERS, RegisterSpace};
use ixgbe::runtime::bus::Bus;
use ixgbe_sim::{Port, PortConfig, PortPlatform, Rule, Wire};

/// A device on the model.
pub type Nic = Device<Running, PortPlatform>;

/// Port `index`, without a wire.
pub fn port(index: u8) -> Port {
    Port::new(PortConfig { mac: mac(index), ..PortConfig::default() })
}

/// The address of port `index`.
pub fn mac(index: u8) -> [u8; 6] {
    [2, 0x82, 0x59, 0x90, 0, index]
}

/// A device that was reset, on a port that has a wire.
pub fn reset(port: &Port, config: &Config) -> Device<Reset, PortPlatform> {
    Device::new(port.claim().unwrap()).reset(config).expect("the model resets")
}

/// A running device on a port that has a wire.
pub fn start(port: &Port, config: &Config) -> Nic {
    run(reset(port, config))
}

/// The device, running.
pub fn run<H: Platform>(device: Device<Reset, H>) -> Device<Running, H> {
    let device = device.wait_for_link(Duration::from_secs(5)).expect("the model has a link");
    device.start().expect("the model starts")
}

/// Two running devices, of the same configuration, on ports that are connected.
pub fn connected(config: &Config) -> ([Port; 2], [Nic; 2]) {
    let ports = [0, 1].map(port);
    ixgbe_sim::connect(&ports[0], &ports[1]);
    let nics = ports.each_ref().map(|port| start(port, config));
    (ports, nics)
}

/// Fails with all violations that a driver was seen to commit.
pub fn assert_clean(port: &Port) {
    assert_clean_but(port, &[]);
}

/// As [`assert_clean`], with rules that cannot be kept with a device that does not do as it is told.
pub fn assert_clean_but(port: &Port, allowed: &[Rule]) {
    let violations = port.violations();
    let bad: Vec<_> = violations.iter().filter(|violation| !allowed.contains(&violation.rule)).collect();
    assert!(bad.is_empty(), "{}", bad.iter().map(|violation| format!("{violation}\n")).collect::<String>());
}

/// What a register reads as, by its offset and the value that the model has.
type OnRead = dyn Fn(Offset, u32) -> u32 + Send + Sync;

/// A port whose registers read as a test says, and whose clock is ahead by as much.
pub struct Altered {
    platform: PortPlatform,
    on_read: Box<OnRead>,
    /// What the host's clock is ahead of the model's.
    pub ahead: Arc<Mutex<Duration>>,
}

impl Altered {
    /// Claims `port`. Each read returns what `on_read` makes of the offset and the model's value.
    pub fn new(port: &Port, on_read: impl Fn(Offset, u32) -> u32 + Send + Sync + 'static) -> Self {
        Self { platform: port.claim().unwrap(), on_read: Box::new(on_read), ahead: Arc::default() }
    }
}

// SAFETY: it is no honest bus, which is the point. Nothing comes of it: the tests alter no register that controls DMA.
unsafe impl Bus<RegisterSpace> for Altered {
    fn read(&self, offset: Offset) -> u32 {
        (self.on_read)(offset, self.platform.read(offset))
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: as the caller promises.
        unsafe { self.platform.write(offset, value) }
    }
}

pass_on::pass_on!(Dma of Altered => platform);

// SAFETY: the port's clock, which a test puts ahead only between waits.
unsafe impl Clock for Altered {
    fn now(&self) -> Duration {
        self.platform.now() + *self.ahead.lock().expect("no test panicked")
    }

    fn wait(&self, time: Duration) {
        self.platform.wait(time);
    }
}

/// Where element `index` of the register `name` is.
pub fn at(name: &str, index: usize) -> Offset {
    let info = REGISTERS.iter().find(|info| info.name == name).unwrap_or_else(|| panic!("there is no {name}"));
    Offset::new(info.offsets().nth(index).expect("an element")).expect("an offset")
}

/// The value of a register, as the model has it.
pub fn peek(port: &Port, name: &str, index: usize) -> u32 {
    port.peek(at(name, index))
}

/// A frame of `len` bytes without CRC to `destination`; what is in it follows from `seed`.
pub fn frame(destination: [u8; 6], len: usize, seed: u8) -> Vec<u8> {
    let mut frame = destination.to_vec();
    frame.extend([2, 0, 0, 0, 0, 0xfe, 0x88, 0xb5]);
    frame.extend((0_u8..=250).cycle().take(len.saturating_sub(14)).map(|byte| byte.wrapping_mul(7) ^ seed));
    frame.truncate(len);
    frame
}

/// A packet of `pool` with these bytes.
pub fn packet(pool: &Pool, bytes: &[u8]) -> Packet {
    let mut packet = pool.take().expect("the pool has buffers");
    packet.extend_from_slice(bytes).expect("the bytes fit into a buffer");
    packet
}

/// A batch of these packets, with room for no more.
pub fn batch(packets: impl IntoIterator<Item = Packet>) -> Batch {
    let packets: Vec<Packet> = packets.into_iter().collect();
    let mut batch = Batch::with_capacity(packets.len());
    packets.into_iter().for_each(|packet| batch.push(packet).expect("there is room"));
    batch
}

/// All bytes of a packet.
pub fn bytes(packet: &Packet) -> Vec<u8> {
    packet.segments().flatten().copied().collect()
}

/// The pool of the device's first receive queue.
pub fn pool_of<H: Platform>(nic: &Device<Running, H>) -> Pool {
    nic.pools().next().expect("a queue has a pool").clone()
}

/// Receives what has come on the first queue: the bytes of each packet.
pub fn receive<H: Platform>(nic: &mut Device<Running, H>) -> Vec<Vec<u8>> {
    let (_, mut queues) = nic.split();
    let (mut batch, mut all) = (Batch::with_capacity(32), Vec::new());
    while queues[0].rx.receive(&mut batch) > 0 {
        all.extend(batch.iter().map(bytes));
        batch.clear();
    }
    all
}

/// Sends a frame from the device's own pool on the first queue.
pub fn transmit<H: Platform>(nic: &mut Device<Running, H>, bytes: &[u8]) {
    let mut batch = batch([packet(&pool_of(nic), bytes)]);
    assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 1);
}

/// A partner that keeps what it receives, and sends nothing.
#[derive(Debug, Clone, Default)]
pub struct Recorder(pub Arc<Mutex<Vec<Vec<u8>>>>);

impl Recorder {
    /// What came since the last call.
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.lock().expect("no test panicked"))
    }
}

impl Wire for Recorder {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, frame: &[u8]) {
        self.0.lock().expect("no test panicked").push(frame.to_vec());
    }
}

/// A port that is plugged into a [`Recorder`].
pub fn recorded(index: u8) -> (Port, Recorder) {
    let (port, recorder) = (port(index), Recorder::default());
    port.plug(recorder.clone());
    (port, recorder)
}

/// Sends a packet and receives one; fails if either does not pass.
pub fn assert_works<H: Platform>(nic: &mut Device<Running, H>, port: &Port, recorder: &Recorder) {
    recorder.take();
    let (out, into) = (frame(mac(9), 200, 1), frame(nic.mac(), 300, 2));
    transmit(nic, &out);
    port.run_until_idle(100);
    assert_eq!(recorder.take(), [out], "a packet that was sent");
    port.deliver(&into);
    assert_eq!(receive(nic), [into], "a packet that was received");
}

/// What came in, by the device's and the driver's count, against what the model knows.
pub fn assert_adds_up(nic: &mut Nic, port: &Port, delivered: u64) {
    let counters = port.counters();
    let statistics = nic.statistics().unwrap();
    let by_queue = |count: fn(&ixgbe::device::QueueStatistics) -> u64| statistics.queues.iter().map(count).sum::<u64>();
    assert_eq!(statistics.rx_packets, counters.delivered);
    assert_eq!(statistics.rx_octets, counters.delivered_bytes);
    assert_eq!(statistics.rx_missed, counters.missed);
    assert_eq!(statistics.rx_no_descriptor, counters.dropped_no_descriptor);
    assert_eq!(statistics.rx_undersize, counters.dropped_short);
    assert_eq!(statistics.rx_oversize, counters.dropped_long);
    assert_eq!(statistics.rx_crc_errors, counters.dropped_crc);
    assert_eq!((by_queue(|q| q.rx_packets), by_queue(|q| q.rx_octets)), (statistics.rx_packets, statistics.rx_octets));
    assert_eq!(statistics.tx_packets, counters.transmitted);
    assert_eq!(statistics.tx_octets, counters.transmitted_bytes, "without CRC, as those received");
    assert_eq!(
        (by_queue(|q| q.tx_packets), by_queue(|q| q.tx_octets)),
        (counters.transmitted, counters.transmitted_bytes)
    );
    // In = out + dropped, by reason.
    let by_driver = by_queue(|q| q.drops.long + q.drops.bad_length + q.drops.damaged);
    assert_eq!(statistics.rx_packets, delivered + by_driver);
    let unseen = counters.dropped_not_receiving + counters.dropped_unfit;
    let lost = statistics.rx_dropped() + counters.dropped_filter + unseen;
    let wrong = statistics.rx_undersize + statistics.rx_oversize + statistics.rx_crc_errors;
    assert_eq!(counters.frames_in, delivered + lost + wrong + counters.waiting);
}
