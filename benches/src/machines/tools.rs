//! The other tools: their installation, and their commands for the same work.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, json};
use setup_tasks_test::{NetnsMachine, TestNetwork};

use super::client::Ran;
use super::{playbook, site};

/// The packages of the virtual environment.
const PACKAGES: [&str; 3] = ["pyinfra==3.10.0", "ansible-core==2.19.14", "mitogen==0.3.54"];

/// Another tool.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tool {
    Pyinfra,
    Mitogen,
    Ansible,
    Forjar,
}

/// The installed tools, and their inputs.
pub struct Tools {
    /// The virtual environment of Python.
    environment: PathBuf,
    /// The directory with the inputs.
    inputs: PathBuf,
    /// The directory with the SSH program.
    programs: PathBuf,
}

impl Tools {
    /// Installs the tools of Python into a virtual environment in a directory, unless an earlier run has.
    pub fn install(directory: &Path, inputs: &Path, programs: &Path) -> Result<Self> {
        let environment = directory.join("venv");
        let marker = environment.join(PACKAGES.join(" "));
        if !marker.exists() {
            println!("pip installs {}", PACKAGES.join(", "));
            let run = |command: &mut Command| -> Result<()> {
                ensure!(command.status().context("python3 is missing")?.success(), "the tools cannot be installed");
                Ok(())
            };
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
            run(Command::new(environment.join("bin/pip")).args(["install", "--quiet"]).args(PACKAGES))?;
            fs::write(&marker, "")?;
        }
        fs::create_dir_all(inputs)?;
        Ok(Self { environment, inputs: inputs.to_owned(), programs: programs.to_owned() })
    }

    /// Writes the inputs for some machines, and returns their directory.
    pub fn prepare(
        &self,
        network: &TestNetwork,
        control: &Path,
        name: &str,
        machines: &[&NetnsMachine],
    ) -> Result<PathBuf> {
        let directory = self.inputs.join(name);
        fs::create_dir_all(&directory)?;
        let keep = |file: &str, text: String| fs::write(directory.join(file), text);
        let data = site::data();
        keep("site.json", serde_json::to_string(&data)?)?;
        keep("deploy.py", include_str!("deploy.py").to_owned())?;
        keep("play.yml", serde_json::to_string_pretty(&playbook::ansible(&data))?)?;
        let (mut hosts, mut known, mut inventory, mut by_name) =
            (Vec::new(), String::new(), "[all]\n".to_owned(), Map::new());
        for machine in machines {
            let (name, address) = (machine.name(), machine.address());
            let key = machine.run("cat /etc/ssh/ssh_host_ed25519_key.pub")?;
            write!(known, "{address} {key}")?;
            writeln!(inventory, "{name}")?;
            hosts.push(address.clone());
            by_name.insert(
                name.to_owned(),
                json!({ "hostname": name, "addr": name, "user": "root", "ssh_key": network.client_key() }),
            );
        }
        keep("known_hosts", known)?;
        keep("inventory", inventory)?;
        let (key, file) =
            (network.client_key().display().to_string(), directory.join("known_hosts").display().to_string());
        keep(
            "inventory.py",
            format!(
                "hosts = [(host, dict(ssh_user='root', ssh_key={key:?}, ssh_known_hosts_file={file:?}, ssh_strict_host_key_checking='yes')) for host in {hosts:?}]\n"
            ),
        )?;
        keep(
            "ansible.cfg",
            format!(
                "[defaults]\ninterpreter_python=/usr/bin/python3\nforks=10\nretry_files_enabled=False\n[ssh_connection]\npipelining=True\n\
             ssh_args=-F {} -o ControlMaster=auto -o ControlPersist=60s -o ControlPath={}/a-%C\n",
                network.ssh_config().display(),
                control.display()
            ),
        )?;
        keep("forjar.yaml", serde_json::to_string_pretty(&playbook::forjar(&data, &by_name))?)?;
        Ok(directory)
    }
}

impl Tool {
    /// Returns the name with the version.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pyinfra => "pyinfra 3.10.0",
            Self::Mitogen => "ansible-core 2.19.14 with Mitogen 0.3.54",
            Self::Ansible => "ansible-core 2.19.14",
            Self::Forjar => "forjar 1.33.0",
        }
    }

    /// Returns the name for machines and files.
    pub fn short(self) -> &'static str {
        match self {
            Self::Pyinfra => "pyinfra",
            Self::Mitogen => "mitogen",
            Self::Ansible => "ansible",
            Self::Forjar => "forjar",
        }
    }

    /// Returns the reason for which the tool cannot run.
    pub fn missing(self) -> Option<&'static str> {
        let is_there = self != Self::Forjar || Command::new("forjar").arg("--version").output().is_ok();
        (!is_there).then_some("forjar is not there; `cargo install forjar --version 1.33.0 --locked` brings it")
    }

    /// Returns the command that brings the machines of the inputs into their state. With `verify`, it is the command for machines that
    /// are in their state. Only forjar has one for that, since it trusts its records otherwise.
    pub fn command(self, tools: &Tools, inputs: &Path, verify: bool) -> Result<Command> {
        let program = |name: &str| Command::new(tools.environment.join("bin").join(name));
        let mut command = match self {
            Self::Pyinfra => program("pyinfra"),
            Self::Mitogen | Self::Ansible => program("ansible-playbook"),
            Self::Forjar => Command::new("forjar"),
        };
        match self {
            Self::Pyinfra => command.args(["-y", "inventory.py", "deploy.py"]),
            Self::Mitogen | Self::Ansible => command.args(["-i", "inventory", "play.yml"]),
            Self::Forjar if verify => command.args(["drift", "-f", "forjar.yaml"]),
            Self::Forjar => command.args(["apply", "-f", "forjar.yaml", "--yes"]),
        };
        if self == Self::Forjar {
            // It runs the first `ssh` of the search path, and has no setting for a configuration.
            let path = std::env::var_os("PATH").unwrap_or_default();
            let paths = std::iter::once(tools.programs.clone()).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(paths)?);
        }
        if self == Self::Mitogen {
            let found =
                fs::read_dir(tools.environment.join("lib"))?.next().context("the virtual environment is empty")??;
            let plugins = found.path().join("site-packages/ansible_mitogen/plugins/strategy");
            command.env("ANSIBLE_STRATEGY", "mitogen_linear").env("ANSIBLE_STRATEGY_PLUGINS", plugins);
        }
        command.env("ANSIBLE_CONFIG", inputs.join("ansible.cfg")).env("ANSIBLE_NOCOLOR", "1").current_dir(inputs);
        Ok(command)
    }

    /// Returns how many resources the tool changed and how many it found as they should be, on all machines together.
    pub fn counts(self, ran: &Ran) -> Option<(usize, usize)> {
        let number = |text: &str| text.trim().parse::<usize>().unwrap_or(0);
        match self {
            Self::Pyinfra => {
                // The columns are hosts, changes, errors and no changes, the latter three as `-` for none.
                let line = ran.output.lines().find(|line| line.trim_start().starts_with("Grand total"))?;
                let columns: Vec<_> = line.split_whitespace().skip(2).collect();
                Some((number(columns.get(1)?), number(columns.get(3)?)))
            }
            Self::Mitogen | Self::Ansible => {
                let recap = ran.output.split("PLAY RECAP").nth(1)?;
                let sum = |key: &str| -> usize {
                    let values = recap.split_whitespace().filter_map(|word| word.strip_prefix(key));
                    values.map(number).sum()
                };
                let changed = sum("changed=");
                Some((changed, sum("ok=") - changed))
            }
            Self::Forjar => None,
        }
    }
}
