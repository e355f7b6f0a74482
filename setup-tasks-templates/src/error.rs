//! Errors of templates.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use setup_tasks::error::Excerpt;
use setup_tasks::error_help;

/// An error of a template task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The template cannot be rendered. The report names the file, the line and the mistake.
    #[error("the template `{template}` cannot be rendered")]
    Render {
        /// The template.
        template: &'static str,
        /// The report of Tera, if there is one.
        #[source]
        report: Option<Excerpt>,
    },
    /// A variable of the template cannot be injected, or cannot be serialized.
    #[error("the variable `{variable}` of the template `{template}` has no value")]
    Variable {
        /// The template.
        template: &'static str,
        /// The variable's name in the template.
        variable: &'static str,
        /// The cause.
        source: anyhow::Error,
    },
    /// The output is not a path under the object's directory.
    #[error("the output `{output}` of the template `{template}` leads out of the object's directory")]
    Outside {
        /// The template.
        template: &'static str,
        /// The output.
        output: String,
    },
    /// A file of the template cannot be written or read.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// The action.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

error_help!(TemplateError);

impl TemplateError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Outside { .. } => Some("write a relative path without `..`".into()),
            Self::Render { .. } | Self::Variable { .. } | Self::Io { .. } => None,
        }
    }
}
