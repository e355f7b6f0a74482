//! One template of 70 lines, rendered 10,000 times: by a `TemplateTask`'s engine, over a model, which is
//! serialized each time, and over a value of the injector, which is serialized once; and by Mako over the same data, in turn, in one run. `cargo bench -p setup-tasks-templates`; Mako: `pip install mako`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a benchmark")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use setup_tasks_templates::{__private, Template, template};

const TIMES: u32 = 10_000;
const ROUNDS: usize = 5;

#[derive(Serialize)]
struct Network {
    name: &'static str,
    domain: &'static str,
    servers: Vec<&'static str>,
    lease: u32,
    authoritative: bool,
    subnet: &'static str,
    netmask: &'static str,
    router: &'static str,
    from: &'static str,
    to: &'static str,
    hosts: Vec<Host>,
}

#[derive(Serialize)]
struct Host {
    name: String,
    mac: String,
    address: String,
    admin: bool,
}

fn network() -> Network {
    let host = |i: u32| Host {
        name: format!("host{i}"),
        mac: format!("02:00:00:00:00:{i:02x}"),
        address: format!("10.20.0.{i}"),
        admin: i.is_multiple_of(3),
    };
    Network {
        name: "lan",
        domain: "lab.example",
        servers: vec!["10.20.0.1", "10.20.0.2"],
        lease: 43_200,
        authoritative: true,
        subnet: "10.20.0.0",
        netmask: "255.255.255.0",
        router: "10.20.0.1",
        from: "10.20.0.100",
        to: "10.20.0.199",
        hosts: (10..22).map(host).collect(),
    }
}

const TEMPLATE: Template = template!("host.tera");

fn time(mut render: impl FnMut()) -> Duration {
    let began = Instant::now();
    (0..TIMES).for_each(|_| render());
    began.elapsed()
}

/// Returns the time that Mako takes and the text that it renders, or `None` if Mako is missing.
fn mako(data: &str) -> Option<(Duration, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let mut python = Command::new("python3")
        .arg(directory.join("mako_render.py"))
        .arg(TIMES.to_string())
        .arg(directory.join("host.mako"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    python.stdin.take()?.write_all(data.as_bytes()).ok()?;
    let output = python.wait_with_output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (seconds, text) = text.split_once('\n')?;
    Some((Duration::from_secs_f64(seconds.parse().ok()?), text.to_owned()))
}

fn main() -> setup_tasks::Result<()> {
    let network = network();
    let network = Arc::new(network);
    let data = serde_json::to_string(&*network)?;
    let text = __private::render(TEMPLATE, &*network)?;
    let mut rounds: [Vec<Duration>; 3] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(time(|| drop(std::hint::black_box(__private::render(TEMPLATE, &*network)))));
        rounds[1].push(time(|| drop(std::hint::black_box(__private::render_shared(TEMPLATE, &network)))));
        if let Some((took, theirs)) = mako(&data) {
            let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(lines(&text), lines(&theirs), "both render the same words");
            rounds[2].push(took);
        }
    }
    println!("{} lines, {} bytes; {TIMES} times, the median of {ROUNDS} rounds", text.lines().count(), text.len());
    let mut medians = Vec::new();
    for (name, round) in ["a model, serialized each time", "a value that all share", "mako"].iter().zip(&mut rounds) {
        round.sort_unstable();
        let Some(median) = round.get(round.len() / 2) else {
            eprintln!("!!! no Mako: `pip install mako`");
            continue;
        };
        medians.push(median.as_secs_f64());
        println!("{name:<32} {:6.1} µs a render", median.as_secs_f64() * 1e6 / f64::from(TIMES));
    }
    if let [fresh, reused, mako] = medians[..] {
        println!("faster than mako: {:.1} times, and {:.1} times", mako / fresh, mako / reused);
    }
    Ok(())
}
