// setup_tasks_templates::template = setup_tasks_templates_macros::template

// setup_tasks_templates::ExpectedFile
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpectedFile {
    pub path: PathBuf,
    pub hash: Option<[u8; 32]>,
}

// setup_tasks_templates::FileAttributes
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileAttributes {
    pub mode: Option<u32>,
    pub owner: Option<String>,
    pub group: Option<String>,
}
impl FileAttributes {
    pub fn new() -> Self {}
    #[must_use]
    pub fn mode(mut self, mode: impl Into<Option<u32>>) -> Self {}
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {}
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {}
}

// setup_tasks_templates::FileKind
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    File,
    Directory,
    Symlink(PathBuf),
    Other(String),
}
impl FileKind {
    pub fn noun(&self) -> &str {}
}

// setup_tasks_templates::FileStat
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStat {
    pub kind: FileKind,
    pub size: u64,
    pub attributes: FileAttributes,
    pub numbers: Option<(u32, u32)>,
}
impl FileStat {
    pub fn new(kind: FileKind, size: u64, attributes: FileAttributes) -> Self {}
    #[must_use]
    pub fn numbers(mut self, owner: u32, group: u32) -> Self {}
}

// setup_tasks_templates::FileState
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    AsLeft,
    Missing,
    Present { stat: FileStat, hash: Option<[u8; 32]>, content: Option<Vec<u8>> },
}

// setup_tasks_templates::Filesystem
pub trait Filesystem: Send + Sync + 'static {
    const IS_CHEAP: bool = false;
    fn read(
        &self,
        cx: &TaskContext,
        path: &Path,
    ) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send;
    fn stat(
        &self,
        cx: &TaskContext,
        path: &Path,
    ) -> impl Future<Output = Result<Option<FileStat>>> + Send;
    fn install(
        &self,
        cx: &TaskContext,
        path: &Path,
        content: &[u8],
        attributes: &FileAttributes,
    ) -> impl Future<Output = Result<bool>> + Send;
    fn symlink(
        &self,
        cx: &TaskContext,
        path: &Path,
        target: &Path,
    ) -> impl Future<Output = Result<bool>> + Send;
    fn remove(
        &self,
        cx: &TaskContext,
        path: &Path,
    ) -> impl Future<Output = Result<bool>> + Send;
    fn question(&self, _cx: &TaskContext, _files: &[ExpectedFile]) -> Option<Question> {}
    fn local(&self) -> Option<&RootedDirectory> {}
}

// setup_tasks_templates::FilesystemAccess
pub trait FilesystemAccess: Sync {
    type Filesystem: Filesystem;
    fn filesystem(
        &self,
        cx: &TaskContext,
    ) -> impl Future<Output = Result<Self::Filesystem>> + Send;
}
impl<T> FilesystemAccess for T
where
    T: HasMachine + Sync,
    T::Machine: Filesystem + Clone,
{
    type Filesystem = T::Machine;
}

// setup_tasks_templates::InstallError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    Outside { path: PathBuf },
    InPlace { action: &'static str, path: PathBuf, root: PathBuf, kind: &'static str },
    Unknown { what: &'static str, name: String, list: PathBuf },
    Io { action: &'static str, path: PathBuf, root: PathBuf, source: io::Error },
}
impl InstallError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks_templates::InstallTemplates
// with private fields
#[derive(Debug)]
#[must_use = "a task does nothing until it is a constant of a model"]
pub struct InstallTemplates<H, M: SetupTasks> {}
impl<H, M: SetupTasks> InstallTemplates<H, M> {
    pub const fn of(of: fn(&H) -> Object<M>) -> Self {}
    pub const fn cross_dependency(mut self, cross_dependency: bool) -> Self {}
    pub const fn owner(mut self, owner: &'static str) -> Self {}
    pub const fn group(mut self, group: &'static str) -> Self {}
    pub const fn relationship_ready(mut self, relationship_ready: bool) -> Self {}
}
impl<H: SetupTasks + FilesystemAccess, M: SetupTasks + Serialize> TaskKind<H>
for InstallTemplates<H, M> {}
impl<T: SetupTasks> InstallTemplates<T, T> {
    pub const fn own() -> Self {}
}

// setup_tasks_templates::RootedDirectory
// with private fields
#[derive(Clone, Debug)]
pub struct RootedDirectory {}
impl Filesystem for RootedDirectory {}
impl RootedDirectory {
    pub fn new(root: impl Into<PathBuf>) -> Self {}
    pub fn read_now(&self, path: &Path) -> Result<Option<Vec<u8>>, InstallError> {}
    pub fn install_now(
        &self,
        path: &Path,
        content: &[u8],
        attributes: &FileAttributes,
    ) -> Result<bool, InstallError> {}
    pub fn path(&self) -> &Path {}
    pub fn stat_now(&self, path: &Path) -> Result<Option<FileStat>, InstallError> {}
    pub fn symlink_now(&self, path: &Path, target: &Path) -> Result<bool, InstallError> {}
    pub fn remove_now(&self, path: &Path) -> Result<bool, InstallError> {}
}

// setup_tasks_templates::TEMPLATE_DIRECTORY
pub const TEMPLATE_DIRECTORY: InjectionKey<PathBuf> = ..;

// setup_tasks_templates::Template
// with private fields
#[derive(Clone, Copy, Debug)]
pub struct Template {}
impl Template {
    pub const fn name(&self) -> &'static str {}
}

// setup_tasks_templates::TemplateError
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    Render { template: &'static str, report: Option<Excerpt> },
    Variable { template: &'static str, variable: &'static str, source: anyhow::Error },
    Outside { template: &'static str, output: String },
    Io { action: &'static str, path: PathBuf, source: io::Error },
}
impl TemplateError {
    pub fn help(&self) -> Option<Cow<'_, str>> {}
}

// setup_tasks_templates::TemplateTask
// with private fields
#[derive(Clone, Copy, Debug)]
#[must_use = "a task does nothing until it is a constant of a model"]
pub struct TemplateTask {}
impl TemplateTask {
    pub const fn new(template: Template) -> Self {}
    pub const fn output(mut self, output: &'static str) -> Self {}
    pub const fn mode(mut self, mode: u32) -> Self {}
    pub const fn template(&self) -> Template {}
    pub fn output_name(&self) -> &'static str {}
}
impl<M: Serialize + Sync> TaskKind<M> for TemplateTask {}
