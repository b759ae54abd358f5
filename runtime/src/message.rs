//! Messages that are built while the compiler evaluates a constant, where `format!` is not available.

/// Long enough for the names of the datasheet and three numbers. What does not fit is cut off.
const LONGEST: usize = 192;

/// A text that is being built.
pub(crate) struct Message {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Message {
    /// Starts with `text`.
    pub(crate) const fn new(text: &str) -> Self {
        Self { bytes: [0; LONGEST], len: 0 }.text(text)
    }

    /// Adds `text`.
    pub(crate) const fn text(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() && self.len < LONGEST {
            self.bytes[self.len] = text[at];
            self.len += 1;
            at += 1;
        }
        self
    }

    /// Adds `number`, in decimal.
    pub(crate) const fn number(self, number: u64) -> Self {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let rest = if number < 10 { self } else { self.number(number / 10) };
        rest.text(DIGITS[(number % 10) as usize])
    }

    /// Returns the text.
    pub(crate) const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            // It was cut within a letter.
            Err(_) => "this cannot be",
        }
    }
}
