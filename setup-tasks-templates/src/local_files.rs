//! The observer of the files of this machine.

use std::borrow::Cow;
use std::sync::Arc;

use setup_tasks::observer::{Answer, Answers, Observer, Question, QuestionData};
use setup_tasks::task::Difference;
use setup_tasks::{BoxFuture, Result, TaskContext};

use crate::file_record::FileRecord;
use crate::rooted_directory::RootedDirectory;

/// The files that a task wrote under a directory, and the modes that they should have.
pub(crate) struct WrittenFiles {
    pub(crate) root: RootedDirectory,
    pub(crate) files: Vec<(FileRecord, Option<u32>)>,
}

/// The observer of this machine's files. It compares files with the records about them.
struct LocalFiles {
    /// The context of the task that asks, for the key of hashes of secrets.
    cx: TaskContext,
}

impl WrittenFiles {
    /// Returns the question whether the files are as the task left them. The answer is a list of differences.
    pub(crate) fn question(self, cx: &TaskContext) -> Question {
        Question::new(Arc::new(LocalFiles { cx: cx.clone() }), self)
    }
}

/// Returns the differences in an answer.
pub(crate) fn differences(answer: &Answer) -> Result<Vec<Difference>> {
    Ok(answer.get::<Vec<Difference>>()?.clone())
}

impl LocalFiles {
    fn look_at(&self, data: &QuestionData) -> Result<Answer> {
        let WrittenFiles { root, files } = data.get()?;
        let mut differences = Vec::new();
        for (file, mode) in files {
            differences.extend(root.differences(file.path.as_ref(), file, *mode, &self.cx)?);
        }
        Ok(Answer::new(differences))
    }
}

impl Observer for LocalFiles {
    fn key(&self) -> Cow<'_, str> {
        "the files of this machine".into()
    }

    fn is_cheap(&self) -> bool {
        true
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        Box::pin(async move { Ok(questions.iter().map(|data| self.look_at(data)).collect()) })
    }
}
