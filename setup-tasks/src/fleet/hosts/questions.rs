//! Questions to the workers of other hosts, about the tasks that depend on their files, and about the logs of attempts.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::placement::Places;
use super::wire::WireTask;
use super::{WorkersError, hosts_of};
use crate::dispatch::Hosts;
use crate::fleet::{FleetError, FleetRun};
use crate::layout::Layout;
use crate::log::logs_of;
use crate::object::AnyObject;
use crate::report::{TaskReport, TaskStatus};
use crate::secret::{redact, redact_json};
use crate::stamp::micros;
use crate::work::{ObjectVerdict, TaskVerdict, Verdicts};

/// The version of the format.
const VERSION: u32 = 1;

/// The greatest number of bytes of one log, and of all logs in an answer. A longer log keeps its end.
const LOG: usize = 256 * 1024;
const LOGS: usize = 1024 * 1024;

/// A question.
#[derive(Debug, Serialize, Deserialize)]
struct WireQuestion {
    version: u32,
    #[serde(flatten)]
    ask: Ask,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Ask {
    /// Which tasks of these objects would run.
    Plan { objects: Vec<String>, verify: bool },
    /// The logs of an object or of a task.
    Logs { object: String, task: Option<String> },
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
struct WireAnswer {
    version: u32,
    #[serde(default)]
    plans: Vec<WirePlan>,
    #[serde(default)]
    logs: Vec<WireLog>,
}

/// The plan of one object.
#[derive(Debug, Serialize, Deserialize)]
struct WirePlan {
    object: String,
    /// The tasks that are not up to date.
    tasks: Vec<WireTask>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireLog {
    task: String,
    began_us: u64,
    attempt: u32,
    detached: bool,
    path: String,
    /// The number of bytes that were left out at the beginning.
    left_out: u64,
    text: String,
}

/// A log of an attempt on another host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RemoteLog {
    /// The host.
    pub host: String,
    /// The name of the task.
    pub task: String,
    /// The time of the first line.
    pub began: SystemTime,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Whether a detached command has written the log.
    pub detached: bool,
    /// The path of the file on the host.
    pub path: String,
    /// The number of bytes at the beginning that were not fetched.
    pub left_out: u64,
    /// The text. Secrets are redacted.
    pub text: String,
}

/// Answers a question of another process. Returns JSON.
pub(super) async fn answer(layout: &Layout, question: &str) -> String {
    let mut answer = WireAnswer { version: VERSION, plans: Vec::new(), logs: Vec::new() };
    match serde_json::from_str::<WireQuestion>(question) {
        Ok(WireQuestion { version: VERSION, ask: Ask::Plan { objects, verify } }) => {
            answer.plans = plans(layout, &objects, verify).await;
        }
        Ok(WireQuestion { version: VERSION, ask: Ask::Logs { object, task } }) => {
            if let Some(object) = layout.get(&object) {
                answer.logs = logs(&object, task.as_deref());
            }
        }
        // The other process sees that nothing was answered.
        Ok(_) | Err(_) => tracing::debug!("a question of another version was not answered"),
    }
    redact_json(&serde_json::to_string(&answer).unwrap_or_default()).into_owned()
}

async fn plans(layout: &Layout, objects: &[String], verify: bool) -> Vec<WirePlan> {
    let mut fleet =
        objects.iter().filter(|id| layout.get(id).is_some()).fold(layout.run().dry_run(), FleetRun::include);
    if verify {
        fleet = fleet.verify();
    }
    let report = match fleet.await {
        Ok(report) => report,
        Err(error) => {
            tracing::warn!("a plan for another host failed: {error}");
            return Vec::new();
        }
    };
    let planned = report.objects.iter().filter(|result| result.chosen && result.error.is_none());
    planned
        .map(|result| WirePlan { object: result.object.clone(), tasks: result.leaves().map(WireTask::of).collect() })
        .collect()
}

fn logs(object: &AnyObject, task: Option<&str>) -> Vec<WireLog> {
    let mut left = LOGS;
    let mut found = Vec::new();
    // The latest logs come first, until the answer is full.
    for log in logs_of(object, task).unwrap_or_default().into_iter().rev() {
        let Ok(bytes) = std::fs::read(&log.path) else { continue };
        let kept = bytes.len().min(LOG).min(left);
        if kept == 0 && !bytes.is_empty() {
            break;
        }
        left -= kept;
        let text = String::from_utf8_lossy(&bytes[bytes.len() - kept..]);
        found.push(WireLog {
            task: log.task,
            began_us: micros(log.began.duration_since(UNIX_EPOCH).unwrap_or_default()),
            attempt: log.attempt,
            detached: log.detached,
            path: log.path.display().to_string(),
            left_out: (bytes.len() - kept) as u64,
            text: redact(&text).into_owned(),
        });
    }
    found.reverse();
    found
}

async fn ask(hosts: &dyn Hosts, host: &str, ask: Ask) -> Result<Option<WireAnswer>, WorkersError> {
    let question = serde_json::to_string(&WireQuestion { version: VERSION, ask }).unwrap_or_default();
    let Some(json) = hosts.ask(host, question).await? else { return Ok(None) };
    Ok(serde_json::from_str(&json).ok().filter(|answer: &WireAnswer| answer.version == VERSION))
}

/// Asks the workers of other hosts about the tasks of the objects that are placed there: one question per host.
pub(in crate::fleet) async fn verdicts(
    layout: &Layout,
    objects: &[AnyObject],
    verify: bool,
) -> Result<Option<Verdicts>, FleetError> {
    let Some(hosts) = layout.hosts() else { return Ok(None) };
    let (places, here) = (Places::new(layout), hosts.here());
    let mut by_host = HashMap::<String, Vec<String>>::new();
    for object in objects {
        if let Some(host) = places.host(object).await?.filter(|host| *host != here) {
            by_host.entry(host).or_default().push(object.id().to_owned());
        }
    }
    if by_host.is_empty() {
        return Ok(None);
    }
    let asked = by_host.into_iter().map(|(host, objects)| async move {
        let question = Ask::Plan { objects: objects.clone(), verify };
        let answered = ask(&**hosts, &host, question).await;
        (host, objects, answered)
    });
    let mut verdicts = Verdicts::default();
    for (host, objects, answered) in join_all(asked).await {
        let mut plans: HashMap<_, _> =
            answered?.into_iter().flat_map(|answer| answer.plans).map(|plan| (plan.object, plan.tasks)).collect();
        for object in objects {
            let verdict = match plans.remove(&object) {
                Some(tasks) => {
                    ObjectVerdict::Tasks(tasks.into_iter().filter_map(|task| of_task(task.report())).collect())
                }
                None => ObjectVerdict::Unknown { host: host.clone() },
            };
            verdicts.add(object, verdict);
        }
    }
    Ok(Some(verdicts))
}

/// Returns the name of a task that is not up to date, with the answer about it.
fn of_task(report: TaskReport) -> Option<(String, TaskVerdict)> {
    let verdict = match (report.status, report.reason, report.undecided) {
        (TaskStatus::WouldRun, Some(reason), _) => TaskVerdict::Run(reason),
        (TaskStatus::MayRun, Some(reason), _) => TaskVerdict::MayRun(reason),
        (TaskStatus::Undecided, _, Some(undecided)) => {
            TaskVerdict::Undecided { until: undecided.until, error: undecided.error }
        }
        _ => return None,
    };
    Some((report.task.to_owned(), verdict))
}

impl Layout {
    /// Fetches the logs of an object, or of one of its tasks, from the workers of other hosts. Each host returns its latest logs, at
    /// most 1 MiB.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory of hosts cannot be used.
    pub async fn remote_logs(&self, object: &str, task: Option<&str>) -> Result<Vec<RemoteLog>, FleetError> {
        if self.hosts().is_none() {
            return Ok(Vec::new());
        }
        let hosts = hosts_of(self)?;
        let here = hosts.here();
        let mut names: Vec<_> = hosts.workers().await?.into_iter().map(|worker| worker.host).collect();
        names.retain(|host| *host != here);
        names.sort_unstable();
        names.dedup();
        let asked = names.into_iter().map(|host| {
            let (hosts, question) = (&hosts, Ask::Logs { object: object.to_owned(), task: task.map(str::to_owned) });
            async move { (ask(&**hosts, &host, question).await, host) }
        });
        let mut found = Vec::new();
        for (answered, host) in join_all(asked).await {
            let logs = answered?.into_iter().flat_map(|answer| answer.logs);
            found.extend(logs.map(|log| RemoteLog {
                host: host.clone(),
                task: log.task,
                began: UNIX_EPOCH + Duration::from_micros(log.began_us),
                attempt: log.attempt,
                detached: log.detached,
                path: log.path,
                left_out: log.left_out,
                text: log.text,
            }));
        }
        Ok(found)
    }
}
