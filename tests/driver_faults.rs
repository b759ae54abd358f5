//! The model's strictness: our driver is made to commit one fault at a time, and each is caught by name.
//!
//! The fault is put between the driver and the model ([`Saboteur`]): an access is left out, changed or
//! added, a wait is cut short, a poll is answered too early, a descriptor is changed in memory.

mod common;

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{at, frame, mac, packet, port};
use ixgbe::clock::Clock;
use ixgbe::device::{Config, Device, Running};
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::mmio::Offset;
use ixgbe::packet::Batch;
use ixgbe::registers::RegisterSpace;
use ixgbe::runtime::bus::Bus;
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{Fault, Port, Rule};

/// Memory that the driver has mapped: as the device and as the CPU sees it.
struct Mapped {
    start: u64,
    len: u64,
    base: NonNull<u8>,
    // Released when the driver's mapping is dropped, or when the saboteur pulls it away.
    mapping: Option<Mapping>,
}

// SAFETY: the pointer is used for atomic accesses of descriptors only, while the memory is mapped.
unsafe impl Send for Mapped {}

/// What a saboteur reaches: the port, and the memory that the driver has shown to the device.
#[derive(Clone)]
struct Inside {
    port: Port,
    mapped: Arc<Mutex<Vec<Mapped>>>,
}

impl Inside {
    fn read(&self, name: &str, index: usize) -> u32 {
        self.port.read32(at(name, index))
    }

    fn write(&self, name: &str, index: usize, value: u32) {
        self.pass(at(name, index), value);
    }

    fn pass(&self, offset: Offset, value: u32) {
        // SAFETY: the model reaches only memory that is mapped for it, and what it spoils there is a test's.
        unsafe { self.port.write32(offset, value) };
    }

    /// A word of descriptor `index` of the ring that starts at the registers `low` and `high`.
    fn word(&self, ring: [&str; 2], index: usize, word: usize, change: impl Fn(u64) -> u64) {
        let [low, high] = ring.map(|name| u64::from(self.port.peek(at(name, 0))));
        let address = (high << 32 | low) + index as u64 * 16 + word as u64 * 8;
        let mapped = self.mapped.lock().unwrap();
        let place = mapped.iter().find(|mapped| (mapped.start..mapped.start + mapped.len).contains(&address)).unwrap();
        // SAFETY: the word lies in a ring, whose owner accesses it as an atomic too.
        let word = unsafe { place.base.add((address - place.start) as usize).cast::<AtomicU64>().as_ref() };
        word.store(change(word.load(Ordering::Acquire)), Ordering::Release);
    }

    fn transmit_word(&self, index: usize, word: usize, change: impl Fn(u64) -> u64) {
        self.word(["TDBAL", "TDBAH"], index, word, change);
    }

    fn receive_word(&self, index: usize, word: usize, change: impl Fn(u64) -> u64) {
        self.word(["RDBAL", "RDBAH"], index, word, change);
    }

    /// Lets receive packets in, with the data path idle.
    fn enable_reception(&self) {
        self.write("SECRXCTRL", 0, 3);
        self.port.wait(Duration::from_micros(100));
        assert_eq!(self.read("SECRXSTAT", 0), 1);
        self.write("RXCTRL", 0, 1);
        self.write("SECRXCTRL", 0, 1);
    }
}

type OnWrite = Box<dyn Fn(&Inside, Offset, u32) + Send + Sync>;
type OnRead = Box<dyn Fn(&Inside, Offset) -> u32 + Send + Sync>;
type OnWait = Box<dyn Fn(&Inside, Duration) + Send + Sync>;

/// A platform that does not do quite what it is told.
struct Saboteur {
    inside: Inside,
    on_write: OnWrite,
    on_read: OnRead,
    on_wait: OnWait,
}

/// An honest one, to begin with.
fn saboteur() -> Saboteur {
    let port = port(0);
    port.plug(NoTraffic);
    Saboteur {
        inside: Inside { port, mapped: Arc::default() },
        on_write: Box::new(|inside, offset, value| inside.pass(offset, value)),
        on_read: Box::new(|inside, offset| inside.port.read32(offset)),
        on_wait: Box::new(|inside, time| inside.port.wait(time)),
    }
}

impl Saboteur {
    /// Does `instead` of each write to the register.
    fn write(mut self, name: &str, index: usize, instead: impl Fn(&Inside, u32) + Send + Sync + 'static) -> Self {
        let (place, before) = (at(name, index), self.on_write);
        self.on_write = Box::new(move |inside, offset, value| match offset == place {
            true => instead(inside, value),
            false => before(inside, offset, value),
        });
        self
    }

    /// Leaves out each write to the register.
    fn drop_write(self, name: &str, index: usize) -> Self {
        self.write(name, index, |_, _| {})
    }

    /// Changes what is written to the register.
    fn change(self, name: &'static str, index: usize, change: impl Fn(u32) -> u32 + Send + Sync + 'static) -> Self {
        self.write(name, index, move |inside, value| inside.write(name, index, change(value)))
    }

    /// Does something right before a write to the register: once.
    fn before(self, name: &'static str, index: usize, also: impl Fn(&Inside) + Send + Sync + 'static) -> Self {
        let done = AtomicBool::new(false);
        self.write(name, index, move |inside, value| {
            if !done.swap(true, Ordering::Relaxed) {
                also(inside);
            }
            inside.write(name, index, value);
        })
    }

    /// Does something right after the first write of a value that is not 0 to the register.
    fn after(self, name: &'static str, index: usize, also: impl Fn(&Inside) + Send + Sync + 'static) -> Self {
        let done = AtomicBool::new(false);
        self.write(name, index, move |inside, value| {
            inside.write(name, index, value);
            if value != 0 && !done.swap(true, Ordering::Relaxed) {
                also(inside);
            }
        })
    }

    /// Answers each read of the register.
    fn read(mut self, name: &str, index: usize, answer: impl Fn(&Inside) -> u32 + Send + Sync + 'static) -> Self {
        let (place, before) = (at(name, index), self.on_read);
        self.on_read = Box::new(move |inside, offset| match offset == place {
            true => answer(inside),
            false => before(inside, offset),
        });
        self
    }

    /// Answers reads of the register with bits set and cleared, without asking the device.
    fn pretend(self, name: &'static str, index: usize, set: u32, clear: u32) -> Self {
        self.read(name, index, move |inside| inside.port.peek(at(name, index)) & !clear | set)
    }

    /// Answers reads of the register with what was last written to it, and only before that with what it is.
    fn believe(mut self, name: &str, index: usize) -> Self {
        let (place, before, last) = (at(name, index), self.on_write, Arc::new(Mutex::new(None)));
        let written = Arc::clone(&last);
        self.on_write = Box::new(move |inside, offset, value| {
            if offset == place {
                *written.lock().unwrap() = Some(value);
            }
            before(inside, offset, value);
        });
        self.read(name, index, move |inside| last.lock().unwrap().unwrap_or_else(|| inside.port.read32(place)))
    }

    /// Cuts waits of `time` short.
    fn hurry(mut self, time: Duration) -> Self {
        let before = self.on_wait;
        self.on_wait = Box::new(move |inside, asked| {
            if asked != time {
                before(inside, asked)
            }
        });
        self
    }
}

// SAFETY: it is no honest bus, which is the point. Nothing comes of it: the model reaches no memory but what is
// mapped, and keeps that alive itself.
unsafe impl Bus<RegisterSpace> for Saboteur {
    fn read(&self, offset: Offset) -> u32 {
        (self.on_read)(&self.inside, offset)
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        (self.on_write)(&self.inside, offset, value);
    }
}

/// Ends a mapping, if the saboteur has not done so.
struct Unmap(Inside, u64);

impl Drop for Unmap {
    fn drop(&mut self) {
        self.0.mapped.lock().unwrap().retain(|mapped| mapped.start != self.1);
    }
}

// SAFETY: memory and mappings are the port's own; a mapping that is pulled away early only makes the
// device reach less.
unsafe impl Dma for Saboteur {
    fn domain(&self) -> Domain {
        self.inside.port.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.inside.port.allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        let mapping = self.inside.port.map(memory)?;
        let start = mapping.address(memory.base()).expect("memory starts in its mapping").get();
        let unmap = Box::new(Unmap(self.inside.clone(), start));
        let mapped = Mapped { start, len: memory.len() as u64, base: memory.base(), mapping: Some(mapping) };
        self.inside.mapped.lock().unwrap().push(mapped);
        // SAFETY: the port has the memory at this address as long as its own mapping lives.
        unsafe { Mapping::new(memory, self.domain(), 63, &[start], unmap) }
    }
}

// SAFETY: it may be no honest clock, which is the point; else as for `Bus`.
unsafe impl Clock for Saboteur {
    fn now(&self) -> Duration {
        self.inside.port.now()
    }

    fn wait(&self, time: Duration) {
        (self.on_wait)(&self.inside, time);
    }
}

/// Where a run is interrupted by more than what the saboteur does.
type Meanwhile = fn(&mut Device<Running, Saboteur>, &Inside);

/// The life of a device: traffic both ways, promiscuous on and off, stop. What fails on the way ends it.
fn live(saboteur: Saboteur, config: &Config, meanwhile: Meanwhile) -> Port {
    let inside = saboteur.inside.clone();
    let port = inside.port.clone();
    let Ok(device) = Device::new(saboteur).reset(config) else { return port };
    let Ok(device) = device.wait_for_link(Duration::from_secs(1)) else { return port };
    let Ok(mut nic) = device.start() else { return port };
    for size in [60, 61, 200, 1500] {
        port.deliver(&frame(mac(0), size.min(1514), 0));
    }
    {
        let (mut control, mut queues) = nic.split();
        let pool = queues[0].rx.pool().clone();
        let mut batch = Batch::with_capacity(4);
        // The first one needs padding.
        for size in [20, 100, 1000, 1500] {
            batch.push(packet(&pool, &frame(mac(1), size, 0))).unwrap();
        }
        // What the saboteur made of the device may not work any more.
        _ = queues[0].tx.transmit(&mut batch);
        batch.clear();
        port.run_until_idle(50);
        queues[0].rx.receive(&mut batch);
        batch.clear();
        _ = control.set_promiscuous(true);
        _ = control.set_promiscuous(false);
        _ = control.set_mac(mac(5));
        _ = control.statistics();
        control.link();
    }
    meanwhile(&mut nic, &inside);
    _ = nic.stop();
    port
}

fn nothing(_: &mut Device<Running, Saboteur>, _: &Inside) {}

#[track_caller]
fn assert_caught(port: &Port, rule: Rule) {
    let violations = port.violations();
    let seen: String = violations.iter().map(|violation| format!("{violation}\n")).collect();
    assert!(violations.iter().any(|violation| violation.rule == rule), "{rule:?} was not caught, but:\n{seen}");
}

/// Fails unless the sabotaged driver breaks `rule`.
#[track_caller]
fn caught(rule: Rule, saboteur: Saboteur) {
    assert_caught(&live(saboteur, &Config::new(), nothing), rule);
}

/// Fails unless what is done to the running device breaks `rule`.
#[track_caller]
fn caught_running(rule: Rule, meanwhile: Meanwhile) {
    assert_caught(&live(saboteur(), &Config::new(), meanwhile), rule);
}

#[test]
fn without_sabotage_nothing_is_caught() {
    let all_the_same: [Config; 3] =
        [Config::new(), Config::new().queue_pairs(4), Config::new().max_frame(9018).buffer_size(2048)];
    for config in all_the_same {
        let saboteur = saboteur();
        let mapped = Arc::clone(&saboteur.inside.mapped);
        let port = live(saboteur, &config, nothing);
        common::assert_clean(&port);
        assert_eq!(port.counters().transmitted, 4);
        assert_eq!((port.mapped_bytes(), mapped.lock().unwrap().len()), (0, 0));
    }
}

// Reset (4.6.3)

/// A driver that does not disable its queues, and takes them for disabled.
fn leaves_queues_on(saboteur: Saboteur) -> Saboteur {
    let leave = |saboteur: Saboteur, name: &'static str| {
        let keep = move |inside: &Inside, value: u32| {
            // Only what comes before the queue is enabled, and that, reaches the device.
            if inside.port.peek(at(name, 0)) & 1 << 25 == 0 {
                inside.write(name, 0, value);
            }
        };
        saboteur.write(name, 0, keep).believe(name, 0)
    };
    leave(leave(saboteur, "RXDCTL"), "TXDCTL")
}

#[test]
fn reset_while_a_queue_is_enabled() {
    caught(Rule::ResetWhileEnabled, leaves_queues_on(saboteur()));
}

#[test]
fn memory_unmapped_while_enabled() {
    caught(Rule::UnmappedWhileOwned, leaves_queues_on(saboteur()));
}

#[test]
fn memory_unmapped_while_running() {
    let pull = |_: &mut Device<Running, Saboteur>, inside: &Inside| {
        inside.mapped.lock().unwrap().iter_mut().for_each(|mapped| drop(mapped.mapping.take()));
    };
    caught_running(Rule::UnmappedWhileOwned, pull);
}

#[test]
fn memory_unmapped_before_the_queue_has_settled() {
    let mut hasty = saboteur().hurry(Duration::from_micros(100)).pretend("STATUS", 0, 0, 1 << 19);
    for queue in 1..128 {
        // To ask them all takes longer than that, too.
        hasty = hasty.pretend("RXDCTL", queue, 0, 0);
    }
    caught(Rule::UnmappedWhileOwned, hasty);
}

#[test]
fn reset_without_master_disable() {
    caught(
        Rule::ResetWithoutMasterDisable,
        saboteur().change("CTRL", 0, |value| value & !4).pretend("STATUS", 0, 0, 1 << 19),
    );
}

#[test]
fn registers_touched_right_after_a_reset() {
    caught(Rule::TouchedAfterReset, saboteur().hurry(Duration::from_millis(1)));
}

#[test]
fn reset_not_awaited() {
    let saboteur = saboteur().pretend("CTRL", 0, 0, 1 << 26 | 1 << 3);
    saboteur.inside.port.inject(Fault::ResetNeverEnds);
    caught(Rule::AccessInReset, saboteur);
}

#[test]
fn eeprom_not_awaited() {
    caught(Rule::EepromNotAwaited, saboteur().pretend("EEC", 0, 3 << 8, 0));
}

#[test]
fn dma_init_not_awaited() {
    caught(Rule::DmaInitNotAwaited, saboteur().pretend("RDRXCTL", 0, 1 << 3, 0));
}

#[test]
fn semaphore_not_taken() {
    let held = AtomicBool::new(false);
    let pretend = move |_: &Inside| if held.fetch_xor(true, Ordering::Relaxed) { 3 } else { 0 };
    caught(Rule::SemaphoreNotHeld, saboteur().drop_write("SWSM", 0).read("SWSM", 0, pretend));
}

#[test]
fn a_reserved_interrupt_is_masked() {
    caught(Rule::InterruptReservedCause, saboteur().change("EIMC", 0, |value| value | 1 << 31));
}

// Receive initialisation (4.6.7)

#[test]
fn receive_enabled_before_queues() {
    caught(Rule::ReceiveEnabledWithoutQueue, saboteur().before("RDBAL", 0, Inside::enable_reception));
}

#[test]
fn security_block_not_paused() {
    caught(Rule::ReceiveNotHalted, saboteur().drop_write("SECRXCTRL", 0).pretend("SECRXSTAT", 0, 1, 0));
}

#[test]
fn security_block_not_awaited() {
    caught(Rule::ReceiveNotHalted, saboteur().pretend("SECRXSTAT", 0, 1, 0));
}

#[test]
fn a_multicast_table_entry_forgotten() {
    caught(Rule::FilterNotInitialised, saboteur().drop_write("MTA", 127));
}

#[test]
fn an_address_entry_forgotten() {
    caught(Rule::AddressEntryNotCleared, saboteur().drop_write("RAH", 64));
}

#[test]
fn a_five_tuple_filter_forgotten() {
    caught(Rule::FiveTupleFilterUndefined, saboteur().drop_write("FTQF", 3));
}

#[test]
fn prescribed_receive_dma_bits_not_set() {
    caught(Rule::ReceiveDmaNotPrepared, saboteur().change("RDRXCTL", 0, |value| value & !(1 << 25)));
}

#[test]
fn crc_stripped_on_one_side_only() {
    caught(Rule::CrcStripMismatch, saboteur().change("RDRXCTL", 0, |value| value & !2));
}

#[test]
fn receive_packet_buffers_left_as_reset_has_them() {
    let mut saboteur = saboteur();
    for buffer in 1..8 {
        saboteur = saboteur.change("RXPBSIZE", buffer, |_| 512 << 10);
    }
    caught(Rule::UnusedBufferSized, saboteur);
}

#[test]
fn receive_packet_buffers_too_large() {
    caught(Rule::ReceiveBufferTooLarge, saboteur().change("RXPBSIZE", 0, |_| 513 << 10));
}

#[test]
fn dca_bit_12_left_as_reset_has_it() {
    caught(Rule::DcaReservedBitSet, saboteur().drop_write("DCA_RXCTRL", 0));
}

#[test]
fn snooping_not_disabled() {
    caught(Rule::NoSnoopEnabled, saboteur().change("CTRL_EXT", 0, |value| value & !(1 << 16)));
}

#[test]
fn a_reserved_bit_written() {
    caught(Rule::ReservedBit, saboteur().change("RXCTRL", 0, |value| value | 1 << 1));
}

// A queue's registers

#[test]
fn ring_base_misaligned() {
    caught(Rule::RingBaseMisaligned, saboteur().change("RDBAL", 0, |value| value | 0x40));
}

#[test]
fn ring_length_forgotten() {
    caught(Rule::RingLengthInvalid, saboteur().change("TDLEN", 0, |_| 0));
}

#[test]
fn ring_at_an_address_of_nothing() {
    caught(Rule::RingNotMapped, saboteur().change("TDBAH", 0, |value| value ^ 0x8000));
}

#[test]
fn ring_base_changed_while_enabled() {
    caught(Rule::RingChangedWhileEnabled, saboteur().before("RDT", 0, |inside| inside.write("RDLEN", 0, 4096)));
}

#[test]
fn head_written_while_enabled() {
    caught(Rule::HeadWritten, saboteur().before("TDT", 0, |inside| inside.write("TDH", 0, 1)));
}

#[test]
fn buffer_size_zero() {
    caught(Rule::BufferSizeZero, saboteur().change("SRRCTL", 0, |value| value & !0x1f));
}

#[test]
fn header_splitting_asked_for() {
    caught(Rule::DescriptorTypeReserved, saboteur().change("SRRCTL", 0, |value| value & !(7 << 25) | 5 << 25));
}

#[test]
fn receive_tail_before_the_queue_is_enabled() {
    caught(Rule::TailBeforeEnabled, saboteur().believe("RXDCTL", 0));
}

#[test]
fn transmit_tail_of_a_disabled_queue() {
    let dropped = saboteur().change("TXDCTL", 0, |value| value & !(1 << 25));
    caught(Rule::TailBeforeEnabled, dropped.believe("TXDCTL", 0));
}

#[test]
fn tail_beyond_the_ring() {
    caught(Rule::TailOutOfRing, saboteur().change("RDT", 0, |value| value + 1));
}

#[test]
fn tail_overtakes_the_head() {
    caught(Rule::TailOverrun, saboteur().after("RDT", 0, |inside| inside.write("RDT", 0, 510)));
}

#[test]
fn queue_enabled_with_an_old_head() {
    caught(Rule::EnableWithOldTail, saboteur().change("RDH", 0, |_| 5));
}

// Transmit initialisation (4.6.8)

#[test]
fn transmit_queue_enabled_before_transmission() {
    caught(Rule::QueueEnabledBeforeTransmit, saboteur().drop_write("DMATXCTL", 0));
}

#[test]
fn host_threshold_zero() {
    caught(Rule::HostThresholdZero, saboteur().change("TXDCTL", 0, |value| value & !0x7f00));
}

#[test]
fn arbiter_not_turned_off() {
    caught(Rule::ArbiterRunning, saboteur().drop_write("RTTDCS", 0));
}

#[test]
fn transmit_packet_buffers_too_large() {
    caught(Rule::TransmitBufferTooLarge, saboteur().change("TXPBSIZE", 0, |_| 0xA8 << 10));
}

#[test]
fn transmit_packet_buffers_left_as_reset_has_them() {
    caught(Rule::UnusedBufferSized, saboteur().change("TXPBSIZE", 1, |_| 0xA0 << 10));
}

#[test]
fn transmit_threshold_leaves_no_room() {
    caught(Rule::TransmitThresholdTooHigh, saboteur().change("TXPBTHRESH", 0, |_| 0xa0));
}

#[test]
fn head_write_back_misaligned() {
    let misaligned = |inside: &Inside| inside.write("TDWBAL", 0, 0x1000_0005);
    caught(Rule::HeadWriteBackMisaligned, saboteur().before("TDLEN", 0, misaligned));
}

#[test]
fn padding_turned_off() {
    caught(Rule::TransmitTooShort, saboteur().change("HLREG0", 0, |value| value & !(1 << 10)));
}

// Descriptors (7.1.6, 7.2.3)

#[test]
fn receive_descriptor_with_its_done_bit() {
    caught(
        Rule::ReceiveDescriptorMalformed,
        saboteur().before("RDT", 0, |inside| inside.receive_word(1, 1, |word| word | 1)),
    );
}

#[test]
fn receive_buffer_at_an_address_of_nothing() {
    caught(Rule::DmaOutsideMapping, saboteur().before("RDT", 0, |inside| inside.receive_word(2, 0, |_| 0xdead_0000)));
}

#[test]
fn receive_descriptor_changed_after_the_doorbell() {
    caught(Rule::DescriptorChanged, saboteur().after("RDT", 0, |inside| inside.receive_word(0, 0, |word| word + 64)));
}

#[test]
fn transmit_descriptor_changed_after_the_doorbell() {
    caught(Rule::DescriptorChanged, saboteur().after("TDT", 0, |inside| inside.transmit_word(1, 0, |word| word + 2)));
}

#[test]
fn transmit_buffer_at_an_address_of_nothing() {
    caught(Rule::DmaOutsideMapping, saboteur().before("TDT", 0, |inside| inside.transmit_word(1, 0, |_| 0xdead_0000)));
}

#[test]
fn transmit_descriptor_with_a_reserved_bit() {
    caught(
        Rule::TransmitDescriptorMalformed,
        saboteur().before("TDT", 0, |inside| inside.transmit_word(1, 1, |word| word | 1 << 28)),
    );
}

#[test]
fn transmit_lengths_disagree() {
    // The driver's descriptors say the length once; an advanced one (DEXT, DTYP) says it twice.
    let advanced = |inside: &Inside| {
        inside.transmit_word(1, 1, |word| {
            let len = word & 0xffff;
            word | 1 << 29 | 3 << 20 | (len - 1) << 46
        });
    };
    caught(Rule::TransmitLengthMismatch, saboteur().before("TDT", 0, advanced));
}

#[test]
fn transmit_packet_too_long() {
    caught(
        Rule::TransmitTooLong,
        saboteur().before("TDT", 0, |inside| inside.transmit_word(1, 1, |word| word & !0xffff | 1600)),
    );
}

#[test]
fn transmit_packet_without_an_end() {
    caught(
        Rule::PacketIncomplete,
        saboteur().before("TDT", 0, |inside| inside.transmit_word(3, 1, |word| word & !(1 << 24))),
    );
}

// While the device runs

#[test]
fn filters_changed_while_receiving() {
    let never_off = |inside: &Inside, value: u32| {
        if value & 1 != 0 {
            inside.write("RXCTRL", 0, value)
        }
    };
    caught(Rule::FilterChangedWhileReceiving, saboteur().write("RXCTRL", 0, never_off));
}

#[test]
fn transmit_dma_reconfigured_while_running() {
    caught_running(Rule::TransmitDmaReconfigured, |_, inside| inside.write("DMATXCTL", 0, 0x88a8_0005));
}

#[test]
fn receive_buffer_resized_while_running() {
    caught_running(Rule::BufferResizedWhileRunning, |_, inside| inside.write("RXPBSIZE", 0, 0x80 << 10));
}

#[test]
fn transmit_queue_disabled_with_descriptors_left() {
    caught_running(Rule::TransmitDisabledUndrained, |nic, inside| {
        let (_, mut queues) = nic.split();
        let packet = packet(queues[0].rx.pool(), &frame(mac(1), 100, 0));
        queues[0].tx.transmit(&mut common::batch([packet])).unwrap();
        inside.write("TXDCTL", 0, 0x0824);
    });
}

#[test]
fn doorbell_while_the_device_is_no_master() {
    caught(
        Rule::DmaWhileMasterDisabled,
        saboteur().before("TDT", 0, |inside| inside.write("CTRL", 0, inside.read("CTRL", 0) | 4)),
    );
}

#[test]
fn a_read_only_register_written() {
    caught_running(Rule::ReadOnlyWritten, |_, inside| inside.write("LINKS", 0, 0));
}

#[test]
fn a_write_only_register_read() {
    caught_running(Rule::WriteOnlyRead, |_, inside| _ = inside.read("EIMC", 0));
}

#[test]
fn an_offset_without_a_register() {
    caught_running(Rule::UnknownRegister, |_, inside| _ = inside.port.read32(Offset::new(0x1fffc).unwrap()));
}

#[test]
fn every_rule_is_named_with_its_register_and_section() {
    let port = live(saboteur().change("SRRCTL", 0, |value| value & !0x1f), &Config::new(), nothing);
    let violation = port.violations().into_iter().find(|violation| violation.rule == Rule::BufferSizeZero).unwrap();
    assert_eq!(violation.to_string(), "Error BufferSizeZero: SRRCTL: BSIZEPACKET is 0 (datasheet 8.2.3.8.7)");
}
