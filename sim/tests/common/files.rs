//! The parts of capture files, in either byte order.
#![allow(dead_code, reason = "every test uses some of it")]

pub const LITTLE: bool = false;
pub const BIG: bool = true;

/// Encodes numbers in one byte order.
pub fn words(big: bool, words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| if big { word.to_be_bytes() } else { word.to_le_bytes() }).collect()
}

pub fn halves(big: bool, halves: &[u16]) -> Vec<u8> {
    halves.iter().flat_map(|half| if big { half.to_be_bytes() } else { half.to_le_bytes() }).collect()
}

/// Returns a classic file of Ethernet with this magic number, link type, snap length and records: bytes and length on
/// the wire.
pub fn pcap(big: bool, [magic, link, snap]: [u32; 3], records: &[(&[u8], u32)]) -> Vec<u8> {
    let mut file = [words(big, &[magic]), halves(big, &[2, 4]), words(big, &[0, 0, snap, link])].concat();
    for (data, on_wire) in records {
        file.extend(words(big, &[1, 2_000_000, data.len() as u32, *on_wire]));
        file.extend_from_slice(data);
    }
    file
}

/// Returns a block whose padding is not 0.
pub fn ng(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut padded = body.to_vec();
    padded.resize(body.len().next_multiple_of(4), 0xEE);
    let len = padded.len() as u32 + 12;
    [words(big, &[kind, len]), padded, words(big, &[len])].concat()
}

pub fn ng_option(big: bool, code: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [&halves(big, &[code, value.len() as u16])[..], value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

pub fn section(big: bool, options: &[u8]) -> Vec<u8> {
    ng(big, 0x0A0D_0D0A, &[&words(big, &[0x1A2B_3C4D])[..], &halves(big, &[1, 0]), &[0xFF; 8], options].concat())
}

pub fn interface(big: bool, link: u16, snap: u32, options: &[u8]) -> Vec<u8> {
    ng(big, 1, &[&halves(big, &[link, 0])[..], &words(big, &[snap]), options].concat())
}

pub fn enhanced(big: bool, index: u32, data: &[u8], on_wire: u32, options: &[u8]) -> Vec<u8> {
    stamped(big, index, 0, data, on_wire, options)
}

/// Returns an enhanced packet with a time stamp.
pub fn stamped(big: bool, index: u32, stamp: u64, data: &[u8], on_wire: u32, options: &[u8]) -> Vec<u8> {
    let words = words(big, &[index, (stamp >> 32) as u32, stamp as u32, data.len() as u32, on_wire]);
    let mut body = [&words[..], data].concat();
    if !options.is_empty() {
        body.resize(body.len().next_multiple_of(4), 0xEE);
        body.extend_from_slice(options);
    }
    ng(big, 6, &body)
}

pub fn simple(big: bool, data: &[u8], on_wire: u32) -> Vec<u8> {
    ng(big, 3, &[&words(big, &[on_wire])[..], data].concat())
}
