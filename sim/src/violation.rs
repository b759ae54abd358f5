//! The rules for a driver, and the record of their violations.

use std::fmt;

/// The severity of a [`Violation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Odd, yet harmless: the model does not know the register, or does not model the feature.
    Note,
    /// The datasheet's sections differ: one asks for something else, another allows it. Both are named.
    Doubt,
    /// The datasheet asks for something else; the chip mostly works all the same.
    Warning,
    /// The chip's behaviour is undefined, or memory or packets are lost.
    Error,
}

macro_rules! rules {
    ($($name:ident: $severity:ident, $section:literal, $doc:literal;)*) => {
        /// The rules that the model holds a driver to, one name each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = concat!($doc, ".")] $name,)*
        }

        impl Rule {
            /// Every rule there is.
            pub const ALL: &'static [Rule] = &[$(Rule::$name),*];

            /// Returns the severity of breaking the rule.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Rule::$name => Severity::$severity,)* }
            }

            /// Returns the datasheet's section that states the rule, or an empty string for a rule of the model alone.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self { $(Rule::$name => $section,)* }
            }
        }
    };
}

rules! {
    UnknownRegister: Note, "8.2", "An offset was accessed at which there is no register";
    NotModelled: Note, "", "A feature was used that the model does not play";
    ReservedBit: Error, "8.2", "A write changed a reserved bit, or did not give it the prescribed value";
    ReadOnlyWritten: Error, "8.2", "A read-only register was written";
    WriteOnlyRead: Warning, "8.2", "A write-only register was read";
    TouchedAfterReset: Error, "8.2.3.1.1", "A register was accessed within 1 ms after a reset was started";
    AccessInReset: Error, "8.2.3.1.1", "A register other than CTRL and STATUS was accessed while the device is in reset";
    ResetWhileEnabled: Error, "4.2.1.6.1", "A reset was started while a queue is enabled";
    ResetWithoutMasterDisable: Warning, "5.2.5.3.2", "A reset was started while STATUS says that the device may still be a bus master";
    EepromNotAwaited: Error, "4.6.3", "A register was configured before EEC.AUTO_RD was seen as 1 after the reset";
    DmaInitNotAwaited: Error, "4.6.3", "Reception was enabled before RDRXCTL.DMAIDONE was seen as 1 after the reset";
    DataPathNotFlushed: Error, "5.2.5.3.2", "After a master disable that failed, the data path was not flushed before the reset, or the second reset is missing";
    LinkChangedUnderVeto: Warning, "8.2.3.22.25", "AUTOC or AUTOC2 was written while MMNGC.MNG_VETO is 1";
    ManagedLinkReset: Warning, "", "CTRL.LRST reset a link that is up and that the firmware uses";
    ManagedLinkForced: Warning, "", "AUTOC.FLU was set while the firmware uses the port";
    LoopbackWithoutLink: Warning, "8.2.3.22.19", "A packet is to be sent in loopback while the link is neither up nor forced up by AUTOC.FLU: it does not leave the ring";
    ForcedLinkUsed: Warning, "8.2.3.22.19", "A packet was sent to the wire of a link that only AUTOC.FLU forces up";
    SemaphoreNotHeld: Warning, "10.5.4", "SW_FW_SYNC was written without holding SWSM.SMBI and SWSM.SWESMBI";
    RingBaseMisaligned: Error, "8.2.3.8.1", "A ring's base is not a multiple of 128 bytes";
    RingLengthInvalid: Error, "8.2.3.8.3", "A ring's length is 0 or not a multiple of 128 bytes";
    RingNotMapped: Error, "7.1.8", "A queue was enabled whose ring is not in memory that the device reaches";
    RingChangedWhileEnabled: Error, "4.6.7", "A register that describes a ring was written while its queue is enabled";
    HeadWritten: Error, "8.2.3.8.4", "A ring's head was written while its queue is enabled";
    BufferSizeZero: Error, "8.2.3.8.7", "A receive queue was enabled with a buffer size of 0 or above 16 KB";
    DescriptorTypeReserved: Error, "8.2.3.8.7", "A receive queue was enabled with a reserved or unreliable descriptor type";
    TailBeforeEnabled: Error, "4.6.7", "A ring's tail was advanced before its queue was read back as enabled";
    TailOutOfRing: Error, "7.1.9", "A ring's tail was set beyond its end";
    TailOverrun: Error, "7.1.9", "A ring's tail was moved so that the ring seems empty with all its descriptors given away";
    EnableWithOldTail: Warning, "4.6.7", "A queue was enabled with head and tail unequal";
    QueueEnabledBeforeTransmit: Error, "4.6.8", "TXDCTL.ENABLE was set while DMATXCTL.TE is 0";
    HostThresholdZero: Error, "8.2.3.9.10", "TXDCTL.HTHRESH is 0 while PTHRESH is not";
    TransmitDisabledUndrained: Warning, "4.6.8.1", "A transmit queue was disabled with descriptors left";
    TransmitDmaReconfigured: Error, "4.6.8", "DMATXCTL was changed while DMATXCTL.TE is 1";
    ArbiterRunning: Error, "4.6.11.3", "MTQC or TXPBSIZE was changed while RTTDCS.ARBDIS is 0";
    BufferResizedWhileRunning: Error, "4.6.11.3", "RXPBSIZE, TXPBSIZE or MTQC was changed while the device runs";
    ReceiveBufferTooLarge: Error, "8.2.3.8.9", "The receive packet buffers add up to more than 512 KB";
    UnusedBufferSized: Doubt, "4.6.11.3.4, 8.2.3.8.9, 8.2.3.9.13", "A packet buffer that nothing uses without DCB and virtualisation has a size: 4.6.11.3.4 asks for 0, the registers' own pages leave all of them at the full size after a reset";
    TransmitBufferTooLarge: Error, "8.2.3.9.13", "The transmit packet buffers add up to more than 160 KB";
    TransmitThresholdTooHigh: Error, "8.2.3.9.16", "TXPBTHRESH leaves no room for a packet in its packet buffer";
    ReceiveEnabledWithoutQueue: Error, "4.6.7", "RXCTRL.RXEN was set while no receive queue is enabled: an erratum can hang the receive DMA";
    ReceiveNotHalted: Error, "4.6.7", "RXCTRL.RXEN was set first after a reset without SECRXCTRL.RX_DIS and SECRXSTAT.SECRX_RDY: an erratum can hang the receive DMA";
    PausedWithoutHalt: Doubt, "4.6.7, 8.2.3.7.1", "RXCTRL.RXEN of a device that received was changed without SECRXCTRL.RX_DIS and SECRXSTAT.SECRX_RDY: 4.6.7 asks for them, 8.2.3.7.1 has filters changed with RXEN alone";
    FilterChangedWhileReceiving: Error, "8.2.3.7.1", "FCTRL or RXCSUM was changed while RXCTRL.RXEN is 1";
    DcaReservedBitSet: Doubt, "4.6.7, 8.2.3.11.1", "DCA_RXCTRL bit 12 of an enabled queue is 1 when reception runs: 4.6.7 has it cleared only then, 8.2.3.11.1 calls it reserved and 1 after a reset";
    NoSnoopEnabled: Doubt, "4.6.7, 8.2.3.1.3", "Packets are received while CTRL_EXT.NS_DIS is 0: 4.6.7 has it set only when reception is enabled, 8.2.3.1.3 leaves it to the driver";
    ReceiveDmaNotPrepared: Error, "8.2.3.8.8", "RDRXCTL lacks RSCACKC, FCOE_WRFIX or RSCFRSTSIZE = 0 when RXEN is set";
    CrcStripMismatch: Error, "8.2.3.8.8", "RDRXCTL.CRCSTRIP and HLREG0.RXCRCSTRP differ when RXEN is set";
    FilterNotInitialised: Error, "4.6.7", "RXEN was set while a filter table still has the unknown values that it has after a reset";
    AddressEntryNotCleared: Doubt, "4.6.7, 8.2.3.7.9", "RXEN was set while a RAH was never written: 4.6.7 has AV cleared in all entries that are not used, 8.2.3.7.9 does not say what it is after a reset";
    FiveTupleFilterUndefined: Error, "8.2.3.7.19", "RXEN was set while FTQF was never cleared: it may steer packets anywhere";
    FiveTupleFilterInvalid: Error, "8.2.3.7.19", "A five-tuple filter was enabled with priority 0, with a pool though there are none, or without the prescribed bits in L34TIMIR";
    FlowDirectorNotReady: Error, "8.2.3.21.1", "A filter of Flow Director was programmed before FDIRCTRL.INIT_DONE is 1";
    FlowDirectorNotCleared: Error, "", "FDIRCTRL initialised the table of Flow Director again without FDIRCMD.CLEARHT before: the table behaves as if it were full";
    FlowDirectorFilterInvalid: Error, "8.2.3.21.22", "A filter was added to Flow Director that it does not have: a signature filter that drops, one with CFI in FDIRVLAN, one of SCTP with ports";
    FlowDirectorChangedInUse: Warning, "", "A mask or a key of Flow Director was changed while its table has filters: they no longer match";
    InterruptReservedCause: Error, "8.2.3.5.4", "A reserved interrupt cause was enabled, or EIMC bit 31 written";
    DmaOutsideMapping: Error, "5.2", "The device was directed to memory that is not mapped for it";
    UnmappedWhileOwned: Error, "4.6.7.1", "Memory was unmapped that a queue may still reach";
    DescriptorChanged: Error, "7.1.9", "A descriptor was changed while the device owns it";
    ReceiveDescriptorMalformed: Error, "7.1.6.1", "A receive descriptor has its done bit, or no buffer";
    TransmitDescriptorMalformed: Error, "7.2.3.2", "A transmit descriptor has a reserved type, bit or value";
    TransmitLengthMismatch: Error, "7.2.3.2.4", "PAYLEN is not the sum of the packet's DTALEN";
    TransmitTooLong: Error, "8.2.3.22.13", "A packet to transmit is longer than MAXFRS or 16 KB allow";
    TransmitTooShort: Warning, "8.2.3.22.8", "A packet below 60 bytes was transmitted with HLREG0.TXPADEN = 0";
    TransmitBelowHeader: Error, "", "A packet to transmit is shorter than 14 bytes in memory: the queue hangs";
    TransmitBelowMinimum: Warning, "", "A packet to transmit with PAYLEN is shorter than 17 bytes in memory";
    TransmitTooManyDescriptors: Error, "8.2.3.9.10", "A packet takes more than 38 - WTHRESH descriptors, or 40 - WTHRESH with its context: the queue hangs";
    TransmitUnreported: Error, "8.2.3.9.10", "40 descriptors in a row have no RS while WTHRESH is 0: the queue hangs";
    TransmitHeadersTooLong: Warning, "7.2.4", "The headers of a packet to be cut are longer than 240 bytes";
    PacketIncomplete: Warning, "7.2.3.1", "A transmit tail lies inside a packet";
    HeadWriteBackMisaligned: Error, "8.2.3.9.11", "The address for the head write-back is not a multiple of 16";
    HeadWriteBackUnordered: Error, "8.2.3.11.2", "Head write-back is enabled while DCA_TXCTRL lets write-backs overtake each other";
    TimePeriodTooShort: Warning, "8.2.3.26.12", "TIMINCA.IP is below 2, the smallest period that works by the datasheet; stock drivers run with 1";
    FlowThresholdMissing: Warning, "4.6.3.2", "RXEN was set while FCRTH of a packet buffer in use is 0";
    FlowControlInconsistent: Error, "8.2.3.3", "RXEN was set with flow control whose thresholds are not above each other within the packet buffer, or whose refresh time is not below the pause time";
    MailboxNotOwned: Error, "8.3", "A virtual function wrote a message, or sent one, without having the mailbox's buffer (VFU)";
    VirtualQueueTooEarly: Error, "8.2.3.27.7", "A virtual function enabled a queue before the physical function had answered its reset, or had let it receive or send";
    SwitchContextMissing: Error, "7.2.3.2.4", "A packet to transmit has no valid context of an L2 header (CC, MACLEN of at least 14) though the switch between pools is on";
    DmaWhileMasterDisabled: Warning, "5.2.5.3.2", "A tail was advanced while the device may not be a bus master";
}

/// One breach of a rule by a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The severity of the rule.
    pub severity: Severity,
    /// The rule that was broken.
    pub rule: Rule,
    /// The register's name, or the kind of descriptor.
    pub register: &'static str,
    /// The datasheet's section about the rule, or else about the register.
    pub section: &'static str,
    /// The observed values.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, rule, register, section, detail } = self;
        write!(f, "{severity:?} {rule:?}: {register}: {detail} (datasheet {section})")
    }
}

/// The first violations in full, and the number of all. [`Rule::NotModelled`] is kept once per register.
#[derive(Debug, Default)]
pub(crate) struct Log {
    kept: Vec<Violation>,
    total: u64,
    /// The first violation of each rule at each register, with the number of its violations.
    kinds: Vec<(Violation, u64)>,
}

/// Maximum number of violations kept; later ones are only counted.
const KEPT: usize = 256;

impl Log {
    pub(crate) fn record(
        &mut self,
        rule: Rule,
        register: &'static str,
        register_section: &'static str,
        detail: impl FnOnce() -> String,
    ) {
        self.total += 1;
        let kind = self.kinds.iter_mut().find(|(of, _)| of.rule == rule && of.register == register);
        if (self.kept.len() >= KEPT || rule == Rule::NotModelled)
            && let Some((_, count)) = kind
        {
            *count += 1;
            return;
        }
        let section = match rule.section() {
            "" | "8.2" => register_section,
            own => own,
        };
        let violation = Violation { severity: rule.severity(), rule, register, section, detail: detail() };
        match kind {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((violation.clone(), 1)),
        }
        if self.kept.len() < KEPT {
            self.kept.push(violation);
        }
    }

    pub(crate) fn kept(&self) -> &[Violation] {
        &self.kept
    }

    pub(crate) fn kinds(&self) -> &[(Violation, u64)] {
        &self.kinds
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
