//! Dry runs run nothing, whatever the user code that they ask asks for in turn.

use std::sync::Arc;

use setup_tasks::prelude::*;
use setup_tasks::{InjectionKey, Layout};

use crate::support::{Log, Place, lines};

/// The other object: whoever asks for it within a plan gets a plan.
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

/// A way to ask for work of another object.
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
/// Made by a factory that brings the object to ready.
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
            // Another task, so that the tokio task that asks is another one, too.
            Self::Nested => futures_util::future::join(async { repo.ready().await }, async {}).await.0?,
        }
        Ok(())
    }
}

/// Which of its helper methods asks, and how.
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
    let make = |injector: setup_tasks::Injector| async move { Ok(injector.get(&REPO).await?.id().to_owned()) };
    layout.injector().provide_async(MADE, make).unwrap();
    (log, repo, user)
}

#[tokio::test]
async fn whatever_a_helper_method_asks_for_within_a_plan_is_planned() {
    for helper in HELPERS {
        for way in WAYS {
            let what = format!("{helper:?} {way:?}");
            let place = Place::new();
            // The hash and the invalidator are asked where there is a stamp.
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
            user.plan().await.unwrap();
            asked(1);
            let report = layout.run().dry_run().await.unwrap();
            assert!(report.is_success(), "{what}: {report}");
            asked(1);
            let report = layout.run().include("user").dry_run().await.unwrap();
            // A fleet within a plan has a report of its own.
            let told = (way != Way::Fleet).then_some(1);
            assert_eq!(report.object("repo").map(|repo| repo.tasks.len()), told, "{what}: {report}");
            asked(1);
            for inspector in user.inspect().unwrap() {
                inspector.should_run().await.unwrap();
            }
            asked(1);
            assert!(user.any().check().await.is_empty(), "{what}");
            asked(usize::from(helper == Helper::Relationship));
            assert_eq!(place.tree(), before, "{what}");
            assert_eq!(lines(&repo.plan().await.unwrap()), ["add_packages would run: never ran"], "{what}");

            // Nothing of it is remembered: a run really runs.
            user.run_setup_tasks().await.unwrap();
            let said = log.take();
            assert_eq!(said.iter().filter(|line| *line == "add_packages").count(), 1, "{what}: {said:?}");
        }
    }
}

#[tokio::test]
async fn an_object_that_was_planned_to_be_ready_is_brought_to_ready() {
    let place = Place::new();
    let layout = place.layout();
    let (log, repo, user) = site(&layout, Helper::Completion, Way::Ready);
    user.plan().await.unwrap();
    assert_eq!(log.take(), ["asked"]);
    repo.ready().await.unwrap();
    assert_eq!(log.take(), ["add_packages"]);
    // What is ready stays so within a plan, too.
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
                repo.layout().run().include("repo").await?;
                let paths = [repo.stamp_path()?, repo.state_path()?, repo.log_path()?];
                assert!(paths.iter().all(|path| !path.exists()), "{paths:?}");
                assert!(repo.create_stamp("add_packages", "").await.is_err());
                assert!(repo.any().mark_done("add_packages").await.is_err());
                assert!(repo.clear_stamps_and_cache().await.is_err());
                anyhow::Ok(())
            });
            spawned.await??;
            Ok(true)
        }
    }

    for plan_only in [true, false] {
        let place = Place::new();
        let layout = place.layout_with(|config| config.dry_run = !plan_only);
        if plan_only {
            layout.plan_only();
        }
        let log = Log::default();
        let repo = layout.add(Repo { log: log.clone() }).unwrap();
        let spawner = layout.add(Spawner(repo)).unwrap();
        spawner.plan().await.unwrap();
        assert!(layout.run().await.unwrap().is_success());
        spawner.ready().await.unwrap();
        assert!(log.take().is_empty());
        assert!(place.tree().is_empty(), "{:?}", place.tree());
    }
}

#[tokio::test]
async fn what_may_not_change_in_a_dry_run_says_so() {
    let place = Place::new();
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
            anyhow::Error::new(repo.any().mark_done("add_packages").await.unwrap_err()),
            anyhow::Error::new(repo.clear_stamps_and_cache().await.unwrap_err()),
        ] {
            let text = error.to_string();
            assert!(text.contains("of `repo` stay") && text.contains("this is a dry run\nhelp: "), "{text}");
        }
        // Removing a stamp that is not there changes nothing in a run, either.
        repo.delete_stamp("other").await.unwrap();
    }
    assert_eq!(place.tree(), before);
}

#[tokio::test]
async fn a_factory_keeps_what_it_made_for_a_plan_unless_it_was_made_without_the_work_it_asked_for() {
    let place = Place::new();
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
        user.plan().await.unwrap();
    }
    assert_eq!(log.take(), ["asked", "asked"]);
    user.run_setup_tasks().await.unwrap();
    // The factory is called for real: its object is brought to ready.
    assert_eq!(log.take(), ["hashed", "add_packages", "asked"]);
    layout.injector().get(&plain).await.unwrap();
    layout.injector().get(&plain).await.unwrap();
    assert_eq!(log.take(), ["made"]);
}
