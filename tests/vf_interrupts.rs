//! Interrupts of a virtual function: two vectors of its queues, and one of the mailbox.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ixgbe::device::Running;
use ixgbe::packet::Batch;
use ixgbe::runtime::space::Offset;
use ixgbe::vf::{Config, Error, Event, MAILBOX_VECTOR, VirtualFunction};
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{HostConfig, Port, PortConfig, Runner, VirtualPlatform};

const MAC: [u8; 6] = [0x02, 0x82, 0x59, 0x10, 0xED, 0x00];
/// A wait that only a lost interrupt makes so long.
const LOST: Duration = Duration::from_secs(20);

type Nic = VirtualFunction<Running, VirtualPlatform>;

/// What a program waits for: the vectors that were raised since it looked last.
#[derive(Clone, Default)]
struct Raised(Arc<(Mutex<Vec<u16>>, Condvar)>);

impl Raised {
    fn of(function: &ixgbe_sim::VirtualFunction) -> Self {
        let raised = Self::default();
        let sink = raised.clone();
        function.on_interrupt(move |vector| {
            sink.0.0.lock().unwrap().push(vector);
            sink.0.1.notify_all();
        });
        raised
    }

    fn take(&self) -> Vec<u16> {
        std::mem::take(&mut *self.0.0.lock().unwrap())
    }

    /// Waits for an interrupt of any vector. Returns the vectors, none of them if none came.
    fn wait(&self) -> Vec<u16> {
        let (vectors, condition) = &*self.0;
        let (mut vectors, _) =
            condition.wait_timeout_while(vectors.lock().unwrap(), LOST, |vectors| vectors.is_empty()).unwrap();
        std::mem::take(&mut *vectors)
    }
}

fn one() -> (Port, ixgbe_sim::VirtualFunction) {
    let port = Port::new(PortConfig::default());
    port.plug(NoTraffic);
    let function = port.host(HostConfig::default()).unwrap().remove(0);
    (port, function)
}

/// Starts the function. Its link is up, and the event that says so was taken.
fn running(function: &ixgbe_sim::VirtualFunction, queues: usize) -> Nic {
    let config = Config::new().queue_pairs(queues);
    let mut nic = VirtualFunction::new(function.claim().unwrap()).reset(&config).unwrap().start().unwrap();
    function.port().wait(Duration::from_millis(50));
    while nic.control().poll_event().unwrap().is_some() {}
    nic
}

/// A UDP packet of flow `number`.
fn packet(number: u16) -> Vec<u8> {
    let mut udp = Vec::new();
    let builder = etherparse::PacketBuilder::ethernet2([2; 6], MAC).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 7);
    builder.udp(number, 9).write(&mut udp, &[0; 32]).unwrap();
    udp
}

/// Receives what queue `index` has, and returns the number of packets.
fn receive(nic: &mut Nic, index: usize) -> usize {
    let mut batch = Batch::with_capacity(64);
    nic.split().1[index].rx.receive(&mut batch)
}

#[test]
fn queue_0_the_other_queues_and_the_mailbox_have_a_vector_each() {
    let (port, function) = one();
    let raised = Raised::of(&function);
    let mut nic = running(&function, 4);
    nic.control().set_up_interrupts(Duration::ZERO).unwrap();
    let mut seen = HashSet::new();
    for number in 0..64 {
        port.deliver(&packet(number));
        assert_eq!(raised.take(), [], "all are masked");
        let queue = (0..4).find(|queue| receive(&mut nic, *queue) == 1).unwrap();
        nic.split().1[queue].rx.enable_interrupt();
        // The one that had arrived already.
        let vector = u16::from(queue > 0);
        assert_eq!(raised.take(), [vector], "queue {queue}");
        nic.split().1[queue].rx.enable_interrupt();
        assert_eq!(raised.take(), []);
        // Of two packets, the first raises and masks it.
        for expected in [&[vector][..], &[]] {
            port.deliver(&packet(number));
            assert_eq!(raised.take(), expected, "queue {queue}");
        }
        assert_eq!(receive(&mut nic, queue), 2);
        nic.split().1[queue].rx.enable_interrupt();
        assert_eq!(raised.take(), [vector], "for the second, which may be received already");
        seen.insert(queue);
    }
    assert_eq!(seen.len(), 4);
    nic.control().enable_interrupt();
    assert_eq!(raised.take(), []);
    for up in [false, true] {
        port.set_link(up);
        port.wait(Duration::from_millis(50));
        assert_eq!(raised.take(), [MAILBOX_VECTOR as u16]);
        let event = nic.control().poll_event().unwrap();
        assert!(matches!(event, Some(Event::Link(link)) if link.is_up() == up), "{event:?}");
        nic.control().enable_interrupt();
    }
    assert_eq!(port.violations(), []);
}

#[test]
fn an_interval_holds_interrupts_of_queues_back() {
    let (port, function) = one();
    let raised = Raised::of(&function);
    let mut nic = running(&function, 1);
    let too_long = nic.control().set_up_interrupts(Duration::from_millis(2)).unwrap_err();
    assert!(matches!(too_long, Error::Value(_)), "{too_long:?}");
    nic.control().set_up_interrupts(Duration::from_micros(1000)).unwrap();
    nic.split().1[0].rx.enable_interrupt();
    let mut arrived = Vec::new();
    for _ in 0..2 {
        port.deliver(&packet(1));
        let start = port.now();
        while raised.take().is_empty() {
            assert!(port.now() - start < Duration::from_millis(10), "no interrupt after {arrived:?}");
            port.wait(Duration::from_micros(10));
        }
        arrived.push(port.now() - start);
        receive(&mut nic, 0);
        nic.split().1[0].rx.enable_interrupt();
    }
    assert!(arrived[0] < Duration::from_micros(50), "{arrived:?}");
    assert!((900..1100).contains(&arrived[1].as_micros()), "{arrived:?}");
    assert_eq!(port.violations(), []);
}

/// A program that receives, enables the interrupt, looks once more, and waits.
#[test]
fn no_packet_waits_for_an_interrupt_that_does_not_come() {
    const PACKETS: usize = 20_000;
    let (port, function) = one();
    let mut nic = running(&function, 1);
    let raised = Raised::of(&function);
    nic.control().set_up_interrupts(Duration::ZERO).unwrap();
    let _runner = Runner::start([port.clone()]).unwrap();
    let (mut received, mut waits) = (0, 0);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for number in 0..PACKETS {
                port.deliver(&packet(1));
                // Bursts and pauses of all lengths around the time that the other thread needs.
                for _ in 0..number * 7919 % 2_000 {
                    std::hint::spin_loop();
                }
                if number % 64 == 0 {
                    thread::sleep(Duration::from_micros(200));
                }
            }
        });
        let mut batch = Batch::with_capacity(32);
        let (_, mut queues) = nic.split();
        let rx = &mut queues[0].rx;
        while received < PACKETS {
            batch.clear();
            received += rx.receive(&mut batch);
            if batch.is_empty() {
                rx.enable_interrupt();
                received += rx.receive(&mut batch);
                if batch.is_empty() {
                    // Also one that was raised while the second look took its packet.
                    let woken = raised.wait();
                    assert!(!woken.is_empty(), "nothing came after {received} packets");
                    assert!(woken.iter().all(|vector| *vector == 0), "{woken:?}");
                    waits += 1;
                }
            }
        }
        sender.join().unwrap();
    });
    assert!(waits > 100, "it waited {waits} times only");
    assert_eq!(port.violations(), []);
}

/// A program that waits for the mailbox's interrupt is woken by a change of the link and by a reset of the physical
/// function, and goes on after its recovery with the same interrupts.
#[test]
fn the_mailbox_wakes_a_program_that_waits() {
    let (port, function) = one();
    let mut nic = running(&function, 1);
    let raised = Raised::of(&function);
    nic.control().set_up_interrupts(Duration::ZERO).unwrap();
    let _runner = Runner::start([port.clone()]).unwrap();
    let mut control = nic.control();
    for up in [false, true, false, true] {
        control.enable_interrupt();
        assert_eq!(control.poll_event(), Ok(None));
        let change = thread::scope(|scope| {
            let other = scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                port.set_link(up);
            });
            let woken = raised.wait();
            other.join().unwrap();
            woken
        });
        assert_eq!(change, [MAILBOX_VECTOR as u16], "up: {up}");
        assert!(matches!(control.poll_event(), Ok(Some(Event::Link(link))) if link.is_up() == up));
    }
    for _ in 0..3 {
        nic.control().enable_interrupt();
        assert_eq!(nic.control().poll_event(), Ok(None));
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                port.reset_host();
            });
            assert_eq!(raised.wait(), [MAILBOX_VECTOR as u16]);
        });
        assert_eq!(nic.control().poll_event(), Ok(Some(Event::HostReset)));
        let start = Instant::now();
        nic = nic.recover().unwrap();
        assert!(start.elapsed() < LOST);
        // It says that the link came up, now or before.
        thread::sleep(Duration::from_millis(100));
        while nic.control().poll_event().unwrap().is_some() {}
        raised.take();
        nic.split().1[0].rx.enable_interrupt();
        port.deliver(&packet(1));
        assert_eq!(raised.wait(), [0], "the queue's vector was set up again");
        assert_eq!(receive(&mut nic, 0), 1);
    }
    assert_eq!(port.violations(), []);
}

/// A reset of the physical function forgets the interrupt that is masked or was to come. The look that follows
/// `enable_interrupt` sees it.
#[test]
fn a_reset_before_the_interrupt_was_enabled_is_seen_by_the_look_after_it() {
    let (port, function) = one();
    let mut nic = running(&function, 1);
    let raised = Raised::of(&function);
    nic.control().set_up_interrupts(Duration::ZERO).unwrap();
    assert_eq!(nic.control().poll_event(), Ok(None));
    port.reset_host();
    nic.control().enable_interrupt();
    port.wait(Duration::from_millis(100));
    assert_eq!(raised.take(), [], "nothing would end a wait");
    assert_eq!(nic.control().poll_event(), Ok(Some(Event::HostReset)));
    let mailbox = function.read32(Offset::new(0x0140).unwrap());
    assert_eq!(mailbox & 0x80, 0, "VTIVAR_MISC is as after a reset");
    let _nic = nic.recover().unwrap();
    assert_eq!(function.read32(Offset::new(0x0140).unwrap()) & 0x83, 0x82);
    assert_eq!(port.violations(), []);
}
