//! The settings that objects inherit from their injectors: the readonly flag and the configuration.

use std::sync::Arc;

use super::AnyObject;
use super::core::ObjectCore;
use crate::config::Config;
use crate::injector::{InjectionKey, Injector, READONLY};

/// The settings of one injector. A setting is `None` if a factory would have to create it.
struct Settings<'o> {
    injector: &'o Injector,
    readonly: Option<bool>,
    config: Option<Arc<Config>>,
}

/// Sets the flags and the configuration of objects that are about to run. Each injector is read
/// once, on one thread. A setting that a factory still has to create is left to its first use.
pub(crate) fn set_inherited(objects: &[AnyObject]) {
    let mut last: Option<Settings<'_>> = None;
    for object in objects {
        let core = object.0.core();
        let injector = core.nearest_injector();
        let settings = match last.take() {
            Some(settings) if settings.injector.is(injector) => settings,
            _ => Settings::of(injector, core),
        };
        core.set_inherited(settings.readonly, settings.config.as_ref());
        last = Some(settings);
    }
}

impl<'o> Settings<'o> {
    fn of(injector: &'o Injector, core: &ObjectCore) -> Self {
        let readonly = injector.given(&READONLY).ok();
        let config = injector.given(&InjectionKey::of()).ok();
        Self {
            injector,
            readonly: readonly.map(|readonly| readonly.is_some_and(|readonly| *readonly)),
            config: config.map(|config| config.unwrap_or_else(|| core.layout.shared_config())),
        }
    }
}
