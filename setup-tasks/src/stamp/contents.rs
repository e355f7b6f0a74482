//! Comparison and display of the texts in stamps.

use std::sync::Arc;

use similar::TextDiff;

use crate::secret::redact;

/// The prefix of a text that is a hash under a private key.
pub(super) const KEYED: &str = "blake3-keyed:";
/// The prefix of a hash that earlier versions kept instead of a long text.
const HASHED: &str = "blake3:";
/// The length above which earlier versions kept only the hash of a text. Reasons still show the
/// hash of such a text.
const LONG: usize = 64;

/// Returns whether a text equals the kept one. An earlier version may have kept only the hash of a
/// long text.
pub(crate) fn is_same(kept: &str, now: &str) -> bool {
    kept == now || now.len() > LONG && kept.strip_prefix(HASHED).is_some_and(|hash| *hash == *hex(now))
}

/// Returns a text in the form that reasons show. A long text is replaced with its hash.
pub(crate) fn shown(text: &str) -> String {
    if text.len() <= LONG || text.starts_with(KEYED) { text.to_owned() } else { format!("{HASHED}{}", hex(text)) }
}

/// The whole texts behind a changed hash. They live as long as the decision, are not serialized, and do not distinguish reasons.
#[derive(Clone, Debug, Default)]
pub struct HashTexts(Option<Arc<(String, String)>>);

impl HashTexts {
    /// Keeps two texts, unless one of them is known only by its hash.
    pub(crate) fn new(from: &str, to: &str) -> Self {
        let is_kept = |text: &str| !text.starts_with(KEYED) && !text.starts_with(HASHED);
        Self((is_kept(from) && is_kept(to)).then(|| Arc::new((from.to_owned(), to.to_owned()))))
    }

    /// Returns a unified diff without a header, or `None` if a text is unknown or a reason shows both of them completely.
    /// [Secrets](crate::Secret) are replaced.
    pub(crate) fn diff(&self) -> Option<String> {
        let (from, to) = self.0.as_deref()?;
        if [from, to].iter().all(|text| text.len() <= LONG && !text.contains('\n')) {
            return None;
        }
        // A last line without a line end would be marked as such.
        let whole = |text: &str| redact(text).trim_end_matches('\n').to_owned() + "\n";
        Some(TextDiff::from_lines(whole(from), whole(to)).unified_diff().to_string())
    }
}

impl PartialEq for HashTexts {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for HashTexts {}

fn hex(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_that_an_earlier_version_kept_as_its_hash_is_the_same() {
        let long = "x".repeat(65);
        assert!(is_same(&shown(&long), &long) && shown(&long).starts_with("blake3:"));
        assert_eq!(HashTexts::new(&shown(&long), "a\nb").diff(), None, "the old text is not kept");
        assert!(!is_same(&shown(&long), "y") && !is_same("", &long) && is_same("a", "a"));
    }

    #[test]
    fn texts_of_several_lines_have_a_diff() {
        let diff = HashTexts::new("port = 80\nname = a", "port = 81\nname = a").diff().unwrap();
        assert_eq!(diff, "@@ -1,2 +1,2 @@\n-port = 80\n+port = 81\n name = a\n");
        assert_eq!(HashTexts::new("ro", "rw").diff(), None, "the reason contains both");
        assert_eq!(HashTexts::new(&format!("{KEYED}00"), "a\nb").diff(), None, "it may contain a secret");
        assert_eq!(HashTexts::new("", "a\nb").diff().as_deref(), Some("@@ -1 +1,2 @@\n-\n+a\n+b\n"));
    }
}
