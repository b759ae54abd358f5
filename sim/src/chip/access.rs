//! Register accesses: first the generated table's rules for every register, then the effects of each single one.

use ixgbe::info::AccessKind;

use crate::chip::Chip;
use crate::chip::READ;
use crate::chip::clock::{Event, MICROSECOND, Time};
use crate::fault::Fault;
use crate::registers::offsets::*;
use crate::violation::Rule;

/// Time a data path takes to drain when it is halted.
const HALT: Time = 20 * MICROSECOND;

impl Chip {
    /// Returns what software reads from the register at `offset`, with the read's side effects.
    pub(crate) fn read(&mut self, offset: u32) -> u32 {
        self.pass(READ);
        self.note_unmapped();
        if self.common.faults.has(Fault::SurpriseRemoval) {
            return u32::MAX;
        }
        let Some(place) = self.common.registers.find(offset) else {
            if offset == FRTIMER {
                return self.free_running_timer();
            }
            self.common.violation(Rule::UnknownRegister, offset, || format!("read at {offset:#07x}"));
            return 0;
        };
        self.check_startup(place.offset, false);
        if place.info().access == AccessKind::Wo {
            self.common.violation(Rule::WriteOnlyRead, offset, || "a write-only register was read".to_owned());
            // The datasheet does not describe reads of EICS. Stock drivers read the causes there, without clearing
            // them.
            return if place.offset == EICS { self.common.registers.get(EICR) } else { 0 };
        }
        let value = self.common.registers.read(place);
        match place.offset {
            EEC => self.startup.eeprom_seen |= value & EEC_AUTO_RD != 0,
            RDRXCTL => self.startup.dma_init_seen |= value & RDRXCTL_DMAIDONE != 0,
            SWSM if self.common.faults.has(Fault::SemaphoreTimeout) => return value | SWSM_SMBI,
            SW_FW_SYNC if self.common.faults.has(Fault::FirmwareHoldsResources) => return value | 0x1F << 5,
            EICR => self.interrupts.causes_read(value, &mut self.common),
            at => self.queue_read(at, value),
        }
        value
    }

    fn free_running_timer(&self) -> u32 {
        let microseconds = self.common.clock.now() / MICROSECOND;
        let [milliseconds, seconds] = [1_000, 1_000_000].map(|unit| microseconds / unit);
        (((seconds % 4_096) << 20) | ((milliseconds % 1_000) << 10) | (microseconds % 1_000)) as u32
    }

    /// Notes that software has read a queue's control register, and so may have seen the queue enabled.
    fn queue_read(&mut self, offset: u32, value: u32) {
        let ring = match (as_rx(offset), as_tx(offset)) {
            (Some((queue, RXDCTL)), _) => self.receiver.ring(queue),
            (_, Some((queue, TXDCTL))) => self.transmitter.ring(queue),
            _ => return,
        };
        if let Some(ring) = ring {
            ring.seen_enabled |= value & QUEUE_ENABLE != 0;
        }
    }

    /// Writes `value` to the register at `offset`, as software does.
    pub(crate) fn write(&mut self, offset: u32, value: u32) {
        self.pass(0);
        self.note_unmapped();
        if self.common.faults.has(Fault::SurpriseRemoval) {
            return;
        }
        let Some(place) = self.common.registers.find(offset) else {
            self.common.violation(Rule::UnknownRegister, offset, || format!("write of {value:#x} at {offset:#07x}"));
            return;
        };
        if !self.check_startup(place.offset, true) {
            return;
        }
        let at = place.offset;
        // The doorbells and the other registers of a ring have their own rules.
        if let Some((queue, register)) = as_rx(at) {
            if self.rx_queue_write(queue, register, place, value) {
                return;
            }
        } else if let Some((queue, register)) = as_tx(at)
            && self.tx_queue_write(queue, register, place, value)
        {
            return;
        }
        if !self.common.registers.is_writable(place) {
            self.common.violation(Rule::ReadOnlyWritten, at, || format!("{value:#x} was written"));
            return;
        }
        let wrong = self.common.registers.wrong_reserved(place, value) & !checked_later(at);
        if wrong != 0 {
            let old = self.common.registers.get(at);
            self.common.violation(Rule::ReservedBit, at, || {
                format!("write of {value:#010x} over {old:#010x}: bits {wrong:#010x} are reserved or prescribed")
            });
        }
        let old = self.common.registers.get(at);
        let new = self.common.registers.after_write(place, value);
        self.check_change(at, old, new);
        self.common.registers.store(place, new);
        self.written(at, value, old);
    }

    /// Checks the rules of order for a change from `old` to `new`. The change takes effect even if it breaks a rule.
    fn check_change(&mut self, at: u32, old: u32, new: u32) {
        let changes = old != new;
        let receiving = self.common.registers.get(RXCTRL) & RXCTRL_RXEN != 0;
        let transmitting = self.common.registers.get(DMATXCTL) & DMATXCTL_TE != 0;
        match at {
            FCTRL | RXCSUM if receiving && changes => {
                self.common.violation(Rule::FilterChangedWhileReceiving, at, || format!("{old:#x} to {new:#x}"));
            }
            RXCTRL if changes => {
                let halted = self.common.registers.get(SECRXCTRL) & SEC_DIS != 0
                    && self.common.registers.get(SECRXSTAT) & SEC_RDY != 0;
                if !halted {
                    let received = self.startup.has_received;
                    let rule = if received { Rule::PausedWithoutHalt } else { Rule::ReceiveNotHalted };
                    self.common.violation(rule, at, || format!("RXCTRL goes from {old:#x} to {new:#x}"));
                }
                if new & RXCTRL_RXEN != 0 {
                    self.startup.has_received = true;
                    self.check_receive_enable();
                }
            }
            DMATXCTL if transmitting && new & DMATXCTL_TE != 0 && changes => {
                self.common.violation(Rule::TransmitDmaReconfigured, at, || format!("{old:#x} to {new:#x}"));
            }
            MTQC if changes => self.check_arbiter(at),
            _ if (TXPBSIZE..TXPBSIZE + 0x20).contains(&at) && changes => self.check_arbiter(at),
            _ if (RXPBSIZE..RXPBSIZE + 0x20).contains(&at) && changes && receiving => {
                self.common.violation(Rule::BufferResizedWhileRunning, at, || "RXCTRL.RXEN is 1".to_owned());
            }
            SW_FW_SYNC => {
                let both = SWSM_SMBI | SWSM_SWESMBI;
                if self.common.registers.get(SWSM) & both != both {
                    self.common.violation(Rule::SemaphoreNotHeld, at, || format!("{old:#x} to {new:#x}"));
                }
            }
            _ => {}
        }
    }

    fn check_arbiter(&mut self, at: u32) {
        if self.common.registers.get(RTTDCS) & RTTDCS_ARBDIS == 0 {
            self.common.violation(Rule::ArbiterRunning, at, || "RTTDCS.ARBDIS is 0".to_owned());
        }
        if let Some(queue) = self.transmitter.first_working() {
            self.common.violation(Rule::BufferResizedWhileRunning, at, || format!("transmit queue {queue} is enabled"));
        }
    }

    /// Records a violation if the write enables a feature that is not modelled.
    fn note_unmodelled(&mut self, at: u32, value: u32) {
        let unmodelled = match at {
            MTQC if value != 0 => "several transmit classes or pools",
            PFVTCTL if value & 1 != 0 => "virtualisation",
            FDIRCTRL if value & FDIRCTRL_UNMODELLED != 0 => "perfect filters, or reports of Flow Director",
            FDIRDIP4M | FDIRSIP4M | FDIRTCPM | FDIRUDPM | FDIRIP6M | FDIRM if value != 0 => "masks of Flow Director",
            RXCSUM if value & RXCSUM_IPPCSE != 0 => "checksums of fragments",
            DMATXCTL if value & DMATXCTL_GDV != 0 => "double VLAN tags",
            TSYNCRXCTL | TSYNCTXCTL if value & TSYNC_EN != 0 => "time stamps",
            TIMINCA if value != 0 => "the clock of time stamps",
            SYNQF if value & 1 != 0 => "the filter for SYN packets",
            HLREG0 if value & HLREG0_RXPADSTRIPEN != 0 => "stripping of padding",
            _ if (ETQF..ETQF + 0x20).contains(&at) && value & bit(31) != 0 => "filters by EtherType",
            _ => return,
        };
        self.common.violation(Rule::NotModelled, at, || format!("{unmodelled} ({value:#x})"));
    }

    /// Performs the effects of a write beyond storing the value.
    fn written(&mut self, at: u32, value: u32, old: u32) {
        self.note_unmodelled(at, value);
        match at {
            CTRL => self.control(value, old),
            EEC => self.eeprom.drive(value, &mut self.common),
            EERD => self.eeprom.start_read(value, &mut self.common),
            SWSM if self.common.faults.has(Fault::SemaphoreTimeout) => {
                // Without SMBI, software does not get SWESMBI either.
                self.common.registers.set(SWSM, SWSM_SMBI);
            }
            FDIRCTRL => self.receiver.flow_director.control(value, &mut self.common),
            FDIRCMD => self.receiver.flow_director.command(value, &mut self.common, &mut self.interrupts),
            AUTOC => self.link.write(value, &mut self.common, &mut self.interrupts),
            I2CCTL => self.i2c.write(value, &mut self.common.registers),
            EICR | EICS | EICS_EX | EICS_EX_2 | EIMS | EIMC | EIMS_EX | EIMS_EX_2 | EIMC_EX | EIMC_EX_2 | EIAM
            | EIAM_EX | EIAM_EX_2 | GPIE | IVAR_MISC => self.interrupts.write(at, value, &mut self.common),
            SECRXCTRL => self.halt(value, old, SECRXSTAT, Event::SecRxReady),
            SECTXCTRL => self.halt(value, old, SECTXSTAT, Event::SecTxReady),
            RXCTRL => self.receiver.config_changed(),
            DMATXCTL => {
                self.enable_waiting();
                self.transmitter.config_changed();
            }
            _ => {
                self.receiver.config_changed();
                self.transmitter.config_changed();
            }
        }
    }

    fn halt(&mut self, value: u32, old: u32, status: u32, ready: Event) {
        if value & SEC_DIS == 0 {
            self.common.clock.cancel(|event| event == ready);
            self.common.registers.set_bits(status, SEC_RDY, false);
        } else if old & SEC_DIS == 0 {
            self.common.clock.schedule(HALT, ready);
        }
        self.receiver.config_changed();
        self.transmitter.config_changed();
    }
}

/// Returns the reserved bits that are checked only when reception is enabled, not when they are written.
fn checked_later(at: u32) -> u32 {
    match at {
        RDRXCTL => RDRXCTL_RSCFRSTSIZE | RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX,
        _ if matches!(as_rx(at), Some((_, DCA_RXCTRL))) => DCA_RXCTRL_RESERVED,
        _ => 0,
    }
}
