//! The commands `agents build` and `agents list`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use setup_tasks::__private::{AgentFile, AgentTool, agents_directory, configured_agents};
use setup_tasks::Result;
use setup_tasks_agent::agent::RELEASE;

use super::AgentBinary;
use super::architecture::Architecture;
use super::choice::{built_path, configured};
use crate::error::MachineError;

inventory::submit! { AgentTool { build, list } }

/// The profile of the agent, as options of Cargo. The panic of a resource must become a failure of its call, so it unwinds.
const PROFILE: [&str; 6] =
    ["inherits=\"release\"", "opt-level=\"z\"", "lto=\"fat\"", "codegen-units=1", "strip=true", "panic=\"unwind\""];
const PACKAGE: &str = "setup-tasks-agent";

/// A way to build the agent.
struct Way {
    target: &'static str,
    is_static: bool,
}

/// Builds the agent for an architecture with Cargo, in the project of the working directory, and keeps it.
fn build(name: Option<&str>, report: &mut dyn FnMut(&str)) -> Result<AgentFile> {
    let architecture = match name {
        Some(name) => Architecture::named(name).ok_or(MachineError::Architecture { name: name.to_owned() })?,
        None => Architecture::here().ok_or(MachineError::Architecture { name: "this system".to_owned() })?,
    };
    let path = built_path(architecture).ok_or(MachineError::NoHome)?;
    let installed = installed_targets();
    let [musl, gnu] = architecture.targets;
    let mut ways = Vec::new();
    if installed.iter().any(|target| target == musl) {
        ways.push(Way { target: musl, is_static: true });
    }
    if installed.iter().any(|target| target == gnu) {
        ways.extend([Way { target: gnu, is_static: true }, Way { target: gnu, is_static: false }]);
    }
    let mut last = MachineError::NoTarget { architecture: architecture.name, target: musl };
    for way in ways {
        report(&format!("builds the agent for {} with Cargo, for the target {}", architecture.name, way.target));
        match compile(&way) {
            Ok(program) => {
                let binary = AgentBinary::given(&program)?;
                keep(&binary, &path)?;
                if !binary.is_static {
                    report(&format!(
                        "the agent is not static, so a machine needs a C library as new as the one here; \
                         `rustup target add {musl}` makes static ones possible"
                    ));
                }
                return Ok(described(architecture.name, path, &binary));
            }
            Err(error @ MachineError::Compile { .. }) if way.is_static && way.target == gnu => {
                report("a static agent cannot be linked here, so the next attempt is one that needs the C library");
                last = error;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.into())
}

/// Returns the targets for which the compiler has a standard library.
fn installed_targets() -> Vec<String> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).stdin(Stdio::null()).output();
    let Ok(output) = output else { return Vec::new() };
    let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("lib/rustlib");
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let targets = entries.filter(|entry| entry.path().join("lib").is_dir());
    targets.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Compiles the agent, and returns the program. Cargo shows its progress itself.
fn compile(way: &Way) -> Result<PathBuf, MachineError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["build", "--package", PACKAGE, "--bin", PACKAGE, "--profile", PACKAGE, "--target", way.target]);
    for setting in PROFILE {
        command.args(["--config", &format!("profile.{PACKAGE}.{setting}")]);
    }
    if way.is_static {
        let flags = format!("target.{}.rustflags=[\"-Ctarget-feature=+crt-static\"]", way.target);
        // The variables would replace the flags of the option.
        command.args(["--config", &flags]).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    }
    command.arg("--message-format=json-render-diagnostics").stdin(Stdio::null()).stdout(Stdio::piped());
    let failed = |source| MachineError::NoCargo { source: Arc::new(source) };
    let mut child = command.spawn().map_err(failed)?;
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(std::io::Result::ok);
    let program = lines.filter_map(|line| executable(&line)).last();
    let status = child.wait().map_err(failed)?;
    match program {
        Some(program) if status.success() => Ok(program),
        _ => Err(MachineError::Compile { target: way.target }),
    }
}

/// Returns the path of the program in a message of Cargo.
fn executable(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    message.get("executable")?.as_str().map(PathBuf::from)
}

/// Puts the agent into its place.
fn keep(binary: &AgentBinary, path: &Path) -> Result<(), MachineError> {
    let failed = |source| MachineError::LocalFile { path: path.to_owned(), source: Arc::new(source) };
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let mut draft = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    std::io::Write::write_all(&mut draft, &binary.bytes).map_err(failed)?;
    draft.as_file().set_permissions(fs::Permissions::from_mode(0o700)).map_err(failed)?;
    draft.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Lists the agents that were built, and those of the configuration.
fn list() -> Result<Vec<AgentFile>> {
    let mut agents = Vec::new();
    for (name, path) in configured_agents() {
        let architecture = Architecture::named(&name).ok_or(MachineError::Architecture { name: name.clone() })?;
        agents.push(match configured(architecture, &path) {
            Ok(binary) => AgentFile { is_configured: true, ..described(&name, path, &binary) },
            Err(error) => {
                let size = fs::metadata(&path).map_or(0, |meta| meta.len());
                let unused = Some(error.to_string());
                AgentFile { architecture: name, path, size, is_static: false, unused, is_configured: true }
            }
        });
    }
    let entries = agents_directory().into_iter().flat_map(fs::read_dir).flatten().flatten();
    let mut built: Vec<_> = entries.filter_map(|entry| built_agent(&entry.path())).collect();
    built.sort_by(|a, b| {
        (a.unused.is_some(), &a.architecture, &a.path).cmp(&(b.unused.is_some(), &b.architecture, &b.path))
    });
    agents.extend(built);
    Ok(agents)
}

/// Returns the agent in the directory of built agents with this path, or `None` for another file.
fn built_agent(path: &Path) -> Option<AgentFile> {
    let name = path.file_name()?.to_str()?.strip_prefix("agent-")?;
    let (release, architecture) = name.rsplit_once('-')?;
    let is_used = release == RELEASE;
    let unused = (!is_used).then(|| format!("it is of the release {release}"));
    match AgentBinary::given(path) {
        Ok(binary) => Some(AgentFile { unused, ..described(architecture, path.to_owned(), &binary) }),
        Err(error) => {
            let size = fs::metadata(path).map_or(0, |meta| meta.len());
            let (architecture, path) = (architecture.to_owned(), path.to_owned());
            let unused = unused.or_else(|| Some(error.to_string()));
            Some(AgentFile { architecture, path, size, is_static: false, unused, is_configured: false })
        }
    }
}

fn described(architecture: &str, path: PathBuf, binary: &AgentBinary) -> AgentFile {
    AgentFile {
        architecture: architecture.to_owned(),
        path,
        size: binary.bytes.len() as u64,
        is_static: binary.is_static,
        unused: None,
        is_configured: false,
    }
}
