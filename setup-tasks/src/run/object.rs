//! The methods of objects that need the engine. The types of objects do not depend on it.

use super::mark_done::{ManualStamp, write_manual_stamp};

use super::{ObjectReport, Run, RunError, TaskSnapshot};
use crate::layout::Layout;
use crate::lease::{Holder, LeaseBreak, LeaseError};
use crate::object::{AnyObject, Object, Permit, SetupTasks};
use crate::stamp::{Change, Stamp, StampError};

impl AnyObject {
    /// Runs the setup tasks as [`Object::run_setup_tasks`] does. The options name tasks by text.
    pub fn run_setup_tasks(&self) -> Run<Self> {
        Run::new(self.0.clone())
    }

    /// Returns the state of each task according to its stamp. This is cheap because no method is
    /// called.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be read.
    pub async fn peek(&self) -> Result<Vec<TaskSnapshot>, StampError> {
        super::peek::peek(&self.0).await
    }

    /// Returns for each task whether it would run now, and why.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`run_setup_tasks`](Self::run_setup_tasks).
    pub async fn plan(&self) -> Result<ObjectReport, RunError> {
        self.run_setup_tasks().dry_run().await
    }

    /// Writes a stamp, which marks its name as done.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be written.
    pub async fn create_stamp(&self, name: &str, contents: &str) -> Result<Stamp, StampError> {
        let core = self.0.core();
        let permit = Permit::to_stamp(core)?;
        let hash = core.layout.texts().keep(contents.to_owned(), true)?;
        write_manual_stamp(&*self.0, &permit, None, name, ManualStamp { hash, ..ManualStamp::default() }).await
    }

    /// Removes a stamp. A missing stamp is not an error.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be written.
    pub async fn delete_stamp(&self, name: &str) -> Result<(), StampError> {
        let core = self.0.core();
        if core.load().await?.get(name).is_none() {
            return Ok(());
        }
        core.change(&Permit::to_stamp(core)?, None, Change::Forget { task: name.to_owned() }).await
    }

    /// Removes the stamps and all files under [`stamp_path`](Self::stamp_path), so that every task
    /// runs again. The state, the logs and the directories of other objects of the layout stay. The
    /// stamps are removed first, so no stamp vouches for a file that is gone.
    ///
    /// # Errors
    ///
    /// Returns an error if the object is readonly, if the stamp path leads out of the cache
    /// directory, or if something cannot be removed.
    pub async fn clear_stamps_and_cache(&self) -> Result<(), RunError> {
        crate::run::clear(&self.0).await
    }

    /// Returns the holder of the object's lease, or `None` if nothing runs the object.
    ///
    /// # Errors
    ///
    /// Returns an error if the leases cannot be accessed.
    pub async fn holder(&self) -> Result<Option<Holder>, LeaseError> {
        let core = self.0.core();
        core.layout.leases().0.holder(&core.subdir).await.map_err(|error| error.about(&core.id))
    }

    /// Breaks the object's lease if the holder has ended. Locks of files need this where machines
    /// share the cache directory and its file system keeps the lock of a process that died.
    ///
    /// # Errors
    ///
    /// Returns [`LeaseError::Alive`] if the holder runs, [`LeaseError::Unknown`] if nothing proves
    /// that it has ended because it is in another container or on another machine, or an error of
    /// the leases.
    pub async fn break_lease(&self) -> Result<LeaseBreak, LeaseError> {
        self.break_lease_if(None).await
    }

    /// Breaks the lease as [`break_lease`](Self::break_lease) does, and also if the holder is on the
    /// machine `host`, which the caller knows to be gone. A process on this machine keeps its
    /// lease, whatever the name of its container is.
    ///
    /// # Errors
    ///
    /// Returns the errors of that method.
    pub async fn break_lease_of(&self, host: &str) -> Result<LeaseBreak, LeaseError> {
        self.break_lease_if(Some(host)).await
    }

    async fn break_lease_if(&self, gone: Option<&str>) -> Result<LeaseBreak, LeaseError> {
        let core = self.0.core();
        if core.is_dry_run() {
            return Err(LeaseError::DryRun { object: core.id.to_string() });
        }
        core.layout.leases().0.break_lease(&core.subdir, gone).await.map_err(|error| error.about(&core.id))
    }
}

impl Layout {
    /// Returns the holders of the objects' leases, in the order of the objects. An entry is `None` if
    /// nothing runs the object.
    ///
    /// # Errors
    ///
    /// Returns an error if the leases cannot be accessed.
    pub async fn holders(&self, objects: &[AnyObject]) -> Result<Vec<Option<Holder>>, LeaseError> {
        let subdirs: Vec<_> = objects.iter().map(AnyObject::stamp_subdir).collect();
        self.leases().0.holders(&subdirs).await
    }
}

impl<T: SetupTasks> Object<T> {
    /// Runs the setup tasks that must run, in order. The run starts when it is awaited. See [`Run`]
    /// for its options.
    pub fn run_setup_tasks(&self) -> Run<T> {
        Run::new(self.as_dyn().clone())
    }

    /// Writes a stamp, as [`AnyObject::create_stamp`] does.
    ///
    /// # Errors
    ///
    /// Returns the errors of that method.
    pub async fn create_stamp(&self, name: &str, contents: &str) -> Result<Stamp, StampError> {
        self.as_any().create_stamp(name, contents).await
    }

    /// Removes a stamp, as [`AnyObject::delete_stamp`] does.
    ///
    /// # Errors
    ///
    /// Returns the errors of that method.
    pub async fn delete_stamp(&self, name: &str) -> Result<(), StampError> {
        self.as_any().delete_stamp(name).await
    }

    /// Removes all stamps and the cache, as [`AnyObject::clear_stamps_and_cache`] does.
    ///
    /// # Errors
    ///
    /// Returns the errors of that method.
    pub async fn clear_stamps_and_cache(&self) -> Result<(), RunError> {
        self.as_any().clear_stamps_and_cache().await
    }
}
