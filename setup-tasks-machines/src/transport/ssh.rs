//! The way over the system's `ssh`.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::Sharing;
use super::runtime_dir::runtime_dir;
use crate::error::MachineError;

/// A destination of `ssh`, and how to get there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ssh {
    /// The destination, such as `ada@web1`.
    pub(crate) destination: String,
    /// The program.
    pub(crate) program: String,
    /// The hosts to go through, as for the option `-J`.
    pub(crate) jump: Option<String>,
    /// Whether the connection is kept open for a while, for the next run.
    pub(crate) persist: bool,
    /// The time for the connection, if the configuration of the user has none.
    pub(crate) timeout: Duration,
}

impl Ssh {
    pub(crate) fn new(destination: String) -> Self {
        let program = "ssh".to_owned();
        Self { destination, program, jump: None, persist: true, timeout: Duration::from_secs(5) }
    }

    /// Returns the command that runs a program on the host, and whether it uses a connection that existed before.
    pub(super) async fn command(&self, argv: &[String], sharing: Sharing) -> Result<(Command, bool), MachineError> {
        let destination = &self.destination;
        if destination.is_empty() || destination.starts_with('-') || destination.contains(char::is_whitespace) {
            return Err(MachineError::Destination { destination: destination.clone() });
        }
        let config = self.config().await;
        let mut command = Command::new(&self.program);
        command.args(self.way());
        // No terminal, no forwarding and no other command, whatever the configuration has for people.
        for option in ["RequestTTY=no", "ClearAllForwardings=yes", "RemoteCommand=none"] {
            command.args(["-o", option]);
        }
        let is_default = |key: &str| config.get(key).is_none_or(|value| value == "0" || value == "none");
        if is_default("connecttimeout") {
            command.args(["-o", &format!("ConnectTimeout={}", self.timeout.as_secs().max(1))]);
        }
        if is_default("serveraliveinterval") {
            command.args(["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]);
        }
        let mut is_reused = false;
        if sharing == Sharing::Own {
            command.args(["-o", "ControlMaster=no", "-o", "ControlPath=none"]);
        } else if let Some(path) = config.get("controlpath") {
            // A path of the user's configuration is left alone.
            is_reused = Path::new(path).exists();
        } else if self.persist {
            let socket = runtime_dir()?.join(self.socket_name(&config));
            is_reused = socket.exists();
            command.args(["-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o"]).arg(control_path(&socket));
        }
        command.arg("--").arg(destination).arg(format!("exec {}", quote_all(argv)));
        Ok((command, is_reused))
    }

    /// Ends the shared connection of this program for new channels. That of the user's configuration is left alone.
    pub(super) async fn forget(&self) {
        let config = self.config().await;
        if !self.persist || config.contains_key("controlpath") {
            return;
        }
        let Ok(socket) = runtime_dir().map(|directory| directory.join(self.socket_name(&config))) else { return };
        if socket.exists() {
            let mut command = Command::new(&self.program);
            command.args(["-O", "stop", "-o"]).arg(control_path(&socket)).arg("--").arg(&self.destination);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
            // A connection whose process does not even answer here has no further use either.
            let stopped = tokio::time::timeout(Duration::from_secs(5), command.status()).await;
            if !matches!(stopped, Ok(Ok(status)) if status.success()) {
                let _ = std::fs::remove_file(&socket);
            }
        }
    }

    /// Returns the options that lead to the host.
    fn way(&self) -> Vec<&str> {
        self.jump.iter().flat_map(|jump| ["-J", jump]).collect()
    }

    /// Returns the configuration that applies to the host, or nothing if `ssh` cannot print it. A later error has the reason.
    async fn config(&self) -> HashMap<String, String> {
        let mut command = Command::new(&self.program);
        command.arg("-G").args(self.way()).args(["--", &self.destination]);
        command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(10), command.output()).await;
        let Ok(Ok(output)) = output else { return HashMap::new() };
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let pair = |line: &str| line.split_once(' ').map(|(key, value)| (key.to_owned(), value.to_owned()));
        lines.lines().filter_map(pair).collect()
    }

    /// Returns the name of the socket. It depends on all that decides where a connection leads. A socket has a name of at most
    /// about 100 bytes, so this is a hash.
    fn socket_name(&self, config: &HashMap<String, String>) -> String {
        let mut keys: Vec<_> = config.iter().collect();
        keys.sort();
        let text = format!("{:?}", (&self.program, &self.destination, &self.jump, keys));
        blake3::hash(text.as_bytes()).to_hex()[..24].to_owned()
    }
}

/// Returns the option for the socket of a shared connection.
fn control_path(socket: &Path) -> String {
    // A percent sign would begin a token of the configuration.
    format!("ControlPath={}", socket.display().to_string().replace('%', "%%"))
}

/// Quotes words for the login shell on the machine, whichever it is. Every shell takes text in single quotes as it is, if the text has
/// neither single quotes nor backslashes.
fn quote_all(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,".contains(c);
    let quote = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            return word.clone();
        }
        debug_assert!(!word.contains(['\'', '\\']), "the login shell may read {word} in another way");
        format!("'{word}'")
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_every_login_shell() {
        let words = ["sh", "-c", "echo \"$HOME\"; exit"].map(str::to_owned);
        assert_eq!(quote_all(&words), "sh -c 'echo \"$HOME\"; exit'");
        assert_eq!(quote_all(&[String::new()]), "''");
    }
}
