//! The search for the lines of the script and the hello of the agent, in what a login shell and others may write before.

use setup_tasks_agent::protocol::{HelloError, HelloLine, HelloScanner, Nonce};

use crate::shown::visible;

const MARK: &str = "setup-tasks-stage";
/// The greatest length of a line of the script, in bytes. Longer lines are of others.
const LONGEST: usize = 4096;

/// A step of the script.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A place does not suit.
    Skipped(String),
    /// The agent is to be sent, to the place with this number.
    Need {
        /// The number of the place.
        place: usize,
        /// The system and the architecture.
        system: String,
        /// Whether the machine can unpack what `gzip` compressed.
        unpacks: bool,
    },
    /// The agent did not fit into the place with this number.
    Short {
        /// The number of the place.
        place: usize,
        /// The reason.
        reason: String,
    },
    /// No place suits.
    Nowhere,
    /// The agent has begun.
    Hello(HelloLine),
}

/// The search in the output of a channel.
pub(super) struct Scanner {
    mark: String,
    line: Vec<u8>,
    hello: HelloScanner,
}

impl Scanner {
    pub(super) fn new(nonce: Nonce) -> Self {
        Self { mark: format!("{MARK} {nonce} "), line: Vec::new(), hello: HelloScanner::new(nonce) }
    }

    /// Takes bytes from the beginning of `input` up to the end of a step. Returns `None` if it needs more.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Stage>, HelloError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if let Some(hello) = self.hello.decode(&mut &[byte][..])? {
                return Ok(Some(Stage::Hello(hello)));
            }
            if byte != b'\n' {
                if self.line.len() < LONGEST {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            if let Some(stage) = line.trim_end_matches('\r').strip_prefix(&self.mark).and_then(parse) {
                return Ok(Some(stage));
            }
        }
        Ok(None)
    }

    /// Returns the other output.
    pub(super) fn noise(&self) -> String {
        let noise = visible(&self.hello.noise());
        noise.lines().filter(|line| !line.starts_with(MARK)).map(|line| format!("{line}\n")).collect()
    }
}

fn parse(words: &str) -> Option<Stage> {
    let (stage, rest) = words.split_once(' ').unwrap_or((words, ""));
    let (place, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let text = visible(text);
    match stage {
        "skipped" => Some(Stage::Skipped(text)),
        "need" => {
            let system = text.strip_suffix(" gzip").unwrap_or(&text).to_owned();
            Some(Stage::Need { place: place.parse().ok()?, unpacks: system.len() < text.len(), system })
        }
        "short" => Some(Stage::Short { place: place.parse().ok()?, reason: text }),
        "nowhere" => Some(Stage::Nowhere),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use setup_tasks_agent::protocol::{Hash, VERSION};

    use super::*;

    #[test]
    fn steps_are_found_among_other_output() {
        let hello = HelloLine { version: VERSION, nonce: Nonce([7; 16]), hash: Hash::of(b"agent") };
        let mark = format!("{MARK} {}", hello.nonce);
        let output = format!(
            "Welcome\r\n{MARK} {} nowhere\nno line break\n{mark} skipped 1 /home is full\n{mark} need 2 Linux x86_64 gzip\r\n\n{mark} what\n{hello}frames",
            Nonce([8; 16])
        );
        for size in 1..40 {
            let mut scanner = Scanner::new(hello.nonce);
            let mut stages = Vec::new();
            let mut rest = Vec::new();
            for mut part in output.as_bytes().chunks(size) {
                while let Some(stage) = scanner.next(&mut part).unwrap() {
                    let is_hello = matches!(stage, Stage::Hello(_));
                    stages.push(stage);
                    if is_hello {
                        break;
                    }
                }
                rest = [&rest, part].concat();
            }
            let need = Stage::Need { place: 2, system: "Linux x86_64".to_owned(), unpacks: true };
            assert_eq!(stages[..3], [Stage::Skipped("/home is full".to_owned()), need, Stage::Hello(hello)], "{size}");
        }
    }
}
