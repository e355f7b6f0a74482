//! The observer of a filesystem that has no questions of its own: it examines one file after another.

use std::borrow::Cow;
use std::sync::Arc;

use setup_tasks::observer::{Answer, Answers, Observer, Question, QuestionData};
use setup_tasks::{BoxFuture, Result, TaskContext};

use crate::filesystem::{ExpectedFile, FileKind, FileState, Filesystem};

/// The largest content that an answer contains, in bytes.
const MAX_CONTENT: u64 = 1 << 20;

/// The observer of one task's filesystem.
struct Examined<F> {
    filesystem: F,
    cx: TaskContext,
    key: String,
}

/// Returns the question about the state of files. The filesystem can have one of its own.
pub(crate) fn remote_question<F: Filesystem>(filesystem: F, files: Vec<ExpectedFile>, cx: &TaskContext) -> Question {
    filesystem.question(cx, &files).unwrap_or_else(|| {
        let key = format!("the filesystem of {}/{}", cx.object().id(), cx.task());
        Question::new(Arc::new(Examined { filesystem, cx: cx.clone(), key }), files)
    })
}

impl<F: Filesystem> Examined<F> {
    async fn answer(&self, data: &QuestionData) -> Result<Answer> {
        let mut states = Vec::new();
        for file in data.get::<Vec<ExpectedFile>>()? {
            states.push(self.state(file).await?);
        }
        Ok(Answer::new(states))
    }

    async fn state(&self, file: &ExpectedFile) -> Result<FileState> {
        let Some(stat) = self.filesystem.stat(&self.cx, &file.path).await? else { return Ok(FileState::Missing) };
        let content = match stat.kind {
            FileKind::File => self.filesystem.read(&self.cx, &file.path).await?,
            _ => None,
        };
        let hash = content.as_ref().map(|content| *blake3::hash(content).as_bytes());
        let is_shown = file.hash.is_some() && file.hash != hash && stat.size <= MAX_CONTENT;
        Ok(FileState::Present { stat, hash, content: content.filter(|_| is_shown) })
    }
}

impl<F: Filesystem> Observer for Examined<F> {
    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.key)
    }

    fn is_cheap(&self) -> bool {
        F::IS_CHEAP
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        Box::pin(async move {
            let mut answers = Vec::new();
            for data in &questions {
                answers.push(self.answer(data).await);
            }
            Ok(answers)
        })
    }
}
