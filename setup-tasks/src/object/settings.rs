//! What injectors say to the objects below them: whether those are readonly, and how they are configured.

use std::sync::Arc;

use super::AnyObject;
use super::core::ObjectCore;
use crate::config::Config;
use crate::injector::{InjectionKey, Injector, READONLY};

/// What one injector says, as far as it says it without making anything.
struct Settings<'o> {
    injector: &'o Injector,
    readonly: Option<bool>,
    config: Option<Arc<Config>>,
}

/// Looks at the flags and the configuration of objects that are about to run: once an injector, and not by several threads at
/// once. What a factory has still to make is left to whoever wants it.
pub(crate) fn settle(objects: &[AnyObject]) {
    let mut last: Option<Settings<'_>> = None;
    for object in objects {
        let core = object.0.core();
        let injector = core.nearest_injector();
        let settings = match last.take() {
            Some(settings) if settings.injector.is(injector) => settings,
            _ => Settings::of(injector, core),
        };
        core.settle(settings.readonly, settings.config.as_ref());
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
