//! Tests of `TestLayout`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use expect_test::expect;
use setup_tasks::prelude::*;
use setup_tasks_test::{TestLayout, assert_plan, assert_ran, assert_up_to_date, snapshot};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "door")]
struct Door {
    colour: &'static str,
    sticks: bool,
}

const RED: Door = Door { colour: "red", sticks: false };

#[setup_tasks]
impl Door {
    #[setup_task("Paint it", hash = colour)]
    fn paint(&self, cx: &TaskContext) -> Result<()> {
        cx.log("painted");
        std::fs::write(cx.state_path()?.join("colour"), self.colour)?;
        Ok(())
    }

    fn colour(&self) -> String {
        self.colour.to_owned()
    }

    #[setup_task("Hang it")]
    fn hang(&self) -> Result<()> {
        if self.sticks { Err(anyhow::anyhow!("it sticks")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn stamps_have_the_time_of_the_clock_that_the_test_sets() -> Result<()> {
    let test = TestLayout::new();
    let door = test.add(RED)?;
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    test.clock().set(at);
    test.run().await?;
    let painted: SystemTime = door.check_stamp("paint").await?.unwrap().time.into();
    let late = painted.duration_since(at)?;
    assert!(late < Duration::from_secs(1), "{late:?}");
    test.clock().advance(Duration::from_hours(24));
    test.run().force_all().await?;
    let again: SystemTime = door.check_stamp("paint").await?.unwrap().time.into();
    assert!(again >= painted + Duration::from_hours(23));
    Ok(())
}

#[tokio::test]
async fn a_reopened_layout_has_the_stamps_and_files_of_the_first_one() -> Result<()> {
    let test = TestLayout::new();
    test.add(RED)?;
    assert_ran!(test.run().await?, ["door/paint", "door/hang"]);
    let test = test.reopen();
    assert!(test.is_empty());
    let door = test.add(RED)?;
    assert_up_to_date!(test);
    assert_eq!(std::fs::read_to_string(door.state_path()?.join("colour"))?, "red");
    let test = test.reopen();
    test.add(Door { colour: "blue", ..RED })?;
    assert_plan!(test, ["door/paint: its hash changed from red to blue", "door/hang"]);
    Ok(())
}

#[test]
fn the_directory_is_gone_at_the_end_also_after_a_panic() {
    let mut path = PathBuf::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let test = TestLayout::new();
        test.path().clone_into(&mut path);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        test.add(RED).unwrap();
        runtime.block_on(test.run().into_future()).unwrap();
        assert!(path.join(".setup-tasks/state/door/colour").exists());
        panic!("a test fails");
    }));
    assert!(panicked.is_err() && !path.as_os_str().is_empty());
    assert!(!path.exists(), "{}", path.display());
}

#[tokio::test]
async fn the_record_of_events_is_a_text_for_a_snapshot() -> Result<()> {
    let test = TestLayout::new();
    test.add(Door { sticks: true, ..RED })?;
    let report = test.run().await?;
    expect![[r#"
        door/paint task_should_run reason={"reason":"never_ran"}
        door/paint task_start attempt=1
        door/paint log_line line=painted
        door/paint task_ran
        door/hang task_should_run reason={"reason":"never_ran"}
        door/hang task_start attempt=1
        door/hang task_fail error=it sticks
        door object_failed error=task `door/hang` (Hang it) failed; it ran because it had never run: it sticks
    "#]]
    .assert_eq(&test.record());
    assert_eq!(test.events().len(), 8, "an event is recorded once");
    expect![[r"
        door/paint ran: never ran
        door failed: `door` cannot be brought to ready: task `door/hang` (Hang it) failed; it ran because it had never run: it sticks
        failed: 1 of 1 object; 1 task ran"]].assert_eq(&snapshot(report));
    Ok(())
}
