//! Tests of the declaration of tasks: descriptions, orders, arguments, values, generic models, and
//! the list of types.

use setup_tasks::prelude::*;
use setup_tasks::task::{Extract, TaskKind};
use setup_tasks::{Customization, HostObject, Inject, InjectKey, InjectionKey, Layout, injection_key};

use test_kit::{Log, chain};

injection_key!(Domain = "domain": String);

#[derive(SetupTasks)]
#[setup_tasks(subdir = "sorted")]
struct Sorted;

#[setup_tasks]
impl Sorted {
    #[setup_task("a")]
    fn a(&self) {}
    #[setup_task("ahead of a", before = a)]
    fn ahead(&self) {}
    #[setup_task("last", order = 5000)]
    fn last(&self) {}
    #[setup_task("behind the last")]
    fn behind(&self) {}
    #[setup_task("first", order = 1)]
    fn first(&self) {}
    #[setup_task("between", after = [a, first], before = last)]
    fn between(&self) {}
    #[cfg(any())]
    #[setup_task("never there")]
    fn absent(&self) {}
    /// Raw, and described here.
    ///
    /// Not in the description.
    #[setup_task]
    fn r#type(&self) {}
}

#[test]
fn the_order_is_that_of_numbers_and_neighbours() {
    let names: Vec<_> = Sorted::setup_tasks().iter().map(setup_tasks::task::TaskDef::name).collect();
    assert_eq!(names, ["first", "ahead", "a", "between", "last", "behind", "type"]);
}

#[test]
fn the_table_is_one_constant() {
    const TABLE: &setup_tasks::task::TaskTable<Sorted> = <Sorted as SetupTasks>::TABLE;
    assert_eq!(TABLE.len(), 7);
    assert!(std::ptr::eq(Sorted::setup_tasks(), Sorted::setup_tasks()));
}

#[test]
fn the_first_line_of_the_doc_comment_describes_a_task() {
    let table = Sorted::setup_tasks();
    let at = table.position("type").unwrap();
    assert_eq!(table.get(at).unwrap().description(), "Raw, and described here");
}

/// An extractor that the user defines.
struct Doubled(u32);

impl Extract for Doubled {
    async fn extract(cx: &TaskContext) -> Result<Self> {
        Ok(Self(*cx.injector().get(&InjectionKey::<u32>::of()).await? * 2))
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "asking")]
struct Asking(Log);

#[setup_tasks]
impl Asking {
    #[setup_task("Ask for everything")]
    #[expect(clippy::too_many_arguments, reason = "that is the point")]
    async fn everything(
        &self,
        cx: &TaskContext,
        number: Inject<u32>,
        domain: InjectKey<Domain>,
        missing: Option<Inject<u64>>,
        absent: Option<InjectKey<Domain>>,
        last_run: LastRun,
        reason: Reason,
        me: Object<Asking>,
        Doubled(doubled): Doubled,
    ) -> Result<()> {
        let first = last_run.0.is_none();
        self.0.say(format!("{} {} {} {} {}", cx.task(), *number, *domain, missing.is_none(), absent.is_some()));
        self.0.say(format!("{first} {reason} {} {doubled}", me.as_any().id()));
        Ok(())
    }
}

#[tokio::test]
async fn a_task_receives_its_arguments() {
    let layout = Layout::in_memory().unwrap();
    layout.injector().provide(InjectionKey::of(), 21u32).unwrap();
    layout.injector().provide(Domain::key(), "example.com".to_owned()).unwrap();
    let log = Log::default();
    layout.add(Asking(log.clone())).unwrap().run_setup_tasks().await.unwrap();
    assert_eq!(log.take(), ["everything 21 example.com true true", "true never ran asking 42"]);
}

#[tokio::test]
async fn the_error_of_a_missing_value_names_its_key_and_the_requester() {
    let layout = Layout::in_memory().unwrap();
    let error = chain(layout.add(Asking(Log::default())).unwrap().run_setup_tasks().await.unwrap_err());
    assert!(
        error.contains("nothing provides `u32`, which asking/everything requests; searched asking, then the layout"),
        "{error}"
    );
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "synchronous")]
struct Synchronous(Log);

#[setup_tasks]
impl Synchronous {
    #[setup_task("Returns nothing")]
    fn nothing(&self) {
        self.0.say("nothing");
    }
    #[setup_task("Returns an outcome")]
    fn outcome(&self) -> Outcome {
        Outcome::Skipped
    }
    #[setup_task("Returns an error of its own type")]
    fn own_error(&self) -> Result<(), std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

#[tokio::test]
async fn a_plain_call_of_the_method_is_a_plain_call() {
    let layout = Layout::in_memory().unwrap();
    let (log, mut events) = (Log::default(), test_kit::events(&layout));
    let object = layout.add(Synchronous(log.clone())).unwrap();
    object.nothing();
    assert_eq!((log.take(), events.take().len()), (vec!["nothing".to_owned()], 0));
    assert_eq!(object.check_stamp("nothing").await.unwrap(), None);
}

#[tokio::test]
async fn a_task_may_return_nothing_an_outcome_or_any_error() {
    let layout = Layout::in_memory().unwrap();
    let log = Log::default();
    let object = layout.add(Synchronous(log.clone())).unwrap();
    let report = object.run_setup_tasks().stop_after(Synchronous::OUTCOME).await.unwrap();
    assert_eq!(test_kit::lines(&report), ["nothing ran: never ran", "outcome skipped: never ran"]);
    let error = object.run_setup_tasks().await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.is::<std::fmt::Error>(), "{error:?}");
}

/// A kind of task that logs a given line.
struct Say(&'static str);

impl TaskKind<Valued> for Say {
    const HAS_HASH: bool = true;

    fn describe(&self) -> std::borrow::Cow<'static, str> {
        format!("Say {}", self.0).into()
    }

    async fn run(&self, model: &Valued, _cx: &TaskContext) -> Result<Outcome> {
        model.0.say(self.0);
        Ok(Outcome::Done)
    }

    async fn hash(&self, _model: &Valued, _cx: &TaskContext) -> Result<String> {
        Ok(self.0.to_owned())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "valued")]
struct Valued(Log);

#[setup_tasks]
impl Valued {
    #[setup_task("A method")]
    fn method(&self) {
        self.0.say("method");
    }

    #[setup_task(before = method)]
    const GREETING: Say = Say("hello");
}

#[tokio::test]
async fn a_constant_is_a_task_with_its_kind_for_words_and_hash() {
    let layout = Layout::in_memory().unwrap();
    let log = Log::default();
    let object = layout.add(Valued(log.clone())).unwrap();
    assert_eq!((Valued::GREETING.name(), Valued::GREETING.0), ("greeting", "hello"));
    let report = object.run_setup_tasks().stop_after(Valued::GREETING).await.unwrap();
    assert_eq!(report.tasks[0].description, "Say hello");
    assert_eq!(log.take(), ["hello"]);
    assert_eq!(object.check_stamp("greeting").await.unwrap().unwrap().contents, "hello");
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "generic/{name}")]
struct Generic<P: std::fmt::Debug> {
    name: &'static str,
    value: P,
    log: Log,
}

#[setup_tasks]
impl<P: std::fmt::Debug + Send + Sync + 'static> Generic<P> {
    #[setup_task("Show it")]
    async fn show(&self) {
        self.log.say(format!("{:?}", self.value));
    }
}

#[tokio::test]
async fn generic_models_work_for_every_type() {
    let layout = Layout::in_memory().unwrap();
    let log = Log::default();
    let number = layout.add(Generic { name: "number", value: 7, log: log.clone() }).unwrap();
    let text = layout.add(Generic { name: "text", value: "x", log: log.clone() }).unwrap();
    number.run_setup_tasks().await.unwrap();
    text.run_setup_tasks().force(Generic::<&str>::SHOW).await.unwrap();
    assert_eq!(log.take(), ["7", "\"x\""]);
}

#[test]
fn every_annotated_type_of_the_binary_is_listed() {
    let types = setup_tasks::task::types();
    let find =
        |name: &str| types.iter().find(|info| info.name() == name).unwrap_or_else(|| panic!("{name} is not listed"));
    assert_eq!(find("Valued").tasks(), [("greeting", ""), ("method", "A method")]);
    assert!(find("Generic").tasks().is_empty(), "its tasks depend on its parameter");
    assert_eq!(find("Bucket").module(), "fixture_upstream");
    assert!(types.is_sorted_by_key(|info| (info.module(), info.name())));
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "bare")]
struct Bare;

#[tokio::test]
async fn a_type_without_a_block_has_no_tasks() {
    let report = Layout::in_memory().unwrap().add(Bare).unwrap().run_setup_tasks().await.unwrap();
    assert!(report.tasks.is_empty() && report.is_up_to_date());
}

#[test]
fn expansions_work_without_prelude_renamed_and_with_all_warnings_denied() {
    assert_eq!(fixture_renamed::place().unwrap(), 14);
}

/// A model with tasks whose handles are `NAME`, `BLOCK`, `TABLE` and `READONLY`.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "named")]
struct NamedAsTheConstants;

#[setup_tasks]
impl NamedAsTheConstants {
    #[setup_task("Name it")]
    fn name(&self) {}
    #[setup_task("Block it")]
    fn block(&self) {}
    #[setup_task("Table it")]
    fn table(&self) {}
    #[setup_task("Make it readonly")]
    fn readonly(&self) {}
}

#[tokio::test]
async fn tasks_may_be_named_as_the_constants_of_the_trait_are() {
    let layout = Layout::in_memory().unwrap();
    let named = layout.add(NamedAsTheConstants).unwrap();
    let report = named.run_setup_tasks().stop_after(NamedAsTheConstants::TABLE).await.unwrap();
    assert_eq!(report.ran().map(|task| task.task).collect::<Vec<_>>(), ["name", "block", "table"]);
}

const LATE: i64 = 5000;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "computed")]
struct Computed;

#[setup_tasks]
impl Computed {
    const HALF: i64 = LATE / 2;

    #[setup_task("late", order = LATE)]
    fn late(&self) {}
    #[setup_task("behind it")]
    fn behind(&self) {}
    #[setup_task("middle", order = Self::HALF - 7 * 2)]
    fn middle(&self) {}
    #[setup_task("first", order = -5)]
    fn first(&self) {}
    #[setup_task("second", order = {
        let five = 5;
        five - 9
    })]
    fn second(&self) {}
}

#[setup_tasks]
trait Numbered<const N: i64> {
    #[setup_task("by a parameter", order = N * 10)]
    fn numbered(&self) {}
    #[setup_task("by a constant", order = LATE)]
    fn constant(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "numbered", mixins(Numbered<30>))]
struct InNumbers;

impl Numbered<30> for InNumbers {}

#[setup_tasks]
impl InNumbers {
    #[setup_task("between", order = 299)]
    fn own(&self) {}
}

fn names<T: SetupTasks>() -> Vec<&'static str> {
    T::setup_tasks().iter().map(setup_tasks::task::TaskDef::name).collect()
}

#[test]
fn a_number_is_any_constant_expression() {
    assert_eq!(names::<Computed>(), ["first", "second", "middle", "late", "behind"]);
    assert_eq!(names::<InNumbers>(), ["own", "numbered", "constant"]);
}

#[setup_tasks]
trait 混入 {
    #[setup_task("Without upper case")]
    fn 設定(&self) {}
    #[setup_task("Ahead of it", before = Self::設定)]
    fn ahead(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "{名前}", mixins(混入))]
struct 機械 {
    名前: String,
    #[depends_on("塗る", accessor = 隣の)]
    隣: Option<setup_tasks::AnyObject>,
}

impl 混入 for 機械 {}

#[setup_tasks]
impl 機械 {
    #[setup_task("塗る", after = 混入::設定)]
    fn 塗る(&self, _me: Object<Self>) {}
    #[setup_task("Underscores alone")]
    fn __(&self) {}
    #[setup_task("値")]
    const 値: Customization<Self, Sorted> = Customization::new(|_| Sorted);
}

#[tokio::test]
async fn names_need_no_upper_case() {
    let machine = Layout::in_memory().unwrap().add(機械 { 名前: "東京".into(), 隣: None }).unwrap();
    assert_eq!(machine.as_any().task_names(), ["ahead", "設定", "塗る", "隣_塗る", "__", "値"]);
    assert_eq!((機械::塗る_TASK.name(), 機械::設定_TASK.name(), 機械::___TASK.name()), ("塗る", "設定", "__"));
    assert_eq!((機械::値.name(), 機械::値_TASK.name()), ("値", "値"));
    assert!(machine.隣の().is_none());
    machine.run_setup_tasks().stop_after(機械::塗る_TASK).await.unwrap();
    assert!(machine.check_stamp("塗る").await.unwrap().is_some());
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "hostless")]
struct Hostless;

#[setup_tasks]
impl Hostless {
    #[setup_task("Ask for a host")]
    fn ask(&self, _host: HostObject<Sorted>) {}
}

#[tokio::test]
async fn only_customizations_have_a_host() {
    let error = Layout::in_memory().unwrap().add(Hostless).unwrap().run_setup_tasks().await.unwrap_err();
    let error = format!("{:#}", anyhow::Error::from(error));
    assert!(error.contains("`hostless` is not applied to a host"), "{error}");
}
