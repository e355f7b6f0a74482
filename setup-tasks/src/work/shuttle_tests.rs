//! Orders in which threads may come, tried at random by a model checker:
//! `cargo test -p setup-tasks --lib --features __shuttle shuttle_`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::block_on;
use shuttle::{check_pct, check_random, thread};

use super::{RequestId, SharedOnce, WorkContext};
use crate::wait::{WaitNode, WorkKind};

/// How many orders are tried.
const ORDERS: usize = 5000;

fn nodes(count: usize) -> Vec<WaitNode> {
    (0..count).map(|i| WaitNode::new(WorkKind::Run, i.to_string().into())).collect()
}

/// Each node waits for others at the same time, in a thread of its own; which of the waits were refused as a circle.
fn wait_at_once(count: usize, waits: &'static [(usize, usize)]) -> Vec<bool> {
    let nodes = nodes(count);
    let threads: Vec<_> = waits
        .iter()
        .map(|&(from, to)| {
            let (from, to) = (nodes[from].clone(), nodes[to].clone());
            let wait = async move { to.wait() };
            thread::spawn(move || block_on(WorkContext::default().within(&from, RequestId::new(), wait)))
        })
        .collect();
    // Waits last until all have begun.
    let waits: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    waits.iter().map(Result::is_err).collect()
}

fn check(test: impl Fn() + Send + Sync + Copy + 'static) {
    check_random(test, ORDERS);
    check_pct(test, ORDERS, 3);
}

#[test]
fn shuttle_of_waits_that_close_a_circle_at_least_one_is_refused() {
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
fn shuttle_what_many_ask_for_at_once_is_made_once() {
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
                block_on(once.get(make)).unwrap()
            })
        };
        let threads: Vec<_> = (0..3).map(ask).collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 1));
    });
}
