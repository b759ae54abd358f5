//! Decibels, without floating-point functions, which `core` does not have.

/// Returns 100 times the level of `nanowatts` in dBm, rounded down; `None` for no power.
pub(super) fn hundredths_of_dbm(nanowatts: u32) -> Option<i32> {
    // The logarithm to base 2 with 16 bits behind the point: its integer part, then a bit from each squaring.
    let whole = nanowatts.checked_ilog2()?;
    let mut mantissa = (u64::from(nanowatts) << 32) >> whole;
    let mut log2 = u64::from(whole);
    for _ in 0..16 {
        mantissa = ((u128::from(mantissa) * u128::from(mantissa)) >> 32) as u64;
        log2 <<= 1;
        if mantissa >= 2 << 32 {
            mantissa >>= 1;
            log2 += 1;
        }
    }
    // 1000 times the logarithm of 2 to base 10 is 301.03. A milliwatt is a million nanowatts.
    let hundredths = (log2 * 30_103 / 100) >> 16;
    Some(hundredths as i32 - 6_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_are_those_of_the_floating_point_logarithm() {
        assert_eq!(hundredths_of_dbm(0), None);
        for nanowatts in (0..32).map(|n| 1_u32 << n).chain((1..100_000).step_by(97)).chain([u32::MAX, 1_000_000]) {
            let exact = 1000.0 * (f64::from(nanowatts) / 1e6).log10();
            let found = f64::from(hundredths_of_dbm(nanowatts).expect("there is power"));
            assert!((found - exact).abs() < 1.1, "{nanowatts} nW: {found} instead of {exact}");
        }
    }
}
