//! The items that our attributes stand on, in our own terms.

pub mod block;
pub mod method;
pub mod model;
