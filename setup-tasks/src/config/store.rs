//! The choice of a shared store, by the configuration or by the option `--on` of a command line.

use std::sync::{OnceLock, PoisonError, RwLock};

use super::{Config, ConfigError};
use crate::error::explain;
use crate::stamp::{SharedStore, open_shared};

static CHOSEN: OnceLock<RwLock<String>> = OnceLock::new();

/// Chooses the shared store for all layouts that this process creates later. It takes precedence over their configurations. This is the effect
/// of the option `--on` of a command line. A layout that has a store of its own then reports an error.
pub fn use_store(address: impl Into<String>) {
    *CHOSEN.get_or_init(RwLock::default).write().unwrap_or_else(PoisonError::into_inner) = address.into();
}

static HOST: OnceLock<RwLock<String>> = OnceLock::new();

/// Chooses the name of this host for all shared stores that this process opens later. It takes precedence over their addresses. This
/// is the effect of the option `--host` of a command line.
pub fn use_host(name: impl Into<String>) {
    *HOST.get_or_init(RwLock::default).write().unwrap_or_else(PoisonError::into_inner) = name.into();
}

/// Returns the name that [`use_host`] has chosen.
pub fn chosen_host() -> Option<String> {
    let chosen = HOST.get().map(|chosen| chosen.read().unwrap_or_else(PoisonError::into_inner).clone());
    chosen.filter(|name| !name.is_empty())
}

impl Config {
    /// Returns the address of the shared store, or `None` for the embedded store.
    pub(crate) fn shared_store(&self) -> Option<String> {
        let chosen = CHOSEN.get().map(|chosen| chosen.read().unwrap_or_else(PoisonError::into_inner).clone());
        chosen.or_else(|| Some(self.store.clone())).filter(|address| !address.is_empty())
    }

    /// Opens the shared store, if one is chosen.
    pub(crate) fn open_shared_store(&self) -> Result<Option<SharedStore>, ConfigError> {
        let Some(address) = self.shared_store() else { return Ok(None) };
        match open_shared(&address) {
            Some(Ok(store)) => Ok(Some(store)),
            Some(Err(error)) => {
                let text = explain(&*error);
                let (problem, help) = text.split_once("\nhelp: ").unwrap_or((&text, "correct `store` or `--on`"));
                Err(ConfigError::of_store(problem, help))
            }
            None => {
                let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
                let help = match scheme {
                    "postgres" | "postgresql" => {
                        "add the crate `setup-tasks-postgres`, and the line `use setup_tasks_postgres as _;`"
                    }
                    _ => "write an address such as `postgres://site@db/site`, or leave `store` out",
                };
                let problem = format!("this program knows no store with addresses `{scheme}://…`");
                Err(ConfigError::of_store(problem, help))
            }
        }
    }

    /// Returns an error if a shared store is chosen, although the layout has a store of its own.
    pub(crate) fn refuse_shared_store(&self) -> Option<ConfigError> {
        self.shared_store().map(|_| {
            let problem = "`store` or `--on` chooses a shared store, but the layout is created with a store of its own";
            ConfigError::of_store(problem, "create the layout with `Layout::new`, or leave `store` and `--on` out")
        })
    }
}
