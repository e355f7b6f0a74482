//! The files from which a layout is built, and the inputs of its tasks, watched for changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use setup_tasks::inspect::ObjectTaskInspector;
use setup_tasks::stamp::PathPattern;
use setup_tasks::{Layout, Result, error_help};
use tokio::sync::mpsc;

/// The time that inputs must stay unchanged before a run. Writing a file takes several steps.
const QUIET: Duration = Duration::from_millis(200);

/// The inputs, their state, and a watcher that reports possible changes. An event may mean only that a file was opened, so the
/// state decides.
#[derive(Debug)]
pub struct Watched {
    files: BTreeSet<PathBuf>,
    patterns: BTreeSet<InputPattern>,
    states: States,
    watching: BTreeSet<(PathBuf, bool)>,
    events: mpsc::Receiver<notify::Result<()>>,
    watcher: RecommendedWatcher,
}

/// A pattern of input files, or a directory with input files.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct InputPattern {
    /// The directory that contains all of them.
    root: PathBuf,
    base: PathBuf,
    pattern: PathPattern,
}

/// The modification time, size and inode of each file.
type States = BTreeMap<PathBuf, (Option<SystemTime>, u64, u64)>;

/// The error of a layout whose tasks have no inputs.
#[derive(Debug, thiserror::Error)]
#[error("there is nothing to watch: no task declares inputs")]
struct NothingToWatch;

error_help!(NothingToWatch);

impl NothingToWatch {
    fn help(_: &Self) -> &'static str {
        "give tasks `inputs = […]`, or name the site's file with `Layout::add_source`"
    }
}

impl Watched {
    /// Starts to watch the sources of a layout and the inputs of its tasks.
    ///
    /// # Errors
    ///
    /// If there are none, or if the system refuses to watch them.
    pub fn of(layout: &Layout) -> Result<Self> {
        let base = &layout.config().base_dir;
        let mut files = layout.sources().iter().map(|source| absolute(source)).collect::<Result<BTreeSet<_>>>()?;
        let mut patterns = BTreeSet::new();
        for input in inputs(layout) {
            let path = base.join(input.root());
            if input.is_path() && !path.is_dir() {
                files.insert(absolute(&path)?);
            } else {
                patterns.insert(InputPattern::new(base, input)?);
            }
        }
        if files.is_empty() && patterns.is_empty() {
            return Err(NothingToWatch.into());
        }
        let (told, events) = mpsc::channel(1);
        // The channel holds one event, which stands for all others. The receiver may be gone at the end.
        let tell = move |event: notify::Result<_>| drop(told.try_send(event.map(drop)));
        let watcher = notify::recommended_watcher(tell).context("cannot watch files")?;
        let (states, watching) = (States::new(), BTreeSet::new());
        let mut made = Self { files, patterns, states, watching, events, watcher };
        made.watch()?;
        made.states = made.look();
        Ok(made)
    }

    /// Watches the existing directories of inputs. Files are not watched themselves, because editors replace them.
    fn watch(&mut self) -> Result<()> {
        let files = self.files.iter().map(|file| (parent(file), false));
        let roots: Vec<_> = files.chain(self.patterns.iter().map(|pattern| (pattern.root.clone(), true))).collect();
        for (root, deep) in roots {
            let existing = root.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned();
            // A missing directory is found through its nearest existing parent.
            let deep = deep && existing == root;
            if !self.watching.contains(&(existing.clone(), deep)) {
                let mode = if deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
                let watching = self.watcher.watch(&existing, mode);
                watching.with_context(|| format!("cannot watch `{}`", existing.display()))?;
                self.watching.insert((existing, deep));
            }
        }
        Ok(())
    }

    /// Returns the current state of the inputs.
    fn look(&self) -> States {
        let mut paths: Vec<_> = self.files.iter().cloned().collect();
        for pattern in &self.patterns {
            // The run reports files that cannot be read.
            paths.extend(pattern.pattern.files(&pattern.base).unwrap_or_default());
        }
        let state = |path: PathBuf| {
            let meta = std::fs::metadata(&path).ok()?;
            Some((path, (meta.modified().ok(), meta.len(), inode(&meta))))
        };
        paths.into_iter().filter_map(state).collect()
    }

    /// Returns the state of the inputs after it has stayed the same for a while.
    async fn settled(&self) -> States {
        let mut now = self.look();
        let mut before = self.states.clone();
        while now != before {
            tokio::time::sleep(QUIET).await;
            before = now;
            now = self.look();
        }
        now
    }

    /// Waits until inputs change, and returns the changed paths.
    ///
    /// # Errors
    ///
    /// If the files cannot be watched any more.
    pub async fn changed(&mut self) -> Result<Vec<PathBuf>> {
        loop {
            // A new directory may have to be watched. The look after that finds its files.
            self.watch()?;
            let now = self.settled().await;
            let all: BTreeSet<_> = self.states.keys().chain(now.keys()).collect();
            let changed: Vec<_> =
                all.into_iter().filter(|path| self.states.get(*path) != now.get(*path)).cloned().collect();
            if !changed.is_empty() {
                self.states = now;
                return Ok(changed);
            }
            let event = self.events.recv().await.context("files cannot be watched any more")?;
            event.context("files cannot be watched any more")?;
        }
    }

    /// Takes over the state from before the layout was built, so that no change since then is missed.
    pub fn inherit(&mut self, before: &Self) {
        for (path, state) in &mut self.states {
            if let Some(before) = before.states.get(path) {
                *state = *before;
            }
        }
    }

    pub(crate) fn describe(&self) -> String {
        let of = |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
        match (self.files.len(), self.patterns.len()) {
            (files, 0) => of(files, "file", "files"),
            (0, patterns) => of(patterns, "pattern", "patterns"),
            (files, patterns) => {
                format!("{} and {}", of(files, "file", "files"), of(patterns, "pattern", "patterns"))
            }
        }
    }
}

impl InputPattern {
    fn new(base: &Path, pattern: PathPattern) -> Result<Self> {
        let base = absolute(&base.join("."))?;
        Ok(Self { root: base.join(pattern.root()), base, pattern })
    }
}

#[cfg(unix)]
fn inode(meta: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn inode(_: &std::fs::Metadata) -> u64 {
    0
}

fn inputs(layout: &Layout) -> BTreeSet<PathPattern> {
    let mut inputs = BTreeSet::new();
    for object in layout.all() {
        let tasks = object.inspect().into_iter().flat_map(ObjectTaskInspector::into_leaves);
        inputs.extend(tasks.flat_map(|task| task.inputs()));
    }
    inputs
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| format!("`{}`", path.display()))?;
    // Events name the target of a link.
    let real = path.parent().and_then(|parent| parent.canonicalize().ok());
    Ok(match (real, path.file_name()) {
        (Some(real), Some(name)) => real.join(name),
        _ => path,
    })
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn inputs_of_customizations_within_customizations_are_watched() {
        let inputs = super::inputs(&crate::commands::target::tests::nested());
        assert_eq!(inputs.into_iter().map(|input| input.to_string()).collect::<Vec<_>>(), ["bulb.txt"]);
    }
}
