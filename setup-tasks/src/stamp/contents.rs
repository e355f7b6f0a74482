//! Comparison and display of the texts in stamps.

/// The prefix of a text that is a hash under a private key.
pub(super) const KEYED: &str = "blake3-keyed:";
/// The length above which earlier versions kept only the hash of a text. Reasons still show the
/// hash of such a text.
const LONG: usize = 64;

/// Returns whether a text equals the kept one. An earlier version may have kept only the hash of a
/// long text.
pub(crate) fn is_same(kept: &str, now: &str) -> bool {
    kept == now || now.len() > LONG && kept.strip_prefix("blake3:").is_some_and(|hash| *hash == *hex(now))
}

/// Returns a text in the form that reasons show. A long text is replaced with its hash.
pub(crate) fn shown(text: &str) -> String {
    if text.len() <= LONG || text.starts_with(KEYED) { text.to_owned() } else { format!("blake3:{}", hex(text)) }
}

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
        assert!(!is_same(&shown(&long), "y") && !is_same("", &long) && is_same("a", "a"));
    }
}
