//! Requests of HTTP.

use httparse::{EMPTY_HEADER, Error as ParseError, Header, Request, Status};

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
    let parsed = request.parse(bytes);
    let is_head = request.method == Some("HEAD");
    let refuse = |status| Some((Answer::failure(status, is_head, false), bytes.len()));
    let len = match parsed {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) if bytes.len() < LONGEST => return None,
        Ok(Status::Partial) if request.version.is_none() => return refuse("414 URI Too Long"),
        Ok(Status::Partial) | Err(ParseError::TooManyHeaders) => return refuse("431 Request Header Fields Too Large"),
        Err(ParseError::Version) => return refuse("505 HTTP Version Not Supported"),
        Err(_) => return refuse("400 Bad Request"),
    };
    let (version, fields) = (request.version.unwrap_or_default(), &*request.headers);
    let (hosts, lens): (Vec<_>, Vec<_>) =
        (values(fields, "host").collect(), values(fields, "content-length").collect());
    let is_host = |host: &&str| host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@".contains(&byte));
    let is_len = |len: &&str| !len.is_empty() && len.bytes().all(|byte| byte.is_ascii_digit()) && *len == lens[0];
    let has_hosts = hosts.len() == 1 || (version == 0 && hosts.is_empty());
    if !has_hosts || !hosts.iter().all(is_host) || !lens.iter().all(is_len) {
        return refuse("400 Bad Request");
    }
    let asks = |what| values(fields, "connection").flat_map(|all| all.split(',')).any(|one| is(one.trim(), what));
    // Nobody reads a body here, so that nothing behind it could be found.
    let has_body = values(fields, "transfer-encoding").next().is_some() || lens.iter().any(|len| *len != "0");
    let goes_on = !has_body && !asks("close") && (version == 1 || asks("keep-alive"));
    let method = request.method.unwrap_or_default();
    let path = path(request.path.unwrap_or_default());
    let found = |kind, body| Answer::new(("200 OK", kind, body), is_head, goes_on);
    let answer = match (method, path, size(path)) {
        ("GET" | "HEAD", "/", _) => found("text/html", Body::Page(PAGE.as_bytes())),
        ("GET" | "HEAD", _, Some(size)) => found("application/octet-stream", Body::Contents(size)),
        ("GET" | "HEAD", ..) => Answer::failure("404 Not Found", is_head, goes_on),
        ("POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH", ..) => {
            Answer::failure("405 Method Not Allowed", false, goes_on)
        }
        _ => Answer::failure("501 Not Implemented", false, goes_on),
    };
    Some((answer, len))
}

/// Returns the path of a target. One in absolute form, which names the host too, is as good: RFC 9112, 3.2.2.
fn path(target: &str) -> &str {
    let path = match target.split_at_checked("http://".len()) {
        Some((scheme, rest)) if is(scheme, "http://") => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
        _ => target,
    };
    match path.split_once('?') {
        Some(("", _)) => "/",
        Some((path, _)) => path,
        None => path,
    }
}

/// Returns `true` if two words differ by case at most.
fn is(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Returns the values of a header field.
fn values<'a>(fields: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = fields.iter().filter(move |field| is(field.name, name));
    named.map(|field| std::str::from_utf8(field.value).unwrap_or("\u{fffd}").trim())
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
