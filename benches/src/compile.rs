//! The compile time of models: a non-incremental `cargo check` of a generated crate, compared with
//! the same crate with serde's derives instead of ours, and without derives. Also the amount of
//! generated code.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::measure::{Measured, Places, ROUNDS, time};
use crate::{Contestant, in_turn};

/// The derive of the models of a generated crate.
#[derive(Clone, Copy, PartialEq)]
enum Derive {
    Ours,
    Serde,
    Nothing,
}

pub fn compare(places: &Places, models: usize, tasks: usize) -> Result<()> {
    let place = places.next()?;
    let crates = [("ours", Derive::Ours), ("serde", Derive::Serde), ("nothing", Derive::Nothing)];
    for (name, derive) in crates {
        generate(&place.join(name), name, derive, (models, tasks))?;
        // This check builds the dependencies, which are not measured.
        check(&place, name)?;
    }
    let place = &place;
    let of = crates.map(|(name, _)| -> Contestant<'_> { (name, models * tasks, Box::new(move || check(place, name))) });
    let measured = in_turn(ROUNDS.min(5), of.into())?;
    println!("cargo check, of models that derive");
    crate::show(&measured);
    let [ours, serde, nothing] = &*measured else { return Ok(()) };
    let ratio = |other: &Measured| ours.time.median.as_secs_f64() / other.time.median.as_secs_f64();
    println!("ours is {:.2} times serde, {:.2} times nothing", ratio(serde), ratio(nothing));
    expansion(&place.join("ours"), models * tasks)
}

/// Checks a crate again, but not its dependencies.
fn check(place: &Path, name: &str) -> Result<crate::measure::Once> {
    let manifest = place.join(name);
    // Cargo takes the crate as edited.
    fs::File::options().append(true).open(manifest.join("src/lib.rs"))?.set_modified(std::time::SystemTime::now())?;
    let mut command = Command::new("cargo");
    command.args(["check", "--quiet", "--manifest-path"]).arg(manifest.join("Cargo.toml"));
    command.arg("--target-dir").arg(place.join("target")).args(["--config", "build.incremental=false"]);
    time(&mut command)
}

/// Prints the amount of code that is generated per task, as `cargo expand` shows it.
fn expansion(place: &Path, tasks: usize) -> Result<()> {
    let mut command = Command::new("cargo");
    command.arg("expand").current_dir(place).env("CARGO_TARGET_DIR", place.join("../target"));
    match command.output() {
        Ok(output) if output.status.success() => {
            let source = fs::read_to_string(place.join("src/lib.rs"))?.len();
            let expanded = output.stdout.len().saturating_sub(source);
            println!("{} bytes are generated per task, including its share of the model", expanded / tasks.max(1));
        }
        _ => println!("LEFT OUT: how much is generated; `cargo install cargo-expand` brings what tells it"),
    }
    Ok(())
}

fn generate(place: &Path, name: &str, derive: Derive, (models, tasks): (usize, usize)) -> Result<()> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../setup-tasks").canonicalize()?;
    let ours = ours.to_str().context("the path of the workspace is not UTF-8")?;
    let manifest = format!(
        "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         setup-tasks = {{ path = {ours:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n"
    );
    let mut source = "#![allow(unused)]\nuse setup_tasks::prelude::*;\nuse serde::{Deserialize, Serialize};\n\
                      fn work(_: &str, _: usize) -> Result<()> { Ok(()) }\n"
        .to_owned();
    for model in 0..models {
        let derives = match derive {
            Derive::Ours => format!("#[derive(SetupTasks)]\n#[setup_tasks(subdir = \"m{model}/{{name}}\")]"),
            Derive::Serde => "#[derive(Serialize, Deserialize)]".to_owned(),
            Derive::Nothing => String::new(),
        };
        writeln!(
            source,
            "{derives}\npub struct Model{model} {{ pub name: String, pub address: String, pub port: u16 }}"
        )?;
        let is_ours = derive == Derive::Ours;
        writeln!(source, "{}impl Model{model} {{", if is_ours { "#[setup_tasks]\n" } else { "" })?;
        for task in 0..tasks {
            let attribute = if is_ours { format!("#[setup_task(\"Step {task}\")]") } else { String::new() };
            writeln!(
                source,
                "{attribute} pub async fn step{task}(&self, cx: &TaskContext) -> Result<()> {{ work(&self.name, {task}) }}"
            )?;
        }
        source.push_str("}\n");
    }
    fs::create_dir_all(place.join("src"))?;
    fs::write(place.join("src/lib.rs"), source)?;
    Ok(fs::write(place.join("Cargo.toml"), manifest)?)
}
