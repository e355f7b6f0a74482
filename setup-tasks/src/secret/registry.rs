//! The secrets that are registered in this process.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use aho_corasick::AhoCorasick;

use super::spelling::{Pattern, patterns};

/// The number of leading bytes of a pattern that the automaton searches for. The rest is compared
/// directly, which bounds the memory for long secrets.
const KEY: usize = 16;

static REGISTRY: RwLock<Option<Registry>> = RwLock::new(None);
/// Whether any pattern is registered. Without one, no text is searched.
static ANY: AtomicBool = AtomicBool::new(false);

/// All registered patterns.
///
/// The patterns are in groups, each at least twice as large as the next. A further secret therefore
/// seldom rebuilds many of them.
#[derive(Default)]
pub(super) struct Registry {
    seen: HashSet<Box<str>>,
    /// The patterns that are not in a group yet.
    fresh: Vec<Pattern>,
    groups: Vec<Group>,
    longest: usize,
}

struct Group {
    keys: AhoCorasick,
    /// The patterns, sorted by their texts.
    patterns: Vec<Pattern>,
}

/// Registers a secret for the lifetime of the process.
pub(super) fn register(secret: &str) {
    let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    let registry = registry.get_or_insert_default();
    if registry.seen.contains(secret) {
        return;
    }
    registry.seen.insert(secret.into());
    registry.fresh.extend(patterns(secret));
    registry.longest =
        registry.fresh.iter().map(|pattern| pattern.text.len()).max().unwrap_or_default().max(registry.longest);
    ANY.store(registry.longest > 0, Ordering::Release);
}

/// Returns whether any secret is registered. If not, texts can be shown unchanged.
pub(crate) fn any() -> bool {
    ANY.load(Ordering::Acquire)
}

/// Calls `f` with the registered patterns.
pub(super) fn with<R>(f: impl FnOnce(&Registry) -> R) -> R {
    {
        let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = registry.as_ref().filter(|registry| registry.fresh.is_empty()) {
            return f(registry);
        }
    }
    let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    let registry = registry.get_or_insert_default();
    registry.build();
    f(registry)
}

impl Registry {
    /// Builds a group from the new patterns. Groups that are less than twice as large are merged
    /// into it.
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
        // Building fails only for more patterns than fit into memory.
        self.groups.extend(keys.ok().map(|keys| Group { keys, patterns }));
    }

    /// Calls `f` with each occurrence of a pattern until `f` returns true. Returns whether it did.
    pub(super) fn find(&self, text: &[u8], f: &mut impl FnMut(&Pattern, usize) -> bool) -> bool {
        self.groups.iter().any(|group| {
            group.keys.find_overlapping_iter(text).any(|found| {
                let pattern = &group.patterns[found.pattern().as_usize()];
                text[found.start()..].starts_with(&pattern.text) && f(pattern, found.start())
            })
        })
    }

    /// Returns whether a text is a proper prefix of a pattern for which `accepts` returns true.
    pub(super) fn begins(&self, text: &[u8], accepts: impl Fn(&Pattern) -> bool) -> bool {
        self.groups.iter().any(|group| {
            let first = group.patterns.partition_point(|pattern| &*pattern.text < text);
            let begun = group.patterns[first..].iter().take_while(|pattern| pattern.text.starts_with(text));
            begun.into_iter().any(|pattern| pattern.text.len() > text.len() && accepts(pattern))
        })
    }

    /// Returns the length of the longest pattern.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }
}
