//! What `cargo expand` prints.
