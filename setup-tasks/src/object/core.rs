//! What an object is besides its model.

use std::sync::{Arc, OnceLock};

use tokio::sync::Mutex;

use crate::injector::{Injector, READONLY};
use crate::layout::Layout;
use crate::paths::Paths;
use crate::ready::{Node, Once};
use crate::stamp::{Entry, Records, Stamp, StampError};

/// The part of an object that does not depend on its model's type.
pub(crate) struct ObjectCore {
    pub(crate) id: Arc<str>,
    pub(crate) subdir: String,
    pub(crate) type_name: &'static str,
    pub(crate) layout: Layout,
    pub(crate) injector: Injector,
    pub(crate) paths: Paths,
    /// Held by the run of the object in this process.
    pub(crate) running: Mutex<()>,
    /// Waits for a run of the object.
    pub(crate) run_node: Node,
    pub(crate) ready: Once<()>,
    pub(crate) own_readonly: Option<bool>,
    pub(crate) model_readonly: Option<bool>,
    pub(crate) readonly: OnceLock<bool>,
}

impl ObjectCore {
    /// The object's own flag, else its model's, else the nearest injector's, else false; looked up once.
    pub(crate) fn readonly(&self) -> bool {
        *self.readonly.get_or_init(|| {
            self.own_readonly
                .or(self.model_readonly)
                .unwrap_or_else(|| self.injector.peek(&READONLY).is_some_and(|readonly| *readonly))
        })
    }

    /// A stamp that is to be believed.
    pub(crate) fn stamp(&self, name: &str) -> Result<Option<Stamp>, StampError> {
        Ok(self.load()?.get(name).and_then(Entry::valid).cloned())
    }

    /// What is kept about the object now; the clock sees its times.
    pub(crate) fn load(&self) -> Result<Records, StampError> {
        let records = self.layout.store().load(&self.subdir)?;
        if let Some(latest) = records.latest() {
            self.layout.clock().observe(latest);
        }
        Ok(records)
    }
}
