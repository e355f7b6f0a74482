//! The methods of objects that need the engine. An object itself knows nothing of runs.

use super::lock::{LockBreak, LockError, break_lock};
use super::mark_done::{ByHand, stamp_by_hand};

use super::{ObjectReport, Run, RunError, TaskSnapshot};
use crate::object::{AnyObject, Object, Permit, SetupTasks};
use crate::stamp::{Change, Stamp, StampError};

impl AnyObject {
    /// Runs the setup tasks as [`Object::run_setup_tasks`] does. Its options name tasks by text.
    pub fn run_setup_tasks(&self) -> Run<Self> {
        Run::new(self.0.clone())
    }

    /// Returns for each task what its stamp shows. This is cheap, since no method is called.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn peek(&self) -> Result<Vec<TaskSnapshot>, StampError> {
        super::peek::peek(&self.0).await
    }

    /// Returns for each task whether it would run now, and why.
    ///
    /// # Errors
    ///
    /// As [`run_setup_tasks`](Self::run_setup_tasks).
    pub async fn plan(&self) -> Result<ObjectReport, RunError> {
        self.run_setup_tasks().dry_run().await
    }

    /// Writes a stamp, which declares something done.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub async fn create_stamp(&self, name: &str, contents: &str) -> Result<Stamp, StampError> {
        let core = self.0.core();
        let permit = Permit::to_stamp(core)?;
        let hash = core.layout.texts().keep(contents.to_owned(), true)?;
        stamp_by_hand(&*self.0, &permit, None, name, ByHand { hash, ..ByHand::default() }).await
    }

    /// Removes a stamp. A missing stamp is not an error.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub async fn delete_stamp(&self, name: &str) -> Result<(), StampError> {
        let core = self.0.core();
        if core.load().await?.get(name).is_none() {
            return Ok(());
        }
        core.change(&Permit::to_stamp(core)?, None, Change::Forget { task: name.to_owned() }).await
    }

    /// Removes the stamps and all files under [`stamp_path`](Self::stamp_path), so that every task runs again. The state and the
    /// logs stay, and so do the directories of other objects of the layout. The stamps are removed first, so no stamp vouches for a
    /// file that is gone.
    ///
    /// # Errors
    ///
    /// The object is read-only, the stamp path leads out of the cache directory, or something cannot be removed.
    pub async fn clear_stamps_and_cache(&self) -> Result<(), RunError> {
        crate::run::clear(&self.0).await
    }

    /// Breaks its lock, if its holder has ended: where machines share the cache directory, a file system may keep the lock of a
    /// process that died while it ran the object. Where the system frees locks, they go with their holder.
    ///
    /// # Errors
    ///
    /// [`LockError::Alive`](crate::run::LockError::Alive) if the holder runs,
    /// [`LockError::Unknown`](crate::run::LockError::Unknown) if nothing proves that it has ended: it is in another container or on
    /// another machine; if the lock's file cannot be replaced.
    pub fn break_lock(&self) -> Result<LockBreak, LockError> {
        self.break_lock_or(None)
    }

    /// As [`break_lock`](Self::break_lock), also if the holder is on the machine `host`, which the caller knows to be gone. A
    /// process on this machine keeps its lock, whatever its container is called.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn break_lock_of(&self, host: &str) -> Result<LockBreak, LockError> {
        self.break_lock_or(Some(host))
    }

    fn break_lock_or(&self, gone: Option<&str>) -> Result<LockBreak, LockError> {
        let core = self.0.core();
        if core.is_dry_run() {
            return Err(LockError::DryRun { object: core.id.to_string() });
        }
        break_lock(core.layout.locks(), (&core.id, &core.subdir), gone)
    }
}

impl<T: SetupTasks> Object<T> {
    /// Runs the setup tasks that must run, in order. See [`Run`] for its options. It does nothing until it is awaited.
    pub fn run_setup_tasks(&self) -> Run<T> {
        Run::new(self.as_dyn().clone())
    }

    /// Writes a stamp: [`AnyObject::create_stamp`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn create_stamp(&self, name: &str, contents: &str) -> Result<Stamp, StampError> {
        self.as_any().create_stamp(name, contents).await
    }

    /// Removes a stamp: [`AnyObject::delete_stamp`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn delete_stamp(&self, name: &str) -> Result<(), StampError> {
        self.as_any().delete_stamp(name).await
    }

    /// Removes all stamps and the cache: [`AnyObject::clear_stamps_and_cache`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn clear_stamps_and_cache(&self) -> Result<(), RunError> {
        self.as_any().clear_stamps_and_cache().await
    }
}
