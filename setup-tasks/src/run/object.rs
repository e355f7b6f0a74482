//! The methods of objects that need the engine. An object itself knows nothing of runs.

use super::mark_done::{ByHand, stamp_by_hand};

use super::{ObjectReport, Run, RunError, TaskSnapshot};
use crate::lease::{Holder, LeaseError, LockBreak};
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

    /// Returns the holder of its lease, or `None` if nothing runs it.
    ///
    /// # Errors
    ///
    /// If the leases cannot be reached.
    pub async fn holder(&self) -> Result<Option<Holder>, LeaseError> {
        let core = self.0.core();
        core.layout.leases().0.holder(&core.subdir).await.map_err(|error| error.about(&core.id))
    }

    /// Breaks its lease if the holder has ended. Locks of files need this where machines share the cache directory and its file system
    /// keeps the lock of a process that died.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Alive`] if the holder runs; [`LeaseError::Unknown`] if nothing proves that it has ended, because it is in another
    /// container or on another machine; an error of the leases.
    pub async fn break_lock(&self) -> Result<LockBreak, LeaseError> {
        self.break_lease(None).await
    }

    /// As [`break_lock`](Self::break_lock), also if the holder is on the machine `host`, which the caller knows to be gone. A
    /// process on this machine keeps its lease, whatever its container is called.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn break_lock_of(&self, host: &str) -> Result<LockBreak, LeaseError> {
        self.break_lease(Some(host)).await
    }

    async fn break_lease(&self, gone: Option<&str>) -> Result<LockBreak, LeaseError> {
        let core = self.0.core();
        if core.is_dry_run() {
            return Err(LeaseError::DryRun { object: core.id.to_string() });
        }
        core.layout.leases().0.break_lease(&core.subdir, gone).await.map_err(|error| error.about(&core.id))
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
