//! The rows: what traffic goes through which calls, beside which baseline, for at most how many instructions.

use crate::calls::{
    in_place, metadata, owned, pool, pool_outputs, pool_receive, pool_transmit, pools_forward, pools_transmit,
    raw_accesses, requests, typed_accesses,
};
use crate::floors;
use crate::plain::Addresses;
use crate::traffic::{Lengths, Phase, Random};
use crate::virtio;
use crate::work::{Byte, DropSome, Hash, Prepend, SwapMacs, Touch, Trim, Ttl, Work};

/// The table of docs/performance.md that a row is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Rows,
    /// Its rows have no baseline: in its place is the same driver over packed rings.
    Virtio,
}

/// One case.
#[derive(Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    pub table: Table,
    /// Runs the driver, or its baseline, and returns how many packets went through counted calls.
    pub driver: fn(&Row) -> usize,
    pub floor: fn(&Row) -> usize,
    /// Most instructions per packet that issue and documentation ask for, if they do.
    pub goal: Option<f64>,
    /// Packets that the figure is the mean over, at least.
    pub packets: usize,
    /// Most packets per call: the batch's capacity.
    pub most: usize,
    /// How many packets wait when a call begins, from and to.
    pub waiting: (usize, usize),
    pub phase: Phase,
    pub lengths: Lengths,
    /// Percent of the packets that are dropped.
    pub drops: usize,
    pub outputs: usize,
    /// Consecutive packets for the same output or of the same pool; 0 for chance.
    pub run: usize,
    pub pools: usize,
    /// Receive queues, which take turns.
    pub queues: usize,
    /// Buffers per frame.
    pub segments: usize,
    /// Descriptors of each ring.
    pub ring: usize,
    pub addresses: Addresses,
}

impl Row {
    /// Returns the pool of one packet after the other.
    pub fn choice(&self) -> impl FnMut() -> usize + use<> {
        let (pools, run, mut random) = (self.pools, self.run, Random::new());
        let mut packets = 0..;
        move || match run {
            0 => random.below(pools),
            run => packets.next().map_or(0, |packet: usize| packet / run % pools),
        }
    }
}

/// With a pool, 32 packets wait and are forwarded.
const POOL: Row = Row {
    name: "",
    table: Table::Rows,
    driver: pool::<Touch>,
    floor: floors::pool::<Touch>,
    goal: None,
    packets: 1 << 14,
    most: 32,
    waiting: (32, 32),
    phase: Phase::At(0),
    lengths: Lengths::Shortest,
    drops: 0,
    outputs: 1,
    run: 1,
    pools: 1,
    queues: 1,
    segments: 1,
    ring: 512,
    addresses: Addresses::Identity,
};

/// The same in place.
const IN_PLACE: Row = Row { driver: in_place::<Touch>, floor: floors::in_place::<Touch>, ..POOL };

/// In place, to several outputs.
const OUTPUTS: Row = Row { driver: in_place::<Byte>, floor: floors::in_place_outputs::<Byte>, ..POOL };

/// With a pool and a batch per output.
const POOL_OUTPUTS: Row = Row { driver: pool_outputs, floor: floors::pool_outputs, ..POOL };

/// With a pool, and other work.
const fn pooled<W: Work>() -> Row {
    Row { driver: pool::<W>, floor: floors::pool::<W>, ..POOL }
}

/// In place, to one output or none.
const fn selecting<W: Work>() -> Row {
    Row { driver: in_place::<W>, floor: floors::in_place_or_drop::<W>, ..POOL }
}

/// Receiving with a pool.
const RECEIVE: Row = Row { driver: pool_receive, floor: floors::pool_receive, ..POOL };

/// Transmitting with a pool.
const TRANSMIT: Row = Row { driver: pool_transmit, floor: floors::pool_transmit, ..POOL };

/// Transmitting packets with requests, which are of as many kinds as there are `pools`.
const REQUESTS: Row = Row { driver: requests, floor: floors::requests, ..POOL };

/// Transmitting packets of `pools` pools, which change after `run` packets, or by chance if that is 0.
const fn pools_transmitted(pools: usize, run: usize) -> Row {
    Row { driver: pools_transmit, floor: floors::pools_transmit, pools, run, ..POOL }
}

/// The VirtIO driver with pools.
const VIRTIO: Row =
    Row { table: Table::Virtio, driver: virtio::forward::<false>, floor: virtio::forward::<true>, ..POOL };

const VIRTIO_RECEIVE: Row = Row { driver: virtio::receive::<false>, floor: virtio::receive::<true>, ..VIRTIO };
const VIRTIO_TRANSMIT: Row = Row { driver: virtio::transmit::<false>, floor: virtio::transmit::<true>, ..VIRTIO };
const VIRTIO_METADATA: Row = Row { driver: virtio::metadata::<false>, floor: virtio::metadata::<true>, ..VIRTIO };
const VIRTIO_COMPLETED: Row = Row { driver: virtio::completed::<false>, floor: virtio::completed::<true>, ..VIRTIO };
const VIRTIO_REQUESTS: Row = Row { driver: virtio::requests::<false>, floor: virtio::requests::<true>, ..VIRTIO };

/// What is nearest to real traffic: 1 to 64 packets wait, rings are anywhere, lengths are mixed, 1 % are dropped.
const fn random_mix(row: Row) -> Row {
    Row { most: 64, waiting: (1, 64), phase: Phase::Random, lengths: Lengths::Imix, drops: 1, ..row }
}

/// The rings are anywhere when a call begins.
const fn random_phase(row: Row) -> Row {
    Row { phase: Phase::Random, ..row }
}

/// `count` packets wait.
const fn waiting(count: usize, row: Row) -> Row {
    Row { waiting: (count, count), ..row }
}

/// A call takes at most `count` packets, and as many wait.
const fn capacity(count: usize, row: Row) -> Row {
    Row { most: count, waiting: (count, count), ..row }
}

/// 1 to 64 packets wait.
const fn random_waiting(row: Row) -> Row {
    Row { most: 64, waiting: (1, 64), ..row }
}

/// `outputs` outputs, whose number changes after `run` packets, or by chance if that is 0.
const fn outputs(outputs: usize, run: usize, row: Row) -> Row {
    Row { outputs, run, ..row }
}

const fn row(name: &'static str, goal: Option<f64>, row: Row) -> Row {
    Row { name, goal, ..row }
}

/// All rows, each with its goal.
pub const ROWS: &[Row] = &[
    row("pool, random mix", None, random_mix(pooled::<DropSome>())),
    row("in place, random mix", None, random_mix(selecting::<DropSome>())),
    row("pool, 32 at phase 0", Some(45.5), POOL),
    row("pool, 32 at phase 5", Some(46.5), Row { phase: Phase::At(5), ..POOL }),
    row("pool, 32 at a random phase", Some(46.5), random_phase(POOL)),
    row("pool, random 1 to 64 waiting", Some(47.0), random_waiting(POOL)),
    row("pool, IMIX lengths", Some(46.0), Row { lengths: Lengths::Imix, ..POOL }),
    row("pool, random lengths", None, Row { lengths: Lengths::Random, ..POOL }),
    row("pool, receive alone", Some(20.5), RECEIVE),
    row("pool, transmit alone", Some(17.5), TRANSMIT),
    row("pool, capacity 32, 1 waiting", Some(140.0), waiting(1, POOL)),
    row("pool, capacity 32, 2 waiting", Some(140.0), waiting(2, POOL)),
    row("pool, capacity 32, 4 waiting", Some(90.0), waiting(4, POOL)),
    row("pool, capacity 32, 8 waiting", Some(72.0), waiting(8, POOL)),
    row("pool, capacity 32, 17 waiting", Some(55.0), waiting(17, POOL)),
    row("pool, capacity 32, 31 waiting", Some(48.0), waiting(31, POOL)),
    row("pool, capacity 1", Some(130.0), capacity(1, POOL)),
    row("pool, capacity 1, receive alone", Some(65.0), capacity(1, RECEIVE)),
    row("pool, capacity 1, transmit alone", Some(65.5), capacity(1, TRANSMIT)),
    row("pool, capacity 256", None, capacity(256, POOL)),
    row("pool, rings of 64", None, Row { ring: 64, ..POOL }),
    row("pool, pages that lie apart", Some(50.0), Row { addresses: Addresses::Scattered, ..POOL }),
    row("pool, drops of 1 %", None, Row { drops: 1, ..pooled::<DropSome>() }),
    row("pool, drops of 10 %", None, Row { drops: 10, ..pooled::<DropSome>() }),
    row("pool, output taken from a byte", None, random_phase(pooled::<Byte>())),
    row("pool, MACs swapped", None, random_phase(pooled::<SwapMacs>())),
    row("pool, TTL and checksum", None, random_phase(pooled::<Ttl>())),
    row("pool, hash and table", None, random_phase(pooled::<Hash>())),
    row("pool, 4 outputs, runs of 1", None, outputs(4, 1, POOL_OUTPUTS)),
    row("pool, 4 outputs, runs of 4", None, outputs(4, 4, POOL_OUTPUTS)),
    row("pool, 4 outputs, runs of 32", None, outputs(4, 32, POOL_OUTPUTS)),
    row("pool, 8 outputs by chance", None, outputs(8, 0, POOL_OUTPUTS)),
    row("two pools by turns", None, Row { driver: pools_forward, floor: floors::pools_forward, pools: 2, ..POOL }),
    row("two pools by turns, transmit alone", Some(80.0), pools_transmitted(2, 1)),
    row("two pools in runs of 2, transmit alone", Some(80.0), pools_transmitted(2, 2)),
    row("two pools by chance, transmit alone", Some(80.0), pools_transmitted(2, 0)),
    row("4 pools by chance, transmit alone", None, pools_transmitted(4, 0)),
    row(
        "two receive queues by turns of 16 to 20, transmit alone",
        Some(40.0),
        Row { driver: pool_transmit, floor: floors::queues_transmit, queues: 2, waiting: (16, 20), ..POOL },
    ),
    row("a header put in front", Some(60.0), pooled::<Prepend>()),
    row("a header taken away", None, pooled::<Trim>()),
    row("two segments a frame", Some(170.0), Row { segments: 2, floor: floors::segments, ..POOL }),
    row("three segments a frame", Some(250.0), Row { segments: 3, floor: floors::segments, ..POOL }),
    row("receive with metadata", Some(26.0), Row { driver: metadata, floor: floors::metadata, ..POOL }),
    row("transmit with a checksum requested", Some(30.0), REQUESTS),
    row("transmit with two kinds of requests by turns", None, Row { pools: 2, ..REQUESTS }),
    row("transmit with two kinds of requests by chance", None, Row { pools: 2, run: 0, ..REQUESTS }),
    row("transmit with three kinds of requests by turns", None, Row { pools: 3, ..REQUESTS }),
    row("pool, owned queues", None, Row { driver: owned, ..POOL }),
    row("pool, owned queues, capacity 1", None, capacity(1, Row { driver: owned, ..POOL })),
    row("in place, 32 at phase 0", Some(26.5), IN_PLACE),
    row("in place, 32 at phase 5", Some(27.0), Row { phase: Phase::At(5), ..IN_PLACE }),
    row("in place, 32 at a random phase", Some(27.0), random_phase(IN_PLACE)),
    row("in place, random 1 to 64 waiting", Some(28.0), random_waiting(IN_PLACE)),
    row("in place, IMIX lengths", None, Row { lengths: Lengths::Imix, ..IN_PLACE }),
    row("in place, random lengths", None, Row { lengths: Lengths::Random, ..IN_PLACE }),
    row("in place, at most 32, 1 waiting", Some(160.0), waiting(1, IN_PLACE)),
    row("in place, at most 32, 2 waiting", Some(105.0), waiting(2, IN_PLACE)),
    row("in place, at most 32, 4 waiting", Some(64.0), waiting(4, IN_PLACE)),
    row("in place, at most 32, 8 waiting", Some(43.0), waiting(8, IN_PLACE)),
    row("in place, at most 32, 17 waiting", Some(32.0), waiting(17, IN_PLACE)),
    row("in place, at most 32, 31 waiting", Some(27.5), waiting(31, IN_PLACE)),
    row("in place, at most 1", Some(155.0), capacity(1, IN_PLACE)),
    row("in place, at most 256", None, capacity(256, IN_PLACE)),
    row("in place, rings of 64", Some(40.0), Row { ring: 64, ..IN_PLACE }),
    row("in place, pages that lie apart", Some(40.0), Row { addresses: Addresses::Scattered, ..IN_PLACE }),
    row("in place, drops of 1 %", None, Row { drops: 1, ..selecting::<DropSome>() }),
    row("in place, drops of 10 %", None, Row { drops: 10, ..selecting::<DropSome>() }),
    row("in place, output taken from a byte", Some(32.0), random_phase(selecting::<Byte>())),
    row(
        "in place, MACs swapped",
        Some(34.0),
        random_phase(Row { driver: in_place::<SwapMacs>, floor: floors::in_place::<SwapMacs>, ..POOL }),
    ),
    // No packet is dropped here, and the baseline that could is dearer.
    row(
        "in place, TTL and checksum",
        Some(49.0),
        random_phase(Row { floor: floors::in_place::<Ttl>, ..selecting::<Ttl>() }),
    ),
    row("in place, hash and table", Some(42.0), random_phase(selecting::<Hash>())),
    row("in place, 2 outputs by chance", None, outputs(2, 0, OUTPUTS)),
    row("in place, 4 outputs, runs of 1", Some(75.0), outputs(4, 1, OUTPUTS)),
    row("in place, 4 outputs, runs of 4", Some(60.0), outputs(4, 4, OUTPUTS)),
    row("in place, 4 outputs, runs of 32", Some(40.0), outputs(4, 32, Row { floor: floors::in_place_runs, ..OUTPUTS })),
    row("in place, 8 outputs by chance", None, outputs(8, 0, OUTPUTS)),
    row("VirtIO, 32 waiting", Some(60.0), VIRTIO),
    row("VirtIO, random 1 to 64 waiting", None, random_waiting(VIRTIO)),
    row("VirtIO, IMIX lengths", None, Row { lengths: Lengths::Imix, ..VIRTIO }),
    row("VirtIO, capacity 1", None, capacity(1, VIRTIO)),
    row("VirtIO, capacity 256", None, capacity(256, VIRTIO)),
    row("VirtIO, rings of 256", None, Row { ring: 256, ..VIRTIO }),
    row("VirtIO, receive alone", None, VIRTIO_RECEIVE),
    row("VirtIO, transmit alone", None, VIRTIO_TRANSMIT),
    row("VirtIO, two segments a frame", None, Row { segments: 2, ..VIRTIO }),
    row("VirtIO, receive with metadata", None, VIRTIO_METADATA),
    row("VirtIO, receive with checksums completed", None, VIRTIO_COMPLETED),
    row("VirtIO, transmit with a checksum requested", None, VIRTIO_REQUESTS),
    row("a register read and another modified", None, Row { driver: typed_accesses, floor: raw_accesses, ..POOL }),
];
