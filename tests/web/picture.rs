//! The picture of the page in the README, from a real run.

use test_kit::until;

use crate::browser::{Look, start};
use crate::place::Place;

/// Keeps `readme.png` among the pictures of the test run. `docs/draw` copies it.
#[tokio::test]
async fn the_picture_of_the_readme_shows_a_run() {
    let Some(browser) = start(Look::new(1180, 860)).await else { return };
    let place = Place::new(
        "server archive tapes\nserver files bread\nclient ada files\nclient bob files\nclient eve files\nclient grace archive\n",
    );
    place.write("wait", "");
    let page = place.serve(&["--allow-changes"]);
    until("the plan is made", || page.get("/plan").body.contains("Made"));
    let run = place.start(&["up"]);
    browser.open(&page.link).await;
    browser.wait_for("#now .run", "runs").await;
    browser.wait_for("#connection", "live").await;
    browser.wait_for("[data-id=files] .badge", "running").await;
    browser.picture("readme").await;
    drop(run);
    browser.close().await;
}

/// Keeps pictures of every page at three widths, light and dark, with few, many and very many objects.
#[tokio::test]
async fn every_page_fits_every_width() {
    let few = || {
        let place = Place::small();
        place.write("fail", "");
        place.run(&["up"]);
        place
    };
    let many = |count: usize| {
        let place = Place::new(&format!("many {count}\nserver files bread\nclient ada files\nodd <b>bold</b>\n"));
        place.write("fail", "");
        place.run(&["up", "--jobs", "64"]);
        place
    };
    for (name, place) in [("6", few()), ("300", many(300)), ("10000", many(10_000))] {
        let page = place.serve(&["--allow-changes"]);
        until("the plan is made", || page.get("/plan").body.contains("Made"));
        for (width, height) in [(390, 844), (820, 1180), (1440, 900)] {
            for is_dark in [false, true] {
                let look = Look::new(width, height);
                let Some(browser) = start(if is_dark { look.dark() } else { look }).await else { return };
                browser.open(&page.link).await;
                browser.wait_for("#connection", "live").await;
                let paths = [
                    ("overview", "/"),
                    ("plan", "/plan"),
                    ("history", "/history"),
                    ("object", "/object?id=ada"),
                    ("task", "/task?object=files&task=build"),
                ];
                let shown = if name == "6" { &paths[..] } else { &paths[..1] };
                for (what, path) in shown {
                    browser.open(&page.address(path)).await;
                    browser.wait_for("#connection", "live").await;
                    let script = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
                    browser.until(&format!("{what} fits {width} pixels"), script).await;
                    let color = if is_dark { "dark" } else { "light" };
                    browser.picture(&format!("{what}-{name}-{width}-{color}")).await;
                }
                browser.close().await;
            }
        }
    }
}
