//! Tests of mixins: overriding, replacing, skipping, nesting, and plug-ins of other crates.

use fixture_upstream::{Bucket, Monitored};
use setup_tasks::Layout;
use setup_tasks::prelude::*;

use test_kit::Log;

#[setup_tasks]
trait Base {
    fn log(&self) -> &Log;

    #[setup_task("base one")]
    async fn one(&self) {
        self.log().say("base one");
    }
    #[setup_task("base two")]
    async fn two(&self) {
        self.log().say("base two");
    }
}

#[setup_tasks(mixins(Base))]
trait Debian: Base {
    #[setup_task("debian", after = Base::one)]
    fn debian(&self) {
        self.log().say("debian");
    }
}

#[setup_tasks(mixins(Base))]
trait Backup: Base {
    #[setup_task("backup")]
    fn backup(&self) {
        self.log().say("backup");
    }
    /// Replaces the base's, although the base came first with another mixin.
    #[setup_task("backup two")]
    fn two(&self) {
        self.log().say("backup two");
    }
}

fn names<T: SetupTasks>() -> Vec<&'static str> {
    T::setup_tasks().iter().map(setup_tasks::task::TaskDef::name).collect()
}

async fn run<T: SetupTasks>(model: T, log: &Log) -> Vec<String> {
    Layout::in_memory().unwrap().add(model).unwrap().run_setup_tasks().await.unwrap();
    log.take()
}

macro_rules! implement {
    ($model:ident: $($mixin:ident),*) => {
        impl Base for $model {
            fn log(&self) -> &Log {
                &self.0
            }
        }
        $(impl $mixin for $model {})*
    };
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "nested", mixins(Debian))]
struct Nested(Log);
implement!(Nested: Debian);

#[setup_tasks]
impl Nested {
    #[setup_task("own")]
    fn own(&self) {
        self.0.say("own");
    }
}

#[tokio::test]
async fn mixins_come_first_with_their_own_mixins_ahead() {
    let log = Log::default();
    assert_eq!(run(Nested(log.clone()), &log).await, ["base one", "debian", "base two", "own"]);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "diamond", mixins(Debian, Backup))]
struct Diamond(Log);
implement!(Diamond: Debian, Backup);

#[tokio::test]
async fn a_mixin_reached_twice_counts_once_and_a_mixin_replaces_its_own_mixins_task() {
    let log = Log::default();
    assert_eq!(run(Diamond(log.clone()), &log).await, ["base one", "debian", "backup two", "backup"]);
}

#[setup_tasks]
trait Other {
    #[setup_task("the other's backup")]
    fn backup(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "siblings", mixins(Backup, Other))]
struct Siblings(Log);
implement!(Siblings: Backup);
impl Other for Siblings {}

#[test]
fn of_two_mixins_with_a_task_of_one_name_the_first_listed_has_it() {
    let table = Siblings::setup_tasks();
    assert_eq!(table.get(table.position("backup").unwrap()).unwrap().description(), "backup");
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "replacing", mixins(Base))]
struct Replacing(Log);
implement!(Replacing:);

#[setup_tasks]
impl Replacing {
    #[setup_task("own three")]
    fn three(&self) {
        self.0.say("own three");
    }
    #[setup_task("own one")]
    fn one(&self) {
        self.0.say("own one");
    }
}

#[tokio::test]
async fn a_task_with_a_mixins_name_replaces_it_at_its_place() {
    let log = Log::default();
    assert_eq!(run(Replacing(log.clone()), &log).await, ["own one", "base two", "own three"]);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "moving", mixins(Base))]
struct Moving(Log);
implement!(Moving:);

#[setup_tasks]
impl Moving {
    #[setup_task("own three")]
    fn three(&self) {}
    #[setup_task("own one", after = three)]
    fn one(&self) {}
}

#[test]
fn a_replacement_with_keys_for_its_position_moves_there() {
    assert_eq!(names::<Moving>(), ["two", "three", "one"]);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "overriding", mixins(Debian))]
struct Overriding(Log);

impl Base for Overriding {
    fn log(&self) -> &Log {
        &self.0
    }
    async fn one(&self) {
        self.0.say("overridden one");
    }
}
impl Debian for Overriding {}

#[tokio::test]
async fn implementing_a_mixins_method_overrides_what_its_task_does() {
    let log = Log::default();
    assert_eq!(run(Overriding(log.clone()), &log).await, ["overridden one", "debian", "base two"]);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "skipping", mixins(Debian(skip(one)), Backup(skip(backup))))]
struct Skipping(Log);
implement!(Skipping: Debian, Backup);

#[test]
fn skip_excludes_tasks_of_a_mixin_only_on_one_path() {
    // `Debian` skips `one`, and `Backup` adds it again.
    assert_eq!(names::<Skipping>(), ["two", "one", "debian"]);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "watched", mixins(Monitored))]
struct Watched;

impl Monitored for Watched {
    fn watched(&self) -> String {
        "disk".into()
    }
}

#[setup_tasks]
impl Watched {
    #[setup_task("Between the agent's two", before = Monitored::configure_agent)]
    fn between(&self) {}
}

#[tokio::test]
async fn mixins_of_another_crate_are_placed_by_path_and_run() {
    let layout = Layout::in_memory().unwrap();
    let object = layout.add(Watched).unwrap();
    assert_eq!(object.as_any().task_names(), ["install_agent", "between", "configure_agent"]);
    object.run_setup_tasks().stop_after(Watched::CONFIGURE_AGENT).await.unwrap();
    assert_eq!(object.check_stamp("configure_agent").await.unwrap().unwrap().contents, "disk");
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "knotted")]
struct Knotted;

#[setup_tasks]
impl Knotted {
    #[setup_task("In the type")]
    fn own(&self) {}
}

#[setup_tasks(plug_in)]
trait Knot {
    #[setup_task("One end", before = Self::own, after = other_end)]
    fn one_end(&self) {}
    #[setup_task("The other end", after = Self::own)]
    fn other_end(&self) {}
    #[doc(hidden)]
    const OWN: setup_tasks::task::TaskHandle<Self> = setup_tasks::task::TaskHandle::new("own");
}
impl Knot for Knotted {}
setup_tasks::plug_in!(Knotted: Knot);

#[test]
fn a_plug_in_that_closes_a_circle_is_an_error_when_an_object_is_added() {
    let error = Layout::in_memory().unwrap().add(Knotted).unwrap_err().to_string();
    assert!(
        error.contains("plug-ins of `Knotted` (Knot)") && error.contains("own -> other_end -> one_end -> own"),
        "{error}"
    );
}

#[setup_tasks]
trait Of<P: std::fmt::Debug + Default> {
    #[setup_task("Show a value of the parameter's type")]
    async fn show(&self, cx: &TaskContext) -> Result<()> {
        anyhow::ensure!(format!("{:?}", P::default()) == "0", "of {}", cx.task());
        Ok(())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "generic", mixins(Of<u8>))]
struct WithGeneric;
impl Of<u8> for WithGeneric {}

#[tokio::test]
async fn a_mixin_may_be_generic() {
    let object = Layout::in_memory().unwrap().add(WithGeneric).unwrap();
    assert_eq!(object.run_setup_tasks().await.unwrap().ran().count(), 1);
}

/// The tasks that this crate adds to a model of another crate.
#[setup_tasks(plug_in)]
trait Audited {
    #[setup_task("Audit it", before = Self::warm)]
    fn audit(&self) {}
    #[setup_task("Not the bucket's own")]
    fn create(&self) {}
    #[doc(hidden)]
    const WARM: setup_tasks::task::TaskHandle<Self> = setup_tasks::task::TaskHandle::new("warm");
}
impl Audited for Bucket {}
setup_tasks::plug_in!(Bucket: Audited);

#[test]
fn another_crate_adds_tasks_to_a_type_and_replaces_none() {
    let bucket = Layout::in_memory().unwrap().add(Bucket { name: "b".into() }).unwrap();
    assert_eq!(bucket.as_any().task_names(), ["create", "audit", "warm"]);
    assert_eq!(names::<Bucket>(), ["create", "warm"], "the type's own table is as it was");
}
