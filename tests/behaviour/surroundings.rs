//! Tests of contexts of runs and of system dependencies.

use std::sync::Arc;
use std::time::Duration;

use setup_tasks::depends::SystemDependency;
use setup_tasks::prelude::*;
use setup_tasks::run::{ContextExit, RunError};
use setup_tasks::{BoxFuture, Layout, Resource, RunContext};

use test_kit::{Log, Machine, chain};

/// A context that logs when it is entered and left.
struct Bracket {
    log: Log,
    fails: Option<&'static str>,
}

struct Entered(Log);

impl RunContext for Bracket {
    type Resource = Entered;

    async fn enter(&self) -> Result<Entered> {
        self.log.say("enter");
        anyhow::ensure!(self.fails != Some("enter"), "no way in");
        Ok(Entered(self.log.clone()))
    }

    async fn leave(&self, entered: Arc<Entered>, outcome: ContextExit) -> Result<()> {
        entered.0.say(format!("leave {outcome:?}"));
        anyhow::ensure!(self.fails != Some("leave"), "no way out");
        Ok(())
    }
}

fn bracket(log: &Log, fails: Option<&'static str>) -> Bracket {
    Bracket { log: log.clone(), fails }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "bracketed")]
struct Bracketed;

#[setup_tasks]
impl Bracketed {
    #[setup_task("Use the context")]
    fn work(&self, resource: Resource<Entered>) {
        resource.0.0.say("work");
    }
}

#[tokio::test]
async fn a_context_is_entered_before_the_first_task_and_left_once() {
    let (layout, log) = (Layout::in_memory().unwrap(), Log::default());
    let object = layout.add(Bracketed).unwrap();
    object.run_setup_tasks().context(bracket(&log, None)).await.unwrap();
    assert_eq!(log.take(), ["enter", "work", "leave Done"]);
    object.run_setup_tasks().context(bracket(&log, None)).await.unwrap();
    assert!(log.take().is_empty(), "nothing ran, so it is not entered");
}

#[tokio::test]
async fn a_context_is_notified_of_a_failure_and_of_a_cancelled_run() {
    let (layout, log) = (Layout::in_memory().unwrap(), Log::default());
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.knobs.set("second", "fail");
    machine.run_setup_tasks().context(bracket(&log, None)).await.unwrap_err();
    assert_eq!(log.take(), ["enter", "leave Failed"]);

    machine.knobs.set("second", "hang");
    let run = machine.run_setup_tasks().context(bracket(&log, None)).into_future();
    assert!(tokio::time::timeout(Duration::from_millis(50), run).await.is_err());
    while log.take().last().is_none_or(|last| last != "leave Cancelled") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_context_that_cannot_be_entered_or_left_fails_the_run() {
    let (layout, log) = (Layout::in_memory().unwrap(), Log::default());
    let object = layout.add(Bracketed).unwrap();
    let error = object.run_setup_tasks().context(bracket(&log, Some("enter"))).await.unwrap_err();
    assert_eq!(chain(error), "the context of the run of `bracketed` cannot be entered: no way in");
    assert_eq!(log.take(), ["enter"], "what was not entered is not left");
    assert!(object.check_stamp("work").await.unwrap().is_none());
    let error = object.run_setup_tasks().context(bracket(&log, Some("leave"))).await.unwrap_err();
    assert_eq!(chain(error), "the context of the run of `bracketed` cannot be left: no way out");
    assert!(object.check_stamp("work").await.unwrap().is_some(), "the task itself is done");
}

#[tokio::test]
async fn without_a_context_a_resource_is_an_error_that_says_how_to_give_one() {
    let layout = Layout::in_memory().unwrap();
    let error = chain(layout.add(Bracketed).unwrap().run_setup_tasks().await.unwrap_err());
    assert!(error.contains("run_setup_tasks().context"), "{error}");
}

/// A system dependency that logs when it is brought up.
#[derive(Clone)]
struct Part(&'static str, Log);

impl SystemDependency for Part {
    fn name(&self) -> String {
        self.0.to_owned()
    }

    fn bring_up<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.1.say(format!("{} for {}", self.0, cx.task()));
            anyhow::ensure!(self.0 != "broken", "no power");
            Ok(())
        })
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "dependent")]
struct Dependent {
    network: Part,
    log: Log,
}

#[setup_tasks]
impl Dependent {
    #[setup_task("Check always", depend_on = [self.network.clone()], dependencies_always, invalidator = asked)]
    fn always(&self) {
        self.log.say("always");
    }
    #[setup_task("Needs both", depend_on = [self.network.clone(), Part("disk", self.log.clone())])]
    fn both(&self) {
        self.log.say("both");
    }
    fn asked(&self) -> bool {
        self.log.say("asked");
        true
    }
}

#[tokio::test]
async fn system_dependencies_come_up_once_before_the_method_or_always_before_the_checks() {
    let (layout, log) = (Layout::in_memory().unwrap(), Log::default());
    let model = Dependent { network: Part("network", log.clone()), log: log.clone() };
    let object = layout.add(model).unwrap();
    object.run_setup_tasks().context(bracket(&log, None)).await.unwrap();
    assert_eq!(log.take(), ["enter", "network for always", "always", "disk for both", "both", "leave Done"]);
    object.run_setup_tasks().context(bracket(&log, None)).await.unwrap();
    assert_eq!(log.take(), ["enter", "network for always", "asked", "leave Done"]);
    object.as_any().plan().await.unwrap();
    assert_eq!(log.take(), ["asked"], "a dry run brings nothing up");
}

#[tokio::test]
async fn a_system_dependency_that_does_not_come_up_is_named() {
    let (layout, log) = (Layout::in_memory().unwrap(), Log::default());
    let object = layout.add(Dependent { network: Part("broken", log.clone()), log }).unwrap();
    let error = object.run_setup_tasks().await.unwrap_err();
    assert!(matches!(error, RunError::System { .. }));
    assert_eq!(chain(error), "task `dependent/always` needs broken, which cannot be brought up: no power");
}
