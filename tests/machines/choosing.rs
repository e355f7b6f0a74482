//! Tests of the choice of the agent: the program itself, one that was built, or one of the configuration.

use std::process::{Command, Output};

use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::Scratch;

/// The architecture of this system.
const HERE: &str = std::env::consts::ARCH;

/// Returns a network with one machine, whose uses of `gzip` are recorded.
fn one_machine() -> Option<(TestNetwork, NetnsMachine, Scratch)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("web").boot().unwrap();
    let gzip = "#!/bin/sh\\necho used >>/run/gzip\\nexec /usr/bin/gzip \"$@\"\\n";
    host.run(&format!("printf '{gzip}' >/usr/local/bin/gzip; chmod 755 /usr/local/bin/gzip")).unwrap();
    Some((network, host, Scratch::new()))
}

/// Runs the program with the command line, with directories of its own.
fn site(network: &TestNetwork, scratch: &Scratch, args: &[&str], agents: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_machine-program"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("MACHINE_SSH", network.ssh_program()).env("SITE_BASE_DIR", scratch.path());
    command.env("XDG_CACHE_HOME", scratch.path().join("cache")).env("CARGO_TERM_COLOR", "never");
    if !agents.is_empty() {
        command.env("SITE_AGENTS", agents);
    }
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Returns the lengths of the agents on a machine.
fn copies(host: &NetnsMachine) -> Vec<u64> {
    let sizes = host.run("cd .cache/setup-tasks-agent 2>/dev/null && stat -c %s agent-* || true").unwrap();
    sizes.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn the_program_itself_goes_without_symbols_and_compressed() {
    let Some((network, host, scratch)) = one_machine() else { return };
    let output = site(&network, &scratch, &["up"], "");
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(host.run("cat /srv/greeting; cat /run/gzip").unwrap(), "Welcome\nused\n");
    let own = std::fs::metadata(env!("CARGO_BIN_EXE_machine-program")).unwrap().len();
    assert!(copies(&host)[0] < own * 3 / 4, "{:?} of {own}", copies(&host));

    // A machine without the program that unpacks receives the same.
    let sizes = copies(&host);
    host.run("rm -r .cache /usr/local/bin/gzip /usr/bin/gzip /bin/gzip; ln -sf /bin/dash /bin/sh").unwrap_or_default();
    let output = site(&network, &scratch, &["up", "--force"], "");
    let again = if output.status.success() { output } else { site(&network, &scratch, &["up", "--verify"], "") };
    assert!(again.status.success(), "{}", text(&again));
    assert_eq!(copies(&host), sizes);
}

#[test]
fn a_built_agent_takes_the_place_of_the_program() {
    let Some((network, host, scratch)) = one_machine() else { return };
    let output = site(&network, &scratch, &["agents", "list"], "");
    assert!(text(&output).contains("no agent was built"), "{}", text(&output));
    let output = site(&network, &scratch, &["agents", "build"], "");
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains(&format!("built: the agent for {HERE}, ")), "{}", text(&output));
    let listed = text(&site(&network, &scratch, &["agents", "list"], ""));
    assert!(listed.starts_with(HERE) && listed.contains("built"), "{listed}");

    let output = site(&network, &scratch, &["up"], "");
    assert!(output.status.success(), "{}", text(&output));
    let agents = scratch.path().join("cache/setup-tasks/agents");
    let built = std::fs::read_dir(&agents).unwrap().next().unwrap().unwrap();
    assert_eq!(copies(&host), [built.metadata().unwrap().len()]);
    assert!(copies(&host)[0] < 4 << 20, "{:?}", copies(&host));

    // An agent of another release is listed, and not used.
    let other = agents.join(format!("agent-0.0.1+old-{HERE}"));
    std::fs::copy(built.path(), &other).unwrap();
    std::fs::rename(built.path(), agents.join("kept")).unwrap();
    let listed = text(&site(&network, &scratch, &["agents", "list"], ""));
    assert!(listed.contains("not used: it is of the release 0.0.1+old"), "{listed}");
    host.run("rm -r .cache").unwrap();
    assert!(site(&network, &scratch, &["up", "--verify"], "").status.success());
    assert!(copies(&host)[0] > 4 << 20, "the program itself: {:?}", copies(&host));

    // The configuration takes precedence.
    host.run("rm -r .cache").unwrap();
    let configured = format!("{{ {HERE} = \"cache/setup-tasks/agents/kept\" }}");
    assert!(site(&network, &scratch, &["up", "--verify"], &configured).status.success());
    assert!(copies(&host)[0] < 4 << 20, "{:?}", copies(&host));
    let listed = text(&site(&network, &scratch, &["agents", "list"], &configured));
    assert!(listed.starts_with(HERE) && listed.contains("configured"), "{listed}");
}

#[test]
fn an_agent_of_the_configuration_that_does_not_fit_is_an_error_with_help() {
    let Some((network, _host, scratch)) = one_machine() else { return };
    let failure = |agents: &str| {
        let output = site(&network, &scratch, &["up"], agents);
        assert!(!output.status.success());
        text(&output)
    };
    let path = |name: &str| scratch.path().join(name).display().to_string();
    let table = |name: &str| format!("{{ {HERE} = \"{name}\" }}");
    let error = failure(&table("missing"));
    assert!(error.contains(&format!("cannot read the agent `{}`\n", path("missing"))), "{error}");
    assert!(error.contains("help: build it with `agents build`") && error.contains("No such file"), "{error}");

    std::fs::write(path("script"), "#!/bin/sh\n").unwrap();
    let error = failure(&table("script"));
    assert!(error.contains(&format!("`{}` is not an agent of setup-tasks", path("script"))), "{error}");

    let own = std::fs::read(env!("CARGO_BIN_EXE_machine-agent")).unwrap();
    let line = setup_tasks_agent::agent::RELEASE_LINE;
    let at = own.windows(line.len()).position(|part| part == line.as_bytes()).expect("it contains its release");
    let mut older = own.clone();
    older[at + line.len() - 2] = if own[at + line.len() - 2] == b'0' { b'1' } else { b'0' };
    std::fs::write(path("older"), older).unwrap();
    let error = failure(&table("older"));
    assert!(error.contains("is an agent of the release ") && error.contains("help: build it again"), "{error}");

    let mut foreign = own.clone();
    foreign[18] = if own[18] == 0xb7 { 0x3e } else { 0xb7 };
    std::fs::write(path("foreign"), foreign).unwrap();
    let error = failure(&table("foreign"));
    assert!(error.contains(&format!(", but the configuration names it for {HERE}")), "{error}");
    assert!(error.contains(&format!("help: build it with `agents build {HERE}`")), "{error}");

    let error = failure("{ pdp11 = \"x\" }");
    assert!(error.contains("`pdp11` is not a known architecture\n"), "{error}");
    // An agent that this machine does not need is no error.
    let output = site(&network, &scratch, &["up"], "{ s390x = \"missing\" }");
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn an_architecture_that_cannot_be_built_names_the_remedy() {
    let Some((network, _host, scratch)) = one_machine() else { return };
    let output = site(&network, &scratch, &["agents", "build", "s390x"], "");
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output);
    assert!(error.contains("the compiler has no standard library for s390x\n"), "{error}");
    assert!(error.contains("help: install it with `rustup target add s390x-unknown-linux-musl`"), "{error}");
    let error = text(&site(&network, &scratch, &["agents", "build", "vax"], ""));
    assert!(error.contains("`vax` is not a known architecture") && error.contains("x86_64, aarch64"), "{error}");
}
