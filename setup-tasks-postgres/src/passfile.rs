//! The password of a connection, from the places where `psql` looks for it.

use std::fs;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Returns the password in `PGPASSWORD`, or in the password file (`PGPASSFILE`, or `~/.pgpass`).
pub(crate) fn password(config: &Config) -> Option<String> {
    if let Ok(password) = std::env::var("PGPASSWORD") {
        return Some(password);
    }
    let path = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    let path = path.or_else(|| Some(std::env::home_dir()?.join(".pgpass")))?;
    if !path.is_file() {
        return None;
    }
    let text = fs::read_to_string(&path).ok()?;
    if is_open_to_others(&path) {
        tracing::warn!("the password file `{}` is not used, because others may read it", path.display());
        return None;
    }
    let host = match config.get_hosts().first()? {
        Host::Tcp(name) => name.clone(),
        Host::Unix(_) => "localhost".to_owned(),
    };
    let user = config.get_user()?;
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    find(&text, [&host, &port, config.get_dbname().unwrap_or(user), user])
}

#[cfg(unix)]
fn is_open_to_others(path: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::path::Path) -> bool {
    false
}

/// Returns the password of the first line that matches host, port, database and user.
fn find(text: &str, wanted: [&str; 4]) -> Option<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(fields).find_map(|fields| {
        let (named, password) = (fields.get(..4)?, fields.get(4)?);
        let is_match = named.iter().zip(wanted).all(|(field, wanted)| field == "*" || field == wanted);
        is_match.then(|| password.clone())
    })
}

/// Returns the fields of a line, which are separated by colons. A backslash makes the next character a plain one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let plain = match character {
            ':' => {
                fields.push(String::new());
                continue;
            }
            '\\' => characters.next(),
            other => Some(other),
        };
        if let Some(field) = fields.last_mut() {
            field.extend(plain);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_matches_has_the_password() {
        let text = "# db:5432:site:me:comment\n\ndb:5432:site:other:no\ndb:*:si\\:te:me:p\\:w\\\\d\n*:*:*:*:last";
        assert_eq!(find(text, ["db", "5433", "si:te", "me"]).as_deref(), Some("p:w\\d"));
        assert_eq!(find(text, ["db", "5432", "site", "me"]).as_deref(), Some("last"));
        assert_eq!(find("db:5432", ["db", "5432", "site", "me"]), None);
    }
}
