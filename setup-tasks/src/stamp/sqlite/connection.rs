//! The connection for writing, with its current settings.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::super::StampError;
use super::database::{BUSY, begin_empty_log, create, explain};

/// The thread that commits. A commit on the thread of a caller never blocks.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Committer {
    Caller,
    Background,
}

/// The connection for writing.
pub(super) struct WriteConnection {
    pub(super) connection: Connection,
    syncs: bool,
    committer: Committer,
    /// Whether the connection was closed because its files are not in their place any more.
    pub(super) is_lost: bool,
}

impl WriteConnection {
    /// Opens the database, creates it if it is missing, and begins its log. Each commit stores the
    /// length of the log in `log_pages`.
    pub(super) fn new(path: &Path, durable: bool, log_pages: Arc<AtomicI32>) -> Result<Self, StampError> {
        let connection = create(path, durable)?;
        // This replaces `SQLite`'s own hook, which runs a checkpoint on the thread of the commit.
        let note_pages = move |_: &mut rusqlite::hooks::Wal, now| {
            log_pages.store(now, Ordering::Relaxed);
            Ok(())
        };
        let mut opened = Self { connection, syncs: durable, committer: Committer::Background, is_lost: false };
        opened.connection.wal_hook(Some(note_pages)).map_err(|error| explain(path, &error))?;
        opened.begin_log(|connection| begin_empty_log(path, connection));
        Ok(opened)
    }

    /// Closes the database. All connections of a process share their knowledge of its files, so none may stay open.
    pub(super) fn lose(&mut self) {
        self.is_lost = true;
        if let Ok(empty) = Connection::open_in_memory() {
            self.connection = empty;
        }
    }

    /// Writes a frame that changes nothing. `SQLite` syncs the first frame of a log, and no caller
    /// should wait for that sync.
    pub(super) fn begin_log(&mut self, write: impl FnOnce(&Connection) -> rusqlite::Result<()>) {
        // If another process is writing, it begins the log.
        let begun = self.configure(false, Committer::Caller).and_then(|()| write(&self.connection));
        if let Err(error) = begun {
            tracing::debug!("the next change begins the log: {error}");
        }
    }

    /// Sets whether the next commits are synced to the disk, and whether they wait for another process.
    pub(super) fn configure(&mut self, syncs: bool, committer: Committer) -> rusqlite::Result<()> {
        if self.syncs != syncs {
            self.connection.pragma_update(None, "synchronous", if syncs { "FULL" } else { "NORMAL" })?;
            self.syncs = syncs;
        }
        if self.committer != committer {
            self.connection.busy_timeout(if committer == Committer::Caller { Duration::ZERO } else { BUSY })?;
            self.committer = committer;
        }
        Ok(())
    }
}
