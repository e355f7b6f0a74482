//! Tests with a model checker, which tries random interleavings of threads:
//! `cargo test -p setup-tasks --lib --features __shuttle shuttle_`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::block_on;
use shuttle::{check_pct, check_random, thread};

use super::{RequestId, SharedOnce, WorkContext};
use crate::wait::{WaitNode, WorkKind};

/// The number of interleavings per test and scheduler.
const ORDERS: usize = 5000;

fn nodes(count: usize) -> Vec<WaitNode> {
    (0..count).map(|i| WaitNode::new(WorkKind::Run, i.to_string().into())).collect()
}

/// Enters all waits at the same time, each in its own thread. Returns for each wait whether it was
/// refused because of a circle.
fn wait_at_once(count: usize, waits: &'static [(usize, usize)]) -> Vec<bool> {
    let nodes = nodes(count);
    let threads: Vec<_> = waits
        .iter()
        .map(|&(from, to)| {
            let (from, to) = (nodes[from].clone(), nodes[to].clone());
            let wait = async move { to.wait(&WorkContext::get()) };
            thread::spawn(move || block_on(WorkContext::default().within(&from, RequestId::new(), wait)))
        })
        .collect();
    // No wait ends before all have been entered.
    let waits: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    waits.iter().map(Result::is_err).collect()
}

fn check(test: impl Fn() + Send + Sync + Copy + 'static) {
    check_random(test, ORDERS);
    check_pct(test, ORDERS, 3);
}

#[test]
fn shuttle_at_least_one_wait_of_a_circle_is_refused() {
    check(|| assert!(wait_at_once(2, &[(0, 1), (1, 0)]).contains(&true)));
    check(|| assert!(wait_at_once(3, &[(0, 1), (1, 2), (2, 0)]).contains(&true)));
    check(|| assert!(wait_at_once(4, &[(0, 1), (1, 2), (2, 3), (3, 1)]).contains(&true)));
}

#[test]
fn shuttle_waits_without_a_circle_are_never_refused() {
    check(|| assert!(!wait_at_once(3, &[(0, 1), (1, 2), (0, 2)]).contains(&true)));
    check(|| assert!(!wait_at_once(4, &[(0, 1), (1, 3), (0, 2), (2, 3)]).contains(&true)));
}

#[test]
fn shuttle_concurrent_callers_share_one_result() {
    check(|| {
        let (once, times) =
            (Arc::new(SharedOnce::new(WorkKind::Factory, "value".into())), Arc::new(AtomicUsize::new(0)));
        let ask = |_| {
            let (once, times) = (once.clone(), times.clone());
            thread::spawn(move || {
                let make = || -> crate::BoxFuture<'static, anyhow::Result<usize>> {
                    Box::pin(async move {
                        shuttle::future::yield_now().await;
                        Ok(times.fetch_add(1, Ordering::Relaxed) + 1)
                    })
                };
                block_on(once.get(&WorkContext::default(), make)).unwrap()
            })
        };
        let threads: Vec<_> = (0..3).map(ask).collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 1));
    });
}
