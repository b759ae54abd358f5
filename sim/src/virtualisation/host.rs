//! The model's own physical function: it has the port, and serves the virtual functions over their mailboxes.

use crate::chip::Chip;
use crate::chip::clock::{Event, MICROSECOND, MILLISECOND, Time};
use crate::chip::common::Common;
use crate::fault::Fault;
use crate::registers::RegisterFile;
use crate::registers::offsets::*;
use crate::virtualisation::guest::{Cast, FAILURE, Guest, Rss};
use crate::virtualisation::mailbox::{Mailbox, Message};
use crate::virtualisation::switch::*;
use crate::virtualisation::vectors::Vectors;
use crate::virtualisation::{Counters, Function};

/// Time that the physical function takes to look at a mailbox.
const LOOK: Time = 20 * MICROSECOND;
/// Time after which it takes the buffer from a function that keeps it.
const PATIENCE: u32 = 100;
/// Time that a reset of the physical function takes.
const RESET: Time = 20 * MILLISECOND;

const GPIE: u32 = 0x00898;
/// The packet buffers, in KB.
const RECEIVE_BUFFER: u32 = 512;
const TRANSMIT_BUFFER: u32 = 160;
const GCR_EXT: u32 = 0x11050;
const CTRL_EXT_DRV_LOAD: u32 = bit(28);
/// MRQC: TCP and UDP over both IP versions, and these alone.
const MRQC_FIELDS: u32 = 0x0033_0000 | bit(22) | bit(23);
/// MRQC.MRQE and MTQC of pools with two queues.
const MRQC_POOLS_OF_2: u32 = 0xB;
const MTQC_POOLS_OF_2: u32 = 0x6;
/// MTQC of pools with four queues.
const MTQC_POOLS_OF_4: u32 = 0xA;
/// The entry of the MAC address of function n is this less n. The entries from 1 on are for further addresses.
const LAST_ADDRESS: u32 = 127;

/// Configuration of the model's own physical function, which serves virtual functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// The number of virtual functions, 1 to 16.
    pub functions: u8,
    /// The number of queue pairs of each function, 2 or 4.
    pub queues: u8,
    /// The MAC address of the first function, from which the other addresses count on. `None` if the administrator has
    /// set none, so that each function takes one of its own.
    pub mac: Option<[u8; 6]>,
    /// The newest version of the mailbox's protocol that it accepts: 1.0 to 1.3, by the minor number.
    pub newest_version: u8,
    /// The largest frame of the physical function itself, in bytes with CRC. Above 1518, functions can have jumbo frames.
    pub max_frame: u16,
    /// `true` if functions may change what the administrator has set, and receive all multicasts.
    pub trusted: bool,
    /// `true` if functions may ask for the redirection table and the key of RSS.
    pub tells_rss: bool,
    /// `true` if frames with another function's source address are dropped.
    pub checks_source: bool,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            functions: 1,
            queues: 4,
            mac: Some([0x02, 0x82, 0x59, 0x10, 0xED, 0x00]),
            newest_version: 3,
            max_frame: 1518,
            trusted: false,
            tells_rss: true,
            checks_source: true,
        }
    }
}

/// The state of the physical function's driver.
#[derive(Debug, Default)]
pub(crate) struct Host {
    config: HostConfig,
    rss: Rss,
    /// `true` while it resets its device.
    resets: bool,
    link: bool,
}

impl Host {
    pub(crate) fn pool_size(&self) -> usize {
        self.config.queues.into()
    }
}

impl Chip {
    /// Makes the model's own physical function take the port.
    pub(crate) fn start_host(&mut self, config: HostConfig) {
        let queues = if config.queues == 2 { 2 } else { 4 };
        let config = HostConfig { functions: config.functions.clamp(1, 16), queues, ..config };
        let functions = &mut self.common.functions;
        functions.all =
            (0..config.functions).map(|n| Function::new(config.mac.map(|mac| counted_on(mac, n)))).collect();
        functions.host = Host { config, ..Host::default() };
        self.set_up_host();
        self.common.functions.all.iter_mut().for_each(|function| function.mailbox.host_has_reset());
    }

    /// Writes the registers of the port as a driver does that has virtual functions.
    fn set_up_host(&mut self) {
        let Common { registers, functions, .. } = &mut self.common;
        let config = &functions.host.config;
        let (mode, mrqe, mtqc) = if config.queues == 2 {
            (3, MRQC_POOLS_OF_2, MTQC_POOLS_OF_2)
        } else {
            (2, MRQC_POOLS_OF_4, MTQC_POOLS_OF_4)
        };
        for (at, value) in [
            (PFVTCTL, PFVTCTL_VT_ENA | PFVTCTL_DIS_DEF_POOL | PFVTCTL_RPL_EN),
            (PFDTXGSWC, PFDTXGSWC_LBE),
            (MRQC, mrqe | MRQC_FIELDS),
            (MTQC, mtqc),
            (RXCSUM, RXCSUM_PCSD),
            (MCSTCTRL, MCSTCTRL_MFE),
            (VLNCTRL, VLNCTRL_VFE | 0x8100),
            (RXCTRL, RXCTRL_RXEN),
            (RXPBSIZE, RECEIVE_BUFFER << 10),
            (TXPBSIZE, TRANSMIT_BUFFER << 10),
            (TXPBTHRESH, TRANSMIT_BUFFER - 10),
        ] {
            registers.set(at, value);
        }
        for (at, bits) in [
            (GCR_EXT, mode),
            (GPIE, mode << 14),
            (DMATXCTL, DMATXCTL_TE),
            (CTRL_EXT, CTRL_EXT_NS_DIS | CTRL_EXT_DRV_LOAD),
            (HLREG0, HLREG0_RXCRCSTRP | HLREG0_TXPADEN),
            (RDRXCTL, RDRXCTL_CRCSTRIP | RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX),
        ] {
            registers.set_bits(at, bits, true);
        }
        registers.set_bits(RDRXCTL, RDRXCTL_RSCFRSTSIZE, false);
        let rss = &functions.host.rss;
        for (word, at) in rss.key.iter().zip((RSSRK..).step_by(4)) {
            registers.set(at, *word);
        }
        for (entries, at) in rss.table.as_chunks().0.iter().zip((RETA..).step_by(4)) {
            registers.set(at, u32::from_le_bytes(*entries));
        }
        // Without DCB there is one packet buffer in each direction.
        for buffer in 1..8 {
            registers.set(RXPBSIZE + buffer * 4, 0);
            registers.set(TXPBSIZE + buffer * 4, 0);
        }
        for pool in 0..64 {
            registers.set(PSRTYPE + pool * 4, 0);
        }
        self.program_functions();
    }

    /// Writes the filters and switches of all functions.
    fn program_functions(&mut self) {
        let Common { registers, functions, .. } = &mut self.common;
        let config = &functions.host.config;
        clear_tables(registers);
        let (mut next_address, mut vlans) = (1, Vec::<(u16, u64)>::new());
        let (mut receiving, mut sending, mut largest) = (0_u64, 0_u64, u32::from(config.max_frame));
        for (n, function) in (0_u32..).zip(&functions.all) {
            let (guest, pool) = (&function.guest, 1_u64 << n);
            if let Some(mac) = guest.mac {
                set_address(LAST_ADDRESS - n, mac, pool, registers);
            }
            for mac in &guest.further_macs {
                set_address(next_address, *mac, pool, registers);
                next_address += 1;
            }
            for hash in &guest.hashes {
                registers.set_bits(MTA + u32::from(hash >> 5) * 4, 1 << (hash & 31), true);
            }
            for vlan in &guest.vlans {
                match vlans.iter_mut().find(|(known, _)| known == vlan) {
                    Some((_, pools)) => *pools |= pool,
                    None => vlans.push((*vlan, pool)),
                }
            }
            let hashed = if guest.hashes.is_empty() { 0 } else { PFVML2FLT_ROMPE };
            let cast = match guest.cast {
                Cast::None => 0,
                Cast::Multicast => PFVML2FLT_BAM | hashed,
                Cast::AllMulticast => PFVML2FLT_BAM | hashed | PFVML2FLT_MPE,
            };
            registers.set(PFVML2FLT + n * 4, PFVML2FLT_AUPE | cast);
            registers.set_bits(PFVFSPOOF + n / 8 * 4, 1 << (n % 8), config.checks_source && guest.mac.is_some());
            receiving |= if guest.receives { pool } else { 0 };
            sending |= if guest.sends { pool } else { 0 };
            largest = largest.max(guest.max_frame);
        }
        for ((vlan, pools), entry) in vlans.into_iter().zip(0..64) {
            registers.set(PFVLVF + entry * 4, u32::from(vlan) | PFVLVF_VI_EN);
            set_pools(PFVLVFB + entry * 8, pools, registers);
            registers.set_bits(VFTA + u32::from(vlan >> 5) * 4, 1 << (vlan & 31), true);
        }
        set_pools(PFVFRE, receiving, registers);
        set_pools(PFVFTE, sending, registers);
        // The limit of the port only ever rises.
        let limit = largest.max(registers.get(MAXFRS) >> 16);
        registers.set(MAXFRS, limit << 16);
        registers.set_bits(HLREG0, HLREG0_JUMBOEN, limit > 1518);
        self.pools_changed();
    }

    /// Lets the physical function look at the mailboxes soon.
    pub(crate) fn call_host(&mut self) {
        let clock = &mut self.common.clock;
        if !clock.is_scheduled(Event::HostLooks) {
            clock.schedule(LOOK, Event::HostLooks);
        }
    }

    /// Looks at all mailboxes: first for resets, then for messages, then for acknowledgements.
    pub(crate) fn host_looks(&mut self) {
        let Common { functions, faults, .. } = &mut self.common;
        if functions.host.resets {
            return;
        }
        let (mut is_left, mut has_changed) = (false, false);
        for function in &mut functions.all {
            let Function { mailbox, guest, vectors, waited, .. } = function;
            if std::mem::take(&mut mailbox.pending.reset) {
                guest.forget();
                has_changed = true;
            }
            let has_work = mailbox.pending.request || mailbox.pending.ack || guest.notice.is_some();
            if has_work && mailbox.is_taken() {
                // A function that died may keep the buffer for ever.
                *waited += 1;
                if *waited < PATIENCE {
                    is_left = true;
                    continue;
                }
                mailbox.take();
            }
            *waited = 0;
            if std::mem::take(&mut mailbox.pending.request) {
                let message = mailbox.receive();
                let answer = match faults.host_answer() {
                    Some(words) => Some(words),
                    None if faults.has(Fault::HostRefuses) => Some(with_first(message, message[0] | FAILURE)),
                    None => guest.answer(&message, &functions.host.config, &functions.host.rss),
                };
                has_changed = true;
                if let Some(answer) = answer {
                    send(&answer, mailbox, vectors);
                }
                is_left |= guest.notice.is_some();
            } else if std::mem::take(&mut mailbox.pending.ack) && !guest.clear_to_send {
                // A function that reads messages before it was reset gets a refusal, so that it resets itself.
                send(&[FAILURE], mailbox, vectors);
            } else if let Some(notice) = guest.notice.take() {
                send(&[notice], mailbox, vectors);
            }
        }
        if has_changed {
            self.program_functions();
        }
        if is_left {
            self.call_host();
        }
        self.raise_virtual();
    }

    /// Notifies all functions if the link has changed.
    pub(crate) fn host_watches_link(&mut self) {
        let up = self.link.is_up();
        let functions = &mut self.common.functions;
        if functions.all.is_empty() || functions.host.resets || functions.host.link == up {
            return;
        }
        functions.host.link = up;
        functions.all.iter_mut().for_each(|function| function.guest.notify());
        self.call_host();
    }

    /// Resets the device as its physical function does: it notifies the functions, which have to reset themselves once
    /// it is done.
    pub(crate) fn reset_host(&mut self) {
        self.pass(0);
        if self.common.functions.all.is_empty() {
            return;
        }
        for Function { mailbox, guest, vectors, .. } in &mut self.common.functions.all {
            guest.forget();
            guest.notify();
            mailbox.take();
            if let Some(notice) = guest.notice.take() {
                send(&[notice], mailbox, vectors);
            }
        }
        self.raise_virtual();
        self.restart_for_host();
        self.common.functions.host.resets = true;
        for Function { mailbox, vectors, .. } in &mut self.common.functions.all {
            let notice = mailbox.word(0);
            mailbox.host_resets();
            mailbox.send(&[notice]);
            vectors.reset();
        }
        self.common.clock.schedule(RESET, Event::HostHasReset);
    }

    /// Ends the reset of the physical function.
    pub(crate) fn host_has_reset(&mut self) {
        self.set_up_host();
        let functions = &mut self.common.functions;
        functions.host.resets = false;
        functions.all.iter_mut().for_each(|function| function.mailbox.host_has_reset());
        self.call_host();
    }

    /// Resets virtual function `index`, through PCI or VFCTRL.RST. Its rings' registers stay as they are.
    pub(crate) fn reset_virtual(&mut self, index: usize) {
        let Some(function) = self.common.functions.all.get_mut(index) else { return };
        function.vectors.reset();
        function.mailbox.function_resets();
        self.close_pool(index);
        self.call_host();
    }

    /// Sets PCI's Command.BME of virtual function `index`.
    pub(crate) fn set_virtual_bus_master(&mut self, index: usize, on: bool) {
        self.pass(0);
        let Some(function) = self.common.functions.all.get_mut(index) else { return };
        function.vectors.is_master = on;
        if on {
            self.fetch_all();
            self.raise_virtual();
        } else {
            self.close_pool(index);
        }
    }

    /// Clears VFRE and VFTE of a function.
    fn close_pool(&mut self, index: usize) {
        if let Some(Function { guest, .. }) = self.common.functions.all.get_mut(index) {
            (guest.receives, guest.sends) = (false, false);
        }
        for at in [PFVFRE, PFVFTE] {
            self.common.registers.set_bits(at, 1 << index, false);
        }
        self.pools_changed();
    }

    /// Sends the interrupts of virtual functions that are due.
    pub(crate) fn raise_virtual(&mut self) {
        raise(&mut self.common);
    }
}

/// Sends the interrupts of virtual functions that are due.
pub(crate) fn raise(common: &mut Common) {
    let Common { functions, clock, faults, .. } = common;
    if functions.all.is_empty() || faults.has(Fault::InterruptsLost) {
        return;
    }
    let now = clock.now();
    let wait = functions.all.iter_mut().filter_map(|function| function.vectors.raise(now)).min();
    if let Some(wait) = wait
        && !clock.is_scheduled(Event::VirtualInterruptsDue)
    {
        clock.schedule(wait, Event::VirtualInterruptsDue);
    }
}

impl Function {
    fn new(fixed_mac: Option<[u8; 6]>) -> Self {
        Self {
            mailbox: Mailbox::default(),
            vectors: Vectors::default(),
            counters: Counters::default(),
            guest: Guest::new(fixed_mac),
            waited: 0,
        }
    }
}

/// Sends a message to a function, and raises its interrupt.
fn send(message: &[u32], mailbox: &mut Mailbox, vectors: &mut Vectors) {
    mailbox.send(message);
    vectors.mailbox_cause();
}

fn with_first(message: Message, first: u32) -> Message {
    let mut message = message;
    message[0] = first;
    message
}

/// Returns `mac` with `count` added to its last byte.
fn counted_on(mac: [u8; 6], count: u8) -> [u8; 6] {
    let [a, b, c, d, e, f] = mac;
    [a, b, c, d, e, f.wrapping_add(count)]
}

fn clear_tables(registers: &mut RegisterFile) {
    let tables = [(MTA, 128), (VFTA, 128), (PFVLVF, 64), (PFVLVFB, 128), (MPSAR, 256), (PFVFSPOOF, 8), (PFVML2FLT, 64)];
    for (first, count) in tables {
        (0..count).for_each(|n| registers.set(first + n * 4, 0));
    }
    (0..=LAST_ADDRESS).for_each(|entry| registers.set(RAH + entry * 8, 0));
}

fn set_address(entry: u32, mac: [u8; 6], pools: u64, registers: &mut RegisterFile) {
    let [a, b, c, d, e, f] = mac;
    registers.set(RAL + entry * 8, u32::from_le_bytes([a, b, c, d]));
    set_pools(MPSAR + entry * 8, pools, registers);
    registers.set(RAH + entry * 8, u32::from(u16::from_le_bytes([e, f])) | RAH_AV);
}

fn set_pools(at: u32, pools: u64, registers: &mut RegisterFile) {
    registers.set(at, pools as u32);
    registers.set(at + 4, (pools >> 32) as u32);
}
