use ixgbe::packet::Packet;

fn case(packet: Box<Packet>) -> Packet {
    *packet
}

fn main() {}
