//! The tasks and dependencies before a row, with the times when they last changed something. Each
//! frame of a walk has its own.

use std::borrow::Cow;

use crate::decide::Newest;
use crate::stamp::Timestamp;

/// The tasks and dependencies before a row, as far as decisions need them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EarlierTasks {
    newest: Option<Newest>,
    /// The last change of each row of the frame. Only frames in which a task subscribes to rows keep
    /// them, so all others pay for one pointer.
    by_row: Option<Box<ByRow>>,
}

/// The last changes of rows, by their names.
#[derive(Clone, Debug, Default, PartialEq)]
struct ByRow(Vec<(&'static str, Newest)>);

impl EarlierTasks {
    /// Returns the tasks before the first row of a frame. `inherited` is the newest change before the
    /// customization that the frame belongs to.
    pub(crate) fn of_frame(inherited: Option<Newest>, subscribes: bool) -> Self {
        Self { newest: inherited, ..Self::default() }.with_rows(subscribes)
    }

    /// Keeps the last change of each row from now on if a task of the frame subscribes to rows.
    pub(crate) fn with_rows(mut self, subscribes: bool) -> Self {
        if subscribes {
            self.by_row.get_or_insert_default();
        }
        self
    }

    /// Adds a row that last changed something at `time`. `which` names the task that did.
    pub(crate) fn add(
        &mut self,
        row: impl FnOnce() -> &'static str,
        time: Option<Timestamp>,
        which: impl FnOnce() -> Cow<'static, str>,
    ) {
        let Some(by_row) = &mut self.by_row else { return Newest::keep_later(&mut self.newest, time, which) };
        let Some(time) = time else { return };
        let change = Newest { time, which: which() };
        by_row.0.push((row(), change.clone()));
        self.merge(Some(change));
    }

    /// Adds the changes within a customization. Its row is added when the walk leaves it.
    pub(crate) fn merge(&mut self, change: Option<Newest>) {
        if let Some(Newest { time, which }) = change {
            Newest::keep_later(&mut self.newest, Some(time), || which);
        }
    }

    /// Returns the newest change of all.
    pub(crate) fn newest(&self) -> Option<&Newest> {
        self.newest.as_ref()
    }

    /// Returns the newest change of the rows that a task subscribes to, or of all rows for a task
    /// without a subscription.
    #[inline]
    pub(crate) fn newest_for(&self, subscribed: Option<&[&str]>) -> Option<Cow<'_, Newest>> {
        match subscribed {
            None => self.newest.as_ref().map(Cow::Borrowed),
            Some(names) => self.newest_of(names).map(Cow::Owned),
        }
    }

    fn newest_of(&self, names: &[&str]) -> Option<Newest> {
        let mut newest = None;
        for (row, Newest { time, which }) in self.by_row.iter().flat_map(|by_row| &by_row.0) {
            if names.contains(row) {
                Newest::keep_later(&mut newest, Some(*time), || which.clone());
            }
        }
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(time: u64, which: &'static str) -> Newest {
        Newest { time: Timestamp(time), which: which.into() }
    }

    fn frame() -> EarlierTasks {
        let mut earlier = EarlierTasks::of_frame(Some(newest(9, "host")), true);
        earlier.add(|| "a", Some(Timestamp(3)), || "other/a".into());
        earlier.add(|| "b", None, || "b".into());
        earlier.add(|| "c", Some(Timestamp(5)), || "c".into());
        earlier
    }

    #[test]
    fn a_subscription_sees_only_the_rows_that_it_names() {
        let earlier = frame();
        assert_eq!(earlier.newest_for(Some(&["a", "b"])).as_deref(), Some(&newest(3, "other/a")));
        assert_eq!(earlier.newest_for(Some(&["a", "c"])).as_deref(), Some(&newest(5, "c")));
        assert_eq!(earlier.newest_for(Some(&["b", "skipped"])), None);
        assert_eq!(earlier.newest_for(Some(&[])), None);
    }

    #[test]
    fn a_task_without_a_subscription_sees_everything_before_it() {
        assert_eq!(frame().newest_for(None).as_deref(), Some(&newest(9, "host")));
        let mut earlier = frame();
        earlier.merge(Some(newest(10, "c.x")));
        assert_eq!(earlier.newest_for(None).as_deref(), Some(&newest(10, "c.x")));
    }
}
