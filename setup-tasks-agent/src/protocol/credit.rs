//! Credit for the data of a call, so that neither side must keep more than a window of it.

/// The greatest length of a chunk of data, in bytes.
pub const CHUNK: usize = 64 << 10;
/// The bytes that each direction of a call may send before it receives credit.
pub const INITIAL_CREDIT: u32 = 512 << 10;
/// The greatest credit of a sender. A peer that gives more and then reads nothing would make it keep more than this.
const MAX_CREDIT: usize = 8 << 20;

/// The bytes that the sender of data may still send.
///
/// ```
/// use setup_tasks_agent::protocol::{Credit, INITIAL_CREDIT};
///
/// let mut credit = Credit::default();
/// assert_eq!(credit.spend(1_000), 1_000);
/// assert_eq!(credit.spend(usize::MAX), INITIAL_CREDIT as usize - 1_000);
/// assert_eq!(credit.spend(1), 0);
/// credit.add(5);
/// assert_eq!(credit.spend(10), 5);
/// ```
#[derive(Debug)]
pub struct Credit(usize);

impl Default for Credit {
    fn default() -> Self {
        Self(INITIAL_CREDIT as usize)
    }
}

impl Credit {
    /// Takes up to `bytes`, and returns how many may be sent.
    pub fn spend(&mut self, bytes: usize) -> usize {
        let spent = bytes.min(self.0);
        self.0 -= spent;
        spent
    }

    /// Adds credit that the receiver gave, up to 8 MiB in all.
    pub fn add(&mut self, bytes: u32) {
        self.0 = self.0.saturating_add(bytes as usize).min(MAX_CREDIT);
    }
}

/// The bytes that the receiver of data has allowed.
#[derive(Debug)]
pub struct Allowance {
    allowed: usize,
    consumed: u32,
}

/// The peer sent more data than it had credit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("received more data than there was credit for")]
pub struct CreditExceeded;

impl Default for Allowance {
    fn default() -> Self {
        Self { allowed: INITIAL_CREDIT as usize, consumed: 0 }
    }
}

impl Allowance {
    /// Counts data that arrived.
    ///
    /// # Errors
    ///
    /// The peer had no credit for it. The connection should end.
    pub fn receive(&mut self, bytes: usize) -> Result<(), CreditExceeded> {
        self.allowed = self.allowed.checked_sub(bytes).ok_or(CreditExceeded)?;
        Ok(())
    }

    /// Counts data that was consumed. Returns credit to send to the peer, once it is worth a message.
    pub fn consume(&mut self, bytes: usize) -> Option<u32> {
        self.consumed += u32::try_from(bytes).unwrap_or(u32::MAX);
        if self.consumed < INITIAL_CREDIT / 2 {
            return None;
        }
        self.allowed += self.consumed as usize;
        Some(std::mem::take(&mut self.consumed))
    }
}
