//! The files of logs, named `TIME-TASK-ATTEMPT.log` so that names sort by time.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::fs::Directory;
use crate::object::AnyObject;
use crate::paths::Paths;
use crate::private_dir::{Creation, PrivateDir};
use crate::stamp::TaskRename;

/// The number of digits of the time in a name. It is in microseconds since 1970, which fit until
/// the year 2286.
const DIGITS: usize = 16;

/// The file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogFile {
    /// The name of the task.
    pub task: String,
    /// The time of the first line.
    pub began: SystemTime,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Whether a [detached](crate::command::TaskCommand::detached) command writes the file.
    pub detached: bool,
    /// The path of the file.
    pub path: PathBuf,
}

/// The end of the name of a detached command's log.
const DETACHED: &str = ".detached";

impl LogFile {
    fn of(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
        let (time, rest) = name.split_once('-').filter(|(time, _)| time.len() == DIGITS)?;
        let (rest, detached) = rest.strip_suffix(DETACHED).map_or((rest, false), |rest| (rest, true));
        let (task, attempt) = rest.rsplit_once('-')?;
        let (task, attempt) = (task.replace("%2F", "/").replace("%25", "%"), attempt.parse().ok()?);
        let began = UNIX_EPOCH + Duration::from_micros(time.parse().ok()?);
        Some(Self { task, began, attempt, detached, path })
    }
}

/// Returns the logs of an object or of one of its tasks, oldest first.
///
/// # Errors
///
/// If the directory exists and cannot be read.
pub fn logs_of(object: &AnyObject, task: Option<&str>) -> io::Result<Vec<LogFile>> {
    let Some(directory) = object.0.core().paths().find_log()? else { return Ok(Vec::new()) };
    let mut logs = within(&directory)?;
    let former_names = &object.0.core().former_names;
    for log in &mut logs {
        if let Some(present) = former_names.present(&log.task) {
            log.task = present;
        }
    }
    logs.retain(|log| task.is_none_or(|task| log.task == task));
    Ok(logs)
}

/// Renames the logs of tasks that have other names now. A log that cannot be renamed keeps its name.
pub(crate) fn rename(paths: &Paths, renames: &[TaskRename]) {
    let rename = || -> io::Result<()> {
        let Some(directory) = paths.find_log()? else { return Ok(()) };
        for log in within(&directory)? {
            let Some(rename) = renames.iter().find(|rename| *rename.from == *log.task) else { continue };
            let name = file_name(&rename.to, log.attempt, log.began, log.detached);
            log.path.file_name().map_or(Ok(()), |old| directory.rename_file(old, name.as_ref()))?;
        }
        Ok(())
    };
    if !renames.is_empty()
        && let Err(error) = rename()
    {
        tracing::warn!("the logs of a task keep its former name: {error}");
    }
}

fn within(directory: &PrivateDir) -> io::Result<Vec<LogFile>> {
    let names = directory.names()?;
    let mut logs: Vec<_> = names.into_iter().filter_map(|name| LogFile::of(directory.path().join(name))).collect();
    logs.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(logs)
}

fn file_name(task: &str, attempt: u32, began: SystemTime, detached: bool) -> String {
    let time = began.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    // A slash would refer to another directory.
    let task = task.replace('%', "%25").replace('/', "%2F");
    let end = if detached { DETACHED } else { "" };
    format!("{time:0DIGITS$}-{task}-{attempt}{end}.log")
}

/// Creates a log file with a unique name. Only its owner can read it, because the output of tasks
/// and commands may contain secrets.
pub(super) fn create(
    directory: &PrivateDir,
    task: &str,
    attempt: u32,
    mut began: SystemTime,
    detached: bool,
) -> io::Result<(PathBuf, File)> {
    // Both outputs of a detached command are appended, possibly by several processes.
    let creation = if detached { Creation::NewToAppend } else { Creation::New };
    loop {
        let name = file_name(task, attempt, began, detached);
        match directory.make_file(&name, creation) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => began += Duration::from_micros(1),
            Ok(file) => return Ok((directory.path().join(name), file)),
            Err(error) => return Err(error),
        }
    }
}

/// Removes all but the latest logs of a task, separately for attempts and detached commands. A log
/// that cannot be removed stays.
pub(super) fn forget_old(directory: &PrivateDir, task: &str, detached: bool, keep: usize) {
    let mut logs = within(directory).unwrap_or_default();
    logs.retain(|log| log.task == task && log.detached == detached);
    for old in &logs[..logs.len().saturating_sub(keep)] {
        let removed = old.path.file_name().map_or(Ok(()), |name| directory.remove(name));
        if let Err(error) = removed {
            tracing::debug!("an old log cannot be removed: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, PrivateDir) {
        let place = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create(place.path()).unwrap();
        (place, directory)
    }

    #[test]
    fn names_say_task_time_and_attempt() {
        let (_place, directory) = scratch();
        let began = UNIX_EPOCH + Duration::from_micros(1_795_554_000_000_001);
        let (path, _file) = create(&directory, "web.in-stall", 3, began, false).unwrap();
        let (second, _file) = create(&directory, "web.in-stall", 3, began, false).unwrap();
        assert_ne!(path, second, "a log is never written by two");
        let logs = within(&directory).unwrap();
        let first = LogFile { task: "web.in-stall".into(), began, attempt: 3, detached: false, path };
        assert_eq!((logs.len(), &logs[0]), (2, &first));
        create(&directory, "web.in-stall", 3, began, true).unwrap();
        assert!(within(&directory).unwrap().iter().any(|log| log.detached && log.task == "web.in-stall"));
    }

    #[test]
    fn a_name_that_would_lead_elsewhere_is_spelled_and_read_back() {
        let (_place, directory) = scratch();
        for (i, task) in ["a/b", "a%2Fb", "../up", "100%", "%25"].into_iter().enumerate() {
            let (path, _) = create(&directory, task, 1, UNIX_EPOCH + Duration::from_secs(i as u64), false).unwrap();
            assert_eq!(path.parent(), Some(directory.path()));
            assert_eq!(within(&directory).unwrap()[i].task, task);
            forget_old(&directory, task, false, 1);
            assert!(path.exists());
        }
    }

    #[test]
    fn the_latest_stay_and_other_files_too() {
        let (_place, directory) = scratch();
        std::fs::write(directory.path().join("notes.log"), "mine").unwrap();
        for i in 0..5 {
            create(&directory, "mount", 1, UNIX_EPOCH + Duration::from_secs(i), false).unwrap();
            create(&directory, "other", 1, UNIX_EPOCH + Duration::from_secs(i), false).unwrap();
        }
        forget_old(&directory, "mount", false, 2);
        let left = |task| within(&directory).unwrap().iter().filter(|log| log.task == task).count();
        assert_eq!((left("mount"), left("other")), (2, 5));
        assert!(directory.path().join("notes.log").exists());
    }
}
