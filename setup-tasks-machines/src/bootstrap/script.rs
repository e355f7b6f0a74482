//! The commands that start the agent on a machine.

use setup_tasks_agent::protocol::Nonce;

use crate::agent::{AgentBinary, Agents};

const SCRIPT: &str = include_str!("bootstrap.sh");

/// The settings of the script.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) nonce: Nonce,
    pub(super) agents: &'a Agents,
    /// The number of places that turned out to be unsuitable.
    pub(super) skip: usize,
    /// Whether an existing copy is replaced.
    pub(super) replace: bool,
}

impl Start<'_> {
    /// Returns the script on one line.
    fn script(&self) -> String {
        let Self { nonce, agents, skip, replace } = self;
        let body: String =
            SCRIPT.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line} ")).collect();
        format!("n={nonce}; {}; k={skip}; r={}; {}", choice(agents), u8::from(*replace), body.trim_end())
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

/// Returns the part of the script that chooses the binary by the architecture.
fn choice(agents: &Agents) -> String {
    let settings = |binary: &AgentBinary| {
        format!("h={} s={} c={}", binary.hash, binary.bytes.len(), binary.role.unwrap_or_default())
    };
    match agents.all() {
        [] => "h= s= c=".to_owned(),
        [only] => settings(only),
        all => {
            let arm = |binary: &AgentBinary| {
                let pattern = binary.architecture.map_or("none", |one| one.pattern);
                format!("{pattern}) {};; ", settings(binary))
            };
            let arms: String = all.iter().map(arm).collect();
            // The controller refuses a system without a binary.
            format!("case $(uname -m) in {arms}*) {};; esac", settings(&all[0]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_passes(agents: &Agents) {
        let start = Start { nonce: Nonce([7; 16]), agents, skip: 0, replace: false };
        let script = start.script();
        assert!(!script.contains(['\'', '\\', '\n']), "{script}");
        let checked = std::process::Command::new("sh").args(["-n", "-c", &script]).status().unwrap();
        assert!(checked.success());
    }

    /// Returns the smallest program for an architecture.
    fn program(elf: u8) -> AgentBinary {
        let mut bytes = vec![0; 128];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (bytes[18], bytes[32], bytes[54], bytes[56]) = (elf, 64, 56, 1);
        let mut binary = AgentBinary::new(bytes);
        binary.role = Some("__role");
        binary
    }

    #[test]
    fn a_login_shell_can_pass_the_script_on_in_single_quotes() {
        assert_passes(&Agents::from_iter([program(0x3e)]));
        assert_passes(&Agents::from_iter([program(0x3e), program(0xb7)]));
    }

    #[test]
    fn the_machine_chooses_its_binary() {
        let agents = Agents::from_iter([program(0xb7), program(0x3e), program(0x3e)]);
        assert_eq!(agents.all().len(), 2);
        let shell = format!(
            "uname() {{ echo $m; }}; m=amd64; {}; echo $h; m=arm64; {}; echo $h",
            choice(&agents),
            choice(&agents)
        );
        let output = std::process::Command::new("sh").args(["-c", &shell]).output().unwrap();
        let expected = format!("{}\n{}\n", agents.all()[1].hash, agents.all()[0].hash);
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
        assert!(agents.for_system("Linux riscv64").unwrap().is_none());
    }
}
