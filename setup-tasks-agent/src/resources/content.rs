//! The content of files.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::Result;
use crate::far::{Far, Source, hash_of};
use crate::protocol::{Cause, Difference, Failure, Hash, Text};

/// The content of a file: in the resource itself if it is short, or by its hash. The controller
/// [transfers](crate::protocol::Call::PutBlob) the latter before the resource is applied, and only if something differs.
///
/// ```
/// use setup_tasks_agent::resources::Content;
///
/// assert!(Content::from("short").blob().is_none());
/// assert_eq!(Content::from(vec![0; 1 << 20]).blob().unwrap().size, 1 << 20);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Content {
    hash: Hash,
    size: u64,
    inline: Option<Inline>,
    secret: bool,
    /// The content on the controller's side.
    #[serde(skip)]
    kept: Option<BlobSource>,
}

/// Content that is transferred before a resource is applied.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Its hash.
    pub hash: Hash,
    /// Its length in bytes.
    pub size: u64,
    /// Its place on the controller's side.
    pub source: BlobSource,
}

/// The place of content on the controller's side.
#[derive(Clone)]
pub enum BlobSource {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file, which must not change before it is transferred.
    File(PathBuf),
}

impl std::fmt::Debug for BlobSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        (self.hash, self.size, self.secret) == (other.hash, other.size, other.secret)
    }
}

impl Eq for Content {}

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
        let (inline, kept) = if bytes.len() <= Self::INLINE {
            (Some(Inline(ByteBuf::from(bytes))), None)
        } else {
            (None, Some(BlobSource::Bytes(bytes.into())))
        };
        Self { hash, size, inline, secret: false, kept }
    }

    /// Creates content from a file of the controller. A long file is read here for its hash, and again for its transfer.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn of_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        if size <= Self::INLINE as u64 {
            return Ok(Self::new(std::fs::read(path)?));
        }
        let hash = hash_of(&mut file)?;
        Ok(Self { hash, size, inline: None, secret: false, kept: Some(BlobSource::File(path.to_owned())) })
    }

    /// Marks the content as a secret. Differences then only report that it differs.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Returns whether the content is a secret.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Returns the hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the content that must be transferred, on the controller's side.
    pub fn blob(&self) -> Option<Blob> {
        let source = self.kept.clone()?;
        Some(Blob { hash: self.hash, size: self.size, source })
    }

    /// Returns the same content without its bytes, which the agent does not need to compare a file with it.
    pub(crate) fn by_hash(&self) -> Self {
        Self { inline: None, kept: None, ..self.clone() }
    }

    /// Returns the bytes, on the controller's side.
    ///
    /// # Errors
    ///
    /// The file of the content cannot be read.
    pub fn bytes(&self) -> io::Result<Cow<'_, [u8]>> {
        match (&self.inline, &self.kept) {
            (Some(inline), _) => Ok(Cow::Borrowed(&inline.0)),
            (None, Some(BlobSource::Bytes(bytes))) => Ok(Cow::Borrowed(bytes)),
            (None, Some(BlobSource::File(path))) => std::fs::read(path).map(Cow::Owned),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
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
