//! The rules that a device has, and the places in its tables where they are. No register is touched here.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::device::Config;
use crate::device::filter::flow_director::{FlowKind, Settings};
use crate::device::filter::tuple::{Hashes, Tuple};
use crate::device::filter::{
    ADDRESSES, Accept, Action, ETHER_TYPES, EtherType, FIVE_TUPLES, FilterError, FiveTuple, FlowFields, Rule, Table,
    VlanId,
};
use crate::device::ptp::PTP_FILTER;
use crate::registers::RxQueue;

/// The rules of a device.
#[derive(Debug)]
pub(super) struct Rules {
    /// Unicast and multicast addresses with the number of their rules. Entry n is entry n + 1 of RAL and RAH.
    addresses: Vec<Option<([u8; 6], usize)>>,
    /// Multicast addresses in MTA, with the number of their rules.
    hashed: BTreeMap<[u8; 6], usize>,
    /// VLANs with the number of their rules.
    vlans: BTreeMap<VlanId, usize>,
    all_unicast: usize,
    all_multicast: usize,
    ether_types: [Option<(EtherType, RxQueue)>; ETHER_TYPES + 1],
    five_tuples: Vec<Option<(FiveTuple, RxQueue)>>,
    flows: Option<Flows>,
    /// What the configuration and [`Control::set_promiscuous`](crate::device::Control::set_promiscuous) ask for.
    pub(super) promiscuous: bool,
    pub(super) multicast: bool,
    queues: usize,
}

/// The place of a rule: what has to be written when it comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    /// An entry of RAL and RAH, 1 to 127.
    Address(usize),
    /// A register of MTA.
    Hashed(usize),
    /// A register of VFTA.
    Vlans(usize),
    /// FCTRL.
    Modes,
    /// An entry of ETQF and ETQS.
    EtherType(usize),
    /// An entry of FTQF and its registers.
    FiveTuple(usize),
    /// A filter of Flow Director.
    Flow(FlowSlot),
}

/// A filter of Flow Director, as the device knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlowSlot {
    pub(super) tuple: Tuple,
    pub(super) hashes: Hashes,
    /// The index of a perfect filter.
    pub(super) index: u16,
}

/// The filters of Flow Director.
#[derive(Debug)]
pub(super) struct Flows {
    pub(super) settings: Settings,
    /// Perfect filters by what they compare.
    perfect: BTreeMap<Tuple, Flow>,
    /// Signature filters by their hashes.
    signature: BTreeMap<Hashes, Flow>,
    /// Indices that are free, of those below `next`.
    free: Vec<u16>,
    next: u16,
    /// The number of filters that the device did not remove. They go with its next reset.
    stuck: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) slot: FlowSlot,
    fields: FlowFields,
    pub(super) action: Action,
}

impl Rules {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            addresses: Vec::new(),
            hashed: BTreeMap::new(),
            vlans: BTreeMap::new(),
            all_unicast: 0,
            all_multicast: 0,
            ether_types: [None; ETHER_TYPES + 1],
            five_tuples: Vec::new(),
            flows: config.flow_director.map(Flows::new),
            promiscuous: config.promiscuous,
            multicast: config.multicast,
            queues: config.rx_queues,
        }
    }

    /// Adds a rule. Returns its place.
    pub(super) fn add(&mut self, rule: &Rule) -> Result<Slot, FilterError> {
        if let Some(Action::Queue(queue)) = rule.action() {
            let (queue, queues) = (queue.get(), self.queues);
            if queue >= queues {
                return Err(FilterError::QueueNotRunning { queue, queues });
            }
        }
        match *rule {
            Rule::Accept(accept) => self.accept(accept),
            Rule::EtherType(ether_type, queue) => self.add_ether_type(ether_type, queue),
            Rule::FiveTuple(filter, queue) => self.add_five_tuple(filter, queue),
            Rule::Flow(fields, action) => {
                let flows = self.flows.as_mut().ok_or(FilterError::NoFlowDirector)?;
                flows.add(fields, action).map(Slot::Flow)
            }
        }
    }

    /// Removes a rule that was added, and is at `slot`.
    pub(super) fn remove(&mut self, rule: &Rule, slot: Slot) {
        match (*rule, slot) {
            (Rule::Accept(Accept::Unicast(_) | Accept::Multicast(_)), Slot::Address(entry)) => {
                let entry = entry.checked_sub(1).and_then(|entry| self.addresses.get_mut(entry));
                if let Some(entry) = entry {
                    *entry = entry.and_then(|(address, count)| (count > 1).then_some((address, count - 1)));
                }
            }
            (Rule::Accept(Accept::MulticastHash(address)), _) => drop_one(&mut self.hashed, address),
            (Rule::Accept(Accept::Vlan(id)), _) => drop_one(&mut self.vlans, id),
            (Rule::Accept(Accept::AllUnicast), _) => self.all_unicast = self.all_unicast.saturating_sub(1),
            (Rule::Accept(Accept::AllMulticast), _) => self.all_multicast = self.all_multicast.saturating_sub(1),
            (_, Slot::EtherType(entry)) => self.ether_types.get_mut(entry).into_iter().for_each(|entry| *entry = None),
            (_, Slot::FiveTuple(entry)) => self.five_tuples.get_mut(entry).into_iter().for_each(|entry| *entry = None),
            (_, Slot::Flow(slot)) => {
                if let Some(flows) = &mut self.flows {
                    flows.remove(&slot);
                }
            }
            _ => {}
        }
    }

    /// Returns all places that have a rule.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let addresses = (1..).zip(&self.addresses).filter(|(_, entry)| entry.is_some());
        let hashed: BTreeSet<usize> = self.hashed.keys().map(|address| bit(*address) / 32).collect();
        let vlans: BTreeSet<usize> = self.vlans.keys().map(|id| usize::from(id.get()) / 32).collect();
        let mut all: Vec<_> = addresses.map(|(entry, _)| Slot::Address(entry)).collect();
        all.extend(hashed.into_iter().map(Slot::Hashed));
        all.extend(vlans.into_iter().map(Slot::Vlans));
        let ether_types = self.ether_types.iter().enumerate().filter(|(_, entry)| entry.is_some());
        all.extend(ether_types.map(|(entry, _)| Slot::EtherType(entry)));
        let five_tuples = self.five_tuples.iter().enumerate().filter(|(_, entry)| entry.is_some());
        all.extend(five_tuples.map(|(entry, _)| Slot::FiveTuple(entry)));
        let flows = self.flows.iter().flat_map(|flows| flows.perfect.values().chain(flows.signature.values()));
        all.extend(flows.map(|flow| Slot::Flow(flow.slot)));
        if self.all_unicast + self.all_multicast > 0 {
            all.push(Slot::Modes);
        }
        all
    }

    fn accept(&mut self, accept: Accept) -> Result<Slot, FilterError> {
        accept.check()?;
        Ok(match accept {
            Accept::Unicast(address) | Accept::Multicast(address) => Slot::Address(self.add_address(address)?),
            Accept::MulticastHash(address) => {
                *self.hashed.entry(address).or_default() += 1;
                Slot::Hashed(bit(address) / 32)
            }
            Accept::Vlan(id) => {
                *self.vlans.entry(id).or_default() += 1;
                Slot::Vlans(usize::from(id.get()) / 32)
            }
            Accept::AllUnicast => {
                self.all_unicast += 1;
                Slot::Modes
            }
            Accept::AllMulticast => {
                self.all_multicast += 1;
                Slot::Modes
            }
        })
    }

    fn add_address(&mut self, address: [u8; 6]) -> Result<usize, FilterError> {
        let has = |entry: &Option<([u8; 6], usize)>| entry.is_some_and(|(old, _)| old == address);
        let place = self.addresses.iter().position(has).or_else(|| self.addresses.iter().position(Option::is_none));
        let place = place.unwrap_or(self.addresses.len());
        if place == ADDRESSES {
            return Err(FilterError::TableFull { table: Table::Addresses, len: ADDRESSES });
        }
        match self.addresses.get_mut(place) {
            Some(entry) => *entry = Some((address, entry.map_or(0, |(_, count)| count) + 1)),
            None => self.addresses.push(Some((address, 1))),
        }
        Ok(place + 1)
    }

    fn add_ether_type(&mut self, ether_type: EtherType, queue: RxQueue) -> Result<Slot, FilterError> {
        if self.ether_type(ether_type.get()).is_some() {
            return Err(FilterError::Repeated { table: Table::EtherTypes });
        }
        let mut entries = self.ether_types.iter_mut().enumerate();
        let free = entries.find(|(index, entry)| *index != PTP_FILTER.get() && entry.is_none());
        let Some((index, entry)) = free else {
            return Err(FilterError::TableFull { table: Table::EtherTypes, len: ETHER_TYPES });
        };
        *entry = Some((ether_type, queue));
        Ok(Slot::EtherType(index))
    }

    fn add_five_tuple(&mut self, filter: FiveTuple, queue: RxQueue) -> Result<Slot, FilterError> {
        for (other, _) in self.five_tuples.iter().flatten().filter(|(other, _)| other.priority == filter.priority) {
            if *other == filter {
                return Err(FilterError::Repeated { table: Table::FiveTuples });
            }
            if other.overlaps(filter) {
                return Err(FilterError::Overlap { priority: filter.priority.get() });
            }
        }
        let free = self.five_tuples.iter().position(Option::is_none).unwrap_or(self.five_tuples.len());
        match self.five_tuples.get_mut(free) {
            Some(entry) => *entry = Some((filter, queue)),
            None if free < FIVE_TUPLES => self.five_tuples.push(Some((filter, queue))),
            None => return Err(FilterError::TableFull { table: Table::FiveTuples, len: FIVE_TUPLES }),
        }
        Ok(Slot::FiveTuple(free))
    }

    // What the registers must have.

    /// Returns the address in an entry of RAL and RAH, which is not entry 0.
    pub(super) fn address(&self, entry: usize) -> Option<[u8; 6]> {
        Some((*self.addresses.get(entry.checked_sub(1)?)?)?.0)
    }

    /// Returns a register of MTA.
    pub(super) fn hashed_word(&self, register: usize) -> u32 {
        let bits = self.hashed.keys().map(|address| bit(*address)).filter(|bit| bit / 32 == register);
        bits.fold(0, |word, bit| word | 1 << (bit % 32))
    }

    /// Returns `true` if MTA is used.
    pub(super) fn has_hashed(&self) -> bool {
        !self.hashed.is_empty()
    }

    /// Returns a register of VFTA. VLAN id 0, of frames with a priority only, belongs to every set of VLANs.
    pub(super) fn vlan_word(&self, register: usize) -> u32 {
        let none = self.has_vlans().then_some(0).into_iter();
        let ids = none.chain(self.vlans.keys().map(|id| usize::from(id.get())));
        ids.filter(|id| id / 32 == register).fold(0, |word, id| word | 1 << (id % 32))
    }

    /// Returns `true` if VLANs are filtered.
    pub(super) fn has_vlans(&self) -> bool {
        !self.vlans.is_empty()
    }

    /// Returns `true` if the device is to accept all unicast frames.
    pub(super) fn accepts_all_unicast(&self) -> bool {
        self.promiscuous || self.all_unicast > 0
    }

    /// Returns `true` if the device is to accept all multicast frames.
    pub(super) fn accepts_all_multicast(&self) -> bool {
        self.promiscuous || self.multicast || self.all_multicast > 0
    }

    pub(super) fn ether_type_at(&self, entry: usize) -> Option<(EtherType, RxQueue)> {
        *self.ether_types.get(entry)?
    }

    pub(super) fn five_tuple_at(&self, entry: usize) -> Option<(FiveTuple, RxQueue)> {
        *self.five_tuples.get(entry)?
    }

    pub(super) fn flows(&self) -> Option<&Flows> {
        self.flows.as_ref()
    }

    pub(super) fn flows_mut(&mut self) -> Option<&mut Flows> {
        self.flows.as_mut()
    }

    // Which rule matches a frame.

    /// Returns the rule that accepts frames for `address`, a unicast or multicast address.
    pub(super) fn accepting(&self, address: [u8; 6]) -> Option<Accept> {
        let is_group = address[0] & 1 != 0;
        if self.addresses.iter().flatten().any(|(entry, _)| *entry == address) {
            return Some(if is_group { Accept::Multicast(address) } else { Accept::Unicast(address) });
        }
        let hashed = || self.hashed.keys().find(|entry| bit(**entry) == bit(address)).copied();
        if is_group && let Some(entry) = hashed() {
            return Some(Accept::MulticastHash(entry));
        }
        match is_group {
            true => (self.all_multicast > 0).then_some(Accept::AllMulticast),
            false => (self.all_unicast > 0).then_some(Accept::AllUnicast),
        }
    }

    /// Returns `true` if frames with this VLAN id pass.
    pub(super) fn accepts_vlan(&self, id: u16) -> bool {
        !self.has_vlans() || id == 0 || VlanId::new(id).is_ok_and(|id| self.vlans.contains_key(&id))
    }

    /// Returns the filter for an EtherType.
    pub(super) fn ether_type(&self, ether_type: u16) -> Option<(EtherType, RxQueue)> {
        self.ether_types.iter().flatten().find(|(entry, _)| entry.get() == ether_type).copied()
    }

    /// Returns the five-tuple filters.
    pub(super) fn five_tuples(&self) -> impl Iterator<Item = (FiveTuple, RxQueue)> {
        self.five_tuples.iter().flatten().copied()
    }
}

impl Flows {
    fn new(settings: Settings) -> Self {
        let (perfect, signature) = (BTreeMap::new(), BTreeMap::new());
        Self { settings, perfect, signature, free: Vec::new(), next: 0, stuck: 0 }
    }

    fn add(&mut self, fields: FlowFields, action: Action) -> Result<FlowSlot, FilterError> {
        let tuple = fields.tuple(&self.settings)?;
        let hashes = tuple.hashes(&self.settings);
        match (self.settings.kind, self.signature.get(&hashes)) {
            (FlowKind::Perfect, _) if !self.perfect.contains_key(&tuple) => {}
            (FlowKind::Signature, None) => {}
            (FlowKind::Signature, Some(other)) if other.slot.tuple != tuple => return Err(FilterError::Collision),
            _ => return Err(FilterError::Repeated { table: Table::Flows }),
        }
        let len = self.settings.capacity();
        if self.perfect.len() + self.signature.len() + self.stuck >= len {
            return Err(FilterError::TableFull { table: Table::Flows, len });
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let slot = FlowSlot { tuple, hashes, index };
        let flow = Flow { slot, fields, action };
        match self.settings.kind {
            FlowKind::Perfect => _ = self.perfect.insert(tuple, flow),
            FlowKind::Signature => _ = self.signature.insert(hashes, flow),
        }
        Ok(slot)
    }

    fn remove(&mut self, slot: &FlowSlot) {
        let removed = match self.settings.kind {
            FlowKind::Perfect => self.perfect.remove(&slot.tuple),
            FlowKind::Signature => self.signature.remove(&slot.hashes),
        };
        self.free.extend(removed.map(|flow| flow.slot.index));
    }

    /// Notes that the device still has the filter at `slot`, which was removed here.
    pub(super) fn keep_stuck(&mut self, slot: &FlowSlot) {
        self.free.retain(|index| *index != slot.index);
        self.stuck += 1;
    }

    /// Notes that the device was reset, and has no filter any more.
    pub(super) fn forget_stuck(&mut self) {
        self.stuck = 0;
        let used: BTreeSet<u16> =
            self.perfect.values().chain(self.signature.values()).map(|flow| flow.slot.index).collect();
        self.next = used.last().map_or(0, |last| last + 1);
        self.free = (0..self.next).filter(|index| !used.contains(index)).collect();
    }

    /// Returns the filter at `slot`.
    pub(super) fn at(&self, slot: &FlowSlot) -> Option<&Flow> {
        match self.settings.kind {
            FlowKind::Perfect => self.perfect.get(&slot.tuple),
            FlowKind::Signature => self.signature.get(&slot.hashes),
        }
    }

    /// Returns the rule that decides over packets with these fields.
    pub(super) fn matching(&self, tuple: &Tuple) -> Option<Rule> {
        let flow = match self.settings.kind {
            FlowKind::Perfect => self.perfect.get(tuple),
            FlowKind::Signature => self.signature.get(&tuple.hashes(&self.settings)),
        };
        flow.map(|flow| Rule::Flow(flow.fields, flow.action))
    }
}

/// Returns the bit of MTA for an address: its upper 12 bits on the wire (MCSTCTRL.MO is 0).
fn bit(address: [u8; 6]) -> usize {
    let [_, _, _, _, e, f] = address.map(usize::from);
    (e >> 4 | f << 4) & 0xfff
}

/// Removes one of the rules for `key`.
fn drop_one<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    match counts.get_mut(&key) {
        Some(count @ 2..) => *count -= 1,
        _ => _ = counts.remove(&key),
    }
}
