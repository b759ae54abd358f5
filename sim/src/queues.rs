//! Queue control: enable, disable and tail, through the registers of a queue's block (datasheet 4.6.7, 4.6.8).

use crate::chip::Chip;
use crate::chip::clock::{Event, MICROSECOND, Time};
use crate::receive::RxQueue;
use crate::registers::Place;
use crate::registers::offsets::{self, *};
use crate::ring::{Ring, State, TailError};
use crate::transmit::TxQueue;
use crate::violation::Rule;

/// Time a queue takes to be enabled or disabled.
const SWITCH: Time = 30 * MICROSECOND;
/// Time for which a receive queue may still write to memory after it reads as disabled (4.6.7.1.2).
const SETTLE: Time = 100 * MICROSECOND;

/// The registers of a queue that the rules of rings check.
struct Block {
    base: u32,
    len: u32,
    head: u32,
    tail: u32,
}

impl Chip {
    /// Handles a write to a register in a receive queue's block. Returns `true` if nothing is left to do.
    pub(crate) fn rx_queue_write(&mut self, queue: usize, register: u32, place: Place, value: u32) -> bool {
        let works = self.receiver.ring(queue).is_some_and(|ring| ring.state != State::Disabled);
        match register {
            RDT => self.rx_tail(queue, place, value),
            RDH => return self.head(place, value, works),
            RXDCTL => self.rx_control(queue, place, value),
            RDBAL | RDBAH | RDLEN | SRRCTL | RSCCTL if works => {
                if register == SRRCTL {
                    self.receive_buffers(queue, value);
                }
                self.common.violation(Rule::RingChangedWhileEnabled, place.offset, || {
                    format!("{value:#x} was written while receive queue {queue} is enabled")
                });
                return false;
            }
            RDBAL => {
                self.check_base(place, value);
                return false;
            }
            RDLEN => self.ring_length(place, value),
            RSCCTL if value & 1 != 0 => {
                self.common.violation(Rule::NotModelled, place.offset, || "receive side coalescing".to_owned());
                return false;
            }
            _ => return false,
        }
        true
    }

    /// Handles a write to a register in a transmit queue's block. Returns `true` if nothing is left to do.
    pub(crate) fn tx_queue_write(&mut self, queue: usize, register: u32, place: Place, value: u32) -> bool {
        let works = self.transmitter.ring(queue).is_some_and(|ring| ring.state != State::Disabled);
        match register {
            TDT => self.tx_tail(queue, place, value),
            TDH => return self.head(place, value, works),
            TXDCTL => self.tx_control(queue, place, value),
            TDBAL | TDBAH | TDLEN | TDWBAL | TDWBAH if works => {
                self.common.violation(Rule::RingChangedWhileEnabled, place.offset, || {
                    format!("{value:#x} was written while transmit queue {queue} is enabled")
                });
                return false;
            }
            TDBAL => {
                self.check_base(place, value);
                return false;
            }
            TDLEN => self.ring_length(place, value),
            _ => return false,
        }
        true
    }

    /// Checks the alignment of a base. The chip ignores the low bits, so the ring would not be where the driver expects
    /// it.
    fn check_base(&mut self, place: Place, value: u32) {
        if value & 0x7F != 0 {
            self.common.violation(Rule::RingBaseMisaligned, place.offset, || format!("{value:#x} was written"));
        }
    }

    /// Stores a ring's length without its low bits, as the chip does: the register test of Linux' driver reads them as
    /// 0.
    fn ring_length(&mut self, place: Place, value: u32) {
        if value & 0x7F != 0 {
            self.common.violation(Rule::RingLengthInvalid, place.offset, || format!("{value:#x} was written"));
        }
        self.check_reserved(place, value);
        let new = self.common.registers.after_write(place, value & !0x7F);
        self.common.registers.store(place, new);
    }

    fn check_reserved(&mut self, place: Place, value: u32) {
        let wrong = self.common.registers.wrong_reserved(place, value);
        if wrong != 0 {
            self.common.violation(Rule::ReservedBit, place.offset, || {
                format!("write of {value:#010x}: bits {wrong:#010x} are reserved")
            });
        }
    }

    /// Stores a head, which may be written only while its queue is disabled, although the table calls it read-only. The
    /// chip's behaviour for a working queue is unknown; the model follows the table.
    fn head(&mut self, place: Place, value: u32, works: bool) -> bool {
        if works {
            self.common.violation(Rule::HeadWritten, place.offset, || format!("{value} was written"));
        } else {
            self.common.registers.store(place, value & 0xFFFF);
        }
        true
    }

    fn rx_tail(&mut self, queue: usize, place: Place, value: u32) {
        let result = self.receiver.ring(queue).and_then(|ring| advance(ring, value));
        self.tail(place, value, result);
        self.fetch(false, queue);
    }

    fn tx_tail(&mut self, queue: usize, place: Place, value: u32) {
        let result = self.transmitter.ring(queue).and_then(|ring| advance(ring, value));
        self.tail(place, value, result);
        self.fetch(true, queue);
        self.check_packet_complete(queue);
    }

    /// Fetches the descriptors posted to a queue, if the device may access memory.
    fn fetch(&mut self, transmit: bool, queue: usize) {
        if !self.common.is_master() {
            return;
        }
        let (ring, at) = match transmit {
            true => (self.transmitter.ring(queue), offsets::tx(queue, TDT)),
            false => (self.receiver.ring(queue), offsets::rx(queue, RDT)),
        };
        let failed = ring.filter(|ring| ring.works()).and_then(|ring| ring.fetch_new(&self.iommu.read()));
        if let Some(index) = failed {
            self.common.violation(Rule::DmaOutsideMapping, at, || format!("descriptor {index} cannot be read"));
        }
    }

    /// Fetches the descriptors posted while the device could not access memory.
    pub(crate) fn fetch_all(&mut self) {
        for queue in 0..self.receiver.queues.len() {
            self.fetch(false, queue);
        }
        for queue in 0..self.transmitter.queues.len() {
            self.fetch(true, queue);
        }
    }

    /// Checks and stores a tail. `result` is `None` if the queue is not enabled. Else it tells if software read back
    /// that the queue is enabled, and if the ring accepted the tail.
    fn tail(&mut self, place: Place, value: u32, result: Option<(bool, Result<(), TailError>)>) {
        let at = place.offset;
        match result {
            None if value != 0 => {
                self.common
                    .violation(Rule::TailBeforeEnabled, at, || format!("{value} was written to a disabled queue"));
            }
            Some((false, _)) => {
                self.common.violation(Rule::TailBeforeEnabled, at, || "ENABLE was not yet read as 1".to_owned());
            }
            _ => {}
        }
        match result {
            Some((_, Err(TailError::OutOfRing))) => {
                // The chip's head would never meet this tail; the model does not move until a tail lies in the ring.
                self.common.violation(Rule::TailOutOfRing, at, || format!("{value} is beyond the ring"));
            }
            Some((_, Err(TailError::Overrun))) => {
                self.common.violation(Rule::TailOverrun, at, || format!("{value} overtakes the head"));
            }
            _ => {}
        }
        if result.is_some() && self.common.registers.get(CTRL) & CTRL_MASTER_DISABLE != 0 {
            self.common.violation(Rule::DmaWhileMasterDisabled, at, || "CTRL.PCIE_MASTER_DISABLE is 1".to_owned());
        }
        self.common.registers.store(place, value & 0xFFFF);
    }

    fn rx_control(&mut self, queue: usize, place: Place, value: u32) {
        let state = self.receiver.ring(queue).map_or(State::Disabled, |ring| ring.state);
        let enable = value & QUEUE_ENABLE != 0;
        self.store_control(place, value, matches!(state, State::Enabled | State::Disabling));
        self.receiver.queue(queue).strip_vlan = value & RXDCTL_VME != 0;
        match (state, enable) {
            (State::Disabled, true) => {
                let block = Block { base: RDBAL, len: RDLEN, head: RDH, tail: RDT };
                self.check_ring(&block, |register| offsets::rx(queue, register));
                self.check_buffers(queue);
                if self.common.registers.get(RXCTRL) & RXCTRL_RXEN != 0 {
                    self.check_dca(queue);
                }
                self.receiver.queue(queue).ring.state = State::Enabling;
                self.common.clock.schedule(SWITCH, Event::RxQueueEnabled(queue));
            }
            (State::Disabling, true) => {
                self.common.clock.cancel(|event| event == Event::RxQueueDisabled(queue));
                self.receiver.queue(queue).ring.state = State::Enabled;
            }
            (State::Enabling, false) => {
                self.common.clock.cancel(|event| event == Event::RxQueueEnabled(queue));
                self.receiver.queue(queue).ring.state = State::Disabled;
            }
            (State::Enabled, false) => {
                self.receiver.queue(queue).ring.state = State::Disabling;
                self.common.clock.schedule(SWITCH, Event::RxQueueDisabled(queue));
            }
            _ => {}
        }
        self.receiver.config_changed();
    }

    fn tx_control(&mut self, queue: usize, place: Place, value: u32) {
        let state = self.transmitter.ring(queue).map_or(State::Disabled, |ring| ring.state);
        let enable = value & QUEUE_ENABLE != 0;
        let at = place.offset;
        self.store_control(place, value & !TXDCTL_SWFLSH, matches!(state, State::Enabled | State::Disabling));
        if enable && value & 0x7F != 0 && value & 0x7F00 == 0 {
            self.common.violation(Rule::HostThresholdZero, at, || format!("PTHRESH is {}", value & 0x7F));
        }
        match (state, enable) {
            (State::Disabled, true) => {
                let block = Block { base: TDBAL, len: TDLEN, head: TDH, tail: TDT };
                self.check_ring(&block, |register| offsets::tx(queue, register));
                self.check_transmit_buffers();
                let write_back = self.common.registers.get(offsets::tx(queue, TDWBAL));
                if write_back & 1 != 0 && write_back & 0xC != 0 {
                    let at = offsets::tx(queue, TDWBAL);
                    self.common.violation(Rule::HeadWriteBackMisaligned, at, || format!("TDWBAL is {write_back:#x}"));
                }
                let at = offsets::tx(queue, DCA_TXCTRL);
                if write_back & 1 != 0 && self.common.registers.get(at) & DCA_TXCTRL_WRITE_BACK_RO != 0 {
                    self.common.violation(Rule::HeadWriteBackUnordered, at, || format!("of transmit queue {queue}"));
                }
                self.transmitter.queue(queue).ring.state = State::Enabling;
                if self.common.registers.get(DMATXCTL) & DMATXCTL_TE == 0 {
                    // It is enabled once TE is set.
                    let at = place.offset;
                    self.common.violation(Rule::QueueEnabledBeforeTransmit, at, || "DMATXCTL.TE is 0".to_owned());
                }
                self.enable_waiting();
            }
            (State::Disabling, true) => {
                self.common.clock.cancel(|event| event == Event::TxQueueDisabled(queue));
                self.transmitter.queue(queue).ring.state = State::Enabled;
            }
            (State::Enabling, false) => {
                self.common.clock.cancel(|event| event == Event::TxQueueEnabled(queue));
                self.transmitter.queue(queue).ring.state = State::Disabled;
            }
            (State::Enabled, false) => {
                let left = self.transmitter.queue(queue).ring.owned();
                // Without a link the queue cannot drain.
                if left > 0 && self.link.is_up() {
                    self.common
                        .violation(Rule::TransmitDisabledUndrained, at, || format!("{left} descriptors are left"));
                }
                self.transmitter.queue(queue).ring.state = State::Disabling;
                self.common.clock.schedule(SWITCH, Event::TxQueueDisabled(queue));
            }
            _ => {}
        }
        let transmit = self.transmitter.queue(queue);
        transmit.flush |= value & TXDCTL_SWFLSH != 0;
        transmit.write_back_threshold = write_back_threshold(value);
        self.transmitter.config_changed();
    }

    /// Enables the transmit queues that wait for DMATXCTL.TE, if it is 1.
    pub(crate) fn enable_waiting(&mut self) {
        if self.common.registers.get(DMATXCTL) & DMATXCTL_TE == 0 {
            return;
        }
        for queue in self.transmitter.enabling() {
            if !self.common.clock.is_scheduled(Event::TxQueueEnabled(queue)) {
                self.common.clock.schedule(SWITCH, Event::TxQueueEnabled(queue));
            }
        }
    }

    /// Stores RXDCTL or TXDCTL. ENABLE reads as the queue's state, not as the written value.
    fn store_control(&mut self, place: Place, value: u32, enabled: bool) {
        self.check_reserved(place, value);
        let new = self.common.registers.after_write(place, value) & !QUEUE_ENABLE;
        self.common.registers.store(place, if enabled { new | QUEUE_ENABLE } else { new });
    }

    /// Checks the rules of a ring when its queue is enabled.
    fn check_ring(&mut self, block: &Block, at: impl Fn(u32) -> u32) {
        let (base_at, len_at, tail_at) = (at(block.base), at(block.len), at(block.tail));
        let base = self.ring_base(base_at);
        let len = self.common.registers.get(len_at);
        if len == 0 || len & 0x7F != 0 || len > 0x8_0000 {
            self.common.violation(Rule::RingLengthInvalid, len_at, || format!("the length is {len}"));
        } else if !self.iommu.read().is_mapped(base, len as usize) {
            self.common.violation(Rule::RingNotMapped, base_at, || format!("{len} bytes at {base:#x} are not mapped"));
        }
        let (head, tail) = (self.common.registers.get(at(block.head)), self.common.registers.get(tail_at));
        if head != tail {
            self.common.violation(Rule::EnableWithOldTail, tail_at, || format!("the head is {head}, the tail {tail}"));
        }
    }

    fn check_buffers(&mut self, queue: usize) {
        let at = offsets::rx(queue, SRRCTL);
        let control = self.common.registers.get(at);
        let size = control & 0x1F;
        if size == 0 || size > 16 {
            self.common.violation(Rule::BufferSizeZero, at, || format!("BSIZEPACKET is {size}"));
        }
        let kind = control >> 25 & 7;
        if kind > 1 {
            self.common.violation(Rule::DescriptorTypeReserved, at, || format!("DESCTYPE is {kind}"));
        }
    }

    fn ring_base(&self, low: u32) -> u64 {
        u64::from(self.common.registers.get(low + 4)) << 32 | u64::from(self.common.registers.get(low) & !0x7F)
    }

    pub(crate) fn rx_queue_enabled(&mut self, queue: usize) {
        let base = self.ring_base(offsets::rx(queue, RDBAL));
        let [len, head, tail, control] =
            [RDLEN, RDH, RDT, SRRCTL].map(|register| self.common.registers.get(offsets::rx(queue, register)));
        self.receive_buffers(queue, control);
        self.receiver.queue(queue).ring.enable(base, len, head, tail);
        self.common.registers.set_bits(offsets::rx(queue, RXDCTL), QUEUE_ENABLE, true);
        self.receiver.config_changed();
        self.fetch(false, queue);
    }

    /// Takes over the buffer configuration in SRRCTL. All descriptor types but the legacy one are written back in the
    /// advanced format, without header splitting.
    fn receive_buffers(&mut self, queue: usize, control: u32) {
        let RxQueue { buffer_size, advanced, drop_enabled, .. } = self.receiver.queue(queue);
        *buffer_size = (control & 0x1F).min(16) as usize * 1024;
        (*advanced, *drop_enabled) = (control >> 25 & 7 != 0, control & SRRCTL_DROP_EN != 0);
    }

    pub(crate) fn rx_queue_disabled(&mut self, queue: usize) {
        let settled = self.common.clock.now() + SETTLE;
        let ring = &mut self.receiver.queue(queue).ring;
        (ring.state, ring.settled) = (State::Disabled, settled);
        self.common.registers.set_bits(offsets::rx(queue, RXDCTL), QUEUE_ENABLE, false);
        self.receiver.config_changed();
    }

    pub(crate) fn tx_queue_enabled(&mut self, queue: usize) {
        let base = self.ring_base(offsets::tx(queue, TDBAL));
        let [len, head, tail, low, high] =
            [TDLEN, TDH, TDT, TDWBAL, TDWBAH].map(|register| self.common.registers.get(offsets::tx(queue, register)));
        let transmit = self.transmitter.queue(queue);
        // Contexts do not outlive their queue.
        (transmit.contexts, transmit.leading_contexts, transmit.unreported) = ([None; 2], 0, 0);
        let TxQueue { ring, head_write_back, .. } = transmit;
        *head_write_back = (low & 1 != 0).then_some(u64::from(high) << 32 | u64::from(low & !3));
        ring.enable(base, len, head, tail);
        self.common.registers.set_bits(offsets::tx(queue, TXDCTL), QUEUE_ENABLE, true);
        self.transmitter.config_changed();
        self.fetch(true, queue);
        self.check_packet_complete(queue);
    }

    pub(crate) fn tx_queue_disabled(&mut self, queue: usize) {
        self.transmitter.queue(queue).ring.state = State::Disabled;
        self.common.registers.set_bits(offsets::tx(queue, TXDCTL), QUEUE_ENABLE, false);
        self.transmitter.config_changed();
    }
}

/// Returns TXDCTL.WTHRESH: the number of descriptors gathered before they are written back.
fn write_back_threshold(control: u32) -> usize {
    (control >> 16 & 0x7F) as usize
}

/// Gives descriptors to the device if the queue is enabled. Also returns `true` if software has read that back.
fn advance(ring: &mut Ring, tail: u32) -> Option<(bool, Result<(), TailError>)> {
    ring.works().then(|| (ring.seen_enabled, ring.advance(tail)))
}
