//! The layout: configuration, root injector, stamp store, clock, and every object by id.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::config::Config;
use crate::event::{Event, Events};
use crate::injector::{InjectionKey, Injector};
use crate::object::{AnyObject, Object, ObjectCore, Placed, SetupTasks};
use crate::paths::{PathError, Paths, RESERVED, normal_subdir};
use crate::ready::{Node, Once};
use crate::stamp::{Clock, HistoryEntry, HistoryFilter, MemoryStore, RunId, StampError, StampStore};
use crate::task::plugin::{PlugInError, table_of};

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
    inner: Arc<Inner>,
    /// `None` in the handles that objects have, so that objects do not keep the layout that keeps them.
    _owner: Option<Arc<Owner>>,
}

/// What the handles outside of objects share: the last of them lets the objects go.
struct Owner(Arc<Inner>);

impl Drop for Owner {
    fn drop(&mut self) {
        let objects = std::mem::take(&mut *self.0.objects.lock().unwrap_or_else(PoisonError::into_inner));
        // Without the lock: a model may hold more of the layout.
        drop(objects);
    }
}

struct Inner {
    config: Config,
    injector: Injector,
    store: Arc<dyn StampStore>,
    clock: Clock,
    run: RunId,
    events: Events,
    objects: Mutex<Objects>,
    /// Removed with the layout; holds one that is in memory alone.
    _scratch: Option<Scratch>,
}

#[derive(Default)]
struct Objects {
    by_id: HashMap<String, AnyObject>,
    /// Ids, by subdir.
    by_subdir: HashMap<String, String>,
    /// Ids, as added.
    order: Vec<String>,
}

/// Why an object cannot be placed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// Its id is taken.
    #[error("two objects have the id `{id}`: a {first} and a {second}\nhelp: give one of them another id")]
    Id {
        /// The id.
        id: String,
        /// The type of the first.
        first: &'static str,
        /// The type of the second.
        second: &'static str,
    },
    /// Its subdir is another object's.
    #[error(
        "`{first}` and `{second}` have the same subdir `{subdir}`: their stamps and files would mix\nhelp: name a field that tells them apart in `subdir`"
    )]
    Subdir {
        /// The object that has it.
        first: String,
        /// The one that was to be added.
        second: String,
        /// The subdir.
        subdir: String,
    },
    /// Its subdir is no plain relative path.
    #[error("`{id}` cannot be added: {source}")]
    Path {
        /// The object's id.
        id: String,
        /// What is wrong.
        source: PathError,
    },
    /// Tasks that another crate adds to its type do not fit.
    #[error(transparent)]
    PlugIn(#[from] PlugInError),
}

impl Layout {
    /// A layout with stamps in the embedded store under the cache directory.
    #[cfg(feature = "sqlite")]
    pub fn new(config: Config) -> Self {
        let store = crate::stamp::SqliteStore::new(config.cache_dir().join(RESERVED).join("stamps.sqlite"));
        Self::with_store(config, store)
    }

    /// A layout with stamps in a store of your choice.
    pub fn with_store(config: Config, store: impl StampStore) -> Self {
        Self::build(config, Arc::new(store), Clock::system(), None)
    }

    /// A layout with stamps in a store, and times from a clock, of your choice.
    pub fn with_clock(config: Config, store: Arc<dyn StampStore>, clock: Clock) -> Self {
        Self::build(config, store, clock, None)
    }

    /// A layout with stamps in memory, and directories that go when the last handle of it does; for tests and examples.
    ///
    /// # Errors
    ///
    /// If no temporary directory can be made.
    pub fn in_memory() -> std::io::Result<Self> {
        let scratch = Scratch::new()?;
        let config = Config { base_dir: scratch.0.clone(), ..Config::default() };
        Ok(Self::build(config, Arc::new(MemoryStore::new()), Clock::system(), Some(scratch)))
    }

    fn build(config: Config, store: Arc<dyn StampStore>, clock: Clock, scratch: Option<Scratch>) -> Self {
        let run = RunId { began: clock.now().0, pid: std::process::id() };
        let injector = Injector::root("the layout");
        injector.replace(InjectionKey::of(), config.clone());
        let (events, objects) = (Events::default(), Mutex::default());
        let inner = Arc::new(Inner { config, injector, store, clock, run, events, objects, _scratch: scratch });
        Self { _owner: Some(Arc::new(Owner(inner.clone()))), inner }
    }

    /// A handle that does not keep the layout's objects.
    fn of_object(&self) -> Self {
        Self { inner: self.inner.clone(), _owner: None }
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The root injector. It provides the [`Config`].
    pub fn injector(&self) -> &Injector {
        &self.inner.injector
    }

    /// Its stamp store.
    pub fn store(&self) -> &dyn StampStore {
        &*self.inner.store
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The run of this process, as stamps and the history name it.
    pub fn run_id(&self) -> RunId {
        self.inner.run
    }

    pub(crate) fn events(&self) -> &Events {
        &self.inner.events
    }

    /// Calls `listener` with every event from now on. It is called where the event happens, so it should be quick; one
    /// that panics is left out from then on and harms no run.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.inner.events.listen(listener);
    }

    /// Places a model with the id that it gives itself.
    ///
    /// # Errors
    ///
    /// [`AddError`]: a taken id or subdir, a subdir that is no plain relative path.
    pub fn add<T: SetupTasks>(&self, model: T) -> Result<Object<T>, AddError> {
        self.place(model).add()
    }

    /// Places a model, with more to say about it than [`add`](Self::add) has.
    pub fn place<T: SetupTasks>(&self, model: T) -> Placement<'_, T> {
        Placement { layout: self, model, id: None, readonly: None, injector: None }
    }

    /// The object with an id.
    pub fn get(&self, id: &str) -> Option<AnyObject> {
        self.objects().by_id.get(id).cloned()
    }

    /// Every object, in the order of adding.
    pub fn all(&self) -> Vec<AnyObject> {
        let objects = self.objects();
        objects.order.iter().filter_map(|id| objects.by_id.get(id).cloned()).collect()
    }

    /// What happened in this and earlier runs, latest first.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError> {
        self.store().history(filter)
    }

    /// The stamp paths of other objects inside that of `subdir`.
    pub(crate) fn nested_in(&self, subdir: &str) -> Vec<PathBuf> {
        let cache = self.config().cache_dir();
        let inside = format!("{subdir}/");
        self.objects()
            .by_subdir
            .keys()
            .filter(|other| other.starts_with(&inside))
            .map(|other| cache.join(other))
            .collect()
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.inner.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layout").field("config", self.config()).field("objects", &self.objects().order).finish()
    }
}

/// A model on its way into a layout; [`add`](Self::add) ends it.
#[must_use = "a placement does nothing until `add`"]
pub struct Placement<'l, T> {
    layout: &'l Layout,
    model: T,
    id: Option<String>,
    readonly: Option<bool>,
    injector: Option<Injector>,
}

impl<T: SetupTasks> Placement<'_, T> {
    /// Another id than the model's own.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The object's own flag, which goes before its model's and its injectors'.
    pub fn readonly(mut self, readonly: bool) -> Self {
        self.readonly = Some(readonly);
        self
    }

    /// The injector that the object's own is a child of; without it the layout's.
    pub fn under(mut self, injector: &Injector) -> Self {
        self.injector = Some(injector.clone());
        self
    }

    /// Places it.
    ///
    /// # Errors
    ///
    /// As [`Layout::add`].
    pub fn add(self) -> Result<Object<T>, AddError> {
        let table = table_of::<T>()?;
        let id = self.id.unwrap_or_else(|| self.model.object_id());
        let subdir =
            normal_subdir(&self.model.stamp_subdir()).map_err(|source| AddError::Path { id: id.clone(), source })?;
        let core = ObjectCore {
            paths: Paths::new(self.layout.config(), &subdir),
            injector: self.injector.as_ref().unwrap_or(self.layout.injector()).child(&id),
            layout: self.layout.of_object(),
            type_name: T::NAME,
            running: tokio::sync::Mutex::new(()),
            run_node: Node::new(format!("`{id}`")),
            ready: Once::new(format!("`{id}`")),
            own_readonly: self.readonly,
            model_readonly: T::READONLY,
            readonly: OnceLock::new(),
            id: id.as_str().into(),
            subdir: subdir.clone(),
        };
        let mut objects = self.layout.objects();
        if let Some(first) = objects.by_id.get(&id) {
            return Err(AddError::Id { id, first: first.type_name(), second: T::NAME });
        }
        if let Some(first) = objects.by_subdir.get(&subdir) {
            return Err(AddError::Subdir { first: first.clone(), second: id, subdir });
        }
        let object = Object(Arc::new(Placed { core, table, model: self.model }));
        objects.by_subdir.insert(subdir, id.clone());
        objects.by_id.insert(id.clone(), object.any());
        objects.order.push(id);
        Ok(object)
    }
}

/// A directory that goes when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let parent = std::env::temp_dir();
        loop {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("setup-tasks-{}-{n}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A temporary directory that cannot be removed is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
