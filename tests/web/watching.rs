//! Tests of what a user sees in the browser while things happen elsewhere.

use fantoccini::Locator;
use test_kit::until;

use crate::browser::{Look, start};
use crate::place::Place;

const WIDE: (u32, u32) = (1280, 900);

fn wide() -> Look {
    Look::new(WIDE.0, WIDE.1)
}

#[tokio::test]
async fn a_run_is_watched_from_its_start_to_its_failure_and_its_repair() {
    let Some(browser) = start(wide()).await else { return };
    let place = Place::small();
    place.write("wait", "");
    place.write("fail", "");
    let page = place.serve(&[]);
    browser.open(&page.link).await;
    browser.wait_for("#connection", "live").await;
    browser.wait_for("#counts", "3 would run").await;
    let run = place.start(&["up"]);
    browser.wait_for("#now .run", &format!("Process {} runs", run.pid())).await;
    browser.wait_for("[data-id=files] .badge", "running").await;
    browser.wait_for("[data-id=files] .why", "build").await;
    browser.picture("watching-running").await;
    place.remove("wait");
    browser.wait_for("[data-id=files] .badge", "failed").await;
    browser.wait_for("[data-id=files] .why", "no space is left").await;
    browser.until("the run is gone", "return document.querySelector('#now .run') === null").await;
    assert!(!run.wait());
    browser.picture("watching-failed").await;
    // The log of the failed attempt is two clicks away.
    browser.find("[data-id=files] a").await.click().await.unwrap();
    browser.find("a[href*='task=build']").await.click().await.unwrap();
    browser.wait_for(".tail", "no space is left").await;
    browser.wait_for(".tail", "<b>on</b> the disk").await;
    browser.picture("watching-task").await;
    // The page of the task follows the repair.
    place.remove("fail");
    assert!(place.run(&["up"]).status.success());
    browser.wait_for("h1 .badge", "up to date").await;
    browser.wait_for("table", "done").await;
    browser.open(&page.address("/")).await;
    browser.wait_for("#counts", "3 up to date").await;
    browser.wait_for("#now .last", "attempts").await;
    browser.picture("watching-repaired").await;
    browser.close().await;
}

#[tokio::test]
async fn an_edit_of_the_site_shows_what_would_run_and_why() {
    let Some(browser) = start(wide()).await else { return };
    let place = Place::small();
    place.run(&["up"]);
    let page = place.serve(&[]);
    browser.open(&page.link).await;
    browser.wait_for("#counts", "3 up to date").await;
    place.write("site.txt", "server files rye\nclient ada files\nclient bob files\nclient eve files\n");
    browser.wait_for("[data-id=files] .badge", "would run").await;
    browser.wait_for("[data-id=eve] .why", "never ran").await;
    browser.wait_for("[data-id=ada] .why", "files/build").await;
    browser.open(&page.address("/task?object=ada&task=mount")).await;
    browser
        .wait_for(".chain", "files/build (Build the share) would run, because its hash changed from bread to rye")
        .await;
    browser.open(&page.address("/plan")).await;
    browser.wait_for("main", "its hash changed from bread to rye").await;
    browser.picture("plan").await;
    // A mistake in the site is told, and the page goes on with the layout before it.
    place.write("site.txt", "server files rye\nclient ada nowhere\n");
    browser.wait_for("[role=alert]", "there is no server for `ada`").await;
    place.write("site.txt", "server files rye\n");
    browser.until("the error is gone", "return document.querySelector('[role=alert]') === null").await;
    browser.open(&page.address("/")).await;
    browser.wait_for("#counts", "1 object").await;
    browser.close().await;
}

#[tokio::test]
async fn two_tabs_show_the_same() {
    let Some(browser) = start(wide()).await else { return };
    let place = Place::small();
    let page = place.serve(&[]);
    browser.open(&page.link).await;
    browser.wait_for("#counts", "3 would run").await;
    let first = browser.client.window().await.unwrap();
    let second = browser.client.new_window(true).await.unwrap().handle;
    browser.client.switch_to_window(second.clone()).await.unwrap();
    browser.open(&page.address("/object?id=ada")).await;
    browser.wait_for("h1 .badge", "would run").await;
    assert!(place.run(&["up"]).status.success());
    browser.wait_for("h1 .badge", "up to date").await;
    // A tab that was hidden meanwhile catches up.
    browser.client.switch_to_window(first).await.unwrap();
    browser.wait_for("#counts", "3 up to date").await;
    browser.wait_for("[data-id=bob] .badge", "up to date").await;
    browser.close().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_comes_back() {
    let Some(browser) = start(wide()).await else { return };
    let place = Place::small();
    place.write("token", "0123456789abcdef0123456789abcdef");
    let page = place.serve(&["--token-file", "token"]);
    browser.open(&page.link).await;
    browser.wait_for("#connection", "live").await;
    browser.wait_for("#counts", "3 would run").await;
    let authority = page.authority.clone();
    assert!(page.process.interrupt());
    browser.wait_for("#connection", "connection lost").await;
    assert!(place.run(&["up"]).status.success());
    // The next process knows nothing of the updates before, and the page loads its state anew.
    let _page = place.serve_on(&authority, &["--token-file", "token"]);
    browser.wait_for("#connection", "live").await;
    browser.wait_for("#counts", "3 up to date").await;
    browser.close().await;
}

#[tokio::test]
async fn all_of_it_can_be_done_with_the_keyboard() {
    let Some(browser) = start(wide()).await else { return };
    let place = Place::small();
    let page = place.serve(&["--allow-changes"]);
    browser.open(&page.link).await;
    browser.wait_for("#counts", "3 would run").await;
    browser.tab_to("Skip to the content").await;
    browser.tab_to("Plan").await;
    browser.press("\u{e007}").await;
    browser.wait_for("h1", "Plan").await;
    browser.wait_for("main", "Build the share").await;
    browser.tab_to("Run all").await;
    browser.press("\u{e007}").await;
    browser.wait_for("#counts", "3 up to date").await;
    browser.wait_for("#now .notice", "done: 3 objects").await;
    // A key leads to the search.
    browser.press("/").await;
    browser.press("ada\u{e007}").await;
    browser.wait_for(".group h2", "1 object").await;
    browser.tab_to("ada").await;
    browser.press("\u{e007}").await;
    browser.wait_for("h1", "ada").await;
    browser.tab_to("Mount the share").await;
    browser.press("\u{e007}").await;
    browser.wait_for("h1", "Mount the share").await;
    browser.close().await;
}

#[tokio::test]
async fn without_a_script_every_page_still_shows_the_state() {
    let Some(browser) = start(wide().without_script()).await else { return };
    let place = Place::small();
    place.write("fail", "");
    place.run(&["up"]);
    let page = place.serve(&["--allow-changes"]);
    until("the plan is made", || page.get("/plan").body.contains("Made"));
    browser.open(&page.link).await;
    assert!(browser.text("[data-id=files] .badge").await.contains("failed"));
    assert_eq!(browser.text("#connection").await, "not live");
    assert!(browser.client.find(Locator::Css(".drawing")).await.is_ok(), "the graph is there");
    browser.picture("without-script").await;
    for (path, text) in [
        ("/plan", "Build the share"),
        ("/history", "files/build"),
        ("/task?object=files&task=build", "no space is left"),
    ] {
        browser.open(&page.address(path)).await;
        assert!(browser.text("main").await.contains(text), "{path}");
    }
    // A form works, too.
    place.remove("fail");
    browser.open(&page.address("/plan")).await;
    browser.find("button.main").await.click().await.unwrap();
    until("the run ends", || page.get("/").body.contains("done: 3 objects"));
    until("the stamps are read", || page.get("/").body.contains("<b>3</b> up to date"));
    browser.client.refresh().await.unwrap();
    assert!(browser.text("#counts").await.contains("3 up to date"));
    browser.close().await;
}

#[tokio::test]
async fn a_log_grows_as_its_task_runs() {
    let Some(browser) = start(wide()).await else { return };
    let place = Place::small();
    place.write("wait", "");
    let page = place.serve(&[]);
    let run = place.start(&["up"]);
    browser.open(&page.link).await;
    browser.wait_for("[data-id=files] .badge", "running").await;
    browser.open(&page.address("/task?object=files&task=build")).await;
    browser.find("a[href^='/log?']").await.click().await.unwrap();
    browser.wait_for("#log", "waiting for the end of wait").await;
    place.remove("wait");
    browser.wait_for("#log", "the share is built").await;
    browser.wait_for("#log", "# done in").await;
    let text = browser.text("#log").await;
    assert_eq!(text.matches("building the share").count(), 1, "no line is repeated: {text}");
    assert!(run.wait());
    browser.picture("log").await;
    browser.close().await;
}
