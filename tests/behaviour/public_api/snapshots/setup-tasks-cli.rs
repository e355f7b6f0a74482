
// setup_tasks_cli::App
// with private fields
#[must_use = "an application does nothing until `run`"]
pub struct App<O> {}
impl App<NoOptions> {
    pub fn new(build: impl Fn() -> Result<Layout> + 'static) -> Self {}
}
impl<O: Args + 'static> App<O> {
    pub fn with_options(build: impl Fn(&O) -> Result<Layout> + 'static) -> Self {}
    pub fn about(mut self, about: impl Into<String>) -> Self {}
    pub fn version(mut self, version: impl Into<String>) -> Self {}
    pub fn command<F>(
        mut self,
        name: impl Into<String>,
        about: impl Into<String>,
        run: impl Fn(Session<O>) -> F + 'static,
    ) -> Self
    where
        F: Future<Output = Result<ExitCode>> + 'static,
    {}
    pub fn run(self) -> ExitCode {}
    pub fn run_with(
        self,
        line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> ExitCode {}
}
impl<O> std::fmt::Debug for App<O> {}

// setup_tasks_cli::NoOptions
#[derive(Args, Debug)]
pub struct NoOptions {}

// setup_tasks_cli::Session
// with private fields
pub struct Session<O> {}
impl<O> Session<O> {
    pub fn layout(&self) -> &Layout {}
    pub fn options(&self) -> &O {}
    pub async fn up(&self) -> Result<ExitCode> {}
}
impl<O> std::fmt::Debug for Session<O> {}

// setup_tasks_cli::TaskLogs
// with private fields
#[derive(Debug, Default)]
pub struct TaskLogs {}
impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for TaskLogs {}

// setup_tasks_cli::linked::LayoutBuilder
// with private fields
#[derive(Clone)]
pub struct LayoutBuilder;
impl LayoutBuilder {
    pub fn to_inspect(&self) -> Result<Layout> {}
    pub fn to_run(&self) -> Result<Layout> {}
}
impl std::fmt::Debug for LayoutBuilder {}

// setup_tasks_cli::linked::LinkedCommand
// with private fields
#[derive(Debug)]
pub struct LinkedCommand {}
impl LinkedCommand {
    pub const fn new(
        name: &'static str,
        arguments: fn(clap::Command) -> clap::Command,
        run: fn(LayoutBuilder, &ArgMatches) -> Running,
    ) -> Self {}
}

// setup_tasks_cli::linked::Running
pub type Running = Pin<Box<dyn Future<Output = Result<ExitCode>>>>;

// setup_tasks_cli::linked_command
macro_rules! linked_command {
    () => {};
}

// setup_tasks_cli::main
pub fn main(build: impl Fn() -> Result<Layout> + 'static) -> ExitCode {}
