//! Offsets and bits of the registers that several parts read. A part's own registers are in its file.
//!
//! All are copied by hand from the datasheet and not taken from the generated table. So one error in the register
//! description cannot make driver and model agree on a wrong value.

pub(crate) const fn bit(n: u32) -> u32 {
    1 << n
}

// 8.2.3.1 General control
pub(crate) const CTRL: u32 = 0x00000;
pub(crate) const CTRL_MASTER_DISABLE: u32 = bit(2);
pub(crate) const CTRL_LRST: u32 = bit(3);
pub(crate) const CTRL_RST: u32 = bit(26);
pub(crate) const STATUS: u32 = 0x00008;
pub(crate) const STATUS_LAN_ID: u32 = 2;
pub(crate) const STATUS_MASTER: u32 = bit(19);
pub(crate) const CTRL_EXT: u32 = 0x00018;
pub(crate) const CTRL_EXT_NS_DIS: u32 = bit(16);
pub(crate) const CTRL_EXT_EXTENDED_VLAN: u32 = bit(26);
pub(crate) const EXVET: u32 = 0x05078;
/// A register that drivers read and the datasheet's register chapter omits: microseconds 9:0, milliseconds 19:10,
/// seconds.
pub(crate) const FRTIMER: u32 = 0x00048;
// 8.2.3.3 Flow control
pub(crate) const FCTTV: u32 = 0x03200;
pub(crate) const FCRTH: u32 = 0x03260;
pub(crate) const FCRTV: u32 = 0x032A0;
pub(crate) const FCCFG: u32 = 0x03D00;
// 8.2.3.4 PCIe
pub(crate) const PICAUSE: u32 = 0x110B0;
pub(crate) const PICAUSE_TO: u32 = bit(3);
// 8.2.3.7 Receive filters
pub(crate) const FCTRL: u32 = 0x05080;
pub(crate) const FCTRL_SBP: u32 = bit(1);
pub(crate) const FCTRL_MPE: u32 = bit(8);
pub(crate) const FCTRL_UPE: u32 = bit(9);
pub(crate) const FCTRL_BAM: u32 = bit(10);
pub(crate) const VLNCTRL: u32 = 0x05088;
pub(crate) const VLNCTRL_CFI: u32 = bit(28);
pub(crate) const VLNCTRL_CFIEN: u32 = bit(29);
pub(crate) const VLNCTRL_VFE: u32 = bit(30);
pub(crate) const MCSTCTRL: u32 = 0x05090;
pub(crate) const MCSTCTRL_MFE: u32 = bit(2);
pub(crate) const RXCSUM: u32 = 0x05000;
pub(crate) const RXCSUM_PCSD: u32 = bit(13);
pub(crate) const MTA: u32 = 0x05200;
pub(crate) const RAL: u32 = 0x0A200;
pub(crate) const RAH: u32 = 0x0A204;
pub(crate) const RAH_AV: u32 = bit(31);
pub(crate) const MPSAR: u32 = 0x0A600;
pub(crate) const VFTA: u32 = 0x0A000;
pub(crate) const MRQC: u32 = 0x0EC80;
/// MRQC.MRQE of 32 pools with four queues each.
pub(crate) const MRQC_POOLS_OF_4: u32 = 0xA;
pub(crate) const RSSRK: u32 = 0x0EB80;
pub(crate) const RETA: u32 = 0x0EB00;
pub(crate) const FTQF: u32 = 0x0E600;
pub(crate) const FTQF_QUEUE_ENABLE: u32 = bit(31);
pub(crate) const PFVLVF: u32 = 0x0F100;
pub(crate) const PFVLVFB: u32 = 0x0F200;
pub(crate) const PFUTA: u32 = 0x0F400;
// 8.2.3.8 Receive DMA: offsets within a queue's register block of 0x40 bytes
pub(crate) const RDBAL: u32 = 0x00;
pub(crate) const RDBAH: u32 = 0x04;
pub(crate) const RDLEN: u32 = 0x08;
pub(crate) const DCA_RXCTRL: u32 = 0x0C;
pub(crate) const DCA_RXCTRL_RESERVED: u32 = bit(12);
pub(crate) const RDH: u32 = 0x10;
pub(crate) const SRRCTL: u32 = 0x14;
pub(crate) const SRRCTL_DROP_EN: u32 = bit(28);
pub(crate) const RDT: u32 = 0x18;
pub(crate) const RXDCTL: u32 = 0x28;
pub(crate) const RXDCTL_VME: u32 = bit(30);
pub(crate) const RSCCTL: u32 = 0x2C;
/// RXDCTL.ENABLE and TXDCTL.ENABLE.
pub(crate) const QUEUE_ENABLE: u32 = bit(25);
pub(crate) const RDRXCTL: u32 = 0x02F00;
pub(crate) const RDRXCTL_CRCSTRIP: u32 = bit(1);
pub(crate) const RDRXCTL_DMAIDONE: u32 = bit(3);
pub(crate) const RDRXCTL_RSCFRSTSIZE: u32 = 0x1F << 17;
pub(crate) const RDRXCTL_RSCACKC: u32 = bit(25);
pub(crate) const RDRXCTL_FCOE_WRFIX: u32 = bit(26);
pub(crate) const RXPBSIZE: u32 = 0x03C00;
pub(crate) const RXCTRL: u32 = 0x03000;
pub(crate) const RXCTRL_RXEN: u32 = bit(0);
// 8.2.3.9 Transmit DMA: offsets within a queue's register block of 0x40 bytes
pub(crate) const TDBAL: u32 = 0x00;
pub(crate) const TDBAH: u32 = 0x04;
pub(crate) const TDLEN: u32 = 0x08;
pub(crate) const DCA_TXCTRL: u32 = 0x0C;
pub(crate) const DCA_TXCTRL_WRITE_BACK_RO: u32 = bit(11);
pub(crate) const TDH: u32 = 0x10;
pub(crate) const TDT: u32 = 0x18;
pub(crate) const TXDCTL: u32 = 0x28;
pub(crate) const TXDCTL_SWFLSH: u32 = bit(26);
pub(crate) const TDWBAL: u32 = 0x38;
pub(crate) const TDWBAH: u32 = 0x3C;
pub(crate) const DMATXCTL: u32 = 0x04A80;
pub(crate) const DMATXCTL_TE: u32 = bit(0);
pub(crate) const DMATXCTL_GDV: u32 = bit(3);
pub(crate) const DTXTCPFLGL: u32 = 0x04A88;
pub(crate) const DTXTCPFLGH: u32 = 0x04A8C;
pub(crate) const TXPBSIZE: u32 = 0x0CC00;
pub(crate) const TXPBTHRESH: u32 = 0x04950;
pub(crate) const MTQC: u32 = 0x08120;
pub(crate) const RTTDCS: u32 = 0x04900;
pub(crate) const RTTDCS_ARBDIS: u32 = bit(6);
// 8.2.3.22 MAC
pub(crate) const HLREG0: u32 = 0x04240;
pub(crate) const HLREG0_RXCRCSTRP: u32 = bit(1);
pub(crate) const HLREG0_JUMBOEN: u32 = bit(2);
pub(crate) const HLREG0_TXPADEN: u32 = bit(10);
pub(crate) const HLREG0_LPBK: u32 = bit(15);
pub(crate) const MAXFRS: u32 = 0x04268;
pub(crate) const MFLCN: u32 = 0x04294;
pub(crate) const MFLCN_RFCE: u32 = bit(3);

/// Distance of the queues' register blocks in bytes.
const BLOCK: u32 = 0x40;

/// Returns the offset of a receive queue's register.
pub(crate) const fn rx(queue: usize, register: u32) -> u32 {
    let queue = queue as u32;
    (if queue < 64 { 0x01000 + queue * BLOCK } else { 0x0D000 + (queue - 64) * BLOCK }) + register
}

/// Returns the offset of a transmit queue's register.
pub(crate) const fn tx(queue: usize, register: u32) -> u32 {
    0x06000 + queue as u32 * BLOCK + register
}

/// Returns the receive queue and the register in its block at `offset`. Counters lie in the same block.
pub(crate) const fn as_rx(offset: u32) -> Option<(usize, u32)> {
    let queue = match offset {
        0x01000..0x02000 => (offset - 0x01000) / BLOCK,
        0x0D000..0x0E000 => (offset - 0x0D000) / BLOCK + 64,
        _ => return None,
    };
    Some((queue as usize, offset % BLOCK))
}

/// Returns `true` if there is a ring's tail at `offset`.
pub(crate) const fn is_tail(offset: u32) -> bool {
    matches!((as_rx(offset), as_tx(offset)), (Some((_, RDT)), _) | (_, Some((_, TDT))))
}

/// Returns the transmit queue and the register in its block at `offset`.
pub(crate) const fn as_tx(offset: u32) -> Option<(usize, u32)> {
    match offset {
        0x06000..0x08000 => Some((((offset - 0x06000) / BLOCK) as usize, offset % BLOCK)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::{assert_in_table, in_table};

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("CTRL", CTRL),
            ("STATUS", STATUS),
            ("CTRL_EXT", CTRL_EXT),
            ("EXVET", EXVET),
            ("FCTTV", FCTTV),
            ("FCRTH", FCRTH),
            ("FCRTV", FCRTV),
            ("FCCFG", FCCFG),
            ("FCTRL", FCTRL),
            ("VLNCTRL", VLNCTRL),
            ("MCSTCTRL", MCSTCTRL),
            ("RXCSUM", RXCSUM),
            ("MTA", MTA),
            ("RAL", RAL),
            ("RAH", RAH),
            ("MPSAR", MPSAR),
            ("VFTA", VFTA),
            ("MRQC", MRQC),
            ("RSSRK", RSSRK),
            ("RETA", RETA),
            ("FTQF", FTQF),
            ("PFVLVF", PFVLVF),
            ("PFVLVFB", PFVLVFB),
            ("PFUTA", PFUTA),
            ("RDRXCTL", RDRXCTL),
            ("RXPBSIZE", RXPBSIZE),
            ("RXCTRL", RXCTRL),
            ("DMATXCTL", DMATXCTL),
            ("TXPBSIZE", TXPBSIZE),
            ("TXPBTHRESH", TXPBTHRESH),
            ("MTQC", MTQC),
            ("RTTDCS", RTTDCS),
            ("HLREG0", HLREG0),
            ("MAXFRS", MAXFRS),
            ("MFLCN", MFLCN),
            ("PICAUSE", PICAUSE),
            ("DTXTCPFLGL", DTXTCPFLGL),
            ("DTXTCPFLGH", DTXTCPFLGH),
        ]);
        let received = [
            ("RDBAL", RDBAL),
            ("RDBAH", RDBAH),
            ("RDLEN", RDLEN),
            ("DCA_RXCTRL", DCA_RXCTRL),
            ("RDH", RDH),
            ("SRRCTL", SRRCTL),
            ("RDT", RDT),
            ("RXDCTL", RXDCTL),
            ("RSCCTL", RSCCTL),
        ];
        let sent =
            [("TDBAL", TDBAL), ("TDBAH", TDBAH), ("TDLEN", TDLEN), ("TDH", TDH), ("TDT", TDT), ("TXDCTL", TXDCTL)];
        for queue in [0, 1, 63, 64, 127] {
            for (name, register) in received {
                assert_eq!(in_table(name, queue), Some(rx(queue, register)), "{name} {queue}");
                assert_eq!(as_rx(rx(queue, register)), Some((queue, register)));
            }
            for (name, register) in
                sent.into_iter().chain([("DCA_TXCTRL", DCA_TXCTRL), ("TDWBAL", TDWBAL), ("TDWBAH", TDWBAH)])
            {
                assert_eq!(in_table(name, queue), Some(tx(queue, register)), "{name} {queue}");
                assert_eq!(as_tx(tx(queue, register)), Some((queue, register)));
            }
        }
    }
}
