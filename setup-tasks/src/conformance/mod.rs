//! Checks that a store or leases of another crate keep the laws on which runs rely.
//!
//! An implementation of [`StampStore`](crate::stamp::StampStore) or [`Leases`](crate::lease::Leases)
//! calls [`check_store`] or [`check_leases`] in a test of its own. Both take a function that returns
//! a new, empty place each time, as a function that opens this place once more. The checks open it
//! twice, as two processes do.
//!
//! ```
//! use std::sync::Arc;
//! use setup_tasks::conformance::check_store;
//! use setup_tasks::stamp::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let empty_place = || {
//!     let store = Arc::new(MemoryStore::new());
//!     move || store.clone()
//! };
//! check_store(empty_place).await.unwrap_or_else(|broken| panic!("{broken}"));
//! # }
//! ```

mod changes;
mod leases;
mod store;

use std::fmt;

use crate::lease::LeaseError;
use crate::stamp::StampError;

pub use leases::{LeaseLaw, check_leases};
pub use store::{StoreLaw, check_store};

/// The laws that an implementation broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLaws<L> {
    broken: Vec<(L, String)>,
}

impl<L: Copy> BrokenLaws<L> {
    /// Returns the laws in the order of their checks, each with the observation that broke it.
    pub fn iter(&self) -> impl Iterator<Item = (L, &str)> {
        self.broken.iter().map(|(law, observation)| (*law, observation.as_str()))
    }

    fn none_or(broken: Vec<(L, String)>) -> Result<(), Self> {
        if broken.is_empty() { Ok(()) } else { Err(Self { broken }) }
    }
}

impl<L: fmt::Display> fmt::Display for BrokenLaws<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken laws:")?;
        self.broken.iter().try_for_each(|(law, observation)| write!(f, "\n- {law} But {observation}."))
    }
}

impl<L: fmt::Debug + fmt::Display> std::error::Error for BrokenLaws<L> {}

/// The result of one check: nothing, or the observation that breaks the law.
type Checked = Result<(), Observation>;

/// A description of unexpected behaviour, as the rest of a sentence that begins with "But".
struct Observation(String);

impl From<StampError> for Observation {
    fn from(error: StampError) -> Self {
        Self(format!("the store failed: {error}"))
    }
}

impl From<LeaseError> for Observation {
    fn from(error: LeaseError) -> Self {
        Self(format!("the leases failed: {error}"))
    }
}

/// Returns the observation unless the condition holds.
fn expect(condition: bool, observation: impl FnOnce() -> String) -> Checked {
    if condition { Ok(()) } else { Err(Observation(observation())) }
}

/// Returns an observation unless both values are equal.
fn expect_equal<T: PartialEq + fmt::Debug>(about: &str, found: &T, expected: &T) -> Checked {
    expect(found == expected, || format!("{about} is {found:?} instead of {expected:?}"))
}
