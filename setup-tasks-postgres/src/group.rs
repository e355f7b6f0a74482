//! A group of changes to several objects, which one statement writes.

use setup_tasks::stamp::{Change, Entry, Fence, Records, StampError};
use tokio::sync::oneshot;

use crate::error::PostgresError;

/// The greatest number of objects in a group.
const LARGEST: usize = 256;

/// Changes to one object, with the channel for the answer.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) object: String,
    pub(crate) fence: Option<Fence>,
    pub(crate) changes: Vec<Change>,
    pub(crate) answer: oneshot::Sender<Result<(), StampError>>,
}

/// The effect of all changes of a group on one object.
#[derive(Debug)]
struct Effect {
    object: String,
    fence: Option<Fence>,
    identity: Option<Identity>,
    /// Whether the entries before the group are removed.
    is_cleared: bool,
    /// The tasks with their new entries.
    entries: Vec<(String, Option<Vec<u8>>)>,
    answers: Vec<oneshot::Sender<Result<(), StampError>>>,
}

#[derive(Debug)]
enum Identity {
    Known { id: String, type_name: String },
    Gone,
}

/// A line of history.
#[derive(Debug)]
struct Line {
    object: String,
    task: String,
    time: i64,
    json: String,
}

/// A group of changes.
#[derive(Debug, Default)]
pub(crate) struct Group {
    effects: Vec<Effect>,
    lines: Vec<Line>,
}

/// The values of the statement.
#[derive(Debug, Default)]
pub(crate) struct Columns<'g> {
    pub(crate) objects: Vec<&'g str>,
    pub(crate) fences: Vec<i64>,
    pub(crate) ids: Vec<Option<&'g str>>,
    pub(crate) types: Vec<Option<&'g str>>,
    pub(crate) gone: Vec<Option<bool>>,
    pub(crate) cleared: Vec<&'g str>,
    /// The objects, the tasks and the entries that are written.
    pub(crate) put: (Vec<&'g str>, Vec<&'g str>, Vec<&'g [u8]>),
    /// The objects and the tasks whose entries are removed.
    pub(crate) removed: (Vec<&'g str>, Vec<&'g str>),
    /// The objects, tasks, times and texts of the lines of history.
    pub(crate) lines: (Vec<&'g str>, Vec<&'g str>, Vec<i64>, Vec<&'g str>),
}

impl Group {
    pub(crate) fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// Adds changes. Returns them if they need another group: the group is full, or has changes to the same object with another
    /// fence.
    pub(crate) fn add(&mut self, write: Write) -> Option<Write> {
        let at = self.effects.iter().position(|effect| effect.object == write.object);
        let is_other = at.is_some_and(|at| self.effects[at].fence != write.fence);
        if is_other || (at.is_none() && self.effects.len() >= LARGEST) {
            return Some(write);
        }
        let Write { object, fence, changes, answer } = write;
        let prepared = check_names(&object, &changes).map_err(StampError::from);
        let prepared = prepared.and_then(|()| changes.iter().map(|change| Prepared::new(&object, change)).collect());
        let prepared: Vec<Prepared> = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                // The run may have ended, and nobody waits for the answer.
                let _ = answer.send(Err(error));
                return None;
            }
        };
        let at = at.unwrap_or_else(|| {
            self.effects.push(Effect::new(object.clone(), fence));
            self.effects.len() - 1
        });
        for (change, Prepared { entry, line }) in changes.into_iter().zip(prepared) {
            self.effects[at].change(change, entry);
            self.lines.extend(line);
        }
        self.effects[at].answers.push(answer);
        None
    }

    /// Returns the values of the statement.
    pub(crate) fn columns(&self) -> Columns<'_> {
        let mut columns = Columns::default();
        for effect in &self.effects {
            columns.objects.push(&effect.object);
            columns.fences.push(effect.fence.map_or(-1, signed));
            let (id, type_name, gone) = match &effect.identity {
                None => (None, None, None),
                Some(Identity::Known { id, type_name }) => (Some(&**id), Some(&**type_name), Some(false)),
                Some(Identity::Gone) => (None, None, Some(true)),
            };
            columns.ids.push(id);
            columns.types.push(type_name);
            columns.gone.push(gone);
            if effect.is_cleared {
                columns.cleared.push(&effect.object);
            }
            for (task, entry) in &effect.entries {
                match entry {
                    Some(entry) => {
                        columns.put.0.push(&effect.object);
                        columns.put.1.push(task);
                        columns.put.2.push(entry);
                    }
                    None => {
                        columns.removed.0.push(&effect.object);
                        columns.removed.1.push(task);
                    }
                }
            }
        }
        for line in &self.lines {
            columns.lines.0.push(&line.object);
            columns.lines.1.push(&line.task);
            columns.lines.2.push(line.time);
            columns.lines.3.push(&line.json);
        }
        columns
    }

    /// Returns the objects with their fences.
    pub(crate) fn fenced(&self) -> impl Iterator<Item = (&str, Option<Fence>)> {
        self.effects.iter().map(|effect| (effect.object.as_str(), effect.fence))
    }

    /// Answers all writes of the group.
    pub(crate) fn answer(self, result: impl Fn(&str) -> Result<(), StampError>) {
        for effect in self.effects {
            let result = result(&effect.object);
            for answer in effect.answers {
                let _ = answer.send(result.clone());
            }
        }
    }
}

impl Effect {
    fn new(object: String, fence: Option<Fence>) -> Self {
        Self { object, fence, identity: None, is_cleared: false, entries: Vec::new(), answers: Vec::new() }
    }

    fn change(&mut self, change: Change, entry: Option<Vec<u8>>) {
        match change {
            Change::Identify { id, type_name } => self.identity = Some(Identity::Known { id, type_name }),
            Change::Clear | Change::Retire => {
                if matches!(change, Change::Retire) {
                    self.identity = Some(Identity::Gone);
                }
                self.is_cleared = true;
                self.entries.clear();
            }
            other => {
                let Some(task) = other.task() else { return };
                self.entries.retain(|(known, _)| known != task);
                self.entries.push((task.to_owned(), entry));
            }
        }
    }
}

/// The values of a change, encoded.
struct Prepared {
    entry: Option<Vec<u8>>,
    line: Option<Line>,
}

impl Prepared {
    fn new(object: &str, change: &Change) -> Result<Self, StampError> {
        let damaged = |detail| StampError::Damaged { path: object.into(), detail };
        let entry = change.task().zip(change.entry()).map(|(task, entry)| encode(object, task, entry));
        let entry = entry.transpose().map_err(damaged)?;
        let line = change.history().map(|line| {
            let json = serde_json::to_string(line).map_err(|error| damaged(error.to_string()))?;
            let (object, task) = (line.object.clone(), line.task.clone());
            Ok::<_, StampError>(Line { object, task, time: number(line.time.0), json })
        });
        Ok(Self { entry, line: line.transpose()? })
    }
}

/// Encodes the entry of one task in the format of the embedded store.
fn encode(object: &str, task: &str, entry: &Entry) -> Result<Vec<u8>, String> {
    let mut records = Records::default();
    records.set(task, Some(entry.clone()));
    records.encode(object)
}

/// Returns an error if `PostgreSQL` cannot store a name.
fn check_names(object: &str, changes: &[Change]) -> Result<(), PostgresError> {
    let of_change = |change: &Change| match change {
        Change::Identify { id, type_name } => vec![id.clone(), type_name.clone()],
        other => other.task().map(str::to_owned).into_iter().collect(),
    };
    let names = std::iter::once(object.to_owned()).chain(changes.iter().flat_map(of_change));
    names.filter(|name| name.contains('\0')).map(|name| Err(PostgresError::Name { name })).next().unwrap_or(Ok(()))
}

/// Converts a number to a signed integer. Nanoseconds reach the limit in the year 2262.
pub(crate) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn signed(fence: Fence) -> i64 {
    number(fence.0)
}
