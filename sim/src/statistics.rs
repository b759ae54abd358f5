//! The statistics registers (datasheet 8.2.3.23).

use crate::frame::address::Cast;
use crate::frame::{CRC, SHORTEST};
use crate::registers::RegisterFile;

const LXONTXC: u32 = 0x03F60;
const LXOFFTXC: u32 = 0x03F68;
const LXONRXCNT: u32 = 0x041A4;
const LXOFFRXCNT: u32 = 0x041A8;
const CRCERRS: u32 = 0x04000;
const MSPDC: u32 = 0x04010;
const RXMPC: u32 = 0x03FA0;
const RUC: u32 = 0x040A4;
const ROC: u32 = 0x040AC;
const PRC: [u32; 6] = [0x0405C, 0x04060, 0x04064, 0x04068, 0x0406C, 0x04070];
const PTC: [u32; 6] = [0x040D8, 0x040DC, 0x040E0, 0x040E4, 0x040E8, 0x040EC];
const GPRC: u32 = 0x04074;
const BPRC: u32 = 0x04078;
const MPRC: u32 = 0x0407C;
const GPTC: u32 = 0x04080;
const GORC: [u32; 2] = [0x04088, 0x0408C];
const GOTC: [u32; 2] = [0x04090, 0x04094];
const TOR: [u32; 2] = [0x040C0, 0x040C4];
const TPR: u32 = 0x040D0;
const TPT: u32 = 0x040D4;
const MPTC: u32 = 0x040F0;
const BPTC: u32 = 0x040F4;
const SSVPC: u32 = 0x08780;
const XEC: u32 = 0x04120;
const RXNFGPC: u32 = 0x041B0;
const RXNFGBC: [u32; 2] = [0x041B4, 0x041B8];
const RXDGPC: u32 = 0x02F50;
const RXDGBC: [u32; 2] = [0x02F54, 0x02F58];
const TXDGPC: u32 = 0x087A0;
const TXDGBC: [u32; 2] = [0x087A4, 0x087A8];
const RQSMR: u32 = 0x02300;
const TQSM: u32 = 0x08600;
const QPRC: u32 = 0x01030;
const QPRDC: u32 = 0x01430;
const QBRC: [u32; 2] = [0x01034, 0x01038];
const QPTC: u32 = 0x08680;
const QBTC: [u32; 2] = [0x08700, 0x08704];

/// Returns the index of the size counter for a frame of `len` bytes with CRC.
#[inline]
fn size_class(len: usize) -> usize {
    match len {
        ..=64 => 0,
        65..=127 => 1,
        128..=255 => 2,
        256..=511 => 3,
        512..=1023 => 4,
        _ => 5,
    }
}

/// Returns a queue's set of queue counters, of the 16.
#[inline]
fn set_of(registers: &RegisterFile, map: u32, queue: usize) -> u32 {
    registers.get(map + (queue / 4) as u32 * 4) >> (queue % 4 * 8) & 0xF
}

/// Counts a frame that arrived, regardless of its fate.
#[inline]
pub(crate) fn count_arrival(registers: &mut RegisterFile, len: usize) {
    let len = len + CRC;
    registers.add(TPR, 1);
    registers.add_wide(TOR[0], TOR[1], len as u32);
}

/// Counts a pause frame of the link partner. The counters have 16 bits.
pub(crate) fn count_pause(registers: &mut RegisterFile, xon: bool) {
    registers.count_field(if xon { LXONRXCNT } else { LXOFFRXCNT }, 0, 16);
}

/// Counts a pause frame to the link partner. It is a good multicast frame that came from no queue.
pub(crate) fn count_sent_pause(registers: &mut RegisterFile, xon: bool) {
    registers.count_field(if xon { LXONTXC } else { LXOFFTXC }, 0, 16);
    registers.add(TPT, 1);
    registers.add(GPTC, 1);
    registers.add_wide(GOTC[0], GOTC[1], (SHORTEST + CRC) as u32);
    registers.add(PTC[0], 1);
    registers.add(MPTC, 1);
}

/// Counts an arrived frame with a wrong CRC.
pub(crate) fn count_wrong_crc(registers: &mut RegisterFile) {
    registers.add(CRCERRS, 1);
}

/// Counts an arrived frame below the minimum length.
pub(crate) fn count_short(registers: &mut RegisterFile) {
    registers.add(RUC, 1);
    // Section 8.2.3.23.69 does not say which short frames count: the model counts all that are discarded.
    registers.add(MSPDC, 1);
}

/// Counts an arrived frame above the maximum length.
pub(crate) fn count_long(registers: &mut RegisterFile) {
    registers.add(ROC, 1);
}

/// Counts frames that found the packet buffer full.
pub(crate) fn count_missed(registers: &mut RegisterFile, frames: u32) {
    registers.add(RXMPC, frames);
}

/// Counts a frame with a wrong checksum of layer 3 or 4.
pub(crate) fn count_wrong_checksum(registers: &mut RegisterFile) {
    registers.add(XEC, 1);
}

/// Counts an arrived frame of legal length with a correct CRC.
#[inline]
pub(crate) fn count_good(registers: &mut RegisterFile, len: usize) {
    let len = len + CRC;
    registers.add(RXNFGPC, 1);
    registers.add_wide(RXNFGBC[0], RXNFGBC[1], len as u32);
}

/// Counts a frame that also passed the filters. A frame that is missed later stays counted: an erratum.
#[inline]
pub(crate) fn count_accepted(registers: &mut RegisterFile, len: usize, cast: Cast) {
    let len = len + CRC;
    registers.add(PRC[size_class(len)], 1);
    registers.add(GPRC, 1);
    registers.add_wide(GORC[0], GORC[1], len as u32);
    match cast {
        Cast::Unicast => {}
        Cast::Multicast => registers.add(MPRC, 1),
        Cast::Broadcast => registers.add(BPRC, 1),
    }
}

/// Counts a frame of a pool that was dropped for its source address.
pub(crate) fn count_spoofed(registers: &mut RegisterFile) {
    registers.add(SSVPC, 1);
}

/// Counts a frame written to memory: `len` bytes, with the stripped tag.
#[inline]
pub(crate) fn count_delivered(registers: &mut RegisterFile, queue: usize, len: usize) {
    let set = set_of(registers, RQSMR, queue);
    registers.add(RXDGPC, 1);
    registers.add_wide(RXDGBC[0], RXDGBC[1], len as u32);
    registers.add(QPRC + set * 0x40, 1);
    registers.add_wide(QBRC[0] + set * 0x40, QBRC[1] + set * 0x40, len as u32);
}

/// Counts a frame dropped because its queue is disabled or has no descriptor (8.2.3.23.75).
pub(crate) fn count_queue_drop(registers: &mut RegisterFile, queue: usize) {
    let set = set_of(registers, RQSMR, queue);
    registers.add(QPRDC + set * 0x40, 1);
}

/// Counts a sent frame of `len` bytes without CRC.
#[inline]
pub(crate) fn count_sent(registers: &mut RegisterFile, queue: usize, len: usize, cast: Cast) {
    let wire = len + CRC;
    let set = set_of(registers, TQSM, queue);
    registers.add(TPT, 1);
    registers.add(TXDGPC, 1);
    registers.add_wide(TXDGBC[0], TXDGBC[1], len as u32);
    registers.add(QPTC + set * 4, 1);
    registers.add_wide(QBTC[0] + set * 8, QBTC[1] + set * 8, len as u32);
    // A shorter packet is not a good one (8.2.3.23.44). The datasheet does not say that MPTC and BPTC exclude it as
    // well, but they are parts of GPTC.
    if wire < SHORTEST + CRC {
        return;
    }
    registers.add(GPTC, 1);
    registers.add_wide(GOTC[0], GOTC[1], wire as u32);
    registers.add(PTC[size_class(wire)], 1);
    match cast {
        Cast::Unicast => {}
        Cast::Multicast => registers.add(MPTC, 1),
        Cast::Broadcast => registers.add(BPTC, 1),
    }
}

#[cfg(test)]
mod tests {
    use ixgbe::registers::REGISTERS;

    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        let counters = [
            ("CRCERRS", CRCERRS),
            ("LXONTXC", LXONTXC),
            ("LXOFFTXC", LXOFFTXC),
            ("LXONRXCNT", LXONRXCNT),
            ("LXOFFRXCNT", LXOFFRXCNT),
            ("MSPDC", MSPDC),
            ("XEC", XEC),
            ("RXMPC", RXMPC),
            ("RUC", RUC),
            ("ROC", ROC),
            ("PRC64", PRC[0]),
            ("PRC127", PRC[1]),
            ("PRC255", PRC[2]),
            ("PRC511", PRC[3]),
            ("PRC1023", PRC[4]),
            ("PRC1522", PRC[5]),
            ("PTC64", PTC[0]),
            ("PTC127", PTC[1]),
            ("PTC255", PTC[2]),
            ("PTC511", PTC[3]),
            ("PTC1023", PTC[4]),
            ("PTC1522", PTC[5]),
            ("GPRC", GPRC),
            ("BPRC", BPRC),
            ("MPRC", MPRC),
            ("GPTC", GPTC),
            ("GORCL", GORC[0]),
            ("GORCH", GORC[1]),
            ("GOTCL", GOTC[0]),
            ("GOTCH", GOTC[1]),
            ("TORL", TOR[0]),
            ("TORH", TOR[1]),
            ("TPR", TPR),
            ("TPT", TPT),
            ("MPTC", MPTC),
            ("BPTC", BPTC),
            ("RXNFGPC", RXNFGPC),
            ("RXNFGBCL", RXNFGBC[0]),
            ("RXNFGBCH", RXNFGBC[1]),
            ("RXDGPC", RXDGPC),
            ("RXDGBCL", RXDGBC[0]),
            ("RXDGBCH", RXDGBC[1]),
            ("TXDGPC", TXDGPC),
            ("TXDGBCL", TXDGBC[0]),
            ("TXDGBCH", TXDGBC[1]),
            ("RQSMR", RQSMR),
            ("TQSM", TQSM),
            ("QPRC", QPRC),
            ("QPRDC", QPRDC),
            ("QBRC_L", QBRC[0]),
            ("QBRC_H", QBRC[1]),
            ("QPTC", QPTC),
            ("QBTC_L", QBTC[0]),
            ("QBTC_H", QBTC[1]),
        ];
        assert_in_table(&counters);
        for (name, _) in counters {
            let info = REGISTERS.iter().find(|info| info.name == name).unwrap();
            if !matches!(name, "RQSMR" | "TQSM") {
                assert!(info.has_read_side_effects(), "{name} clears when read");
            }
        }
    }
}
