//! The layout, which holds the configuration, the root injector, the stamp store, the clock and all
//! objects.

mod hooks;
mod object_builder;
mod orphan;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foldhash::HashMap;
pub(crate) use hooks::Hooks;
pub use object_builder::{AddError, Dependency, ObjectBuilder};
pub use orphan::{Orphan, PruneError};

use crate::config::{Config, ConfigError};
use crate::dispatch::Hosts;
use crate::event::{Event, EventKey, EventStream, Listening};
use crate::injector::{InjectionKey, Injector};
use crate::lease::{FileLeases, LeaseError, Leases, ObjectAtWork, Renewals};
use crate::neighbours::Neighbours;
use crate::object::{AnyObject, Object, SetupTasks};
use crate::private_dir::Roots;
use crate::stamp::text::Texts;
use crate::stamp::{Clock, HistoryEntry, HistoryFilter, RunId, StampError, StampStore, Timestamp};
use crate::work::WorkContext;
use crate::work::{FleetOptions, Mode, Stop};

/// The collection of objects and of everything that they share.
///
/// A handle is cheap to clone. When the last handle is dropped, the layout drops its objects,
/// except those that have handles of their own.
///
/// ```
/// use setup_tasks::{Config, Layout, prelude::*};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "hosts/{name}")]
/// struct Host { name: String }
///
/// let scratch = std::env::temp_dir().join("layout-example");
/// let layout = Layout::new(Config::new(scratch));
/// layout.add(Host { name: "gateway".into() })?;
/// let error = layout.add(Host { name: "gateway".into() }).unwrap_err();
/// assert!(error.to_string().contains("hosts/gateway"));
/// # Ok::<(), anyhow::Error>(())
/// ```
#[derive(Clone)]
pub struct Layout {
    inner: Arc<LayoutState>,
    /// `None` in the handles of objects, so that the objects do not keep their layout alive.
    _owner: Option<Arc<Owner>>,
}

/// A handle that does not keep the layout alive.
pub(crate) struct WeakLayout(Weak<LayoutState>);

impl WeakLayout {
    /// Returns the layout if it is still alive.
    pub(crate) fn upgrade(&self) -> Option<Layout> {
        self.0.upgrade().map(|inner| Layout { inner, _owner: None })
    }
}

/// The owner that all handles outside of objects share. Dropping it drops the objects.
struct Owner(Arc<LayoutState>);

impl Drop for Owner {
    fn drop(&mut self) {
        let objects = std::mem::take(&mut *self.0.objects.lock().unwrap_or_else(PoisonError::into_inner));
        // The lock is released first, because a model may use the layout.
        drop(objects);
    }
}

struct LayoutState {
    config: Arc<Config>,
    /// The error of a configuration that cannot be used. It was built in code and not loaded. No
    /// object can be added in this case.
    config_error: Option<ConfigError>,
    injector: Injector,
    store: Arc<dyn StampStore>,
    clock: Clock,
    leases: Arc<dyn Leases>,
    /// The hosts that share the store.
    hosts: Option<Arc<dyn Hosts>>,
    renewals: Renewals,
    texts: Texts,
    roots: Roots,
    run: RunId,
    /// Whether every run is a dry run.
    plans_only: AtomicBool,
    objects: Mutex<Objects>,
    /// The files from which the layout was built.
    sources: Mutex<Vec<PathBuf>>,
    /// The running fleets.
    fleets: Mutex<Vec<Arc<FleetOptions>>>,
    stop: Stop,
    /// The exchange with other processes that run the same objects.
    neighbours: Neighbours,
    hooks: &'static Hooks,
    /// The temporary directory of a layout in memory. It is removed with the layout.
    scratch: Option<Scratch>,
}

#[derive(Default)]
struct Objects {
    /// The objects in the order of adding.
    all: Vec<AnyObject>,
    /// The indices in `all` by id.
    by_id: HashMap<Arc<str>, usize>,
    /// The indices of objects whose subdir differs from their id, by subdir.
    by_subdir: HashMap<Arc<str>, usize>,
    /// The indices of the objects that had other names, by each of these names.
    former: HashMap<Arc<str>, usize>,
    has_retired: bool,
}

impl Objects {
    /// Returns the object with a subdir.
    fn at(&self, subdir: &str) -> Option<&AnyObject> {
        let with_id = || self.by_id.get(subdir).filter(|&&at| self.all[at].stamp_subdir() == subdir);
        self.by_subdir.get(subdir).or_else(with_id).map(|&at| &self.all[at])
    }
}

/// The leases and the directory of hosts of a layout whose store is shared.
type SharedParts = (Option<Arc<dyn Leases>>, Option<Arc<dyn Hosts>>);

impl Layout {
    /// Creates a layout. The hooks are the entry points of the higher floors. `store_error` is the reason why the store cannot be used.
    pub(crate) fn build(
        (config, store_error): (Config, Option<ConfigError>),
        store: Arc<dyn StampStore>,
        clock: Clock,
        (leases, hosts): SharedParts,
        scratch: Option<Scratch>,
        hooks: &'static Hooks,
    ) -> Self {
        let run = RunId { began: clock.now().0, pid: std::process::id() };
        let config = absolute(config);
        let config_error = config.clone().validated().err().or(store_error);
        crate::agents::configure(&config);
        let injector = Injector::root("the layout");
        let leases = leases.unwrap_or_else(|| Arc::new(FileLeases::new(config.cache_dir())));
        let texts = Texts::new(config.state_dir());
        // A layout that a plan creates can only plan, also in later use and in spawned work.
        let plans_only = AtomicBool::new(config.dry_run || WorkContext::mode_now().is_plan());
        let config = Arc::new(config);
        injector.replace_shared(InjectionKey::of(), config.clone());
        let inner = Arc::new(LayoutState {
            config,
            config_error,
            injector,
            store,
            clock,
            leases,
            hosts,
            renewals: Renewals::default(),
            texts,
            roots: Roots::default(),
            run,
            plans_only,
            objects: Mutex::default(),
            sources: Mutex::default(),
            fleets: Mutex::default(),
            stop: Stop::new(),
            neighbours: Neighbours::default(),
            hooks,
            scratch,
        });
        Self { _owner: Some(Arc::new(Owner(inner.clone()))), inner }
    }

    /// Returns a handle that does not keep the layout alive.
    pub(crate) fn downgrade(&self) -> WeakLayout {
        WeakLayout(Arc::downgrade(&self.inner))
    }

    /// Returns whether other processes may run the same objects. They do not know a temporary
    /// directory.
    pub(crate) fn is_shared(&self) -> bool {
        self.inner.scratch.is_none()
    }

    pub(crate) fn hooks(&self) -> &'static Hooks {
        self.inner.hooks
    }

    pub(crate) fn neighbours(&self) -> &Neighbours {
        &self.inner.neighbours
    }

    /// Returns a handle that does not keep the layout's objects alive.
    fn of_object(&self) -> Self {
        Self { inner: self.inner.clone(), _owner: None }
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn shared_config(&self) -> Arc<Config> {
        self.inner.config.clone()
    }

    /// Makes every later run of the layout a dry run. This cannot be undone. It also applies to
    /// work that a task or a helper method has spawned. `dry_run = true` in the configuration has
    /// the same effect.
    ///
    /// ```
    /// use setup_tasks::prelude::*;
    ///
    /// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
    /// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) { panic!() } }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
    /// let layout = setup_tasks::Layout::in_memory()?;
    /// let door = layout.add(Door)?;
    /// layout.plan_only();
    /// assert_eq!(door.run_setup_tasks().await?.would_run().count(), 1);
    /// assert!(door.clear_stamps_and_cache().await.unwrap_err().to_string().contains("dry run"));
    /// # Ok(()) }
    /// ```
    pub fn plan_only(&self) {
        self.inner.plans_only.store(true, Ordering::Relaxed);
    }

    /// Calls `build` to create a layout that [only plans](Self::plan_only) from the start. Runs
    /// that `build` itself starts are dry runs, too. Commands that only inspect a layout use this.
    ///
    /// # Errors
    ///
    /// As for `build`.
    pub fn open_to_plan<E>(build: impl FnOnce() -> Result<Self, E>) -> Result<Self, E> {
        let layout = WorkContext::in_plan_sync(build)?;
        layout.plan_only();
        Ok(layout)
    }

    /// Returns whether runs change nothing at present. This is so if the configuration sets
    /// `dry_run`, [`plan_only`](Self::plan_only) was called, or the caller is a helper method
    /// within a plan.
    pub fn is_dry_run(&self) -> bool {
        self.mode_for(WorkContext::mode_now()).is_plan()
    }

    /// Returns the mode of work on the layout that is requested in `mode`.
    pub(crate) fn mode_for(&self, mode: Mode) -> Mode {
        if self.inner.plans_only.load(Ordering::Relaxed) { Mode::Plan } else { mode }
    }

    /// Returns the root injector. It provides the [`Config`].
    pub fn injector(&self) -> &Injector {
        &self.inner.injector
    }

    /// Returns the stamp store. In a dry run, the store leaves no trace on the disk.
    pub fn store(&self) -> &dyn StampStore {
        self.store_for(if self.is_dry_run() { Mode::Plan } else { Mode::Apply })
    }

    /// Returns the stamp store for a run or for a dry run.
    pub(crate) fn store_for(&self, mode: Mode) -> &dyn StampStore {
        let store = &*self.inner.store;
        match mode {
            Mode::Apply => store,
            Mode::Plan => store.without_trace().unwrap_or(store),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(crate) fn texts(&self) -> &Texts {
        &self.inner.texts
    }

    /// Returns the open configured directories.
    pub(crate) fn roots(&self) -> &Roots {
        &self.inner.roots
    }

    /// Returns its leases, and the thread that renews them.
    pub(crate) fn leases(&self) -> (&dyn Leases, &Renewals) {
        (&*self.inner.leases, &self.inner.renewals)
    }

    /// Returns the directory of the hosts that share the store, or `None` if the store is not shared.
    pub fn hosts(&self) -> Option<&Arc<dyn Hosts>> {
        self.inner.hosts.as_ref()
    }

    pub(crate) fn shared_leases(&self) -> Arc<dyn Leases> {
        self.inner.leases.clone()
    }

    /// Returns the objects that other processes work on, on all hosts, as far as the leases know them.
    ///
    /// # Errors
    ///
    /// If the leases cannot be read.
    pub async fn at_work_elsewhere(&self) -> Result<Vec<ObjectAtWork>, LeaseError> {
        self.inner.leases.at_work().await
    }

    /// Returns the identity of this process's run in stamps and in the history.
    pub fn run_id(&self) -> RunId {
        self.inner.run
    }

    /// Advances the clock to the latest time in the store. Later stamps then have later times than
    /// all existing ones, whichever process and clock wrote those.
    pub(crate) async fn observe_store(&self, mode: Mode) -> Result<Timestamp, StampError> {
        let latest = self.store_for(mode).latest().await?;
        self.observe(latest);
        Ok(latest.unwrap_or_default())
    }

    /// Advances the clock to a time that was read.
    pub(crate) fn observe(&self, seen: Option<Timestamp>) {
        if let Some(seen) = seen {
            self.clock().observe(seen);
        }
    }

    /// Calls `listener` with every later event. See [`Injector::on_event`].
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + 'static) -> Listening {
        self.injector().on_event(EventKey::all(), listener)
    }

    /// Returns a stream of every later event. See [`Injector::events`].
    pub fn events(&self) -> EventStream {
        self.injector().events(EventKey::all())
    }

    /// Adds a model under the id that the model itself returns.
    ///
    /// # Errors
    ///
    /// [`AddError`], for example if the id or the subdir is taken, or if the subdir is not a plain
    /// relative path.
    pub fn add<T: SetupTasks>(&self, model: T) -> Result<Object<T>, AddError> {
        self.object_builder(model).add()
    }

    /// Returns a builder that adds a model with more settings than [`add`](Self::add) has.
    pub fn object_builder<T: SetupTasks>(&self, model: T) -> ObjectBuilder<'_, T> {
        ObjectBuilder::new(self, model)
    }

    /// Returns the object with this id, or `None` if the layout has no such object.
    pub fn get(&self, id: &str) -> Option<AnyObject> {
        let objects = self.objects();
        objects.by_id.get(id).map(|&at| objects.all[at].clone())
    }

    /// Returns the position of an object in the order of adding.
    pub(crate) fn place_of(&self, id: &str) -> Option<usize> {
        self.objects().by_id.get(id).copied()
    }

    /// Returns all objects in the order of adding.
    pub fn all(&self) -> Vec<AnyObject> {
        self.objects().all.clone()
    }

    /// Returns the number of objects.
    pub fn len(&self) -> usize {
        self.objects().all.len()
    }

    /// Returns whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lists a fleet as running until the returned value is dropped.
    pub(crate) fn list_fleet(&self, options: &Arc<FleetOptions>) -> ListedFleet {
        self.inner.fleets.lock().unwrap_or_else(PoisonError::into_inner).push(options.clone());
        ListedFleet { layout: self.of_object(), options: options.clone() }
    }

    pub(crate) fn fleets(&self) -> Vec<Arc<FleetOptions>> {
        self.inner.fleets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the switch that stops all runs of the layout permanently, of fleets and of single
    /// objects. Running tasks are completed, and no other task starts.
    pub fn stop(&self) -> &Stop {
        &self.inner.stop
    }

    /// Registers a file from which the layout was built. A watching command rebuilds the layout
    /// when the file changes.
    pub fn add_source(&self, path: impl Into<PathBuf>) {
        self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).push(path.into());
    }

    /// Returns the registered files from which the layout was built.
    pub fn sources(&self) -> Vec<PathBuf> {
        self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the history of this and earlier runs, latest first.
    ///
    /// ```
    /// use setup_tasks::{prelude::*, stamp::HistoryFilter};
    ///
    /// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
    /// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
    /// let layout = setup_tasks::Layout::in_memory()?;
    /// layout.add(Door)?.run_setup_tasks().await?;
    /// let history = layout.history(&HistoryFilter::new().object("door").limit(10)).await?;
    /// assert_eq!((history[0].task.as_str(), history[0].reason.as_str()), ("paint", "never ran"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError> {
        self.store().history(filter).await
    }

    /// Returns the subdirs of other objects inside `subdir`, relative to it.
    pub(crate) fn nested_in(&self, subdir: &str) -> Vec<PathBuf> {
        let inside = format!("{subdir}/");
        let objects = self.objects();
        objects.all.iter().filter_map(|other| other.stamp_subdir().strip_prefix(&*inside)).map(PathBuf::from).collect()
    }

    /// Returns the object of the layout with the subdir.
    pub(crate) fn at_subdir(&self, subdir: &str) -> Option<AnyObject> {
        self.objects().at(subdir).cloned()
    }

    /// Returns whether an object of the layout has the subdir.
    pub(crate) fn has_subdir(&self, subdir: &str) -> bool {
        self.objects().at(subdir).is_some()
    }

    /// Returns the subdirs of all objects.
    fn subdirs(&self) -> Vec<Arc<str>> {
        self.objects().all.iter().map(|object| object.0.core().subdir.clone()).collect()
    }

    /// Returns the error of a configuration that cannot be used.
    fn config_error(&self) -> Option<&ConfigError> {
        self.inner.config_error.as_ref()
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.inner.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let objects = self.all();
        let ids: Vec<_> = objects.iter().map(AnyObject::id).collect();
        f.debug_struct("Layout").field("config", self.config()).field("objects", &ids).finish()
    }
}

/// Returns the configuration with an absolute base directory.
pub(crate) fn absolute(mut config: Config) -> Config {
    config.base_dir = crate::fs::absolute(config.base_dir);
    config
}

/// A fleet that the layout lists until this is dropped.
pub(crate) struct ListedFleet {
    layout: Layout,
    options: Arc<FleetOptions>,
}

impl Drop for ListedFleet {
    fn drop(&mut self) {
        let mut fleets = self.layout.inner.fleets.lock().unwrap_or_else(PoisonError::into_inner);
        fleets.retain(|other| !Arc::ptr_eq(other, &self.options));
    }
}

/// A temporary directory that is removed when this is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> std::io::Result<Self> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let parent = std::env::temp_dir();
        loop {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("setup-tasks-{}-{n}", std::process::id()));
            let mut builder = std::fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Scratch {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The system cleans up a temporary directory that cannot be removed.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
