//! What a driver outside of this crate needs: what is requested of its device, and how it says what that device knows of a
//! received packet.

mod reported;
mod work;

pub use reported::Verdict;
pub use work::{Segments, TransportChecksum, Work};
