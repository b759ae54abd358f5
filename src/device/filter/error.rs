//! Reasons why a rule cannot be added.

use core::fmt;

use crate::device::filter::FlowKind;
use crate::device::mac::MacAddress;

/// A rule that the device cannot have, or not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterError {
    /// The rule names a receive queue that does not run.
    QueueNotRunning {
        /// The queue.
        queue: usize,
        /// The number of receive queues.
        queues: usize,
    },
    /// The table that the rule needs is full.
    TableFull {
        /// The table.
        table: Table,
        /// The number of its entries.
        len: usize,
    },
    /// The device has a rule that matches the same.
    Repeated {
        /// The table that has the rule.
        table: Table,
    },
    /// Another five-tuple filter of the same priority matches some of the same packets. The datasheet does not say
    /// which of the two would decide.
    Overlap {
        /// The priority of both.
        priority: u8,
    },
    /// A signature filter of another flow has the same hashes, so the device cannot tell the two apart.
    Collision,
    /// [`Accept::Unicast`](crate::device::filter::Accept::Unicast) names a group address, or zero.
    NotUnicast {
        /// The address.
        address: [u8; 6],
    },
    /// A multicast rule names a unicast address, or the broadcast address, which is always accepted.
    NotMulticast {
        /// The address.
        address: [u8; 6],
    },
    /// A VLAN id is not 1 to 4094.
    VlanId {
        /// The id.
        id: u16,
    },
    /// A priority in a VLAN tag is not 0 to 7.
    VlanPriority {
        /// The priority.
        priority: u8,
    },
    /// An EtherType is a length, belongs to IP or VLAN tags, or to the driver's filter for PTP.
    EtherType {
        /// The type.
        ether_type: u16,
    },
    /// The priority of a five-tuple filter is not 1 to 7.
    Priority {
        /// The priority.
        priority: u8,
    },
    /// The place of flexible bytes is odd, or above 62.
    FlexibleBytes {
        /// The offset in bytes.
        offset: usize,
    },
    /// The device was started without [`Config::flow_director`](crate::device::Config::flow_director).
    NoFlowDirector,
    /// The flow is of another kind than the device's filters.
    FlowKind {
        /// The kind of the device's filters.
        configured: FlowKind,
    },
    /// The flow does not give a field that is compared.
    FieldMissing {
        /// The field.
        field: &'static str,
    },
    /// The flow gives a field, or bits of it, that are not compared.
    FieldNotCompared {
        /// The field.
        field: &'static str,
    },
    /// One address of the flow is of IPv4, the other of IPv6.
    IpVersions,
}

/// A table of the device that holds rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Table {
    /// Unicast and exact multicast addresses (RAL, RAH).
    Addresses,
    /// EtherType filters (ETQF).
    EtherTypes,
    /// Five-tuple filters (FTQF).
    FiveTuples,
    /// Flow Director.
    Flows,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Addresses => "addresses",
            Self::EtherTypes => "EtherType filters",
            Self::FiveTuples => "five-tuple filters",
            Self::Flows => "Flow Director filters",
        })
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::QueueNotRunning { queue, queues } => write!(
                f,
                "invalid queue: receive queue {queue} does not run; the device has {queues} receive queues, counted \
                 from 0"
            ),
            Self::TableFull { table, len } => write!(f, "the table of {table} is full: it has {len} entries"),
            Self::Repeated { table } => write!(f, "the table of {table} has a rule that matches the same"),
            Self::Overlap { priority } => write!(
                f,
                "another five-tuple filter of priority {priority} matches some of the same packets: give them different \
                 priorities"
            ),
            Self::Collision => {
                f.write_str("a signature filter of another flow has the same hashes: use perfect filters")
            }
            Self::NotUnicast { address } => {
                write!(f, "invalid address {}: it must be a unicast address other than zero", MacAddress(address))
            }
            Self::NotMulticast { address } => {
                write!(
                    f,
                    "invalid address {}: it must be a multicast address other than broadcast",
                    MacAddress(address)
                )
            }
            Self::VlanId { id } => write!(f, "invalid VLAN id {id}: it must be 1 to 4094"),
            Self::VlanPriority { priority } => write!(f, "invalid VLAN priority {priority}: it must be 0 to 7"),
            Self::EtherType { ether_type } => {
                write!(f, "invalid EtherType {ether_type:#06x}: it must be 0x0600 or more, not IP, a VLAN tag, or PTP")
            }
            Self::Priority { priority } => write!(f, "invalid priority {priority}: it must be 1 to 7"),
            Self::FlexibleBytes { offset } => {
                write!(f, "invalid place of flexible bytes {offset}: it must be even, 0 to 62")
            }
            Self::NoFlowDirector => {
                f.write_str("the device has no memory for flows: set Config::flow_director before it starts")
            }
            Self::FlowKind { configured } => {
                let kind = match configured {
                    FlowKind::Perfect => "perfect",
                    FlowKind::Signature => "signature",
                };
                write!(f, "Config::flow_director chose {kind} filters: add flows of that kind")
            }
            Self::FieldMissing { field } => {
                write!(f, "invalid flow: its {field} is missing, which Config::flow_director compares")
            }
            Self::FieldNotCompared { field } => {
                write!(f, "invalid flow: Config::flow_director does not compare its {field}, or some bits of it")
            }
            Self::IpVersions => f.write_str("invalid flow: its addresses are of two versions of IP"),
        }
    }
}

impl core::error::Error for FilterError {}
