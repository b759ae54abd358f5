//! The limits of a file, checked before svd-parser reads it.
//!
//! svd-parser lists every index of an array, reads clusters recursively, and expects a number in every constraint.

use roxmltree::{Document, Node, ParsingOptions};

/// The limit of one array: an index of the runtime has 16 bits.
pub(super) const MAX_ARRAY: u64 = 1 << 16;

/// The limit of all arrays together.
const MAX_ELEMENTS: u64 = 1 << 20;

/// The limit of clusters inside each other.
const MAX_DEPTH: usize = 16;

/// The limit of elements of XML inside each other: clusters, and what is around and inside them.
const MAX_XML_DEPTH: usize = 64;

/// Checks the limits of a file. Warns of numbers that svd-parser reads differently from what they say.
pub(super) fn check(text: &str, warnings: &mut Vec<String>) -> Result<(), String> {
    if nesting(text) > MAX_XML_DEPTH {
        return Err(format!("more than {MAX_XML_DEPTH} elements of XML are inside each other"));
    }
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let document = Document::parse_with_options(text, ParsingOptions::default())
        .map_err(|error| format!("it is not XML: {error}"))?;
    let mut left = MAX_ELEMENTS;
    for node in document.descendants().filter(Node::is_element) {
        let text = || node.text().unwrap_or_default().trim();
        match node.tag_name().name() {
            "cluster" if clusters_around(node) >= MAX_DEPTH => {
                return Err(format!("more than {MAX_DEPTH} clusters are inside each other at {}", title(node)));
            }
            "dim" => {
                // svd-parser reports what is not a number.
                let count = number(text()).unwrap_or(0);
                if count > MAX_ARRAY {
                    return Err(format!("{} has {count} elements, more than {MAX_ARRAY}", title(node)));
                }
                left = left.checked_sub(count).ok_or_else(|| {
                    format!("all arrays together have more than {MAX_ELEMENTS} elements, up to {}", title(node))
                })?;
            }
            "dimIndex" => {
                let range = text().split_once('-').and_then(|(first, last)| Some((number(first)?, number(last)?)));
                if range.is_some_and(|(first, last)| last.saturating_sub(first) >= MAX_ARRAY) {
                    return Err(format!("{} has the indices {}, more than {MAX_ARRAY}", title(node), text()));
                }
            }
            "bitRange" | "msb" => {
                let digits = text().trim_start_matches('[').split(':').next().unwrap_or_default();
                if number(digits).is_some_and(|bit| bit >= u64::from(u16::MAX)) {
                    return Err(format!("{} has the bits {}, beyond any register", title(node), text()));
                }
            }
            "writeConstraint" if node.first_element_child().is_none() => {
                return Err(format!("the write constraint of {} is empty", title(node)));
            }
            "value" if is_pattern(text()) && node.parent().is_some_and(|of| of.has_tag_name("enumeratedValue")) => {
                warnings.push(format!("{} is {}: only the one with zeros for `x` is described", title(node), text()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns how many elements are inside each other at most.
fn nesting(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        let end = match tag {
            _ if tag.starts_with("!--") => "-->",
            _ if tag.starts_with("![CDATA[") => "]]>",
            _ => ">",
        };
        let (inside, after) = tag.split_once(end).unwrap_or((tag, ""));
        match inside.bytes().next() {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'!' | b'?') => {}
            _ if inside.ends_with('/') => {}
            _ => depth += 1,
        }
        most = most.max(depth);
        rest = after;
    }
    most
}

fn clusters_around(node: Node<'_, '_>) -> usize {
    node.ancestors().skip(1).filter(|ancestor| ancestor.has_tag_name("cluster")).count()
}

/// Returns the names of an element and of those around it, such as "register `UART.DATA`".
fn title(node: Node<'_, '_>) -> String {
    let name = |node: Node<'_, '_>| {
        let name = node.children().find(|child| child.has_tag_name("name"))?;
        Some(name.text().unwrap_or_default().trim().to_owned())
    };
    let named: Vec<_> = node
        .ancestors()
        .filter(|around| !around.has_tag_name("device"))
        .filter_map(|around| Some((around.tag_name().name(), name(around)?)))
        .collect();
    let path: Vec<_> = named.iter().rev().map(|(_, name)| name.as_str()).collect();
    match named.first() {
        Some((kind, _)) => format!("{kind} `{}`", path.join(".")),
        None => format!("<{}>", node.tag_name().name()),
    }
}

/// Reads a number as svd-parser does.
fn number(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(digits) = text.strip_prefix("0x") {
        u64::from_str_radix(digits, 16).ok()
    } else if let Some(digits) = text.strip_prefix("0b").or(text.strip_prefix('#')) {
        u64::from_str_radix(&digits.replace('x', "0"), 2).ok()
    } else {
        text.parse().ok()
    }
}

/// Returns `true` if a binary number has bits that may be zero or one.
fn is_pattern(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.strip_prefix("0b").or(text.strip_prefix('#')).is_some_and(|digits| digits.contains('x'))
}
