use ixgbe::offload::{Request, RequestRefused, Requested};
use ixgbe::packet::{Headers, Packet};

fn case(packet: Packet, headers: Headers) -> Result<Requested, RequestRefused> {
    let _ = headers;
    Request::new().with_headers(headers).segments(1460).apply(packet)
}

fn main() {}
