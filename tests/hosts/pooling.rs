//! A connection pooler in front of the server.

use std::fs;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use crate::operators::{Site, failed, succeeded};
use crate::server::{Server, shared};

/// A running `PgBouncer`, which ends when this is dropped.
struct Pooler {
    port: u16,
    process: Child,
    _place: TempDir,
}

impl Pooler {
    /// Starts a pooler, or returns `None` with a line on the standard error if it is not installed.
    fn start(server: &Server, mode: &str) -> Option<Self> {
        let Some(program) =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| fs::exists(path).unwrap())
        else {
            test_kit::skip("PgBouncer is not installed (on Debian: apt-get install pgbouncer)");
            return None;
        };
        let (place, port) = (crate::server::new_place(), crate::server::free_port());
        let settings = place.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=site\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             auth_type = any\npool_mode = {mode}\nunix_socket_dir =\nmax_client_conn = 200\n{}",
            server.port(),
            // One session for all connections, as under load.
            if mode == "transaction" { "default_pool_size = 1\n" } else { "default_pool_size = 50\n" },
        );
        fs::write(&settings, text).unwrap();
        let mut command = crate::server::as_ordinary_user(program);
        let process = command.arg(&settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        test_kit::guard(&process);
        test_kit::until("the pooler accepts connections", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(Self { port, process, _place: place })
    }

    fn address(&self, server: &Server, site: &Site) -> String {
        site.address.replace(&server.port().to_string(), &self.port.to_string())
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_pooler_that_keeps_sessions_is_like_the_server_itself() {
    let Some(server) = shared() else { return };
    let Some(pooler) = Pooler::start(server, "session") else { return };
    let site = Site::new(server, 30);
    let address = pooler.address(server, &site);
    let operators = ["north", "south"].map(|host| {
        let mut operator = site.operator_at(&format!("{address}&host_name={host}"), host, &["up"]);
        operator.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for operator in operators {
        succeeded(operator.wait_with_output().unwrap());
    }
    site.expect_each_once(2);
}

#[test]
fn a_pooler_that_keeps_no_sessions_is_refused_with_the_reason() {
    let Some(server) = shared() else { return };
    let Some(pooler) = Pooler::start(server, "transaction") else { return };
    let site = Site::new(server, 2);
    site.instruct("north", "h0/second", Some("hold"));
    let mut north = site.operator_at(&pooler.address(server, &site), "north", &["up", "h0"]);
    let north = north.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    // The first beat needs a second connection.
    std::thread::sleep(std::time::Duration::from_secs(1));
    site.instruct("north", "h0/second", None);
    let text = failed(north.wait_with_output().unwrap());
    assert!(text.contains("does not keep one session per connection"), "{text}");
    assert!(text.contains("help: use the address of the server itself, or a pooler in session mode"), "{text}");
    // The server itself serves the site.
    site.run("south", &["up"]);
    assert!(site.times("end h0/third") == 1 && site.times("end h1/third") == 1, "{:?}", site.ledger());
}
