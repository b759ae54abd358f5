//! The connections of the server.

use std::error::Error;
use std::time::Duration;

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};

use crate::connection::Connection;
use crate::http::LONGEST;

/// The most connections, beyond which the stack refuses them. Each has a socket as long as it lasts, and no more than
/// 144 KiB of memory: all of them have 144 MiB.
const MOST: usize = 1024;
/// The size of a socket's buffers for requests and for answers, in bytes.
const BUFFERS: (usize, usize) = (LONGEST, 128 * 1024);

/// All connections.
pub struct Connections {
    port: u16,
    timeout: Duration,
    /// The socket that waits for the next connection.
    waiting: Option<SocketHandle>,
    all: Vec<Connection>,
    answered: u64,
}

impl Connections {
    /// Makes a server at `port`, which ends a connection that has moved nothing for `timeout`.
    pub fn new(port: u16, timeout: Duration) -> Self {
        Self { port, timeout, waiting: None, all: Vec::new(), answered: 0 }
    }

    /// Returns the number of requests that were answered.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// Has a socket wait for a connection, if none does. To be called after each frame: the stack refuses a connection
    /// for which no socket waits.
    pub fn listen(&mut self, sockets: &mut SocketSet<'_>) -> Result<(), Box<dyn Error>> {
        if let Some(handle) = self.waiting {
            if sockets.get::<Socket>(handle).is_listening() {
                return Ok(());
            }
            self.all.push(Connection::new(handle));
            self.waiting = None;
        }
        if self.all.len() == MOST {
            let is_spare = |connection: &Connection| connection.is_spare(sockets.get(connection.handle));
            let Some(oldest) = self.all.iter().position(is_spare) else { return Ok(()) };
            sockets.remove(self.all.remove(oldest).handle);
        }
        let buffer = |size| SocketBuffer::new(vec![0; size]);
        let mut socket = Socket::new(buffer(BUFFERS.0), buffer(BUFFERS.1));
        socket.set_nagle_enabled(false);
        socket.listen(self.port)?;
        self.waiting = Some(sockets.add(socket));
        Ok(())
    }

    /// Reads requests and sends answers, as far as that is possible now.
    pub fn serve(&mut self, sockets: &mut SocketSet<'_>) -> Result<(), Box<dyn Error>> {
        for connection in &mut self.all {
            self.answered += connection.serve(sockets.get_mut(connection.handle), self.timeout)?;
        }
        self.all.retain(|connection| {
            // The stack forgets the other end when a connection is over, or was reset before it began.
            let is_over = sockets.get::<Socket>(connection.handle).remote_endpoint().is_none();
            if is_over {
                sockets.remove(connection.handle);
            }
            !is_over
        });
        Ok(())
    }
}
