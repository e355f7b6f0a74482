//! Tests of the assertions.

use std::panic::{AssertUnwindSafe, catch_unwind};

use expect_test::expect;
use setup_tasks::prelude::*;
use setup_tasks_test::{TestLayout, assert_plan, assert_ran, assert_up_to_date, each_task_alone};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{name}")]
struct Host {
    name: &'static str,
}

#[setup_tasks]
impl Host {
    #[setup_task("Mount the share")]
    fn mount(&self) {}

    #[setup_task("Write the banner")]
    fn banner(&self) -> Result<()> {
        if self.name == "broken" { Err(anyhow::anyhow!("the disk is full")) } else { Ok(()) }
    }
}

fn hosts(names: &[&'static str]) -> TestLayout {
    let test = TestLayout::new();
    names.iter().for_each(|name| drop(test.add(Host { name }).unwrap()));
    test
}

/// Returns the message of the panic of a call.
fn message(call: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[tokio::test]
async fn a_claim_about_a_run_shows_what_is_missing_and_what_is_more() -> Result<()> {
    let test = hosts(&["ada", "broken"]);
    let report = test.run().await?;
    assert_ran!(report, ["hosts/ada/mount: never ran", "hosts/ada/banner", "hosts/broken/mount"]);
    let said = message(|| assert_ran!(report, ["hosts/ada/mount: forced", "hosts/ada/reboot", "hosts/broken/mount"]));
    expect![[r"
        other tasks ran than expected (- expected, + ran):
          - hosts/ada/mount: forced
          + hosts/ada/mount: never ran
          - hosts/ada/reboot
          + hosts/ada/banner: never ran
        failed: hosts/broken: `hosts/broken` cannot be brought to ready: task `hosts/broken/banner` (Write the banner) failed; it ran because it had never run: the disk is full"]]
    .assert_eq(&said);
    Ok(())
}

#[tokio::test]
async fn a_claim_also_takes_the_report_of_an_object() -> Result<()> {
    let test = hosts(&[]);
    let ada = test.add(Host { name: "ada" })?;
    assert_ran!(ada.run_setup_tasks().await?, ["hosts/ada/mount", "hosts/ada/banner"]);
    assert_ran!(ada.run_setup_tasks().await?, []);
    Ok(())
}

#[tokio::test]
async fn claims_about_plans_hold_before_and_after_a_run() -> Result<()> {
    let test = hosts(&["ada"]);
    assert_plan!(test, ["hosts/ada/mount: never ran", "hosts/ada/banner: never ran"]);
    test.run().await?;
    assert_up_to_date!(test);
    Ok(())
}

#[tokio::test]
#[should_panic(
    expected = "other tasks would run than expected (- expected, + would run):\n  + hosts/ada/banner: never ran"
)]
async fn a_layout_that_is_not_up_to_date_panics() {
    let test = hosts(&["ada"]);
    assert_up_to_date!(test);
}

#[tokio::test]
async fn tasks_that_need_nothing_of_their_process_run_alone() -> Result<()> {
    each_task_alone(&hosts(&["ada", "grace"])).await?;
    let error = each_task_alone(&hosts(&["broken"])).await.unwrap_err().to_string();
    assert!(error.starts_with("the first run failed:\n  hosts/broken: "), "{error}");
    Ok(())
}
