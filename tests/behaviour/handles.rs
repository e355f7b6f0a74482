//! Tests of handles, which name a task and run it.

use std::time::Duration;

use futures_util::FutureExt;
use setup_tasks::prelude::*;
use setup_tasks::run::{ContextExit, TaskStatus};
use setup_tasks::task::TaskHandle;
use setup_tasks::{Customization, HostObject, Layout, NewTask, Resource, RunContext};

use test_kit::{Gate, Log, Machine, Scratch, chain, events, lines};

#[tokio::test]
async fn running_a_handle_runs_the_one_task_as_a_task() {
    let layout = Layout::in_memory().unwrap();
    let mut events = events(&layout);
    let machine = layout.add(Machine::new("m")).unwrap();
    let report = Machine::SECOND.run(&machine).await.unwrap();
    assert_eq!((report.status, machine.log.take()), (TaskStatus::Ran, vec!["second".to_owned()]));
    assert!(
        machine.check_stamp("second").await.unwrap().is_some() && machine.check_stamp("first").await.unwrap().is_none()
    );
    assert_eq!(events.take(), ["m/second should run: forced", "m/second start 1", "m/second ran"]);

    machine.knobs.set("second", "fail");
    let error = chain(Machine::SECOND.run(&machine).await.unwrap_err());
    assert!(error.contains("m/second") && error.contains("the disk is on fire"), "{error}");
    assert!(machine.check_stamp("second").await.unwrap().is_none(), "a failure removes the stamp");
}

#[tokio::test]
async fn a_handle_runs_a_task_of_a_readonly_object() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.object_builder(Machine::new("m")).readonly(true).add().unwrap();
    assert!(machine.run_setup_tasks().await.unwrap().readonly);
    Machine::FIRST.run(&machine).await.unwrap();
    assert_eq!(machine.log.take(), ["first"]);
}

#[tokio::test]
async fn tasks_run_by_name_on_an_object_of_unknown_type() {
    let layout = Layout::in_memory().unwrap();
    layout.add(Machine::new("m")).unwrap();
    let any = layout.get("m").unwrap();
    let report = any.run_setup_tasks().stop_after("second").await.unwrap();
    assert_eq!(lines(&report), ["first ran: never ran", "second ran: never ran"]);
    let error = any.run_setup_tasks().force("sceond").await.unwrap_err().to_string();
    assert_eq!(error, "`m` has no setup task `sceond`; it has `first`, `second`, `third`");
    assert!(any.downcast::<Machine>().is_some());
}

/// A model whose tasks run each other by the instructions of its log, such as
/// `outer:late,early;late:!`. A name runs the task of that name by its handle, and `?late` also
/// ignores its failure. `!` fails, `~` skips, and `.` never ends.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "nests/{name}", id = "{name}")]
struct Nest {
    name: &'static str,
    log: Log,
}

#[setup_tasks]
impl Nest {
    #[setup_task("Early")]
    async fn early(&self, me: Object<Self>) -> Result<Outcome> {
        obey("early", &self.log, &me).await
    }
    #[setup_task("Outer", tags = ["chosen"])]
    async fn outer(&self, me: Object<Self>) -> Result<Outcome> {
        obey("outer", &self.log, &me).await
    }
    #[setup_task("Checked", check_completed = is_complete)]
    async fn checked(&self, me: Object<Self>) -> Result<Outcome> {
        obey("checked", &self.log, &me).await
    }
    #[setup_task("Deferred")]
    async fn late(&self, me: Object<Self>) -> Result<Outcome> {
        obey("late", &self.log, &me).await
    }
    #[setup_task("Last")]
    async fn last(&self, me: Object<Self>) -> Result<Outcome> {
        obey("last", &self.log, &me).await
    }
    fn is_complete(&self) -> bool {
        true
    }
}

fn handle(name: &str) -> TaskHandle<Nest> {
    match name {
        "early" => Nest::EARLY,
        "outer" => Nest::OUTER,
        "checked" => Nest::CHECKED,
        "late" => Nest::LATE,
        _ => Nest::LAST,
    }
}

async fn obey(task: &str, log: &Log, me: &Object<Nest>) -> Result<Outcome> {
    log.say(task);
    let orders = log.orders();
    let own = orders.split(';').find_map(|order| order.strip_prefix(task)?.strip_prefix(':')).unwrap_or_default();
    for order in own.split(',').filter(|order| !order.is_empty()) {
        match order {
            "!" => anyhow::bail!("`{task}` was told to fail"),
            "~" => return Ok(Outcome::Skipped),
            "." => std::future::pending().await,
            "ready" => me.ready().await?,
            "run" => drop(me.run_setup_tasks().await?),
            "clear" => me.clear_stamps_and_cache().await?,
            "both" => {
                let (late, last) = tokio::join!(Nest::LATE.run(me), Nest::LAST.run(me));
                late?;
                last?;
            }
            order => match order.strip_prefix('?') {
                Some(name) => drop(handle(name).run(me).await),
                None => drop(handle(order).run(me).await?),
            },
        }
    }
    Ok(Outcome::Done)
}

fn nest(layout: &Layout, orders: &str) -> Object<Nest> {
    let log = Log::default();
    log.order(orders);
    layout.add(Nest { name: "n", log }).unwrap()
}

fn time(nest: &Object<Nest>, task: &str) -> Option<setup_tasks::stamp::Timestamp> {
    nest.check_stamp(task).now_or_never().unwrap().unwrap().map(|stamp| stamp.time)
}

#[tokio::test]
async fn a_task_runs_others_of_its_object_which_get_its_time_and_are_not_considered_again() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        {
            let layout = layout();
            let nest = nest(&layout, "outer:late,early;late:last");
            let mut events = events(&layout);
            let report = nest.run_setup_tasks().await.unwrap();
            assert_eq!(nest.log.take(), ["early", "outer", "late", "last", "early"], "{store}");
            let expected = [
                "early ran: never ran",
                "last ran: forced",
                "late ran: forced",
                "early ran: forced",
                "outer ran: never ran",
                "checked up to date",
            ];
            assert_eq!(lines(&report), expected, "{store}");
            let times: Vec<_> = ["early", "outer", "late", "last"].map(|task| time(&nest, task)).into();
            assert!(times[0].is_some() && times.iter().all(|time| *time == times[0]), "{store}: {times:?}");
            let started = events.take().into_iter().filter(|event| event.contains("start")).count();
            assert_eq!(started, 5, "{store}: each is told as a task");
        }
        let layout = layout();
        let nest = nest(&layout, "outer:late,early;late:last");
        assert!(nest.as_any().plan().await.unwrap().is_up_to_date(), "{store}");
        assert!(nest.run_setup_tasks().await.unwrap().is_up_to_date(), "{store}: it comes to rest");
    }
}

#[tokio::test]
async fn a_task_with_a_completion_check_that_another_task_runs_keeps_the_time_of_that_run() {
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "outer:checked");
    nest.run_setup_tasks().stop_after(Nest::CHECKED).await.unwrap();
    assert_eq!(nest.log.take(), ["early", "outer", "checked"]);
    assert!(time(&nest, "checked").is_none());
    nest.run_setup_tasks().await.unwrap();
    assert_eq!(nest.log.take(), ["late", "last"]);
    assert!(nest.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn tasks_that_are_run_at_once_run_one_after_another() {
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "outer:both;late:early");
    nest.run_setup_tasks().await.unwrap();
    assert_eq!(nest.log.take(), ["early", "outer", "late", "early", "last"]);
    assert!(nest.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn if_the_running_task_fails_the_tasks_that_it_ran_keep_their_stamps() {
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "outer:last,!");
    let error = chain(nest.run_setup_tasks().await.unwrap_err());
    assert!(error.ends_with("`outer` was told to fail"), "{error}");
    assert_eq!(nest.log.take(), ["early", "outer", "last"]);
    assert!(time(&nest, "last").is_some() && time(&nest, "outer").is_none());
    nest.log.order("");
    nest.run_setup_tasks().await.unwrap();
    assert_eq!(nest.log.take(), ["outer", "late", "last"], "the order of the table counts again");
    assert!(nest.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn a_failure_fails_the_running_task_unless_it_ignores_it_and_then_the_run_tries_again() {
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "outer:late;late:!");
    let error = chain(nest.run_setup_tasks().await.unwrap_err());
    assert!(
        error.starts_with("task `n/outer` (Outer) failed") && error.contains("task `n/late` (Deferred) failed"),
        "{error}"
    );
    assert_eq!(nest.log.take(), ["early", "outer", "late"]);
    let plan = nest.as_any().plan().await.unwrap();
    assert!(lines(&plan)[3].starts_with("late would run: failed last time"), "{plan:?}");

    nest.log.order("outer:?late;late:!");
    nest.run_setup_tasks().await.unwrap_err();
    assert_eq!(nest.log.take(), ["outer", "late", "late"], "the second time in its own place");
    nest.log.order("");
    nest.run_setup_tasks().await.unwrap();
    assert_eq!(nest.log.take(), ["late", "last"]);
}

#[tokio::test]
async fn a_task_that_skips_when_another_runs_it_is_not_considered_again() {
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "outer:late;late:~");
    nest.run_setup_tasks().await.unwrap();
    assert_eq!(nest.log.take(), ["early", "outer", "late", "last"]);
    assert!(time(&nest, "late").is_none(), "a skip writes no stamp");
    nest.log.order("outer:last,~");
    nest.run_setup_tasks().force(Nest::OUTER).await.unwrap();
    assert_eq!(nest.log.take(), ["outer", "last", "late"]);
    assert!(time(&nest, "last") > time(&nest, "outer"), "only a success gives its time to what it ran");
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_all_running_tasks_interrupted() {
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "outer:last,late;late:.");
    let run = nest.run_setup_tasks().into_future();
    assert!(tokio::time::timeout(Duration::from_millis(100), run).await.is_err());
    assert_eq!(nest.log.take(), ["early", "outer", "last", "late"]);
    let plan = lines(&nest.as_any().plan().await.unwrap());
    assert_eq!(plan[1], "outer would run: interrupted last time");
    assert_eq!(plan[3], "late would run: interrupted last time");
    nest.log.order("outer:last,late");
    nest.run_setup_tasks().await.unwrap();
    assert_eq!(nest.log.take(), ["outer", "last", "late"]);
    assert!(nest.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn handles_in_tasks_of_a_readonly_object_work_if_one_was_run_by_hand() {
    let layout = Layout::in_memory().unwrap();
    let log = Log::default();
    log.order("outer:late");
    let nest = layout.object_builder(Nest { name: "n", log }).readonly(true).add().unwrap();
    let report = Nest::OUTER.run(&nest).await.unwrap();
    assert_eq!((report.task, report.status), ("outer", TaskStatus::Ran));
    assert_eq!(nest.log.take(), ["outer", "late"]);
    assert_eq!(time(&nest, "outer"), time(&nest, "late"));
}

#[tokio::test]
async fn a_task_that_would_run_itself_is_an_error_that_prints_the_circle() {
    for (orders, circle) in [
        ("outer:outer", "`n/outer` -> `n/outer`"),
        ("outer:late;late:last;last:outer", "`n/outer` -> `n/late` -> `n/last` -> `n/outer`"),
        ("outer:late;late:last;last:late", "`n/late` -> `n/last` -> `n/late`"),
        ("outer:ready", "`n` -> `n`"),
        ("outer:late;late:run", "`n` -> `n`"),
        ("outer:clear", "`n` -> `n`"),
    ] {
        let layout = Layout::in_memory().unwrap();
        let nest = nest(&layout, orders);
        let run = tokio::time::timeout(Duration::from_secs(20), nest.run_setup_tasks().into_future());
        let error = chain(run.await.expect("nothing hangs").unwrap_err());
        assert!(error.ends_with(&format!("waiting would never end: {circle}")), "{orders}: {error}");
    }
}

#[tokio::test]
async fn what_a_task_spawns_and_does_not_wait_for_runs_when_the_run_has_ended() {
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "");
    let gate = Gate::new();
    let (begun, at) = (std::sync::Arc::new(std::sync::Mutex::new(None)), gate.clone());
    let keep = begun.clone();
    let spawner = NewTask::new("spawner", "Spawn", move |cx: TaskContext| {
        let (me, keep, at) = (cx.object().downcast::<Nest>().unwrap(), keep.clone(), at.clone());
        async move {
            *keep.lock().unwrap() = Some(tokio::spawn(async move { Nest::EARLY.run(&me).await }));
            at.pass().await;
        }
    });
    nest.add_setup_task(spawner.before("late")).unwrap();
    let run = tokio::spawn(nest.run_setup_tasks().into_future());
    gate.arrived().await;
    assert_eq!(nest.log.take(), ["early", "outer"], "it waits for its turn");
    gate.open();
    run.await.unwrap().unwrap();
    let handle = begun.lock().unwrap().take().unwrap();
    handle.await.unwrap().unwrap();
    assert_eq!(nest.log.take(), ["late", "last", "early"]);
}

#[tokio::test]
async fn dependents_of_a_task_that_another_task_ran_become_up_to_date() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "user")]
    struct User {
        log: Log,
        #[depends_on(Nest::late)]
        nest: Object<Nest>,
    }
    #[setup_tasks]
    impl User {
        #[setup_task("Use")]
        fn uses(&self) {
            self.log.say("uses");
        }
    }
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "outer:late");
    let user = layout.add(User { log: Log::default(), nest: nest.clone() }).unwrap();
    let report = layout.run().await.unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(
        (nest.log.take(), user.log.take()),
        (vec!["early".into(), "outer".into(), "late".into(), "last".into()], vec!["uses".into()])
    );
    let report = layout.run().await.unwrap();
    assert_eq!(report.objects.iter().flat_map(|object| &object.tasks).count(), 0, "{report}");
    // A task runs another by its handle, in a fleet that selects tasks by a tag.
    let report = layout.run().tag("chosen").force("n/outer").await.unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(nest.log.take(), ["outer", "late"]);
}

#[tokio::test]
async fn many_tasks_that_run_each_other_fit_on_a_stack() {
    const COUNT: usize = 60;
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "");
    let handles = std::sync::Arc::new(std::sync::Mutex::new(Vec::<TaskHandle<Nest>>::new()));
    for number in 0..COUNT {
        let all = handles.clone();
        let name = format!("level{number}");
        let task = NewTask::new(&name, "One level", move |cx: TaskContext| {
            let (me, all) = (cx.object().downcast::<Nest>().unwrap(), all.clone());
            async move {
                let inner = all.lock().unwrap().get(number + 1).copied();
                if let Some(inner) = inner {
                    inner.run(&me).await?;
                }
                me.log.say(number.to_string());
                anyhow::Ok(())
            }
        });
        let handle = nest.add_setup_task(task).unwrap();
        handles.lock().unwrap().push(handle);
    }
    let report = nest.run_setup_tasks().await.unwrap();
    assert_eq!(report.ran().count(), COUNT + 4);
    assert_eq!(nest.log.take().len(), COUNT + 4, "each once");
    assert!(nest.run_setup_tasks().await.unwrap().is_up_to_date());
}

/// A host with a customization whose tasks run each other and those of the host.
#[derive(SetupTasks, Default)]
#[setup_tasks(subdir = "host")]
struct Host(Log, std::sync::Arc<std::sync::Mutex<Option<Object<Web>>>>);

#[setup_tasks]
impl Host {
    #[setup_task("Prepare")]
    async fn prepare(&self, me: Object<Self>) -> Result<()> {
        self.0.say("prepare");
        if self.0.orders() == "all" {
            Host::WEB.handle().run(&me).await?;
        }
        Ok(())
    }
    #[setup_task("Web")]
    const WEB: Customization<Host, Web, Mount> =
        Customization::within(|host| Mount(host.0.clone()), |host| Web(host.0.clone(), host.1.clone()));
    #[setup_task("Finish")]
    fn finish(&self) {
        self.0.say("finish");
    }
}

struct Mount(Log);

struct Mounted;

impl RunContext for Mount {
    type Resource = Mounted;
    async fn enter(&self) -> Result<Mounted> {
        self.0.say("mounted");
        Ok(Mounted)
    }
    async fn leave(&self, _: std::sync::Arc<Mounted>, _: ContextExit) -> Result<()> {
        self.0.say("unmounted");
        Ok(())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "web")]
struct Web(Log, std::sync::Arc<std::sync::Mutex<Option<Object<Web>>>>);

#[setup_tasks]
impl Web {
    #[setup_task("Install")]
    async fn install(&self, host: HostObject<Host>, me: Object<Self>, _mounted: Resource<Mounted>) -> Result<()> {
        self.0.say("install");
        *self.1.lock().unwrap() = Some(me.clone());
        match &*self.0.orders() {
            "sibling" => drop(Web::CONFIGURE.run(&me).await?),
            "host" => drop(Host::FINISH.run(&host).await?),
            "circle" => drop(Host::WEB.handle().run(&host).await?),
            "itself" => drop(Web::INSTALL.run(&me).await?),
            "run" => drop(me.run_setup_tasks().await?),
            "ready" => me.ready().await?,
            "clear" => me.clear_stamps_and_cache().await?,
            _ => {}
        }
        Ok(())
    }
    #[setup_task("Configure")]
    fn configure(&self, _mounted: Resource<Mounted>) {
        self.0.say("configure");
    }
}

#[tokio::test]
async fn tasks_of_a_host_and_of_its_customization_run_each_other() {
    for (orders, expected) in [
        ("all", vec!["prepare", "mounted", "install", "configure", "unmounted", "finish"]),
        ("sibling", vec!["prepare", "mounted", "install", "configure", "unmounted", "finish"]),
        ("host", vec!["prepare", "mounted", "install", "finish", "configure", "unmounted"]),
    ] {
        let layout = Layout::in_memory().unwrap();
        let host = layout.add(Host::default()).unwrap();
        host.0.order(orders);
        let report = host.run_setup_tasks().await.unwrap();
        assert_eq!(host.0.take(), expected, "{orders}");
        assert_eq!(report.ran().count(), 4, "{orders}: {report:?}");
        let report = host.run_setup_tasks().await.unwrap();
        let again: Vec<_> = report.ran().map(|task| task.task).collect();
        // With the order `host`, a task of the customization ran the host's task `finish` ahead.
        // The customization's next task ran later than `finish`, so `finish` runs again.
        assert_eq!(again, if orders == "host" { vec!["finish"] } else { vec![] }, "{orders}");
        assert!(host.run_setup_tasks().await.unwrap().is_up_to_date(), "{orders}");
    }
}

#[tokio::test]
async fn a_customization_that_would_run_itself_is_an_error_and_never_a_hang() {
    for (orders, circle) in [
        ("circle", "`host/web.install` -> `host/web.install`"),
        ("itself", "`host/web.install` -> `host/web.install`"),
        ("run", "`host` -> `host`"),
        ("ready", "`host/web` -> `host` -> `host/web`"),
        ("clear", "`host` -> `host`"),
    ] {
        let layout = Layout::in_memory().unwrap();
        let host = layout.add(Host::default()).unwrap();
        host.0.order(orders);
        let run = tokio::time::timeout(Duration::from_secs(20), host.run_setup_tasks().into_future());
        let error = chain(run.await.expect("nothing hangs").unwrap_err());
        assert!(error.ends_with(&format!("waiting would never end: {circle}")), "{orders}: {error}");
    }
}

#[tokio::test]
async fn a_task_of_a_customization_runs_by_its_handle_within_the_host_and_its_context() {
    let layout = Layout::in_memory().unwrap();
    let host = layout.add(Host::default()).unwrap();
    host.run_setup_tasks().await.unwrap();
    host.0.take();
    let web = host.1.lock().unwrap().clone().unwrap();
    let report = Web::CONFIGURE.run(&web).await.unwrap();
    assert_eq!((report.task, report.status), ("web.configure", TaskStatus::Ran));
    assert_eq!(host.0.take(), ["mounted", "configure", "unmounted"]);
    host.run_setup_tasks().await.unwrap();
    assert_eq!(host.0.take(), ["finish"]);
    // Of the concurrent runs of the host and of the handle, the second waits for the first.
    host.0.order("all");
    let (one, other) = tokio::join!(host.run_setup_tasks().force_all(), Web::CONFIGURE.run(&web));
    one.unwrap();
    other.unwrap();
    let log = host.0.take();
    assert_eq!(log[..6], ["prepare", "mounted", "install", "configure", "unmounted", "finish"]);
    assert_eq!(log[6..], ["mounted", "configure", "unmounted"]);
}

/// A task runs a later task ahead, with a third task between them.
#[tokio::test]
async fn a_task_that_was_run_ahead_of_an_earlier_task_runs_again_in_the_next_run() {
    let layout = Layout::in_memory().unwrap();
    let nest = nest(&layout, "outer:last");
    nest.run_setup_tasks().await.unwrap();
    assert_eq!(nest.log.take(), ["early", "outer", "last", "late"]);
    nest.run_setup_tasks().await.unwrap();
    assert_eq!(nest.log.take(), ["last"], "`late` ran later than it did");
    assert!(nest.run_setup_tasks().await.unwrap().is_up_to_date());
}
