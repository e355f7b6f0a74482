//! A model whose tasks follow the instructions of a test.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use setup_tasks::prelude::*;
use tokio::sync::Semaphore;

use crate::Log;

/// The instructions for the tasks of a [`Machine`], by name.
#[derive(Clone, Default)]
pub struct Knobs(Arc<Mutex<HashMap<&'static str, String>>>, Arc<Mutex<HashMap<&'static str, Gate>>>);

/// A gate at which a task waits until the test opens it.
#[derive(Clone)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// Returns a closed gate.
    pub fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    /// Waits in a task until the test opens the gate.
    pub async fn pass(&self) {
        self.arrived.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    /// Waits in the test until a task arrives.
    pub async fn arrived(&self) {
        let arrived = tokio::time::timeout(Duration::from_secs(20), self.arrived.acquire());
        arrived.await.expect("the task comes").unwrap().forget();
    }

    /// Lets one task pass.
    pub fn open(&self) {
        self.open.add_permits(1);
    }
}

impl Knobs {
    /// Sets an instruction.
    pub fn set(&self, knob: &'static str, value: impl Into<String>) {
        self.0.lock().unwrap().insert(knob, value.into());
    }

    /// Removes an instruction.
    pub fn clear(&self, knob: &'static str) {
        self.0.lock().unwrap().remove(knob);
    }

    /// Makes a task wait at a gate, and returns the gate.
    pub fn gate(&self, task: &'static str) -> Gate {
        let gate = Gate::new();
        self.1.lock().unwrap().insert(task, gate.clone());
        self.set(task, "gate");
        gate
    }

    /// Returns an instruction.
    pub fn get(&self, knob: &str) -> Option<String> {
        self.0.lock().unwrap().get(knob).cloned()
    }
}

/// A model with three tasks. Its knobs control the tasks and the return values of the helper methods.
#[derive(SetupTasks, Clone, Default)]
#[setup_tasks(subdir = "machines/{name}", id = "{name}")]
pub struct Machine {
    /// The object's id.
    pub name: String,
    /// The log to which each task writes its name.
    pub log: Log,
    /// The instructions for the tasks.
    pub knobs: Knobs,
}

#[setup_tasks]
impl Machine {
    /// Follows the knob `first`.
    #[setup_task("Do the first")]
    pub async fn first(&self, cx: &TaskContext) -> Result<Outcome> {
        self.act("first", cx).await
    }

    /// Follows the knob `second`.
    #[setup_task("Do the second", hash = second_hash, invalidator = second_valid)]
    pub async fn second(&self, cx: &TaskContext) -> Result<Outcome> {
        self.act("second", cx).await
    }

    /// Follows the knob `third`.
    #[setup_task("Do the third")]
    pub async fn third(&self, cx: &TaskContext) -> Result<Outcome> {
        self.act("third", cx).await
    }

    fn second_hash(&self) -> Result<String> {
        match self.knobs.get("hash") {
            Some(text) if text == "fail" => anyhow::bail!("no hash today"),
            text => Ok(text.unwrap_or_default()),
        }
    }

    async fn second_valid(&self, last_run: LastRun) -> Result<bool> {
        assert!(last_run.0.is_some(), "an invalidator is asked about a stamp");
        match self.knobs.get("valid").as_deref() {
            Some("fail") => anyhow::bail!("cannot tell"),
            Some("panic") => panic!("the invalidator panics"),
            other => Ok(other != Some("no")),
        }
    }

    /// Follows the knob with the task's name.
    async fn act(&self, task: &'static str, cx: &TaskContext) -> Result<Outcome> {
        self.log.say(task);
        let knob = self.knobs.get(task).unwrap_or_default();
        let (word, rest) = knob.split_once(' ').unwrap_or((&knob, ""));
        match word {
            "fail" => {
                // Others that wait for this task get a turn first.
                tokio::task::yield_now().await;
                return Err(anyhow::anyhow!("the disk is on fire").context("cannot write"));
            }
            "fail-until" if cx.attempt() < rest.parse()? => anyhow::bail!("attempt {} fails", cx.attempt()),
            "" | "fail-until" => {}
            "panic" => panic!("{rest}"),
            "unchanged" => return Ok(Outcome::Unchanged),
            "skip" => return Ok(Outcome::Skipped),
            "skip-error" => return Err(setup_tasks::task::SkipSetupTask.into()),
            "hang" => std::future::pending().await,
            "gate" => {
                let gate = self.knobs.1.lock().unwrap()[task].clone();
                gate.pass().await;
            }
            "log" => cx.log(rest),
            // Another process announces an event by a file.
            "until" => {
                while !Path::new(rest).exists() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            "change-hash" => self.knobs.set("hash", rest),
            other => anyhow::bail!("no such knob: {other}"),
        }
        Ok(Outcome::Done)
    }
}

impl Machine {
    /// Returns a machine whose tasks do nothing.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}
