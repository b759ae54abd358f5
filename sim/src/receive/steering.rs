//! The choice of a queue for a received frame, by the first filter in the order of precedence (datasheet 7.1.2).
//!
//! The order is EtherType filters, five-tuple filters and the SYN filter, Flow Director, RSS. That the first three come
//! before Flow Director is in 8.2.3.21.14; the rest is as in the I210.

use crate::frame::headers::{Headers, headers, packet_type};
use crate::frame::vlan::Types;
use crate::receive::ethertype::EtherTypeFilters;
use crate::receive::five_tuple::FiveTupleFilters;
use crate::receive::flow_director::{self, FlowDirector};
use crate::receive::rss::Rss;
use crate::receive::syn::SynFilter;
use crate::registers::RegisterFile;

/// RSS_TYPE of a descriptor that holds a report of Flow Director in place of the hash.
const FLOW_DIRECTOR_REPORT: u32 = 15;

/// What chooses the queue of a received frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The EtherType filter with this index, which has a queue.
    EtherType(u8),
    /// The filter for SYN packets.
    Syn,
    /// The five-tuple filter with this index.
    FiveTuple(u8),
    /// A filter of Flow Director.
    FlowDirector {
        /// The filter's signature or software index.
        id: u16,
        /// `true` if the filter drops: the queue is FDIRCTRL.Drop-queue.
        drop: bool,
    },
    /// RSS, with this hash.
    Rss(u32),
    /// Nothing: frames without a hash go to queue 0.
    Default,
}

/// The queue for a frame that passes the filters of layer 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// The queue's index. A queue that is not enabled loses the frame.
    pub queue: usize,
    /// What chose the queue.
    pub decision: Decision,
}

/// The filters, read from the registers once for many frames.
#[derive(Default)]
pub(crate) struct Steering {
    rss: Rss,
    ether_types: EtherTypeFilters,
    five_tuples: FiveTupleFilters,
    syn: Option<SynFilter>,
    pub(crate) flow_director: FlowDirector,
    /// `true` if anything but RSS may choose a queue.
    filtering: bool,
}

/// A frame's queue, and what its descriptor reports of it.
pub(crate) struct Steered {
    pub(crate) destination: Destination,
    /// The headers, none for a frame that matches an EtherType filter.
    pub(crate) headers: Headers,
    /// The packet type and RSS_TYPE of the write-back.
    pub(crate) kind: u32,
    /// The RSS hash, or the report of Flow Director.
    pub(crate) hash: u32,
    /// What Flow Director adds to the status and error bits of the write-back.
    pub(crate) status: u64,
    /// `true` if a filter of Flow Director matches, if the frame was looked up.
    looked_up: Option<bool>,
}

impl Steering {
    /// Resets the filters. The tables of RSS stay valid as long as its key is the same.
    pub(crate) fn reset(&mut self) {
        *self = Self { rss: std::mem::take(&mut self.rss), ..Self::default() };
    }

    /// Rereads the registers.
    pub(crate) fn update(&mut self, registers: &RegisterFile) {
        self.rss.update(registers);
        self.ether_types.update(registers);
        self.five_tuples.update(registers);
        self.syn = SynFilter::new(registers);
        self.filtering = !self.ether_types.is_empty()
            || !self.five_tuples.is_empty()
            || self.syn.is_some()
            || self.flow_director.is_ready();
    }

    /// Chooses the queue of a frame, whose VLAN tags have the types `tags`.
    #[inline(always)]
    pub(crate) fn steer(&self, frame: &[u8], tags: Types, registers: &RegisterFile) -> Steered {
        match self.filtering {
            false => self.steer_by_hash(frame, tags),
            true => self.steer_by_filters(frame, tags, registers),
        }
    }

    /// Chooses the queue by RSS alone.
    #[inline(always)]
    fn steer_by_hash(&self, frame: &[u8], tags: Types) -> Steered {
        let headers = headers(frame, tags);
        let (queue, hash, hash_type) = self.rss.queue(frame, &headers);
        let decision = if hash_type == 0 { Decision::Default } else { Decision::Rss(hash) };
        let (destination, kind) = (Destination { queue, decision }, headers.packet_type | hash_type);
        Steered { destination, headers, kind, hash, status: 0, looked_up: None }
    }

    /// Chooses the queue by the first of all filters.
    #[inline(never)]
    fn steer_by_filters(&self, frame: &[u8], tags: Types, registers: &RegisterFile) -> Steered {
        // For the device, a frame that matches an EtherType filter has nothing behind layer 2.
        if let Some(filter) = self.ether_types.find(frame, tags) {
            let decision = filter.queue.map_or(Decision::Default, |_| Decision::EtherType(filter.index));
            return Steered {
                destination: Destination { queue: filter.queue.unwrap_or(0), decision },
                headers: Headers::default(),
                kind: packet_type::LAYER_2 | u32::from(filter.index) << 4,
                hash: 0,
                status: 0,
                looked_up: None,
            };
        }
        let mut steered = self.steer_by_hash(frame, tags);
        self.look_up(&mut steered, frame, tags, registers);
        let five_tuple = self.five_tuples.find(frame, &steered.headers);
        let five_tuple = five_tuple.map(|filter| (filter.queue, Decision::FiveTuple(filter.index)));
        let syn = self.syn.filter(|_| SynFilter::matches(frame, &steered.headers));
        let chosen = match syn.map(|filter| (filter.first, (filter.queue, Decision::Syn))) {
            Some((true, syn)) => Some(syn),
            Some((false, syn)) => five_tuple.or(Some(syn)),
            None => five_tuple,
        };
        if let Some((queue, decision)) = chosen {
            steered.destination = Destination { queue, decision };
        }
        steered
    }

    /// Looks a frame up in Flow Director. It counts and reports the filter that matches also if another one chooses
    /// the queue (8.2.3.21.14).
    fn look_up(&self, steered: &mut Steered, frame: &[u8], tags: Types, registers: &RegisterFile) {
        let Some(lookup) = self.flow_director.look_up(frame, &steered.headers, tags, registers) else { return };
        steered.looked_up = Some(lookup.matched.is_some());
        if let Some(report) = lookup.report {
            steered.kind = steered.headers.packet_type | FLOW_DIRECTOR_REPORT;
            steered.hash = report;
        }
        let Some(filter) = lookup.matched else { return };
        steered.status = filter.status;
        if let Some(queue) = filter.queue {
            let decision = Decision::FlowDirector { id: filter.id, drop: filter.drop };
            steered.destination = Destination { queue, decision };
        }
    }
}

impl Steered {
    /// Counts the result of Flow Director, once the frame has found its end.
    #[inline]
    pub(crate) fn count(&self, registers: &mut RegisterFile) {
        if let Some(matched) = self.looked_up {
            flow_director::count(matched, registers);
        }
    }
}
