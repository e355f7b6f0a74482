//! Times, and a clock that never runs backwards against what it has seen.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A time, in nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Later than every stamp: what a task that would run tells later ones.
    pub(crate) const FUTURE: Self = Self(u64::MAX);
    /// Later than all that ran, and earlier than what would run: the time of a task that may run.
    pub(crate) const UNDECIDED: Self = Self(u64::MAX - 1);
}

impl From<SystemTime> for Timestamp {
    /// Times before 1970 count as 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX - 1))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(moment: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_nanos(moment.0)
    }
}

/// Makes the times of stamps: each later than every time that the clock made or was shown before, also when the wall
/// clock was set back.
///
/// Source: the physical half of Kulkarni et al., *Logical Physical Clocks*, 2014, the logical counter folded into the
/// nanoseconds.
pub struct Clock {
    last: AtomicU64,
    wall: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Clock {
    /// A clock over the system's.
    pub fn system() -> Self {
        Self::over(SystemTime::now)
    }

    /// A clock over any other source of time; for tests.
    pub fn over(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { last: AtomicU64::new(0), wall: Box::new(wall) }
    }

    /// A time later than all that this clock made or was shown.
    pub fn now(&self) -> Timestamp {
        let wall = Timestamp::from((self.wall)()).0;
        let next = |last: u64| wall.max(last.saturating_add(1)).min(Timestamp::UNDECIDED.0 - 1);
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        Timestamp(next(last.unwrap_or_else(|last| last)))
    }

    /// Shows the clock a time that was read.
    pub fn observe(&self, seen: Timestamp) {
        // A load first: on the path where nothing runs, the line stays shared between threads.
        if self.last.load(Ordering::Relaxed) < seen.0 {
            self.last.fetch_max(seen.0.min(Timestamp::UNDECIDED.0 - 1), Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("last", &self.last).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_later_than_what_was_read_when_the_wall_clock_is_set_back() {
        let clock = Clock::over(|| UNIX_EPOCH + Duration::from_secs(10));
        let first = clock.now();
        clock.observe(Timestamp(u64::from(u32::MAX) * 1_000_000_000));
        let second = clock.now();
        assert!(first < second && second.0 > u64::from(u32::MAX) * 1_000_000_000, "{first:?} {second:?}");
        assert!(clock.now() > second, "two times are never the same");
    }

    #[test]
    fn threads_never_get_one_time_twice() {
        let clock = std::sync::Arc::new(Clock::over(|| UNIX_EPOCH));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let clock = clock.clone();
                std::thread::spawn(move || (0..1000).map(|_| clock.now()).collect::<Vec<_>>())
            })
            .collect();
        let mut times: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        times.sort();
        times.dedup();
        assert_eq!(times.len(), 4000);
    }
}
