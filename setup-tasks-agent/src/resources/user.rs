//! An account.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::presence::{Presence, check_account_name};
use crate::Result;
use crate::far::{Account, Far};
use crate::protocol::{Cause, Difference, Failure, Text};
use crate::resource::{Resource, no_undo};

/// An account. Properties that are not given stay as they are.
///
/// ```
/// use setup_tasks_agent::resources::User;
///
/// User::named("deploy").shell("/bin/bash").groups(["www-data"]);
/// User::named("backup-agent").system().no_home();
/// User::named("eve").absent();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    name: String,
    presence: Presence,
    uid: Option<u32>,
    group: Option<String>,
    groups: BTreeSet<String>,
    only_these_groups: bool,
    shell: Option<String>,
    home: Option<String>,
    comment: Option<String>,
    password: Option<Text>,
    system: bool,
    home_directory: HomeDirectory,
}

/// The treatment of the home directory when the account is added or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum HomeDirectory {
    /// It is created with the account, and stays when the account is removed.
    Created,
    /// It is not created, and stays.
    LeftAlone,
    /// It is created and removed with the account.
    Removed,
}

impl User {
    /// Creates an account resource. A new account gets a home directory.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            presence: Presence::Present,
            uid: None,
            group: None,
            groups: BTreeSet::new(),
            only_these_groups: false,
            shell: None,
            home: None,
            comment: None,
            password: None,
            system: false,
            home_directory: HomeDirectory::Created,
        }
    }

    /// Sets the number of the account.
    #[must_use]
    pub fn uid(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// Sets the first group, by its name. It must exist.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Makes the account a member of these groups, too. They must exist. Other memberships stay.
    #[must_use]
    pub fn groups<T: Into<String>>(mut self, groups: impl IntoIterator<Item = T>) -> Self {
        self.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Ends the membership in all groups that are not given by [`groups`](Self::groups).
    #[must_use]
    pub fn only_these_groups(mut self) -> Self {
        self.only_these_groups = true;
        self
    }

    /// Sets the login shell.
    #[must_use]
    pub fn shell(mut self, shell: impl Into<String>) -> Self {
        self.shell = Some(shell.into());
        self
    }

    /// Sets the home directory. The content of an existing one is moved, unless [`no_home`](Self::no_home) is set.
    #[must_use]
    pub fn home(mut self, home: impl Into<String>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// Neither creates nor moves a home directory.
    #[must_use]
    pub fn no_home(mut self) -> Self {
        self.home_directory = HomeDirectory::LeftAlone;
        self
    }

    /// Sets the full name, or another comment.
    #[must_use]
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Sets the hash of the password, as `mkpasswd` prints it. It is a secret.
    #[must_use]
    pub fn password_hash(mut self, hash: impl Into<String>) -> Self {
        self.password = Some(Text::secret(hash));
        self
    }

    /// Lets a new account get a number from the range for services.
    #[must_use]
    pub fn system(mut self) -> Self {
        self.system = true;
        self
    }

    /// Lets the machine have no such account. Its home directory stays.
    #[must_use]
    pub fn absent(mut self) -> Self {
        self.presence = Presence::Absent;
        self
    }

    /// Removes the home directory and the mail together with the account.
    #[must_use]
    pub fn with_home(mut self) -> Self {
        self.home_directory = HomeDirectory::Removed;
        self
    }

    fn check(&self) -> Result<()> {
        check_account_name("user", &self.name)?;
        self.groups.iter().chain(&self.group).try_for_each(|group| check_account_name("group", group))?;
        let texts = [&self.shell, &self.home, &self.comment];
        let password = self.password.as_ref().map(Text::expose);
        if texts.into_iter().flatten().map(String::as_str).chain(password).any(|text| text.contains([':', '\n'])) {
            return Err(Failure::new(
                "set the properties",
                Cause::Refused("one of them contains a colon or a line break".into()),
            ));
        }
        Ok(())
    }

    /// Returns the groups of an account that differ: those that it has, and those that it should have.
    fn group_difference(&self, far: &mut Far) -> Result<Option<(BTreeSet<String>, BTreeSet<String>)>> {
        let is: BTreeSet<_> = far.groups_of(&self.name)?.into_iter().collect();
        let should_be =
            if self.only_these_groups { self.groups.clone() } else { is.union(&self.groups).cloned().collect() };
        Ok((is != should_be).then_some((is, should_be)))
    }

    fn has_password(&self, far: &Far) -> Result<bool> {
        let Some(password) = &self.password else { return Ok(true) };
        let shadow = far.read_text("/etc/shadow")?.unwrap_or_default();
        let field =
            shadow.lines().find_map(|line| line.strip_prefix(&*self.name)?.strip_prefix(':')?.split(':').next());
        Ok(field == Some(password.expose()))
    }

    fn differences(&self, far: &mut Far, account: &Account) -> Result<Vec<Difference>> {
        let what = Resource::name(self);
        let mut differences = Vec::new();
        let mut compare = |property: &str, is: &str, should_be: Option<&str>| {
            let Some(should_be) = should_be.filter(|should_be| *should_be != is) else { return };
            differences.push(Difference::new(&what, format!("{property} {is}")).instead_of(should_be));
        };
        compare("number", &account.uid.to_string(), self.uid.map(|uid| uid.to_string()).as_deref());
        compare("shell", &account.shell, self.shell.as_deref());
        compare("home", &account.home, self.home.as_deref());
        compare("comment", &account.comment, self.comment.as_deref());
        let differs = self.group.as_ref().map(|group| Ok(far.find_gid(group)? != Some(account.gid))).transpose()?;
        if differs == Some(true) {
            compare("first group", &far.group_name(account.gid)?, self.group.as_deref());
        }
        if let Some((is, should_be)) = self.group_difference(far)? {
            let list = |groups: &BTreeSet<String>| groups.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let is = if is.is_empty() { "no groups".to_owned() } else { format!("groups {}", list(&is)) };
            let should_be = if should_be.is_empty() { "none".to_owned() } else { list(&should_be) };
            differences.push(Difference::new(&what, is).instead_of(should_be));
        }
        if !self.has_password(far)? {
            differences.push(Difference::new(&what, "another password").of_secret());
        }
        Ok(differences)
    }

    fn add(&self, far: &mut Far) -> Result<()> {
        let mut command = far.command("useradd").arg(if self.home_directory == HomeDirectory::LeftAlone {
            "--no-create-home"
        } else {
            "--create-home"
        });
        if self.system {
            command = command.arg("--system");
        }
        if !self.groups.is_empty() {
            command = command.args(["--groups", &list(&self.groups)]);
        }
        let uid = self.uid.map(|uid| uid.to_string());
        for (option, value) in [
            ("--uid", &uid),
            ("--gid", &self.group),
            ("--shell", &self.shell),
            ("--home-dir", &self.home),
            ("--comment", &self.comment),
        ] {
            command = command.args(value.iter().flat_map(|value| [option, value]));
        }
        command.arg(&self.name).output("add the user")?;
        self.set_password(far)
    }

    fn modify(&self, far: &mut Far, account: &Account) -> Result<()> {
        let mut args = Vec::new();
        let mut set = |option: &str, value: Option<String>| {
            args.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
        };
        set("--uid", self.uid.filter(|uid| *uid != account.uid).map(|uid| uid.to_string()));
        set("--shell", self.shell.clone().filter(|shell| *shell != account.shell));
        set("--home", self.home.clone().filter(|home| *home != account.home));
        set("--comment", self.comment.clone().filter(|comment| *comment != account.comment));
        let gid = self.group.as_ref().map(|group| far.gid(group)).transpose()?;
        set("--gid", gid.filter(|gid| *gid != account.gid).map(|gid| gid.to_string()));
        set("--groups", self.group_difference(far)?.map(|(_, should_be)| list(&should_be)));
        if args.iter().any(|arg| arg == "--home") && self.home_directory != HomeDirectory::LeftAlone {
            args.push("--move-home".into());
        }
        if !args.is_empty() {
            far.command("usermod").args(args).arg(&self.name).output("change the user")?;
        }
        if self.has_password(far)? { Ok(()) } else { self.set_password(far) }
    }

    /// Sets the password by standard input, since arguments are visible to everybody.
    fn set_password(&self, far: &Far) -> Result<()> {
        let Some(password) = &self.password else { return Ok(()) };
        let input = format!("{}:{}\n", self.name, password.expose());
        far.command("chpasswd").arg("--encrypted").input(input).output("set the password").map(drop)
    }

    fn remove(&self, far: &mut Far) -> Result<()> {
        self.check()?;
        let Some(account) = far.account(&self.name)? else { return Ok(()) };
        if account.uid == 0 {
            return Err(Failure::new("remove the user", Cause::Refused("it is root".into())));
        }
        let home = (self.home_directory == HomeDirectory::Removed).then_some("--remove");
        far.command("userdel").args(home).arg(&self.name).output("remove the user").map(drop)
    }
}

fn list(groups: &BTreeSet<String>) -> String {
    groups.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

impl Resource for User {
    const KIND: &str = "user";

    fn name(&self) -> String {
        format!("user {}", self.name)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check()?;
        let what = Resource::name(self);
        match (far.account(&self.name)?, self.presence) {
            (None, Presence::Absent) => Ok(Vec::new()),
            (Some(_), Presence::Absent) => Ok(vec![Difference::new(what, "present").instead_of("absent")]),
            (None, Presence::Present) => Ok(vec![Difference::new(what, "absent")]),
            (Some(account), Presence::Present) => self.differences(far, &account),
        }
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        match (far.account(&self.name)?, self.presence) {
            (_, Presence::Absent) => self.remove(far),
            (None, Presence::Present) => self.add(far),
            (Some(account), Presence::Present) => self.modify(far, &account),
        }
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        match self.presence {
            Presence::Present => self.remove(far),
            Presence::Absent => Err(no_undo("a removed user is gone")),
        }
    }
}
