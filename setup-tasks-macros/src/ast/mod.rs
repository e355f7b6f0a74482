//! The items that have our attributes, in the terms of this crate.

pub mod block;
pub mod method;
pub mod model;
