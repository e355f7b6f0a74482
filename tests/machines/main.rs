//! Tests with real machines: Debian roots in network namespaces, each with an SSH server.

mod netns;
