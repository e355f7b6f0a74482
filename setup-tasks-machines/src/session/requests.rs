//! The requests of a connection on their way to the agent, some of which go out before its hello.

use tokio::sync::mpsc;

/// The greatest length of requests that go out before the hello, in bytes. A pipe takes as much, so that a write never waits.
const AHEAD: usize = 32 << 10;

/// The requests of a connection, in their order.
pub(crate) struct Requests {
    queue: mpsc::UnboundedReceiver<Vec<u8>>,
    /// The requests that were taken from the queue before the hello. They are sent again if the channel is replaced.
    ahead: Vec<Vec<u8>>,
    /// The number of those that the current channel has.
    sent: usize,
}

impl Requests {
    pub(super) fn new(queue: mpsc::UnboundedReceiver<Vec<u8>>) -> Self {
        Self { queue, ahead: Vec::new(), sent: 0 }
    }

    /// Sends all requests again, over a new channel or after the copy of the agent.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Waits for the next request that can go out before the hello. Returns `None` once nobody uses the connection.
    pub(crate) async fn ahead(&mut self) -> Option<&[u8]> {
        if self.sent == self.ahead.len() {
            if self.ahead.iter().map(Vec::len).sum::<usize>() >= AHEAD {
                return std::future::pending().await;
            }
            self.ahead.push(self.queue.recv().await?);
        }
        self.sent += 1;
        let request = &self.ahead[self.sent - 1];
        if request.len() > AHEAD {
            self.sent -= 1;
            return std::future::pending().await;
        }
        Some(request)
    }

    /// Waits for the next request after the hello. Returns `None` once nobody uses the connection, with the end of the input as the effect.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        if self.sent < self.ahead.len() {
            self.sent += 1;
            return Some(std::mem::take(&mut self.ahead[self.sent - 1]));
        }
        self.queue.recv().await
    }

    /// Returns whether no request is waiting.
    pub(super) fn is_empty(&self) -> bool {
        self.sent >= self.ahead.len() && self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(lengths: &[usize]) -> (mpsc::UnboundedSender<Vec<u8>>, Requests) {
        let (sender, queue) = mpsc::unbounded_channel();
        lengths
            .iter()
            .enumerate()
            .for_each(|(i, length)| sender.send(vec![u8::try_from(i).unwrap(); *length]).unwrap());
        (sender, Requests::new(queue))
    }

    /// Returns the number of the next request that goes ahead, or `None` if none does for now.
    async fn ahead(requests: &mut Requests) -> Option<u8> {
        tokio::select! {
            biased;
            request = requests.ahead() => Some(request.unwrap()[0]),
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn requests_go_ahead_up_to_the_limit_and_again_over_another_channel() {
        let (_sender, mut requests) = requests(&[10, AHEAD - 20, 10, 10]);
        for _ in 0..2 {
            requests.rewind();
            assert_eq!(ahead(&mut requests).await, Some(0));
            assert_eq!(ahead(&mut requests).await, Some(1));
            assert_eq!(ahead(&mut requests).await, Some(2));
            assert_eq!(ahead(&mut requests).await, None);
        }
        assert_eq!(requests.next().await.unwrap(), [3; 10]);
        assert!(requests.is_empty());
    }

    #[tokio::test]
    async fn what_a_channel_lost_is_sent_after_the_hello() {
        let (sender, mut requests) = requests(&[10, AHEAD + 1, 10]);
        assert_eq!(ahead(&mut requests).await, Some(0));
        assert_eq!(ahead(&mut requests).await, None, "a long request waits");
        requests.rewind();
        let mut order = Vec::new();
        drop(sender);
        while let Some(request) = requests.next().await {
            order.push(request[0]);
        }
        assert_eq!(order, [0, 1, 2]);
    }
}
