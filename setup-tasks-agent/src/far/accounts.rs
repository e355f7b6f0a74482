//! Accounts and groups of the machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Far;
use crate::Result;
use crate::protocol::{Cause, Failure};

/// An account, as a line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its first group.
    pub gid: u32,
    /// The full name, or another comment.
    pub comment: String,
    /// The home directory.
    pub home: String,
    /// The login shell.
    pub shell: String,
}

/// A group, as a line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountGroup {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
    /// The names of its members, without those whose first group it is.
    pub members: Vec<String>,
}

/// The accounts in `/etc/passwd`, by name.
struct Accounts(BTreeMap<String, Account>);
/// The groups in `/etc/group`, by name.
struct Groups(BTreeMap<String, AccountGroup>);

impl Account {
    /// Reads a line of `/etc/passwd`.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let mut next = || fields.next().map(str::to_owned);
        let (name, _password) = (next()?, next()?);
        let (uid, gid) = (next()?.parse().ok()?, next()?.parse().ok()?);
        Some(Self { name, uid, gid, comment: next()?, home: next()?, shell: next()? })
    }
}

impl AccountGroup {
    /// Reads a line of `/etc/group`.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?.to_owned(), fields.next()?);
        let gid = fields.next()?.parse().ok()?;
        let members = fields.next()?.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
        Some(Self { name, gid, members })
    }
}

impl Far {
    /// Returns the account with this name. Accounts of other sources than `/etc/passwd` are found through `getent`.
    ///
    /// # Errors
    ///
    /// The accounts cannot be read.
    pub fn account(&mut self, name: &str) -> Result<Option<Account>> {
        match self.local_accounts()?.0.get(name) {
            Some(account) => Ok(Some(account.clone())),
            None => Ok(self.getent("passwd", name)?.and_then(|line| Account::parse(&line))),
        }
    }

    /// Returns the group with this name. Groups of other sources than `/etc/group` are found through `getent`.
    ///
    /// # Errors
    ///
    /// The groups cannot be read.
    pub fn group(&mut self, name: &str) -> Result<Option<AccountGroup>> {
        match self.local_groups()?.0.get(name) {
            Some(group) => Ok(Some(group.clone())),
            None => Ok(self.getent("group", name)?.and_then(|line| AccountGroup::parse(&line))),
        }
    }

    /// Returns the names of the groups of `/etc/group` that have this member, sorted.
    ///
    /// # Errors
    ///
    /// The groups cannot be read.
    pub fn groups_of(&mut self, member: &str) -> Result<Vec<String>> {
        let groups = self.local_groups()?;
        let with = groups.0.values().filter(|group| group.members.iter().any(|name| name == member));
        Ok(with.map(|group| group.name.clone()).collect())
    }

    /// Returns the name of the account with this number, or the number. Accounts of other sources than `/etc/passwd` are found
    /// through `getent`.
    ///
    /// # Errors
    ///
    /// The accounts cannot be read.
    pub fn user_name(&mut self, uid: u32) -> Result<String> {
        let accounts = self.local_accounts()?;
        if let Some(account) = accounts.0.values().find(|account| account.uid == uid) {
            return Ok(account.name.clone());
        }
        let found = self.getent("passwd", &uid.to_string())?.and_then(|line| Account::parse(&line));
        Ok(found.map_or_else(|| uid.to_string(), |account| account.name))
    }

    /// Returns the name of the group with this number, or the number. Groups of other sources than `/etc/group` are found through
    /// `getent`.
    ///
    /// # Errors
    ///
    /// The groups cannot be read.
    pub fn group_name(&mut self, gid: u32) -> Result<String> {
        let groups = self.local_groups()?;
        if let Some(group) = groups.0.values().find(|group| group.gid == gid) {
            return Ok(group.name.clone());
        }
        let found = self.getent("group", &gid.to_string())?.and_then(|line| AccountGroup::parse(&line));
        Ok(found.map_or_else(|| gid.to_string(), |group| group.name))
    }

    /// Returns the number of an account, by its name or in digits, or `None` if there is no such account.
    ///
    /// # Errors
    ///
    /// The accounts cannot be read.
    pub fn find_uid(&mut self, name: &str) -> Result<Option<u32>> {
        match name.parse() {
            Ok(uid) => Ok(Some(uid)),
            Err(_) => Ok(self.account(name)?.map(|account| account.uid)),
        }
    }

    /// Returns the number of a group, by its name or in digits, or `None` if there is no such group.
    ///
    /// # Errors
    ///
    /// The groups cannot be read.
    pub fn find_gid(&mut self, name: &str) -> Result<Option<u32>> {
        match name.parse() {
            Ok(gid) => Ok(Some(gid)),
            Err(_) => Ok(self.group(name)?.map(|group| group.gid)),
        }
    }

    /// Returns the number of an account, by its name or in digits.
    ///
    /// # Errors
    ///
    /// There is no such account.
    pub fn uid(&mut self, name: &str) -> Result<u32> {
        self.find_uid(name)?.ok_or_else(|| unknown("user", name))
    }

    /// Returns the number of a group, by its name or in digits.
    ///
    /// # Errors
    ///
    /// There is no such group.
    pub fn gid(&mut self, name: &str) -> Result<u32> {
        self.find_gid(name)?.ok_or_else(|| unknown("group", name))
    }

    fn local_accounts(&mut self) -> Result<Arc<Accounts>> {
        self.shared(|far| {
            let text = far.read_text("/etc/passwd")?.unwrap_or_default();
            let accounts = text.lines().filter_map(Account::parse);
            Ok(Accounts(accounts.map(|account| (account.name.clone(), account)).collect()))
        })
    }

    fn local_groups(&mut self) -> Result<Arc<Groups>> {
        self.shared(|far| {
            let text = far.read_text("/etc/group")?.unwrap_or_default();
            let groups = text.lines().filter_map(AccountGroup::parse);
            Ok(Groups(groups.map(|group| (group.name.clone(), group)).collect()))
        })
    }

    fn getent(&self, database: &str, name: &str) -> Result<Option<String>> {
        if !self.is_whole() || name.is_empty() || name.starts_with('-') {
            return Ok(None);
        }
        match self.query("getent").args([database, name]).finish("look for the name") {
            Ok(found) => Ok(found.is_success().then(|| found.text().trim_end().to_owned())),
            Err(Failure { cause: Cause::NoProgram { .. }, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn unknown(kind: &str, name: &str) -> Failure {
    Failure::new(format!("find the {kind} `{name}`"), Cause::Refused(format!("the machine has no such {kind}")))
}
