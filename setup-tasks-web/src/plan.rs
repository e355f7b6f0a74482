//! The last plan of the layout.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use setup_tasks::error::explain;
use setup_tasks::fleet::{FleetReport, ObjectResult, ObjectStatus};
use setup_tasks::layout::Orphan;
use setup_tasks::run::{TaskReport, TaskStatus};
use setup_tasks::stamp::Timestamp;
use setup_tasks::{Reason, Result};
use setup_tasks_cli::__parts::words;

use crate::built::Built;
use crate::state::State;

/// A plan, and the time at which it began.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) at: Timestamp,
    pub(crate) report: FleetReport,
    /// The layout.
    pub(crate) built: Arc<Built>,
    /// The objects that have left the layout.
    pub(crate) orphans: Vec<Orphan>,
    /// The objects on which each object depends. Some dependencies are only known after a plan.
    pub(crate) dependencies: Vec<Vec<usize>>,
    by_id: HashMap<String, usize>,
}

impl Planned {
    /// Plans a layout.
    ///
    /// # Errors
    ///
    /// If the plan cannot begin. The failure of an object is a part of the plan.
    pub(crate) async fn of(built: Arc<Built>) -> Result<Self> {
        let layout = &built.layout;
        let at = SystemTime::now().into();
        let report = layout.run().diff().await?;
        let mut orphans = layout.orphans().await?;
        orphans.retain(Orphan::is_left);
        let by_id = report.objects.iter().enumerate().map(|(at, result)| (result.object.clone(), at)).collect();
        Ok(Self { at, report, orphans, dependencies: built.find_dependencies(), by_id, built })
    }

    /// Returns the result of an object.
    pub(crate) fn object(&self, id: &str) -> Option<&ObjectResult> {
        self.by_id.get(id).map(|at| &self.report.objects[*at])
    }

    /// Returns the state of an object with its first task and the reason. Returns `None` if the plan does not know the object.
    pub(crate) fn state(&self, id: &str) -> Option<(State, Option<(String, String)>)> {
        let result = self.object(id)?;
        if let Some(error) = &result.error {
            return Some((State::Failed, Some((String::new(), explain(error.get().as_ref())))));
        }
        match result.outcome {
            ObjectStatus::DependencyFailed => {
                let path = result.path.join(" → ");
                return Some((State::Undecided, Some((String::new(), format!("depends on a failed object: {path}")))));
            }
            ObjectStatus::Readonly | ObjectStatus::Down => return Some((State::Idle, None)),
            ObjectStatus::WouldBringDown => {
                return Some((
                    State::WouldRun,
                    Some((String::new(), "it is retired, and would be brought down".to_owned())),
                ));
            }
            _ => {}
        }
        let told = result.leaves().filter_map(|task| Some((task_state(task.status)?, task)));
        let Some((state, task)) = told.min_by_key(|(state, _)| *state) else { return Some((State::UpToDate, None)) };
        Some((state, Some((task.task.to_owned(), self.reason(id, task)))))
    }

    /// Returns why the plan lists a task of an object, in one line.
    pub(crate) fn reason(&self, id: &str, task: &TaskReport) -> String {
        match (&task.undecided, &task.reason) {
            (Some(undecided), _) if task.status == TaskStatus::Undecided => undecided.to_string(),
            (_, Some(reason)) if task.status == TaskStatus::MayRun => reason.condition(),
            (_, Some(Reason::DependencyNewer { which })) if self.would_run(id, which) => {
                format!("{which} would run first")
            }
            (_, Some(reason)) => words(reason, None),
            (_, None) => match task.status {
                TaskStatus::WouldUndo => "would be undone".to_owned(),
                TaskStatus::WouldForget => "has no undo".to_owned(),
                _ => String::new(),
            },
        }
    }

    /// Returns whether a task would run that is named as an object names it: without the object if it is its own.
    fn would_run(&self, id: &str, which: &str) -> bool {
        let (object, name) = which.rsplit_once('/').unwrap_or((id, which));
        let mut tasks = self.object(object).into_iter().flat_map(ObjectResult::leaves);
        tasks.any(|task| task.task == name && task.status == TaskStatus::WouldRun)
    }
}

/// Returns the state of a task that a plan lists, unless it is up to date.
pub(crate) fn task_state(status: TaskStatus) -> Option<State> {
    match status {
        TaskStatus::WouldRun | TaskStatus::WouldUndo | TaskStatus::WouldForget => Some(State::WouldRun),
        TaskStatus::MayRun => Some(State::MayRun),
        TaskStatus::Undecided => Some(State::Undecided),
        _ => None,
    }
}
