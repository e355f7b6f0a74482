//! An object whose packages are on a machine, which is the file `machine.txt` with one package per line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use setup_tasks::BoxFuture;
use setup_tasks::command::{CommandRunner, OneOffCommand, OutputStream};
use setup_tasks::observer::{Answer, Answers, Observed, Observer, Question, QuestionData};
use setup_tasks::prelude::*;
use setup_tasks::run::FileChange;
use setup_tasks::task::{Difference, TaskKind};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "appliance")]
pub struct Appliance {
    #[machine]
    pub machine: Machine,
}

#[setup_tasks]
impl Appliance {
    /// Install nginx and its module
    #[setup_task]
    const NGINX: Packages = Packages(&[("nginx", "1.24"), ("nginx-module", "1.24")]);

    /// Install curl
    #[setup_task(subscribe = [])]
    const CURL: Packages = Packages(&[("curl", "8.0")]);

    #[setup_task("Restart the server", subscribe = [nginx], slow_invalidator = is_running)]
    fn restart(&self) {}

    fn is_running(&self) -> bool {
        !std::path::Path::new("stopped").exists()
    }
}

/// Packages with their versions.
pub struct Packages(&'static [(&'static str, &'static str)]);

type Versions = BTreeMap<String, String>;

fn installed() -> Result<Versions> {
    let text = std::fs::read_to_string("machine.txt")?;
    let entry = |line: &str| line.split_once(' ').map(|(name, version)| (name.to_owned(), version.to_owned()));
    Ok(text.lines().filter_map(entry).collect())
}

/// The machine. Its commands run on this one.
pub struct Machine;

setup_tasks::command_runner!(Machine);

impl CommandRunner for Machine {
    fn name(&self) -> Cow<'_, str> {
        "the machine".into()
    }

    fn key(&self) -> Cow<'_, str> {
        "the machine".into()
    }

    fn run_one_off(&self, mut command: OneOffCommand) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(async move {
            let program = command.words.remove(0);
            let run = std::process::Command::new(program).args(command.words).stdin(Stdio::null()).output()?;
            (command.output)(OutputStream::Stdout, &run.stdout);
            (command.output)(OutputStream::Stderr, &run.stderr);
            Ok(run.status)
        })
    }
}

impl Observer for Machine {
    fn key(&self) -> Cow<'_, str> {
        "the machine".into()
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        Box::pin(async move {
            let installed = installed()?;
            Ok(questions.iter().map(|_| Ok(Answer::new(installed.clone()))).collect())
        })
    }
}

impl TaskKind<Appliance> for Packages {
    const OBSERVED: Observed = Observed::WhenVerified;

    async fn run(&self, _: &Appliance, _: &TaskContext) -> Result<Outcome> {
        let (before, mut after) = (installed()?, installed()?);
        after.extend(self.0.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())));
        let lines: String = after.iter().map(|(name, version)| format!("{name} {version}\n")).collect();
        std::fs::write("machine.txt", lines)?;
        Ok(if before == after { Outcome::Unchanged } else { Outcome::Done })
    }

    async fn question(&self, _: &Appliance, _: &TaskContext) -> Result<Option<Question>> {
        Ok(Some(Question::new(Arc::new(Machine), ())))
    }

    fn differences(&self, _: &Appliance, _: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
        let installed = answer.get::<Versions>()?;
        let difference = |(name, version): &(&str, &str)| match installed.get(*name) {
            Some(is) if is == version => None,
            Some(is) => Some(Difference::new(*name, is).instead_of(*version)),
            None => Some(Difference::new(*name, "is missing")),
        };
        Ok(self.0.iter().filter_map(difference).collect())
    }

    async fn changes(&self, _: &Appliance, cx: &TaskContext) -> Result<Vec<FileChange>> {
        let Some(answer) = cx.answer() else { return Ok(Vec::new()) };
        let installed = answer.get::<Versions>()?;
        let change = |(name, version): &(&str, &str)| {
            let before = installed.get(*name).map(|version| format!("{version}\n"));
            FileChange::new(*name, before, format!("{version}\n"))
        };
        Ok(self.0.iter().map(change).filter(|change| !change.is_empty()).collect())
    }
}
