//! Answers of HTTP.

use crate::host::fill;

/// What follows the head of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    Page(&'static [u8]),
    /// As many bytes of the contents that the example `transfer` prints.
    Contents(u64),
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub head: Vec<u8>,
    pub body: Body,
    /// Another request may follow.
    pub goes_on: bool,
}

impl Answer {
    /// Returns the number of bytes with the head.
    pub fn len(&self) -> u64 {
        let body = match self.body {
            Body::Page(page) => page.len() as u64,
            Body::Contents(bytes) => bytes,
        };
        (self.head.len() as u64).saturating_add(body)
    }

    /// Writes bytes from `position` on to `buffer`. Returns their number, as often as smoltcp wants it.
    pub fn write(&self, position: u64, buffer: &mut [u8]) -> (usize, u64) {
        let (head, rest) = (self.head.len() as u64, self.len() - position);
        let copy = |from: &[u8], at: u64, buffer: &mut [u8]| {
            let from = from.get(at as usize..).unwrap_or_default();
            let len = from.len().min(buffer.len());
            buffer[..len].copy_from_slice(&from[..len]);
            len
        };
        let len = match (position.checked_sub(head), &self.body) {
            (None, _) => copy(&self.head, position, buffer),
            (Some(at), Body::Page(page)) => copy(page, at, buffer),
            (Some(at), Body::Contents(_)) => {
                let len = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
                fill(at, &mut buffer[..len]);
                len
            }
        };
        (len, len as u64)
    }

    /// Makes an answer with a status, a type of contents, and a body, which is left out in answer to a HEAD.
    pub fn new((status, kind, body): (&str, &str, Body), is_head: bool, goes_on: bool) -> Self {
        let mut answer = Self { head: Vec::new(), body, goes_on };
        let (len, connection) = (answer.len(), if goes_on { "keep-alive" } else { "close" });
        let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
        answer.head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n{allow}Connection: {connection}\r\n\r\n"
        )
        .into();
        if is_head {
            answer.body = Body::Page(b"");
        }
        answer
    }

    /// Returns an answer after which the connection ends: what follows cannot be understood.
    pub fn error(status: &'static str) -> Self {
        Self::failure(status, false, false)
    }

    /// Makes an answer that says what went wrong.
    pub fn failure(status: &'static str, is_head: bool, goes_on: bool) -> Self {
        Self::new((status, "text/plain", Body::Page(status.as_bytes())), is_head, goes_on)
    }
}
