//! What happens: the steps of a test, and the device that it is for.

use proptest::prelude::*;

use crate::fake::{
    self,
    host::{self, NEEDS_CSUM},
};

/// Numbers that choose the next of the buffers that the device has: the oldest if all are 0.
pub type Order = Vec<usize>;

/// What a packet asks for.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    Nothing,
    IpChecksum,
    Checksums,
    Segments(u16),
    /// No VirtIO device does this.
    TimeStamp,
}

/// A packet that the program makes.
#[derive(Debug, Clone)]
pub struct Made {
    pub pool: usize,
    pub headroom: usize,
    /// The bytes behind its headers, and how many of them, and of the headers, lie in the first segment.
    pub payload: usize,
    pub first: usize,
    /// The length of the other segments, which is 0 if the last one is.
    pub others: usize,
    pub is_tcp: bool,
    pub is_ipv6: bool,
    pub asked: Asked,
}

#[derive(Debug, Clone)]
pub enum Step {
    /// The device fills buffers: each frame has some, with that many bytes in each.
    Arrive {
        frames: Vec<(Vec<usize>, u8)>,
        order: Order,
    },
    /// The device shows the first used buffers of a queue.
    Show {
        queue: usize,
        count: usize,
    },
    Receive {
        capacity: usize,
        with_metadata: bool,
    },
    /// What was received is to be sent on.
    Forward,
    Make(Vec<Made>),
    Send {
        with_requests: bool,
    },
    /// The device returns sent packets.
    Return {
        order: Order,
    },
    Restart {
        queue: usize,
    },
    /// The device returns what it may not have, or with a length that cannot be, or writes a number of buffers.
    Lie {
        queue: usize,
        id: u16,
        len: u32,
        buffers: Option<u16>,
    },
}

#[derive(Debug, Clone)]
pub struct Setup {
    pub features: u128,
    pub sizes: [u16; 2],
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![2 => prop::collection::vec(Just(0), 0..12), 1 => prop::collection::vec(0..8usize, 0..12)]
}

fn arrive() -> impl Strategy<Value = Step> {
    let len = prop_oneof![4 => 14..300usize, 1 => 1..20usize, 1 => Just(2036)];
    let buffers = prop_oneof![
        4 => prop::collection::vec(len.clone(), 1..=1),
        2 => prop::collection::vec(len.clone(), 2..5),
        1 => prop::collection::vec(len, 1..70),
    ];
    let flags = prop_oneof![2 => Just(0), 1 => Just(host::DATA_VALID), 1 => Just(NEEDS_CSUM)];
    (prop::collection::vec((buffers, flags), 1..6), order()).prop_map(|(frames, order)| Step::Arrive { frames, order })
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        4 => Just(Asked::Nothing),
        1 => Just(Asked::IpChecksum),
        3 => Just(Asked::Checksums),
        2 => (1..200u16).prop_map(Asked::Segments),
        1 => Just(Asked::TimeStamp),
    ]
}

fn made() -> impl Strategy<Value = Made> {
    let headroom = prop_oneof![4 => Just(128), 2 => 0..20usize, 1 => 100..200usize];
    let first = prop_oneof![4 => Just(usize::MAX), 1 => 0..30usize, 3 => 74..200usize];
    let others = prop_oneof![1 => Just(0), 3 => 8..30usize, 8 => 100..600usize];
    let pool = prop_oneof![6 => Just(0), 2 => Just(1), 1 => Just(2)];
    (pool, headroom, 0..600usize, first, others, any::<bool>(), any::<bool>(), asked()).prop_map(
        |(pool, headroom, payload, first, others, is_tcp, is_ipv6, asked)| Made {
            pool,
            headroom,
            payload,
            first,
            others,
            is_tcp,
            is_ipv6,
            asked,
        },
    )
}

/// Returns steps that make packets, most of which are like the one before.
fn make() -> impl Strategy<Value = Step> {
    let runs = prop::collection::vec((made(), 1..6usize), 1..4);
    runs.prop_map(|runs| Step::Make(runs.into_iter().flat_map(|(made, count)| vec![made; count]).collect()))
}

pub fn step(lies: u32) -> impl Strategy<Value = Step> {
    let id = prop_oneof![2 => 0..10u16, 1 => any::<u16>()];
    let len = prop_oneof![2 => 0..100u32, 1 => 2000..2100u32, 1 => Just(u32::MAX), 1 => any::<u32>()];
    let buffers = prop::option::of(prop_oneof![2 => 0..9u16, 1 => 60..70u16, 1 => any::<u16>()]);
    let lie = (0..2usize, id, len, buffers);
    prop_oneof![
        6 => arrive(),
        6 => (0..2usize, prop_oneof![1 => 0..4usize, 3 => Just(usize::MAX)])
            .prop_map(|(queue, count)| Step::Show { queue, count }),
        6 => (0..12usize, any::<bool>()).prop_map(|(capacity, with_metadata)| Step::Receive { capacity, with_metadata }),
        3 => Just(Step::Forward),
        5 => make(),
        6 => any::<bool>().prop_map(|with_requests| Step::Send { with_requests }),
        6 => order().prop_map(|order| Step::Return { order }),
        1 => (0..2usize).prop_map(|queue| Step::Restart { queue }),
        lies => lie.prop_map(|(queue, id, len, buffers)| Step::Lie { queue, id, len, buffers }),
    ]
}

pub fn setup() -> impl Strategy<Value = Setup> {
    let size = prop_oneof![1 => 1..9u16, 2 => Just(8), 1 => Just(16), 1 => Just(64), 1 => Just(128)];
    let feature = |feature: u128| prop_oneof![Just(0), Just(feature)];
    let receiving = feature(fake::GUEST_CSUM);
    let features = (feature(fake::EVENT_IDX), prop_oneof![1 => Just(0), 3 => Just(fake::MRG_RXBUF)], receiving);
    (features, size.clone(), size).prop_map(|((event, mergeable, receiving), receive, transmit)| Setup {
        features: fake::VERSION_1 | fake::MAC | fake::RING_RESET | fake::SENDING | event | mergeable | receiving,
        sizes: [receive, transmit],
    })
}
