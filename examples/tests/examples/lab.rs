//! Tests of the lab as a user runs it: the program, its site file, and its results on disk. The
//! crate webpki verifies the certificates; it shares no code with the crate that creates them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

const HOSTS: [&str; 5] = ["gateway", "files", "ada", "grace", "edsger"];
const SITE: &str = include_str!("../../lab/site.toml");

struct Lab(tempfile::TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        lab.write_site(SITE);
        lab
    }

    fn write_site(&self, text: &str) {
        fs::write(self.0.path().join("site.toml"), text).unwrap();
    }

    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.path().join("site.toml")).unwrap();
        assert!(text.contains(from), "{from}");
        self.write_site(&text.replace(from, to));
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(["--site", "site.toml", "--out", "out"]).args(args).current_dir(self.0.path());
        command
    }

    /// Runs the lab, and returns the lines of its output.
    fn lines(&self, args: &[&str]) -> Vec<String> {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Runs the lab, and returns its error. Fails if there is none.
    fn error(&self, args: &[&str]) -> String {
        self.fails(args, 1)
    }

    /// Runs the lab, and returns the error of the command line. Fails if there is none.
    fn misuse(&self, args: &[&str]) -> String {
        self.fails(args, 2)
    }

    fn fails(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join("out").join(path)
    }
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    let text = fs::read_to_string(path).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes()).unwrap();
    CertificateDer::from(pem.contents)
}

/// Checks that the authority has signed the host's certificate and that it is valid for a name.
fn is_certified(lab: &Lab, host: &str, name: &str) -> Result<(), webpki::Error> {
    let authority = certificate(&lab.path(&format!("hosts/{host}/etc/tls/authority.pem")));
    let anchors = [anchor_from_trusted_cert(&authority)?];
    let own = certificate(&lab.path(&format!("hosts/{host}/etc/tls/host.pem")));
    let own = EndEntityCert::try_from(&own)?;
    let now = UnixTime::since_unix_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
    own.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &[], now, KeyUsage::server_auth(), None, None)?;
    own.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
}

/// Returns the host and the description of each task that ran. They are sorted because hosts run at
/// the same time.
fn tasks_that_ran(lines: &[String]) -> Vec<String> {
    let ran = lines.iter().filter_map(|line| line.split_once(" done in "));
    let mut tasks: Vec<_> = ran.map(|(task, _)| task.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    tasks.sort_unstable();
    tasks
}

/// Returns the hosts on which tasks ran, sorted.
fn hosts_that_ran(lines: &[String]) -> Vec<String> {
    let mut hosts: Vec<_> =
        tasks_that_ran(lines).iter().filter_map(|task| Some(task.split_once(' ')?.0.to_owned())).collect();
    hosts.dedup();
    hosts
}

/// Removes the durations.
fn untimed(mut lines: Vec<String>) -> Vec<String> {
    lines.iter_mut().for_each(|line| line.truncate(line.rfind(" in ").unwrap_or(line.len())));
    lines
}

#[test]
fn the_second_up_runs_nothing_and_says_so_in_one_line() {
    let lab = Lab::new();
    let first = lab.lines(&["up"]);
    assert_eq!(hosts_that_ran(&first), ["ada", "authority", "edsger", "files", "gateway", "grace"]);
    assert!(first.last().unwrap().starts_with("done: 6 objects; 38 tasks ran, 13 up to date in "), "{first:?}");
    let second = lab.lines(&["up"]);
    assert!(
        second.len() == 1 && second[0].starts_with("up to date: 6 objects, 51 tasks, nothing to do in "),
        "{second:?}"
    );
    let plan = lab.lines(&["plan"]);
    assert!(plan.len() == 1 && plan[0].starts_with("up to date: 6 objects, 51 tasks, nothing to do in "), "{plan:?}");
}

#[test]
fn every_host_has_a_certificate_for_its_names_and_no_others() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    for (host, names) in [
        ("gateway", ["gateway.lab.example", "router.lab.example", "ns", "10.20.0.1"]),
        ("ada", ["ada.lab.example", "ada", "10.20.0.11", "ada.lab.example"]),
    ] {
        for name in names {
            is_certified(&lab, host, name).unwrap();
        }
    }
    assert!(matches!(is_certified(&lab, "ada", "grace.lab.example"), Err(webpki::Error::CertNotValidForName(_))));
    assert!(lab.path("hosts/edsger/home/edsger").is_dir());
    assert_eq!(fs::read_to_string(lab.path("hosts/grace/etc/motd")).unwrap(), "Grace works here.\n");
}

#[test]
fn certificates_of_another_authority_are_refused() {
    let (one, other) = (Lab::new(), Lab::new());
    one.lines(&["up"]);
    other.lines(&["up"]);
    fs::copy(other.path("hosts/ada/etc/tls/authority.pem"), one.path("hosts/ada/etc/tls/authority.pem")).unwrap();
    is_certified(&one, "ada", "ada").unwrap_err();
}

#[test]
fn keys_are_private_and_outlast_clearing_the_cache() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    let keys = ["state/authority/authority.key", "state/authority/authority.pem", "state/hosts/ada/host.key"];
    let read = || keys.map(|key| fs::read(lab.path(key)).unwrap());
    let before = read();
    for key in keys {
        assert_eq!(lab.path(key).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{key}");
        assert_eq!(lab.path(key).parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700, "{key}");
    }
    assert_eq!(
        lab.lines(&["clear", "authority"]),
        ["cleared: stamps and cache of authority; its state and logs are kept"]
    );
    lab.lines(&["clear", "ada"]);
    let up = lab.lines(&["up"]);
    assert_eq!(hosts_that_ran(&up), ["ada"], "the authority is complete by what it has: {up:?}");
    fs::remove_dir_all(lab.path("cache")).unwrap();
    lab.lines(&["up"]);
    lab.lines(&["up", "--force"]);
    assert_eq!(read()[0], before[0]);
    assert_eq!(read()[2], before[2]);
}

#[test]
fn an_edit_runs_just_what_it_touches_and_plan_and_why_say_so_beforehand() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    lab.edit("names = [\"router\", \"ns\"]", "names = [\"router\", \"dns\"]");
    let plan = lab.lines(&["plan"]);
    assert!(plan.last().unwrap().starts_with("would run: 6 tasks on 1 object; 45 up to date in "), "{plan:?}");
    assert!(
        plan[0].starts_with("gateway    Render the table of hosts") && plan[0].contains("its hash changed from "),
        "{plan:?}"
    );
    let diff = lab.lines(&["plan", "--diff"]);
    let count = |text: &str| diff.iter().filter(|line| line.trim() == text).count();
    assert_eq!(
        (count("+++ etc/hosts"), count("etc/hosts: shown above")),
        (1, 1),
        "it is rendered and installed: {diff:?}"
    );
    let why = lab.lines(&["why", "gateway"]);
    let of = |task: &str| &why[why.iter().position(|line| line.contains(task)).unwrap() + 1];
    assert!(of("Make the key").starts_with("  up to date; last ran "), "{why:?}");
    assert!(of("Write the files").starts_with("  up to date; last ran "), "{why:?}");
    assert_eq!(of("Install the configuration"), "  would run because hosts would run first");
    assert_eq!(of("Install the key and the certificates"), "  would run because certificate would run first");
    assert_eq!(untimed(lab.lines(&["up", "--dry-run"])), untimed(plan));
    let up = lab.lines(&["up"]);
    assert_eq!(hosts_that_ran(&up), ["gateway"]);
    is_certified(&lab, "gateway", "dns.lab.example").unwrap();
    is_certified(&lab, "gateway", "ns.lab.example").unwrap_err();

    lab.edit("Grace works here.", "Grace wrote the compiler.");
    let up = lab.lines(&["up"]);
    assert_eq!(hosts_that_ran(&up), ["grace"]);
    assert!(
        up.iter().any(|line| line.contains("Write the files")) && up.iter().all(|line| !line.contains("certificate")),
        "{up:?}"
    );
    assert_eq!(fs::read_to_string(lab.path("hosts/grace/etc/motd")).unwrap(), "Grace wrote the compiler.\n");
}

#[test]
fn a_plan_shows_what_would_change_in_rendered_files() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    lab.edit("lease = \"12h\"", "lease = \"6h\"");
    let plan: Vec<_> = lab.lines(&["plan", "--diff"]).iter().map(|line| line.trim().to_owned()).collect();
    let changed = ["-dhcp-range=10.20.0.100,10.20.0.199,12h", "+dhcp-range=10.20.0.100,10.20.0.199,6h"];
    for line in changed {
        let times = plan.iter().filter(|other| *other == line).count();
        assert_eq!(times, 1, "only where it is rendered: {plan:#?}");
    }
    assert!(plan.contains(&"etc/dnsmasq.conf: shown above".to_owned()), "where it is installed: {plan:#?}");
    assert!(!lab.lines(&["plan"]).iter().any(|line| line.contains("dhcp-range")));
    lab.lines(&["up"]);
    let root = lab.path("hosts/gateway/etc/dnsmasq.conf");
    assert!(fs::read_to_string(root).unwrap().contains("10.20.0.199,6h\n"));
}

#[test]
fn a_new_authority_key_reissues_every_certificate() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    let key = || fs::read(lab.path("state/authority/authority.key")).unwrap();
    let (old, serials) =
        (key(), HOSTS.map(|host| fs::read(lab.path(&format!("cache/hosts/{host}/host.pem"))).unwrap()));
    let up = lab.lines(&["renew"]);
    assert_ne!(key(), old);
    let reissued = tasks_that_ran(&up).iter().filter(|task| task.ends_with(" Get a certificate signed")).count();
    assert_eq!(reissued, HOSTS.len());
    for (host, serial) in HOSTS.iter().zip(serials) {
        assert_ne!(fs::read(lab.path(&format!("cache/hosts/{host}/host.pem"))).unwrap(), serial);
        is_certified(&lab, host, host).unwrap();
    }
    let directory = fs::read_dir(lab.path("state/authority")).unwrap();
    let kept =
        directory.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("authority-until-"));
    assert_eq!(kept.count(), 1, "the old key is kept");
    assert!(lab.lines(&["up"])[0].starts_with("up to date"));
}

#[test]
fn a_changed_file_on_the_file_server_runs_nothing_else() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    lab.edit("Welcome to the lab.", "Welcome back to the lab.");
    let plan = lab.lines(&["plan"]);
    assert!(plan.last().unwrap().starts_with("would run: 1 task on 1 object; 50 up to date in "), "{plan:?}");
    assert_eq!(tasks_that_ran(&lab.lines(&["up"])), ["files Write the files"]);
}

#[test]
fn a_further_name_and_a_line_of_a_file_run_only_what_they_change() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    lab.edit("names = [\"router\", \"ns\"]", "names = [\"router\", \"ns\", \"time\"]");
    lab.edit("Grace works here.", "Grace works here.\\nShe wrote the compiler.");
    let up = lab.lines(&["up"]);
    let expected = [
        "gateway Get a certificate signed",
        "gateway Install the configuration",
        "gateway Install the key and the certificates",
        "gateway Render dnsmasq's configuration",
        "gateway Render the table of hosts",
        "grace Write the files",
    ];
    assert_eq!(tasks_that_ran(&up), expected, "{up:#?}");
    let unchanged: Vec<_> = up.iter().filter(|line| line.contains(" unchanged in ")).collect();
    assert!(unchanged.len() == 1 && unchanged[0].contains("Render dnsmasq's unit"), "{unchanged:?}");
    assert!(lab.lines(&["up"])[0].starts_with("up to date"));
}

#[test]
fn hosts_are_chosen_by_name_and_what_they_need_comes_along() {
    let lab = Lab::new();
    let up = lab.lines(&["up", "ada"]);
    assert_eq!(hosts_that_ran(&up), ["ada", "authority", "files"]);
    let up = lab.lines(&["up", "--exclude", "g*"]);
    assert_eq!(hosts_that_ran(&up), ["edsger"]);
    let error = lab.misuse(&["up", "eda"]);
    assert!(error.contains("there is no object `eda`") && error.contains("`ada`"), "{error}");
}

#[test]
fn waiting_shows_from_a_second_terminal_what_a_run_is_doing() {
    let lab = Lab::new();
    lab.edit("name = \"files\"", "name = \"files\"\nwait_for = \"go/files\"");
    lab.edit("name = \"grace\"", "name = \"grace\"\nwait_for = \"go/grace\"");
    assert_eq!(lab.lines(&["ps"]), ["nothing is running"]);
    let mut child = lab.command(&["up", "ada", "grace"]).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let wait_for = |wanted: &[&str]| {
        for _ in 0..400 {
            let lines = lab.lines(&["ps"]);
            if wanted.iter().all(|wanted| lines.iter().any(|line| line.trim_start().starts_with(wanted))) {
                return lines;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("never: {wanted:?}: {:?}", lab.lines(&["ps"]));
    };
    let process = format!("process {pid}");
    let files = "files runs wait (Wait until it may be touched), because its check reports that it is not complete";
    let grace = "grace runs wait (Wait until it may be touched), because ";
    let lines = wait_for(&[&process, files, grace, "ada checks server_publish", "waits for files"]);
    assert!(lines[1].trim_start().starts_with("0 of 2 objects ended"), "{lines:?}");
    let json: serde_json::Value = serde_json::from_slice(&lab.run(&["ps", "--json"]).stdout).unwrap();
    assert_eq!((&json["processes"][0]["version"], &json["processes"][0]["pid"]), (&1.into(), &pid.into()));

    fs::create_dir_all(lab.path("go")).unwrap();
    fs::write(lab.path("go/files"), "").unwrap();
    let lines = wait_for(&["1 of 2 objects ended", grace]);
    assert!(!lines.iter().any(|line| line.contains("ada") || line.contains("files")), "{lines:?}");
    fs::write(lab.path("go/grace"), "").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(lab.lines(&["ps"]), ["nothing is running"]);
}

#[test]
fn a_certificate_close_to_its_end_is_renewed() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    let read = |path: &str| fs::read_to_string(lab.path(path)).unwrap();
    let key = KeyPair::from_pem(&read("state/hosts/ada/host.key")).unwrap();
    let authority_key = KeyPair::from_pem(&read("state/authority/authority.key")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("state/authority/authority.pem"), authority_key).unwrap();
    let mut params = CertificateParams::new(vec!["ada".to_owned()]).unwrap();
    params.not_after = (SystemTime::now() + Duration::from_hours(696)).into();
    let short = params.signed_by(&key, &issuer).unwrap().pem();
    fs::write(lab.path("cache/hosts/ada/host.pem"), short).unwrap();

    let why = lab.lines(&["why", "ada"]);
    let at = why.iter().position(|line| line == "ada/certificate Get a certificate signed").unwrap();
    assert_eq!(why[at + 1], "  would run because its invalidator reports that it is no longer valid");
    assert_eq!(hosts_that_ran(&lab.lines(&["up"])), ["ada"]);
    is_certified(&lab, "ada", "ada.lab.example").unwrap();
    assert!(lab.lines(&["up"])[0].starts_with("up to date"));
}

#[test]
fn what_was_taken_away_is_put_back() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    fs::remove_file(lab.path("hosts/ada/etc/tls/host.pem")).unwrap();
    fs::write(lab.path("hosts/grace/etc/motd"), "Somebody was here.\n").unwrap();
    assert_eq!(hosts_that_ran(&lab.lines(&["up"])), ["ada", "grace"]);
    assert_eq!(fs::read_to_string(lab.path("hosts/grace/etc/motd")).unwrap(), "Grace works here.\n");
}

#[test]
fn a_dry_run_leaves_nothing_behind() {
    let lab = Lab::new();
    let plan = lab.lines(&["up", "--dry-run"]);
    assert!(plan.last().unwrap().starts_with("would run: 38 tasks on 6 objects; 13 up to date in "), "{plan:?}");
    assert!(!lab.path("").exists());
}

#[test]
fn force_runs_every_task() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    assert!(
        lab.lines(&["up", "--force"])
            .last()
            .unwrap()
            .starts_with("done: 6 objects; 36 tasks ran, 7 unchanged, 8 up to date in ")
    );
}

#[test]
fn a_mistake_in_the_site_file_is_one_error_with_line_and_key() {
    let lab = Lab::new();
    for (from, to, expected) in [
        ("valid_days = 90", "valid_dyas = 90", &["line 10", "unknown field `valid_dyas`", "`valid_days`"][..]),
        ("[authority]", "[authority", &["line 5"]),
        ("address = \"10.20.0.1\"", "address = \"10.20.0\"", &["line 15", "invalid IP address"]),
        ("name = \"gateway\"", "name = \"Gate way\"", &["line 14", "is no host name"]),
        ("\"srv/share\"]", "\"../../etc\"]", &["line 25", "is no path inside a host"]),
        ("renew_days = 30", "renew_days = 90", &["certificates.renew_days", "must be less than"]),
        ("name = \"ada\"", "name = \"grace\"", &["two objects have the id `grace`"]),
        ("name = \"ada\"\n", "", &["missing field `name`"]),
    ] {
        lab.write_site(SITE);
        lab.edit(from, to);
        let error = lab.error(&["up"]);
        for part in expected.iter().chain(&["site"]) {
            assert!(error.contains(part), "{to}: {part:?} is not in\n{error}");
        }
        assert_eq!(error.matches("error").count() - error.matches("parse error").count(), 1, "{error}");
        assert!(!lab.path("").exists(), "{to}: nothing is begun");
    }
}

#[test]
fn an_unknown_host_or_a_missing_site_file_is_named() {
    let lab = Lab::new();
    let error = lab.misuse(&["why", "nobody"]);
    assert!(error.contains("there is no object `nobody`\n  help: the objects are `authority`, `gateway`"), "{error}");
    fs::remove_file(lab.0.path().join("site.toml")).unwrap();
    assert!(lab.error(&["up"]).contains("cannot read the site file `site.toml`"));
}

#[test]
fn a_host_that_fails_is_named_and_the_others_go_on() {
    let lab = Lab::new();
    fs::create_dir_all(lab.path("hosts")).unwrap();
    fs::write(lab.path("hosts/ada"), "a file where the host's root should be").unwrap();
    let output = lab.run(&["up"]);
    assert_eq!(output.status.code(), Some(1));
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(out.lines().last().unwrap().starts_with("failed: 1 of 6 objects"), "{out}");
    assert!(
        err.contains("task `ada/install`") && err.contains("because cannot write") && err.contains("hosts/ada"),
        "{err}"
    );
    is_certified(&lab, "grace", "grace").unwrap();
}

#[test]
fn configuration_comes_from_the_environment_and_an_unknown_key_is_named() {
    let lab = Lab::new();
    let output = lab.command(&["up"]).env("LAB_DRY_RUN", "true").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("would run: "));
    assert!(!lab.path("").exists());
    let output = lab.command(&["up"]).env("LAB_DRY_RUM", "true").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("LAB_DRY_RUM: there is no key `dry_rum`"), "{error}");
}

#[test]
fn killed_at_any_moment_it_finishes_the_next_time() {
    let lab = Lab::new();
    for round in 0..30u64 {
        if round % 6 == 0 && round > 0 {
            fs::remove_dir_all(lab.path("")).unwrap();
        }
        let mut child = lab.command(&["up", "--force"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The kills are spread over the duration of a run, in an order that looks random.
        std::thread::sleep(Duration::from_micros(round * 7919 % 30 * 900));
        child.kill().unwrap();
        child.wait().unwrap();

        lab.lines(&["plan"]);
        lab.lines(&["up"]);
        for host in HOSTS {
            is_certified(&lab, host, host).unwrap();
        }
        assert!(lab.lines(&["up"])[0].starts_with("up to date"), "round {round}");
    }
}

#[test]
fn damaged_stamps_are_one_error_and_stay_as_they_are() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    let database = lab.path("cache/.setup-tasks/stamps.sqlite");
    fs::write(&database, "no database").unwrap();
    for command in ["up", "plan"] {
        let error = lab.error(&[command]);
        assert!(error.matches("error: ").count() == 1 && error.contains("stamps.sqlite` are damaged"), "{error}");
    }
    assert_eq!(fs::read_to_string(&database).unwrap(), "no database");
    fs::remove_file(&database).unwrap();
    lab.lines(&["up"]);
    assert!(lab.lines(&["up"])[0].starts_with("up to date"));
}

/// Returns the program, or skips the test if it is not installed.
fn program(name: &str, package: &str) -> Option<Command> {
    let directories = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(|directory| Path::new(directory).join(name));
    if let Some(path) = directories.into_iter().find(|path| path.exists()) {
        return Some(Command::new(path));
    }
    test_kit::skip(&format!("it needs {name}, from Debian's package {package}"));
    None
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_name_server_takes_its_configuration() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    let root = lab.path("hosts/gateway");
    let hosts = fs::read_to_string(root.join("etc/hosts")).unwrap();
    assert!(
        hosts.starts_with("10.20.0.1\tgateway.lab.example gateway router.lab.example router ns.lab.example ns\n"),
        "{hosts}"
    );
    let Some(mut dnsmasq) = program("dnsmasq", "dnsmasq-base") else { return };
    let configuration = root.join("etc/dnsmasq.conf");
    succeeds(dnsmasq.arg("--test").arg(format!("--conf-file={}", configuration.display())));
    // A configuration with a mistake proves that the check can fail.
    fs::write(&configuration, "dhcp-range=nonsense\n").unwrap();
    let mut dnsmasq = program("dnsmasq", "dnsmasq-base").unwrap();
    assert!(!dnsmasq.arg("--test").arg(format!("--conf-file={}", configuration.display())).status().unwrap().success());
}

#[test]
fn units_are_what_systemd_takes() {
    let lab = Lab::new();
    lab.lines(&["up"]);
    for unit in ["gateway/etc/systemd/system/dns.service", "files/etc/systemd/system/share.service"] {
        let Some(mut systemd) = program("systemd-analyze", "systemd") else { return };
        // systemd also checks that the program of a unit exists.
        if program("nginx", "nginx-light").is_some() && program("dnsmasq", "dnsmasq-base").is_some() {
            succeeds(systemd.arg("verify").arg(lab.path("hosts").join(unit)));
        }
    }
}

/// A server process that ends with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_file_server_answers_over_tls_to_who_trusts_the_authority_and_to_nobody_else() {
    let lab = Lab::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    lab.edit("port = 443", &format!("port = {port}"));
    lab.edit("address = \"10.20.0.2\"", "address = \"127.0.0.1\"");
    lab.lines(&["up"]);
    let root = lab.path("hosts/files");
    let nginx = || {
        let mut nginx = program("nginx", "nginx-light")?;
        nginx.arg("-p").arg(format!("{}/", root.display())).args(["-c", "etc/nginx/nginx.conf"]);
        Some(nginx)
    };
    // nginx runs without workers because those of a master that root starts cannot read a private directory.
    let globals = ["-g", "user root; master_process off; daemon off;"];
    let (Some(mut check), Some(mut serve)) = (nginx(), nginx()) else { return };
    succeeds(check.arg("-t"));
    let _server = Server(serve.args(globals).stderr(Stdio::null()).spawn().unwrap());
    let get = |authority: Option<&Path>| {
        let mut curl = program("curl", "curl")?;
        curl.args(["--silent", "--show-error", "--retry", "20", "--retry-connrefused", "--retry-delay", "1"]);
        curl.args(["--resolve", &format!("files.lab.example:{port}:127.0.0.1")]);
        curl.args(authority.into_iter().flat_map(|path| [Path::new("--cacert"), path]));
        Some(curl.arg(format!("https://files.lab.example:{port}/welcome.txt")).output().unwrap())
    };
    let authority = lab.path("hosts/ada/etc/tls/authority.pem");
    let Some(answer) = get(Some(&authority)) else { return };
    // The standard error has the attempts before nginx listened.
    let error = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert_eq!(String::from_utf8(answer.stdout).unwrap(), "Welcome to the lab.\n", "{error}");
    let refused = get(None).unwrap();
    assert_eq!(refused.status.code(), Some(60), "curl's code for a certificate that nobody vouches for");
    let other = Lab::new();
    other.lines(&["up", "ada"]);
    let refused = get(Some(&other.path("hosts/ada/etc/tls/authority.pem"))).unwrap();
    assert_eq!(refused.status.code(), Some(60), "another authority is no authority");
}
