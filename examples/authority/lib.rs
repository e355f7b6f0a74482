//! The certificate authority of the lab, which the fleet uses, too.

pub mod authority;
pub mod certificate;
pub mod whole_file;

pub use authority::{Authority, AuthoritySpec};
