//! Requests of HTTP, and their answers.

use httparse::{EMPTY_HEADER, Header, Request, Status};

use crate::host::fill;

/// The longest head of a request, in bytes.
pub const LONGEST: usize = 8192;
/// The most header fields of a request.
const MOST_FIELDS: usize = 64;
const PAGE: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>ixgbe</title>\n<h1>It works</h1>\n\
    <p>This page came from the TCP/IP stack smoltcp on the driver ixgbe.\n\
    <p>Downloads of any size: <a href=\"/1MB\">1 MB</a>, <a href=\"/100MB\">100 MB</a>, <a href=\"/1GB\">1 GB</a>.\n";

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

    fn new((status, kind, body): (&str, &str, Body), is_head: bool, goes_on: bool) -> Self {
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

    fn error(status: &'static str, is_head: bool, goes_on: bool) -> Self {
        Self::new((status, "text/plain", Body::Page(status.as_bytes())), is_head, goes_on)
    }
}

/// Returns the answer to the request at the start of `bytes`, and the request's length. `None` if it is not whole yet.
pub fn answer(bytes: &[u8]) -> Option<(Answer, usize)> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut request = Request::new(&mut fields);
    let len = match request.parse(bytes) {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) if bytes.len() < LONGEST => return None,
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Some((Answer::error("431 Request Header Fields Too Large", false, false), bytes.len()));
        }
        Err(_) => return Some((Answer::error("400 Bad Request", false, false), bytes.len())),
    };
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let (version, fields) = (request.version.unwrap_or_default(), &*request.headers);
    let is_head = method == "HEAD";
    if version == 1 && values(fields, "host").count() != 1 {
        return Some((Answer::error("400 Bad Request", is_head, false), len));
    }
    let asks = |what| values(fields, "connection").flat_map(|all| all.split(',')).any(|one| is(one.trim(), what));
    // Nobody reads a body here, so that nothing behind it could be found.
    let has_body =
        values(fields, "transfer-encoding").next().is_some() || values(fields, "content-length").any(|len| len != "0");
    let goes_on = !has_body && !asks("close") && (version == 1 || asks("keep-alive"));
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let answer = match (method, path, size(path)) {
        ("GET" | "HEAD", "/", _) => Answer::new(("200 OK", "text/html", Body::Page(PAGE.as_bytes())), is_head, goes_on),
        ("GET" | "HEAD", _, Some(size)) => {
            Answer::new(("200 OK", "application/octet-stream", Body::Contents(size)), is_head, goes_on)
        }
        ("GET" | "HEAD", ..) => Answer::error("404 Not Found", is_head, goes_on),
        _ => Answer::error("405 Method Not Allowed", false, goes_on),
    };
    Some((answer, len))
}

/// Returns `true` if two words differ by case at most.
fn is(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Returns the values of a header field.
fn values<'a>(fields: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = fields.iter().filter(move |field| is(field.name, name));
    named.map(|field| std::str::from_utf8(field.value).unwrap_or_default().trim())
}

/// Returns the number of bytes that a path such as `/100MB` asks for.
fn size(path: &str) -> Option<u64> {
    let text = path.strip_prefix('/')?;
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit {
        "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}
