//! The content of files.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::Result;
use crate::far::{Far, Source};
use crate::protocol::{Cause, Difference, Failure, Hash, Text};

/// The content of a file: in the resource itself if it is short, or by its hash. The controller
/// [transfers](crate::protocol::Call::PutBlob) the latter before the resource is applied, and only if something differs.
///
/// ```
/// use setup_tasks_agent::resources::Content;
///
/// assert!(Content::from("short").blob().is_none());
/// assert!(Content::from(vec![0; 1 << 20]).blob().is_some());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    hash: Hash,
    size: u64,
    inline: Option<Inline>,
    secret: bool,
}

/// Bytes that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Inline(ByteBuf);

impl std::fmt::Debug for Inline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Content {
    /// The greatest length of content within a resource, in bytes.
    pub const INLINE: usize = 16 << 10;

    /// Creates content of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let (hash, size) = (Hash::of(&bytes), bytes.len() as u64);
        let inline = (bytes.len() <= Self::INLINE).then(|| Inline(ByteBuf::from(bytes)));
        Self { hash, size, inline, secret: false }
    }

    /// Creates content that is transferred, from its hash and length.
    pub fn transferred(hash: Hash, size: u64) -> Self {
        Self { hash, size, inline: None, secret: false }
    }

    /// Marks the content as a secret. Differences then only report that it differs.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Returns the hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the hash if the content must be transferred.
    pub fn blob(&self) -> Option<Hash> {
        self.inline.is_none().then_some(self.hash)
    }

    /// Returns the difference of a file with other content, or with none.
    pub(crate) fn difference(&self, path: &str, is: &str, old: Option<&[u8]>) -> Difference {
        let difference = Difference::new(path, is);
        if self.secret {
            return difference.of_secret();
        }
        difference.with_texts(old, Some(self.inline.as_ref().map_or(&[], |inline| &inline.0)))
    }

    /// Returns whether a regular file has this content.
    pub(crate) fn is_at(&self, far: &Far, path: &str, size: u64) -> Result<bool> {
        Ok(size == self.size && far.hash(path)? == Some(self.hash))
    }

    /// Calls `write` with the content.
    pub(crate) fn with_source(&self, far: &Far, write: impl FnOnce(Source<'_>) -> Result<()>) -> Result<()> {
        if let Some(inline) = &self.inline {
            return write(Source::Bytes(&inline.0));
        }
        let missing = || Failure::new("write the content", Cause::Protocol("the content was not transferred".into()));
        let file = far.blob(&self.hash).ok_or_else(missing)?;
        write(Source::File(&file))
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<Text> for Content {
    fn from(text: Text) -> Self {
        let content = Self::new(text.expose());
        if text.is_secret() { content.secret() } else { content }
    }
}
