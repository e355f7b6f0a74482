//! Drops of long chains without recursion.
//!
//! A model holds objects, whose models hold other objects. A recursive drop of a chain of 200,000
//! would overflow the stack. Instead, the outermost drop of a thread works through a queue, and
//! each drop within it adds its value to the queue.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;

thread_local! {
    /// The values that wait to be dropped, or `None` while nothing is being dropped.
    static QUEUE: RefCell<Option<Vec<Box<dyn Any + Send>>>> = const { RefCell::new(None) };
}

/// A value whose drop does not recurse into other values of this kind.
#[derive(Clone)]
pub(crate) struct Flat<T: Send + 'static>(Option<T>);

impl<T: Send> Flat<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T: Send> Deref for Flat<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => unreachable!("the value is there until it is dropped"),
        }
    }
}

impl<T: Send> Drop for Flat<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_flat(value);
        }
    }
}

impl<T: Send + fmt::Debug> fmt::Debug for Flat<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

/// Drops a value now, or after the current drop if the thread is in one.
pub(crate) fn drop_flat<T: Send + 'static>(value: T) {
    let mut value = Some(value);
    let is_outermost = QUEUE.try_with(|queue| match &mut *queue.borrow_mut() {
        Some(queue) => {
            queue.push(Box::new(value.take()));
            false
        }
        none => {
            *none = Some(Vec::new());
            true
        }
    });
    // A thread that is ending has no queue any more. It drops the value directly.
    let _rest = is_outermost.unwrap_or_default().then(|| Rest);
    drop(value);
}

/// A guard that drops the rest of the queue, also after a panic.
struct Rest;

impl Drop for Rest {
    fn drop(&mut self) {
        while let Some(next) = next() {
            let rest = Self;
            drop(next);
            // The guard is for a panic of the drop. Without a panic, this loop continues.
            std::mem::forget(rest);
        }
    }
}

/// Takes a value from the queue. An empty queue is removed.
fn next() -> Option<Box<dyn Any + Send>> {
    QUEUE.with(|queue| {
        let mut queue = queue.borrow_mut();
        let next = queue.as_mut().and_then(Vec::pop);
        if next.is_none() {
            *queue = None;
        }
        next
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Link {
        dropped: Arc<AtomicUsize>,
        panics: bool,
        _next: Option<Flat<Box<Link>>>,
    }

    impl Drop for Link {
        fn drop(&mut self) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            assert!(!self.panics, "told to panic");
        }
    }

    fn chain(length: usize, panics_at: Option<usize>) -> (Flat<Box<Link>>, Arc<AtomicUsize>) {
        let dropped = Arc::new(AtomicUsize::new(0));
        let link = |number, next| {
            let panics = panics_at == Some(number);
            Flat::new(Box::new(Link { dropped: dropped.clone(), panics, _next: next }))
        };
        let last = link(0, None);
        ((1..length).fold(last, |next, number| link(number, Some(next))), dropped)
    }

    #[test]
    fn a_chain_of_a_million_is_dropped_on_a_small_stack() {
        let drop_it = || {
            let (chain, dropped) = chain(1_000_000, None);
            drop(chain);
            assert_eq!(dropped.load(Ordering::Relaxed), 1_000_000);
        };
        std::thread::Builder::new().stack_size(64 << 10).spawn(drop_it).unwrap().join().unwrap();
    }

    #[test]
    fn a_drop_that_panics_leaves_nothing_behind() {
        let (chain, dropped) = chain(10, Some(5));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(chain))).is_err());
        assert_eq!(dropped.load(Ordering::Relaxed), 10);
        let (chain, dropped) = self::chain(10, None);
        drop(chain);
        assert_eq!(dropped.load(Ordering::Relaxed), 10);
    }
}
