//! Tests of the first requests, which go out together with the connection.

use setup_tasks::Secret;
use setup_tasks::error::explain;
use setup_tasks_machines::Machine;
use setup_tasks_test::TestNetwork;

use crate::{machine, with_agent};

/// Returns a machine that is the program `hostile`.
fn program(way: &str) -> Machine {
    with_agent(Machine::exec([env!("CARGO_BIN_EXE_hostile"), way]))
}

#[tokio::test]
async fn the_first_request_goes_out_before_the_hello() {
    // This one says nothing before it has the request.
    let error = explain(&program("listens first").fetch("/etc/motd").await.unwrap_err());
    assert!(error.starts_with("there is no file `/etc/motd` on the machine "), "{error}");
    let other = program("listens first").become_root();
    let error = explain(&other.fetch("/etc/motd").await.unwrap_err());
    assert!(error.starts_with("there is no file `/etc/motd` on the machine "), "{error}");
}

#[tokio::test]
async fn nothing_goes_out_before_the_hello_where_sudo_may_read_a_password() {
    let with_password = program("speaks first").become_root().sudo_password(Secret::new("correct horse".to_owned()));
    let error = explain(&with_password.fetch("/etc/motd").await.unwrap_err());
    assert!(error.starts_with("there is no file `/etc/motd` on the machine "), "{error}");
}

#[tokio::test]
async fn requests_that_came_before_the_copy_of_the_agent_are_not_lost() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let host = network.machine("web").boot().unwrap();
    host.run("useradd -m -s /bin/sh ada; cp -r .ssh /home/ada; chown -R ada: /home/ada; printf 'x\\0y\\nz' >/etc/odd")
        .unwrap();
    for shell in ["/bin/dash", "/bin/bash", "/bin/busybox"] {
        // The script runs in this shell, and skips what precedes the agent.
        host.run(&format!("ln -sf {shell} /bin/sh; rm -rf /home/ada/.cache")).unwrap();
        let ada = machine(&network, "ada@web").persist(false);
        let files = ["/etc/odd", "/etc/hostname", "/etc/odd"].map(|path| {
            let ada = ada.clone();
            tokio::spawn(async move { ada.fetch(path).await.unwrap() })
        });
        for (file, expected) in files.into_iter().zip([&b"x\0y\nz"[..], b"web\n", b"x\0y\nz"]) {
            assert_eq!(file.await.unwrap(), expected, "{shell}");
        }
    }
}
