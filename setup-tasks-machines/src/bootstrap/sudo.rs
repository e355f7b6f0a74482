//! The dialogue with sudo.

use setup_tasks::Secret;
use setup_tasks::error::Excerpt;
use setup_tasks_agent::protocol::Nonce;

use crate::error::MachineError;

/// A dialogue with sudo. It requests a password by a prompt that nothing else prints.
pub(super) struct Sudo<'a> {
    user: &'a str,
    password: Option<&'a Secret<String>>,
    prompt: String,
    is_answered: bool,
}

impl<'a> Sudo<'a> {
    pub(super) fn new(user: &'a str, password: Option<&'a Secret<String>>, nonce: Nonce) -> Self {
        Self { user, password, prompt: format!("setup-tasks-password-{nonce}="), is_answered: false }
    }

    /// Returns the prompt, if there is a password.
    pub(super) fn prompt(&self) -> Option<&str> {
        self.password.map(|_| self.prompt.as_str())
    }

    /// Returns the line to send, given the text of standard error so far. Nothing is sent before sudo requests the password, since
    /// what is sent earlier would reach the program if sudo needs none.
    ///
    /// # Errors
    ///
    /// Sudo requests the password for the second time, so it was wrong.
    pub(super) fn answer(&mut self, errors: &str) -> Result<Option<Vec<u8>>, ()> {
        let requests = errors.matches(&self.prompt).count();
        match (requests, self.password) {
            (1, Some(password)) if !self.is_answered => {
                self.is_answered = true;
                Ok(Some(format!("{}\n", password.expose()).into_bytes()))
            }
            (2.., _) => Err(()),
            _ => Ok(None),
        }
    }

    /// Returns the error for the end of sudo, if sudo was the cause.
    pub(super) fn error(&self, machine: &str, errors: Option<&Excerpt>) -> Option<MachineError> {
        let machine = machine.to_owned();
        let user = self.user.to_owned();
        let text = errors?.as_str().replace(&self.prompt, "");
        let own = |line: &&str| {
            let is_missing = line.contains("sudo") && (line.contains("No such file") || line.contains("not found"));
            let is_refused = line.contains("is not in the sudoers") || line.contains("is not allowed to ");
            line.starts_with("sudo: ") || is_missing || is_refused
        };
        let own: Vec<&str> = text.lines().map(str::trim).filter(own).collect();
        if self.is_answered && own.iter().any(|line| line.contains("incorrect password")) {
            return Some(MachineError::WrongPassword { machine });
        }
        if own.iter().any(|line| line.contains("a password is required") || line.contains("no password was provided")) {
            return Some(MachineError::NoPassword { machine, user });
        }
        let output = Excerpt::new(own.join("\n"))?;
        Some(MachineError::Become { machine, user, output: Some(output) })
    }
}
