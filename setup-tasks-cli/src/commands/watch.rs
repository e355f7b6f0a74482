//! `watch`: runs, and runs again whenever an input changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use glob::Pattern;
use notify_debouncer_mini::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{DebounceEventResult, Debouncer, new_debouncer};
use setup_tasks::{Layout, ObjectTaskInspector, Result};
use tokio::sync::mpsc;

use super::up;
use crate::args::Choice;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{self, FAINT, line, note, printable};

/// Changes that come within this of each other are one.
const QUIET: Duration = Duration::from_millis(200);

/// Runs whenever something changes, until Ctrl-C. A layout that cannot be made is said, and waited for to be mended.
pub(crate) async fn watch(build: &dyn Fn() -> Result<Layout>, choice: &Choice) -> Result<Exit> {
    let mut layout = build()?;
    let mut watched = Watched::of(&layout)?;
    // With `--json`, the standard output is for programs.
    let say: fn(String) = if choice.how.json { note } else { line };
    loop {
        // The watch begins before the run: what changes meanwhile is not missed.
        if up::up(&layout, choice).await? == Exit::Interrupted {
            return Ok(Exit::Interrupted);
        }
        say(format!("{FAINT}watching {} for changes; Ctrl-C ends{FAINT:#}", watched.describe()));
        loop {
            let changed = tokio::select! {
                changed = watched.changed() => changed?,
                () = interrupt::asked() => return Ok(Exit::Done),
            };
            line(format!(
                "{FAINT}{} changed{FAINT:#}",
                changed
                    .iter()
                    .map(|path| printable(&path.to_string_lossy()).into_owned())
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
            // The site may name other inputs now.
            match build().and_then(|layout| Ok((Watched::of(&layout)?, layout))) {
                Ok((now, made)) => {
                    (watched, layout) = (now, made);
                    break;
                }
                Err(error) => output::error(&error),
            }
        }
    }
}

/// The inputs, and who tells of their changes.
struct Watched {
    files: BTreeSet<PathBuf>,
    patterns: Vec<Pattern>,
    events: mpsc::UnboundedReceiver<DebounceEventResult>,
    _watcher: Debouncer<RecommendedWatcher>,
}

impl Watched {
    fn of(layout: &Layout) -> Result<Self> {
        let base = &layout.config().base_dir;
        let mut files = BTreeSet::new();
        let mut patterns = Vec::new();
        // Directories are watched, not files: editors put a new file in the place of the old one.
        let mut roots: BTreeSet<(PathBuf, bool)> = BTreeSet::new();
        for source in layout.sources() {
            let source = absolute(&source)?;
            roots.insert((parent(&source), false));
            files.insert(source);
        }
        for input in inputs(layout)? {
            let path = absolute(&base.join(&input))?;
            let text = path.to_string_lossy();
            if text.contains(['*', '?', '[']) {
                patterns.push(Pattern::new(&text).with_context(|| format!("the input `{input}`"))?);
                roots.insert((fixed_part(&path), true));
            } else {
                roots.insert((parent(&path), false));
                files.insert(path);
            }
        }
        if files.is_empty() && patterns.is_empty() {
            let help = "give tasks `inputs = […]`, or name the site's file with `Layout::add_source`";
            anyhow::bail!("there is nothing to watch: no task declares inputs\nhelp: {help}");
        }
        let (told, events) = mpsc::unbounded_channel();
        // Nobody hears the last of it once this is over.
        let mut watcher = new_debouncer(QUIET, move |event| drop(told.send(event))).context("cannot watch files")?;
        for (root, deep) in roots {
            let existing = root.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned();
            // What is not there yet shows where it would come to be.
            let mode = if deep && existing == root { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            watcher
                .watcher()
                .watch(&existing, mode)
                .with_context(|| format!("cannot watch `{}`", existing.display()))?;
        }
        Ok(Self { files, patterns, events, _watcher: watcher })
    }

    /// Waits until an input changes.
    async fn changed(&mut self) -> Result<Vec<PathBuf>> {
        while let Some(event) = self.events.recv().await {
            let events = event.context("files cannot be watched any more")?;
            let mut changed: Vec<_> =
                events.into_iter().map(|event| event.path).filter(|path| self.is_input(path)).collect();
            if !changed.is_empty() {
                changed.dedup();
                return Ok(changed);
            }
        }
        anyhow::bail!("files cannot be watched any more")
    }

    /// Whether it is an input, or a directory on the way to one.
    fn is_input(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file == path || (path.is_dir() && file.starts_with(path)))
            || self.patterns.iter().any(|pattern| pattern.matches_path(path))
    }

    fn describe(&self) -> String {
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

fn inputs(layout: &Layout) -> Result<BTreeSet<String>> {
    let mut inputs = BTreeSet::new();
    for object in layout.all() {
        for task in object.inspect()? {
            inputs.extend(task.inputs());
            inputs.extend(task.subtasks().iter().flat_map(ObjectTaskInspector::inputs));
        }
    }
    Ok(inputs)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| format!("`{}`", path.display()))?;
    // Events name what a link leads to.
    let real = path.parent().and_then(|parent| parent.canonicalize().ok());
    Ok(match (real, path.file_name()) {
        (Some(real), Some(name)) => real.join(name),
        _ => path,
    })
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// The directories before the first pattern.
fn fixed_part(path: &Path) -> PathBuf {
    let is_fixed = |part: &&std::ffi::OsStr| !part.to_string_lossy().contains(['*', '?', '[']);
    path.iter().take_while(is_fixed).collect()
}
