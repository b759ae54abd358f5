//! What a module measures (SFF-8472, address 0xA2).

use core::fmt;

use super::{PAGE, bytes, decibel, sum};

/// Byte 92 at address 0xA0: the values must be calibrated by the reader.
const EXTERNAL_CALIBRATION: u8 = 1 << 4;
/// Byte 93 at address 0xA0: what the module reports.
const HAS_ALARMS: u8 = 1 << 7;
const HAS_DISABLE: u8 = 1 << 6;
const HAS_FAULT: u8 = 1 << 5;
const HAS_LOSS: u8 = 1 << 4;
/// Byte 110 at address 0xA2.
const DISABLED: u8 = 1 << 7;
const FAULT: u8 = 1 << 2;
const LOSS: u8 = 1 << 1;
const NOT_READY: u8 = 1 << 0;

/// Offsets at I2C address 0xA2.
mod at {
    pub(super) const RX_POWER_FACTORS: usize = 56;
    pub(super) const BIAS_CALIBRATION: usize = 76;
    pub(super) const TX_POWER_CALIBRATION: usize = 80;
    pub(super) const TEMPERATURE_CALIBRATION: usize = 84;
    pub(super) const VOLTAGE_CALIBRATION: usize = 88;
    pub(super) const SUM: usize = 95;
    pub(super) const VALUES: usize = 96;
    pub(super) const STATUS: usize = 110;
    pub(super) const ALARMS: usize = 112;
    pub(super) const WARNINGS: usize = 116;
}

/// A measured value against the limits that the module itself has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Within all limits.
    #[default]
    Normal,
    /// Below the limit of a warning.
    LowWarning,
    /// Above the limit of a warning.
    HighWarning,
    /// Below the limit of an alarm: the module may fail.
    LowAlarm,
    /// Above the limit of an alarm: the module may fail.
    HighAlarm,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "",
            Self::LowWarning => " (low)",
            Self::HighWarning => " (high)",
            Self::LowAlarm => " (ALARM: too low)",
            Self::HighAlarm => " (ALARM: too high)",
        })
    }
}

/// The levels of all measured values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarms {
    /// Of the temperature.
    pub temperature: Level,
    /// Of the supply voltage.
    pub voltage: Level,
    /// Of the laser's current.
    pub bias: Level,
    /// Of the transmitted light.
    pub tx_power: Level,
    /// Of the received light.
    pub rx_power: Level,
}

impl Alarms {
    fn new([alarms, warnings]: [[u8; 2]; 2]) -> Self {
        // A pair of bits each: high, low.
        let level = |byte: usize, bit: u32| {
            let pair = |flags: [u8; 2]| flags[byte] >> bit & 3;
            match (pair(alarms), pair(warnings)) {
                (2 | 3, _) => Level::HighAlarm,
                (1, _) => Level::LowAlarm,
                (_, 2 | 3) => Level::HighWarning,
                (_, 1) => Level::LowWarning,
                _ => Level::Normal,
            }
        };
        Self {
            temperature: level(0, 6),
            voltage: level(0, 4),
            bias: level(0, 2),
            tx_power: level(0, 0),
            rx_power: level(1, 6),
        }
    }
}

/// Values that a module measures.
///
/// Its `Display` is one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagnostics {
    /// The temperature in thousandths of a degree Celsius.
    pub millicelsius: i32,
    /// The supply voltage in microvolts.
    pub microvolts: u32,
    /// The laser's bias current in microamperes.
    pub bias_microamperes: u32,
    /// The transmitted light in nanowatts.
    pub tx_nanowatts: u32,
    /// The received light in nanowatts.
    pub rx_nanowatts: u32,
    /// The levels of these values, if the module compares them with limits.
    pub alarms: Option<Alarms>,
    /// `true` if the module's transmitter has failed, if it says so.
    pub tx_fault: Option<bool>,
    /// `true` if the transmitter is off, by the pin or by a command, if the module says so.
    pub tx_disabled: Option<bool>,
    /// `true` if the module receives no light, if it says so.
    pub rx_loss: Option<bool>,
    /// `true` if the module is not ready to measure yet: the values mean nothing.
    pub not_ready: bool,
    /// `true` if the sum over limits and calibration is right.
    pub intact: bool,
}

/// Applies a factor in 1/256 and an offset, both as numbers of the module (SFF-8472, external calibration).
fn calibrated(value: i64, [slope, offset]: [[u8; 2]; 2]) -> i64 {
    ((value * i64::from(u16::from_be_bytes(slope))) >> 8) + i64::from(i16::from_be_bytes(offset))
}

/// Returns the received light in tenths of a microwatt: a polynomial of the fourth degree, highest factor first.
fn rx_power(page: &[u8; PAGE], value: u16) -> u16 {
    let factor = |n: usize| f32::from_be_bytes(bytes(page, at::RX_POWER_FACTORS + 4 * n));
    let power = (0..5).fold(0.0, |power: f32, n| power * f32::from(value) + factor(n));
    // Saturates, and takes a value that is no number as 0.
    power as u16
}

impl Diagnostics {
    /// Interprets bytes 0 to 127 at I2C address 0xA2, with the options from address 0xA0.
    pub(super) fn new(identification: &[u8; PAGE], page: &[u8; PAGE]) -> Self {
        let raw = |n: usize| u16::from_be_bytes(bytes(page, at::VALUES + 2 * n));
        let external = identification[92] & EXTERNAL_CALIBRATION != 0;
        let calibrate = |value: i64, start: usize| match external {
            true => calibrated(value, [bytes(page, start), bytes(page, start + 2)]),
            false => value,
        };
        let unsigned =
            |n: usize, start: usize| calibrate(i64::from(raw(n)), start).clamp(0, i64::from(u16::MAX)) as u32;
        let temperature = calibrate(i64::from(raw(0) as i16), at::TEMPERATURE_CALIBRATION);
        let temperature = temperature.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i32;
        let options = identification[93];
        let status = |option: u8, bit: u8| (options & option != 0).then_some(page[at::STATUS] & bit != 0);
        Self {
            // In 1/256 of a degree.
            millicelsius: temperature * 1000 / 256,
            microvolts: unsigned(1, at::VOLTAGE_CALIBRATION) * 100,
            bias_microamperes: unsigned(2, at::BIAS_CALIBRATION) * 2,
            tx_nanowatts: unsigned(3, at::TX_POWER_CALIBRATION) * 100,
            rx_nanowatts: u32::from(if external { rx_power(page, raw(4)) } else { raw(4) }) * 100,
            alarms: (options & HAS_ALARMS != 0)
                .then(|| Alarms::new([bytes(page, at::ALARMS), bytes(page, at::WARNINGS)])),
            tx_fault: status(HAS_FAULT, FAULT),
            tx_disabled: status(HAS_DISABLE, DISABLED),
            rx_loss: status(HAS_LOSS, LOSS),
            not_ready: page[at::STATUS] & NOT_READY != 0,
            intact: sum(&page[..at::SUM]) == page[at::SUM],
        }
    }
}

/// Writes a power in milliwatts and dBm.
fn write_power(f: &mut fmt::Formatter<'_>, name: &str, nanowatts: u32, level: Level) -> fmt::Result {
    let microwatts = nanowatts / 1000;
    write!(f, ", {name} {}.{:03} mW", microwatts / 1000, microwatts % 1000)?;
    match decibel::hundredths_of_dbm(nanowatts) {
        Some(level) => {
            let sign = if level < 0 { "-" } else { "" };
            write!(f, " ({sign}{}.{} dBm)", level.unsigned_abs() / 100, level.unsigned_abs() % 100 / 10)?;
        }
        None => f.write_str(" (no light)")?,
    }
    write!(f, "{level}")
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not_ready {
            return f.write_str("the module is not ready to measure yet");
        }
        let alarms = self.alarms.unwrap_or_default();
        let tenths = self.millicelsius / 100;
        let sign = if tenths < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{} C{}", tenths.abs() / 10, tenths.abs() % 10, alarms.temperature)?;
        let millivolts = self.microvolts / 1000;
        write!(f, ", {}.{:02} V{}", millivolts / 1000, millivolts % 1000 / 10, alarms.voltage)?;
        let bias = self.bias_microamperes;
        write!(f, ", laser {}.{} mA{}", bias / 1000, bias % 1000 / 100, alarms.bias)?;
        write_power(f, "sends", self.tx_nanowatts, alarms.tx_power)?;
        write_power(f, "receives", self.rx_nanowatts, alarms.rx_power)?;
        let reports = [
            (self.tx_fault, "the transmitter has FAILED"),
            (self.tx_disabled, "the transmitter is off"),
            (self.rx_loss, "no light is received"),
        ];
        for (_, text) in reports.into_iter().filter(|(report, _)| *report == Some(true)) {
            write!(f, ", {text}")?;
        }
        if !self.intact {
            f.write_str(", with a wrong sum over limits and calibration")?;
        }
        Ok(())
    }
}
