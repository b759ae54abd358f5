//! Requests of HTTP.

use httparse::{EMPTY_HEADER, Header, Request, Status};

use crate::answer::{Answer, Body};

/// The longest head of a request, in bytes.
pub const LONGEST: usize = 8192;
/// The most header fields of a request.
const MOST_FIELDS: usize = 64;
const PAGE: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>ixgbe</title>\n<h1>It works</h1>\n\
    <p>This page came from the TCP/IP stack smoltcp on the driver ixgbe.\n\
    <p>Downloads of any size: <a href=\"/1MB\">1 MB</a>, <a href=\"/100MB\">100 MB</a>, <a href=\"/1GB\">1 GB</a>.\n";

/// Returns the answer to the request at the start of `bytes`, and the request's length. `None` if it is not whole yet.
pub fn answer(bytes: &[u8]) -> Option<(Answer, usize)> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut request = Request::new(&mut fields);
    let len = match request.parse(bytes) {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) if bytes.len() < LONGEST => return None,
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Some((Answer::error("431 Request Header Fields Too Large"), bytes.len()));
        }
        Err(_) => return Some((Answer::error("400 Bad Request"), bytes.len())),
    };
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let (version, fields) = (request.version.unwrap_or_default(), &*request.headers);
    let is_head = method == "HEAD";
    if version == 1 && values(fields, "host").count() != 1 {
        return Some((Answer::failure("400 Bad Request", is_head, false), len));
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
        ("GET" | "HEAD", ..) => Answer::failure("404 Not Found", is_head, goes_on),
        _ => Answer::failure("405 Method Not Allowed", false, goes_on),
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
