//! The CRC that ends a frame, and the one of SCTP.

/// The polynomials, with their bits reversed.
const IEEE_802_3: u32 = 0xEDB8_8320;
const CASTAGNOLI: u32 = 0x82F6_3B78;

/// Continues the CRC with a polynomial over `bytes`.
fn update(crc: u32, bytes: &[u8], polynomial: u32) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 != 0 { crc >> 1 ^ polynomial } else { crc >> 1 })
    };
    bytes.iter().fold(crc, step)
}

/// Computes the CRC of IEEE 802.3.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !update(u32::MAX, bytes, IEEE_802_3)
}

/// Computes the CRC32c of `parts` in turn. SCTP sends it with the lowest byte first (RFC 9260, appendix A).
pub(crate) fn crc32c(parts: &[&[u8]]) -> u32 {
    !parts.iter().fold(u32::MAX, |crc, part| update(crc, part, CASTAGNOLI))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crcs_have_their_published_check_values() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32c(&[b"1234", b"", b"56789"]), 0xE306_9283);
    }
}
