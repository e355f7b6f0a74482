//! The same 50 resources on real machines, by this library and by other tools.
//!
//! The machines are Debian roots in network namespaces, each with its own SSH server. The clients are in a namespace of their own, at
//! a distance that a router sets. Each side verifies the result of the other.

mod client;
mod distance;
pub mod own;
mod playbook;
mod site;
mod table;
mod tools;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use setup_tasks_test::{NetnsMachine, TestNetwork};

use self::client::{Client, Ran};
use self::table::{OWN, SSH, Table, targets};
use self::tools::{Tool, Tools};

/// The time after which a slow tool is stopped.
const LIMIT: Duration = Duration::from_mins(5);

/// The cells of the table: the number of machines, and the round trip in milliseconds.
const CELLS: [(usize, u64); 4] = [(1, 0), (1, 10), (1, 50), (10, 10)];

/// The number of machines.
const MACHINES: usize = 10;

/// The number of further files for the comparison of many resources with few.
const MORE: usize = 450;

#[derive(Args)]
pub struct Options {
    /// The tools to compare with
    #[arg(long, value_delimiter = ',', default_value = "pyinfra,mitogen,ansible,forjar")]
    tools: Vec<Tool>,
    /// The rounds of this library, whose median counts
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

/// The benchmark.
struct Bench {
    network: TestNetwork,
    client: Client,
    tools: Tools,
    /// The SSH program within the client's namespace.
    ssh: PathBuf,
    /// The stamps of the sites.
    state: PathBuf,
    machines: Vec<NetnsMachine>,
    rounds: usize,
}

/// Compares this library with the tools, and prints the tables.
pub fn compare(options: &Options) -> Result<()> {
    let mut compared = Vec::new();
    for tool in &options.tools {
        match tool.missing() {
            Some(reason) => println!("LEFT OUT: {reason}"),
            None => compared.push(*tool),
        }
    }
    let bench = Bench::start(options.rounds)?;
    println!("\nfirst apply of {} changes", site::CHANGES);
    let first = bench.first(&compared)?;
    let verified = bench.verified(&compared)?;
    println!("\n{verified}\n{first}");
    bench.many()?;
    targets(&verified, &first)
}

impl Bench {
    fn start(rounds: usize) -> Result<Self> {
        println!("the machines come up; the first time, their Debian root is made, which takes some minutes");
        let network = TestNetwork::start_with(&["ca-certificates", "git", "python3", "python3-apt"])?;
        let client = Client::start(&network, &own::build_agent()?)?;
        let programs = client.directory().join("bin");
        fs::create_dir(&programs)?;
        let tools = Tools::install(&TestNetwork::cache_directory(), &client.directory().join("inputs"), &programs)?;
        let ssh = programs.join("ssh");
        fs::write(&ssh, format!("#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n", network.ssh_config().display()))?;
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o700))?;
        let state = client.directory().join("state");
        let names: Vec<_> = (1..=MACHINES).map(|i| format!("m{i}")).collect();
        let machines = network.machines(names.iter().map(String::as_str))?;
        Ok(Self { network, client, tools, ssh, state, machines, rounds })
    }

    /// Runs this library on machines. The run must change as many tasks as expected.
    fn own(&self, state: &Path, verify: bool, machines: &[&str], changes: usize) -> Result<Ran> {
        let ran = self
            .client
            .run(&own::command(state, &self.ssh, verify.then_some("--verify").as_slice(), machines)?, LIMIT)?;
        ensure!(ran.is_success, "setup-tasks failed: {}", ran.output);
        ensure!(ran.output.trim() == changes.to_string(), "{changes} changed tasks were expected: {}", ran.output);
        Ok(ran)
    }

    /// Runs another tool on machines, which must change this number of resources. Prints a line with the duration and the counts.
    fn other(&self, tool: Tool, what: &str, machines: &[&NetnsMachine], expected: usize) -> Result<Ran> {
        let directory = format!("{}-{}", tool.short(), machines[0].name());
        let inputs = self.tools.prepare(&self.network, self.client.control(), &directory, machines)?;
        let ran = self.client.run(&tool.command(&self.tools, &inputs, expected == 0)?, LIMIT)?;
        let name = tool.name();
        if !ran.is_finished {
            println!("{name}, {what}: stopped after {} s", LIMIT.as_secs());
            return Ok(ran);
        }
        let kept = self.client.directory().join(format!("{}.log", tool.short()));
        fs::write(&kept, &ran.output)?;
        ensure!(ran.is_success, "{name} failed, {what}: {}", ran.output);
        let counts = tool.counts(&ran);
        let text =
            counts.map_or(String::new(), |(changed, right)| format!("; {changed} changed, {right} as they should be"));
        println!("{name}, {what}: {:.1} s{text}", ran.took.as_secs_f64());
        if let Some((changed, _)) = counts {
            ensure!(changed == expected, "{name} changed {changed} resources instead of {expected}: {}", ran.output);
        }
        Ok(ran)
    }

    /// Measures first applies. Each tool gets a new machine, and this library verifies what it did.
    fn first(&self, tools: &[Tool]) -> Result<Table> {
        let mut table = Table::new(
            &format!("first apply, {} changes", site::CHANGES),
            ["1 machine, RTT 0", "RTT 10 ms", "client CPU", "bytes"].map(str::to_owned),
        );
        let mut own = Vec::new();
        for (i, (_, round_trip)) in CELLS[..2].iter().enumerate() {
            let machine = self.network.machine(format!("own{i}")).boot()?;
            self.fresh(*round_trip)?;
            let state = self.client.directory().join(format!("state-{i}"));
            own.push(Some(self.own(&state, false, &[machine.name()], site::TASKS.len())?));
            if i == 0 {
                // The first tool to verify is the reference.
                if let Some(tool) = tools.first() {
                    self.other(*tool, "verifies what setup-tasks applied", &[&machine], 0)?;
                }
            }
        }
        table.add(OWN[2], own);
        for tool in tools {
            let mut cells = Vec::new();
            for (i, (_, round_trip)) in CELLS[..2].iter().enumerate() {
                let machine = self.network.machine(format!("{}{i}", tool.short())).boot()?;
                self.fresh(*round_trip)?;
                let ran = self.other(*tool, "first apply", &[&machine], site::CHANGES)?;
                if ran.is_finished {
                    let state = self.client.directory().join(format!("verified-{}", machine.name()));
                    let verified = own::command(&state, &self.ssh, &["--verify", "--adopt"], &[machine.name()])?;
                    let verified = self.client.run(&verified, LIMIT)?;
                    let (differ, of) = (verified.output.trim(), site::TASKS.len());
                    println!("setup-tasks found differences in {differ} of {of} tasks after {}", tool.name());
                }
                cells.push(Some(ran));
            }
            table.add(tool.name(), cells);
        }
        Ok(table)
    }

    /// Measures runs with nothing to do.
    fn verified(&self, tools: &[Tool]) -> Result<Table> {
        let mut columns =
            CELLS.map(|(count, round_trip)| format!("{}, RTT {round_trip} ms", table::machines(count))).to_vec();
        columns.extend(["client CPU, 1 / 10 machines".to_owned(), "bytes, 1 / 10 machines".to_owned()]);
        let mut table = Table::new(&format!("nothing to do, {} resources", site::COUNT), columns);
        let names: Vec<_> = self.machines.iter().map(NetnsMachine::name).collect();
        self.client.round_trip(0);
        self.own(&self.state, false, &names, site::TASKS.len() * MACHINES)?;
        let (mut ssh, mut trusted, mut new, mut open) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (count, round_trip) in CELLS {
            self.client.round_trip(round_trip);
            let names = &names[..count];
            let (mut rounds, mut bare) = ([Vec::new(), Vec::new(), Vec::new()], Vec::new());
            for _ in 0..self.rounds {
                self.fresh(round_trip)?;
                rounds[0].push(self.own(&self.state, false, names, 0)?);
                rounds[1].push(self.own(&self.state, true, names, 0)?);
                rounds[2].push(self.own(&self.state, true, names, 0)?);
                let mut sh = std::process::Command::new("sh");
                sh.args(["-c", "for m; do \"$0\" $m true & done; wait"]).arg(&self.ssh).args(names);
                bare.push(self.client.run(&sh, LIMIT)?);
            }
            let [first, second, third] = rounds.map(median);
            ensure!(first.bytes == 0, "a run that trusts its stamps sent {} bytes", first.bytes);
            trusted.push(Some(first));
            new.push(Some(second));
            open.push(Some(third));
            ssh.push(Some(median(bare)));
        }
        table.add(OWN[0], new);
        table.add(OWN[1], open);
        table.add("setup-tasks, stamps trusted", trusted);
        table.add(SSH, ssh);
        for tool in tools {
            if *tool == Tool::Forjar {
                // It compares machines with its records of them.
                self.fresh(0)?;
                self.other(
                    *tool,
                    "first apply, 10 machines",
                    &self.machines.iter().collect::<Vec<_>>(),
                    site::CHANGES,
                )?;
            }
            let mut cells = Vec::new();
            for (count, round_trip) in CELLS {
                self.fresh(round_trip)?;
                let machines: Vec<_> = self.machines[..count].iter().collect();
                let what = format!("{}, RTT {round_trip} ms", table::machines(count));
                cells.push(Some(self.other(*tool, &what, &machines, 0)?));
            }
            table.add(tool.name(), cells);
        }
        Ok(table)
    }

    /// Measures ten times the resources.
    fn many(&self) -> Result<()> {
        self.client.round_trip(50);
        let names = [self.machines[0].name()];
        let run = |more: usize| -> Result<Ran> {
            let command = own::command(&self.state, &self.ssh, &["--verify", "--more", &more.to_string()], &names)?;
            let mut runs = Vec::new();
            // The first run writes the files.
            for round in 0..=self.rounds {
                let ran = self.client.run(&command, LIMIT)?;
                ensure!(ran.is_success, "setup-tasks failed: {}", ran.output);
                if round > 0 {
                    runs.push(ran);
                }
            }
            Ok(median(runs))
        };
        let (few, many) = (run(0)?, run(MORE)?);
        println!(
            "verified, connection still open, RTT 50 ms: {} with {} resources, {} with {}",
            table::milliseconds(few.took),
            site::COUNT,
            table::milliseconds(many.took),
            site::COUNT + MORE
        );
        Ok(())
    }

    /// Ends all connections and sets the distance.
    fn fresh(&self, round_trip: u64) -> Result<()> {
        self.client.disconnect().context("the connections do not end")?;
        self.client.round_trip(round_trip);
        Ok(())
    }
}

/// Returns the run with the median duration.
fn median(mut runs: Vec<Ran>) -> Ran {
    runs.sort_by_key(|ran| ran.took);
    runs.swap_remove(runs.len() / 2)
}
