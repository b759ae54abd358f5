//! A connection: its requests and answers.

use std::error::Error;
use std::time::{Duration, Instant};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, State};

use crate::answer::Answer;
use crate::http::{LONGEST, answer};

/// The longest handshake if there are as many connections as may be.
const HANDSHAKE: Duration = Duration::from_secs(1);

/// A connection.
pub struct Connection {
    pub handle: SocketHandle,
    /// What has come of the next request, or of several.
    request: Vec<u8>,
    /// The length at which the request was found not to be whole.
    looked: usize,
    /// What is sent, and how much of it was.
    answer: Option<(Answer, u64)>,
    /// The number of bytes that the other end has not acknowledged yet.
    queued: usize,
    /// When the connection began, a request was whole, or the other end last took a part of its answer.
    moved: Instant,
}

impl Connection {
    /// Makes the connection of a socket.
    pub fn new(handle: SocketHandle) -> Self {
        Self { handle, request: Vec::new(), looked: 0, answer: None, queued: 0, moved: Instant::now() }
    }

    /// Returns `true` if a new connection may have its place: it is over, or the other end did not confirm it in time.
    pub fn is_spare(&self, socket: &Socket<'_>) -> bool {
        match socket.state() {
            State::Closed | State::TimeWait => true,
            State::SynReceived => self.moved.elapsed() > HANDSHAKE,
            _ => false,
        }
    }

    /// Reads requests and sends answers. Returns the number of answers that were sent. Ends the connection if it has moved
    /// nothing for `timeout`, also while parts of a request come.
    pub fn serve(&mut self, socket: &mut Socket<'_>, timeout: Duration) -> Result<u64, Box<dyn Error>> {
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
        }
        if socket.send_queue() < self.queued {
            self.moved = Instant::now();
        }
        let mut answered = 0;
        while socket.may_send() {
            let (answer, sent) = match &mut self.answer {
                Some(current) => current,
                _ if self.request.len() == self.looked => break,
                none => match answer(&self.request) {
                    Some((answer, len)) => {
                        self.request.drain(..len);
                        (self.looked, self.moved) = (0, Instant::now());
                        none.insert((answer, 0))
                    }
                    None => {
                        self.looked = self.request.len();
                        break;
                    }
                },
            };
            while socket.can_send() && *sent < answer.len() {
                *sent += socket.send(|buffer| answer.write(*sent, buffer))?;
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
        self.queued = socket.send_queue();
        if self.moved.elapsed() > timeout && socket.state() != State::TimeWait {
            self.moved = Instant::now();
            match &self.answer {
                None if socket.may_send() && self.request.is_empty() => socket.close(),
                None if socket.may_send() => self.answer = Some((Answer::error("408 Request Timeout"), 0)),
                _ => socket.abort(),
            }
        }
        Ok(answered)
    }
}
