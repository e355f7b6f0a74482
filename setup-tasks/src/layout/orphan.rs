//! Objects that the store knows and the layout no longer has, and the removal of what they left.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Layout;
use crate::error_help;
use crate::lease::{HeldLease, LeaseError, acquire};
use crate::object::{AnyObject, nested};
use crate::paths::{PathError, normal_subdir};
use crate::private_dir::PrivateDir;
use crate::stamp::{Change, StampError, StampStore, StoredObject};
use crate::work::WorkContext;

/// An object that the store knows and the layout no longer has: [`Layout::orphans`]. A retired object
/// that is down can be pruned in the same way: [`Layout::orphans_named`].
#[derive(Clone, Debug)]
pub struct Orphan {
    layout: Layout,
    id: Arc<str>,
    subdir: Arc<str>,
    type_name: Option<String>,
    /// Whether stamps, cache or logs are left.
    is_left: bool,
    has_state: bool,
}

/// The reason why an object cannot be pruned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// Another process holds the lease of the object.
    #[error("`{object}` stays: it is held by {holder}{}", doing.as_ref().map(|doing| format!(", which {doing}")).unwrap_or_default())]
    Held {
        /// The id of the object.
        object: String,
        /// The holder.
        holder: String,
        /// The holder's current work, as the rest of the sentence.
        doing: Option<String>,
    },
    /// The layout has an object in the same place.
    #[error("`{object}` stays: the layout has an object with the subdir `{subdir}`")]
    Present {
        /// The id of the object.
        object: String,
        /// The subdir of both.
        subdir: String,
    },
    /// Nothing is removed because this is a dry run.
    #[error("`{object}` stays: this is a dry run")]
    DryRun {
        /// The id of the object.
        object: String,
    },
    /// The lease of the object cannot be taken, or was lost.
    #[error(transparent)]
    Lease(#[from] Arc<LeaseError>),
    /// The store failed.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// A directory of the object cannot be looked at or removed.
    #[error(transparent)]
    Path(#[from] PathError),
}

error_help!(PruneError);

impl PruneError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Held { .. } => Some("wait for it to end or stop it, and prune again".into()),
            Self::Present { .. } => Some("take the object out of the layout first".into()),
            Self::DryRun { .. } => Some("leave out `dry_run` in the configuration".into()),
            Self::Lease(error) => error.help(),
            Self::Stamp(error) => error.help(),
            Self::Path(error) => error.help(),
        }
    }
}

impl Layout {
    /// Returns the objects that are known from earlier runs and are no longer in the layout, sorted
    /// by id. Something of each of them is left: stamps, cache, logs or state. Their directories
    /// are looked for under the directories of the layout's configuration.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn orphans(&self) -> Result<Vec<Orphan>, StampError> {
        let stored = self.store().objects().await?;
        let subdirs: Vec<_> = stored.iter().map(|object| object.subdir.as_str()).collect();
        let mut orphans = Vec::new();
        for object in &stored {
            // No object can have had another spelling of a subdir.
            let is_plain = normal_subdir(&object.subdir).is_ok_and(|normal| normal == object.subdir);
            if is_plain && !self.has_subdir(&object.subdir) && !self.is_claimed(object).await? {
                orphans.extend(self.orphan(object, &subdirs).await?);
            }
        }
        orphans.sort_by(|a, b| (&a.id, &a.subdir).cmp(&(&b.id, &b.subdir)));
        Ok(orphans)
    }

    /// Returns the retired objects of the layout that are down and have left something, sorted by id.
    pub(crate) async fn retired_left(&self) -> Result<Vec<Orphan>, StampError> {
        let retired: Vec<_> = self.all().into_iter().filter(AnyObject::is_retired).collect();
        let mut left = Vec::new();
        for object in &retired {
            let (subdir, id) = (object.stamp_subdir().to_owned(), object.id());
            if self.store().load(&subdir).await?.is_empty() {
                let stored = StoredObject::new(subdir).identified(id, object.type_name());
                left.extend(self.orphan(&stored, &[]).await?);
            }
        }
        left.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(left)
    }

    /// Returns whether an object of the layout takes over what the stored object has.
    async fn is_claimed(&self, object: &StoredObject) -> Result<bool, StampError> {
        let claimant = {
            let objects = self.objects();
            let names = [Some(&object.subdir), object.id.as_ref()];
            let at = names.into_iter().flatten().find_map(|name| objects.former.get(&**name));
            at.map(|&at| objects.all[at].clone())
        };
        let Some(claimant) = claimant else { return Ok(false) };
        let mode = self.mode_for(WorkContext::mode_now());
        Ok(claimant.0.core().pending_from(mode).await?.is_some_and(|from| *from == *object.subdir))
    }

    /// Returns the subdirs of all objects of the layout and of the store.
    pub(crate) async fn other_subdirs(&self, store: &dyn StampStore) -> Result<Vec<Arc<str>>, StampError> {
        let mut subdirs = self.subdirs();
        subdirs.extend(store.objects().await?.into_iter().map(|object| Arc::from(object.subdir)));
        Ok(subdirs)
    }

    /// Returns an object that is not in the layout, or `None` if nothing of it is left.
    async fn orphan(&self, object: &StoredObject, all: &[&str]) -> Result<Option<Orphan>, StampError> {
        let StoredObject { subdir, id, type_name } = object;
        let keep = nested(subdir, all.iter().copied());
        // A directory that cannot be read is left, too. The error shows when it is pruned.
        let has = |root: &Path| has_files(root, subdir, &keep).unwrap_or(true);
        let config = self.config();
        let has_records = !self.store().load(subdir).await?.is_empty();
        let is_left = has_records || has(&config.cache_dir()) || has(&config.log_dir());
        let has_state = has(&config.state_dir());
        let (subdir, id) = (Arc::from(&**subdir), Arc::from(id.as_deref().unwrap_or(subdir)));
        let orphan = Orphan { layout: self.clone(), id, subdir, type_name: type_name.clone(), is_left, has_state };
        Ok((is_left || has_state).then_some(orphan))
    }
}

impl Orphan {
    /// Returns the id that the object had, or its subdir if the id is unknown.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the `stamp_subdir` that the object had.
    pub fn stamp_subdir(&self) -> &str {
        &self.subdir
    }

    /// Returns the name of the type that the object had, if it is known.
    pub fn type_name(&self) -> Option<&str> {
        self.type_name.as_deref()
    }

    /// Returns whether stamps, cache or logs of the object are left. Otherwise only its state is.
    pub fn is_left(&self) -> bool {
        self.is_left
    }

    /// Returns whether the state of the object is left.
    pub fn has_state(&self) -> bool {
        self.has_state
    }

    /// Removes the stamps, the cache and the logs of the object. The history stays, and so do the
    /// directories of other objects within those of this one. No link is followed, and nothing is
    /// undone.
    ///
    /// The stamps are removed first, and the store forgets the object last. After an interruption,
    /// the object is therefore still known, and can be pruned again.
    ///
    /// # Errors
    ///
    /// If another process holds the object's lease, in a dry run, or if something cannot be
    /// removed.
    pub async fn prune(&self) -> Result<(), PruneError> {
        let config = self.layout.config();
        self.prune_below(&[config.log_dir(), config.cache_dir()]).await
    }

    /// Removes the state of the object as well. See [`prune`](Self::prune).
    ///
    /// # Errors
    ///
    /// As for [`prune`](Self::prune).
    pub async fn prune_with_state(&self) -> Result<(), PruneError> {
        let config = self.layout.config();
        self.prune_below(&[config.log_dir(), config.cache_dir(), config.state_dir()]).await
    }

    /// Removes the records, and the object's directories below the roots.
    async fn prune_below(&self, roots: &[PathBuf]) -> Result<(), PruneError> {
        let layout = &self.layout;
        if layout.is_dry_run() {
            return Err(PruneError::DryRun { object: self.id.to_string() });
        }
        let lease = self.lease().await?;
        let store = layout.store();
        let is_gone = match layout.at_subdir(&self.subdir) {
            None => true,
            Some(object) => object.is_retired() && store.load(&self.subdir).await?.is_empty(),
        };
        if !is_gone {
            let (object, subdir) = (self.id.to_string(), self.subdir.to_string());
            return Err(PruneError::Present { object, subdir });
        }
        if !store.load(&self.subdir).await?.is_empty() {
            store.write(&self.subdir, lease.fence(), vec![Change::Clear]).await?;
        }
        let others = layout.other_subdirs(store).await?;
        let keep = nested(&self.subdir, others.iter().map(|other| &**other));
        let is_kept = |subdir: &str| layout.has_subdir(subdir) || others.iter().any(|other| **other == *subdir);
        roots.iter().try_for_each(|root| remove(root, &self.subdir, &keep, is_kept))?;
        if !has_files(&layout.config().state_dir(), &self.subdir, &keep)? {
            store.write(&self.subdir, lease.fence(), vec![Change::Retire]).await?;
        }
        Ok(lease.check().await?)
    }

    async fn lease(&self) -> Result<HeldLease, PruneError> {
        let (leases, renewals) = self.layout.leases();
        let acquired = acquire(leases, renewals, (&self.id, &self.subdir)).await.map_err(Arc::new)?;
        acquired.map_err(|holder| PruneError::Held {
            object: self.id.to_string(),
            holder: holder.name,
            doing: holder.doing,
        })
    }
}

fn paths(keep: &[PathBuf]) -> Vec<&Path> {
    keep.iter().map(PathBuf::as_path).collect()
}

/// Returns whether the object has a directory under `root` that holds more than the directories
/// `keep`. An empty directory counts, since an interrupted removal leaves it.
fn has_files(root: &Path, subdir: &str, keep: &[PathBuf]) -> Result<bool, PathError> {
    let look = || -> io::Result<bool> {
        let Some(root) = PrivateDir::open(root)? else { return Ok(false) };
        root.find(subdir)?.map_or(Ok(false), |directory| Ok(keep.is_empty() || directory.has_own(&paths(keep))?))
    };
    look().map_err(|source| PathError::Io { action: "read the directory", path: root.join(subdir), source })
}

/// Removes the object's directory under `root` except the directories `keep`, and then the parents
/// that are empty and belong to no other object.
fn remove(root: &Path, subdir: &str, keep: &[PathBuf], is_kept: impl Fn(&str) -> bool) -> Result<(), PathError> {
    let remove = || -> io::Result<()> {
        let Some(root) = PrivateDir::open(root)? else { return Ok(()) };
        let Some(directory) = root.find(subdir)? else { return Ok(()) };
        directory.clear(&paths(keep))?;
        root.remove_empty_upwards(subdir, is_kept)
    };
    remove().map_err(|source| PathError::Io { action: "remove", path: root.join(subdir), source })
}
