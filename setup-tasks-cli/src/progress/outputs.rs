//! The output of running tasks, as it is written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use setup_tasks::Layout;
use setup_tasks::event::{Event, EventKind};
use setup_tasks::log::logs_of;

use super::Columns;
use crate::log_reader::LogReader;
use crate::output::{FAINT, NAME, line, printable};

/// The interval between two looks at the logs.
const LOOK: Duration = Duration::from_millis(100);

/// Prints the logs of running tasks while they grow.
pub(super) struct Outputs {
    layout: Layout,
    columns: Columns,
    running: Mutex<Vec<RunningTask>>,
}

/// A task whose log is printed. The log exists once the task has written a line.
struct RunningTask {
    object: Arc<str>,
    task: &'static str,
    since: SystemTime,
    reader: Option<LogReader>,
}

impl Outputs {
    /// Starts to print. The thread ends with the last other owner of the result.
    pub(super) fn begin(layout: &Layout, columns: Columns) -> Arc<Self> {
        let outputs = Arc::new(Self { layout: layout.clone(), columns, running: Mutex::default() });
        let weak = Arc::downgrade(&outputs);
        let thread = std::thread::Builder::new().name("setup-tasks outputs".to_owned());
        // If no thread can be started, each output is printed at the end of its task.
        let _ = thread.spawn(move || {
            while let Some(outputs) = Weak::upgrade(&weak) {
                outputs.running().iter_mut().for_each(|task| outputs.print(task));
                drop(outputs);
                std::thread::sleep(LOOK);
            }
        });
        outputs
    }

    /// Begins to print the output of a task, or prints its end.
    pub(super) fn record(&self, event: &Event) {
        let mut running = self.running();
        match event.kind {
            EventKind::TaskStart { .. } => {
                let (object, task, since) = (event.object.clone(), event.task, event.at.into());
                running.push(RunningTask { object, task, since, reader: None });
            }
            EventKind::TaskRan { .. }
            | EventKind::TaskSkipped
            | EventKind::TaskFail { .. }
            | EventKind::TaskRetry { .. } => {
                let is_of = |task: &mut RunningTask| task.object == event.object && task.task == event.task;
                for mut ended in running.extract_if(.., is_of) {
                    self.print(&mut ended);
                    let rest = ended.reader.as_mut().map(LogReader::rest).unwrap_or_default();
                    self.print_lines(&ended, rest);
                }
            }
            _ => {}
        }
    }

    fn print(&self, task: &mut RunningTask) {
        if task.reader.is_none() {
            task.reader = self.open(task);
        }
        // A log that cannot be read was reported when it could not be written.
        let lines = task.reader.as_mut().and_then(|reader| reader.lines().ok()).unwrap_or_default();
        self.print_lines(task, lines);
    }

    fn open(&self, task: &RunningTask) -> Option<LogReader> {
        let logs = logs_of(&self.layout.get(&task.object)?, Some(task.task)).ok()?;
        // The name of a log has whole microseconds.
        let log = logs.into_iter().rev().find(|log| !log.detached)?;
        let is_new = log.began + Duration::from_micros(1) > task.since;
        is_new.then(|| LogReader::open(&log).ok()).flatten()
    }

    /// Prints lines behind the object that wrote them. The lines of the runtime itself repeat what progress shows.
    fn print_lines(&self, task: &RunningTask, lines: Vec<String>) {
        let object = printable(&task.object);
        let padding = self.columns.object.saturating_sub(console::measure_text_width(&object));
        for text in lines.iter().filter(|text| !text.starts_with("# ")) {
            line(format!("{NAME}{object}{NAME:#}{:padding$}  {FAINT}|{FAINT:#} {text}", ""));
        }
    }

    fn running(&self) -> MutexGuard<'_, Vec<RunningTask>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
