//! The file of a plan: names, reasons and digests, under a seal. The page "Files on disk" of the book
//! describes the format.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::PlanError;
use crate::decide::Reason;
use crate::fleet::{FleetRun, ObjectStatus, OfType};
use crate::fs::WholeFile;
use crate::layout::Layout;
use crate::report::{TaskReport, TaskStatus};
use crate::stamp::{StampError, Timestamp};

/// The version of the format.
const VERSION: u32 = 1;

/// The file as a whole.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<C> {
    version: u32,
    plan: C,
    /// The digest of the plan under the key of the state directory.
    seal: String,
}

/// The part of a file of any version that is read first.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The contents of a plan.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    pub(super) made: Timestamp,
    /// The path of the program that made the plan.
    pub(super) program: String,
    /// The hash of that program.
    pub(super) binary: String,
    /// The base directory of the layout.
    pub(super) base_dir: String,
    pub(super) selection: Selection,
    pub(super) objects: Vec<PlannedObject>,
}

/// The selection of objects and tasks, in the terms of [`FleetRun`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::fleet) struct Selection {
    pub(in crate::fleet) include: Vec<String>,
    pub(in crate::fleet) exclude: Vec<String>,
    pub(in crate::fleet) types: Vec<String>,
    pub(in crate::fleet) groups: Vec<String>,
    pub(in crate::fleet) tags: Vec<String>,
    pub(in crate::fleet) force: Vec<String>,
    pub(in crate::fleet) force_all: bool,
    only_forced: bool,
    verify: bool,
}

/// An object of a plan.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlannedObject {
    pub(super) object: String,
    #[serde(rename = "type")]
    pub(super) type_name: String,
    pub(super) outcome: ObjectStatus,
    /// The digest of the records of the object.
    pub(super) records: String,
    pub(super) tasks: Vec<PlannedTask>,
}

/// A task of a plan that is not up to date.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlannedTask {
    pub(super) task: String,
    pub(super) status: TaskStatus,
    pub(super) reason: Option<PlannedReason>,
    /// The digest of the reason with its texts, and of the texts and files that the task depends on.
    pub(super) digest: String,
}

/// A reason without texts that depend on data.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PlannedReason {
    pub(super) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) which: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
}

impl Selection {
    pub(in crate::fleet) fn of(fleet: &FleetRun) -> Self {
        let types = fleet.types.iter().map(|of| of.name().to_owned()).collect();
        let FleetRun { include, exclude, groups, tags, force, .. } = fleet;
        Self {
            include: include.clone(),
            exclude: exclude.clone(),
            types,
            groups: groups.clone(),
            tags: tags.clone(),
            force: force.clone(),
            force_all: fleet.force_all,
            only_forced: fleet.only_forced,
            verify: fleet.verify,
        }
    }

    pub(in crate::fleet) fn fleet(&self, layout: &Layout) -> FleetRun {
        FleetRun {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            types: self.types.iter().cloned().map(OfType::Name).collect(),
            groups: self.groups.clone(),
            tags: self.tags.clone(),
            force: self.force.clone(),
            force_all: self.force_all,
            only_forced: self.only_forced,
            verify: self.verify,
            ..layout.run()
        }
    }
}

impl PlannedTask {
    pub(super) fn of(report: &TaskReport, layout: &Layout) -> Result<Self, StampError> {
        let until = report.undecided.as_ref().map(|undecided| &undecided.until);
        let digest = layout.texts().digest(&(&report.reason, &report.digest, until), false)?;
        let reason = report.reason.as_ref().and_then(PlannedReason::of);
        Ok(Self { task: report.task.to_owned(), status: report.status, reason, digest })
    }
}

impl PlannedReason {
    fn of(reason: &Reason) -> Option<Self> {
        serde_json::from_value(serde_json::to_value(reason).ok()?).ok()
    }
}

/// Returns the path of this program, for messages.
pub(super) fn program() -> String {
    std::env::current_exe().unwrap_or_default().display().to_string()
}

/// Returns the hash of this program. A program that was replaced while it runs is read as it was.
pub(in crate::fleet) fn binary() -> io::Result<String> {
    let running = Path::new("/proc/self/exe");
    let path = if running.exists() { running.to_owned() } else { std::env::current_exe()? };
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Returns the base directory of a layout, without links.
pub(super) fn base_dir(layout: &Layout) -> String {
    let path = &layout.config().base_dir;
    path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string()
}

pub(super) fn write(plan: &Contents, layout: &Layout, path: &Path) -> Result<(), PlanError> {
    let failed = |source| PlanError::Write { path: path.to_owned(), source };
    // A device or a pipe would be replaced by a file.
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let seal = layout.texts().digest(plan, false)?;
    let mut text = serde_json::to_vec_pretty(&Sealed { version: VERSION, plan, seal }).map_err(io::Error::from);
    text.iter_mut().for_each(|text| text.push(b'\n'));
    // A symbolic link stays, and its target is replaced.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    text.and_then(|text| WholeFile::new(&text).mode(0o600).durable().write(target)).map_err(failed)
}

/// Reads a plan that was made for the layout and has not changed since.
pub(super) fn read(layout: &Layout, path: &Path) -> Result<Contents, PlanError> {
    let bytes = std::fs::read(path).map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
    let damaged = |source: serde_json::Error| PlanError::NoPlan { path: path.to_owned(), source };
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if version > VERSION {
        return Err(PlanError::Newer { path: path.to_owned(), version });
    }
    let Sealed { plan, seal, .. } = serde_json::from_slice::<Sealed<Contents>>(&bytes).map_err(damaged)?;
    let here = base_dir(layout);
    if plan.base_dir != here {
        return Err(PlanError::OtherDirectory { planned: plan.base_dir, here });
    }
    if layout.texts().digest(&plan, false)? != seal {
        return Err(PlanError::Edited { path: path.to_owned() });
    }
    Ok(plan)
}
