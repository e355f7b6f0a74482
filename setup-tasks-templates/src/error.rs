//! Why a template is not rendered.

use std::io;
use std::path::PathBuf;

/// Why a template is not rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Its text cannot be made. The report says where: template, line, and what is wrong there.
    #[error("the template `{template}` cannot be rendered\n{report}")]
    Render {
        /// The template.
        template: &'static str,
        /// Tera's own report.
        report: String,
    },
    /// A value that it is rendered with cannot be had, or cannot be serialized.
    #[error("the template `{template}` cannot have its `{variable}`")]
    Variable {
        /// The template.
        template: &'static str,
        /// What the template calls it.
        variable: &'static str,
        /// Why not.
        source: anyhow::Error,
    },
    /// What it is made into is no path under the object's directory.
    #[error(
        "the output `{output}` of the template `{template}` leads out of the object's directory\nhelp: write a relative path without `..`"
    )]
    Outside {
        /// The template.
        template: &'static str,
        /// The output.
        output: String,
    },
    /// Its file cannot be written or read.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}
