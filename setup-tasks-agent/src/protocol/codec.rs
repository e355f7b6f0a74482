//! Frames: the form of messages on a connection.
//!
//! A frame is a header of four bytes and a payload of at most 1 MiB. The header is a little-endian number: the length of the payload,
//! plus 2³¹ if the next frame continues the message. The payloads of these frames, joined, are the message in postcard.

use std::io::{self, Read};
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// The greatest length of the payload of a frame, in bytes.
pub const MAX_FRAME: usize = 1 << 20;
/// The greatest length of a message, in bytes. It is enough for a difference with two texts of 1 MiB.
pub const MAX_MESSAGE: usize = 4 << 20;
const MORE: u32 = 1 << 31;
const HEADER: usize = 4;
/// The greatest number of entries of a list in a message.
pub(super) const MAX_ENTRIES: usize = 16 << 10;

/// An error of the bytes on a connection. The connection cannot be used any longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame announces a payload of more than [`MAX_FRAME`] bytes, or of none.
    #[error("received a frame of {0} bytes")]
    Length(u32),
    /// A message has more than [`MAX_MESSAGE`] bytes.
    #[error("a message has more than {} MiB", MAX_MESSAGE >> 20)]
    TooLong,
    /// A message cannot be read.
    #[error("received a malformed message")]
    Malformed(#[source] postcard::Error),
    /// A message has bytes after its end.
    #[error("received a message with {0} bytes too many")]
    Surplus(usize),
    /// The connection ended within a message.
    #[error("the connection ended within a message")]
    Truncated,
    /// The operating system reported an error.
    #[error("cannot read from the connection")]
    Io(#[from] io::Error),
}

/// Appends a message to `out`, in frames.
///
/// # Errors
///
/// The message is longer than [`MAX_MESSAGE`]. Then `out` is unchanged.
pub fn encode<M: Serialize>(message: &M, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    let mut bytes = postcard::to_extend(message, std::mem::take(out)).map_err(FrameError::Malformed)?;
    let length = bytes.len() - start - HEADER;
    if length > MAX_MESSAGE {
        bytes.truncate(start);
        *out = bytes;
        return Err(FrameError::TooLong);
    }
    if length <= MAX_FRAME {
        bytes[start..start + HEADER].copy_from_slice(&header(length, false));
    } else {
        let payload = bytes.split_off(start + HEADER);
        bytes.truncate(start);
        let mut chunks = payload.chunks(MAX_FRAME).peekable();
        while let Some(chunk) = chunks.next() {
            bytes.extend_from_slice(&header(chunk.len(), chunks.peek().is_some()));
            bytes.extend_from_slice(chunk);
        }
    }
    *out = bytes;
    Ok(())
}

fn header(length: usize, more: bool) -> [u8; HEADER] {
    let length = u32::try_from(length).expect("a frame has at most 1 MiB");
    (length | if more { MORE } else { 0 }).to_le_bytes()
}

/// A decoder of messages from bytes that arrive in any pieces. It keeps at most one message, and only bytes that have arrived.
#[derive(Debug)]
pub struct Decoder<M> {
    header: Vec<u8>,
    payload: Vec<u8>,
    /// The bytes of the current frame that are still to come. `None` while the header is not complete.
    missing: Option<(usize, bool)>,
    message: PhantomData<fn() -> M>,
}

impl<M> Default for Decoder<M> {
    fn default() -> Self {
        Self { header: Vec::new(), payload: Vec::new(), missing: None, message: PhantomData }
    }
}

impl<M: DeserializeOwned> Decoder<M> {
    /// Creates a decoder at the beginning of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the beginning of `input` up to the end of a message. Returns `None` if it needs more bytes; `input` is
    /// then empty. Call it again until it returns `None`.
    ///
    /// # Errors
    ///
    /// The bytes are not a message. The decoder cannot be used any longer.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<M>, FrameError> {
        loop {
            let Some((missing, more)) = self.missing else {
                if !self.read_header(input)? {
                    return Ok(None);
                }
                continue;
            };
            let (part, rest) = input.split_at(missing.min(input.len()));
            *input = rest;
            self.payload.extend_from_slice(part);
            if part.len() < missing {
                self.missing = Some((missing - part.len(), more));
                return Ok(None);
            }
            self.missing = None;
            if !more {
                return self.finish_message().map(Some);
            }
        }
    }

    /// Checks that the input did not end within a message.
    ///
    /// # Errors
    ///
    /// It did.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.header.is_empty() && self.payload.is_empty() && self.missing.is_none() {
            Ok(())
        } else {
            Err(FrameError::Truncated)
        }
    }

    /// Returns the bytes of memory that the decoder has allocated.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.header.capacity() + self.payload.capacity()
    }

    /// Reads the header as far as `input` has it, and returns whether it is complete.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<bool, FrameError> {
        let (part, rest) = input.split_at((HEADER - self.header.len()).min(input.len()));
        *input = rest;
        self.header.extend_from_slice(part);
        let Ok(header) = <[u8; HEADER]>::try_from(&self.header[..]) else { return Ok(false) };
        self.header.clear();
        let header = u32::from_le_bytes(header);
        let length = (header & !MORE) as usize;
        if length == 0 || length > MAX_FRAME {
            return Err(FrameError::Length(header & !MORE));
        }
        if self.payload.len() + length > MAX_MESSAGE {
            return Err(FrameError::TooLong);
        }
        self.missing = Some((length, header & MORE != 0));
        Ok(true)
    }

    fn finish_message(&mut self) -> Result<M, FrameError> {
        let (message, rest) = postcard::take_from_bytes(&self.payload).map_err(FrameError::Malformed)?;
        if !rest.is_empty() {
            return Err(FrameError::Surplus(rest.len()));
        }
        self.payload.clear();
        // The memory of one large message is not kept for the rest of the connection.
        self.payload.shrink_to(64 << 10);
        Ok(message)
    }
}

/// A reader of messages from a blocking input.
#[derive(Debug)]
pub struct MessageReader<R, M> {
    input: R,
    decoder: Decoder<M>,
    buffer: Vec<u8>,
    read: usize,
    used: usize,
}

impl<R: Read, M: DeserializeOwned> MessageReader<R, M> {
    /// Creates a reader at the beginning of a message.
    pub fn new(input: R) -> Self {
        Self { input, decoder: Decoder::new(), buffer: vec![0; 64 << 10], read: 0, used: 0 }
    }

    /// Waits for a message. Returns `None` at the end of the input.
    ///
    /// # Errors
    ///
    /// The input cannot be read, is malformed, or ends within a message.
    pub fn receive(&mut self) -> Result<Option<M>, FrameError> {
        loop {
            let mut rest = &self.buffer[self.used..self.read];
            let before = rest.len();
            let message = self.decoder.decode(&mut rest)?;
            self.used += before - rest.len();
            if message.is_some() {
                return Ok(message);
            }
            (self.used, self.read) = (0, 0);
            match self.input.read(&mut self.buffer) {
                Ok(0) => return self.decoder.finish().map(|()| None),
                Ok(read) => self.read = read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Shortens a text to at most `max` bytes, at the end of a character.
pub(super) fn cut_at_char(mut text: String, max: usize) -> String {
    if text.len() > max {
        let mut end = max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Reads a list of at most [`MAX_ENTRIES`] entries, since a short message could otherwise need much memory.
pub(super) fn bounded<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Bounded<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "at most {MAX_ENTRIES} entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(entry) = entries.next_element()? {
                if list.len() == MAX_ENTRIES {
                    return Err(A::Error::custom("too many entries"));
                }
                list.push(entry);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(Bounded(PhantomData))
}

/// Reads a result with a list that is [`bounded`].
pub(super) fn bounded_result<'de, D, T, E>(deserializer: D) -> Result<Result<Vec<T>, E>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
    E: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(bound = "T: Deserialize<'de>")]
    struct List<T>(#[serde(deserialize_with = "bounded")] Vec<T>);

    Result::<List<T>, E>::deserialize(deserializer).map(|result| result.map(|list| list.0))
}
