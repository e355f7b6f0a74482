//! The machine, as resources see it: its files, programs, accounts and facts.

mod accounts;
mod blobs;
mod facts;
mod file;
mod paths;
mod program;
mod walk;

#[cfg(test)]
mod tests;

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use accounts::{Account, AccountGroup};
pub(crate) use blobs::{Blobs, Receiving};
pub use file::{Attributes, Kind, Stat};
pub(crate) use file::{Draft, hash_of};
pub use paths::{MAX_READ, Source};
pub use program::{FarCommand, Invocation, ProgramOutput, Programs, Running};
pub(crate) use program::{NoPrograms, SystemPrograms, path_variable};
pub(crate) use walk::Root;

use crate::Result;
use crate::process::Cancel;
use crate::protocol::{Cause, Facts, Failure, Hash, Stream};

/// A function that receives the output of programs.
pub(crate) type OutputSink = Arc<dyn Fn(Stream, &[u8]) -> bool + Send + Sync>;

/// The machine, as a resource sees it. Paths are paths of the machine, also where its root is a directory of another one.
///
/// ```
/// use setup_tasks_agent::far::{Attributes, Far};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let far = Far::in_directory(directory.path())?;
/// far.write("/motd", b"hello\n", Attributes::default())?;
/// assert_eq!(far.read("/motd")?.as_deref(), Some(&b"hello\n"[..]));
/// assert_eq!(std::fs::read(directory.path().join("motd"))?, b"hello\n");
/// # Ok(()) }
/// ```
pub struct Far {
    base: Arc<Base>,
    cancel: Cancel,
    output: Option<OutputSink>,
    cache: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    announced: BTreeMap<&'static str, BTreeSet<String>>,
}

/// The parts of a machine that all calls share.
pub(crate) struct Base {
    root: Root,
    owners: Option<Owners>,
    programs: Arc<dyn Programs>,
    blobs: Arc<Mutex<Blobs>>,
    facts: Facts,
}

/// Owners by inode, for a machine in a directory of an ordinary user, who cannot give files away.
type Owners = Arc<Mutex<HashMap<(u64, u64), (u32, u32)>>>;

impl Far {
    /// Opens this machine.
    ///
    /// # Errors
    ///
    /// The root directory cannot be opened.
    pub fn machine() -> io::Result<Self> {
        Self::new(Path::new("/"), None, Arc::new(SystemPrograms))
    }

    /// Opens a machine of which only the files exist, below a directory. Its programs cannot run. Unless this process is that of root, owners of files
    /// are only remembered, for as long as this value and its copies exist.
    ///
    /// # Errors
    ///
    /// The directory cannot be opened.
    pub fn in_directory(root: &Path) -> io::Result<Self> {
        Self::with_programs(root, Arc::new(NoPrograms))
    }

    /// Opens a machine of which the files exist below a directory, and the programs are functions of this process.
    ///
    /// # Errors
    ///
    /// The directory cannot be opened.
    pub fn with_programs(root: &Path, programs: Arc<dyn Programs>) -> io::Result<Self> {
        let owners = (!rustix::process::geteuid().is_root()).then(Owners::default);
        Self::new(root, owners, programs)
    }

    fn new(root: &Path, owners: Option<Owners>, programs: Arc<dyn Programs>) -> io::Result<Self> {
        let base = |facts| {
            let (owners, programs) = (owners.clone(), programs.clone());
            io::Result::Ok(Arc::new(Base { root: Root::open(root)?, owners, programs, blobs: Arc::default(), facts }))
        };
        let facts = facts::of(&base(Facts::default())?.for_call(Cancel::default(), None));
        Ok(base(facts)?.for_call(Cancel::default(), None))
    }

    /// Returns the same machine for another connection.
    #[doc(hidden)]
    #[must_use]
    pub fn for_another_connection(&self) -> Self {
        self.base.for_call(Cancel::default(), None)
    }

    /// Returns the parts that all calls share.
    pub(crate) fn into_base(self) -> Arc<Base> {
        self.base
    }

    /// Returns the same machine with a directory of it as root, which no link leads out of.
    pub(crate) fn rooted(&self, directory: &Path) -> Result<Self> {
        let root = self.base.root.directory(directory);
        let root =
            root.map_err(|error| Failure::new(format!("open the directory `{}`", directory.display()), error))?;
        let Base { owners, programs, blobs, facts, .. } = &*self.base;
        let (owners, programs, blobs, facts) = (owners.clone(), programs.clone(), blobs.clone(), facts.clone());
        let base = Arc::new(Base { root, owners, programs, blobs, facts });
        Ok(base.for_call(self.cancel.clone(), self.output.clone()))
    }

    /// Replaces the facts about the machine, for tests.
    #[must_use]
    pub fn with_facts(self, facts: Facts) -> Self {
        let Base { root, owners, programs, blobs, .. } = &*self.base;
        let (root, owners, programs, blobs) = (root.clone(), owners.clone(), programs.clone(), blobs.clone());
        let base = Arc::new(Base { root, owners, programs, blobs, facts });
        Self { base, ..self }
    }

    /// Returns the facts about the machine.
    pub fn facts(&self) -> &Facts {
        &self.base.facts
    }

    /// Returns the same machine for the same call.
    pub(crate) fn same(&self) -> Self {
        self.base.for_call(self.cancel.clone(), self.output.clone())
    }

    /// Returns the directory of this machine that is the root of the other one.
    pub(crate) fn root(&self) -> &Path {
        self.base.root.path()
    }

    /// Returns whether this is all of a machine, and not a directory.
    pub fn is_whole(&self) -> bool {
        self.base.root.path() == Path::new("/")
    }

    /// Returns an error if the call was cancelled. Long changes check this between their steps.
    ///
    /// # Errors
    ///
    /// The call was cancelled.
    pub fn check_cancelled(&self, tried: &str) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Failure::new(tried, Cause::Cancelled)) } else { Ok(()) }
    }

    /// Writes a line to the log of the task.
    pub fn note(&self, line: &str) {
        if let Some(output) = &self.output {
            output(Stream::Output, line.as_bytes());
        }
    }

    /// Returns a value that several resources of a call share, such as the list of installed packages. It is made once, and again after a
    /// change.
    ///
    /// # Errors
    ///
    /// The value cannot be made.
    pub fn shared<T: Send + Sync + 'static>(&mut self, make: impl FnOnce(&mut Self) -> Result<T>) -> Result<Arc<T>> {
        if let Some(value) = self.cache.get(&TypeId::of::<T>()).and_then(|value| value.clone().downcast().ok()) {
            return Ok(value);
        }
        let value = Arc::new(make(self)?);
        self.cache.insert(TypeId::of::<T>(), value.clone());
        Ok(value)
    }

    /// Notes a name that an observation is going to need, such as a unit, so that one query can serve all of them.
    pub fn announce(&mut self, kind: &'static str, name: &str) {
        self.announced.entry(kind).or_default().insert(name.to_owned());
    }

    /// Returns the names that were [announced](Self::announce).
    pub fn announced(&self, kind: &'static str) -> BTreeSet<String> {
        self.announced.get(kind).cloned().unwrap_or_default()
    }

    /// Drops the [shared](Self::shared) values, since the machine changed.
    pub fn forget_shared(&mut self) {
        self.cache.clear();
    }

    /// Returns content that the controller transferred.
    pub(crate) fn blob(&self, hash: &Hash) -> Option<Arc<File>> {
        self.base.blobs.lock().unwrap_or_else(PoisonError::into_inner).get(hash)
    }
}

impl Base {
    /// Returns the machine for a call.
    pub(crate) fn for_call(self: &Arc<Self>, cancel: Cancel, output: Option<OutputSink>) -> Far {
        Far { base: self.clone(), cancel, output, cache: HashMap::new(), announced: BTreeMap::new() }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn blobs(&self) -> &Mutex<Blobs> {
        &self.blobs
    }

    pub(crate) fn programs(&self) -> &dyn Programs {
        &*self.programs
    }

    /// Returns the path of the machine's root.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }
}
