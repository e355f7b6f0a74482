//! A program that runs on the machine.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::far::{Far, FarCommand};
use crate::protocol::{Difference, ResourceData};
use crate::resource::{Resource, Restore, no_undo};

/// A program that runs on the machine.
///
/// With [`creates`](Self::creates) or [`unless`](Self::unless), it runs only if something is missing. Without both, it is an action.
/// Secrets must not be in the command, since its arguments are visible on the machine.
///
/// ```
/// use setup_tasks_agent::resources::Command;
///
/// Command::shell("make install").directory("/usr/src/tool").creates("/usr/local/bin/tool");
/// Command::program("createdb", ["site"]).unless("psql -lqt | cut -d'|' -f1 | grep -qw site").user("postgres");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    program: String,
    args: Vec<String>,
    /// The text for people.
    title: String,
    creates: Option<String>,
    unless: Option<String>,
    undo: Option<String>,
    directory: Option<String>,
    user: Option<String>,
    env: BTreeMap<String, String>,
    timeout: Option<Duration>,
}

impl Command {
    /// Creates a program with its arguments.
    pub fn program<T: Into<String>>(program: impl Into<String>, args: impl IntoIterator<Item = T>) -> Self {
        let (program, args): (String, Vec<String>) = (program.into(), args.into_iter().map(Into::into).collect());
        let title = [&program].into_iter().chain(&args).map(String::as_str).collect::<Vec<_>>().join(" ");
        Self {
            title: shortened(&title),
            program,
            args,
            creates: None,
            unless: None,
            undo: None,
            directory: None,
            user: None,
            env: BTreeMap::new(),
            timeout: None,
        }
    }

    /// Creates a script for the shell.
    pub fn shell(script: impl Into<String>) -> Self {
        let script = script.into();
        Self { title: shortened(&script), ..Self::program("/bin/sh", ["-c", &script]) }
    }

    /// Runs only if nothing is at this path.
    #[must_use]
    pub fn creates(mut self, path: impl Into<String>) -> Self {
        self.creates = Some(path.into());
        self
    }

    /// Runs only if this script for the shell fails. The script must not change anything.
    #[must_use]
    pub fn unless(mut self, script: impl Into<String>) -> Self {
        self.unless = Some(script.into());
        self
    }

    /// Sets a script for the shell that takes the result away.
    #[must_use]
    pub fn undone_by(mut self, script: impl Into<String>) -> Self {
        self.undo = Some(script.into());
        self
    }

    /// Sets the working directory. The default is `/`.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<String>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets the user that the program runs as.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets the time after which the program is ended.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    fn prepared<'f>(&self, command: impl Fn(&str) -> FarCommand<'f>, program: &str, args: &[String]) -> FarCommand<'f> {
        let mut command = match &self.user {
            Some(user) => command("runuser").args(["--user", user, "--", program]),
            None => command(program),
        };
        command = command.args(args.iter().map(String::as_str));
        if let Some(directory) = &self.directory {
            command = command.directory(directory);
        }
        if let Some(timeout) = self.timeout {
            command = command.timeout(timeout);
        }
        self.env.iter().fold(command, |command, (name, value)| command.env(name, value))
    }

    fn script<'f>(&self, command: impl Fn(&str) -> FarCommand<'f>, script: &str) -> FarCommand<'f> {
        self.prepared(command, "/bin/sh", &["-c".into(), script.into()])
    }
}

/// Returns the first line of a text, if it is short.
fn shortened(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let short: String = line.chars().take(60).collect();
    if short.len() < text.trim().len() { short + "…" } else { short }
}

impl Resource for Command {
    const KIND: &str = "command";

    fn is_action(&self) -> bool {
        self.creates.is_none() && self.unless.is_none()
    }

    fn name(&self) -> String {
        format!("command `{}`", self.title)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let mut differences = Vec::new();
        if let Some(path) = self.creates.as_ref() {
            differences.extend(far.stat(path)?.is_none().then(|| Difference::new(path, "absent")));
        }
        if let Some(script) = &self.unless {
            let done =
                self.script(|program| far.query(program), script).finish("look whether it is done")?.is_success();
            differences.extend((!done).then(|| Difference::new(self.title.as_str(), "is not done")));
        }
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.prepared(|program| far.command(program), &self.program, &self.args).output("run the command").map(drop)
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        let script = self.undo.as_ref().ok_or_else(|| no_undo("the command has no undo"))?;
        self.script(|program| far.command(program), script).output("undo the command").map(drop)
    }

    fn keep(&self, _: &mut Far) -> Result<Vec<Restore>> {
        if self.is_action() {
            return Ok(vec![Restore::Finally(ResourceData::of(self))]);
        }
        Err(crate::protocol::Failure::new(
            "guard the change",
            crate::protocol::Cause::Refused("a command with `creates` or `unless` cannot be guarded".into()),
        ))
    }
}
