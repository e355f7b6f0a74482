//! Tests of the labels of commands, and of commands in activities and events.

use std::path::Path;

use setup_tasks::log::logs_of;
use setup_tasks::prelude::*;

use test_kit::{Scratch, chain, events, until};

/// A model whose command waits for a file. The command has a label.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "labelled")]
struct Labelled {
    program: &'static str,
    label: &'static str,
}

#[setup_tasks]
impl Labelled {
    #[setup_task("Run a long command")]
    async fn long(&self, cx: &TaskContext) -> Result<()> {
        let script = "touch began; while [ ! -e go ]; do sleep 0.01; done; exit 3";
        let command = cx.command(self.program).args(["-c", script]).directory(cx.stamp_path()?).label(self.label);
        assert!(command.to_string().contains(script), "it is still shown as it would be typed");
        Ok(command.run().await?)
    }
}

#[tokio::test]
async fn a_label_stands_for_the_command_in_log_activity_events_and_error() {
    let place = Scratch::new();
    let layout = place.layout();
    let mut events = events(&layout);
    let labelled = layout.add(Labelled { program: "sh", label: " wait\nfor go " }).unwrap();
    let directory = labelled.stamp_path().unwrap().to_owned();
    let run = tokio::spawn(labelled.run_setup_tasks().into_future());
    let began = directory.join("began");
    tokio::task::spawn_blocking(move || until("the command begins", || began.exists())).await.unwrap();
    let activities = layout.activities();
    assert_eq!(activities.run_of("labelled").unwrap().commands, ["wait\\nfor go"]);
    assert!(activities.to_string().contains("\n  runs the command `wait\\nfor go`\n"), "{activities}");
    std::fs::write(directory.join("go"), "").unwrap();
    let error = chain(run.await.unwrap().unwrap_err());
    assert!(error.contains("`wait\\nfor go` ended with exit status: 3") && !error.contains("sleep"), "{error}");
    let log = text(&logs_of(labelled.as_any(), Some("long")).unwrap()[0].path);
    assert!(log.contains("\n$ wait\\nfor go\n") && !log.contains("sleep"), "{log}");
    let commands: Vec<_> = events.take().into_iter().filter(|event| event.contains("wait\\nfor go`")).collect();
    assert_eq!(commands[..2], ["labelled/long starts `wait\\nfor go`", "labelled/long ended `wait\\nfor go`"]);
}

#[tokio::test]
async fn a_command_that_cannot_start_is_named_by_its_label_and_its_program() {
    let place = Scratch::new();
    let labelled = place.layout().add(Labelled { program: "no-such-program", label: "wait" }).unwrap();
    let error = chain(labelled.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("cannot start `wait (no-such-program)`"), "{error}");
}

#[tokio::test]
async fn an_empty_label_is_no_label() {
    let place = Scratch::new();
    let labelled = place.layout().add(Labelled { program: "no-such-program", label: " \n" }).unwrap();
    let error = chain(labelled.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("cannot start `no-such-program -c 'touch began;"), "{error}");
}

#[tokio::test]
async fn a_command_of_a_check_is_in_the_activity_until_it_ends() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "checked")]
    struct Checked;
    #[setup_tasks]
    impl Checked {
        #[setup_task("Run nothing", hash = answer)]
        fn nothing(&self) {}

        async fn answer(&self, cx: &TaskContext) -> Result<String> {
            let current = || setup_tasks::activity::current()[0].commands.clone();
            let (first, second) = tokio::join!(cx.command("true").label("first").run(), async { current() });
            first?;
            assert_eq!((second, current()), (vec!["first".to_owned()], vec![]));
            Ok(String::new())
        }
    }
    let place = Scratch::new();
    place.layout().add(Checked).unwrap().run_setup_tasks().await.unwrap();
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
