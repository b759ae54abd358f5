//! Faults on demand: what real hardware does on a bad day.

use std::str::FromStr;

/// Something that goes wrong from the moment it is [injected](crate::Port::inject) until it is
/// [cleared](crate::Port::clear).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// CTRL.RST and CTRL.LRST never clear themselves.
    ResetNeverEnds,
    /// EEC.AUTO_RD stays 0 after a reset.
    EepromNeverDone,
    /// EEC.AUTO_RD comes, EEC.EE_PRES does not, and no MAC address is loaded.
    EepromMissing,
    /// The EEPROM's checksum is wrong, and FWSM says so.
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
    /// The card is pulled: all reads give ones, writes do nothing, no DMA happens.
    SurpriseRemoval,
    /// Received descriptors are written back with this length, whatever was received.
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
    /// All received frames go to queue 0, whatever their hash says.
    RxQueueWrong,
    /// Checksums that are to be inserted are inserted wrong.
    TxChecksumsWrong,
    /// All pieces of a packet that is cut have the sequence number of the first.
    TxSegmentsWrong,
    /// Transmitted descriptors are not written back, though TDH advances.
    TxWriteBackLost,
    /// Nothing is transmitted any more.
    TxStalls,
    /// Interrupts are never delivered, though EICR has their causes.
    InterruptsLost,
    /// SWSM.SMBI is taken by somebody else, for good.
    SemaphoreTaken,
    /// The firmware holds all of SW_FW_SYNC, for good.
    FirmwareHoldsResources,
    /// There is no memory left to allocate.
    OutOfMemory,
    /// Memory cannot be mapped for the device.
    NotMappable,
}

/// The faults that command lines know: those that are for a driver to notice, and carry nothing.
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
    Fault::SurpriseRemoval,
    Fault::RxErrors,
    Fault::RxQueueWrong,
    Fault::RxNoEop,
    Fault::RxWriteBackLost,
    Fault::RxCrcErrors,
    Fault::TxWriteBackLost,
    Fault::TxStalls,
    Fault::TxChecksumsWrong,
    Fault::TxSegmentsWrong,
    Fault::SemaphoreTaken,
    Fault::FirmwareHoldsResources,
    Fault::InterruptsLost,
];

impl FromStr for Fault {
    type Err = String;

    /// A fault by its name. Not all have one.
    fn from_str(name: &str) -> Result<Self, String> {
        let known = |fault: &Fault| format!("{fault:?}");
        let found = NAMED.iter().find(|fault| known(fault) == name).copied();
        found.ok_or_else(|| format!("known faults are {}", NAMED.iter().map(known).collect::<Vec<_>>().join(", ")))
    }
}

/// The faults that are on.
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

    pub(crate) fn rx_length(&self) -> Option<u16> {
        self.on.iter().find_map(|fault| if let Fault::RxLength(length) = fault { Some(*length) } else { None })
    }
}
