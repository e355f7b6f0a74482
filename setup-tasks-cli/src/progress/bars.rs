//! Progress bars: the running tasks, the number of finished tasks, and the remaining time.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::style::ProgressTracker;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use setup_tasks::event::{Event, EventKind, Listening};
use setup_tasks::fleet::FleetReport;
use setup_tasks::text::duration;
use setup_tasks::{AnyObject, Layout};

use super::estimate::Estimate;
use crate::args::RunArgs;
use crate::output::{self, printable};

/// The number of running tasks that have a line.
const SHOWN: usize = 8;
const TICK: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub(super) struct Bars(Arc<BarsInner>);

struct BarsInner {
    all: ProgressBar,
    estimate: Arc<Mutex<Estimate>>,
    running: Mutex<Vec<Running>>,
}

struct Running {
    object: Arc<str>,
    task: &'static str,
    bar: Option<ProgressBar>,
    text: String,
    /// The commands that the task is running.
    commands: Vec<String>,
    began: Instant,
}

impl Bars {
    pub(super) async fn new(layout: &Layout, objects: &[AnyObject], args: &RunArgs) -> Self {
        let jobs = args.exec.jobs.map_or(usize::MAX, std::num::NonZero::get);
        Self::with(Estimate::new(layout, objects, &args.filter.tags, jobs).await)
    }

    /// Returns the bars of a run that brings objects down.
    pub(super) async fn of_plan(layout: &Layout, planned: &FleetReport, args: &RunArgs) -> Self {
        let jobs = args.exec.jobs.map_or(usize::MAX, std::num::NonZero::get);
        Self::with(Estimate::of_plan(layout, planned, jobs).await)
    }

    fn with(estimate: Estimate) -> Self {
        let estimate = Arc::new(Mutex::new(estimate));
        let total = estimate.lock().unwrap_or_else(PoisonError::into_inner).total;
        let all = output::bars().add(ProgressBar::new(total as u64));
        let template = "{spinner:.cyan} [{bar:28.cyan/blue}] {pos}/{len} tasks{left} {wide_msg:.dim}";
        all.set_style(style(template).with_key("left", left(estimate.clone())).progress_chars("=> "));
        let shared = Arc::new(BarsInner { all, estimate, running: Mutex::default() });
        tick(&shared);
        Self(shared)
    }

    pub(super) fn follow(&self, layout: &Layout) -> Listening {
        let bars = self.clone();
        layout.on_event(move |event| bars.record(event))
    }

    /// Removes the bars.
    pub(super) fn clear(&self) {
        for running in self.running().drain(..) {
            running.bar.iter().for_each(ProgressBar::finish_and_clear);
        }
        self.0.all.finish_and_clear();
    }

    fn record(&self, event: &Event) {
        let done = {
            let mut estimate = self.0.estimate.lock().unwrap_or_else(PoisonError::into_inner);
            estimate.record(event);
            estimate.done
        };
        // The estimate is not locked here, because drawing a bar reads it.
        self.0.all.set_position(done as u64);
        match &event.kind {
            &EventKind::TaskStart { attempt } => self.start(event, "", attempt),
            &EventKind::UndoStart { attempt } => self.start(event, "undo: ", attempt),
            EventKind::CommandStart { command } => self.commands(event, |commands| commands.push(command.clone())),
            EventKind::CommandEnd { command, .. } => self.commands(event, |commands| {
                if let Some(at) = commands.iter().position(|running| running == command) {
                    commands.remove(at);
                }
            }),
            EventKind::TaskRan { .. }
            | EventKind::TaskUnchanged { .. }
            | EventKind::TaskSkipped
            | EventKind::TaskFail { .. }
            | EventKind::TaskUndone { .. }
            | EventKind::UndoFail { .. } => self.end(event),
            _ => {}
        }
    }

    fn start(&self, event: &Event, what: &str, attempt: u32) {
        let mut running = self.running();
        let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
        let text = format!("{}  {what}{}{again}", printable(&event.object), printable(&event.description));
        let (object, task, began) = (event.object.clone(), event.task, Instant::now());
        running.retain(|other| !other.is_of(event));
        running.push(Running { object, task, bar: None, text, commands: Vec::new(), began });
        self.show(&mut running);
    }

    /// Changes the commands of a running task.
    fn commands(&self, event: &Event, change: impl FnOnce(&mut Vec<String>)) {
        if let Some(running) = self.running().iter_mut().find(|running| running.is_of(event)) {
            change(&mut running.commands);
            running.bar.iter().for_each(|bar| bar.set_message(running.message()));
        }
    }

    fn end(&self, event: &Event) {
        let mut running = self.running();
        running.retain(|other| {
            let ends = other.is_of(event);
            if ends && let Some(bar) = &other.bar {
                bar.finish_and_clear();
                output::bars().remove(bar);
            }
            !ends
        });
        self.show(&mut running);
    }

    /// Shows a line for each of the first running tasks.
    fn show(&self, running: &mut [Running]) {
        for running in running.iter_mut().take(SHOWN).filter(|running| running.bar.is_none()) {
            let bar = output::bars().insert_before(&self.0.all, ProgressBar::new_spinner());
            bar.set_style(style("  {took:>10}  {wide_msg}").with_key("took", took(running.began)));
            bar.set_message(running.message());
            running.bar = Some(bar);
        }
        let more = running.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!("{} running", running.len()) } else { String::new() };
        self.0.all.set_message(more);
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Redraws the bars at regular intervals. Without a thread for that, they are redrawn with each event.
fn tick(shared: &Arc<BarsInner>) {
    let shared = Arc::downgrade(shared);
    let draw = move || {
        while let Some(shared) = shared.upgrade() {
            for running in &*shared.running.lock().unwrap_or_else(PoisonError::into_inner) {
                running.bar.iter().for_each(ProgressBar::tick);
            }
            shared.all.tick();
            drop(shared);
            std::thread::sleep(TICK);
        }
    };
    let thread = std::thread::Builder::new().name("setup-tasks bars".to_owned());
    // If no thread can be started, only the spinners stand still.
    let _ = thread.spawn(draw);
}

impl Running {
    fn is_of(&self, event: &Event) -> bool {
        self.object == event.object && self.task == event.task
    }

    /// Returns the text of the line, with the command that started last.
    fn message(&self) -> String {
        match self.commands.last() {
            Some(command) => format!("{}: {}", self.text, printable(command)),
            None => self.text.clone(),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template that is invalid falls back to the default.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Shows the time since a task started.
fn took(began: Instant) -> impl ProgressTracker {
    move |_: &ProgressState, w: &mut dyn Write| {
        // An error of the writer would only leave the text out.
        let _ = w.write_str(&duration(began.elapsed()));
    }
}

/// Shows the estimate of the remaining time.
fn left(estimate: Arc<Mutex<Estimate>>) -> impl ProgressTracker {
    move |_: &ProgressState, w: &mut dyn Write| {
        let left = estimate.lock().unwrap_or_else(PoisonError::into_inner).left();
        if let Some(left) = left.filter(|left| *left >= Duration::from_secs(1)) {
            let _ = write!(w, ", about {} left", duration(Duration::from_secs(left.as_secs())));
        }
    }
}
