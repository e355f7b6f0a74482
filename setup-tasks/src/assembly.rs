//! The constructors of layouts. They pass the entry points of the higher floors to the lower ones.

use std::sync::Arc;

use crate::config::Config;
use crate::layout::{Hooks, Layout, Scratch};
use crate::lease::Leases;
#[cfg(feature = "sqlite")]
use crate::stamp::SharedStore;
use crate::stamp::{Clock, MemoryStore, StampStore};
use crate::work::WorkContext;

static HOOKS: Hooks = Hooks {
    run_setup_tasks: |object| Box::pin(crate::run::bring_up(object)),
    ready: |object| Box::pin(async move { crate::ready::ready(&object, &WorkContext::get()).await }),
    snapshot_as_json: crate::activity::snapshot_as_json,
};

impl Layout {
    /// Creates a layout with its stamps in the embedded store
    /// ([`SqliteStore`](crate::stamp::SqliteStore)), within the cache directory. The first change
    /// creates the database. If the configuration cannot be used, [`add`](Self::add) returns an
    /// error.
    ///
    /// If the key `store` of the configuration or the option `--on` of the command line names a shared store, the layout uses that one.
    #[cfg(feature = "sqlite")]
    pub fn new(config: Config) -> Self {
        let config = crate::layout::absolute(config);
        match config.open_shared_store() {
            Ok(None) => {}
            Ok(Some(SharedStore { stamps, leases, hosts })) => {
                return Self::build((config, None), stamps, Clock::system(), (Some(leases), hosts), None, &HOOKS);
            }
            Err(error) => {
                // No object can be added to the layout.
                let store = Arc::new(MemoryStore::new());
                return Self::build((config, Some(error)), store, Clock::system(), (None, None), None, &HOOKS);
            }
        }
        let path = config.cache_dir().join(crate::private_dir::RESERVED).join("stamps.sqlite");
        let store = crate::stamp::SqliteStore::new(path);
        let store = if config.durable_stamps { store.durable() } else { store };
        Self::with_store(config, store)
    }

    /// Creates a layout with the given stamp store. The key `durable_stamps` of the configuration
    /// has no effect on it. Processes on one machine, or on machines that share the cache directory,
    /// can run its objects.
    ///
    /// ```
    /// use setup_tasks::{Config, Layout, stamp::FilesStore};
    ///
    /// let config = Config::new("/srv/lab");
    /// let store = FilesStore::new(config.cache_dir());
    /// let layout = Layout::with_store(config, store);
    /// # let _ = layout;
    /// ```
    pub fn with_store(config: Config, store: impl StampStore) -> Self {
        Self::with_clock(config, Arc::new(store), Clock::system())
    }

    /// Creates a layout with the given stamp store and leases, for processes that share no file
    /// system.
    ///
    /// ```
    /// use setup_tasks::lease::FileLeases;
    /// use setup_tasks::stamp::MemoryStore;
    /// use setup_tasks::{Config, Layout};
    ///
    /// let config = Config::new("/srv/lab");
    /// let leases = FileLeases::new(config.cache_dir()); // or leases of your own
    /// let layout = Layout::with_store_and_leases(config, MemoryStore::new(), leases);
    /// # let _ = layout;
    /// ```
    pub fn with_store_and_leases(config: Config, store: impl StampStore, leases: impl Leases) -> Self {
        let error = config.refuse_shared_store();
        Self::build((config, error), Arc::new(store), Clock::system(), (Some(Arc::new(leases)), None), None, &HOOKS)
    }

    /// Creates a layout with the given stamp store and clock.
    #[doc(hidden)]
    pub fn with_clock(config: Config, store: Arc<dyn StampStore>, clock: Clock) -> Self {
        let error = config.refuse_shared_store();
        Self::build((config, error), store, clock, (None, None), None, &HOOKS)
    }

    /// Creates a layout with its stamps in memory, for tests and examples. Its directories are
    /// temporary and are removed with its last handle.
    ///
    /// # Errors
    ///
    /// If no temporary directory can be created.
    pub fn in_memory() -> std::io::Result<Self> {
        let scratch = Scratch::new()?;
        let config = Config { base_dir: scratch.path().to_owned(), ..Config::default() };
        let error = config.refuse_shared_store();
        Ok(Self::build(
            (config, error),
            Arc::new(MemoryStore::new()),
            Clock::system(),
            (None, None),
            Some(scratch),
            &HOOKS,
        ))
    }
}
