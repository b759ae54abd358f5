//! Faults on demand: failures of real hardware.

use std::str::FromStr;

use crate::deviation::Deviation;

/// A failure that lasts from its [injection](crate::Port::inject) until it is [cleared](crate::Port::clear).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// CTRL.RST and CTRL.LRST never clear themselves.
    ResetNeverEnds,
    /// EEC.AUTO_RD stays 0 after a reset.
    EepromNeverDone,
    /// EEC.AUTO_RD is set, EEC.EE_PRES stays 0, and no MAC address is loaded.
    EepromMissing,
    /// The EEPROM's checksum is wrong, and FWSM reports it.
    EepromCorrupt,
    /// An EERD read never sets DONE.
    EepromReadNeverDone,
    /// RDRXCTL.DMAIDONE stays 0 after a reset.
    DmaInitNeverDone,
    /// SECRXSTAT.SECRX_RDY stays 0.
    SecRxNeverReady,
    /// SECTXSTAT.SECTX_RDY stays 0.
    SecTxNeverReady,
    /// RXDCTL.ENABLE is never read back as 1.
    RxQueueNeverEnables,
    /// RXDCTL.ENABLE is never read back as 0.
    RxQueueNeverDisables,
    /// TXDCTL.ENABLE is never read back as 1.
    TxQueueNeverEnables,
    /// TXDCTL.ENABLE is never read back as 0.
    TxQueueNeverDisables,
    /// STATUS.PCIE_MASTER_ENABLE_STATUS stays 1.
    MasterNeverStops,
    /// The link does not come up.
    LinkNeverUp,
    /// The link goes down every 10 ms of model time and comes up again.
    LinkFlap,
    /// The link goes down at the injection and does not come up before a reset. Snabb's driver resets its device every
    /// two seconds until it has a link.
    LinkWedges,
    /// AUTOC.Restart_AN alone does not restart the serial data path; a change of AUTOC.LMS does. Stock drivers change
    /// it, and restore it, whenever they write AUTOC (DPDK, `ixgbe_reset_pipeline_82599`).
    LinkNeedsPipelineReset,
    /// The link reports to be up half a second before frames pass, in both directions. Reported of cards with foreign
    /// optics.
    LinkUpTooEarly,
    /// The cage is empty: nothing answers on I2C, SDP2 is low, and there is no light.
    ModuleAbsent,
    /// The module stops answering in the middle of a transfer on I2C, as one does that is not pushed in.
    ModuleUnreadable,
    /// The module holds the I2C clock low for ever. Stock drivers wait for it at most 500 us.
    ModuleHoldsClock,
    /// The module holds the I2C data line low for ever.
    ModuleHoldsData,
    /// The arbiter before a QSFP cage does not give the I2C bus.
    ArbiterSilent,
    /// The module answers, and all its bytes are zero: a module that was never programmed.
    ModuleReadsZeros,
    /// The module does not answer for a second after the injection, as while its controller boots (DPDK, 774263bb4e).
    ModuleBoots,
    /// The module is for 1 Gbit/s alone (1000BASE-SX), and so is its partner.
    ModuleOneGigabit,
    /// The module has two rates, which SDP5 selects, and its partner is set to 1 Gbit/s.
    ModuleMultispeed,
    /// The partner sends light of 1 Gbit/s: the receiver has a signal, and finds no blocks in it.
    PartnerAtOneGigabit,
    /// No light arrives, though the module is there: the partner is off, or its fiber is broken.
    NoLight,
    /// The receiver is locked, but reports faults all the time: MLFC counts (8.2.3.23.5), and there is no link.
    LocalFaults,
    /// The partner reports all the time that it gets no signal: MRFC counts (8.2.3.23.6), and there is no link.
    RemoteFaults,
    /// The partner sends a signal and does not negotiate: modes with negotiation find no link.
    PartnerDoesNotNegotiate,
    /// The cage is empty, and the port hears its neighbour: LINKS shows a link (DPDK, c377d4151b). The EEPROM says that
    /// the board is not free of this.
    Crosstalk,
    /// The card is pulled: reads return all ones, writes have no effect, and there is no DMA.
    SurpriseRemoval,
    /// Received descriptors are written back with this length, regardless of the frame's.
    RxLength(u16),
    /// Received descriptors are written back with all error bits set.
    RxErrors,
    /// Received descriptors are written back without EOP.
    RxNoEop,
    /// Received descriptors are not written back at all, though RDH advances.
    RxWriteBackLost,
    /// Received descriptors are written back with all bits set.
    RxGarbage,
    /// Frames from the wire arrive with a wrong CRC.
    RxCrcErrors,
    /// All received frames go to queue 0, regardless of their hash.
    RxQueueWrong,
    /// Received packets of UDP over IPv4 without a checksum are reported with a wrong one, and XEC counts them, as
    /// erratum 44 says of the chip. Stock drivers conclude nothing from a wrong checksum of UDP.
    RxUdpChecksumInvented,
    /// The device inserts wrong checksums.
    TxChecksumsWrong,
    /// All segments of a segmented packet have the sequence number of the first.
    TxSegmentsWrong,
    /// Transmitted descriptors are not written back, though TDH advances.
    TxWriteBackLost,
    /// Transmission stops.
    TxStalls,
    /// The transmit queue with this index hangs, from the injection to the next reset: it sends nothing, and its ENABLE
    /// does not clear. Linux's driver looks for such queues every 2 s, and resets the device.
    TxQueueHangs(u8),
    /// The receive queue with this index hangs, from the injection to the next reset: it receives nothing, and its ENABLE
    /// does not clear. Frames for it stay in the packet buffer, and those behind them too (4.6.7 names such an erratum).
    RxQueueHangs(u8),
    /// A transmit queue that has packets when the link goes down hangs until a reset, as in [`TxQueueHangs`]. Linux's
    /// driver resets the device then, because work that was queued would never end. Whether the chip goes on by itself
    /// when the link is back is not documented; without this fault, the model does.
    ///
    /// [`TxQueueHangs`]: Self::TxQueueHangs
    LinkLossStopsTransmit,
    /// The link partner sends XOFF frames all the time. LXOFFRXCNT counts one per step; with MFLCN.RFCE set,
    /// transmission stops (8.2.3.22.34).
    PartnerPauses,
    /// The next reads of registers, as many as this, return all ones, and have no side effects. Linux's driver looks up
    /// to five times, 3 ms apart, before it takes the device for removed.
    ReadsAllOnes(u32),
    /// A memory of the chip has an uncorrectable error: EICR.ECC is set at the injection (8.2.3.5.1).
    MemoryError,
    /// A request on PCIe times out: EICR.PCI_EXCEPTION and PICAUSE.TO are set at the injection (8.2.3.4.14).
    RequestTimesOut,
    /// The sensor behind SDP0 reports too high a temperature, as boards with the device id 151C have one: EICR.GPI_SDP0
    /// is set at the injection.
    TooHot,
    /// Interrupts are never delivered, though EICR has their causes.
    InterruptsLost,
    /// SWSM.SMBI is permanently held by another owner.
    SemaphoreTimeout,
    /// The firmware permanently holds all of SW_FW_SYNC.
    FirmwareHoldsResources,
    /// These bits of SW_FW_SYNC are set at the injection, as a killed owner leaves them: bits 4:0 are software's, bits
    /// 9:5 the firmware's. A reset does not clear them; software can. (Drivers proven on silicon clear such bits.)
    SemaphoresLeftBehind(u16),
    /// The firmware forbids changes of the link: MMNGC.MNG_VETO is 1 (8.2.3.22.25).
    FirmwareVeto,
    /// The firmware receives packets on this port, for a management controller: FWSM.FW_MODE is 2, MANC.RCV_TCO_EN is 1.
    FirmwareManages,
    /// The EEPROM sets AUTOC2 bits 30:28, with which the link stays down. (Drivers proven on silicon clear them.)
    LinkDisabledByEeprom,
    /// The word of the EEPROM at an address reads as another.
    EepromWord {
        /// The address.
        address: u16,
        /// What it reads as.
        word: u16,
    },
    /// Requests of the device stay pending, until its data path is flushed and it is reset (5.2.5.3.2, specification
    /// update clarification 9). Until then STATUS.PCIE_MASTER_ENABLE_STATUS stays 1, and so does Transactions Pending.
    RequestsPending,
    /// DMATXCTL.TE also sets TXDCTL.ENABLE of queue 0, as later revisions of the datasheet say.
    TransmitEnablesQueue0,
    /// The model's own physical function answers no message of a virtual function.
    HostSilent,
    /// It refuses every request, and says that it does not know the function.
    HostRefuses,
    /// It answers every message with these words: the first, and one that fills the rest.
    HostAnswers(u32, u32),
    /// Its reset never ends.
    HostResetNeverEnds,
    /// The model differs from the datasheet.
    Deviation(Deviation),
    /// Memory allocation fails.
    OutOfMemory,
    /// Mapping memory for the device fails.
    NotMappable,
}

/// The faults with a name on the command line: a driver can notice them, and they carry no value.
const NAMED: &[Fault] = &[
    Fault::ResetNeverEnds,
    Fault::EepromNeverDone,
    Fault::EepromMissing,
    Fault::EepromCorrupt,
    Fault::EepromReadNeverDone,
    Fault::RxQueueNeverEnables,
    Fault::TxQueueNeverEnables,
    Fault::LinkNeverUp,
    Fault::LinkFlap,
    Fault::LinkWedges,
    Fault::LinkNeedsPipelineReset,
    Fault::LinkUpTooEarly,
    Fault::ModuleAbsent,
    Fault::ModuleUnreadable,
    Fault::ModuleHoldsClock,
    Fault::ModuleHoldsData,
    Fault::ModuleOneGigabit,
    Fault::ModuleMultispeed,
    Fault::PartnerAtOneGigabit,
    Fault::NoLight,
    Fault::LocalFaults,
    Fault::RemoteFaults,
    Fault::PartnerDoesNotNegotiate,
    Fault::Crosstalk,
    Fault::SurpriseRemoval,
    Fault::RxErrors,
    Fault::RxQueueWrong,
    Fault::RxUdpChecksumInvented,
    Fault::RxNoEop,
    Fault::RxWriteBackLost,
    Fault::RxCrcErrors,
    Fault::TxWriteBackLost,
    Fault::TxStalls,
    Fault::LinkLossStopsTransmit,
    Fault::LinkWedges,
    Fault::PartnerPauses,
    Fault::MemoryError,
    Fault::RequestTimesOut,
    Fault::TooHot,
    Fault::TxChecksumsWrong,
    Fault::TxSegmentsWrong,
    Fault::SemaphoreTimeout,
    Fault::FirmwareHoldsResources,
    Fault::FirmwareVeto,
    Fault::FirmwareManages,
    Fault::LinkDisabledByEeprom,
    Fault::RequestsPending,
    Fault::TransmitEnablesQueue0,
    Fault::ReadsAllOnes(1),
    Fault::InterruptsLost,
    Fault::HostSilent,
    Fault::HostRefuses,
    Fault::HostResetNeverEnds,
];

impl FromStr for Fault {
    type Err = String;

    /// Returns the fault with this name. Not all faults have one.
    fn from_str(name: &str) -> Result<Self, String> {
        let known = |fault: &Fault| format!("{fault:?}");
        let found = NAMED.iter().find(|fault| known(fault) == name).copied();
        found.ok_or_else(|| {
            format!("unknown fault; expected one of {}", NAMED.iter().map(known).collect::<Vec<_>>().join(", "))
        })
    }
}

/// The active faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    on: Vec<Fault>,
}

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault) {
        self.clear(fault);
        self.on.push(fault);
    }

    pub(crate) fn clear(&mut self, fault: Fault) {
        let kind = std::mem::discriminant(&fault);
        self.on.retain(|on| std::mem::discriminant(on) != kind);
    }

    #[inline]
    pub(crate) fn none(&self) -> bool {
        self.on.is_empty()
    }

    #[inline]
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.on.contains(&fault)
    }

    /// Returns what the word of the EEPROM at `address` reads as, if a fault changes it.
    pub(crate) fn eeprom_word(&self, address: u16) -> Option<u16> {
        self.on.iter().find_map(|fault| match fault {
            Fault::EepromWord { address: at, word } if *at == address => Some(*word),
            _ => None,
        })
    }

    pub(crate) fn find_deviation(&self) -> Option<Deviation> {
        self.on.iter().find_map(|fault| if let Fault::Deviation(deviation) = fault { Some(*deviation) } else { None })
    }

    /// Counts a read of a register. Returns `true` if it returns all ones.
    pub(crate) fn takes_read(&mut self) -> bool {
        self.on.iter_mut().any(|fault| match fault {
            Fault::ReadsAllOnes(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        })
    }

    /// Returns what the physical function answers to every message, if a fault says it.
    pub(crate) fn host_answer(&self) -> Option<[u32; 16]> {
        self.on.iter().find_map(|fault| match fault {
            Fault::HostAnswers(first, rest) => Some(std::array::from_fn(|n| if n == 0 { *first } else { *rest })),
            _ => None,
        })
    }

    pub(crate) fn rx_length(&self) -> Option<u16> {
        self.on.iter().find_map(|fault| if let Fault::RxLength(length) = fault { Some(*length) } else { None })
    }
}
