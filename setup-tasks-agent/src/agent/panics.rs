//! Panics of resources, which become failures of their calls.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::Result;
use crate::protocol::{Cause, Failure};

thread_local! {
    /// The place of the last panic of a call in this thread. `None` outside of calls.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Lets panics within calls note their place and print nothing, since their message can contain a secret. Other panics are reported as before.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let noted = PLACE.with_borrow_mut(|place| {
                let place = place.as_mut()?;
                *place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
                Some(())
            });
            if noted.is_none() {
                before(info);
            }
        }));
    });
}

/// Calls a function of a resource. A panic becomes a failure.
pub(super) fn caught<T>(tried: &str, call: impl FnOnce() -> Result<T>) -> Result<T> {
    let outer = PLACE.replace(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    let place = PLACE.replace(outer).unwrap_or_default();
    result.unwrap_or_else(|payload: Box<dyn Any + Send>| {
        // The payload can contain a secret, too.
        drop(payload);
        Err(Failure::new(tried, Cause::Panicked(place)))
    })
}
