//! The header of an ELF program: its architecture, whether it is static, and the part of the file that a machine needs.

use super::architecture::Architecture;

/// The segment that names the loader of a dynamic program.
const PT_INTERP: u32 = 3;

/// The greatest length of the header.
const HEADER: usize = 64;

/// The header of an ELF program.
#[derive(Debug)]
pub(super) struct Elf {
    pub(super) architecture: Option<&'static Architecture>,
    /// Whether the program needs no loader, and so no C library of the machine.
    pub(super) is_static: bool,
    /// The end of the last segment. Behind it are symbols and debug information, which no machine needs.
    end: usize,
    is_64: bool,
    is_little: bool,
}

/// The numbers of a file, in its order of bytes.
struct Numbers<'a> {
    bytes: &'a [u8],
    is_64: bool,
    is_little: bool,
}

impl Numbers<'_> {
    /// Returns the number of `length` bytes at a position.
    fn number(&self, at: usize, length: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(length)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    /// Returns a position or length, of which the place depends on the width of addresses.
    fn word(&self, at_64: usize, at_32: usize) -> Option<usize> {
        let number = if self.is_64 { self.number(at_64, 8) } else { self.number(at_32, 4) };
        usize::try_from(number?).ok()
    }

    fn half(&self, at_64: usize, at_32: usize) -> Option<usize> {
        usize::try_from(self.number(if self.is_64 { at_64 } else { at_32 }, 2)?).ok()
    }
}

impl Elf {
    /// Reads the header. Returns `None` for anything but a whole ELF program.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [0x7f, b'E', b'L', b'F', class @ 1..=2, order @ 1..=2, ..] = bytes else { return None };
        let (is_64, is_little) = (*class == 2, *order == 1);
        let file = Numbers { bytes, is_64, is_little };
        let architecture = Architecture::of_elf(u16::try_from(file.number(18, 2)?).ok()?);
        let (table, size, count) = (file.word(32, 28)?, file.half(54, 42)?, file.half(56, 44)?);
        let mut end = table.checked_add(size.checked_mul(count)?)?.max(HEADER);
        let mut is_static = true;
        for i in 0..count {
            let at = table + i * size;
            is_static &= file.number(at, 4)? != u64::from(PT_INTERP);
            let (offset, length) = (file.word(at + 8, at + 4)?, file.word(at + 32, at + 16)?);
            end = end.max(offset.checked_add(length)?);
        }
        (count > 0 && end <= bytes.len()).then_some(Self { architecture, is_static, end, is_64, is_little })
    }

    /// Returns the part of the file up to the end of the last segment, with a header that says that it has no sections. The program runs
    /// as before, since the kernel and the loader read segments alone.
    pub(super) fn stripped(&self, bytes: &[u8]) -> Vec<u8> {
        let mut part = bytes[..self.end].to_vec();
        let (table, fields) = if self.is_64 { (40..48, 60..64) } else { (32..36, 48..52) };
        part[table].fill(0);
        part[fields].fill(0);
        debug_assert!(Self::read(&part).is_some_and(|elf| elf.end == self.end && elf.is_little == self.is_little));
        part
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_runs_without_its_symbols() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let elf = Elf::read(&bytes).unwrap();
        assert_eq!(elf.architecture, Architecture::here());
        let stripped = elf.stripped(&bytes);
        assert!(stripped.len() < bytes.len(), "{} of {}", stripped.len(), bytes.len());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path).unwrap();
        std::io::Write::write_all(&mut file, &stripped).unwrap();
        drop(file);
        let output = Command::new(&path).args(["--list", "--format=terse"]).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("a_program_runs_without_its_symbols: test"));
    }

    #[test]
    fn what_is_no_whole_program_has_no_header() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        assert!(Elf::read(b"").is_none() && Elf::read(b"#!/bin/sh\n").is_none() && Elf::read(b"\x7fELF").is_none());
        for length in [5, 20, 63, 64, 100, 1000, bytes.len() / 4] {
            assert!(Elf::read(&bytes[..length]).is_none(), "{length}");
        }
        // Any bytes in the header are read without a panic.
        for at in 4..120 {
            for value in [0, 1, 2, 0x7f, 0xff] {
                let mut broken = bytes[..4096].to_vec();
                broken[at] = value;
                if let Some(elf) = Elf::read(&broken) {
                    elf.stripped(&broken);
                }
            }
        }
    }
}
