//! Shared stores that other crates add to a program, by the schemes of their addresses.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::StampStore;
use crate::dispatch::Hosts;
use crate::lease::Leases;

/// A store with leases that several hosts share.
#[derive(Clone)]
pub struct SharedStore {
    pub(crate) stamps: Arc<dyn StampStore>,
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) hosts: Option<Arc<dyn Hosts>>,
}

impl SharedStore {
    /// Joins a store and leases.
    pub fn new(stamps: impl StampStore, leases: impl Leases) -> Self {
        Self { stamps: Arc::new(stamps), leases: Arc::new(leases), hosts: None }
    }

    /// Adds the directory of hosts, with which workers on several hosts carry out runs.
    #[must_use]
    pub fn hosts(mut self, hosts: impl Hosts) -> Self {
        self.hosts = Some(Arc::new(hosts));
        self
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStore").finish_non_exhaustive()
    }
}

type Open = fn(&str) -> Result<SharedStore, Box<dyn Error + Send + Sync>>;

/// The stores whose addresses begin with a scheme. A crate registers it with [`store_scheme!`](crate::store_scheme), and every
/// program that is linked with the crate can name such an address in the key `store` of the
/// [configuration](crate::Config::store).
#[derive(Debug)]
pub struct StoreScheme {
    schemes: &'static [&'static str],
    open: Open,
}

impl StoreScheme {
    /// Returns the stores with these schemes. `open` must not connect to anything, because every command of a program calls it.
    pub const fn new(schemes: &'static [&'static str], open: Open) -> Self {
        Self { schemes, open }
    }
}

inventory::collect!(StoreScheme);

/// Registers the stores whose addresses begin with a scheme.
///
/// ```
/// use setup_tasks::lease::FileLeases;
/// use setup_tasks::stamp::{MemoryStore, SharedStore, StoreScheme};
/// use setup_tasks::{Config, Layout};
///
/// setup_tasks::store_scheme!(StoreScheme::new(&["forgetful"], |address| {
///     let directory = address.trim_start_matches("forgetful://");
///     Ok(SharedStore::new(MemoryStore::new(), FileLeases::new(directory)))
/// }));
///
/// let config = Config::new("/srv/lab").with(|config| config.store = "forgetful:///tmp/locks".into());
/// let layout = Layout::new(config);
/// # let _ = layout;
/// ```
#[macro_export]
macro_rules! store_scheme {
    ($scheme:expr) => {
        $crate::__private::inventory::submit! { $scheme }
    };
}

/// Opens the store with an address. Returns `None` if no crate of the program knows its scheme.
pub(crate) fn open_shared(address: &str) -> Option<Result<SharedStore, Box<dyn Error + Send + Sync>>> {
    let (scheme, _) = address.split_once("://")?;
    let known = inventory::iter::<StoreScheme>().find(|known| known.schemes.contains(&scheme))?;
    Some((known.open)(address))
}
