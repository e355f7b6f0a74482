//! Secrets: no log, event, diff, error or stamp shows them; no state is readable by others.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks::stamp::HistoryFilter;
use setup_tasks::{Layout, Secret};
use setup_tasks_templates::{TemplateTask, template};

use crate::support::{Place, chain};

/// Uses its password in every way in which one can get out.
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
        // In two parts, with time for a part to be written.
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

/// Every file under a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn vault(layout: &Layout, password: &str, way: &'static str) -> Object<Vault> {
    layout.add(Vault { name: way.into(), password: Secret::new(password.to_owned()), way }).unwrap()
}

/// All that is said of a run, and all that is on disk afterwards, save the file that the password is rendered into.
async fn traces(password: &str, way: &'static str) -> String {
    let place = Place::new();
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
        write!(said, "{:?}", layout.history(&HistoryFilter::default()).unwrap()).unwrap();
        write!(said, "{:?}", vault.plan().await.map_err(anyhow::Error::new)).unwrap();
        while let Some(event) = events.try_next() {
            write!(said, "{event:?} {}", serde_json::to_string(&*event).unwrap()).unwrap();
        }
        if way == "change" {
            // Another secret in the same place is another hash, and another file.
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
async fn nothing_that_is_said_or_kept_shows_a_secret() {
    for way in ["change", "fail", "panic", "exit", "check"] {
        let password = format!("correct horse battery {way}");
        let said = traces(&password, way).await;
        assert!(said.contains("[secret]"), "{way}: it was looked for where it was");
        let at = said.find(&password).or_else(|| said.find("quite another battery"));
        assert!(at.is_none(), "{way}: {}", &said[at.unwrap_or_default().saturating_sub(200)..][..400]);
    }
}

#[test]
fn lines_of_a_secret_are_secret_and_short_texts_are_not_looked_for() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nabc\n-----END KEY-----\n";
    let secret = Secret::new(key.to_owned());
    assert_eq!(setup_tasks::secret::redact("read MIIEvQIBADANBgkqhkiG9w0BAQEFAASC, abc"), "read [secret], abc");
    assert_eq!(secret.expose(), key);
    let _short = Secret::new("at".to_owned());
    assert_eq!(setup_tasks::secret::redact("that cat"), "that cat");
}

#[tokio::test]
async fn control_characters_in_what_is_said_are_spelled_out_in_logs() {
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
    let place = Place::new();
    let loud = place.layout().add(Loud).unwrap();
    loud.run_setup_tasks().await.unwrap();
    let log = std::fs::read(&setup_tasks::log::logs_of(&loud.any(), None).unwrap()[0].path).unwrap();
    assert!(!log.contains(&0x1b) && !log.contains(&0x07), "{}", String::from_utf8_lossy(&log));
    assert!(String::from_utf8_lossy(&log).contains("\\x1b]0;owned\\x07"));
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
    let _known = Secret::new("not-for-a-name".to_owned());
    let place = Place::new();
    let layout = place.layout();
    let add =
        |id: &str, subdir: &str| layout.add(Named { id: id.into(), subdir: subdir.into() }).unwrap_err().to_string();
    let error = add("a/not-for-a-name", "a");
    assert!(error.contains("a secret is in its id `a/[secret]`\nhelp: "), "{error}");
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
    let reads = layout.add(Reads { file: "not-for-a-name" }).unwrap();
    let error = chain(reads.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("a declared path holds a secret: `[secret].txt`"), "{error}");
    let error = add("b", "b/not-for-a-name");
    assert!(error.contains("a secret is in its subdir `b/[secret]`"), "{error}");
}

#[tokio::test]
async fn after_a_rotation_a_diff_shows_neither_the_old_secret_nor_the_new_one() {
    let place = Place::new();
    // As if by another process: the secret that the file holds is not known any more.
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
