//! The clock of stamps, whose times are later than all times that it has observed.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::Timestamp;

/// The clock of stamps. Each of its times is later than all times that it returned or observed
/// before, even if the wall clock was set back.
///
/// Source: the physical half of Kulkarni et al., *Logical Physical Clocks*, 2014, with the logical
/// counter folded into the nanoseconds.
pub struct Clock {
    last: AtomicU64,
    wall: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Clock {
    /// Returns a clock that reads the system's clock.
    pub fn system() -> Self {
        Self::over(SystemTime::now)
    }

    /// Returns a clock that reads another source of time, for tests.
    pub fn over(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { last: AtomicU64::new(0), wall: Box::new(wall) }
    }

    /// Returns a time that is later than all times that this clock returned or observed.
    pub fn now(&self) -> Timestamp {
        let wall = Timestamp::from((self.wall)()).0;
        let next = |last: u64| wall.max(last.saturating_add(1)).min(Timestamp::FUTURE.0 - 1);
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        Timestamp(next(last.unwrap_or_else(|last| last)))
    }

    /// Observes a time that was read. All later times of the clock are greater.
    pub fn observe(&self, seen: Timestamp) {
        // The load comes first, so that threads share the cache line while no task runs, instead of
        // taking it from each other.
        if self.last.load(Ordering::Relaxed) < seen.0 {
            self.last.fetch_max(seen.0.min(Timestamp::FUTURE.0 - 1), Ordering::Relaxed);
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
    use std::time::{Duration, UNIX_EPOCH};

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
