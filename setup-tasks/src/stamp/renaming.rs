//! The move of entries to the present names of their tasks.

use smol_str::SmolStr;

use super::{Entry, Records};

/// A former name of a task, and its present name. Both begin with the stem of a customization if the
/// task belongs to one.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRename {
    pub(crate) from: SmolStr,
    pub(crate) to: SmolStr,
}

/// The entries of an object that have former names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Renamed {
    /// The former and the present name of each entry that moves.
    pub(crate) moved: Vec<TaskRename>,
    /// The former names whose entries are parts of moves that were interrupted. Their present names
    /// have the entries already.
    pub(crate) remnants: Vec<SmolStr>,
    /// The names that stay as they are, because the present name has an entry of its own.
    pub(crate) conflicts: Vec<TaskRename>,
}

impl TaskRename {
    /// Returns the present name of a task, or `None` if the task does not have the former name. The
    /// tasks of a customization follow the task that applies it.
    pub(crate) fn follow(&self, task: &str) -> Option<SmolStr> {
        let rest = task.strip_prefix(&*self.from)?;
        match rest.bytes().next() {
            None => Some(self.to.clone()),
            Some(b'.') => Some(format!("{}{rest}", self.to).into()),
            Some(_) => None,
        }
    }
}

/// Returns the present name of a task, after all renames in their order.
pub(crate) fn present_name(renames: &[TaskRename], task: &str) -> Option<SmolStr> {
    renames.iter().fold(None, |name: Option<SmolStr>, rename| {
        let next = rename.follow(name.as_deref().unwrap_or(task));
        next.or(name)
    })
}

impl Records {
    /// Gives each entry the present name of its task. An entry stays if the present name has an
    /// entry already. `renames` begins with the names of the object's own tasks.
    pub(crate) fn rename(&mut self, renames: &[TaskRename]) -> Renamed {
        let mut found = Renamed::default();
        for at in 0..self.0.len() {
            let from = &self.0[at].0;
            let Some(to) = present_name(renames, from) else { continue };
            let rename = TaskRename { from: from.clone(), to };
            match self.get(&rename.to) {
                None => {
                    self.0[at].0 = rename.to.clone();
                    found.moved.push(rename);
                }
                Some(entry) if self.0[at].1.is_part_of(entry) => found.remnants.push(rename.from),
                Some(_) => found.conflicts.push(rename),
            }
        }
        found.remnants.iter().for_each(|name| self.set(name, None));
        found
    }
}

impl Entry {
    /// Returns whether the entry has nothing that `other` does not have. Each time is unique, so a
    /// part of the same entry is left from an interrupted move.
    fn is_part_of(&self, other: &Self) -> bool {
        let time = |entry: &Self| entry.stamp.as_ref().map(|stamp| stamp.time);
        (self.stamp.is_none() || time(self) == time(other))
            && (self.attempt.is_none() || self.attempt == other.attempt)
            && (self.changed.is_none() || self.changed == other.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Stamp, Timestamp};
    use super::*;

    fn rename(from: &str, to: &str) -> TaskRename {
        TaskRename { from: from.into(), to: to.into() }
    }

    fn records(entries: &[(&str, u64)]) -> Records {
        let mut records = Records::default();
        for (name, time) in entries {
            records.set(name, Some(Entry::completed(Stamp::new(Timestamp(*time), ""))));
        }
        records
    }

    #[test]
    fn entries_follow_their_tasks_and_the_tasks_of_customizations_follow_their_stem() {
        let renames = [rename("www", "web"), rename("web.setup", "web.install"), rename("fetch", "load")];
        let mut kept = records(&[("fetch", 1), ("www.setup", 2), ("wwww", 3), ("www", 4)]);
        let carried = kept.rename(&renames);
        assert_eq!(kept, records(&[("load", 1), ("web.install", 2), ("wwww", 3), ("web", 4)]));
        let moved = [rename("fetch", "load"), rename("www.setup", "web.install"), rename("www", "web")];
        assert_eq!(carried, Renamed { moved: moved.to_vec(), ..Renamed::default() });
        assert_eq!(kept.rename(&renames), Renamed::default(), "nothing is left to move");
    }

    #[test]
    fn an_entry_of_the_present_name_stays_and_a_part_of_it_is_a_remnant() {
        let renames = [rename("fetch", "load")];
        let mut both = records(&[("fetch", 1), ("load", 2)]);
        let carried = both.rename(&renames);
        assert_eq!(carried, Renamed { conflicts: renames.to_vec(), ..Renamed::default() });
        assert_eq!(both, records(&[("fetch", 1), ("load", 2)]));
        let mut interrupted = records(&[("fetch", 2), ("load", 2)]);
        let carried = interrupted.rename(&renames);
        assert_eq!(carried, Renamed { remnants: vec!["fetch".into()], ..Renamed::default() });
        assert_eq!(interrupted, records(&[("load", 2)]));
    }
}
