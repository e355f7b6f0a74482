//! The secrets that this process knows.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use aho_corasick::AhoCorasick;

use super::spelling::{Pattern, patterns};

/// How many bytes of a pattern are searched for; the rest is compared. It bounds the memory that long secrets take.
const KEY: usize = 16;

static KNOWN: RwLock<Option<Known>> = RwLock::new(None);
/// Whether there are any: where nobody has secrets, nothing is looked for.
static ANY: AtomicBool = AtomicBool::new(false);

/// All patterns, in groups of which each is at least twice as large as the next: one more secret rarely builds much anew.
#[derive(Default)]
pub(super) struct Known {
    seen: HashSet<Box<str>>,
    /// Patterns that no group has yet.
    fresh: Vec<Pattern>,
    groups: Vec<Group>,
    longest: usize,
}

struct Group {
    keys: AhoCorasick,
    /// In the order of their texts.
    patterns: Vec<Pattern>,
}

/// Makes a secret known, for the life of the process.
pub(super) fn register(secret: &str) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if known.seen.contains(secret) {
        return;
    }
    known.seen.insert(secret.into());
    known.fresh.extend(patterns(secret));
    known.longest = known.fresh.iter().map(|pattern| pattern.text.len()).max().unwrap_or_default().max(known.longest);
    ANY.store(known.longest > 0, Ordering::Release);
}

/// Returns whether any secret is known: if not, a text can be shown as it comes.
pub(crate) fn any() -> bool {
    ANY.load(Ordering::Acquire)
}

/// Calls `f` with the known patterns.
pub(super) fn with<R>(f: impl FnOnce(&Known) -> R) -> R {
    {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|known| known.fresh.is_empty()) {
            return f(known);
        }
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    known.build();
    f(known)
}

impl Known {
    fn build(&mut self) {
        let mut patterns = std::mem::take(&mut self.fresh);
        while let Some(group) = self.groups.pop_if(|group| group.patterns.len() < 2 * patterns.len()) {
            patterns.extend(group.patterns);
        }
        patterns.sort();
        patterns.dedup();
        if patterns.is_empty() {
            return;
        }
        let keys = AhoCorasick::new(patterns.iter().map(|pattern| &pattern.text[..pattern.text.len().min(KEY)]));
        // It fails only for more patterns than memory holds.
        self.groups.extend(keys.ok().map(|keys| Group { keys, patterns }));
    }

    /// Calls `f` with each place where a pattern is, until it returns true; returns whether it did.
    pub(super) fn find(&self, text: &[u8], f: &mut impl FnMut(&Pattern, usize) -> bool) -> bool {
        self.groups.iter().any(|group| {
            group.keys.find_overlapping_iter(text).any(|found| {
                let pattern = &group.patterns[found.pattern().as_usize()];
                text[found.start()..].starts_with(&pattern.text) && f(pattern, found.start())
            })
        })
    }

    /// Returns whether a text is the beginning of a pattern for which `is_meant` holds.
    pub(super) fn begins(&self, text: &[u8], is_meant: impl Fn(&Pattern) -> bool) -> bool {
        self.groups.iter().any(|group| {
            let first = group.patterns.partition_point(|pattern| &*pattern.text < text);
            let begun = group.patterns[first..].iter().take_while(|pattern| pattern.text.starts_with(text));
            begun.into_iter().any(|pattern| pattern.text.len() > text.len() && is_meant(pattern))
        })
    }

    /// Returns the length of the longest pattern.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }
}
