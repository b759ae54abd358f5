//! One end of a TCP connection that sends known contents, and checks what it receives.

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::tcp::{self, Socket, State};
use smoltcp::time::{Duration as StackDuration, Instant as StackInstant};
use smoltcp::wire::{EthernetAddress, IpCidr};

/// The size of a socket's buffer for each direction, in bytes.
const WINDOW: usize = 256 * 1024;
/// The end without news of the other.
const TIMEOUT: StackDuration = StackDuration::from_secs(30);

/// Fills `bytes`, which begin at byte `position` of the contents.
pub fn fill(position: u64, bytes: &mut [u8]) {
    for (position, byte) in (position..).zip(bytes) {
        // No part of the contents is like another.
        *byte = (position ^ (position >> 8) ^ (position / 65_521)) as u8;
    }
}

/// What a host does first.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// Waits for a connection at this port.
    Listen(u16),
    /// Connects to this port of this host.
    Connect(Ipv4Addr, u16),
}

/// A host with one connection. Its adapter is the caller's, which can put another in its place.
pub struct Host {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// Bytes to send and sent, to receive and received.
    send: (u64, u64),
    receive: (u64, u64),
    expected: Vec<u8>,
    times: Option<(Instant, Instant)>,
}

impl Host {
    /// Makes a host with this address, which is to send and to receive as many bytes.
    pub fn new(
        adapter: &mut impl Device,
        (mac, ip): ([u8; 6], Ipv4Addr),
        role: Role,
        (send, receive): (u64, u64),
    ) -> Result<Self, Box<dyn Error>> {
        let config = Config::new(EthernetAddress(mac).into());
        let mut interface = Interface::new(config, adapter, StackInstant::now());
        interface.update_ip_addrs(|addresses| _ = addresses.push(IpCidr::new(ip.into(), 24)));
        let buffer = || tcp::SocketBuffer::new(vec![0; WINDOW]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_timeout(Some(TIMEOUT));
        match role {
            Role::Listen(port) => socket.listen(port)?,
            Role::Connect(host, port) => socket.connect(interface.context(), (host, port), 49_152)?,
        }
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        let (send, receive, expected, times) = ((send, 0), (receive, 0), vec![0; WINDOW], None);
        Ok(Self { interface, sockets, handle, send, receive, expected, times })
    }

    /// Moves what can be moved. Returns `true` once all bytes were sent and received, and both ends have closed.
    pub fn poll(&mut self, adapter: &mut impl Device) -> Result<bool, Box<dyn Error>> {
        if self.interface.poll(StackInstant::now(), adapter, &mut self.sockets) == PollResult::None {
            // The other end may need this processor.
            std::thread::yield_now();
        }
        let socket = self.sockets.get_mut::<Socket>(self.handle);
        let is_over = matches!(socket.state(), State::Closed | State::TimeWait) && self.times.is_some();
        if !is_over && (socket.may_send() || self.times.is_some()) {
            let now = Instant::now();
            self.times.get_or_insert((now, now)).1 = now;
        }
        let (total, sent) = &mut self.send;
        if socket.can_send() && sent < total {
            *sent += socket.send(|bytes| {
                let len = bytes.len().min((*total - *sent) as usize);
                fill(*sent, &mut bytes[..len]);
                (len, len as u64)
            })?;
        }
        while socket.can_recv() {
            let (expected, received) = (&mut self.expected, &mut self.receive.1);
            let is_right = socket.recv(|bytes| {
                fill(*received, &mut expected[..bytes.len()]);
                *received += bytes.len() as u64;
                (bytes.len(), *bytes == expected[..bytes.len()])
            })?;
            if !is_right {
                return Err(format!("wrong contents before byte {}", self.receive.1).into());
            }
        }
        // After all else: nc ends when the other end closes, whatever it has left to send.
        if self.send.0 == self.send.1 && (self.receive.0 == self.receive.1 || !socket.may_recv()) && socket.may_send() {
            socket.close();
        }
        if is_over && (self.send.0, self.receive.0) != (self.send.1, self.receive.1) {
            let ((send, sent), (receive, received)) = (self.send, self.receive);
            return Err(format!("the end after {sent} of {send} bytes sent, {received} of {receive} received").into());
        }
        Ok(is_over)
    }

    /// Returns the numbers of bytes sent and received.
    pub fn moved(&self) -> (u64, u64) {
        (self.send.1, self.receive.1)
    }

    /// Returns the time from the handshake to the end of the connection.
    pub fn elapsed(&self) -> Duration {
        self.times.map_or(Duration::ZERO, |(start, end)| end - start)
    }
}
