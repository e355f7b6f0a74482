//! The queue of updates for open pages.
//!
//! Each update has a number. A page that comes back names the last number that it has seen, and receives all later updates. If
//! some of them are gone, it is told so and loads the state anew. All pages share the text of an update, so the memory does not
//! grow with their number.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

/// The number of updates that a connection can be behind.
const QUEUE: usize = 64;
/// The size of the texts that are kept for pages that come back.
const KEPT_BYTES: usize = 4 * 1024 * 1024;
/// The number of updates that are kept for pages that come back.
const KEPT: usize = 1024;

/// An update. Its text is a JSON value.
#[derive(Debug, PartialEq)]
pub(crate) struct Update {
    pub(crate) number: u64,
    pub(crate) text: String,
}

/// The updates of this process.
#[derive(Debug)]
pub(crate) struct Updates {
    /// The name of this process in the ids of updates. The numbers of another process mean nothing here.
    epoch: String,
    kept: Mutex<Kept>,
    sender: broadcast::Sender<Arc<Update>>,
}

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    updates: VecDeque<Arc<Update>>,
    bytes: usize,
}

/// The updates of one connection.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Whether updates since the last one that the page has seen are gone.
    pub(crate) missed: bool,
    /// The updates since then.
    pub(crate) backlog: VecDeque<Arc<Update>>,
    /// The number of the last update before the subscription.
    pub(crate) last: u64,
    pub(crate) receiver: broadcast::Receiver<Arc<Update>>,
}

impl Updates {
    pub(crate) fn new(epoch: String) -> Self {
        Self { epoch, kept: Mutex::default(), sender: broadcast::channel(QUEUE).0 }
    }

    /// Returns the id of the last update.
    pub(crate) fn last_id(&self) -> String {
        self.id(self.kept().last)
    }

    /// Returns the id of an update.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.epoch)
    }

    /// Returns the number of connections.
    pub(crate) fn connections(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Sends an update to all connections, and keeps it for pages that come back.
    pub(crate) fn publish(&self, text: String) {
        let mut kept = self.kept();
        kept.last += 1;
        kept.bytes += text.len();
        let update = Arc::new(Update { number: kept.last, text });
        kept.updates.push_back(update.clone());
        while kept.bytes > KEPT_BYTES || kept.updates.len() > KEPT {
            let Some(old) = kept.updates.pop_front() else { break };
            kept.bytes -= old.text.len();
        }
        // The error means that no page is open. The lock is still held, so that no subscription misses the update.
        let _ = self.sender.send(update);
    }

    /// Subscribes to all updates after the one with an id. Without an id, subscribes to later updates.
    pub(crate) fn subscribe(&self, after: Option<&str>) -> Subscription {
        let kept = self.kept();
        let receiver = self.sender.subscribe();
        let last = kept.last;
        let Some(after) = after else {
            return Subscription { missed: false, backlog: VecDeque::new(), last, receiver };
        };
        let number = after.strip_prefix(&*self.epoch).and_then(|rest| rest.strip_prefix('-')?.parse::<u64>().ok());
        let number = number.filter(|number| *number <= kept.last);
        let first = kept.updates.front().map_or(kept.last + 1, |update| update.number);
        let Some(number) = number.filter(|number| number + 1 >= first) else {
            return Subscription { missed: true, backlog: VecDeque::new(), last, receiver };
        };
        let backlog = kept.updates.iter().filter(|update| update.number > number).cloned().collect();
        Subscription { missed: false, backlog, last, receiver }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(subscription: &Subscription) -> Vec<u64> {
        subscription.backlog.iter().map(|update| update.number).collect()
    }

    #[test]
    fn a_page_that_comes_back_receives_all_updates_since_its_last_one() {
        let updates = Updates::new("a".into());
        (1..=5).for_each(|n| updates.publish(n.to_string()));
        let back = updates.subscribe(Some("a-3"));
        assert_eq!((numbers(&back), back.missed), (vec![4, 5], false));
        let current = updates.subscribe(Some(&updates.last_id()));
        assert!(current.backlog.is_empty() && !current.missed);
    }

    #[test]
    fn a_page_is_told_that_it_has_missed_updates() {
        let updates = Updates::new("a".into());
        (0..KEPT + 10).for_each(|n| updates.publish(n.to_string()));
        assert!(updates.subscribe(Some("a-5")).missed, "its updates are gone");
        assert!(!updates.subscribe(Some("a-10")).missed, "the first one that is kept follows");
        for id in ["b-5", "a-99999", "a-", "", "a", "a--1", "\n"] {
            assert!(updates.subscribe(Some(id)).missed, "{id:?} is not an update of this process");
        }
    }

    #[test]
    fn memory_is_bounded_by_the_size_of_the_texts() {
        let updates = Updates::new("a".into());
        (0..100).for_each(|_| updates.publish("x".repeat(KEPT_BYTES / 10)));
        let kept = updates.kept();
        assert!(kept.bytes <= KEPT_BYTES && kept.updates.len() <= 10, "{} bytes", kept.bytes);
    }

    #[tokio::test]
    async fn a_slow_connection_knows_how_many_it_has_missed() {
        let updates = Updates::new("a".into());
        let mut slow = updates.subscribe(None).receiver;
        (0..QUEUE + 6).for_each(|n| updates.publish(n.to_string()));
        assert_eq!(slow.recv().await, Err(broadcast::error::RecvError::Lagged(6)));
        assert_eq!(slow.recv().await.unwrap().number, 7);
    }
}
