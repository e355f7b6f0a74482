//! The answers of a test to programs.

use std::sync::Arc;

use setup_tasks_agent::far::{Invocation, ProgramOutput};
use setup_tasks_agent::protocol::Exit;

use super::programs::FakePrograms;

/// A function that answers.
type Function = Arc<dyn Fn(&Invocation) -> ProgramOutput + Send + Sync>;

/// The expected programs with their answers, and the programs that ran.
#[derive(Default)]
pub(super) struct Script {
    expected: Vec<Expected>,
    pub(super) ran: Vec<String>,
}

struct Expected {
    pattern: String,
    answers: Vec<Function>,
    /// The number of times that it was asked.
    asked: usize,
}

/// An expected program, whose answers are set.
#[derive(Clone, Copy)]
pub struct OnCommand<'m>(&'m FakePrograms);

impl<'m> OnCommand<'m> {
    pub(super) fn new(programs: &'m FakePrograms) -> Self {
        Self(programs)
    }

    /// Adds an answer: the program succeeds and writes this text. If there are several answers, each is given once, and the last one from
    /// then on.
    #[expect(clippy::return_self_not_must_use, reason = "the answer is set")]
    pub fn says(self, text: impl Into<Vec<u8>>) -> Self {
        let output = ProgramOutput::success(text);
        self.does(move |_| output.clone())
    }

    /// Adds an answer: the program fails with an exit code, and writes this text to its standard error.
    pub fn fails(self, code: i32, error: impl Into<Vec<u8>>) -> Self {
        let output = ProgramOutput { exit: Exit::Code(code), output: Vec::new(), error: error.into() };
        self.does(move |_| output.clone())
    }

    /// Adds an answer: that of a function, which also can change the machine.
    pub fn does(self, answer: impl Fn(&Invocation) -> ProgramOutput + Send + Sync + 'static) -> Self {
        if let Some(expected) = self.0.script().expected.last_mut() {
            expected.answers.push(Arc::new(answer));
        }
        self
    }
}

impl std::fmt::Debug for OnCommand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnCommand").finish_non_exhaustive()
    }
}

impl Script {
    pub(super) fn on(&mut self, pattern: String) {
        self.expected.push(Expected { pattern, answers: Vec::new(), asked: 0 });
    }

    /// Records a program, and returns its answer if the test has set one.
    pub(super) fn answer(&mut self, line: &str) -> Option<Function> {
        self.ran.push(line.to_owned());
        let expected = self.expected.iter_mut().rev().find(|expected| fits(&expected.pattern, line))?;
        let at = expected.asked.min(expected.answers.len().saturating_sub(1));
        expected.asked += 1;
        let silent: Function = Arc::new(|_| ProgramOutput::success(""));
        Some(expected.answers.get(at).cloned().unwrap_or(silent))
    }

    /// Returns the expected program that is the most similar to another one.
    pub(super) fn nearest(&self, line: &str) -> Option<&str> {
        let similarity = |expected: &&Expected| strsim::normalized_damerau_levenshtein(&expected.pattern, line);
        let nearest = self.expected.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
        Some(&nearest.pattern)
    }
}

/// Returns the output of a program that succeeded, for [`OnCommand::does`].
pub fn output(text: impl Into<Vec<u8>>) -> ProgramOutput {
    ProgramOutput::success(text)
}

/// Returns whether a line is that of a pattern, in which `*` stands for any text.
fn fits(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| fits(rest, &line[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, line, expected) in [
            ("curl *", "curl -f http://web", true),
            ("curl *", "curl", false),
            ("*", "", true),
            ("a*c*", "abcd", true),
            ("nginx -t", "nginx -T", false),
        ] {
            assert_eq!(fits(pattern, line), expected, "{pattern} {line}");
        }
    }
}
