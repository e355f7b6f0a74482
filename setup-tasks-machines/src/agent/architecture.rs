//! The architectures of machines, by the names of the kernel, of ELF files and of the compiler.

/// An architecture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Architecture {
    /// The name, as `uname -m` prints it on most systems.
    pub(crate) name: &'static str,
    /// All names that `uname -m` prints, as a pattern of a shell: names that are separated by `|`, of which each can end with `*`.
    pub(crate) pattern: &'static str,
    /// The number in the header of an ELF file.
    elf: u16,
    /// The targets of the compiler, static ones first.
    pub(crate) targets: [&'static str; 2],
}

/// All known architectures.
pub(crate) static ALL: [Architecture; 7] = [
    Architecture {
        name: "x86_64",
        pattern: "x86_64|amd64",
        elf: 0x3e,
        targets: ["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"],
    },
    Architecture {
        name: "aarch64",
        pattern: "aarch64|arm64",
        elf: 0xb7,
        targets: ["aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"],
    },
    Architecture {
        name: "armv7l",
        pattern: "armv7*|armv8*",
        elf: 0x28,
        targets: ["armv7-unknown-linux-musleabihf", "armv7-unknown-linux-gnueabihf"],
    },
    Architecture {
        name: "i686",
        pattern: "i386|i486|i586|i686",
        elf: 0x03,
        targets: ["i686-unknown-linux-musl", "i686-unknown-linux-gnu"],
    },
    Architecture {
        name: "riscv64",
        pattern: "riscv64",
        elf: 0xf3,
        targets: ["riscv64gc-unknown-linux-musl", "riscv64gc-unknown-linux-gnu"],
    },
    Architecture {
        name: "ppc64le",
        pattern: "ppc64le",
        elf: 0x15,
        targets: ["powerpc64le-unknown-linux-musl", "powerpc64le-unknown-linux-gnu"],
    },
    Architecture {
        name: "s390x",
        pattern: "s390x",
        elf: 0x16,
        targets: ["s390x-unknown-linux-musl", "s390x-unknown-linux-gnu"],
    },
];

impl Architecture {
    /// Returns the architecture with a name, such as `arm64`.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|one| one.has_name(name))
    }

    /// Returns the architecture of an ELF file with this number in its header.
    pub(crate) fn of_elf(number: u16) -> Option<&'static Self> {
        ALL.iter().find(|one| one.elf == number)
    }

    /// Returns the architecture of this system.
    pub(crate) fn here() -> Option<&'static Self> {
        Self::named(rustix::system::uname().machine().to_str().unwrap_or_default())
    }

    /// Returns whether a system is of this architecture. `system` is the output of `uname -s -m`.
    pub(crate) fn is_of(&self, system: &str) -> bool {
        system.strip_prefix("Linux ").is_some_and(|name| self.has_name(name))
    }

    fn has_name(&self, name: &str) -> bool {
        self.pattern.split('|').any(|one| match one.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == one,
        })
    }

    /// Returns the names of all architectures.
    pub(crate) fn names() -> String {
        ALL.iter().map(|one| one.name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_of_one_architecture() {
        let of = |system: &str| ALL.iter().filter(|one| one.is_of(system)).map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(of("Linux arm64"), ["aarch64"]);
        assert_eq!(of("Linux armv7l"), ["armv7l"]);
        assert_eq!(of("Linux i586"), ["i686"]);
        assert_eq!(of("Darwin arm64"), [""; 0]);
        assert_eq!(of("Linux "), [""; 0]);
        ALL.iter().for_each(|one| assert_eq!(of(&format!("Linux {}", one.name)), [one.name]));
    }
}
