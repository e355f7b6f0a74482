//! The keys that may log in to an account.

use serde::{Deserialize, Serialize};

use super::edit::has_line_break;
use super::presence::check_account_name;
use crate::Result;
use crate::far::{Account, Attributes, Far, Kind};
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::{Resource, Restore};

/// The public keys that may log in to an account, in `~/.ssh/authorized_keys`.
///
/// Other keys stay, unless the list is [exclusive](Self::exclusive). Directory and file are created with the permissions that sshd expects.
///
/// ```
/// use setup_tasks_agent::resources::AuthorizedKeys;
///
/// AuthorizedKeys::of("deploy", ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ ada@laptop"]).exclusive();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizedKeys {
    user: String,
    keys: Vec<String>,
    exclusive: bool,
}

impl AuthorizedKeys {
    /// Creates the resource from lines as in the file, with options and comment if there are any.
    pub fn of<T: Into<String>>(user: impl Into<String>, keys: impl IntoIterator<Item = T>) -> Self {
        Self { user: user.into(), keys: keys.into_iter().map(Into::into).collect(), exclusive: false }
    }

    /// Removes all other keys, and comments.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    fn directory(account: &Account) -> String {
        format!("{}/.ssh", account.home.trim_end_matches('/'))
    }

    fn path(account: &Account) -> String {
        format!("{}/authorized_keys", Self::directory(account))
    }

    fn check(&self) -> Result<()> {
        check_account_name("user", &self.user)?;
        let bad = self.keys.iter().find(|key| has_line_break(key) || blob_of(key).is_none());
        bad.map_or(Ok(()), |key| {
            Err(Failure::new("use the key", Cause::Refused(format!("`{key}` is not a line with one public key"))))
        })
    }

    fn account(&self, far: &mut Far) -> Result<Account> {
        let missing =
            || Failure::new("find the account", Cause::Refused(format!("the machine has no user `{}`", self.user)));
        far.account(&self.user)?.ok_or_else(missing)
    }

    /// Returns the new text of the file, and the differences.
    fn edited(&self, path: &str, old: &str) -> (String, Vec<Difference>) {
        let (mut lines, mut differences) = (Vec::new(), Vec::new());
        let mut missing: Vec<_> = self.keys.iter().map(|key| (key.trim(), blob_of(key))).collect();
        missing.dedup();
        for line in old.lines() {
            let blob = blob_of(line);
            match missing.iter().position(|(_, wanted)| blob.is_some() && *wanted == blob) {
                Some(at) => {
                    let (key, _) = missing.remove(at);
                    if line.trim() != key {
                        differences.push(Difference::new(
                            path,
                            format!("key {} has other options or another comment", label(line)),
                        ));
                    }
                    lines.push(key);
                }
                None if self.exclusive => match blob {
                    Some(_) => {
                        differences.push(Difference::new(path, format!("key {} is not in the list", label(line))));
                    }
                    None if line.trim().is_empty() => {}
                    None => differences.push(Difference::new(path, "a line that is not a key")),
                },
                None => lines.push(line),
            }
        }
        for (key, _) in missing {
            differences.push(Difference::new(path, format!("key {} is missing", label(key))));
            lines.push(key);
        }
        if differences.is_empty() {
            return (old.to_owned(), differences);
        }
        (lines.into_iter().flat_map(|line| [line, "\n"]).collect(), differences)
    }
}

/// Returns the key of a line, without options and comment.
fn blob_of(line: &str) -> Option<&str> {
    let (first, rest) = first_word(line);
    // Options precede the kind of the key, and can contain quoted spaces.
    let (kind, rest) = if is_kind(first) { (first, rest) } else { first_word(rest) };
    let (blob, _) = first_word(rest);
    let is_blob =
        blob.starts_with("AAAA") && blob.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    (is_kind(kind) && is_blob && !first.starts_with('#')).then_some(blob)
}

fn is_kind(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| word.starts_with(kind))
}

/// Returns the first word of a line, up to a space outside of quotes, and the rest.
fn first_word(line: &str) -> (&str, &str) {
    let line = line.trim_start();
    let (mut quoted, mut escaped) = (false, false);
    let end = line.find(|c: char| {
        let was_escaped = escaped;
        escaped = c == '\\' && !was_escaped;
        quoted ^= c == '"' && !was_escaped;
        c.is_whitespace() && !quoted
    });
    line.split_at(end.unwrap_or(line.len()))
}

/// Returns the comment of a key, or the end of the key, for people.
fn label(line: &str) -> String {
    let Some(blob) = blob_of(line) else { return "without a name".into() };
    let comment = line.split_once(blob).map_or("", |(_, comment)| comment.trim());
    let end = &blob[blob.len().saturating_sub(8)..];
    if comment.is_empty() { format!("…{end}") } else { comment.to_owned() }
}

impl Resource for AuthorizedKeys {
    const KIND: &str = "authorized-keys";

    fn name(&self) -> String {
        format!("authorized keys of {}", self.user)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check()?;
        // The account can be that of an earlier task.
        let Some(account) = far.account(&self.user)? else {
            return Ok(vec![Difference::new(Resource::name(self), "the user is absent")]);
        };
        let path = Self::path(&account);
        let Some(stat) = far.stat(&path)? else {
            let is_right = self.keys.is_empty();
            return Ok(if is_right { Vec::new() } else { self.edited(&path, "").1 });
        };
        if stat.kind != Kind::File {
            return Err(Failure::new(
                format!("write `{path}`"),
                Cause::Refused(format!("it is {}", stat.kind.words())),
            ));
        }
        let mut differences = self.edited(&path, &far.read_text(&path)?.unwrap_or_default()).1;
        if stat.uid != account.uid {
            differences
                .push(Difference::new(&path, format!("owner {}", far.user_name(stat.uid)?)).instead_of(&self.user));
        }
        // sshd ignores a file that others can write to.
        if stat.mode & 0o022 != 0 {
            differences.push(Difference::new(&path, format!("mode {:04o}", stat.mode)).instead_of("0600"));
        }
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.check()?;
        let account = self.account(far)?;
        let (directory, path) = (Self::directory(&account), Self::path(&account));
        let attributes = |mode| Attributes { mode: Some(mode), uid: Some(account.uid), gid: Some(account.gid) };
        if far.stat(&directory)?.is_none() {
            far.make_directory(&directory, attributes(0o700))?;
        }
        let old = far.read_text(&path)?.unwrap_or_default();
        far.write(&path, self.edited(&path, &old).0.as_bytes(), attributes(0o600))
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        self.check()?;
        let Some(account) = far.account(&self.user)? else { return Ok(()) };
        let path = Self::path(&account);
        let Some(old) = far.read_text(&path)? else { return Ok(()) };
        let own: Vec<_> = self.keys.iter().filter_map(|key| blob_of(key)).collect();
        let rest = old.lines().filter(|line| blob_of(line).is_none_or(|blob| !own.contains(&blob)));
        let new: String = rest.flat_map(|line| [line, "\n"]).collect();
        if new == old { Ok(()) } else { far.write(&path, new.as_bytes(), Attributes::default()) }
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        let account = self.account(far)?;
        Ok(vec![Restore::file(far, &Self::path(&account))?])
    }
}
