//! The version of a program with its layout.

use std::fmt;

/// The version of a program and of its layout. Workers carry out only runs of their own version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Version {
    /// The name of the program, with its version if it has one.
    pub program: String,
    /// The hash of the program's file.
    pub binary: String,
    /// The hash of the layout: its objects and their tasks.
    pub layout: String,
}

impl Version {
    /// Returns a version.
    pub fn new(program: impl Into<String>, binary: impl Into<String>, layout: impl Into<String>) -> Self {
        Self { program: program.into(), binary: binary.into(), layout: layout.into() }
    }

    /// Returns whether both have the same binary and the same layout.
    pub fn fits(&self, other: &Self) -> bool {
        (&self.binary, &self.layout) == (&other.binary, &other.layout)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |hash: &str| hash.chars().take(8).collect::<String>();
        write!(f, "{} (binary {}, layout {})", self.program, short(&self.binary), short(&self.layout))
    }
}
