// The device cuts a packet only if it knows where its headers are.
// error names: segments, Request

use ixgbe::offload::{Request, RequestRefused, Requested};
use ixgbe::packet::{Headers, Packet};

fn case(packet: Packet, headers: Headers) -> Result<Requested, RequestRefused> {
    let _ = headers;
    Request::new().segments(1460).apply(packet)
}

fn main() {}
