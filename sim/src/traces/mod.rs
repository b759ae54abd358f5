//! What can be done with a recorded [`Trace`](ixgbe::trace::Trace): replay it on the model, and compare two.
//!
//! [`Port::record`](crate::Port::record) and [`ixgbe::trace::Recorder`] make such recordings.

mod compare;
mod fold;
mod replay;

pub use compare::{Difference, Kind, Summary, compare};
pub use fold::fold;
pub use replay::{Mismatch, Replay, replay};
