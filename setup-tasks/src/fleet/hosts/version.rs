//! The version of a program with its layout, which is the same on all hosts with the same files.

use std::path::Path;
use std::sync::OnceLock;

use crate::dispatch::Version;
use crate::fleet::plan::binary;
use crate::layout::Layout;
use crate::task::category::TaskCategory;

impl Layout {
    /// Returns the version of this program and of the layout. `program` is its name for people.
    ///
    /// The hash of the layout covers the ids, subdirs, types, groups and retirement of all objects in the order of adding, the names,
    /// sources and relationships of their tasks, and the contents of the files that [`add_source`](Self::add_source) has registered. It
    /// does not cover paths and anything else that differs between hosts.
    ///
    /// # Errors
    ///
    /// Returns an error if the file of the program cannot be read.
    pub fn version(&self, program: &str) -> std::io::Result<Version> {
        static BINARY: OnceLock<String> = OnceLock::new();
        let known = match BINARY.get() {
            Some(known) => known,
            None => {
                let read = binary()?;
                BINARY.get_or_init(|| read)
            }
        };
        Ok(Version::new(program, known, self.fingerprint()))
    }

    /// Returns the hash of the layout.
    fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for object in self.all() {
            add(object.id());
            add(object.stamp_subdir());
            add(object.type_name());
            add(if object.is_retired() { "retired" } else { "" });
            object.groups().for_each(&mut add);
            for row in object.0.order().iter() {
                let features = object.0.features(row);
                add(features.stamp_name);
                add(match features.category {
                    TaskCategory::Task => "task",
                    TaskCategory::Relationship => "relationship",
                    TaskCategory::Customization => "customization",
                });
                add(&features.source.unwrap_or_default().to_string());
                for (other, _) in object.0.needs_now(row) {
                    add(other.id());
                }
            }
        }
        for source in self.sources() {
            add(&source.file_name().unwrap_or_default().to_string_lossy());
            add(&read(&source));
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Returns the hash of a file's content, or an empty text for a file that cannot be read.
fn read(path: &Path) -> String {
    std::fs::read(path).map(|bytes| blake3::hash(&bytes).to_hex().to_string()).unwrap_or_default()
}
