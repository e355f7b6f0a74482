//! Quoting of words for a shell.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;

use crate::secret::redact;

/// An error of [`quote`]: the word contains a NUL character, and no argument of a program can
/// contain one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word} contains a NUL character, which no argument of a program can contain")]
pub struct QuoteError {
    /// The word with escapes, as `{:?}` writes it, and without [secrets](crate::Secret).
    word: String,
}

/// The words that a POSIX shell or bash reads as its own where a command is expected.
const RESERVED: [&str; 18] = [
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "do",
    "done",
    "case",
    "esac",
    "while",
    "until",
    "for",
    "in",
    "function",
    "select",
    "time",
    "coproc",
    "namespace",
];

/// Quotes a word, so that a shell reads it as one argument with exactly this text.
///
/// The result suits scripts for POSIX shells (sh, dash, bash, ksh, zsh), such as those for `sh -c`
/// or `ssh`. It does not suit a shell that reads its commands from a terminal. Nothing needs to be
/// quoted in the arguments of [`TaskContext::command`](crate::TaskContext::command), because no
/// shell reads them.
///
/// ```
/// use setup_tasks::command::quote;
///
/// let name = "it's; rm -rf $HOME";
/// let script = format!("cd /srv && touch -- {}", quote(name)?);
/// assert_eq!(script, r"cd /srv && touch -- 'it'\''s; rm -rf $HOME'");
/// assert_eq!(quote("plain.txt")?, "plain.txt");
/// assert_eq!(quote("")?, "''");
/// assert!(quote("a\0b").is_err());
/// # Ok::<(), setup_tasks::command::QuoteError>(())
/// ```
///
/// # Errors
///
/// If the word contains a NUL character.
pub fn quote(word: &str) -> Result<Cow<'_, str>, QuoteError> {
    if word.contains('\0') {
        return Err(QuoteError { word: format!("{:?}", redact(word)) });
    }
    // A shell may read `2` in `2>file` as a file descriptor.
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@+".contains(&byte));
    if is_plain && !is_number && !RESERVED.contains(&word) {
        return Ok(Cow::Borrowed(word));
    }
    Ok(Cow::Owned(in_quotes(word)))
}

/// Returns a word in single quotes. The filter for secrets knows this form.
fn in_quotes(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Quotes words as [`quote`] does, and joins them with blanks: a whole command for a shell.
///
/// ```
/// use setup_tasks::{command::quote_all, prelude::*};
///
/// # async fn remove(cx: &TaskContext, path: &str) -> Result<()> {
/// cx.command("ssh").arg("web1").arg(quote_all(["rm", "--", path])?).run().await?;
/// # Ok(()) }
/// assert_eq!(quote_all(["cp", "a b", "c"])?, "cp 'a b' c");
/// # Ok::<(), setup_tasks::command::QuoteError>(())
/// ```
///
/// # Errors
///
/// If a word contains a NUL character.
pub fn quote_all<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Result<String, QuoteError> {
    let mut line = String::new();
    for (i, word) in words.into_iter().enumerate() {
        if i > 0 {
            line.push(' ');
        }
        line.push_str(&quote(word.as_ref())?);
    }
    Ok(line)
}

/// Writes a word of a command for people to read. Quotes are left out more often than in [`quote`].
pub(super) fn show(f: &mut fmt::Formatter<'_>, word: &OsStr) -> fmt::Result {
    // Secrets are replaced before the word is quoted.
    let word = word.to_string_lossy();
    let word = redact(&word);
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return f.write_str(&word);
    }
    f.write_str(&in_quotes(&word))
}

#[cfg(all(test, unix))]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Returns the arguments that a shell passes to a program.
    fn read_by_sh(words: &str) -> Vec<String> {
        let script = format!("for word in {words}; do printf '%s\\0' \"$word\"; done");
        let output = std::process::Command::new("sh").args(["-c", &script]).env("LC_ALL", "C").output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{script}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\0').map(ToOwned::to_owned).collect()
    }

    /// Texts of the characters that mean something to a shell, and of any others.
    fn hostile() -> impl Strategy<Value = String> {
        let special = prop::sample::select(
            " \t\n\r'\"`$\\;&|<>()[]{}*?!^~#=%,-+@:/.\u{7f}\u{1b}ä€\u{202e}ax0".chars().collect::<Vec<_>>(),
        );
        let any = any::<char>().prop_filter("no argument contains NUL", |c| *c != '\0');
        vec(prop_oneof![4 => special, 1 => any], 0..24).prop_map(String::from_iter)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_shell_reads_quoted_words_as_they_are(words in vec(hostile(), 1..12)) {
            prop_assert_eq!(read_by_sh(&quote_all(&words).unwrap()), words);
        }
    }

    #[test]
    fn words_that_mean_something_to_a_shell_are_only_words() {
        let words = [
            "", "-n", "~", "~root", "*", "a=b", "{a,b}", "!!", "$(id)", "`id`", "\\", "'", "\"", "#", "\n", "if",
            "a\u{0}",
        ];
        let (last, words) = words.split_last().unwrap();
        assert_eq!(read_by_sh(&quote_all(words).unwrap()), words);
        for shell in ["sh", "bash"] {
            for word in words.iter().chain(&RESERVED).chain(&["2", "no-such-command"]) {
                let script = format!("{}>/dev/null; echo $?", quote(word).unwrap());
                let script = format!("PATH=; {script}");
                let output = std::process::Command::new(shell).args(["-c", &script]).output().unwrap();
                let status = String::from_utf8(output.stdout).unwrap();
                assert!(["126\n", "127\n"].contains(&&*status), "{shell} runs no command `{word}`: {status}");
            }
        }
        let error = quote(last).unwrap_err().to_string();
        assert_eq!(error, r#""a\0" contains a NUL character, which no argument of a program can contain"#);
        assert_eq!(quote_all(["a", last]), quote(last).map(Cow::into_owned));
        assert_eq!(quote_all::<&str>([]).unwrap(), "");
    }
}
