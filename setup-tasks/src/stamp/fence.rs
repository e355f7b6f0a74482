//! Fences, by which a store distinguishes the writes of a session from those of a later session.

use std::fmt;

/// The number of a lease. Each lease of an object has a higher number than the lease before.
///
/// A process can be stopped for longer than its lease lasts and write afterwards. Its writes carry
/// the fence of the lease, so the store recognizes them as late and refuses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
