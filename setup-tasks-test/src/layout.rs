//! A layout for a test.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use setup_tasks::event::{Event, EventStream};
use setup_tasks::stamp::{Clock, MemoryStore};
use setup_tasks::{Config, Layout};
use tempfile::TempDir;

use crate::snapshot;

/// The time at which the clock of a test begins: 2026-01-01 00:00 UTC.
const BEGIN: Duration = Duration::from_hours(490_896);

/// A layout for a test. Its stamps are in memory, its directories are temporary, the test sets its clock, and it records all events. It
/// derefs to the [`Layout`].
///
/// The directory is removed when the value and all layouts that were [reopened](Self::reopen) from it are dropped, also after a panic.
///
/// ```
/// use std::time::Duration;
///
/// use setup_tasks::prelude::*;
/// use setup_tasks_test::{TestLayout, assert_plan, assert_ran, assert_up_to_date};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door { colour: &'static str }
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it", hash = colour)]
///     fn paint(&self) {}
///
///     fn colour(&self) -> String { self.colour.to_owned() }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let test = TestLayout::new();
/// test.add(Door { colour: "red" })?;
/// assert_ran!(test.run().await?, ["door/paint"]);
/// assert_up_to_date!(test);
///
/// // The next run of the program, a day later, with another colour.
/// let test = test.reopen();
/// test.clock().advance(Duration::from_secs(86400));
/// test.add(Door { colour: "blue" })?;
/// assert_plan!(test, ["door/paint: its hash changed from red to blue"]);
/// # Ok(()) }
/// ```
pub struct TestLayout {
    layout: Layout,
    events: Mutex<Recorded>,
    base: Base,
}

/// The parts that a layout shares with those that are reopened from it.
#[derive(Clone)]
struct Base {
    store: Arc<MemoryStore>,
    clock: TestClock,
    directory: Arc<TempDir>,
}

/// The events so far, and the stream of further ones.
struct Recorded {
    stream: EventStream,
    events: Vec<Arc<Event>>,
}

impl TestLayout {
    /// Creates an empty layout.
    ///
    /// # Panics
    ///
    /// If no temporary directory can be created.
    #[expect(clippy::new_without_default, reason = "it creates a directory")]
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("setup-tasks-test-").tempdir();
        let directory = Arc::new(directory.expect("a temporary directory can be created"));
        Self::over(Base { store: Arc::new(MemoryStore::new()), clock: TestClock::new(), directory })
    }

    fn over(base: Base) -> Self {
        let wall = base.clock.clone();
        let config = Config::new(base.directory.path());
        let layout = Layout::with_clock(config, base.store.clone(), Clock::over(move || wall.now()));
        let events = Mutex::new(Recorded { stream: layout.events(), events: Vec::new() });
        Self { layout, events, base }
    }

    /// Creates an empty layout with the same stamps, directories and clock, as the next run of a program does.
    pub fn reopen(&self) -> Self {
        Self::over(self.base.clone())
    }

    /// Returns the clock.
    pub fn clock(&self) -> &TestClock {
        &self.base.clock
    }

    /// Returns the directory with all directories of the layout.
    pub fn path(&self) -> &Path {
        self.base.directory.path()
    }

    /// Returns all events so far.
    pub fn events(&self) -> Vec<Arc<Event>> {
        let mut recorded = self.recorded();
        while let Some(event) = recorded.stream.try_next() {
            recorded.events.push(event);
        }
        recorded.events.clone()
    }

    /// Returns all events so far as text, one per line, without times and durations. This is a text for a snapshot.
    pub fn record(&self) -> String {
        self.events().iter().map(|event| snapshot::event_line(event) + "\n").collect()
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for TestLayout {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        &self.layout
    }
}

impl fmt::Debug for TestLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestLayout").field("layout", &self.layout).field("path", &self.path()).finish_non_exhaustive()
    }
}

/// The clock of a test. It stands still unless the test sets it. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Mutex<SystemTime>>);

impl TestClock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(SystemTime::UNIX_EPOCH + BEGIN)))
    }

    /// Returns the time.
    pub fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the time, also to an earlier one, as an administrator can do.
    pub fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Lets some time pass.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}
