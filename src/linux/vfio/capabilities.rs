//! Parser of VFIO's information about an IOMMU. The bytes are not trusted: a wrong length is an error.

use core::mem::{offset_of, size_of};
use std::vec::Vec;

use vfio_bindings::bindings::vfio;

use crate::linux::Error;
use crate::linux::vfio::iova::Range;

/// An IOMMU, as VFIO_IOMMU_GET_INFO describes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IommuInfo {
    /// One bit for each supported page size.
    page_sizes: u64,
    /// The addresses that it can translate.
    pub(crate) ranges: Vec<Range>,
}

/// The greatest number of capabilities in a chain. A longer chain must be a loop.
const MOST_CAPABILITIES: usize = 64;

fn bytes<const N: usize>(info: &[u8], at: usize) -> Option<[u8; N]> {
    info.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_at(info: &[u8], at: usize) -> Option<u32> {
    bytes(info, at).map(u32::from_ne_bytes)
}

fn u64_at(info: &[u8], at: usize) -> Option<u64> {
    bytes(info, at).map(u64::from_ne_bytes)
}

impl IommuInfo {
    /// Reads `info`: a `vfio_iommu_type1_info` and the capabilities behind it.
    pub(crate) fn parse(info: &[u8]) -> Result<Self, Error> {
        use vfio::{vfio_iommu_type1_info as Info, vfio_iommu_type1_info_cap_iova_range as Ranges};
        let bad = |what| Error::BadIommuInfo { what };
        let cut = bad("it is cut off");
        let flags = u32_at(info, offset_of!(Info, flags)).ok_or_else(|| cut.clone())?;
        let page_sizes = u64_at(info, offset_of!(Info, iova_pgsizes)).ok_or_else(|| cut.clone())?;
        if flags & vfio::VFIO_IOMMU_INFO_PGSIZES == 0 || page_sizes == 0 {
            return Err(bad("it has no sizes of pages"));
        }
        if flags & vfio::VFIO_IOMMU_INFO_CAPS == 0 {
            return Err(Error::VfioTooOld { what: "does not say which addresses the IOMMU has" });
        }
        let mut at = u32_at(info, offset_of!(Info, cap_offset)).ok_or_else(|| cut.clone())? as usize;
        for _ in 0..MOST_CAPABILITIES {
            if at == 0 {
                return Err(Error::VfioTooOld { what: "does not say which addresses the IOMMU has" });
            }
            let id = bytes(info, at).map(u16::from_ne_bytes).ok_or_else(|| cut.clone())?;
            if u32::from(id) == vfio::VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE {
                let count = u32_at(info, at + offset_of!(Ranges, nr_iovas)).ok_or_else(|| cut.clone())? as usize;
                let first = at + offset_of!(Ranges, iova_ranges);
                let list = count.checked_mul(size_of::<vfio::vfio_iova_range>());
                let list = list.and_then(|len| info.get(first..first.checked_add(len)?)).ok_or_else(|| cut.clone())?;
                return Ok(Self { page_sizes, ranges: parse_ranges(list)? });
            }
            let next = at + offset_of!(vfio::vfio_info_cap_header, next);
            at = u32_at(info, next).ok_or_else(|| cut.clone())? as usize;
        }
        Err(bad("its capabilities go round in a circle"))
    }

    /// Returns the size of the smallest page.
    pub(crate) fn granule(&self) -> u64 {
        1 << self.page_sizes.trailing_zeros()
    }
}

fn parse_ranges(list: &[u8]) -> Result<Vec<Range>, Error> {
    let ranges = list.chunks_exact(size_of::<vfio::vfio_iova_range>()).map(|range| {
        let range = u64_at(range, 0).zip(u64_at(range, 8)).map(|(start, last)| Range { start, last });
        range
            .filter(|range| range.start <= range.last)
            .ok_or(Error::BadIommuInfo { what: "a range ends before it starts" })
    });
    let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    if ranges.is_empty() { Err(Error::BadIommuInfo { what: "it has no addresses" }) } else { Ok(ranges) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the kernel's structure with capabilities behind it: each is an id and the bytes after its header.
    fn info(flags: u32, page_sizes: u64, capabilities: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut info = Vec::new();
        info.extend(0u32.to_ne_bytes());
        info.extend(flags.to_ne_bytes());
        info.extend(page_sizes.to_ne_bytes());
        info.extend(if capabilities.is_empty() { 0u32 } else { 24 }.to_ne_bytes());
        info.extend(0u32.to_ne_bytes());
        for (index, (id, body)) in capabilities.iter().enumerate() {
            let next = info.len() + 8 + body.len();
            info.extend(id.to_ne_bytes());
            info.extend(1u16.to_ne_bytes());
            info.extend(if index + 1 == capabilities.len() { 0 } else { next as u32 }.to_ne_bytes());
            info.extend(body);
        }
        info
    }

    fn ranges(count: u32, list: &[(u64, u64)]) -> (u16, Vec<u8>) {
        let mut body: Vec<u8> = count.to_ne_bytes().into_iter().chain(0u32.to_ne_bytes()).collect();
        list.iter().for_each(|(start, last)| body.extend(start.to_ne_bytes().into_iter().chain(last.to_ne_bytes())));
        (1, body)
    }

    const BOTH: u32 = vfio::VFIO_IOMMU_INFO_PGSIZES | vfio::VFIO_IOMMU_INFO_CAPS;

    #[test]
    fn ranges_are_found_behind_other_capabilities() {
        let list = [(0, 0xfedf_ffff), (0xfef0_0000, u64::MAX)];
        let found =
            IommuInfo::parse(&info(BOTH, 0x4020_1000, &[(2, [7; 16].into()), ranges(2, &list), (3, [0; 4].into())]));
        let found = found.unwrap();
        assert_eq!(found.granule(), 0x1000);
        assert_eq!(found.ranges, list.map(|(start, last)| Range { start, last }));
    }

    #[test]
    fn malformed_info_is_rejected() {
        let said = |info: &[u8]| IommuInfo::parse(info).unwrap_err().to_string();
        assert!(said(&[]).contains("cut off"));
        assert!(said(&info(vfio::VFIO_IOMMU_INFO_CAPS, 0x1000, &[])).contains("no sizes of pages"));
        assert!(said(&info(BOTH, 0, &[])).contains("no sizes of pages"));
        assert!(said(&info(vfio::VFIO_IOMMU_INFO_PGSIZES, 0x1000, &[])).contains("Linux 5.4"));
        assert!(said(&info(BOTH, 0x1000, &[(3, [0; 4].into())])).contains("Linux 5.4"));
        assert!(said(&info(BOTH, 0x1000, &[ranges(2, &[(0, 1)])])).contains("cut off"));
        assert!(said(&info(BOTH, 0x1000, &[ranges(u32::MAX, &[(0, 1)])])).contains("cut off"));
        assert!(said(&info(BOTH, 0x1000, &[ranges(0, &[])])).contains("no addresses"));
        assert!(said(&info(BOTH, 0x1000, &[ranges(1, &[(2, 1)])])).contains("before it starts"));
        let mut circle = info(BOTH, 0x1000, &[(3, [0; 4].into())]);
        circle[28..32].copy_from_slice(&24u32.to_ne_bytes());
        assert!(said(&circle).contains("circle"));
        let mut far = info(BOTH, 0x1000, &[(3, [0; 4].into())]);
        far[16..20].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(said(&far).contains("cut off"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            random in prop::collection::vec(any::<u8>(), 0..200),
            place in 0usize..120,
            byte: u8,
            keep in 0usize..130,
        ) {
            let _ = IommuInfo::parse(&random);
            let mut almost = info(BOTH, 0x1000, &[(2, [7; 16].into()), ranges(2, &[(0, 9), (20, 29)]), (3, [0; 4].into())]);
            if let Some(changed) = almost.get_mut(place) {
                *changed = byte;
            }
            almost.truncate(keep);
            if let Ok(info) = IommuInfo::parse(&almost) {
                prop_assert!(info.ranges.iter().all(|range| range.start <= range.last));
            }
        }
    }
}
