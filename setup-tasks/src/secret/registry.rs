//! The secrets that this process knows.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

/// What stands in the place of a secret.
const MASK: &str = "[secret]";
/// The least characters of a text that is looked for, and of a line of one.
const SHORTEST: usize = 4;
const SHORTEST_LINE: usize = 8;

/// The longest first, so that one within another leaves nothing of that.
static KNOWN: RwLock<Vec<Box<str>>> = RwLock::new(Vec::new());
/// Whether there are any: where nobody has secrets, nothing is looked for.
static ANY: AtomicBool = AtomicBool::new(false);

/// Knows a secret from now on, for the life of the process.
pub(super) fn register(text: &str) {
    let lines = text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
    let is_long = |text: &&str| text.len() >= SHORTEST;
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for text in std::iter::once(text.trim()).filter(is_long).chain(lines) {
        if !known.iter().any(|other| **other == *text) {
            known.push(text.into());
        }
    }
    known.sort_by_key(|text| std::cmp::Reverse(text.len()));
    ANY.store(!known.is_empty(), Ordering::Release);
}

/// Whether any secret is known: if not, a text can be shown as it comes.
pub(crate) fn any() -> bool {
    ANY.load(Ordering::Acquire)
}

/// Whether a text holds a secret.
pub fn holds(text: &str) -> bool {
    any() && KNOWN.read().unwrap_or_else(PoisonError::into_inner).iter().any(|secret| text.contains(&**secret))
}

/// A text without the secrets in it: `[secret]` stands in the place of each.
pub fn redact(text: &str) -> Cow<'_, str> {
    if !any() {
        return Cow::Borrowed(text);
    }
    let mut text = Cow::Borrowed(text);
    for secret in KNOWN.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if text.contains(&**secret) {
            text = Cow::Owned(text.replace(&**secret, MASK));
        }
    }
    text
}

/// An error whose messages hold no secret: itself, or its chain of messages without them.
pub(crate) fn clean(error: anyhow::Error) -> anyhow::Error {
    // Its `Debug` may show what its messages do not.
    if !any() || !(error.chain().any(|cause| holds(&cause.to_string())) || holds(&format!("{error:?}"))) {
        return error;
    }
    let messages: Vec<_> = error.chain().map(|cause| redact(&cause.to_string()).into_owned()).collect();
    let mut messages = messages.into_iter().rev();
    let root = anyhow::Error::msg(messages.next().unwrap_or_default());
    messages.fold(root, anyhow::Error::context)
}
