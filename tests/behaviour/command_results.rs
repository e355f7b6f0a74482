//! Tests of the results of commands: exit statuses, text and bytes.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use setup_tasks::command::{CommandError, quote_all};
use setup_tasks::log::logs_of;
use setup_tasks::prelude::*;
use setup_tasks::{Layout, Secret};

use test_kit::{Scratch, chain};

/// A model that runs a function within its task.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "asker")]
struct Asker;

#[setup_tasks]
impl Asker {
    #[setup_task("Ask")]
    async fn ask(&self, cx: &TaskContext) -> Result<()> {
        let sh = |script: &str| cx.command("sh").args(["-c", script]);
        for code in [0, 1, 7, 255] {
            let script = format!("echo said {code}; exit {code}");
            assert_eq!(sh(&script).status().await?.code(), Some(code));
            let output = sh(&script).output_and_status().await?;
            assert_eq!((output.status.code(), &*output.text()), (Some(code), &*format!("said {code}\n")));
        }
        assert_eq!(sh("kill -9 $$").status().await?.signal(), Some(9));
        let bytes = sh(r"printf '\377\000\n\300x'").output_bytes().await?;
        assert_eq!(bytes, b"\xff\0\n\xc0x");
        assert_eq!(sh(r"printf 'a\377b'").output().await?, "a\u{fffd}b");
        Ok(())
    }
}

#[tokio::test]
async fn an_exit_status_is_a_value_and_output_is_text_or_bytes() {
    let place = Scratch::new();
    let asker = place.layout().add(Asker).unwrap();
    asker.run_setup_tasks().await.unwrap();
    let log = std::fs::read_to_string(&logs_of(asker.as_any(), Some("ask")).unwrap()[0].path).unwrap();
    assert!(log.contains("\nsaid 255\n") && log.contains("# done in"), "the log has the output, too: {log}");
    assert!(log.contains("\\xff\\x00"), "bytes are escaped in the log: {log}");
}

#[tokio::test]
async fn what_prevents_a_status_is_an_error() {
    let layout = Layout::in_memory().unwrap();
    let asker = layout.add(Asker).unwrap();
    let cx = TaskContext::of(asker.as_any(), "ask");
    let missing = cx.command("no-such-program").status().await.unwrap_err();
    assert!(matches!(missing, CommandError::Start { .. }), "{missing:?}");
    let slow = cx.command("sleep").arg("60").timeout(Duration::from_millis(100)).status().await.unwrap_err();
    assert!(matches!(slow, CommandError::TimedOut { .. }), "{slow:?}");
    let much = cx.command("yes").output_limit(1000).output_and_status().await.unwrap_err();
    assert!(matches!(much, CommandError::TooMuchOutput { limit: 1000, .. }), "{much:?}");
    let failed = cx.command("sh").args(["-c", "echo no >&2; exit 3"]).output_bytes().await.unwrap_err();
    assert!(chain(failed).contains("exit status: 3: no"));
}

#[tokio::test]
async fn a_command_is_shown_as_a_shell_would_read_it() {
    let layout = Layout::in_memory().unwrap();
    let asker = layout.add(Asker).unwrap();
    let words = ["it's", "$HOME", "a b", "", "--key=value", "x;y", "\"", "\\n", "back\\slash", "new\nline"];
    let command = TaskContext::of(asker.as_any(), "ask").command("printf").arg("%s|").args(words);
    let line = command.to_string();
    assert!(line.starts_with(r"printf '%s|' 'it'\''s' "), "{line}");
    let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), words.map(|word| format!("{word}|")).concat());
}

#[test]
fn a_quoted_secret_is_recognised() {
    let _secret = Secret::new("corr'ect $horse `battery` \"st\\aple".to_owned());
    let line = quote_all(["login", "corr'ect $horse `battery` \"st\\aple", "now"]).unwrap();
    assert_eq!(setup_tasks::secret::redact(&line), "login '[secret]' now");
}
