//! Tests of secrets: no log, event, diff, error or stamp shows them, and other users cannot read any state.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks::stamp::HistoryFilter;
use setup_tasks::{Layout, Secret};
use setup_tasks_templates::{TemplateTask, template};

use test_kit::{Scratch, chain};

/// A model that uses its password in every way in which a secret can leak.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "vault/{name}", id = "{name}")]
struct Vault {
    name: String,
    password: Secret<String>,
    #[serde(skip)]
    way: &'static str,
}

#[setup_tasks]
impl Vault {
    #[setup_task]
    const CREDENTIALS: TemplateTask = TemplateTask::new(template!("templates/credentials.tera"));

    #[setup_task("Use the password", hash = hash)]
    async fn use_it(&self, cx: &TaskContext) -> Result<()> {
        let password = self.password.expose();
        cx.log(format!("the password is {password}"));
        // The output has two parts, with time for the first to be written.
        let slowly = "head -c 9; sleep 0.2; cat";
        cx.command("sh").args(["-c", slowly]).stdin(password.as_str()).run().await?;
        cx.command("sh").args(["-c", "echo \"$PASSWORD\" >&2"]).env("PASSWORD", password).run().await?;
        match self.way {
            "fail" => Err(anyhow::anyhow!("`{password}` is wrong").context(format!("cannot log in with {password}"))),
            "panic" => panic!("{password} is wrong"),
            "exit" => Ok(cx.command("sh").args(["-c", "echo $0 >&2; exit 3", password]).run().await?),
            _ => Ok(()),
        }
    }

    fn hash(&self) -> Result<String> {
        anyhow::ensure!(self.way != "check", "{} has no hash", self.password.expose());
        Ok(format!("password {}", self.password.expose()))
    }
}

/// Returns all files under a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn vault(layout: &Layout, password: &str, way: &'static str) -> Object<Vault> {
    layout.add(Vault { name: way.into(), password: Secret::new(password.to_owned()), way }).unwrap()
}

/// Returns all output of a run, and all files after it except for the one into which the password
/// is rendered.
async fn traces(password: &str, way: &'static str) -> String {
    let place = Scratch::new();
    let mut said = String::new();
    {
        let layout = place.layout();
        let mut events = layout.events();
        let vault = vault(&layout, password, way);
        write!(said, "{:?}", vault.password).unwrap();
        for task in vault.run_setup_tasks().diff().await.map(|report| report.tasks).unwrap_or_default() {
            said += &task.changes.iter().map(setup_tasks::run::FileChange::unified).collect::<String>();
            said += &serde_json::to_string(&task).unwrap();
        }
        let report = layout.run().await.unwrap();
        write!(said, "{report} {report:?} {}", serde_json::to_string(&report).unwrap()).unwrap();
        if let Err(error) = vault.run_setup_tasks().force_all().await {
            write!(said, "{error:?} {:?}", anyhow::Error::new(error.clone())).unwrap();
        }
        write!(said, "{:?}", layout.history(&HistoryFilter::default()).await.unwrap()).unwrap();
        write!(said, "{:?}", vault.as_any().plan().await.map_err(anyhow::Error::new)).unwrap();
        while let Some(event) = events.try_next() {
            write!(said, "{event:?} {}", serde_json::to_string(&*event).unwrap()).unwrap();
        }
        if way == "change" {
            // Another secret changes the hash and the file.
            let again = place.layout();
            let changed = self::vault(&again, "quite another battery", way).run_setup_tasks().diff().await.unwrap();
            assert_eq!(changed.would_run().count(), 2, "{changed:?}");
            write!(said, "{changed:?} {}", changed.tasks[0].changes[0].unified()).unwrap();
        }
    }
    for file in files(place.path()) {
        if file.ends_with("credentials") {
            assert!(std::fs::read_to_string(&file).unwrap().contains(password), "it is for use");
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "and private");
            continue;
        }
        write!(said, "{}\n{}", file.display(), String::from_utf8_lossy(&std::fs::read(&file).unwrap())).unwrap();
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_and_no_stored_data_shows_a_secret() {
    for way in ["change", "fail", "panic", "exit", "check"] {
        let password = format!("correct horse battery {way}");
        let said = traces(&password, way).await;
        assert!(said.contains("[secret]"), "{way}: it was looked for where it was");
        let at = said.find(&password).or_else(|| said.find("quite another battery"));
        assert!(at.is_none(), "{way}: {}", &said[at.unwrap_or_default().saturating_sub(200)..][..400]);
    }
}

#[test]
fn lines_of_a_secret_are_redacted_and_short_texts_are_not() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nabc\n-----END KEY-----\n";
    let secret = Secret::new(key.to_owned());
    assert_eq!(setup_tasks::secret::redact("read MIIEvQIBADANBgkqhkiG9w0BAQEFAASC, abc"), "read [secret], abc");
    assert_eq!(secret.expose(), key);
    let _short = Secret::new("at".to_owned());
    assert_eq!(setup_tasks::secret::redact("that cat"), "that cat");
}

#[tokio::test]
async fn control_characters_are_escaped_in_logs() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "loud")]
    struct Loud;
    #[setup_tasks]
    impl Loud {
        #[setup_task("Be loud")]
        async fn shout(&self, cx: &TaskContext) -> Result<()> {
            cx.log("\x1b]0;owned\x07");
            Ok(cx.command("printf").arg("\\033[2J").run().await?)
        }
    }
    let place = Scratch::new();
    let loud = place.layout().add(Loud).unwrap();
    loud.run_setup_tasks().await.unwrap();
    let log = std::fs::read(&setup_tasks::log::logs_of(loud.as_any(), None).unwrap()[0].path).unwrap();
    assert!(!log.contains(&0x1b) && !log.contains(&0x07), "{}", String::from_utf8_lossy(&log));
    assert!(String::from_utf8_lossy(&log).contains("\\x1b]0;owned\\x07"));
}

/// The two parts of a secret that are the same in every spelling. Between them are characters that
/// each spelling changes.
const CORES: [&str; 2] = ["Zq7Kx2Vt", "Wm4Jp9Rs"];

fn password(number: usize) -> String {
    format!("{}{number:02}'\"<&>\\%\u{fc} \u{7f}{}{number:02}", CORES[0], CORES[1])
}

/// Returns such a secret in lines that are too short to be redacted separately.
fn lines_of_password(number: usize) -> String {
    format!("Zq7K\nx2Vt{number:02}\n'&%\nWm4J\np9Rs\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn base64(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    let value = |i: usize| (0..6).fold(0, |value, n| value << 1 | bit(i * 6 + n));
    (0..(bytes.len() * 8).div_ceil(6)).map(|i| alphabet[value(i)]).collect()
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

fn url(text: &str) -> String {
    let spell =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(spell).collect()
}

/// Returns the spellings of a secret, each with the parts that must not be seen.
fn spellings(secret: &str) -> Vec<(&'static str, String, Vec<String>)> {
    let cores = || CORES.iter().map(|&core| core.to_owned()).collect::<Vec<_>>();
    let middle = |text: &str| vec![text[8..18].to_owned(), text[20..30].to_owned()];
    let quoted = secret.replace('\'', "'\\''");
    let mut spellings = vec![
        ("plain", secret.to_owned(), cores()),
        ("shell", format!("'{quoted}'"), cores()),
        ("debug", format!("{secret:?}"), cores()),
        ("json", serde_json::to_string(secret).unwrap(), cores()),
        ("xml", xml(secret), cores()),
        ("url", url(secret), cores()),
        ("json of debug", serde_json::to_string(&format!("{secret:?}")).unwrap(), cores()),
        ("hex", hex(secret.as_bytes()), middle(&hex(secret.as_bytes()))),
    ];
    for before in ["", "a", "ab"] {
        let text = base64(format!("{before}{secret}").as_bytes());
        let hidden = middle(&text);
        spellings.push(("base64", text, hidden));
    }
    spellings
}

/// Returns the forms in which a spelling may be written.
fn forms(spelling: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<String> = spelling.chars().collect::<Vec<_>>().chunks(9).map(|part| part.iter().collect()).collect();
    let at = 64 * 1024 - spelling.len() / 2;
    vec![
        ("on a line", format!("before {spelling} after\n")),
        ("coloured", parts.iter().map(|part| format!("\x1b[1;31m{part}\x1b[0m")).collect()),
        ("over lines", parts.join("\n") + "\n"),
        ("indented", parts.iter().map(|part| format!("    {part}\n")).collect()),
        ("at the limit of a line", format!("{}{spelling}{}", "x".repeat(at), "y".repeat(9000))),
    ]
}

/// A model that writes a text to every place that texts can reach.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "leak/{number}", id = "leak/{number}")]
struct Leak {
    number: usize,
    text: String,
    way: &'static str,
}

#[setup_tasks]
impl Leak {
    #[setup_task("Say it", hash = hash)]
    async fn say(&self, cx: &TaskContext) -> Result<()> {
        cx.log(&*self.text);
        // The text comes as an argument, from the environment to the standard error, and from the
        // standard input in parts.
        let script = "printf '%s\\n' \"$1\"; printf '%s\\n' \"$LEAK\" >&2; head -c 13; sleep 0.02; cat; exit $2";
        let status = if self.way == "exit" { "3" } else { "0" };
        let command = cx.command("sh").args(["-c", script, "sh", &self.text, status]).env("LEAK", &self.text);
        cx.log(format!("{command:?} {command}"));
        let output = command.stdin(&*self.text).output().await?;
        cx.log(format!("{output} {output:?}"));
        match self.way {
            "fail" => Err(anyhow::anyhow!("it was {}", self.text).context(format!("and {:?}", self.text))),
            // This does not call the panic hook, whose output does not belong to the run.
            "panic" => std::panic::resume_unwind(Box::new(self.text.clone())),
            _ => Ok(()),
        }
    }

    fn hash(&self) -> String {
        self.text.clone()
    }
}

/// Returns a text without colours and line breaks.
fn joined(text: &str) -> String {
    let mut text = text
        .replace("\\x1b", "\x1b")
        .replace("\\u001b", "\x1b")
        .replace("\\u{1b}", "\x1b")
        .replace("\\n", "\n")
        .replace("%0A", "");
    for colour in ["\x1b[1;31m", "\x1b[0m"] {
        text = text.replace(colour, "");
    }
    text.split_whitespace().collect()
}

/// Runs the leaks and returns all their output and all files that they leave.
async fn leaked(leaks: Vec<Leak>) -> String {
    let place = Scratch::new();
    let mut said = String::new();
    let layout = place.layout();
    let mut events = layout.events();
    for leak in leaks {
        layout.add(leak).unwrap();
    }
    let report = layout.run().await.unwrap();
    write!(said, "{report} {report:?} {}", serde_json::to_string(&report).unwrap()).unwrap();
    write!(said, "{:?}", layout.history(&HistoryFilter::default()).await.unwrap()).unwrap();
    write!(said, "{:?}", layout.run().dry_run().await.unwrap()).unwrap();
    while let Some(event) = events.try_next() {
        write!(said, "{event:?} {}", serde_json::to_string(&*event).unwrap()).unwrap();
    }
    drop(layout);
    for file in files(place.path()) {
        write!(said, "{}\n{}\n", file.display(), String::from_utf8_lossy(&std::fs::read(&file).unwrap())).unwrap();
    }
    said
}

/// With `FUZZ`, which `.ci/long` sets, the test tries every kind of end with each form.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_in_any_form_is_seen_in_any_place() {
    let all = std::env::var_os("FUZZ").is_some();
    let mut seen = Vec::new();
    for (number, secret) in [password(1), lines_of_password(2)].into_iter().enumerate() {
        let _known = Secret::new(secret.clone());
        for (spelling, text, hidden) in spellings(&secret) {
            let mut leaks = Vec::new();
            for (form, text) in forms(&text) {
                // Long texts take a long time, so they are tried with one kind of end, and one
                // spelling of each kind.
                let is_long = form == "at the limit of a line";
                let ways = match spelling {
                    "plain" | "json" | "hex" if is_long => &["exit"][..],
                    _ if is_long => &[],
                    _ if all => &["fail", "panic", "exit"],
                    _ => &["fail", "panic", "exit"][leaks.len() % 3..][..1],
                };
                for &way in ways {
                    leaks.push(Leak { number: leaks.len(), text: text.clone(), way });
                }
            }
            let said = leaked(leaks).await;
            assert!(said.contains("[secret]"), "{spelling} of {number}: it was looked for where it was");
            let joined = joined(&said);
            for part in &hidden {
                if let Some(at) = joined.find(part.as_str()) {
                    let context: String =
                        joined[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
                    seen.push(format!("{spelling} of {number}: {part} behind {context}"));
                }
            }
        }
    }
    assert!(seen.is_empty(), "{}", seen.join("\n\n"));
}

#[tokio::test]
async fn names_that_hold_a_secret_are_refused_without_showing_it() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "{subdir}", id = "{id}")]
    struct Named {
        id: String,
        subdir: String,
    }
    #[setup_tasks]
    impl Named {}
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "reads")]
    struct Reads {
        file: &'static str,
    }
    #[setup_tasks]
    impl Reads {
        #[setup_task("Read it", inputs = ["{file}.txt"])]
        fn read(&self) {}
    }
    let _known = Secret::new("not-for-a-name".to_owned());
    let place = Scratch::new();
    let layout = place.layout();
    let add = |id: &str, subdir: &str| chain(layout.add(Named { id: id.into(), subdir: subdir.into() }).unwrap_err());
    let error = add("a/not-for-a-name", "a");
    assert!(error.contains("its id `a/[secret]` contains a secret\nhelp: "), "{error}");
    let reads = layout.add(Reads { file: "not-for-a-name" }).unwrap();
    let error = chain(reads.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("a declared path holds a secret: `[secret].txt`"), "{error}");
    let error = add("b", "b/not-for-a-name");
    assert!(error.contains("its subdir `b/[secret]` contains a secret"), "{error}");
}

#[tokio::test]
async fn after_a_rotation_a_diff_shows_neither_the_old_secret_nor_the_new_one() {
    let place = Scratch::new();
    // As in another process, the secret in the file is no longer known.
    let old = "a secret that nobody knows any more";
    {
        let layout = place.layout();
        let first = vault(&layout, "rotated away for good", "rotate");
        first.run_setup_tasks().await.unwrap();
        let file = files(place.path()).into_iter().find(|file| file.ends_with("credentials")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap().replace("rotated away for good", old);
        std::fs::write(&file, text).unwrap();
    }
    let layout = place.layout();
    let plan = vault(&layout, "rotated in just now", "rotate").run_setup_tasks().diff().await.unwrap();
    let change = &plan.tasks[0].changes[0];
    let shown = format!("{plan:?} {} {}", serde_json::to_string(&plan.tasks).unwrap(), change.unified());
    assert!(shown.contains("(secrets differ)"), "{shown}");
    assert!(!shown.contains(old) && !shown.contains("rotated in just now"), "{shown}");
}
