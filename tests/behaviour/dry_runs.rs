//! Tests of dry runs: they run no tasks, even if they call user code that requests work.

use std::sync::Arc;

use setup_tasks::prelude::*;
use setup_tasks::{InjectionKey, Layout};

use test_kit::{Log, Scratch, chain, lines};

/// The other object. A request for it within a plan results in a plan.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "repo")]
struct Repo {
    log: Log,
}

#[setup_tasks]
impl Repo {
    #[setup_task("Add the packages")]
    fn add_packages(&self) {
        self.log.say("add_packages");
    }
}

/// A way to request work of another object.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Inject,
    Ready,
    Run,
    Handle,
    Fleet,
    Factory,
    Nested,
}

const WAYS: [Way; 7] = [Way::Inject, Way::Ready, Way::Run, Way::Handle, Way::Fleet, Way::Factory, Way::Nested];
const REPO: InjectionKey<Object<Repo>> = InjectionKey::named("repo");
/// The key of a value whose factory brings the object to ready.
const MADE: InjectionKey<String> = InjectionKey::named("made");

impl Way {
    async fn ask(self, cx: &TaskContext) -> Result<()> {
        let repo = cx.injector().get_not_ready(&REPO).await?;
        match self {
            Self::Inject => drop(cx.injector().get(&REPO).await?),
            Self::Ready => repo.ready().await?,
            Self::Run => drop(repo.run_setup_tasks().await?),
            Self::Handle => drop(Repo::ADD_PACKAGES.run(&repo).await?),
            Self::Fleet => drop(cx.layout().run().include("repo").await?),
            Self::Factory => drop(cx.injector().get(&MADE).await?),
            // The request comes from within a joined future.
            Self::Nested => futures_util::future::join(async { repo.ready().await }, async {}).await.0?,
        }
        Ok(())
    }
}

/// The helper method that requests the work.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Helper {
    Relationship,
    Hash,
    Invalidator,
    Completion,
}

const HELPERS: [Helper; 4] = [Helper::Relationship, Helper::Hash, Helper::Invalidator, Helper::Completion];

#[derive(SetupTasks)]
#[setup_tasks(subdir = "user")]
struct User {
    log: Log,
    helper: Helper,
    way: Way,
}

impl User {
    async fn ask(&self, helper: Helper, cx: &TaskContext) -> Result<()> {
        if self.helper == helper {
            self.way.ask(cx).await?;
            self.log.say("asked");
        }
        Ok(())
    }
}

#[setup_tasks]
impl User {
    #[depends_on(Repo::add_packages)]
    async fn repo(&self, cx: &TaskContext) -> Result<Option<Object<Repo>>> {
        self.ask(Helper::Relationship, cx).await?;
        Ok(None)
    }

    #[setup_task("Hashed", hash = text, invalidator = holds)]
    fn hashed(&self) {
        self.log.say("hashed");
    }

    async fn text(&self, cx: &TaskContext) -> Result<String> {
        self.ask(Helper::Hash, cx).await?;
        Ok("same".to_owned())
    }

    async fn holds(&self, cx: &TaskContext) -> Result<bool> {
        self.ask(Helper::Invalidator, cx).await?;
        Ok(true)
    }

    #[setup_task("Checked", check_completed = is_complete)]
    fn checked(&self) {
        self.log.say("checked");
    }

    async fn is_complete(&self, cx: &TaskContext) -> Result<bool> {
        self.ask(Helper::Completion, cx).await?;
        Ok(true)
    }
}

fn site(layout: &Layout, helper: Helper, way: Way) -> (Log, Object<Repo>, Object<User>) {
    let log = Log::default();
    let repo = layout.add(Repo { log: log.clone() }).unwrap();
    let user = layout.add(User { log: log.clone(), helper, way }).unwrap();
    layout.injector().provide(REPO, repo.clone()).unwrap();
    let make = |injector: setup_tasks::Injector| async move { Ok(injector.get(&REPO).await?.as_any().id().to_owned()) };
    layout.injector().provide_async(MADE, make).unwrap();
    (log, repo, user)
}

#[tokio::test]
async fn work_that_a_helper_method_requests_within_a_plan_is_planned() {
    for helper in HELPERS {
        for way in WAYS {
            let what = format!("{helper:?} {way:?}");
            let place = Scratch::new();
            // A run calls the hash function and the invalidator only if there is a stamp.
            {
                let layout = place.layout();
                let user = layout.add(User { log: Log::default(), helper, way }).unwrap();
                user.create_stamp("hashed", "same").await.unwrap();
            }
            let before = place.tree();
            let layout = place.layout();
            let (log, repo, user) = site(&layout, helper, way);
            let asked = |times: usize| {
                let said = log.take();
                assert_eq!(said, vec!["asked"; times], "{what}");
            };
            user.as_any().plan().await.unwrap();
            asked(1);
            let report = layout.run().dry_run().await.unwrap();
            assert!(report.is_success(), "{what}: {report}");
            asked(1);
            let report = layout.run().include("user").dry_run().await.unwrap();
            // A fleet within a plan has its own report.
            let told = (way != Way::Fleet).then_some(1);
            assert_eq!(report.object("repo").map(|repo| repo.tasks.len()), told, "{what}: {report}");
            asked(1);
            for inspector in user.as_any().inspect() {
                inspector.should_run().await.unwrap();
            }
            asked(1);
            assert!(user.as_any().check().await.is_empty(), "{what}");
            asked(usize::from(helper == Helper::Relationship));
            assert_eq!(place.tree(), before, "{what}");
            assert_eq!(lines(&repo.as_any().plan().await.unwrap()), ["add_packages would run: never ran"], "{what}");

            // The plan leaves no state behind: a run really runs the tasks.
            user.run_setup_tasks().await.unwrap();
            let said = log.take();
            assert_eq!(said.iter().filter(|line| *line == "add_packages").count(), 1, "{what}: {said:?}");
        }
    }
}

#[tokio::test]
async fn an_object_that_was_planned_to_be_ready_is_brought_to_ready() {
    let place = Scratch::new();
    let layout = place.layout();
    let (log, repo, user) = site(&layout, Helper::Completion, Way::Ready);
    user.as_any().plan().await.unwrap();
    assert_eq!(log.take(), ["asked"]);
    repo.ready().await.unwrap();
    assert_eq!(log.take(), ["add_packages"]);
    // An object that is ready stays ready within a plan, too.
    repo.clear_stamps_and_cache().await.unwrap();
    let report = layout.run().include("user").dry_run().await.unwrap();
    assert!(report.object("repo").is_none(), "{report}");
}

#[tokio::test]
async fn a_layout_that_only_plans_runs_nothing_that_was_spawned_either() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "spawner")]
    struct Spawner(Object<Repo>);

    #[setup_tasks]
    impl Spawner {
        #[setup_task("Work", check_completed = is_complete)]
        fn work(&self) {}
        async fn is_complete(&self) -> Result<bool> {
            let repo = self.0.clone();
            let spawned = tokio::spawn(async move {
                repo.ready().await?;
                repo.run_setup_tasks().await?;
                Repo::ADD_PACKAGES.run(&repo).await?;
                repo.as_any().layout().run().include("repo").await?;
                let paths = [repo.stamp_path()?, repo.state_path()?, repo.log_path()?];
                assert!(paths.iter().all(|path| !path.exists()), "{paths:?}");
                assert!(repo.create_stamp("add_packages", "").await.is_err());
                assert!(repo.as_any().mark_done("add_packages").await.is_err());
                assert!(repo.clear_stamps_and_cache().await.is_err());
                anyhow::Ok(())
            });
            spawned.await??;
            Ok(true)
        }
    }

    for plan_only in [true, false] {
        let place = Scratch::new();
        let layout = place.layout_with(|config| config.dry_run = !plan_only);
        if plan_only {
            layout.plan_only();
        }
        let log = Log::default();
        let repo = layout.add(Repo { log: log.clone() }).unwrap();
        let spawner = layout.add(Spawner(repo)).unwrap();
        spawner.as_any().plan().await.unwrap();
        assert!(layout.run().await.unwrap().is_success());
        spawner.ready().await.unwrap();
        assert!(log.take().is_empty());
        assert!(place.tree().is_empty(), "{:?}", place.tree());
    }
}

#[tokio::test]
async fn changes_that_a_dry_run_must_not_make_are_errors() {
    let place = Scratch::new();
    {
        let layout = place.layout();
        let repo = layout.add(Repo { log: Log::default() }).unwrap();
        repo.run_setup_tasks().await.unwrap();
    }
    let before = place.tree();
    {
        let layout = place.layout_with(|config| config.dry_run = true);
        let (_, repo, _) = site(&layout, Helper::Hash, Way::Run);
        for error in [
            anyhow::Error::new(repo.create_stamp("other", "").await.unwrap_err()),
            anyhow::Error::new(repo.delete_stamp("add_packages").await.unwrap_err()),
            anyhow::Error::new(repo.as_any().mark_done("add_packages").await.unwrap_err()),
            anyhow::Error::new(repo.clear_stamps_and_cache().await.unwrap_err()),
        ] {
            let text = chain(error);
            assert!(text.contains("of `repo` stay") && text.contains("this is a dry run\nhelp: "), "{text}");
        }
        // Removing a stamp that is not there changes nothing in a run, either.
        repo.delete_stamp("other").await.unwrap();
    }
    assert_eq!(place.tree(), before);
}

#[tokio::test]
async fn a_factory_keeps_a_value_from_a_plan_unless_its_requested_work_was_only_planned() {
    let place = Scratch::new();
    let layout = place.layout();
    let (log, _, user) = site(&layout, Helper::Completion, Way::Factory);
    let plain = InjectionKey::<Arc<String>>::named("plain");
    let made = log.clone();
    layout
        .injector()
        .provide_with(plain, move |_| {
            made.say("made");
            Ok(Arc::new("plain".to_owned()))
        })
        .unwrap();
    for _ in 0..2 {
        user.as_any().plan().await.unwrap();
    }
    assert_eq!(log.take(), ["asked", "asked"]);
    user.run_setup_tasks().await.unwrap();
    // The factory really runs, and brings its object to ready.
    assert_eq!(log.take(), ["hashed", "add_packages", "asked"]);
    layout.injector().get(&plain).await.unwrap();
    layout.injector().get(&plain).await.unwrap();
    assert_eq!(log.take(), ["made"]);
}

/// A model in which the check of the second task, and a relationship of the customization, need the
/// result of the first task.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "db")]
struct Database;

#[setup_tasks]
impl Database {
    #[setup_task("Install it")]
    fn install(&self, cx: &TaskContext) -> Result<()> {
        std::fs::write(cx.state_path()?.join("installed"), "")?;
        Ok(())
    }

    #[setup_task("Create the schema", check_completed = has_schema)]
    fn create_schema(&self, cx: &TaskContext) -> Result<()> {
        std::fs::write(cx.state_path()?.join("schema"), "")?;
        Ok(())
    }

    fn has_schema(&self, cx: &TaskContext) -> Result<bool> {
        std::fs::read(cx.state_path()?.join("installed")).map_err(|_| anyhow::anyhow!("no server"))?;
        Ok(cx.state_path()?.join("schema").exists())
    }

    #[setup_task("Tune it")]
    fn tune(&self) {}
}

#[tokio::test]
async fn a_failing_check_after_a_task_that_would_run_is_undecided() {
    let place = Scratch::new();
    let layout = place.layout();
    let database = layout.add(Database).unwrap();
    let error = "the completion check of task `db/create_schema` failed: no server";
    let undecided = format!("decided once install has run; before that, {error}");
    let expected = [
        "install would run: never ran".to_owned(),
        format!("create_schema undecided: {undecided}"),
        "tune would run: never ran".to_owned(),
    ];
    let mut events = layout.events();
    let report = database.as_any().plan().await.unwrap();
    assert_eq!(lines(&report), expected);
    let task = serde_json::to_value(report.undecided().next().unwrap()).unwrap();
    let json = serde_json::json!({ "until": "install", "error": error });
    assert_eq!((&task["status"], &task["undecided"]), (&"undecided".into(), &json));
    let mut told = Vec::new();
    while told.len() < 3 {
        told.push(serde_json::to_value(&*events.next().await.unwrap()).unwrap());
    }
    assert_eq!((&told[1]["event"], &told[1]["until"]), (&"task_undecided".into(), &"install".into()), "{told:?}");

    let report = layout.run().dry_run().await.unwrap();
    assert_eq!(report.summary(), "would run: 2 tasks on 1 object; 1 undecided");
    assert!(report.to_string().contains(&format!("db/create_schema undecided: {undecided}")), "{report}");
    let inspected = database.as_any().inspect();
    assert_eq!(inspected[2].should_run().await.unwrap(), Some(Reason::NeverRan));
    let text = inspected[1].should_run().await.unwrap_err().to_string();
    assert_eq!(text, format!("task `db/create_schema` is undecided: {undecided}"));

    assert_eq!(database.run_setup_tasks().await.unwrap().ran().count(), 3);
    assert!(database.as_any().plan().await.unwrap().is_up_to_date());
    // The failure of a check is reported if no earlier task would run.
    std::fs::remove_file(database.state_path().unwrap().join("installed")).unwrap();
    let failed = chain(database.as_any().plan().await.unwrap_err());
    assert_eq!(failed, error);
}

/// A model whose check requests another object, and needs its result.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "waiter")]
struct Waiter {
    repo: Object<Repo>,
}

#[setup_tasks]
impl Waiter {
    #[setup_task("Connect", check_completed = is_connected)]
    fn connect(&self) {}

    async fn is_connected(&self) -> Result<bool> {
        self.repo.ready().await?;
        anyhow::ensure!(self.repo.check_stamp("add_packages").await?.is_some(), "no packages");
        Ok(true)
    }

    #[setup_task("Greet")]
    fn greet(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "guest")]
struct Guest {
    #[depends_on(Waiter::connect)]
    waiter: Object<Waiter>,
}

#[setup_tasks]
impl Guest {
    #[setup_task("Sit down")]
    fn sit(&self) {}
}

#[tokio::test]
async fn a_failing_check_whose_requested_work_would_run_is_undecided_and_later_tasks_may_run() {
    let place = Scratch::new();
    let layout = place.layout();
    let log = Log::default();
    let repo = layout.add(Repo { log: log.clone() }).unwrap();
    let waiter = layout.add(Waiter { repo: repo.clone() }).unwrap();
    let guest = layout.add(Guest { waiter: waiter.clone() }).unwrap();
    for (object, task) in [(waiter.as_any(), "greet"), (guest.as_any(), "sit")] {
        object.mark_done(task).await.unwrap();
    }
    let report = waiter.as_any().plan().await.unwrap();
    let why = "decided once repo/add_packages has run; before that, the completion check of task `waiter/connect` failed: \
               no packages";
    let expected = [format!("connect undecided: {why}"), "greet may run, if connect changes something".to_owned()];
    assert_eq!(lines(&report), expected);
    assert!(!report.is_up_to_date());
    let report = guest.as_any().plan().await.unwrap();
    assert_eq!(lines(&report)[1], "sit may run, if waiter/connect changes something");
    let report = layout.run().include("guest").dry_run().await.unwrap();
    assert_eq!(report.summary(), "would run: 1 task on 1 object; 1 may run, 1 undecided, 1 up to date", "{report}");

    // The run decides the task: its check is complete by then, and no other task had to run.
    let report = layout.run().await.unwrap();
    assert_eq!(report.summary(), "done: 3 objects; 1 task ran, 4 up to date");
    assert_eq!(log.take(), ["add_packages"]);
}

/// A model with a slow relationship method, which counts its calls.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "slow")]
struct Slow {
    log: Log,
    server: Object<Repo>,
}

#[setup_tasks]
impl Slow {
    #[depends_on(Repo::add_packages)]
    async fn repo(&self) -> Result<Object<Repo>> {
        self.log.say("begun");
        tokio::task::yield_now().await;
        self.server.ready().await?;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        self.log.say("ended");
        Ok(self.server.clone())
    }

    #[setup_task("Follow")]
    fn follow(&self) {}
}

#[tokio::test]
async fn a_relationship_method_is_called_once_per_request_and_awaited_to_its_end() {
    let place = Scratch::new();
    let layout = place.layout();
    let (log, ran) = (Log::default(), Log::default());
    let server = layout.add(Repo { log: ran.clone() }).unwrap();
    let slow = layout.add(Slow { log: log.clone(), server }).unwrap();
    let inspected = slow.as_any().inspect();
    assert!(inspected[0].depends_on().is_empty() && log.take().is_empty());
    layout.run().dry_run().await.unwrap();
    assert_eq!((log.take(), ran.take()), (vec!["begun".to_owned(), "ended".to_owned()], vec![]));
    // The result of the method is known without another call.
    let known: Vec<_> =
        inspected[0].depends_on().into_iter().map(|(object, task)| (object.id().to_owned(), task)).collect();
    assert_eq!(known, [("repo".to_owned(), "add_packages".to_owned())]);
    assert!(log.take().is_empty());
    let report = layout.run().await.unwrap();
    assert_eq!(report.summary(), "done: 2 objects; 2 tasks ran, 1 up to date");
    assert_eq!(
        (log.take(), ran.take()),
        (vec!["begun".to_owned(), "ended".to_owned()], vec!["add_packages".to_owned()])
    );
    slow.run_setup_tasks().await.unwrap();
    assert_eq!(log.take(), ["begun", "ended"]);
}

#[tokio::test]
async fn a_plan_of_an_object_that_a_run_is_running_does_not_wait_for_it() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "gated")]
    struct Gated(test_kit::Gate);
    #[setup_tasks]
    impl Gated {
        #[setup_task("Pass the gate")]
        async fn pass(&self) {
            self.0.pass().await;
        }
    }
    let place = Scratch::new();
    let layout = place.layout();
    let gate = test_kit::Gate::new();
    let gated = layout.add(Gated(gate.clone())).unwrap();
    let running = tokio::spawn({
        let gated = gated.clone();
        async move { gated.ready().await }
    });
    gate.arrived().await;
    let plans = futures_util::future::join(gated.as_any().plan(), gated.as_any().plan()).await;
    for plan in [plans.0, plans.1] {
        assert_eq!(lines(&plan.unwrap()), ["pass would run: interrupted last time"]);
    }
    gate.open();
    running.await.unwrap().unwrap();
    assert!(gated.as_any().plan().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn tasks_added_within_a_plan_and_work_requested_by_customizations_are_planned() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "custom")]
    struct Custom(Object<Repo>);
    #[setup_tasks]
    impl Custom {
        #[setup_task("Customize", hash = text)]
        fn customize(&self) {
            panic!("it runs");
        }
        async fn text(&self) -> Result<String> {
            self.0.ready().await?;
            Ok(String::new())
        }
    }
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "adder", mixins(Asks))]
    struct Adder(Object<Repo>);
    #[setup_tasks]
    trait Asks: SetupTasks {
        fn repo(&self) -> Object<Repo>;
        #[setup_task("Of the mixin", check_completed = asked)]
        fn of_the_mixin(&self) {
            panic!("it runs");
        }
        async fn asked(&self) -> Result<bool>
        where
            Self: Sync,
        {
            self.repo().ready().await?;
            Ok(true)
        }
    }
    impl Asks for Adder {
        fn repo(&self) -> Object<Repo> {
            self.0.clone()
        }
    }
    #[setup_tasks]
    impl Adder {
        #[setup_task("Add", check_completed = added)]
        fn add(&self) {
            panic!("it runs");
        }
        fn added(&self, me: Object<Self>) -> Result<bool> {
            if !me.as_any().task_names().contains(&"more") {
                let log = self.0.log.clone();
                let more = setup_tasks::NewTask::new("more", "More", move |_: TaskContext| {
                    log.say("it runs");
                    std::future::ready(())
                });
                me.add_setup_task(more)?;
            }
            Ok(true)
        }
    }
    let place = Scratch::new();
    let layout = place.layout();
    let log = Log::default();
    let repo = layout.add(Repo { log: log.clone() }).unwrap();
    let adder = layout.add(Adder(repo.clone())).unwrap();
    adder.add_customization("custom", Custom(repo)).unwrap();
    let report = adder.as_any().plan().await.unwrap();
    let would: Vec<_> = report.would_run().map(|task| task.task).collect();
    assert_eq!(would, ["custom.customize", "more"], "{report:?}");
    assert!(log.take().is_empty() && place.tree().is_empty());
}
