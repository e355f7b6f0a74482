//! A working copy of a Git repository.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::far::{Attributes, Far, FarCommand, Kind};
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::Resource;

/// A working copy of a Git repository at a branch, a tag or a commit. Local changes of its files are a difference, and are lost when it is applied.
///
/// A branch or a tag is looked up in the repository at each observation; a full commit id needs no look-up.
///
/// ```
/// use setup_tasks_agent::resources::Git;
///
/// Git::clone_of("https://example.org/site.git").to("/srv/site").revision("v1.2").user("deploy");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    url: String,
    path: String,
    revision: String,
    user: Option<String>,
}

impl Git {
    /// Creates a working copy of a repository. The URL must not contain a secret; use a key or a credential helper of the user.
    pub fn clone_of(url: impl Into<String>) -> Self {
        Self { url: url.into(), path: String::new(), revision: "HEAD".into(), user: None }
    }

    /// Sets the directory.
    #[must_use]
    pub fn to(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the branch, tag or commit. The default is the main branch.
    #[must_use]
    pub fn revision(mut self, revision: impl Into<String>) -> Self {
        self.revision = revision.into();
        self
    }

    /// Sets the user that Git runs as, who then owns the files.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    fn refused(reason: impl Into<String>) -> Failure {
        Failure::new("use the repository", Cause::Refused(reason.into()))
    }

    fn check(&self) -> Result<()> {
        // Git runs a program for addresses such as `ext::`.
        if self.url.is_empty() || self.url.starts_with('-') || self.url.contains("::") {
            return Err(Self::refused(format!("`{}` is not the address of a repository", self.url)));
        }
        if self.revision.is_empty()
            || self.revision.starts_with('-')
            || self.revision.contains(|c: char| c.is_whitespace() || ":^~?*[\\".contains(c))
        {
            return Err(Self::refused(format!("`{}` is not a branch, a tag or a commit", self.revision)));
        }
        if self.path.starts_with('/') { Ok(()) } else { Err(Self::refused("its directory is not an absolute path")) }
    }

    /// Prepares Git, which asks no questions. It refuses a working copy of another user, whose configuration could name programs to run.
    fn git<'f>(&self, command: impl Fn(&str) -> FarCommand<'f>) -> FarCommand<'f> {
        let command = match &self.user {
            Some(user) => command("runuser").args(["--user", user, "--", "git"]),
            None => command("git"),
        };
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    }

    fn query(&self, far: &Far, args: &[&str], tried: &str) -> Result<String> {
        let git = self.git(|program| far.query(program)).args(["-C", &self.path]).args(args.iter().copied());
        Ok(git.output(tried)?.text().trim_end().to_owned())
    }

    /// Creates the directory for the user that Git runs as, who may not be able to.
    fn make_directory(&self, far: &mut Far) -> Result<()> {
        let Some(user) = self.user.as_ref().filter(|_| far.stat(&self.path).is_ok_and(|stat| stat.is_none())) else {
            return Ok(());
        };
        let account = far.account(user)?.ok_or_else(|| Self::refused(format!("the machine has no user `{user}`")))?;
        far.make_directory(&self.path, Attributes { mode: None, uid: Some(account.uid), gid: Some(account.gid) })
    }

    /// Returns the id of the wanted commit.
    fn wanted(&self, far: &Far) -> Result<String> {
        let is_commit =
            [40, 64].contains(&self.revision.len()) && self.revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_commit {
            return Ok(self.revision.to_lowercase());
        }
        let peeled = format!("{}^{{}}", self.revision);
        let git = self.git(|program| far.query(program)).args(["ls-remote", "--", &self.url, &self.revision, &peeled]);
        let listed = git.output("look for the revision")?.text();
        let refs: Vec<_> = listed.lines().filter_map(|line| line.split_once('\t')).collect();
        let candidates = [
            peeled.clone(),
            self.revision.clone(),
            format!("refs/tags/{peeled}"),
            format!("refs/tags/{}", self.revision),
            format!("refs/heads/{}", self.revision),
        ];
        let found = candidates.iter().find_map(|name| refs.iter().find(|(_, listed)| listed == name));
        found
            .map(|(commit, _)| (*commit).to_owned())
            .ok_or_else(|| Self::refused(format!("it has no branch or tag `{}`", self.revision)))
    }

    /// Returns whether the directory has a working copy, or an error if it has something else.
    fn is_cloned(&self, far: &Far) -> Result<bool> {
        let Some(stat) = far.stat(&self.path)? else { return Ok(false) };
        if stat.kind != Kind::Directory {
            return Err(Self::refused(format!("`{}` is {}", self.path, stat.kind.words())));
        }
        if far.stat(format!("{}/.git", self.path))?.is_some() {
            return Ok(true);
        }
        if far.list(&self.path)?.is_empty() {
            Ok(false)
        } else {
            Err(Self::refused(format!("`{}` has other files, and no working copy", self.path)))
        }
    }
}

impl Resource for Git {
    const KIND: &str = "git";

    fn name(&self) -> String {
        format!("working copy {}", self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check()?;
        if !self.is_cloned(far)? {
            return Ok(vec![Difference::new(&self.path, "absent").instead_of(&self.revision)]);
        }
        let mut differences = Vec::new();
        let url =
            self.query(far, &["config", "--default", "", "--get", "remote.origin.url"], "look at the working copy")?;
        if url != self.url {
            differences.push(Difference::new(&self.path, format!("a copy of {url}")).instead_of(&self.url));
        }
        let (is, should_be) = (
            self.query(far, &["rev-parse", "--verify", "--quiet", "HEAD"], "look at the working copy").ok(),
            self.wanted(far)?,
        );
        if is.as_deref() != Some(&*should_be) {
            let is = is.map_or_else(|| "no commit".to_owned(), |is| format!("commit {}", is.get(..12).unwrap_or(&is)));
            let short = should_be.get(..12).unwrap_or(&should_be);
            differences.push(Difference::new(&self.path, is).instead_of(format!("{short} ({})", self.revision)));
        } else if !self
            .query(far, &["status", "--porcelain", "--untracked-files=no"], "look at the working copy")?
            .is_empty()
        {
            differences.push(Difference::new(&self.path, "files were changed").instead_of(&self.revision));
        }
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.check()?;
        let is_cloned = self.is_cloned(far)?;
        if !is_cloned {
            far.make_parents(&self.path)?;
            self.make_directory(far)?;
        }
        let run = |args: &[&str], tried: &str| {
            let git = self.git(|program| far.command(program)).args(args.iter().copied());
            git.output(tried).map(drop)
        };
        if !is_cloned {
            run(&["init", "--quiet", "--", &self.path], "create the working copy")?;
        }
        let wanted = self.wanted(far)?;
        let here = |args: &[&str], tried: &str| run(&[&["-C", &self.path], args].concat(), tried);
        here(&["config", "remote.origin.url", &self.url], "set the address")?;
        here(&["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"], "set the address")?;
        here(&["fetch", "--quiet", "--tags", "--force", "origin"], "fetch the repository")?;
        here(&["checkout", "--quiet", "--force", "--detach", &wanted], "check the revision out")
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        self.check()?;
        if self.is_cloned(far)? { far.remove(&self.path).map(drop) } else { Ok(()) }
    }
}
