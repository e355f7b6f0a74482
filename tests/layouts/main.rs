//! Tests of the helpers for tests of layouts.

mod claims;
mod fake;
mod kills;
mod layout;
