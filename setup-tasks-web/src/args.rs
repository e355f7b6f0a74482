//! The arguments of `serve`, and the rules for the addresses on which it listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgMatches, Args, FromArgMatches, ValueHint};
use setup_tasks::Result;
use setup_tasks_cli::__parts::UsageError;

/// The port of the page, if it is free.
const PORT: u16 = 8484;
/// The least length of a token in a file.
const SHORTEST: usize = 16;

/// Show the layout in the browser, and follow runs as they happen
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArgs {
    /// Listen on this address (default: 127.0.0.1:8484, or another port if that one is taken)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Use the token in this file, instead of a random one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    token_file: Option<PathBuf>,
    /// Ask for no token, because a reverse proxy with this name authenticates
    #[arg(long, value_name = "HOST", conflicts_with = "token_file", value_hint = ValueHint::Hostname)]
    behind_proxy: Option<String>,
    /// Also answer to this name
    #[arg(long, value_name = "HOST", value_hint = ValueHint::Hostname)]
    host: Vec<String>,
    /// Let the page run and cancel, and mark tasks as done
    #[arg(long)]
    pub(crate) allow_changes: bool,
}

/// Adds the arguments to the command.
pub(crate) fn describe(command: clap::Command) -> clap::Command {
    ServeArgs::augment_args(command)
}

impl ServeArgs {
    pub(crate) fn from(matches: &ArgMatches) -> Result<Self> {
        Ok(Self::from_arg_matches(matches)?)
    }

    /// Returns the address to listen on, and whether another port will do.
    pub(crate) fn address(&self) -> (SocketAddr, bool) {
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);
        self.listen.map_or((local, true), |address| (address, false))
    }

    /// Returns the names of the page besides its address.
    pub(crate) fn names(&self) -> Vec<String> {
        self.behind_proxy.iter().chain(&self.host).cloned().collect()
    }

    /// Returns the token, or `None` if a reverse proxy authenticates.
    ///
    /// # Errors
    ///
    /// If other machines can reach the page and nothing protects it, or if the token cannot be used.
    pub(crate) fn token(&self) -> Result<Option<String>> {
        let (address, _) = self.address();
        match (&self.token_file, &self.behind_proxy) {
            (Some(file), _) => read(file).map(Some),
            (None, Some(_)) => Ok(None),
            (None, None) if address.ip().is_loopback() => crate::gate::random(16).map(Some),
            (None, None) => {
                let text = format!("other machines can reach {address}, and nothing protects the page there");
                let help = "add `--token-file FILE`, or `--behind-proxy HOST` if a reverse proxy authenticates";
                Err(UsageError::new(text, help).into())
            }
        }
    }
}

/// Reads a token from a file.
fn read(file: &Path) -> Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read the token in `{}`", file.display()))?;
    let token = text.trim();
    let is_plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    if token.len() < SHORTEST || !is_plain {
        let text = format!("`{}` contains no token", file.display());
        let help =
            format!("write {SHORTEST} or more letters and digits into it, as `openssl rand -hex 16` prints them");
        return Err(UsageError::new(text, help).into());
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use setup_tasks::error::explain;

    use super::*;

    fn args(line: &[&str]) -> ServeArgs {
        let matches = describe(clap::Command::new("serve")).get_matches_from([&["serve"], line].concat());
        ServeArgs::from(&matches).unwrap()
    }

    #[test]
    fn a_page_that_other_machines_reach_needs_a_token_or_a_proxy() {
        let error = args(&["--listen", "0.0.0.0:80"]).token().unwrap_err();
        let text = explain(error.as_ref());
        assert!(
            text.starts_with("other machines can reach 0.0.0.0:80") && text.contains("\nhelp: add `--token-file"),
            "{text}"
        );
        assert_eq!(args(&["--listen", "[::]:80", "--behind-proxy", "lab.example"]).token().unwrap(), None);
        let local = [args(&[]), args(&["--listen", "127.0.0.9:1"]), args(&["--listen", "[::1]:1"])];
        let tokens = local.map(|args| args.token().unwrap().unwrap());
        assert!(tokens.iter().all(|token| token.len() == 32) && tokens[0] != tokens[1], "{tokens:?}");
    }

    #[test]
    fn a_token_in_a_file_is_long_and_plain() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("token");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            args(&["--listen", "0.0.0.0:80", "--token-file", file.to_str().unwrap()]).token()
        };
        assert_eq!(read("0123456789abcdef\n").unwrap().unwrap(), "0123456789abcdef");
        for wrong in ["", "short", "0123456789abcdef ü", "0123456789 abcdef"] {
            let text = explain(read(wrong).unwrap_err().as_ref());
            assert!(text.contains("contains no token\nhelp: write 16 or more"), "{text}");
        }
        let missing = args(&["--token-file", "/nonexistent"]).token().unwrap_err();
        assert!(explain(missing.as_ref()).starts_with("cannot read the token in `/nonexistent`"));
    }
}
