//! The filter for VLAN tags of received frames (datasheet 7.4).

use crate::frame::vlan::{self, CFI};
use crate::registers::RegisterFile;
use crate::registers::offsets::*;

/// The filter for received frames that VLNCTRL configures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VlanFilter {
    /// The type of a tag.
    pub(crate) tag_type: u16,
    table: bool,
    /// The CFI that a tag must have, if CFI is filtered.
    cfi: Option<bool>,
}

impl Default for VlanFilter {
    fn default() -> Self {
        Self { tag_type: 0x8100, table: false, cfi: None }
    }
}

impl VlanFilter {
    pub(crate) fn new(registers: &RegisterFile) -> Self {
        let control = registers.get(VLNCTRL);
        let cfi = (control & VLNCTRL_CFIEN != 0).then_some(control & VLNCTRL_CFI != 0);
        Self { tag_type: control as u16, table: control & VLNCTRL_VFE != 0, cfi }
    }

    /// Returns `true` if the filter accepts the frame's tag, or is off. Frames without a tag always pass.
    #[inline]
    pub(crate) fn accepts(&self, frame: &[u8], registers: &RegisterFile) -> bool {
        if !self.table {
            return true;
        }
        let Some(tag) = vlan::tag(frame, self.tag_type) else { return true };
        let id = u32::from(tag & 0xFFF);
        let listed = registers.get(VFTA + (id >> 5) * 4) & 1 << (id & 31) != 0;
        listed && self.cfi.is_none_or(|wanted| wanted == (tag & CFI != 0))
    }
}
