//! Errors of templates.

use std::io;
use std::path::PathBuf;

/// An error of a template task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The template cannot be rendered. The report names the file, the line and the mistake.
    #[error("the template `{template}` cannot be rendered\n{report}")]
    Render {
        /// The template.
        template: &'static str,
        /// The report of Tera.
        report: String,
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
    #[error(
        "the output `{output}` of the template `{template}` leads out of the object's directory\nhelp: write a relative path without `..`"
    )]
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
