//! Renderings with other secrets. A text depends on a secret if another secret changes the text.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use setup_tasks::secret;

/// The replacement of secrets while values are serialized.
#[derive(Debug)]
pub struct Masking {
    mask: Option<Mask>,
    /// Whether a secret was serialized.
    has_secrets: AtomicBool,
}

/// The kind of text that replaces a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// A text of the same length, with each letter and digit replaced by another of its kind.
    SameLength,
    /// A longer text of the same kind.
    Longer,
    /// An empty text, or zero for a number.
    Empty,
}

impl Mask {
    /// All masks. A text that is the same with each of them does not depend on the masked secrets.
    pub(crate) const ALL: [Self; 3] = [Self::SameLength, Self::Longer, Self::Empty];

    fn text(self, text: &str) -> String {
        let other = |c: char| match c {
            'z' => 'a',
            'Z' => 'A',
            '9' => '0',
            'a'..='y' | 'A'..='Y' | '0'..='8' => char::from_u32(u32::from(c) + 1).unwrap_or(c),
            c if c.is_whitespace() => c,
            '-' => '_',
            _ => '-',
        };
        let same_length: String = text.chars().map(other).collect();
        match self {
            Self::SameLength => same_length,
            // A number remains a number.
            Self::Longer if text.parse::<f64>().is_ok() => format!("1{same_length}"),
            Self::Longer => format!("{same_length} {same_length}"),
            Self::Empty => String::new(),
        }
    }
}

/// Calls a macro with the method of `Serializer` for each type of integers.
macro_rules! for_each_integer {
    ($call:ident) => {
        $call! {
            serialize_i8: i8,
            serialize_i16: i16,
            serialize_i32: i32,
            serialize_i64: i64,
            serialize_i128: i128,
            serialize_u8: u8,
            serialize_u16: u16,
            serialize_u32: u32,
            serialize_u64: u64,
            serialize_u128: u128,
        }
    };
}

pub(crate) use for_each_integer;

macro_rules! integers {
    ($($method:ident: $ty:ty,)*) => {
        $(pub(crate) fn $method(&self, number: $ty) -> $ty {
            match self.mask {
                None => number,
                Some(Mask::SameLength | Mask::Longer) => number.wrapping_add(1),
                Some(Mask::Empty) => 0,
            }
        })*
    };
}

impl Masking {
    /// Returns a masking that leaves every secret unchanged.
    pub(crate) const fn none() -> Self {
        Self { mask: None, has_secrets: AtomicBool::new(false) }
    }

    /// Returns a masking that replaces secrets.
    pub(crate) const fn with(mask: Mask) -> Self {
        Self { mask: Some(mask), has_secrets: AtomicBool::new(false) }
    }

    /// Returns whether nothing is replaced.
    pub(crate) const fn is_none(&self) -> bool {
        self.mask.is_none()
    }

    /// Records that a secret was serialized.
    pub(crate) fn record_secret(&self) {
        self.has_secrets.store(true, Ordering::Relaxed);
    }

    /// Returns whether a secret was serialized.
    pub(crate) fn has_secrets(&self) -> bool {
        self.has_secrets.load(Ordering::Relaxed)
    }

    /// Returns the text with secrets replaced.
    pub(crate) fn text<'t>(&self, text: &'t str, in_secret: bool) -> Cow<'t, str> {
        if in_secret {
            self.record_secret();
            return self.mask.map_or(Cow::Borrowed(text), |mask| Cow::Owned(mask.text(text)));
        }
        // The program may have copied a secret into a plain text.
        if !secret::holds(text) {
            return Cow::Borrowed(text);
        }
        self.record_secret();
        self.mask.map_or(Cow::Borrowed(text), |mask| Cow::Owned(mask.text(text)))
    }

    /// Returns the bytes with secrets replaced.
    pub(crate) fn bytes<'b>(&self, bytes: &'b [u8], in_secret: bool) -> Cow<'b, [u8]> {
        match std::str::from_utf8(bytes).map(|text| self.text(text, in_secret)) {
            Ok(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
            Err(_) if in_secret => {
                self.record_secret();
                self.mask.map_or(Cow::Borrowed(bytes), |_| Cow::Owned(bytes.iter().map(|byte| !byte).collect()))
            }
            Ok(Cow::Borrowed(_)) | Err(_) => Cow::Borrowed(bytes),
        }
    }

    for_each_integer! { integers }

    pub(crate) fn serialize_f32(&self, number: f32) -> f32 {
        if self.mask.is_some() { number + 1.5 } else { number }
    }

    pub(crate) fn serialize_f64(&self, number: f64) -> f64 {
        if self.mask.is_some() { number + 1.5 } else { number }
    }
}
