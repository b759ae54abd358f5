//! Text from a module.

use core::fmt;

/// A text of at most `N` printable ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    /// Makes a text of `bytes`: without spaces and zeros at its end, and with `?` for what is not printable ASCII.
    #[must_use]
    pub fn new(bytes: [u8; N]) -> Self {
        let len = bytes.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
        let printable = |byte: u8| if matches!(byte, b' '..=b'~') { byte } else { b'?' };
        Self { bytes: bytes.map(printable), len }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // All bytes are ASCII, so there is a text.
        self.bytes.get(..self.len).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}
