//! The mailbox between a virtual function and the physical function: one buffer, whose owner two bits name (8.2.3.27.2).

use crate::registers::offsets::bit;

/// Number of words of the buffer.
pub(crate) const WORDS: usize = 16;

/// The buffer's contents.
pub(crate) type Message = [u32; WORDS];

const REQ: u32 = bit(0);
const ACK: u32 = bit(1);
const VFU: u32 = bit(2);
const PFU: u32 = bit(3);
const PFSTS: u32 = bit(4);
const PFACK: u32 = bit(5);
const RSTI: u32 = bit(6);
const RSTD: u32 = bit(7);
/// The bits that a read clears.
const READ_CLEARS: u32 = PFSTS | PFACK | RSTD;

/// What a virtual function has done, for the physical function to look at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    /// The function was reset (PFVFLRE).
    pub(crate) reset: bool,
    /// It has sent a message (PFMBICR.VFREQ).
    pub(crate) request: bool,
    /// It has read a message (PFMBICR.VFACK).
    pub(crate) ack: bool,
}

/// One mailbox.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    words: Message,
    /// VFMAILBOX, without the bits that are written only.
    state: u32,
    pub(crate) pending: Pending,
}

impl Mailbox {
    /// Reads VFMAILBOX, which clears some of its bits.
    pub(crate) fn read(&mut self) -> u32 {
        let state = self.state;
        self.state &= !READ_CLEARS;
        state
    }

    /// Writes VFMAILBOX. Returns `false` if the message is not the virtual function's to send.
    pub(crate) fn write(&mut self, value: u32) -> bool {
        let owned = self.state & VFU != 0;
        self.pending.request |= value & REQ != 0;
        self.pending.ack |= value & ACK != 0;
        // VFU can be set only while the physical function does not have the buffer. A write without it gives it back.
        self.state &= !VFU;
        if value & VFU != 0 && self.state & PFU == 0 {
            self.state |= VFU;
        }
        owned || value & REQ == 0
    }

    /// Returns a word of the buffer.
    pub(crate) fn word(&self, index: usize) -> u32 {
        self.words.get(index).copied().unwrap_or(0)
    }

    /// Writes a word of the buffer. Returns `false` if the buffer is not the virtual function's.
    pub(crate) fn set_word(&mut self, index: usize, value: u32) -> bool {
        if let Some(word) = self.words.get_mut(index) {
            *word = value;
        }
        self.state & VFU != 0
    }

    /// Returns `true` if the virtual function has the buffer.
    pub(crate) fn is_taken(&self) -> bool {
        self.state & VFU != 0
    }

    /// Takes the buffer from a virtual function that keeps it (RVFU).
    pub(crate) fn take(&mut self) {
        self.state &= !VFU;
    }

    /// Reads a message for the physical function, and acknowledges it.
    pub(crate) fn receive(&mut self) -> Message {
        self.state |= PFACK;
        self.words
    }

    /// Writes a message of the physical function.
    pub(crate) fn send(&mut self, message: &[u32]) {
        for (word, new) in self.words.iter_mut().zip(message) {
            *word = *new;
        }
        self.state |= PFSTS;
    }

    /// Begins a reset of the physical function.
    pub(crate) fn host_resets(&mut self) {
        (self.state, self.pending) = (RSTI, Pending::default());
    }

    /// Ends a reset of the physical function (CTRL_EXT.PFRSTD).
    pub(crate) fn host_has_reset(&mut self) {
        self.state = self.state & !RSTI | RSTD;
    }

    /// Resets the virtual function's end. A driver that resets its function sees again that the physical function has been
    /// through its own reset: stock drivers wait for that.
    pub(crate) fn function_resets(&mut self) {
        self.state &= !VFU;
        self.state |= if self.state & RSTI == 0 { RSTD } else { 0 };
        self.pending = Pending { reset: true, ..Pending::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_clears_what_happened_but_not_a_reset_in_progress() {
        let mut mailbox = Mailbox::default();
        mailbox.host_resets();
        assert_eq!([mailbox.read(), mailbox.read()], [RSTI, RSTI]);
        mailbox.host_has_reset();
        mailbox.send(&[7]);
        mailbox.receive();
        assert_eq!([mailbox.read(), mailbox.read()], [RSTD | PFSTS | PFACK, 0]);
    }

    #[test]
    fn a_request_gives_the_buffer_back() {
        let mut mailbox = Mailbox::default();
        assert!(!mailbox.set_word(0, 1) && !mailbox.write(REQ), "it was not taken");
        assert!(mailbox.write(VFU) && mailbox.is_taken());
        assert!(mailbox.set_word(15, 9) && !{ mailbox.pending.ack });
        assert!(mailbox.write(REQ) && !mailbox.is_taken());
        assert_eq!((mailbox.receive()[15], mailbox.pending.request), (9, true));
    }
}
