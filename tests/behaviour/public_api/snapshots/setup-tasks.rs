// setup_tasks::SetupTasks = setup_tasks_macros::SetupTasks
// setup_tasks::prelude::setup_task = crate::setup_task
// setup_tasks::prelude::setup_tasks = crate::setup_tasks
// setup_tasks::setup_task = setup_tasks_macros::setup_task
// setup_tasks::setup_tasks = setup_tasks_macros::setup_tasks

// setup_tasks::AnyObject
// with private fields
#[derive(Clone)]
pub struct AnyObject;
impl AnyObject {
    pub async fn check(&self) -> Vec<RunError> {}
}
impl AnyObject {
    pub async fn mark_done(&self, task: &str) -> Result<Stamp, RunError> {}
}
impl AnyObject {
    pub async fn ready(&self) -> Result<(), ReadyError> {}
}
impl AnyObject {
    pub fn down(&self) -> FleetDown {}
}
impl AnyObject {
    pub fn id(&self) -> &str {}
    pub fn type_name(&self) -> &'static str {}
    pub fn is_retired(&self) -> bool {}
    pub fn groups(&self) -> impl Iterator<Item = &str> {}
    pub fn host(&self) -> Option<&str> {}
    pub fn stamp_subdir(&self) -> &str {}
    pub fn task_names(&self) -> Vec<&'static str> {}
    pub fn readonly(&self) -> bool {}
    pub fn stamp_path(&self) -> Result<&Path, PathError> {}
    pub fn state_path(&self) -> Result<&Path, PathError> {}
    pub fn log_path(&self) -> Result<&Path, PathError> {}
    pub async fn check_stamp(&self, name: &str) -> Result<Option<Stamp>, StampError> {}
    pub fn add_setup_task<F, A>(
        &self,
        task: NewTask<ClosureTask<F>>,
    ) -> Result<(), AddTaskError>
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future + Send + 'static,
        A::Output: IntoOutcome,
    {}
    pub fn depends_on(&self, task: impl Into<String>) -> Dependency {}
    pub fn command_runner(&self) -> Option<&dyn CommandRunner> {}
    pub fn layout(&self) -> &Layout {}
    pub fn injector(&self) -> &Injector {}
    pub fn downcast<T: SetupTasks>(&self) -> Option<Object<T>> {}
}
impl AnyObject {
    pub fn inspect(&self) -> Vec<ObjectTaskInspector> {}
}
impl AnyObject {
    pub fn run_setup_tasks(&self) -> Run<Self> {}
    pub async fn peek(&self) -> Result<Vec<TaskSnapshot>, StampError> {}
    pub async fn plan(&self) -> Result<ObjectReport, RunError> {}
    pub async fn create_stamp(
        &self,
        name: &str,
        contents: &str,
    ) -> Result<Stamp, StampError> {}
    pub async fn delete_stamp(&self, name: &str) -> Result<(), StampError> {}
    pub async fn clear_stamps_and_cache(&self) -> Result<(), RunError> {}
    pub async fn holder(&self) -> Result<Option<Holder>, LeaseError> {}
    pub async fn break_lease(&self) -> Result<LeaseBreak, LeaseError> {}
    pub async fn break_lease_of(&self, host: &str) -> Result<LeaseBreak, LeaseError> {}
}
impl fmt::Debug for AnyObject {}

// setup_tasks::BoxFuture
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

// setup_tasks::Config
// also setup_tasks::config::Config
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Config {
    pub base_dir: PathBuf,
    pub cache_dir: PathBuf,
    pub state_dir: PathBuf,
    pub log_dir: PathBuf,
    pub store: String,
    pub placement: BTreeMap<String, String>,
    pub shared_files: bool,
    pub dry_run: bool,
    pub verify: bool,
    pub durable_stamps: bool,
    pub lease_timeout_secs: u64,
    pub log_limit_kib: u64,
    pub output_limit_kib: u64,
    pub notify: Vec<String>,
    pub agents: BTreeMap<String, PathBuf>,
}
impl Config {
    pub fn new(base_dir: impl Into<PathBuf>) -> Self {}
    #[must_use]
    pub fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {}
    pub fn builder() -> ConfigBuilder {}
    pub fn cache_dir(&self) -> PathBuf {}
    pub fn state_dir(&self) -> PathBuf {}
    pub fn log_dir(&self) -> PathBuf {}
    pub fn lease_timeout(&self) -> Duration {}
}
impl Default for Config {}

// setup_tasks::Customization
// also setup_tasks::customize::Customization
// with private fields
pub struct Customization<H: SetupTasks, C, X = NoContext> {}
impl<H: SetupTasks, C, X> std::fmt::Debug for Customization<H, C, X> {}
impl<H: SetupTasks, C: SetupTasks, X: RunContext> Customization<H, C, X> {
    pub const fn within(context: fn(&Object<H>) -> X, make: fn(&H) -> C) -> Self {}
}
impl<H: SetupTasks, C: SetupTasks, X: RunContext> TaskKind<H>
for Customization<H, C, X> {}
impl<H: SetupTasks, C: SetupTasks> Customization<H, C> {
    pub const fn new(make: fn(&H) -> C) -> Self {}
    pub fn with_model(model: C) -> Self {}
    pub fn with_context<X: RunContext>(
        self,
        context: impl Fn(&Object<H>) -> X + Send + Sync + 'static,
    ) -> Customization<H, C, X> {}
}

// setup_tasks::Deferred
// also setup_tasks::depends::Deferred
// with private fields
pub struct Deferred<M: SetupTasks> {}
impl<M: SetupTasks> Clone for Deferred<M> {}
impl<M: SetupTasks> Copy for Deferred<M> {}
impl<M: SetupTasks> Deferred<M> {
    pub const fn new(key: InjectionKey<Object<M>>) -> Self {}
    pub const fn key(&self) -> InjectionKey<Object<M>> {}
    pub async fn find(&self, injector: &Injector) -> Result<Object<M>, InjectError> {}
}
impl<M: SetupTasks> fmt::Debug for Deferred<M> {}

// setup_tasks::HasMachine
pub trait HasMachine {
    type Machine;
    fn machine(&self) -> &Self::Machine;
}

// setup_tasks::HostObject
#[derive(Clone, Debug)]
pub struct HostObject<M: SetupTasks>(pub Object<M>);
impl<M: SetupTasks> Deref for HostObject<M> {
    type Target = Object<M>;
}
impl<M: SetupTasks> Extract for HostObject<M> {}

// setup_tasks::Inject
#[derive(Clone, Debug)]
pub struct Inject<T: ?Sized>(pub Arc<T>);
impl<T: ?Sized> Deref for Inject<T> {
    type Target = T;
}
impl<T: Send + Sync + 'static> Extract for Inject<T> {}

// setup_tasks::InjectKey
pub struct InjectKey<K: KeyName>(pub Arc<K::Value>);
impl<K: KeyName> Deref for InjectKey<K> {
    type Target = K::Value;
}
impl<K: KeyName> Extract for InjectKey<K> {}
impl<K: KeyName> std::fmt::Debug for InjectKey<K> {}

// setup_tasks::InjectionKey
// also setup_tasks::injector::InjectionKey
// with private fields
pub struct InjectionKey<T: 'static> {}
impl<T: 'static> Clone for InjectionKey<T> {}
impl<T: 'static> Copy for InjectionKey<T> {}
impl<T: 'static> Eq for InjectionKey<T> {}
impl<T: 'static> Hash for InjectionKey<T> {}
impl<T: 'static> InjectionKey<T> {
    pub const fn of() -> Self {}
    pub const fn named(name: &'static str) -> Self {}
    pub const fn name(&self) -> Option<&'static str> {}
}
impl<T: 'static> PartialEq for InjectionKey<T> {}
impl<T: 'static> fmt::Debug for InjectionKey<T> {}
impl<T: 'static> fmt::Display for InjectionKey<T> {}

// setup_tasks::Injector
// also setup_tasks::injector::Injector
// with private fields
#[derive(Clone)]
pub struct Injector;
impl Injector {
    pub fn root(name: impl Into<String>) -> Self {}
    pub fn child(&self, name: impl Into<String>) -> Self {}
    pub fn name(&self) -> &str {}
    pub fn provide<T: Send + Sync + 'static>(
        &self,
        key: InjectionKey<T>,
        value: T,
    ) -> Result<(), InjectError> {}
    pub fn provide_with<T: Send + Sync + 'static>(
        &self,
        key: InjectionKey<T>,
        make: impl Fn(Injector) -> Result<T> + Send + Sync + 'static,
    ) -> Result<(), InjectError> {}
    pub fn provide_async<T, F, M>(
        &self,
        key: InjectionKey<T>,
        make: M,
    ) -> Result<(), InjectError>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
        M: Fn(Injector) -> F + Send + Sync + 'static,
    {}
    pub fn replace<T: Send + Sync + 'static>(&self, key: InjectionKey<T>, value: T) {}
    pub async fn get<T: Send + Sync + 'static>(
        &self,
        key: &InjectionKey<T>,
    ) -> Result<Arc<T>, InjectError> {}
    pub async fn get_optional<T: Send + Sync + 'static>(
        &self,
        key: &InjectionKey<T>,
    ) -> Result<Option<Arc<T>>, InjectError> {}
    pub async fn get_not_ready<T: Send + Sync + 'static>(
        &self,
        key: &InjectionKey<T>,
    ) -> Result<Arc<T>, InjectError> {}
    pub fn peek<T: Send + Sync + 'static>(
        &self,
        key: &InjectionKey<T>,
    ) -> Option<Arc<T>> {}
    pub fn filter<T: 'static>(&self) -> Vec<InjectionKey<T>> {}
    pub fn on_event(
        &self,
        key: impl Into<EventKey>,
        listener: impl Fn(&Event) + Send + 'static,
    ) -> Listening {}
    pub fn on_event_async<F>(
        &self,
        key: impl Into<EventKey>,
        listener: impl Fn(Arc<Event>) -> F + Send + Sync + 'static,
    ) -> Listening
    where
        F: Future<Output = ()> + Send + 'static,
    {}
    pub fn events(&self, key: impl Into<EventKey>) -> EventStream {}
}
impl std::fmt::Debug for Injector {}

// setup_tasks::LastRun
// also setup_tasks::prelude::LastRun
#[derive(Clone, Debug, PartialEq)]
pub struct LastRun(pub Option<Stamp>);
impl Extract for LastRun {}
impl LastRun {
    pub fn time(&self) -> Option<std::time::SystemTime> {}
}

// setup_tasks::Layout
// also setup_tasks::layout::Layout
// with private fields
#[derive(Clone)]
pub struct Layout {}
impl Layout {
    #[cfg(feature = "sqlite")]
    pub fn new(config: Config) -> Self {}
    pub fn with_store(config: Config, store: impl StampStore) -> Self {}
    pub fn with_store_and_leases(
        config: Config,
        store: impl StampStore,
        leases: impl Leases,
    ) -> Self {}
    pub fn in_memory() -> std::io::Result<Self> {}
}
impl Layout {
    pub async fn holders(
        &self,
        objects: &[AnyObject],
    ) -> Result<Vec<Option<Holder>>, LeaseError> {}
}
impl Layout {
    pub async fn orphans(&self) -> Result<Vec<Orphan>, StampError> {}
}
impl Layout {
    pub async fn orphans_named(
        &self,
        names: &[String],
    ) -> Result<Vec<Orphan>, FleetError> {}
}
impl Layout {
    pub async fn remote_logs(
        &self,
        object: &str,
        task: Option<&str>,
    ) -> Result<Vec<RemoteLog>, FleetError> {}
}
impl Layout {
    pub fn activities(&self) -> Snapshot {}
}
impl Layout {
    pub fn config(&self) -> &Config {}
    pub fn plan_only(&self) {}
    pub fn open_to_plan<E>(build: impl FnOnce() -> Result<Self, E>) -> Result<Self, E> {}
    pub fn is_dry_run(&self) -> bool {}
    pub fn injector(&self) -> &Injector {}
    pub fn store(&self) -> &dyn StampStore {}
    pub fn hosts(&self) -> Option<&Arc<dyn Hosts>> {}
    pub async fn at_work_elsewhere(&self) -> Result<Vec<ObjectAtWork>, LeaseError> {}
    pub fn run_id(&self) -> RunId {}
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + 'static) -> Listening {}
    pub fn events(&self) -> EventStream {}
    pub fn add<T: SetupTasks>(&self, model: T) -> Result<Object<T>, AddError> {}
    pub fn object_builder<T: SetupTasks>(&self, model: T) -> ObjectBuilder<'_, T> {}
    pub fn get(&self, id: &str) -> Option<AnyObject> {}
    pub fn all(&self) -> Vec<AnyObject> {}
    pub fn len(&self) -> usize {}
    pub fn is_empty(&self) -> bool {}
    pub fn stop(&self) -> &Stop {}
    pub fn add_source(&self, path: impl Into<PathBuf>) {}
    pub fn sources(&self) -> Vec<PathBuf> {}
    pub async fn history(
        &self,
        filter: &HistoryFilter,
    ) -> Result<Vec<HistoryEntry>, StampError> {}
}
impl Layout {
    pub fn down(&self) -> FleetDown {}
}
impl Layout {
    pub fn publish_activities(&self) -> Result<Published, PublishError> {}
}
impl Layout {
    pub fn run(&self) -> FleetRun {}
}
impl Layout {
    pub fn version(&self, program: &str) -> std::io::Result<Version> {}
}
impl std::fmt::Debug for Layout {}

// setup_tasks::NewTask
// with private fields
#[derive(Clone, Debug)]
#[must_use = "a task does nothing until it is added"]
pub struct NewTask<K> {}
impl<F, A> NewTask<ClosureTask<F>>
where
    F: Fn(TaskContext) -> A + Send + Sync + 'static,
    A: Future + Send + 'static,
    A::Output: IntoOutcome,
{
    pub fn new(name: impl AsRef<str>, description: impl Into<String>, run: F) -> Self {}
}
impl<K> NewTask<K> {
    pub fn hash<F, A>(mut self, hash: F) -> Self
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future<Output: IntoHashText> + Send + 'static,
    {}
    pub fn invalidator<F, A>(mut self, is_valid: F) -> Self
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future<Output: IntoValid> + Send + 'static,
    {}
    pub fn check_completed<F, A>(mut self, check: F) -> Self
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future<Output: IntoCompletion> + Send + 'static,
    {}
    pub fn undo<F, A>(mut self, undo: F) -> Self
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future<Output: IntoUndone> + Send + 'static,
    {}
    pub fn depends_on(mut self, dependency: Dependency) -> Self {}
}
impl<K> NewTask<K> {
    pub fn value(name: impl AsRef<str>, kind: K) -> Self {}
    pub fn description(mut self, description: impl Into<String>) -> Self {}
    pub fn order(mut self, order: i64) -> Self {}
    pub fn before(mut self, task: &str) -> Self {}
    pub fn after(mut self, task: &str) -> Self {}
    pub fn tag(mut self, tag: &str) -> Self {}
    pub fn formerly(mut self, name: &str) -> Self {}
    pub fn timeout(mut self, timeout: Duration) -> Self {}
    pub fn retries(mut self, retries: u32) -> Self {}
}

// setup_tasks::Object
// also setup_tasks::prelude::Object
// with private fields
pub struct Object<T: SetupTasks> {}
impl<T: SetupTasks + Serialize> Serialize for Object<T> {}
impl<T: SetupTasks> Clone for Object<T> {}
impl<T: SetupTasks> Deref for Object<T> {
    type Target = T;
}
impl<T: SetupTasks> Object<T> {
    pub async fn ready(&self) -> Result<(), ReadyError> {}
}
impl<T: SetupTasks> Object<T> {
    pub fn as_any(&self) -> &AnyObject {}
    pub fn values_of<K: Clone + 'static>(&self) -> Vec<(&'static str, K)> {}
    pub fn add_setup_task<K: TaskKind<T>>(
        &self,
        task: NewTask<K>,
    ) -> Result<TaskHandle<T>, AddTaskError> {}
    pub fn add_customization<C: SetupTasks>(
        &self,
        name: &str,
        model: C,
    ) -> Result<TaskHandle<T>, AddTaskError> {}
    pub fn stamp_path(&self) -> Result<&Path, PathError> {}
    pub fn state_path(&self) -> Result<&Path, PathError> {}
    pub fn log_path(&self) -> Result<&Path, PathError> {}
    pub async fn check_stamp(&self, name: &str) -> Result<Option<Stamp>, StampError> {}
}
impl<T: SetupTasks> Object<T> {
    pub fn run_setup_tasks(&self) -> Run<T> {}
    pub async fn create_stamp(
        &self,
        name: &str,
        contents: &str,
    ) -> Result<Stamp, StampError> {}
    pub async fn delete_stamp(&self, name: &str) -> Result<(), StampError> {}
    pub async fn clear_stamps_and_cache(&self) -> Result<(), RunError> {}
}
impl<T: SetupTasks> fmt::Debug for Object<T> {}

// setup_tasks::ObjectRef
#[derive(Clone, Debug)]
pub struct ObjectRef<M: SetupTasks>(pub Object<M>);
impl<M: SetupTasks> Deref for ObjectRef<M> {
    type Target = Object<M>;
}
impl<M: SetupTasks> Extract for ObjectRef<M> {}

// setup_tasks::Outcome
// also setup_tasks::prelude::Outcome
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    Done,
    Unchanged,
    Skipped,
}
impl IntoOutcome for Outcome {}

// setup_tasks::Reason
// also setup_tasks::prelude::Reason
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    Forced,
    NotCompleted,
    NeverRan,
    Failed { error: String },
    Interrupted,
    DependencyNewer { which: Cow<'static, str> },
    HashChanged { from: String, to: String, during_last_run: bool, texts: HashTexts },
    SourceChanged,
    InputChanged { path: String, during_last_run: bool },
    OutputMissing { path: String },
    Drifted { what: Vec<Difference> },
    Invalidated,
    Always,
}
impl Extract for Reason {}
impl Reason {
    pub fn diff(&self) -> Option<String> {}
}
impl fmt::Display for Reason {}

// setup_tasks::Resource
#[derive(Clone, Debug)]
pub struct Resource<R: ?Sized>(pub Arc<R>);
impl<R: ?Sized> Deref for Resource<R> {
    type Target = R;
}
impl<R: Send + Sync + 'static> Extract for Resource<R> {}

// setup_tasks::Result
// also setup_tasks::prelude::Result
pub type Result<T, E = anyhow::Error> = std::result::Result<T, E>;
impl<A: IntoCompletion, E: IntoTaskError> IntoCompletion for Result<A, E> {}
impl<A: IntoHashText, E: IntoTaskError> IntoHashText for Result<A, E> {}
impl<A: IntoOutcome, E: IntoTaskError> IntoOutcome for Result<A, E> {}
impl<E: IntoTaskError> IntoUndone for Result<(), E> {}
impl<E: IntoTaskError> IntoValid for Result<bool, E> {}

// setup_tasks::RunContext
// also setup_tasks::run::RunContext
pub trait RunContext: Send + Sync + 'static {
    type Resource: Send + Sync + 'static;
    fn enter(&self) -> impl Future<Output = Result<Self::Resource>> + Send;
    fn leave(
        &self,
        resource: Arc<Self::Resource>,
        outcome: ContextExit,
    ) -> impl Future<Output = Result<()>> + Send;
}

// setup_tasks::Secret
// also setup_tasks::secret::Secret
// with private fields
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret<T>;
impl<'de, T: Deserialize<'de> + AsRef<str>> Deserialize<'de> for Secret<T> {}
impl<T: AsRef<str>> Secret<T> {
    pub fn new(value: T) -> Self {}
}
impl<T: Serialize> Serialize for Secret<T> {}
impl<T> Secret<T> {
    pub const fn expose(&self) -> &T {}
}
impl<T> fmt::Debug for Secret<T> {}

// setup_tasks::SetupTasks
// also setup_tasks::prelude::SetupTasks
pub trait SetupTasks: Sized + Send + Sync + 'static {
    const NAME: &'static str;
    const READONLY: Option<bool> = None;
    fn stamp_subdir(&self) -> String;
    fn object_id(&self) -> String {}
    fn bring_to_ready(object: &Object<Self>) -> impl Future<Output = Result<()>> + Send {}
    fn event_keys(&self) -> Vec<EventKey> {}
    fn inspect_class() -> Vec<TaskInspector> {}
    fn setup_tasks() -> &'static TaskTable<Self> {}
}

// setup_tasks::TaskContext
// also setup_tasks::prelude::TaskContext
// also setup_tasks::run::TaskContext
// with private fields
#[derive(Clone)]
pub struct TaskContext {}
impl TaskContext {
    pub fn command(&self, program: impl AsRef<OsStr>) -> TaskCommand {}
}
impl TaskContext {
    pub fn of(object: &AnyObject, task: &'static str) -> Self {}
    pub fn object(&self) -> &AnyObject {}
    pub fn task(&self) -> &'static str {}
    pub fn last_run(&self) -> LastRun {}
    pub fn reason(&self) -> Option<&Reason> {}
    pub fn attempt(&self) -> u32 {}
    pub fn layout(&self) -> &Layout {}
    pub fn injector(&self) -> &Injector {}
    pub fn run_id(&self) -> RunId {}
    pub fn host(&self) -> Option<AnyObject> {}
    pub fn log(&self, line: impl Into<String>) {}
    pub fn keep(&self, bytes: Vec<u8>) {}
    pub fn kept(&self) -> &[u8] {}
    pub fn keyed_hash(&self, content: &[u8]) -> Result<[u8; 32], StampError> {}
    pub fn answer(&self) -> Option<&Answer> {}
    pub fn later_questions(&self, observer: &dyn Observer) -> LaterQuestions {}
    pub fn task_log(&self) -> Option<&Arc<TaskLog>> {}
    pub fn resource<R: Send + Sync + 'static>(&self) -> Option<Arc<R>> {}
    pub fn stamp_path(&self) -> Result<&Path, PathError> {}
    pub fn stamp_path_without_creating(&self) -> &Path {}
    pub fn state_path(&self) -> Result<&Path, PathError> {}
    pub fn log_path(&self) -> Result<&Path, PathError> {}
}
impl std::fmt::Debug for TaskContext {}

// setup_tasks::activity::Activity
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Activity {
    pub id: u64,
    pub kind: WorkKind,
    pub name: String,
    pub task: Option<String>,
    pub description: Option<String>,
    pub reason: Option<Reason>,
    pub commands: Vec<String>,
    pub since: Timestamp,
    pub parent: Option<u64>,
    pub waits_for: Vec<WaitsFor>,
    pub held_by: Option<String>,
}

// setup_tasks::activity::FleetProgress
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FleetProgress {
    pub since: Timestamp,
    pub objects: usize,
    pub ended: usize,
}

// setup_tasks::activity::OtherProcesses
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OtherProcesses {
    pub version: u32,
    pub processes: Vec<Snapshot>,
    pub silent: Vec<SilentProcess>,
}
impl OtherProcesses {
    pub fn is_empty(&self) -> bool {}
}

// setup_tasks::activity::PublishError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    Io { action: &'static str, path: PathBuf, source: io::Error },
    Thread { source: io::Error },
}
impl PublishError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::activity::Published
// with private fields
#[derive(Clone, Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct Published {}

// setup_tasks::activity::SilentProcess
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SilentProcess {
    pub pid: u32,
    pub problem: String,
}

// setup_tasks::activity::Snapshot
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    pub version: u32,
    pub pid: u32,
    pub at: Timestamp,
    pub fleets: Vec<FleetProgress>,
    pub activities: Vec<Activity>,
}
impl Snapshot {
    pub fn roots(&self) -> impl Iterator<Item = &Activity> {}
    pub fn children(&self, id: u64) -> impl Iterator<Item = &Activity> {}
    pub fn activity(&self, id: u64) -> Option<&Activity> {}
    pub fn run_of(&self, object: &str) -> Option<&Activity> {}
    pub fn is_empty(&self) -> bool {}
}
impl fmt::Display for Snapshot {}

// setup_tasks::activity::WaitsFor
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitsFor {
    pub id: u64,
    pub since: Timestamp,
}

// setup_tasks::activity::WorkKind
// also setup_tasks::ready::WorkKind
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WorkKind {
    Ready,
    Run,
    Plan,
    Factory,
}

// setup_tasks::activity::current
pub fn current() -> Vec<Activity> {}

// setup_tasks::activity::of_other_processes
pub fn of_other_processes(config: &Config) -> Result<OtherProcesses, PublishError> {}

// setup_tasks::command::CommandError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    Start { command: String, source: io::Error },
    Failed { command: String, status: ExitStatus, stderr: Option<Excerpt> },
    TimedOut { command: String, limit: Duration, stderr: Option<Excerpt> },
    TooMuchOutput { command: String, limit: usize },
    NoTerminal { command: String, problem: &'static str },
    StdinFile { command: String, path: PathBuf, source: io::Error },
    Stdin { command: String, source: io::Error },
    Log { command: String, path: PathBuf, source: io::Error },
    Lost { command: String, source: io::Error },
}
impl CommandError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::command::CommandOutput
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandOutput {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
}
impl CommandOutput {
    pub fn text(&self) -> Cow<'_, str> {}
}

// setup_tasks::command::CommandRunner
pub trait CommandRunner: Any + Send + Sync {
    fn name(&self) -> Cow<'_, str>;
    fn key(&self) -> Cow<'_, str>;
    fn run_one_off(&self, command: OneOffCommand) -> BoxFuture<'_, Result<ExitStatus>>;
}

// setup_tasks::command::Detached
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Detached {
    pub pid: u32,
    pub log: PathBuf,
}

// setup_tasks::command::DetachedCommand
// with private fields
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct DetachedCommand;
impl DetachedCommand {
    pub async fn run(self) -> Result<PathBuf, CommandError> {}
    pub async fn start(self) -> Result<Detached, CommandError> {}
}

// setup_tasks::command::ForeignCommand
// with private fields
pub struct ForeignCommand {}
impl ForeignCommand {
    pub fn begin<'a>(
        cx: &TaskContext,
        place: &str,
        words: impl IntoIterator<Item = &'a OsStr>,
        capture: bool,
    ) -> Self {}
    pub fn text(&self) -> &str {}
    pub fn push_output(&mut self, bytes: &[u8]) -> Result<(), CommandError> {}
    pub fn push_error(&mut self, bytes: &[u8]) {}
    pub fn finish(&mut self) {}
    pub fn exited(&self, status: impl fmt::Display) {}
    pub fn captured(&mut self) -> Vec<u8> {}
    pub fn last_errors(&self) -> Option<Excerpt> {}
}
impl fmt::Debug for ForeignCommand {}

// setup_tasks::command::InteractiveCommand
// also setup_tasks::command::terminal::InteractiveCommand
// with private fields
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct InteractiveCommand;
impl InteractiveCommand {
    pub async fn run(self) -> Result<(), CommandError> {}
    pub async fn status(self) -> Result<ExitStatus, CommandError> {}
}

// setup_tasks::command::OneOffCommand
#[non_exhaustive]
pub struct OneOffCommand {
    pub words: Vec<OsString>,
    pub input: Option<mpsc::Receiver<Arc<[u8]>>>,
    pub output: OutputSink,
    pub stop: Stop,
}
impl OneOffCommand {
    pub fn new(words: Vec<OsString>, stop: Stop, output: OutputSink) -> Self {}
    #[must_use]
    pub fn input(mut self, input: mpsc::Receiver<Arc<[u8]>>) -> Self {}
}
impl fmt::Debug for OneOffCommand {}

// setup_tasks::command::OutputSink
pub type OutputSink = Box<dyn FnMut(OutputStream, &[u8]) + Send>;

// setup_tasks::command::OutputStream
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputStream {
    Stdout,
    Stderr,
}

// setup_tasks::command::QuoteError
// with private fields
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct QuoteError {}

// setup_tasks::command::TaskCommand
// with private fields
#[must_use = "a command does nothing until it is run"]
pub struct TaskCommand {}
impl TaskCommand {
    pub async fn run(self) -> Result<(), CommandError> {}
    pub async fn output(self) -> Result<String, CommandError> {}
    pub async fn output_bytes(self) -> Result<Vec<u8>, CommandError> {}
    pub async fn status(self) -> Result<ExitStatus, CommandError> {}
    pub async fn output_and_status(self) -> Result<CommandOutput, CommandError> {}
}
impl TaskCommand {
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {}
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {}
    pub fn label(mut self, label: impl Into<String>) -> Self {}
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {}
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {}
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {}
    pub fn stdin_file(mut self, path: impl Into<PathBuf>) -> Self {}
    pub fn stdin_reader(mut self, reader: impl AsyncRead + Send + 'static) -> Self {}
    pub fn timeout(mut self, limit: Duration) -> Self {}
    pub fn output_limit(mut self, bytes: usize) -> Self {}
    pub fn detached(self) -> DetachedCommand {}
    #[cfg(unix)]
    pub fn interactive(self) -> InteractiveCommand {}
}
impl fmt::Debug for TaskCommand {}
impl fmt::Display for TaskCommand {}

// setup_tasks::command::quote
pub fn quote(word: &str) -> Result<Cow<'_, str>, QuoteError> {}

// setup_tasks::command::quote_all
pub fn quote_all<W: AsRef<str>>(
    words: impl IntoIterator<Item = W>,
) -> Result<String, QuoteError> {}

// setup_tasks::command::running::Suspended
// with private fields
#[derive(Debug)]
#[must_use = "the commands continue when this is dropped"]
pub struct Suspended;
impl Drop for Suspended {}

// setup_tasks::command::running::end
pub fn end(grace: Duration) {}

// setup_tasks::command::running::resume
pub fn resume() {}

// setup_tasks::command::running::suspend
pub fn suspend() -> Suspended {}

// setup_tasks::command::terminal::on_handover
pub fn on_handover(hook: impl Fn(bool) + Send + 'static) {}

// setup_tasks::command_runner
macro_rules! command_runner {
    () => {};
}

// setup_tasks::config::ConfigBuilder
// with private fields
#[must_use = "a builder does nothing until `load`"]
pub struct ConfigBuilder {}
impl ConfigBuilder {
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {}
    pub fn environment(mut self, prefix: impl Into<String>) -> Self {}
    pub fn set(mut self, edit: impl FnOnce(&mut Config) + 'static) -> Self {}
    pub fn load(self) -> Result<Config, ConfigError> {}
}
impl std::fmt::Debug for ConfigBuilder {}

// setup_tasks::config::ConfigError
// with private fields
#[derive(Clone, Debug, thiserror::Error)]
pub struct ConfigError {}
impl ConfigError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::config::chosen_host
pub fn chosen_host() -> Option<String> {}

// setup_tasks::config::use_host
pub fn use_host(name: impl Into<String>) {}

// setup_tasks::config::use_store
pub fn use_store(address: impl Into<String>) {}

// setup_tasks::config::work_in
pub fn work_in(directory: impl AsRef<Path>) -> io::Result<()> {}

// setup_tasks::conformance::BrokenLaws
// with private fields
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLaws<L> {}
impl<L: Copy> BrokenLaws<L> {
    pub fn iter(&self) -> impl Iterator<Item = (L, &str)> {}
}
impl<L: fmt::Debug + fmt::Display> std::error::Error for BrokenLaws<L> {}
impl<L: fmt::Display> fmt::Display for BrokenLaws<L> {}

// setup_tasks::conformance::LeaseLaw
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaseLaw {
    BeginsFree,
    HasOneHolder,
    SeparatesObjects,
    ShowsHolder,
    IsReleased,
    HasOneWinner,
    RaisesFences,
    FencesWhatExpires,
    RenewsHeldLeases,
    LosesBrokenLeases,
    IgnoresLateRelease,
}
impl LeaseLaw {
    pub const ALL: [Self; 11] = ..;
}
impl fmt::Display for LeaseLaw {}

// setup_tasks::conformance::StoreLaw
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreLaw {
    BeginsEmpty,
    KeepsEntries,
    AppliesInOrder,
    SeparatesObjects,
    ShowsWrites,
    RefusesLateWrites,
    AcceptsCurrentWrites,
    KeepsFences,
    BoundsTimes,
    KeepsHistory,
    ReadsManyAlike,
    ListsObjects,
    ReadsWithoutTrace,
    LosesNoWrite,
    SurvivesCancellation,
    StaysInPlace,
}
impl StoreLaw {
    pub const ALL: [Self; 16] = ..;
}
impl fmt::Display for StoreLaw {}

// setup_tasks::conformance::check_leases
pub async fn check_leases<L, P>(
    mut empty_place: impl FnMut() -> P,
) -> Result<(), BrokenLaws<LeaseLaw>>
where
    L: Leases,
    P: Fn() -> Arc<L>,
{}

// setup_tasks::conformance::check_store
pub async fn check_store<S, P>(
    mut empty_place: impl FnMut() -> P,
) -> Result<(), BrokenLaws<StoreLaw>>
where
    S: StampStore,
    P: Fn() -> Arc<S>,
{}

// setup_tasks::customize::NoContext
#[derive(Debug)]
pub enum NoContext {}
impl RunContext for NoContext {
    type Resource = ();
}

// setup_tasks::depends::SystemDependency
pub trait SystemDependency: Send + Sync + 'static {
    fn name(&self) -> String;
    fn bring_up<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>>;
}
impl<D: SystemDependency + ?Sized> SystemDependency for Arc<D> {}

// setup_tasks::dispatch::Answer
pub type Answer<'a, T> = MaybeReady<'a, Result<T, DispatchError>>;

// setup_tasks::dispatch::Dispatch
pub trait Dispatch: fmt::Debug + Send + Sync + 'static {
    fn next(&self, ended: Option<Ended>) -> Answer<'_, Next>;
    fn end(&self, ended: Ended) -> Answer<'_, ()>;
    fn put_aside(&self, _object: &str, _holder: &str) {}
    fn take_up(&self, _object: &str) {}
    fn permission<'a>(&'a self, _object: &'a str) -> Answer<'a, Permission> {}
    fn close(&self) {}
    fn stop(&self) -> Option<Stop> {}
    fn stop_at_once(&self) -> Option<Stop> {}
    fn wants_results(&self) -> bool {}
}

// setup_tasks::dispatch::DispatchError
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DispatchError {
    Service { source: Arc<dyn Error + Send + Sync> },
}
impl DispatchError {
    pub fn service(source: impl Error + Send + Sync + 'static) -> Self {}
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::dispatch::EndState
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndState {
    Done,
    Failed,
    Stopped,
    Lost,
}

// setup_tasks::dispatch::Ended
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    pub object: usize,
    pub state: EndState,
    pub result: Option<String>,
}

// setup_tasks::dispatch::Hosts
pub trait Hosts: fmt::Debug + Send + Sync + 'static {
    fn here(&self) -> String;
    fn workers(&self) -> Answer<'_, Vec<WorkerEntry>>;
    fn join<'a>(&'a self, version: &'a Version, jobs: usize) -> Answer<'a, ()>;
    fn leave(&self) -> Answer<'_, ()>;
    fn begin(&self, run: NewRun) -> Answer<'_, u64>;
    fn runs(&self) -> Answer<'_, Vec<RunEntry>>;
    fn queue(
        &self,
        run: u64,
        subdirs: Vec<String>,
        only_here: bool,
    ) -> Answer<'_, Arc<dyn Dispatch>>;
    fn stop(&self, run: u64, at_once: bool) -> Answer<'_, ()>;
    fn publish(&self, run: u64, events: Vec<String>) -> Answer<'_, ()>;
    fn progress(&self, run: u64, after: u64) -> Answer<'_, Option<RunProgress>>;
    fn results(&self, run: u64) -> Answer<'_, Vec<RunResult>>;
    fn bindings(&self) -> Answer<'_, HashMap<String, String>>;
    fn bind<'a>(&'a self, subdir: &'a str) -> Answer<'a, ()>;
    fn ask<'a>(&'a self, host: &'a str, question: String) -> Answer<'a, Option<String>>;
    fn questions(&self) -> Answer<'_, Vec<Question>>;
    fn answer(&self, question: u64, answer: String) -> Answer<'_, ()>;
    fn changed(&self) -> Answer<'_, ()>;
}

// setup_tasks::dispatch::NewRun
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NewRun {
    pub version: Version,
    pub options: String,
    pub objects: Vec<QueuedObject>,
    pub takes_part: bool,
    pub fail_fast: bool,
    pub batch: Option<(usize, usize)>,
}

// setup_tasks::dispatch::Next
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    Run(usize),
    End,
}

// setup_tasks::dispatch::Permission
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    Here,
    Elsewhere { host: String, is_awaited: bool },
    Failed { host: String },
}

// setup_tasks::dispatch::Question
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Question {
    pub number: u64,
    pub question: String,
}

// setup_tasks::dispatch::QueuedObject
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct QueuedObject {
    pub id: String,
    pub subdir: String,
    pub waits_for: usize,
    pub dependents: Vec<usize>,
    pub host: Option<String>,
}

// setup_tasks::dispatch::RunEntry
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunEntry {
    pub number: u64,
    pub began: Option<SystemTime>,
    pub ended: Option<SystemTime>,
    pub starter: String,
    pub version: Version,
    pub options: String,
    pub objects: usize,
    pub finished: usize,
    pub failed: usize,
    pub running: usize,
    pub stop: StopRequest,
}

// setup_tasks::dispatch::RunEvent
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunEvent {
    pub number: u64,
    pub worker: String,
    pub event: String,
}

// setup_tasks::dispatch::RunProgress
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunProgress {
    pub run: RunEntry,
    pub events: Vec<RunEvent>,
}

// setup_tasks::dispatch::RunResult
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunResult {
    pub object: String,
    pub state: Option<EndState>,
    pub host: Option<String>,
    pub worker: Option<String>,
    pub result: Option<String>,
}

// setup_tasks::dispatch::RunningObject
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunningObject {
    pub run: u64,
    pub object: String,
    pub task: Option<String>,
    pub waits_for: Option<String>,
}

// setup_tasks::dispatch::StopRequest
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StopRequest {
    None,
    AfterTasks,
    AtOnce,
}

// setup_tasks::dispatch::Version
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Version {
    pub program: String,
    pub binary: String,
    pub layout: String,
}
impl Version {
    pub fn new(
        program: impl Into<String>,
        binary: impl Into<String>,
        layout: impl Into<String>,
    ) -> Self {}
    pub fn fits(&self, other: &Self) -> bool {}
}
impl fmt::Display for Version {}

// setup_tasks::dispatch::WorkerEntry
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WorkerEntry {
    pub host: String,
    pub process: String,
    pub version: Version,
    pub jobs: usize,
    pub since: Option<SystemTime>,
    pub runs: Vec<RunningObject>,
}

// setup_tasks::error::Excerpt
// with private fields
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Excerpt;
impl Error for Excerpt {}
impl Excerpt {
    pub fn new(text: impl Into<String>) -> Option<Self> {}
    pub fn as_str(&self) -> &str {}
}
impl fmt::Debug for Excerpt {}
impl fmt::Display for Excerpt {}

// setup_tasks::error::explain
pub fn explain(error: &(dyn Error + 'static)) -> String {}

// setup_tasks::error::help_of
pub fn help_of<'e>(error: &'e (dyn Error + 'static)) -> Option<Cow<'e, str>> {}

// setup_tasks::error_help
macro_rules! error_help {
    () => {};
}

// setup_tasks::event::Event
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Event {
    pub at: Timestamp,
    pub object: Arc<str>,
    pub task: &'static str,
    pub description: Cow<'static, str>,
    pub worker: Option<Arc<str>>,
    pub kind: EventKind,
}
impl Event {
    pub fn new(
        object: impl Into<Arc<str>>,
        task: &'static str,
        description: impl Into<Cow<'static, str>>,
        kind: EventKind,
    ) -> Self {}
    #[must_use]
    pub fn of_worker(mut self, host: &str) -> Self {}
}

// setup_tasks::event::EventKey
// with private fields
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventKey;
impl EventKey {
    pub const fn all() -> Self {}
    pub const fn of<M: SetupTasks>() -> Self {}
    pub fn object(id: &str) -> Self {}
}
impl<T> From<InjectionKey<T>> for EventKey {}

// setup_tasks::event::EventKind
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EventKind {
    TaskShouldRun { reason: Reason },
    TaskStart { attempt: u32 },
    TaskRan { duration: Duration },
    TaskUnchanged { duration: Duration },
    TaskFail { error: String, duration: Duration, log: Option<PathBuf> },
    TaskRetry { error: String, attempt: u32, wait: Duration },
    TaskAlreadyRun,
    TaskSkipped,
    TaskWouldRun { reason: Reason },
    TaskDrifted { what: Vec<Difference> },
    TaskMayRun { reason: Reason },
    TaskUndecided { undecided: Undecided },
    UndoStart { attempt: u32 },
    TaskUndone { duration: Duration },
    TaskForgotten,
    UndoFail { error: String, duration: Duration, log: Option<PathBuf> },
    TaskWouldBeUndone,
    TaskWouldBeForgotten,
    FileChanges { changes: Vec<FileChange> },
    ChangedWhileRunning,
    Waiting { holder: String },
    LeaseLost { reason: String },
    ObjectReady,
    ObjectDown,
    ObjectFailed { error: String },
    CommandStart { command: String },
    CommandEnd { command: String, duration: Duration },
    LogLine { line: String },
}

// setup_tasks::event::EventStream
// with private fields
#[derive(Debug)]
#[must_use = "a stream receives nothing after it is dropped"]
pub struct EventStream {}
impl EventStream {
    pub async fn next(&mut self) -> Option<Arc<Event>> {}
    pub fn try_next(&mut self) -> Option<Arc<Event>> {}
    pub fn missed(&self) -> u64 {}
}
impl Stream for EventStream {
    type Item = Arc<Event>;
}

// setup_tasks::event::Listening
// with private fields
#[derive(Debug)]
pub struct Listening {}
impl Listening {
    pub fn missed(&self) -> u64 {}
    pub async fn flush(&self) {}
}

// setup_tasks::fleet::FleetDown
// with private fields
#[derive(Debug)]
#[must_use = "a run does nothing until it is awaited"]
pub struct FleetDown;
impl FleetDown {
    pub fn jobs(self, jobs: usize) -> Self {}
    pub fn fail_fast(self) -> Self {}
    pub fn dry_run(self) -> Self {}
    pub fn include(self, pattern: impl Into<String>) -> Self {}
    pub fn exclude(self, pattern: impl Into<String>) -> Self {}
    pub fn of_type<M: SetupTasks>(self) -> Self {}
    pub fn of_type_named(self, name: impl Into<String>) -> Self {}
    pub fn group(self, name: impl Into<String>) -> Self {}
    pub fn stop_when(self, stop: Stop) -> Self {}
    pub fn objects(&self) -> Result<Vec<AnyObject>, FleetError> {}
}
impl IntoFuture for FleetDown {
    type Output = Result<FleetReport, FleetError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;
}

// setup_tasks::fleet::FleetError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    Pattern { pattern: String, problem: String },
    Stamp(StampError),
    Dispatch(DispatchError),
    Workers(WorkersError),
    Excluded { object: String, dependent: String },
    Dependencies { source: Box<RunError> },
    Nothing { what: &'static str, wanted: String, help: String },
}
impl FleetError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::fleet::FleetPlan
// with private fields
#[derive(Debug)]
#[must_use = "a plan runs nothing"]
pub struct FleetPlan {}
impl FleetPlan {
    pub fn report(&self) -> &FleetReport {}
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), PlanError> {}
    pub async fn read(
        layout: &Layout,
        path: impl AsRef<Path>,
    ) -> Result<Self, PlanError> {}
    pub fn run(&self) -> FleetRun {}
}

// setup_tasks::fleet::FleetReport
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FleetReport {
    pub dry_run: bool,
    pub down: bool,
    pub stopped: bool,
    pub duration: Duration,
    pub objects: Vec<ObjectResult>,
}
impl FleetReport {
    pub fn object(&self, id: &str) -> Option<&ObjectResult> {}
    pub fn with(&self, outcome: ObjectStatus) -> impl Iterator<Item = &ObjectResult> {}
    pub fn is_success(&self) -> bool {}
    pub fn has_changes(&self) -> bool {}
    pub fn count(&self, status: TaskStatus) -> usize {}
    pub fn summary(&self) -> String {}
}
impl Serialize for FleetReport {}
impl fmt::Display for FleetReport {}

// setup_tasks::fleet::FleetRun
// with private fields
#[derive(Debug)]
#[must_use = "a fleet does nothing until it is awaited"]
pub struct FleetRun {}
impl FleetRun {
    pub async fn begin_on_workers(self, program: &str) -> Result<SharedRun, FleetError> {}
}
impl FleetRun {
    pub async fn plan(self) -> Result<FleetPlan, PlanError> {}
}
impl FleetRun {
    pub fn batch(mut self, size: usize) -> Self {}
    pub fn max_failures(mut self, count: usize) -> Self {}
}
impl FleetRun {
    pub fn jobs(mut self, jobs: usize) -> Self {}
    pub fn fail_fast(mut self) -> Self {}
    pub fn keep_going(mut self) -> Self {}
    pub fn dry_run(mut self) -> Self {}
    pub fn diff(self) -> Self {}
    pub fn show_changes(mut self) -> Self {}
    pub fn verify(mut self) -> Self {}
    pub fn include(mut self, pattern: impl Into<String>) -> Self {}
    pub fn exclude(mut self, pattern: impl Into<String>) -> Self {}
    pub fn of_type<M: SetupTasks>(mut self) -> Self {}
    pub fn of_type_named(mut self, name: impl Into<String>) -> Self {}
    pub fn group(mut self, name: impl Into<String>) -> Self {}
    pub fn tag(mut self, tag: impl Into<String>) -> Self {}
    pub fn force(mut self, pattern: impl Into<String>) -> Self {}
    pub fn force_all(mut self) -> Self {}
    pub fn only_forced(mut self) -> Self {}
    pub fn stop_when(mut self, stop: Stop) -> Self {}
    pub fn here(mut self) -> Self {}
    pub fn dispatched_by(mut self, dispatch: impl Dispatch) -> Self {}
    pub fn objects(&self) -> Result<Vec<AnyObject>, FleetError> {}
}
impl IntoFuture for FleetRun {
    type Output = Result<FleetReport, FleetError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;
}

// setup_tasks::fleet::MissingHost
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingHost {
    pub host: String,
    pub object: String,
    pub objects: usize,
}

// setup_tasks::fleet::ObjectResult
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ObjectResult {
    pub object: String,
    pub type_name: &'static str,
    pub chosen: bool,
    pub outcome: ObjectStatus,
    pub tasks: Vec<TaskReport>,
    pub up_to_date: usize,
    pub error: Option<SharedError>,
    pub path: Vec<String>,
    pub worker: Option<String>,
    pub duration: Duration,
}
impl ObjectResult {
    pub fn leaves(&self) -> impl Iterator<Item = &TaskReport> {}
    pub fn with(&self, status: TaskStatus) -> impl Iterator<Item = &TaskReport> {}
    pub fn is_failure(&self) -> bool {}
}

// setup_tasks::fleet::ObjectStatus
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ObjectStatus {
    Ran,
    Unchanged,
    UpToDate,
    Skipped,
    WouldRun,
    Undecided,
    MayRun,
    Failed,
    DependencyFailed,
    Readonly,
    BroughtDown,
    WouldBringDown,
    Down,
    DependentFailed,
    NotTried,
    Stopped,
}

// setup_tasks::fleet::PlanError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    Fleet(FleetError),
    Stamp(StampError),
    Binary { source: io::Error },
    Failed,
    Write { path: PathBuf, source: io::Error },
    Read { path: PathBuf, source: io::Error },
    NoPlan { path: PathBuf, source: serde_json::Error },
    Newer { path: PathBuf, version: u32 },
    Edited { path: PathBuf },
    OtherDirectory { planned: String, here: String },
    OtherBinary { program: String },
    Differs { differences: Vec<String> },
}
impl PlanError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::fleet::RemoteLog
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RemoteLog {
    pub host: String,
    pub task: String,
    pub began: SystemTime,
    pub attempt: u32,
    pub detached: bool,
    pub path: String,
    pub left_out: u64,
    pub text: String,
}

// setup_tasks::fleet::SharedRun
// with private fields
#[derive(Debug)]
pub struct SharedRun {}
impl SharedRun {
    pub async fn find(
        layout: &Layout,
        number: u64,
        program: &str,
    ) -> Result<Self, FleetError> {}
    pub fn number(&self) -> u64 {}
    pub fn missing(&self) -> &[MissingHost] {}
    pub async fn follow(&self, stop: &Stop) -> Result<FleetReport, FleetError> {}
    pub async fn stop_at_once(&self) -> Result<(), FleetError> {}
}

// setup_tasks::fleet::Stop
// with private fields
#[derive(Clone, Debug, Default)]
pub struct Stop;
impl Stop {
    pub fn new() -> Self {}
    pub fn request(&self) {}
    pub fn is_requested(&self) -> bool {}
    pub async fn requested(&self) {}
}

// setup_tasks::fleet::Worker
// with private fields
#[derive(Debug)]
#[must_use = "a worker does nothing until it is run"]
pub struct Worker {}
impl Worker {
    pub fn new(layout: &Layout, program: &str) -> Self {}
    pub fn jobs(mut self, jobs: usize) -> Self {}
    pub async fn run(
        self,
        mut tell: impl FnMut(WorkerNews<'_>),
    ) -> Result<(), FleetError> {}
}

// setup_tasks::fleet::WorkerNews
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkerNews<'n> {
    Ready { host: String, version: &'n Version },
    Began { run: &'n RunEntry, what: String },
    Refused { run: &'n RunEntry, own: &'n Version },
    Ended { number: u64, result: Result<FleetReport, FleetError> },
}

// setup_tasks::fleet::WorkersError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkersError {
    NotShared,
    OtherVersion { host: String, theirs: Box<Version>, own: Box<Version> },
    NoRun { number: u64 },
    OtherRun { number: u64, theirs: Box<Version>, own: Box<Version> },
    Options { number: u64 },
    Stopped { number: u64 },
    Placement { pattern: String, problem: String },
    Binary { source: io::Error },
    Service(DispatchError),
}
impl WorkersError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::fs::WholeFile
// with private fields
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is written before `write` is called"]
pub struct WholeFile<'a> {}
impl<'a> WholeFile<'a> {
    pub fn new(content: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {}
    pub fn mode(mut self, mode: u32) -> Self {}
    pub fn modified(mut self, modified: SystemTime) -> Self {}
    pub fn durable(mut self) -> Self {}
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {}
}

// setup_tasks::fs::found
pub fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {}

// setup_tasks::injection_key
macro_rules! injection_key {
    () => {};
}

// setup_tasks::injector::InjectError
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InjectError {
    Missing { key: String, asker: Option<String>, searched: Vec<String> },
    Provided { key: String, at: String },
    Factory { key: String, at: String, source: SharedError },
    WouldBlock { key: String },
    NotReady { key: String, source: ReadyError },
    Circle { key: String, at: String, source: Circle },
}
impl InjectError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::injector::KeyName
pub trait KeyName: 'static {
    type Value: Send + Sync + 'static;
    const NAME: &'static str;
}

// setup_tasks::injector::READONLY
pub const READONLY: InjectionKey<bool> = ..;

// setup_tasks::inspect::ObjectTaskInspector
// with private fields
#[derive(Clone, Debug)]
pub struct ObjectTaskInspector {}
impl Deref for ObjectTaskInspector {
    type Target = TaskInspector;
}
impl ObjectTaskInspector {
    pub fn object_id(&self) -> &str {}
    pub fn previous(&self) -> Option<&Self> {}
    pub fn subtasks(&self) -> &[Self] {}
    pub fn into_leaves(self) -> Vec<Self> {}
    pub fn depends_on(&self) -> Vec<(AnyObject, String)> {}
    pub fn inputs(&self) -> Vec<PathPattern> {}
    pub fn outputs(&self) -> Vec<PathPattern> {}
    pub async fn last_run(&self) -> Result<Option<Stamp>, StampError> {}
    pub async fn last_change(&self) -> Result<Option<Timestamp>, StampError> {}
    pub async fn peek(&self) -> Result<Option<Decision>, StampError> {}
    pub async fn should_run(&self) -> Result<Option<Reason>, RunError> {}
}

// setup_tasks::inspect::TaskCategory
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum TaskCategory {
    Task,
    Relationship,
    Customization,
}

// setup_tasks::inspect::TaskInspector
// with private fields
#[derive(Clone, Debug)]
pub struct TaskInspector {}
impl TaskInspector {
    pub fn name(&self) -> &str {}
    pub fn stamp_name(&self) -> &str {}
    pub fn description(&self) -> &str {}
    pub fn type_name(&self) -> &'static str {}
    pub fn tags(&self) -> &[&'static str] {}
    pub fn category(&self) -> TaskCategory {}
    pub fn previous(&self) -> Option<&Self> {}
    pub fn subtasks(&self) -> &[Self] {}
}

// setup_tasks::layout::AddError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    Config(ConfigError),
    Id { id: String, first: &'static str, second: &'static str },
    Subdir { first: String, second: String, subdir: String },
    Path { id: String, source: PathError },
    Secret { type_name: &'static str, what: &'static str, shown: String },
    FormerIsPresent { id: String, former: String, other: String },
    DependsOnRetired { id: String, other: String, task: String },
    FormerTwice { first: String, second: String, former: String },
    PlugIn(PlugInError),
    Dependency(AddTaskError),
    UnknownTask { id: String, other: String, task: String, known: String },
}
impl AddError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::layout::Dependency
// with private fields
#[derive(Clone, Debug)]
#[must_use = "a dependency does nothing until an object is added with it"]
pub struct Dependency {}
impl Dependency {
    pub fn ready(mut self) -> Self {}
    pub fn run_if_needed(mut self, run: bool) -> Self {}
    pub fn before(mut self, task: impl Into<String>) -> Self {}
}

// setup_tasks::layout::ObjectBuilder
// with private fields
#[must_use = "a builder does nothing until `add`"]
pub struct ObjectBuilder<'l, T> {}
impl<'l, T: SetupTasks> ObjectBuilder<'l, T> {
    pub fn id(mut self, id: impl Into<String>) -> Self {}
    pub fn readonly(mut self, readonly: bool) -> Self {}
    pub fn group(mut self, name: impl Into<Arc<str>>) -> Self {}
    pub fn on(mut self, host: impl Into<Arc<str>>) -> Self {}
    pub fn under(mut self, injector: &Injector) -> Self {}
    pub fn depends_on(mut self, dependency: Dependency) -> Self {}
    pub fn formerly(mut self, name: impl Into<String>) -> Self {}
    pub fn retired(mut self) -> Self {}
    pub fn add(self) -> Result<Object<T>, AddError> {}
}
impl<T: SetupTasks> std::fmt::Debug for ObjectBuilder<'_, T> {}

// setup_tasks::layout::Orphan
// with private fields
#[derive(Clone, Debug)]
pub struct Orphan {}
impl Orphan {
    pub fn id(&self) -> &str {}
    pub fn stamp_subdir(&self) -> &str {}
    pub fn type_name(&self) -> Option<&str> {}
    pub fn is_left(&self) -> bool {}
    pub fn has_state(&self) -> bool {}
    pub async fn prune(&self) -> Result<(), PruneError> {}
    pub async fn prune_with_state(&self) -> Result<(), PruneError> {}
}

// setup_tasks::layout::PruneError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    Held { object: String, holder: String, doing: Option<String> },
    Present { object: String, subdir: String },
    DryRun { object: String },
    Lease(Arc<LeaseError>),
    Stamp(StampError),
    Path(PathError),
}
impl PruneError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::lease::Acquired
#[non_exhaustive]
pub enum Acquired {
    Lease(Box<dyn Lease>),
    Held(Holder),
}
impl fmt::Debug for Acquired {}

// setup_tasks::lease::Answer
pub type Answer<'a, T> = MaybeReady<'a, Result<T, LeaseError>>;

// setup_tasks::lease::FileLeases
// with private fields
#[derive(Debug)]
pub struct FileLeases {}
impl FileLeases {
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {}
}
impl Leases for FileLeases {}

// setup_tasks::lease::Holder
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    pub name: String,
    pub doing: Option<String>,
}
impl Holder {
    pub fn new(name: impl Into<String>) -> Self {}
    #[must_use]
    pub fn doing(mut self, doing: impl Into<String>) -> Self {}
}
impl fmt::Display for Holder {}

// setup_tasks::lease::Lease
pub trait Lease: Send + Sync {
    fn fence(&self) -> Option<Fence>;
    fn take_records(&self) -> Option<(Records, Option<Timestamp>)> {}
    fn renew(&self) -> Answer<'_, ()>;
    fn note_task(&self, _task: &str) {}
    fn release(&self);
}

// setup_tasks::lease::LeaseBreak
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseBreak {
    NotHeld,
    Broken(String),
}

// setup_tasks::lease::LeaseError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    Held { object: String, holder: String, waited: Duration, doing: String },
    Alive { object: String, holder: String },
    Unknown { object: String, holder: String, help: String },
    DryRun { object: String },
    Lost { object: String, detail: String },
    Io { object: String, path: PathBuf, source: io::Error },
    Service { source: Box<dyn std::error::Error + Send + Sync> },
}
impl LeaseError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::lease::Leases
pub trait Leases: Send + Sync + 'static {
    fn acquire<'a>(&'a self, object: &'a str) -> Answer<'a, Acquired>;
    fn holder<'a>(&'a self, object: &'a str) -> Answer<'a, Option<Holder>>;
    fn holders<'a>(&'a self, objects: &'a [&'a str]) -> Answer<'a, Vec<Option<Holder>>> {}
    fn break_lease<'a>(
        &'a self,
        object: &'a str,
        gone: Option<&'a str>,
    ) -> Answer<'a, LeaseBreak>;
    fn renew_every(&self) -> Option<Duration> {}
    fn at_work(&self) -> Answer<'_, Vec<ObjectAtWork>> {}
    fn exchange<'a>(
        &'a self,
        _own: &ProcessWaits,
    ) -> Option<Answer<'a, Vec<ProcessWaits>>> {}
    fn on_nudge(&self, _nudge: Box<dyn Fn() + Send + Sync>) {}
}

// setup_tasks::lease::Life
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Life {
    Alive,
    Dead,
    Unknown,
}

// setup_tasks::lease::ObjectAtWork
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ObjectAtWork {
    pub process: String,
    pub object: String,
    pub task: Option<String>,
}
impl ObjectAtWork {
    pub fn new(
        process: impl Into<String>,
        object: impl Into<String>,
        task: Option<String>,
    ) -> Self {}
}

// setup_tasks::lease::ProcessRecord
// with private fields
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessRecord;
impl ProcessRecord {
    pub fn parse(text: &[u8]) -> Self {}
    pub fn here() -> Self {}
    #[must_use]
    pub fn on_host(mut self, name: &str) -> Self {}
    pub fn to_json(&self) -> String {}
    pub fn life(&self) -> Life {}
    pub fn is_elsewhere_on(&self, host: &str) -> bool {}
    pub fn host(&self) -> Option<&str> {}
}
impl fmt::Display for ProcessRecord {}

// setup_tasks::lease::ProcessWaits
// with private fields
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessWaits {}
impl ProcessWaits {
    pub fn wanted(&self) -> &[String] {}
}

// setup_tasks::log::LogFile
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogFile {
    pub task: String,
    pub began: SystemTime,
    pub attempt: u32,
    pub detached: bool,
    pub path: PathBuf,
}

// setup_tasks::log::TARGET
pub const TARGET: &str = ..;

// setup_tasks::log::TaskLog
// with private fields
#[derive(Debug)]
pub struct TaskLog {}
impl TaskLog {
    pub fn current() -> Option<Arc<Self>> {}
    pub fn line(&self, line: &str) {}
    pub fn write(&self, bytes: &[u8]) {}
    pub fn path(&self) -> Option<PathBuf> {}
}

// setup_tasks::log::last_lines
pub fn last_lines(path: &Path, count: usize) -> io::Result<Vec<String>> {}

// setup_tasks::log::logs_of
pub fn logs_of(object: &AnyObject, task: Option<&str>) -> io::Result<Vec<LogFile>> {}

// setup_tasks::observer::Answer
// with private fields
#[derive(Clone)]
pub struct Answer;
impl Answer {
    pub fn new(value: impl Any + Send + Sync) -> Self {}
    pub fn later() -> Self {}
    pub fn is_later(&self) -> bool {}
    pub fn get<T: Any>(&self) -> Result<&T, ObserveError> {}
}
impl fmt::Debug for Answer {}

// setup_tasks::observer::Answers
pub type Answers = Vec<Result<Answer>>;

// setup_tasks::observer::LaterQuestions
// with private fields
#[derive(Debug)]
#[must_use = "the questions are open until they are answered"]
pub struct LaterQuestions {}
impl LaterQuestions {
    pub fn questions(&self) -> &[QuestionData] {}
    pub fn answer(self, answers: Answers) -> Result<(), ObserveError> {}
}

// setup_tasks::observer::ObserveError
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    TooEarly,
    Type { what: &'static str, expected: &'static str },
    Count { questions: usize, answers: usize },
}
impl ObserveError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::observer::Observed
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed {
    Never,
    WhenVerified,
    EveryRun,
}

// setup_tasks::observer::Observer
pub trait Observer: Send + Sync + 'static {
    fn key(&self) -> Cow<'_, str>;
    fn is_cheap(&self) -> bool {}
    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>>;
}

// setup_tasks::observer::Question
// with private fields
#[derive(Clone, Debug)]
pub struct Question;
impl Question {
    pub fn new(observer: Arc<dyn Observer>, data: impl Any + Send + Sync) -> Self {}
    pub fn later() -> Self {}
    pub fn parts(&self) -> Option<(&Arc<dyn Observer>, &QuestionData)> {}
}

// setup_tasks::observer::QuestionData
// with private fields
#[derive(Clone)]
pub struct QuestionData;
impl QuestionData {
    pub fn get<T: Any>(&self) -> Result<&T, ObserveError> {}
}
impl fmt::Debug for QuestionData {}

// setup_tasks::paths::PathError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    Io { action: &'static str, path: PathBuf, source: io::Error },
    Subdir { subdir: String, problem: &'static str },
    Moved { path: PathBuf },
    Config(ConfigError),
}
impl PathError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::plug_in
macro_rules! plug_in {
    () => {};
}

// setup_tasks::ready::Circle
// with private fields
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle;
impl Circle {
    pub fn members(&self) -> &[String] {}
}
impl fmt::Display for Circle {}
impl std::error::Error for Circle {}

// setup_tasks::ready::ReadyError
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadyError {
    Failed { object: String, source: SharedError },
    Circle { object: String, source: Circle },
}

// setup_tasks::ready::SharedError
// with private fields
#[derive(Clone)]
pub struct SharedError;
impl Deref for SharedError {
    type Target = dyn Error + Send + Sync + 'static;
}
impl From<anyhow::Error> for SharedError {}
impl SharedError {
    pub fn get(&self) -> &anyhow::Error {}
}
impl fmt::Debug for SharedError {}
impl fmt::Display for SharedError {}

// setup_tasks::run::ContextExit
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContextExit {
    Done,
    Failed,
    Cancelled,
}

// setup_tasks::run::Decision
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    Run(Reason),
    UpToDate(Option<Timestamp>),
    MayRun { reason: Reason, last_change: Option<Timestamp> },
}

// setup_tasks::run::FileChange
// with private fields
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileChange {
    pub path: String,
    pub before: Option<String>,
    pub after: String,
    pub modes: Option<(u32, u32)>,
}
impl FileChange {
    pub fn new(path: impl Into<String>, before: Option<String>, after: String) -> Self {}
    pub fn of_secret(
        path: impl Into<String>,
        before: Option<&str>,
        after: &str,
    ) -> Self {}
    #[must_use]
    pub fn with_modes(mut self, before: u32, after: u32) -> Self {}
    pub fn is_empty(&self) -> bool {}
    pub fn unified(&self) -> String {}
}

// setup_tasks::run::ObjectReport
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ObjectReport {
    pub object: String,
    pub readonly: bool,
    pub tasks: Vec<TaskReport>,
    pub up_to_date: usize,
}
impl ObjectReport {
    pub fn with(&self, status: TaskStatus) -> impl Iterator<Item = &TaskReport> {}
    pub fn ran(&self) -> impl Iterator<Item = &TaskReport> {}
    pub fn unchanged(&self) -> impl Iterator<Item = &TaskReport> {}
    pub fn would_run(&self) -> impl Iterator<Item = &TaskReport> {}
    pub fn may_run(&self) -> impl Iterator<Item = &TaskReport> {}
    pub fn undecided(&self) -> impl Iterator<Item = &TaskReport> {}
    pub fn is_up_to_date(&self) -> bool {}
    pub fn task(&self, name: &str) -> Option<&TaskReport> {}
}

// setup_tasks::run::RelatedError
// with private fields
#[derive(Clone)]
pub struct RelatedError;
impl Error for RelatedError {}
impl From<RunError> for RelatedError {}
impl RelatedError {
    pub fn get(&self) -> &RunError {}
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}
impl fmt::Debug for RelatedError {}
impl fmt::Display for RelatedError {}

// setup_tasks::run::Run
// with private fields
#[must_use = "a run does nothing until it is awaited"]
pub struct Run<T> {}
impl Run<AnyObject> {
    pub fn stop_after(mut self, task: impl Into<String>) -> Self {}
    pub fn force(mut self, task: impl Into<String>) -> Self {}
}
impl<T: SetupTasks> Run<T> {
    pub fn stop_after(mut self, task: impl Into<TaskHandle<T>>) -> Self {}
    pub fn force(mut self, task: impl Into<TaskHandle<T>>) -> Self {}
}
impl<T> IntoFuture for Run<T> {
    type Output = Result<ObjectReport, RunError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;
}
impl<T> Run<T> {
    pub fn context(mut self, context: impl RunContext) -> Self {}
    pub fn force_all(mut self) -> Self {}
    pub fn dry_run(mut self) -> Self {}
    pub fn verify(mut self) -> Self {}
    pub fn diff(mut self) -> Self {}
}
impl<T> std::fmt::Debug for Run<T> {}

// setup_tasks::run::RunError
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    Task {
        object: String,
        task: &'static str,
        description: String,
        reason: Box<Reason>,
        source: SharedError,
    },
    Undo {
        object: String,
        task: &'static str,
        description: String,
        source: SharedError,
    },
    Elsewhere { object: String, host: String },
    FailedElsewhere { object: String, host: String },
    Dispatch(DispatchError),
    Retired { object: String },
    DependsOnRetired { object: String, other: String, task: &'static str },
    Needed { object: String, dependent: String, why: &'static str },
    Check {
        object: String,
        task: &'static str,
        what: &'static str,
        source: SharedError,
    },
    Related { object: String, other: String, task: &'static str, source: RelatedError },
    Context { object: String, what: &'static str, source: SharedError },
    System {
        object: String,
        task: &'static str,
        dependency: String,
        source: SharedError,
    },
    UnknownTask { object: String, task: String, known: String },
    Readonly { object: String },
    DryRun { object: String, what: &'static str },
    Undecided { object: String, task: String, undecided: super::Undecided },
    NotPlanned { object: String, task: &'static str, reason: Box<Reason> },
    NotAsPlanned { object: String },
    Ready(crate::object::ReadyError),
    Stopped { object: String },
    NoStamp { object: String, task: String, what: &'static str },
    Circle { object: String, source: Circle },
    Lease(Arc<LeaseError>),
    Stamp(StampError),
    Path(Arc<PathError>),
}
impl From<LeaseError> for RunError {}
impl From<PathError> for RunError {}
impl RunError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::run::TaskReport
// with private fields
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TaskReport {
    pub task: &'static str,
    pub description: Cow<'static, str>,
    pub status: TaskStatus,
    pub reason: Option<Reason>,
    pub duration: Duration,
    pub subtasks: Vec<TaskReport>,
    pub changes: Vec<FileChange>,
    pub undecided: Option<Undecided>,
}
impl TaskReport {
    pub fn is_up_to_date(&self) -> bool {}
}

// setup_tasks::run::TaskSnapshot
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TaskSnapshot {
    pub task: &'static str,
    pub description: Cow<'static, str>,
    pub stamp: Option<Stamp>,
    pub changed: Option<Timestamp>,
    pub decision: Option<Decision>,
    pub subtasks: Vec<TaskSnapshot>,
}

// setup_tasks::run::TaskStatus
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TaskStatus {
    UpToDate,
    Ran,
    Unchanged,
    Skipped,
    Drifted,
    WouldRun,
    MayRun,
    Undecided,
    Undone,
    Forgotten,
    WouldUndo,
    WouldForget,
}

// setup_tasks::run::Undecided
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Undecided {
    pub until: String,
    pub error: String,
}
impl fmt::Display for Undecided {}

// setup_tasks::secret::holds
pub fn holds(text: &str) -> bool {}

// setup_tasks::secret::redact
pub fn redact(text: &str) -> Cow<'_, str> {}

// setup_tasks::secret::redact_json
pub fn redact_json(json: &str) -> Cow<'_, str> {}

// setup_tasks::span::TARGET
pub const TARGET: &str = ..;

// setup_tasks::stamp::Answer
pub type Answer<'a, T> = MaybeReady<'a, Result<T, StampError>>;

// setup_tasks::stamp::Attempt
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Attempt {
    Running { since: Timestamp, run: RunId },
    Failed { time: Timestamp, run: RunId, error: String },
}

// setup_tasks::stamp::AttemptEnd
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AttemptEnd {
    Ran,
    Unchanged,
    Skipped,
    Failed,
    Marked,
    Undone,
    UndoFailed,
    Forgotten,
}

// setup_tasks::stamp::Change
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    Begin { task: String, entry: Entry },
    Withdraw { task: String, entry: Option<Entry> },
    Complete { task: String, entry: Entry, history: Box<HistoryEntry> },
    Skip { task: String, entry: Option<Entry>, history: Box<HistoryEntry> },
    Fail { task: String, entry: Entry, history: Box<HistoryEntry> },
    Retime { task: String, entry: Entry },
    MarkDone { task: String, entry: Entry, history: Box<HistoryEntry> },
    Undo { task: String, history: Box<HistoryEntry> },
    Forget { task: String },
    Carry { task: String, entry: Entry },
    Identify { id: String, type_name: String },
    Clear,
    Retire,
}
impl Change {
    pub fn task(&self) -> Option<&str> {}
    pub fn entry(&self) -> Option<&Entry> {}
    pub fn history(&self) -> Option<&HistoryEntry> {}
    pub fn apply(&self, records: &mut Records) {}
    pub fn revokes_stamp(&self) -> bool {}
}

// setup_tasks::stamp::Entry
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    pub stamp: Option<Stamp>,
    pub attempt: Option<Box<Attempt>>,
    pub changed: Option<Timestamp>,
}
impl Entry {
    pub fn completed(stamp: Stamp) -> Self {}
    pub fn unchanged(stamp: Stamp, changed: Timestamp) -> Self {}
    pub fn changed_at(time: Timestamp) -> Self {}
    pub fn valid(&self) -> Option<&Stamp> {}
}

// setup_tasks::stamp::Fence
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);
impl fmt::Display for Fence {}

// setup_tasks::stamp::FilesStore
// with private fields
#[derive(Debug)]
pub struct FilesStore {}
impl FilesStore {
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {}
}
impl StampStore for FilesStore {}

// setup_tasks::stamp::HashTexts
// with private fields
#[derive(Clone, Debug, Default)]
pub struct HashTexts;
impl Eq for HashTexts {}
impl PartialEq for HashTexts {}

// setup_tasks::stamp::HistoryEntry
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    pub run: String,
    pub object: String,
    pub task: String,
    pub time: Timestamp,
    pub duration_us: u64,
    pub ended: AttemptEnd,
    pub reason: String,
    pub error: Option<String>,
    pub why: Option<Reason>,
}

// setup_tasks::stamp::HistoryFilter
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HistoryFilter {
    pub object: Option<String>,
    pub task: Option<String>,
    pub limit: Option<usize>,
}
impl HistoryFilter {
    pub fn new() -> Self {}
    #[must_use]
    pub fn object(mut self, subdir: impl Into<String>) -> Self {}
    #[must_use]
    pub fn task(mut self, task: impl Into<String>) -> Self {}
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {}
    pub fn accepts(&self, entry: &HistoryEntry) -> bool {}
}

// setup_tasks::stamp::InputStamp
// with private fields
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputStamp {}
impl From<Input> for super::InputStamp {}
impl InputStamp {
    pub fn path(&self) -> PathBuf {}
}

// setup_tasks::stamp::MaybeReady
// with private fields
#[must_use = "it does nothing before it is awaited"]
pub struct MaybeReady<'a, T>;
impl<'a, T> MaybeReady<'a, T> {
    pub fn ready(value: T) -> Self {}
    pub fn pending(future: impl Future<Output = T> + Send + 'a) -> Self {}
}
impl<T> Future for MaybeReady<'_, T> {
    type Output = T;
}
impl<T> fmt::Debug for MaybeReady<'_, T> {}

// setup_tasks::stamp::MemoryStore
// with private fields
#[derive(Debug, Default)]
pub struct MemoryStore;
impl MemoryStore {
    pub fn new() -> Self {}
}
impl StampStore for MemoryStore {}

// setup_tasks::stamp::PathPattern
// with private fields
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern {}
impl PathPattern {
    pub fn is_path(&self) -> bool {}
    pub fn root(&self) -> PathBuf {}
    pub fn files(&self, base: &Path) -> crate::Result<Vec<PathBuf>> {}
}
impl fmt::Display for PathPattern {}

// setup_tasks::stamp::Records
// with private fields
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Records;
impl From<Records> for super::Records {}
impl Records {
    pub fn get(&self, task: &str) -> Option<&Entry> {}
    pub fn set(&mut self, task: &str, entry: Option<Entry>) {}
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {}
    pub fn is_empty(&self) -> bool {}
    pub fn encode(&self, object: &str) -> Result<Vec<u8>, String> {}
    pub fn decode(object: &str, bytes: &[u8]) -> Result<Self, String> {}
}

// setup_tasks::stamp::RunId
// with private fields
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunId {}
impl std::fmt::Display for RunId {}

// setup_tasks::stamp::SharedStore
// with private fields
#[derive(Clone)]
pub struct SharedStore {}
impl SharedStore {
    pub fn new(stamps: impl StampStore, leases: impl Leases) -> Self {}
    #[must_use]
    pub fn hosts(mut self, hosts: impl Hosts) -> Self {}
}
impl fmt::Debug for SharedStore {}

// setup_tasks::stamp::SqliteStore
// with private fields
pub struct SqliteStore {}
impl Drop for SqliteStore {}
impl SqliteStore {
    pub fn new(path: impl Into<PathBuf>) -> Self {}
    #[must_use]
    pub fn durable(mut self) -> Self {}
}
impl StampStore for SqliteStore {}
impl std::fmt::Debug for SqliteStore {}

// setup_tasks::stamp::Stamp
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stamp {
    pub time: Timestamp,
    pub contents: String,
    pub source: Option<u64>,
    pub run: RunId,
    pub duration_us: u64,
    pub inputs: Vec<InputStamp>,
    pub changed_while_running: bool,
    pub kept: Vec<u8>,
}
impl From<Stamp> for super::Stamp {}
impl Stamp {
    pub fn new(time: Timestamp, contents: impl Into<String>) -> Self {}
}

// setup_tasks::stamp::StampError
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StampError {
    Damaged { path: PathBuf, detail: String },
    Newer { path: PathBuf, found: i64, known: i64 },
    Moved { path: PathBuf },
    TooLong { path: PathBuf, longest: usize },
    DiskFull { path: PathBuf },
    Io { action: &'static str, path: PathBuf, source: std::sync::Arc<io::Error> },
    Fenced { object: String, fence: super::Fence, seen: super::Fence },
    Rename {
        from: String,
        object: String,
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
    Other { source: std::sync::Arc<dyn std::error::Error + Send + Sync> },
    DryRun { object: String },
    Thread { source: std::sync::Arc<io::Error> },
    Database { path: PathBuf, detail: String },
}
impl StampError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::stamp::StampStore
pub trait StampStore: Send + Sync + 'static {
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records>;
    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>>;
    fn latest(&self) -> Answer<'_, Option<Timestamp>>;
    fn load_and_latest<'a>(
        &'a self,
        object: &'a str,
    ) -> Answer<'a, (Records, Option<Timestamp>)> {}
    fn load_many<'a>(
        &'a self,
        _objects: &'a [&'a str],
        _each: &'a mut (dyn FnMut(&str, &[u8]) + Send),
    ) -> Answer<'a, bool> {}
    fn decode(&self, object: &str, bytes: &[u8]) -> Result<Records, StampError> {}
    fn objects(&self) -> Answer<'_, Vec<StoredObject>> {}
    fn without_trace(&self) -> Option<&dyn StampStore> {}
    fn check_place(&self) -> Result<(), StampError> {}
    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>>;
}

// setup_tasks::stamp::StoreScheme
// with private fields
#[derive(Debug)]
pub struct StoreScheme {}
impl StoreScheme {
    pub const fn new(schemes: &'static [&'static str], open: Open) -> Self {}
}

// setup_tasks::stamp::StoredObject
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct StoredObject {
    pub subdir: String,
    pub id: Option<String>,
    pub type_name: Option<String>,
}
impl StoredObject {
    pub fn new(subdir: impl Into<String>) -> Self {}
    #[must_use]
    pub fn identified(
        mut self,
        id: impl Into<String>,
        type_name: impl Into<String>,
    ) -> Self {}
}

// setup_tasks::stamp::Timestamp
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize
)]
pub struct Timestamp(pub u64);
impl From<SystemTime> for Timestamp {}

// setup_tasks::store_scheme
macro_rules! store_scheme {
    () => {};
}

// setup_tasks::task::AddTaskError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddTaskError {
    Exists { object: String, task: String },
    FormerName { object: String, task: String, name: String, other: String },
    UnknownTarget { object: String, task: String, target: String, known: String },
    TwoPlaces { object: String, task: String },
    Cycle { object: String, task: String, cycle: String },
    TwoChecks { object: String, task: String },
    UnknownDependency {
        object: String,
        task: String,
        other: String,
        wanted: String,
        known: String,
    },
    OwnDependency { object: String, task: String },
    TooMany { object: String },
}
impl AddTaskError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::task::ClosureTask
// with private fields
#[derive(Clone, Debug)]
pub struct ClosureTask<F>;
impl<T: Sync, F, A> TaskKind<T> for ClosureTask<F>
where
    F: Fn(TaskContext) -> A + Send + Sync + 'static,
    A: Future + Send,
    A::Output: IntoOutcome,
{}

// setup_tasks::task::Completion
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Completion {
    Incomplete,
    At(Timestamp),
    Complete,
}
impl IntoCompletion for Completion {}

// setup_tasks::task::Difference
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    pub what: String,
    pub is: String,
    pub should_be: Option<String>,
}
impl Difference {
    pub fn new(what: impl Into<String>, is: impl Into<String>) -> Self {}
    #[must_use]
    pub fn instead_of(mut self, should_be: impl Into<String>) -> Self {}
}
impl fmt::Display for Difference {}

// setup_tasks::task::Extract
pub trait Extract: Sized {
    fn extract(cx: &TaskContext) -> impl Future<Output = Result<Self>> + Send;
}
impl<K: KeyName> Extract for Option<InjectKey<K>> {}
impl<T: Send + Sync + 'static> Extract for Option<Inject<T>> {}

// setup_tasks::task::IntoCompletion
pub trait IntoCompletion: Sealed {
    fn into_completion(self) -> Result<Completion>;
}
impl IntoCompletion for Option<SystemTime> {}
impl IntoCompletion for bool {}

// setup_tasks::task::IntoHashText
pub trait IntoHashText: Sealed {
    fn into_hash_text(self) -> Result<String>;
}
impl IntoHashText for &str {}
impl IntoHashText for String {}
impl IntoHashText for u64 {}

// setup_tasks::task::IntoOutcome
pub trait IntoOutcome: Sealed {
    fn into_outcome(self) -> Result<Outcome>;
}
impl IntoOutcome for () {}

// setup_tasks::task::IntoTaskError
pub trait IntoTaskError {
    fn into_task_error(self) -> anyhow::Error;
}
impl<E: Into<anyhow::Error>> IntoTaskError for E {}

// setup_tasks::task::IntoUndone
pub trait IntoUndone: Sealed {
    fn into_undone(self) -> Result<()>;
}
impl IntoUndone for () {}

// setup_tasks::task::IntoValid
pub trait IntoValid: Sealed {
    fn into_valid(self) -> Result<bool>;
}
impl IntoValid for bool {}

// setup_tasks::task::PlugInError
// with private fields
#[derive(Debug, thiserror::Error)]
pub struct PlugInError {}
impl PlugInError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks::task::SkipSetupTask
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct SkipSetupTask;
impl fmt::Display for SkipSetupTask {}
impl std::error::Error for SkipSetupTask {}

// setup_tasks::task::TaskHandle
// with private fields
pub struct TaskHandle<T: 'static> {}
impl<T: 'static, K: 'static> From<ValueTask<T, K>> for TaskHandle<T> {}
impl<T: 'static> Clone for TaskHandle<T> {}
impl<T: 'static> Copy for TaskHandle<T> {}
impl<T: 'static> Eq for TaskHandle<T> {}
impl<T: 'static> Hash for TaskHandle<T> {}
impl<T: 'static> PartialEq for TaskHandle<T> {}
impl<T: 'static> TaskHandle<T> {
    pub const fn new(name: &'static str) -> Self {}
    pub const fn name(&self) -> &'static str {}
}
impl<T: 'static> fmt::Debug for TaskHandle<T> {}
impl<T: SetupTasks> TaskHandle<T> {
    pub async fn run(self, object: &Object<T>) -> Result<TaskReport, RunError> {}
}

// setup_tasks::task::TaskKind
pub trait TaskKind<T>: Send + Sync + 'static {
    const HAS_HASH: bool = false;
    const HAS_INVALIDATOR: bool = false;
    const OBSERVED: Observed = Observed::Never;
    const HAS_COMPLETION: bool = false;
    fn describe(&self) -> Cow<'static, str> {}
    fn run(
        &self,
        model: &T,
        cx: &TaskContext,
    ) -> impl Future<Output = Result<Outcome>> + Send;
    fn hash(
        &self,
        _model: &T,
        _cx: &TaskContext,
    ) -> impl Future<Output = Result<String>> + Send {}
    fn is_valid(
        &self,
        _model: &T,
        _cx: &TaskContext,
    ) -> impl Future<Output = Result<bool>> + Send {}
    fn completion(
        &self,
        _model: &T,
        _cx: &TaskContext,
    ) -> impl Future<Output = Result<Completion>> + Send {}
    fn question(
        &self,
        _model: &T,
        _cx: &TaskContext,
    ) -> impl Future<Output = Result<Option<Question>>> + Send {}
    fn differences(
        &self,
        _model: &T,
        _cx: &TaskContext,
        _answer: &Answer,
    ) -> Result<Vec<Difference>> {}
    fn changes(
        &self,
        _model: &T,
        _cx: &TaskContext,
    ) -> impl Future<Output = Result<Vec<FileChange>>> + Send {}
    fn would_change(
        &self,
        _model: &T,
        _cx: &TaskContext,
    ) -> impl Future<Output = Result<Option<bool>>> + Send {}
    fn has_undo(&self) -> bool {}
    fn undo(
        &self,
        _model: &T,
        _cx: &TaskContext,
    ) -> impl Future<Output = Result<()>> + Send {}
    fn check(
        &self,
        _model: &T,
        _cx: &TaskContext,
    ) -> impl Future<Output = Result<()>> + Send {}
    fn dependencies(&self, _model: &T) -> Vec<Dependency> {}
}

// setup_tasks::task::TypeInfo
// with private fields
#[derive(Clone, Copy)]
pub struct TypeInfo {}
impl TypeInfo {
    pub const fn of<T: SetupTasks>(module: &'static str) -> Self {}
    pub const fn generic(name: &'static str, module: &'static str) -> Self {}
    pub fn check(&self) -> Result<(), PlugInError> {}
    pub const fn name(&self) -> &'static str {}
    pub const fn module(&self) -> &'static str {}
    pub fn tasks(&self) -> Vec<(&'static str, &'static str)> {}
}
impl std::fmt::Debug for TypeInfo {}

// setup_tasks::task::ValueTask
// with private fields
pub struct ValueTask<T: 'static, K: 'static> {}
impl<T, K> std::fmt::Debug for ValueTask<T, K> {}
impl<T: 'static, K: 'static> Deref for ValueTask<T, K> {
    type Target = K;
}
impl<T: 'static, K: 'static> ValueTask<T, K> {
    pub const fn new(name: &'static str, kind: K) -> Self {}
    pub const fn name(&self) -> &'static str {}
    pub const fn handle(&self) -> TaskHandle<T> {}
    pub const fn kind(&self) -> &K {}
}

// setup_tasks::task::types
pub fn types() -> Vec<TypeInfo> {}
