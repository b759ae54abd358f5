//! The connections of the server.

use std::error::Error;
use std::time::{Duration, Instant};

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Duration as StackDuration;

use crate::http::{Answer, LONGEST, answer};

/// The number of sockets that wait for a connection, and of all. The stack refuses connections beyond these, and all
/// may come between two looks.
const WAITING: usize = 64;
const MOST: usize = 256;
/// The size of a socket's buffers for requests and for answers, in bytes.
const BUFFERS: (usize, usize) = (LONGEST, 128 * 1024);
/// The longest time in which a connection moves nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

/// All connections.
pub struct Connections {
    port: u16,
    all: Vec<Connection>,
    answered: u64,
}

/// A connection, or a socket that waits for one.
struct Connection {
    handle: SocketHandle,
    /// What has come of the next request, or of several.
    request: Vec<u8>,
    /// What is sent, and how much of it was.
    answer: Option<(Answer, u64)>,
    /// When the connection last moved something.
    moved: Instant,
}

impl Connections {
    pub fn new(port: u16) -> Self {
        Self { port, all: Vec::new(), answered: 0 }
    }

    /// Returns the number of requests that were answered.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// Has sockets wait for connections: those whose connection is over, or new ones.
    pub fn listen(&mut self, sockets: &mut SocketSet<'_>) -> Result<(), Box<dyn Error>> {
        let mut waiting = 0;
        for connection in &mut self.all {
            let socket = sockets.get_mut::<Socket>(connection.handle);
            if socket.state() == State::Closed {
                socket.listen(self.port)?;
                *connection = Connection::new(connection.handle);
            }
            waiting += usize::from(socket.state() == State::Listen);
        }
        while waiting < WAITING && self.all.len() < MOST {
            waiting += 1;
            let buffer = |size| SocketBuffer::new(vec![0; size]);
            let mut socket = Socket::new(buffer(BUFFERS.0), buffer(BUFFERS.1));
            socket.set_timeout(Some(StackDuration::from_millis(TIMEOUT.as_millis() as u64)));
            socket.set_nagle_enabled(false);
            socket.listen(self.port)?;
            self.all.push(Connection::new(sockets.add(socket)));
        }
        Ok(())
    }

    /// Reads requests and sends answers, as far as that is possible now.
    pub fn serve(&mut self, sockets: &mut SocketSet<'_>) -> Result<(), Box<dyn Error>> {
        for connection in &mut self.all {
            let socket = sockets.get_mut::<Socket>(connection.handle);
            if socket.is_active() {
                self.answered += connection.serve(socket)?;
            } else {
                connection.moved = Instant::now();
            }
        }
        Ok(())
    }
}

impl Connection {
    fn new(handle: SocketHandle) -> Self {
        Self { handle, request: Vec::new(), answer: None, moved: Instant::now() }
    }

    /// Reads requests and sends answers. Returns the number of answers that were sent.
    fn serve(&mut self, socket: &mut Socket<'_>) -> Result<u64, Box<dyn Error>> {
        if !socket.may_send() {
            // This end has closed, or is connecting. What still comes is of no interest.
            while socket.can_recv() {
                socket.recv(|bytes| (bytes.len(), ()))?;
            }
        }
        let room = LONGEST.saturating_sub(self.request.len());
        if socket.can_recv() && room > 0 {
            socket.recv(|bytes| {
                let bytes = &bytes[..bytes.len().min(room)];
                self.request.extend_from_slice(bytes);
                (bytes.len(), ())
            })?;
            self.moved = Instant::now();
        }
        let mut answered = 0;
        while socket.may_send() {
            let (answer, sent) = match &mut self.answer {
                Some(current) => current,
                none => match answer(&self.request) {
                    Some((answer, len)) => {
                        self.request.drain(..len);
                        none.insert((answer, 0))
                    }
                    None => break,
                },
            };
            while socket.can_send() && *sent < answer.len() {
                *sent += socket.send(|buffer| answer.write(*sent, buffer))?;
                self.moved = Instant::now();
            }
            if *sent < answer.len() {
                break;
            }
            answered += 1;
            if !answer.goes_on {
                socket.close();
            }
            self.answer = None;
        }
        if self.answer.is_none() && socket.state() == State::CloseWait {
            socket.close();
        }
        if self.moved.elapsed() > TIMEOUT {
            socket.abort();
        }
        Ok(answered)
    }
}
