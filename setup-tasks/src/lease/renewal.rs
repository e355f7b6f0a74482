//! The thread that renews the leases of a layout, for leases with a time to live.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::LeaseError;
use super::held::Watched;

/// The leases that a layout renews. The thread ends when no lease is held, and the next lease starts another one.
#[derive(Default)]
pub(crate) struct Renewals(Arc<Mutex<Renewed>>);

#[derive(Default)]
struct Renewed {
    leases: Vec<Weak<Watched>>,
    has_thread: bool,
}

impl Renewals {
    /// Renews a lease at the interval `every` until the lease is dropped.
    pub(super) fn add(&self, lease: &Arc<Watched>, every: Duration) -> Result<(), LeaseError> {
        let mut renewed = lock(&self.0);
        renewed.leases.push(Arc::downgrade(lease));
        if !renewed.has_thread {
            let shared = self.0.clone();
            let thread = std::thread::Builder::new().name("setup-tasks leases".to_owned());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let started = runtime.and_then(|runtime| thread.spawn(move || runtime.block_on(work(&shared, every))));
            started.map_err(|error| LeaseError::Service { source: error.into() })?;
            renewed.has_thread = true;
        }
        Ok(())
    }
}

async fn work(shared: &Mutex<Renewed>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let leases: Vec<_> = {
            let mut renewed = lock(shared);
            renewed.leases.retain(|lease| lease.strong_count() > 0);
            if renewed.leases.is_empty() {
                renewed.has_thread = false;
                return;
            }
            renewed.leases.iter().filter_map(Weak::upgrade).collect()
        };
        let renewed = futures_util::future::join_all(leases.iter().map(|lease| lease.renew())).await;
        for error in renewed.into_iter().filter_map(Result::err) {
            tracing::warn!("a lease was not renewed: {error}");
        }
    }
}

fn lock(renewed: &Mutex<Renewed>) -> MutexGuard<'_, Renewed> {
    renewed.lock().unwrap_or_else(PoisonError::into_inner)
}
