//! The layout: configuration, root injector, stamp store, clock, and every object by id.

mod hooks;
mod object_builder;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foldhash::HashMap;
pub(crate) use hooks::Hooks;
pub use object_builder::{AddError, Dependency, ObjectBuilder};

use crate::config::{Config, ConfigError};
use crate::event::{Event, EventKey, EventStream, Listening};
use crate::injector::{InjectionKey, Injector};
use crate::neighbours::Neighbours;
use crate::object::{AnyObject, Object, SetupTasks};
use crate::private_dir::Roots;
use crate::run::Locks;
use crate::stamp::text::Texts;
use crate::stamp::{Clock, HistoryEntry, HistoryFilter, RunId, StampError, StampStore, Timestamp};
use crate::work::WorkContext;
use crate::work::{FleetOptions, Stop};

/// The root of everything: a cheap handle. With the last one its objects go, save those that somebody has a handle of.
///
/// ```
/// use setup_tasks::{Config, Layout, prelude::*};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "hosts/{name}")]
/// struct Host { name: String }
///
/// let scratch = std::env::temp_dir().join("layout-example");
/// let layout = Layout::new(Config { base_dir: scratch, ..Config::default() });
/// layout.add(Host { name: "gateway".into() })?;
/// let error = layout.add(Host { name: "gateway".into() }).unwrap_err();
/// assert!(error.to_string().contains("hosts/gateway"));
/// # Ok::<(), anyhow::Error>(())
/// ```
#[derive(Clone)]
pub struct Layout {
    inner: Arc<LayoutState>,
    /// `None` in the handles that objects have, so that objects do not keep the layout that keeps them.
    _owner: Option<Arc<Owner>>,
}

/// A handle that does not keep the layout.
pub(crate) struct WeakLayout(Weak<LayoutState>);

impl WeakLayout {
    /// Returns the layout, as long as somebody else keeps it.
    pub(crate) fn upgrade(&self) -> Option<Layout> {
        self.0.upgrade().map(|inner| Layout { inner, _owner: None })
    }
}

/// What the handles outside of objects share: the last of them lets the objects go.
struct Owner(Arc<LayoutState>);

impl Drop for Owner {
    fn drop(&mut self) {
        let objects = std::mem::take(&mut *self.0.objects.lock().unwrap_or_else(PoisonError::into_inner));
        // Without the lock: a model may hold more of the layout.
        drop(objects);
    }
}

struct LayoutState {
    config: Arc<Config>,
    /// Why the configuration cannot be used, if it was not loaded but written in code. No object is added then.
    refused: Option<ConfigError>,
    injector: Injector,
    store: Arc<dyn StampStore>,
    clock: Clock,
    locks: Locks,
    texts: Texts,
    roots: Roots,
    run: RunId,
    /// Whether every run is a dry run.
    plans_only: AtomicBool,
    objects: Mutex<Objects>,
    /// The files that it was made from.
    sources: Mutex<Vec<PathBuf>>,
    /// Those that run.
    fleets: Mutex<Vec<Arc<FleetOptions>>>,
    stop: Stop,
    /// The exchange with other processes that run the same objects.
    neighbours: Neighbours,
    hooks: &'static Hooks,
    /// Removed with the layout; holds one that is in memory alone.
    scratch: Option<Scratch>,
}

#[derive(Default)]
struct Objects {
    /// In the order of adding.
    all: Vec<AnyObject>,
    /// Places among all.
    by_id: HashMap<Arc<str>, usize>,
    /// Of those whose subdir is not their id.
    by_subdir: HashMap<Arc<str>, usize>,
}

impl Objects {
    /// The object with a subdir.
    fn at(&self, subdir: &str) -> Option<&AnyObject> {
        let with_id = || self.by_id.get(subdir).filter(|&&at| self.all[at].stamp_subdir() == subdir);
        self.by_subdir.get(subdir).or_else(with_id).map(|&at| &self.all[at])
    }
}

impl Layout {
    /// Makes a layout. The hooks are the entry points of the floors above.
    pub(crate) fn build(
        config: Config,
        store: Arc<dyn StampStore>,
        clock: Clock,
        scratch: Option<Scratch>,
        hooks: &'static Hooks,
    ) -> Self {
        let run = RunId { began: clock.now().0, pid: std::process::id() };
        let config = absolute(config);
        let refused = config.clone().settled().err();
        let injector = Injector::root("the layout");
        let locks = Locks::new(&config.cache_dir());
        let texts = Texts::new(config.state_dir());
        // What a plan makes has no more rights than the plan, also when it is used later or by spawned work.
        let plans_only = AtomicBool::new(config.dry_run || WorkContext::is_plan());
        let config = Arc::new(config);
        injector.replace_shared(InjectionKey::of(), config.clone());
        let inner = Arc::new(LayoutState {
            config,
            refused,
            injector,
            store,
            clock,
            locks,
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

    /// Returns a handle that keeps nothing.
    pub(crate) fn downgrade(&self) -> WeakLayout {
        WeakLayout(Arc::downgrade(&self.inner))
    }

    /// Returns whether other processes may run its objects, too: they cannot know of temporary directories.
    pub(crate) fn is_shared(&self) -> bool {
        self.inner.scratch.is_none()
    }

    pub(crate) fn hooks(&self) -> &'static Hooks {
        self.inner.hooks
    }

    pub(crate) fn neighbours(&self) -> &Neighbours {
        &self.inner.neighbours
    }

    /// A handle that does not keep the layout's objects.
    fn of_object(&self) -> Self {
        Self { inner: self.inner.clone(), _owner: None }
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn shared_config(&self) -> Arc<Config> {
        self.inner.config.clone()
    }

    /// Takes from the layout the right to run and to change anything, for good: every run of it is a dry run from here on, whoever
    /// begins it, also work that a task or a helper method spawned. `dry_run = true` in the configuration does the same.
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

    /// Makes a layout that [only plans](Self::plan_only) from the beginning: what `build` asks for is planned, too. Commands that only
    /// look at a layout open it so.
    ///
    /// # Errors
    ///
    /// As `build`.
    pub fn open_to_plan<E>(build: impl FnOnce() -> Result<Self, E>) -> Result<Self, E> {
        let layout = WorkContext::planning(build)?;
        layout.plan_only();
        Ok(layout)
    }

    /// Returns whether nothing of the layout runs or changes now: its configuration says `dry_run`, or
    /// [`plan_only`](Self::plan_only) was called, or the caller is a helper method that a plan asks.
    pub fn is_dry_run(&self) -> bool {
        self.inner.plans_only.load(Ordering::Relaxed) || WorkContext::is_plan()
    }

    /// The root injector. It provides the [`Config`].
    pub fn injector(&self) -> &Injector {
        &self.inner.injector
    }

    /// Its stamp store. In a dry run, that leaves no trace on disk.
    pub fn store(&self) -> &dyn StampStore {
        self.store_for(self.is_dry_run())
    }

    /// The stamp store for a run or for a dry run.
    pub(crate) fn store_for(&self, is_plan: bool) -> &dyn StampStore {
        let store = &*self.inner.store;
        if is_plan { store.without_trace().unwrap_or(store) } else { store }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(crate) fn texts(&self) -> &Texts {
        &self.inner.texts
    }

    /// Returns the open directories of the configuration.
    pub(crate) fn roots(&self) -> &Roots {
        &self.inner.roots
    }

    pub(crate) fn locks(&self) -> &Locks {
        &self.inner.locks
    }

    /// The run of this process, as stamps and the history name it.
    pub fn run_id(&self) -> RunId {
        self.inner.run
    }

    /// The clock sees the latest time in the store: what is stamped from now on is later than all that was stamped before,
    /// by whatever process and clock.
    pub(crate) async fn observe_store(&self, is_plan: bool) -> Result<(), StampError> {
        self.observe(self.store_for(is_plan).latest().await?);
        Ok(())
    }

    /// The clock sees a time that was read, if there was one.
    pub(crate) fn observe(&self, seen: Option<Timestamp>) {
        if let Some(seen) = seen {
            self.clock().observe(seen);
        }
    }

    /// Calls `listener` with every event from now on; see [`Injector::on_event`].
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + 'static) -> Listening {
        self.injector().on_event(EventKey::all(), listener)
    }

    /// Every event from now on, as a stream; see [`Injector::events`].
    pub fn events(&self) -> EventStream {
        self.injector().events(EventKey::all())
    }

    /// Adds a model under the id that the model itself returns.
    ///
    /// # Errors
    ///
    /// [`AddError`]: a taken id or subdir, a subdir that is no plain relative path.
    pub fn add<T: SetupTasks>(&self, model: T) -> Result<Object<T>, AddError> {
        self.object_builder(model).add()
    }

    /// Returns a builder that adds a model with more settings than [`add`](Self::add) has.
    pub fn object_builder<T: SetupTasks>(&self, model: T) -> ObjectBuilder<'_, T> {
        ObjectBuilder::new(self, model)
    }

    /// The object with an id.
    pub fn get(&self, id: &str) -> Option<AnyObject> {
        let objects = self.objects();
        objects.by_id.get(id).map(|&at| objects.all[at].clone())
    }

    /// Every object, in the order of adding.
    pub fn all(&self) -> Vec<AnyObject> {
        self.objects().all.clone()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects().all.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lists a fleet among those that run, until the answer is dropped.
    pub(crate) fn list_fleet(&self, options: &Arc<FleetOptions>) -> ListedFleet {
        self.inner.fleets.lock().unwrap_or_else(PoisonError::into_inner).push(options.clone());
        ListedFleet { layout: self.of_object(), options: options.clone() }
    }

    pub(crate) fn fleets(&self) -> Vec<Arc<FleetOptions>> {
        self.inner.fleets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what stops every run of the layout for good, of fleets as of single objects: tasks that run are brought to their end,
    /// and no other is begun.
    pub fn stop(&self) -> &Stop {
        &self.inner.stop
    }

    /// Says that it was made from a file: whoever watches it makes it anew when the file changes.
    pub fn add_source(&self, path: impl Into<PathBuf>) {
        self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).push(path.into());
    }

    /// The files that it was made from, as far as it was told.
    pub fn sources(&self) -> Vec<PathBuf> {
        self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What happened in this and earlier runs, latest first.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError> {
        self.store().history(filter).await
    }

    /// The subdirs of other objects inside `subdir`, relative to it.
    pub(crate) fn nested_in(&self, subdir: &str) -> Vec<PathBuf> {
        let inside = format!("{subdir}/");
        let objects = self.objects();
        objects.all.iter().filter_map(|other| other.stamp_subdir().strip_prefix(&*inside)).map(PathBuf::from).collect()
    }

    /// Returns why no object can be added, if the configuration cannot be used.
    fn refused(&self) -> Option<&ConfigError> {
        self.inner.refused.as_ref()
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

/// Returns a configuration with an absolute base directory.
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

/// A temporary directory, which is removed when this is dropped.
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
        // A temporary directory that cannot be removed is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
