//! Drift of files: the state in which a task left them against their current state.

mod local;
mod remote;

use setup_tasks::task::Difference;
use setup_tasks::{Result, TaskContext};

pub(crate) use local::local_question;
pub(crate) use remote::remote_question;

use crate::file_record::FileRecord;
use crate::filesystem::{FileAttributes, FileKind, FileState};

/// Returns how a file differs from the one that a task left.
pub(crate) fn differences(
    file: &FileRecord,
    wanted: &FileAttributes,
    state: &FileState,
    cx: &TaskContext,
) -> Result<Vec<Difference>> {
    let (stat, hash) = match state {
        FileState::AsLeft => return Ok(Vec::new()),
        FileState::Missing => return Ok(vec![Difference::new(&file.path, "is missing")]),
        FileState::Present { stat, hash, .. } => (stat, hash),
    };
    if stat.kind != FileKind::File {
        return Ok(vec![Difference::new(&file.path, format!("is {}", stat.kind.noun()))]);
    }
    // The task was marked as done, or an older version wrote the file. All that can be checked is that it exists.
    let Some(left) = &file.stamp else { return Ok(Vec::new()) };
    let mut differences = Vec::new();
    if stat.size == 0 && left.size() > 0 {
        differences.push(Difference::new(&file.path, "is empty"));
    } else if stat.size != left.size() || !file.held(hash.as_ref(), cx)? {
        differences.push(Difference::new(&file.path, "content differs"));
    }
    let is = &stat.attributes;
    let octal = |mode: Option<u32>| mode.map(|mode| format!("{mode:04o}"));
    let (owner, group) = stat.numbers.unzip();
    let attributes = [
        ("mode", octal(is.mode), None, octal(wanted.mode)),
        ("owner", is.owner.clone(), owner, wanted.owner.clone()),
        ("group", is.group.clone(), group, wanted.group.clone()),
    ];
    for (name, is, number, should_be) in attributes {
        if let (Some(is), Some(should_be)) = (is, should_be)
            && is != should_be
            && !(number.is_some() && number == should_be.parse().ok())
        {
            differences.push(Difference::new(&file.path, format!("{name} {is}")).instead_of(should_be));
        }
    }
    Ok(differences)
}
