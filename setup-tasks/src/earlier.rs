//! The tasks and dependencies before a row, with the times when they last changed something. Each
//! frame of a walk has its own.

use std::borrow::Cow;

use crate::decide::Newest;
use crate::stamp::Timestamp;

/// The last change of a row, with which later rows compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastChange {
    /// The time of the change, if it is known.
    pub(crate) time: Option<Timestamp>,
    /// Whether the row may change something before later rows are considered. Only plans have such
    /// rows: the task may run, or would run and may report that it changed nothing.
    pub(crate) may_change: bool,
}

impl From<Option<Timestamp>> for LastChange {
    /// Returns the last change of a row that changes nothing more.
    fn from(time: Option<Timestamp>) -> Self {
        Self { time, may_change: false }
    }
}

impl LastChange {
    /// The last change of a task that would run and change something.
    pub(crate) const CERTAIN: Self = Self { time: Some(Timestamp::FUTURE), may_change: false };

    /// Returns the last change of a row that may change something more.
    pub(crate) fn open(time: Option<Timestamp>) -> Self {
        Self { time, may_change: true }
    }

    /// Returns the last change of two rows together.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { time: self.time.max(other.time), may_change: self.may_change || other.may_change }
    }
}

/// The changes of some rows, as far as decisions need them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// The most recent change.
    pub(crate) newest: Option<Newest>,
    /// The first row that may change something more.
    pub(crate) possible: Option<Cow<'static, str>>,
}

impl Changes {
    /// Adds the last change of a row. `which` names the task that changed something.
    pub(crate) fn add(&mut self, change: LastChange, which: impl FnOnce() -> Cow<'static, str>) {
        if change.may_change {
            let which = which();
            self.possible.get_or_insert_with(|| which.clone());
            return Newest::keep_later(&mut self.newest, change.time, || which);
        }
        Newest::keep_later(&mut self.newest, change.time, which);
    }

    /// Adds the changes of further rows.
    pub(crate) fn merge(&mut self, others: &Self) {
        if let Some(Newest { time, which }) = &others.newest {
            Newest::keep_later(&mut self.newest, Some(*time), || which.clone());
        }
        if self.possible.is_none() {
            self.possible.clone_from(&others.possible);
        }
    }

    /// Returns the last change of all rows together.
    pub(crate) fn last(&self) -> LastChange {
        let time = self.newest.as_ref().map(|newest| newest.time);
        LastChange { time, may_change: self.possible.is_some() }
    }

    /// Returns the first task that a plan expects to change something, or to do so perhaps.
    pub(crate) fn pending(&self) -> Option<&Cow<'static, str>> {
        let certain = self.newest.as_ref().filter(|newest| newest.time == Timestamp::FUTURE);
        certain.map(|newest| &newest.which).or(self.possible.as_ref())
    }
}

/// The tasks and dependencies before a row, as far as decisions need them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EarlierTasks {
    all: Changes,
    /// The changes of each row of the frame. Only frames in which a task subscribes to rows keep
    /// them, so all others pay for one pointer.
    by_row: Option<Box<ByRow>>,
}

/// The changes of rows, by their names.
#[derive(Clone, Debug, Default, PartialEq)]
struct ByRow(Vec<(&'static str, Changes)>);

impl EarlierTasks {
    /// Returns the tasks before the first row of a frame. `inherited` are the changes before the
    /// customization that the frame belongs to.
    pub(crate) fn of_frame(inherited: Changes, subscribes: bool) -> Self {
        Self { all: inherited, ..Self::default() }.with_rows(subscribes)
    }

    /// Keeps the changes of each row from now on if a task of the frame subscribes to rows.
    pub(crate) fn with_rows(mut self, subscribes: bool) -> Self {
        if subscribes {
            self.by_row.get_or_insert_default();
        }
        self
    }

    /// Adds a row with its last change. `which` names the task that changed something.
    pub(crate) fn add(
        &mut self,
        row: impl FnOnce() -> &'static str,
        change: LastChange,
        which: impl FnOnce() -> Cow<'static, str>,
    ) {
        if self.by_row.is_none() {
            return self.all.add(change, which);
        }
        let mut changes = Changes::default();
        changes.add(change, which);
        self.add_all(row, &changes);
    }

    /// Adds a row that stands for several changes.
    pub(crate) fn add_all(&mut self, row: impl FnOnce() -> &'static str, changes: &Changes) {
        if let Some(by_row) = &mut self.by_row
            && *changes != Changes::default()
        {
            by_row.0.push((row(), changes.clone()));
        }
        self.all.merge(changes);
    }

    /// Adds the changes within a customization. Its row is added when the walk leaves it.
    pub(crate) fn merge(&mut self, changes: &Changes) {
        self.all.merge(changes);
    }

    /// Returns the changes of all rows.
    pub(crate) fn all(&self) -> &Changes {
        &self.all
    }

    /// Returns the changes of the rows that a task subscribes to, or of all rows for a task without a
    /// subscription.
    #[inline]
    pub(crate) fn of(&self, subscribed: Option<&[&str]>) -> Cow<'_, Changes> {
        match subscribed {
            None => Cow::Borrowed(&self.all),
            Some(names) => Cow::Owned(self.of_rows(names)),
        }
    }

    fn of_rows(&self, names: &[&str]) -> Changes {
        let mut changes = Changes::default();
        let by_row = self.by_row.iter().flat_map(|by_row| &by_row.0);
        by_row.filter(|(row, _)| names.contains(row)).for_each(|(_, of_row)| changes.merge(of_row));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(time: u64, which: &'static str) -> Newest {
        Newest { time: Timestamp(time), which: which.into() }
    }

    fn at(time: u64) -> LastChange {
        Some(Timestamp(time)).into()
    }

    fn frame() -> EarlierTasks {
        let inherited = Changes { newest: Some(newest(9, "host")), possible: None };
        let mut earlier = EarlierTasks::of_frame(inherited, true);
        earlier.add(|| "a", at(3), || "other/a".into());
        earlier.add(|| "b", None.into(), || "b".into());
        earlier.add(|| "c", at(5), || "c".into());
        earlier
    }

    #[test]
    fn a_subscription_sees_only_the_rows_that_it_names() {
        let earlier = frame();
        let seen = |names: &[&str]| earlier.of(Some(names)).newest.clone();
        assert_eq!(seen(&["a", "b"]), Some(newest(3, "other/a")));
        assert_eq!(seen(&["a", "c"]), Some(newest(5, "c")));
        assert_eq!(seen(&["b", "skipped"]), None);
        assert_eq!(seen(&[]), None);
    }

    #[test]
    fn a_task_without_a_subscription_sees_everything_before_it() {
        assert_eq!(frame().of(None).newest, Some(newest(9, "host")));
        let mut earlier = frame();
        earlier.merge(&Changes { newest: Some(newest(10, "c.x")), possible: None });
        assert_eq!(earlier.of(None).newest, Some(newest(10, "c.x")));
    }

    #[test]
    fn a_row_that_may_change_something_keeps_its_last_change() {
        for subscribes in [true, false] {
            let mut earlier = EarlierTasks::of_frame(Changes::default(), subscribes);
            earlier.add(|| "a", LastChange::open(Some(Timestamp(3))), || "a".into());
            earlier.add(|| "b", at(2), || "b".into());
            earlier.add(|| "c", LastChange::open(None), || "c".into());
            let all = Changes { newest: Some(newest(3, "a")), possible: Some("a".into()) };
            assert_eq!(*earlier.of(None), all);
            assert_eq!(all.last(), LastChange::open(Some(Timestamp(3))));
        }
    }

    #[test]
    fn a_subscription_sees_the_possible_changes_of_the_rows_that_it_names() {
        let mut earlier = frame();
        earlier.add(|| "d", LastChange::open(None), || "other/d".into());
        assert_eq!(earlier.of(Some(&["d"])).possible.as_deref(), Some("other/d"));
        assert_eq!(earlier.of(Some(&["a"])).possible, None);
        assert_eq!(earlier.of(Some(&["a", "d"])).pending().map(|which| &**which), Some("other/d"));
    }

    #[test]
    fn a_certain_change_is_pending_before_a_possible_one() {
        let mut changes = Changes::default();
        assert_eq!(changes.pending(), None);
        changes.add(LastChange::open(None), || "perhaps".into());
        changes.add(LastChange::CERTAIN, || "surely".into());
        assert_eq!(changes.pending().map(|which| &**which), Some("surely"));
    }
}
