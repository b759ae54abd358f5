//! The true fate of every frame, against which tests check the statistics registers.

/// Counts of the frames at one port by their fate. Nothing clears them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames that arrived from the wire.
    pub frames_in: u64,
    /// Frames written to memory completely, with their descriptors written back.
    pub delivered: u64,
    /// Bytes of the delivered frames, as written.
    pub delivered_bytes: u64,
    /// Frames lost because reception was off, there was no link, or a reset cleared the packet buffer.
    pub dropped_not_receiving: u64,
    /// Frames lost for a wrong CRC.
    pub dropped_crc: u64,
    /// Frames lost for being shorter than 64 bytes with CRC.
    pub dropped_short: u64,
    /// Frames lost for being longer than allowed.
    pub dropped_long: u64,
    /// Frames that no MAC sends, and no register counts: empty, or of more than 16,384 bytes with CRC.
    pub dropped_unfit: u64,
    /// Frames that the address or VLAN filters rejected.
    pub dropped_filter: u64,
    /// Frames for a queue that is not enabled.
    pub dropped_no_queue: u64,
    /// Frames lost because the queue had no descriptors and SRRCTL.DROP_EN was set.
    pub dropped_no_descriptor: u64,
    /// Frames lost because the packet buffer was full.
    pub missed: u64,
    /// Frames that could not be written to memory.
    pub dropped_dma: u64,
    /// Frames now waiting in the packet buffer.
    pub waiting: u64,
    /// Frames sent to the wire.
    pub transmitted: u64,
    /// Bytes of the transmitted frames, without CRC.
    pub transmitted_bytes: u64,
    /// Packets that the driver posted and that could not be sent.
    pub transmit_dropped: u64,
}
