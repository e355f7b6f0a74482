//! The observer of the files of this machine.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use setup_tasks::observer::{Answer, Answers, Observer, Question, QuestionData};
use setup_tasks::stamp::FileStamp;
use setup_tasks::{BoxFuture, Result};

use crate::file_record::FileRecord;
use crate::filesystem::FileState;
use crate::rooted_directory::RootedDirectory;

/// Files of this machine, with the stamps of those that a task wrote.
struct LocalQuestion {
    root: RootedDirectory,
    files: Vec<(PathBuf, Option<FileStamp>)>,
}

/// The observer of this machine's files. A file whose metadata is that of its stamp is not read.
struct LocalFiles;

/// Returns the question about the state of files of this machine.
pub(crate) fn local_question(root: RootedDirectory, files: impl IntoIterator<Item = FileRecord>) -> Question {
    let files = files.into_iter().map(|file| (file.path.into(), file.stamp)).collect();
    Question::new(Arc::new(LocalFiles), LocalQuestion { root, files })
}

impl Observer for LocalFiles {
    fn key(&self) -> Cow<'_, str> {
        "the files of this machine".into()
    }

    fn is_cheap(&self) -> bool {
        true
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        Box::pin(async move { Ok(questions.iter().map(answer).collect()) })
    }
}

fn answer(data: &QuestionData) -> Result<Answer> {
    let LocalQuestion { root, files } = data.get()?;
    let states = files.iter().map(|(path, stamp)| root.state(path, stamp.as_ref()));
    Ok(Answer::new(states.collect::<Result<Vec<FileState>, _>>()?))
}
