//! The texts of stamps. Each is kept as it was given, unless it contains a secret. Such a text is
//! replaced with its hash under a key that never leaves the state directory. Without the key, a
//! reader of the stamps cannot test likely secrets.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::StampError;
use super::contents::KEYED;
use crate::fs::WholeFile;
use crate::private_dir::{PrivateDir, RESERVED};

/// The file of the key, in the runtime's own part of the state directory.
const NAME: &str = "stamp.key";

type Key = [u8; blake3::KEY_LEN];

/// The texts of a layout's stamps.
#[derive(Debug)]
pub(crate) struct Texts {
    state_dir: PathBuf,
    key: Mutex<Option<Key>>,
}

impl Texts {
    pub(crate) fn new(state_dir: PathBuf) -> Self {
        Self { state_dir, key: Mutex::default() }
    }

    /// Returns a text in the form that stamps keep. If `may_write` is false, a missing key is not
    /// created and a random key is used, because no stamp has a hash under the missing key.
    pub(crate) fn keep(&self, text: String, may_write: bool) -> Result<String, StampError> {
        if !crate::secret::holds(&text) {
            return Ok(text);
        }
        Ok(format!("{KEYED}{}", blake3::Hash::from(self.keyed_hash(text.as_bytes(), may_write)?).to_hex()))
    }

    /// Returns the hash of a content under the private key.
    pub(crate) fn keyed_hash(&self, content: &[u8], may_write: bool) -> Result<[u8; blake3::OUT_LEN], StampError> {
        let path = self.state_dir.join(RESERVED).join(NAME);
        let key = self.key(may_write).map_err(|error| StampError::io("read or make the key", path, error))?;
        Ok(*blake3::keyed_hash(&key, content).as_bytes())
    }

    /// Returns a digest of a value under the private key, as hexadecimal text. If `may_write` is false, a
    /// missing key is not created, and the digest equals no other.
    pub(crate) fn digest(&self, value: &impl Serialize, may_write: bool) -> Result<String, StampError> {
        // The types of this crate that are digested have no maps with keys other than texts.
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        Ok(blake3::Hash::from(self.keyed_hash(&bytes, may_write)?).to_hex().to_string())
    }

    fn key(&self, may_write: bool) -> io::Result<Key> {
        let mut known = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = *known {
            return Ok(key);
        }
        let found = match PrivateDir::open(&self.state_dir)? {
            Some(state) => state.find(RESERVED)?.map_or(Ok(None), |own| read(&own))?,
            None => None,
        };
        let key = match found {
            Some(key) => key,
            None if may_write => make(&PrivateDir::create(&self.state_dir)?.make(RESERVED)?)?,
            None => return random(),
        };
        Ok(*known.insert(key))
    }
}

fn read(directory: &PrivateDir) -> io::Result<Option<Key>> {
    let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not a key of 32 bytes");
    directory.read(NAME)?.map(|key| Key::try_from(&*key).map_err(wrong)).transpose()
}

/// Creates a key, unless another process is faster. Both then use the same key.
fn make(directory: &PrivateDir) -> io::Result<Key> {
    WholeFile::new(&random()?).durable().draft_in(directory)?.link_to(NAME.as_ref())?;
    read(directory)?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn random() -> io::Result<Key> {
    let mut key = Key::default();
    getrandom::fill(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_as_it_is_whatever_its_length() {
        let place = tempfile::tempdir().unwrap();
        let texts = Texts::new(place.path().join("state"));
        for text in ["", "short", &"x".repeat(65), &"long\n".repeat(10_000)] {
            assert_eq!(texts.keep(text.to_owned(), true).unwrap(), text);
        }
        assert!(!place.path().join("state").exists(), "no key is needed");
    }

    #[cfg(unix)]
    #[test]
    fn of_a_text_with_a_secret_a_hash_under_a_private_key_is_kept() {
        use std::os::unix::fs::PermissionsExt;
        crate::Secret::new("kept under a key");
        let place = tempfile::tempdir().unwrap();
        let state = place.path().join("state");
        let keep = |texts: &Texts, may_write| texts.keep("password=kept under a key".to_owned(), may_write).unwrap();
        let unwritten = keep(&Texts::new(state.clone()), false);
        assert!(unwritten.starts_with(KEYED) && !state.exists(), "a dry run makes no key");
        let first = keep(&Texts::new(state.clone()), true);
        assert!(first.starts_with(KEYED) && first != unwritten && !first.contains("under a key"));
        for may_write in [true, false] {
            assert_eq!(keep(&Texts::new(state.clone()), may_write), first, "the next process has the same key");
        }
        let key = state.join(".setup-tasks").join(NAME);
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&key, "short").unwrap();
        let texts = Texts::new(state);
        let error = texts.keep("kept under a key".to_owned(), true).unwrap_err();
        let error = format!("{:#}", anyhow::Error::new(error));
        assert!(error.contains("stamp.key") && error.contains("not a key of 32 bytes"), "{error}");
    }
}
