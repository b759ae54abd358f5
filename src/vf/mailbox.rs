//! How a message travels: one buffer of 16 words for both directions, whose owner two bits of VFMAILBOX name.
//!
//! A read of VFMAILBOX clears the bits of what has happened. So the driver keeps them until they are consumed.
//! Every wait has a limit, and a physical function that floods the mailbox or talks nonsense cannot extend it.

use core::time::Duration;

use crate::clock::{self, Clock};
use crate::field::Value;
use crate::mmio::Index;
use crate::register::{ExclusiveAccess, WritableIn};
use crate::registers::virtual_function::{Registers, VFMAILBOX, VFMBMEM};
use crate::value;
use crate::vf::message::{KNOWN, Verdict, WORDS, Words};
use crate::vf::{Bus, Error, MailboxError, Refusal, Request, UnknownVersion, Version};

/// Time limit for each step of a message: to get the buffer, to have it read, to get the answer.
const STEP: Duration = Duration::from_millis(500);
/// The pause between two looks.
const LOOK: Duration = Duration::from_micros(50);
/// How often a request is sent whose buffer the physical function took for a message of its own.
const ATTEMPTS: usize = 3;

/// What has happened in the mailbox, and was not consumed yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mailbox {
    /// The physical function has written a message.
    has_message: bool,
    /// The physical function has read a message.
    was_read: bool,
    /// The physical function was reset, or is being reset.
    pub(crate) host_reset: bool,
    /// The physical function has said that something changed.
    pub(crate) noticed: bool,
    /// The physical function has not answered: it is not waited for again until the function is reset.
    silent: bool,
}

/// The mailbox, and the registers through which it is used.
pub(crate) struct Channel<'a, D, P> {
    pub(crate) device: &'a D,
    pub(crate) registers: Registers<'a, D, P>,
    pub(crate) mailbox: &'a mut Mailbox,
}

impl<D: Bus + Clock, P: ExclusiveAccess> Channel<'_, D, P>
where
    VFMAILBOX: WritableIn<P>,
    VFMBMEM: WritableIn<P>,
{
    /// Looks at what has happened. Returns `None` if the device is gone, else whether the buffer is free, and whether it
    /// is the function's.
    fn look(&mut self) -> Option<(bool, bool)> {
        let state = self.registers.vfmailbox().read_with_side_effects();
        if state.get() == u32::MAX {
            return None;
        }
        self.mailbox.has_message |= state.field(VFMAILBOX::PFSTS);
        self.mailbox.was_read |= state.field(VFMAILBOX::PFACK);
        self.mailbox.host_reset |= state.field(VFMAILBOX::RSTI) || state.field(VFMAILBOX::RSTD);
        let own = state.field(VFMAILBOX::VFU);
        Some((!own && !state.field(VFMAILBOX::PFU), own))
    }

    /// Writes VFMAILBOX. What is not set gives the buffer back.
    fn command(&mut self, request: bool, ack: bool, take: bool) {
        let command = value!(VFMAILBOX {}).with(VFMAILBOX::REQ, request).with(VFMAILBOX::ACK, ack);
        if let Ok(command) = command.with(VFMAILBOX::VFU, take).full() {
            self.registers.vfmailbox().write_full(command);
        }
    }

    /// Takes the buffer.
    fn take(&mut self) -> Result<(), MailboxError> {
        let device = self.device;
        let taken = clock::poll(device, STEP, LOOK, || match self.look() {
            None => Some(Err(MailboxError::Removed)),
            Some((true, _)) => {
                self.command(false, false, true);
                // The physical function may have been faster.
                match self.look() {
                    None => Some(Err(MailboxError::Removed)),
                    Some((_, own)) => own.then_some(Ok(())),
                }
            }
            // Left over by a driver that was killed: writing it again changes nothing.
            Some((false, true)) => Some(Ok(())),
            Some((false, false)) => None,
        });
        taken.unwrap_or(Err(MailboxError::Busy))
    }

    /// Returns the words of the buffer.
    fn words(&self) -> Words {
        let mut words = [0; WORDS];
        for (word, index) in words.iter_mut().zip(Index::all()) {
            *word = self.registers.vfmbmem(index).read().get();
        }
        words
    }

    /// Waits for an event. Returns `true` if it happened.
    fn await_event(&mut self, happened: impl Fn(&Mailbox) -> bool) -> Result<bool, MailboxError> {
        let device = self.device;
        let seen = clock::poll(device, STEP, LOOK, || match self.look() {
            None => Some(Err(MailboxError::Removed)),
            Some(_) => happened(self.mailbox).then_some(Ok(())),
        });
        match seen {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => Ok(true),
            Err(_) => Ok(false),
        }
    }

    /// Sends a request, and waits until it was read.
    fn send(&mut self, request: &Request<'_>) -> Result<(), MailboxError> {
        self.take()?;
        // Old events are of no message of ours.
        (self.mailbox.has_message, self.mailbox.was_read) = (false, false);
        let (words, len) = request.encode();
        for (word, index) in words.iter().take(len).zip(Index::all()) {
            let value = Value::EMPTY.try_with(VFMBMEM::MBMEM, u64::from(*word)).and_then(|value| value.full());
            if let Ok(value) = value {
                self.registers.vfmbmem(index).write_full(value);
            }
        }
        self.command(true, false, false);
        match self.await_event(|mailbox| mailbox.was_read)? {
            true => Ok(()),
            false => Err(MailboxError::NotRead),
        }
    }

    /// Takes the message that was written, and says so.
    fn receive(&mut self) -> Result<Words, MailboxError> {
        self.take()?;
        self.mailbox.has_message = false;
        let words = self.words();
        self.command(false, true, false);
        Ok(words)
    }

    /// Sends a request, and returns whether it was granted, and the words of the answer.
    fn exchange(&mut self, request: &Request<'_>) -> Result<(bool, Words), MailboxError> {
        for _ in 0..ATTEMPTS {
            self.send(request)?;
            if !self.await_event(|mailbox| mailbox.has_message)? {
                return Err(MailboxError::NotAnswered);
            }
            let mut words = self.receive()?;
            let mut verdict = request.verdict(words[0]);
            if let Verdict::Notice { known } = verdict {
                self.note(known);
                // The answer may follow. If it does not, the message had taken the request's place.
                if !self.await_event(|mailbox| mailbox.has_message)? {
                    continue;
                }
                words = self.receive()?;
                verdict = request.verdict(words[0]);
            }
            return match verdict {
                Verdict::Granted => Ok((true, words)),
                Verdict::Refused => Ok((false, words)),
                Verdict::Forgotten => {
                    self.mailbox.host_reset = true;
                    Err(MailboxError::Forgotten)
                }
                Verdict::Notice { .. } => continue,
                Verdict::Nonsense => Err(MailboxError::Nonsense { answer: words[0] }),
            };
        }
        Err(MailboxError::NotAnswered)
    }

    fn note(&mut self, known: bool) {
        self.mailbox.noticed = true;
        self.mailbox.host_reset |= !known;
    }

    /// Sends a request, and returns whether it was granted, and the words of the answer.
    pub(crate) fn try_ask(&mut self, request: &Request<'_>) -> Result<(bool, Words), MailboxError> {
        if self.mailbox.silent {
            return Err(MailboxError::NotAnswered);
        }
        let answer = self.exchange(request);
        self.mailbox.silent |=
            matches!(answer, Err(MailboxError::NotAnswered | MailboxError::NotRead | MailboxError::Busy));
        answer
    }

    /// Sends a request of `version`, and returns the answer's words.
    pub(crate) fn ask(&mut self, request: &Request<'_>, version: Version) -> Result<Words, Error> {
        if request.since() > version {
            let (request, needed) = (request.name(), request.since());
            return Err(UnknownVersion { request, agreed: version, needed }.into());
        }
        match self.try_ask(request) {
            Ok((true, words)) => Ok(words),
            Ok((false, _)) => Err(Refusal::from(request).into()),
            Err(error) => Err(Error::Mailbox { request: request.name(), error }),
        }
    }

    /// Looks for a message of the physical function's own, and takes at most one. Returns its first word if it is not
    /// one of those that the protocol has.
    pub(crate) fn poll(&mut self) -> Result<Option<u32>, MailboxError> {
        self.look().ok_or(MailboxError::Removed)?;
        if !self.mailbox.has_message {
            return Ok(None);
        }
        let [first, ..] = self.receive()?;
        match Request::FunctionReset.verdict(first) {
            Verdict::Notice { known } => self.note(known),
            Verdict::Forgotten => self.mailbox.host_reset = true,
            // The late answer to a request that was not waited for.
            _ if first & KNOWN != 0 => {}
            _ => return Ok(Some(first)),
        }
        Ok(None)
    }

    /// Returns `true` if the physical function shows a sign of life: it is in a reset, or through one.
    pub(crate) fn host_lives(&mut self) -> Result<bool, MailboxError> {
        self.look().ok_or(MailboxError::Removed)?;
        Ok(self.mailbox.host_reset)
    }

    /// Returns `true` if the physical function is being reset now.
    pub(crate) fn host_resets(&mut self) -> Result<bool, MailboxError> {
        let state = self.registers.vfmailbox().read_with_side_effects();
        match state.get() {
            u32::MAX => Err(MailboxError::Removed),
            _ => Ok(state.field(VFMAILBOX::RSTI)),
        }
    }
}
