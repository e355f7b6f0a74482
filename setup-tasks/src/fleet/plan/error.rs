//! The errors of plans that are saved and applied.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use crate::error_help;
use crate::fleet::FleetError;
use crate::stamp::StampError;

/// The number of differences that a message lists.
const SHOWN: usize = 5;

/// The reason why a plan cannot be made, saved or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The fleet cannot begin.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The records or the key of the layout cannot be read.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// The program cannot be read, so that plans of other programs cannot be refused.
    #[error("cannot read this program")]
    Binary {
        /// The error of the operating system.
        source: io::Error,
    },
    /// An object of the plan failed.
    #[error("the plan is not saved, because an object of it failed")]
    Failed,
    /// The file cannot be written.
    #[error("cannot write the plan to `{}`", path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read the plan `{}`", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is not a plan, or only a part of one.
    #[error("`{}` is not a whole plan", path.display())]
    NoPlan {
        /// The path of the file.
        path: PathBuf,
        /// The error in its text.
        source: serde_json::Error,
    },
    /// A newer version of the runtime wrote the file.
    #[error("the plan `{}` has the format {version}, which is newer than this program", path.display())]
    Newer {
        /// The path of the file.
        path: PathBuf,
        /// The version of the format.
        version: u32,
    },
    /// The file was changed after it was written, or the layout has another state directory.
    #[error("the plan `{}` was edited, or made with another state directory", path.display())]
    Edited {
        /// The path of the file.
        path: PathBuf,
    },
    /// The plan is for a layout in another directory.
    #[error("the plan is for the layout in `{planned}`, and this one is in `{here}`")]
    OtherDirectory {
        /// The base directory of the plan.
        planned: String,
        /// The base directory of the layout.
        here: String,
    },
    /// Another program, or another build of it, made the plan.
    #[error("the plan was made by another build of `{program}`")]
    OtherBinary {
        /// The path of the program that made the plan.
        program: String,
    },
    /// The plan differs from a new one.
    #[error("the plan no longer holds: {}", listed(differences))]
    Differs {
        /// The differences.
        differences: Vec<String>,
    },
}

error_help!(PlanError);

impl PlanError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Fleet(error) => error.help(),
            Self::Stamp(error) => error.help(),
            Self::Failed => Some("repair the object, or exclude it from the plan".into()),
            Self::OtherDirectory { .. } => Some("apply the plan there, or make a new one here".into()),
            Self::NoPlan { .. } | Self::Newer { .. } | Self::Edited { .. } | Self::OtherBinary { .. } => {
                Some("make a new plan with this program, and review it".into())
            }
            Self::Differs { .. } => Some("make a new plan, and review it".into()),
            Self::Binary { .. } | Self::Write { .. } | Self::Read { .. } => None,
        }
    }
}

fn listed(differences: &[String]) -> String {
    let mut shown: Vec<_> = differences.iter().take(SHOWN).cloned().collect();
    if differences.len() > SHOWN {
        shown.push(format!("and {} more", differences.len() - SHOWN));
    }
    shown.join("; ")
}
