//! The commands that start the agent on a machine.

use setup_tasks_agent::protocol::Nonce;

use crate::agent::AgentBinary;

const SCRIPT: &str = include_str!("bootstrap.sh");

/// The settings of the script.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) nonce: Nonce,
    pub(super) binary: &'a AgentBinary,
    /// The number of places that turned out to be unsuitable.
    pub(super) skip: usize,
    /// Whether an existing copy is replaced.
    pub(super) replace: bool,
}

impl Start<'_> {
    /// Returns the script on one line.
    fn script(&self) -> String {
        let Self { nonce, binary: AgentBinary { bytes, hash, role }, skip, replace } = self;
        let (size, role) = (bytes.len(), role.unwrap_or_default());
        let body: String =
            SCRIPT.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line} ")).collect();
        format!("n={nonce} h={hash} s={size} c={role} k={skip} r={}; {}", u8::from(*replace), body.trim_end())
    }

    /// Returns the command, as this user or as another one. `prompt` is the text with which sudo requests the password; without it,
    /// sudo must not request one.
    pub(super) fn argv(&self, user: Option<&str>, prompt: Option<&str>) -> Vec<String> {
        let script = self.script();
        let mut argv = Vec::new();
        if let Some(user) = user {
            // The messages of sudo are shown, so they are in English.
            argv.extend(["env", "LC_ALL=C", "sudo", "-H", "-u", user]);
            argv.extend(prompt.map_or(&["-n"][..], |_| &["-S", "-p"]));
            argv.extend(prompt);
            argv.push("--");
        }
        argv.extend(["sh", "-c", &script]);
        argv.into_iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use setup_tasks_agent::protocol::Hash;

    use super::*;

    #[test]
    fn a_login_shell_can_pass_the_script_on_in_single_quotes() {
        let binary = AgentBinary { bytes: [7].into(), hash: Hash::of(&[7]), role: Some("__role") };
        let start = Start { nonce: Nonce([7; 16]), binary: &binary, skip: 0, replace: false };
        let script = start.script();
        assert!(!script.contains(['\'', '\\', '\n']), "{script}");
        let checked = std::process::Command::new("sh").args(["-n", "-c", &script]).status().unwrap();
        assert!(checked.success());
    }
}
