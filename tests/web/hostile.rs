//! Tests of names and texts that are HTML, scripts, or addresses.

use serde_json::json;
use test_kit::until;

use crate::browser::{Look, start};
use crate::place::Place;

/// Names that mean something in HTML, in addresses, or to a terminal.
const NAMES: [&str; 16] = [
    "<script>document.title='owned'</script>",
    "\"><img src=x onerror=\"document.title='owned'\">",
    "'; document.title='owned'; '",
    "</title></textarea><svg onload=document.title='owned'>",
    "javascript:document.title='owned'",
    "&lt;b&gt;&amp;",
    "..",
    "a/../../b",
    "a?id=b&c=d#e",
    "100%25 %2F %00",
    "{{7*7}}${7*7}",
    "\u{202e}gnp.exe",
    "a\\nb",
    "日本 é 😀",
    "//evil.example/",
    "   ",
];

fn site() -> String {
    NAMES.iter().map(|name| format!("odd {name}\n")).collect()
}

#[test]
fn no_name_leaves_its_place_in_the_html() {
    let place = Place::new(&site());
    place.run(&["up"]);
    let page = place.serve(&[]);
    until("the plan is made", || page.get("/plan").body.contains("Made"));
    for path in [
        "/",
        "/plan",
        "/history",
        "/?q=<script>&state=\"><b>&group='&type=<",
        "/history?object=<script>&ended=\"",
        "/nowhere<script>",
    ] {
        let reply = page.get(&path.replace('<', "%3C").replace('>', "%3E").replace('"', "%22"));
        // A card has the id as it is, in an attribute that nobody sees.
        let body: String = reply.body.split(" data-id=\"").enumerate().fold(String::new(), |body, (at, part)| {
            body + if at == 0 { part } else { part.split_once('"').map_or("", |(_, rest)| rest) }
        });
        for part in ["<script>d", "<img", "<svg on", "<i>", "<b>&", "\u{202e}"] {
            assert!(!body.contains(part), "{path} contains {part}: {body}");
        }
        assert!(!reply.headers.contains("evil.example"));
    }
}

#[tokio::test]
async fn hostile_names_and_logs_do_nothing_in_a_browser() {
    let Some(browser) = start(Look::new(1280, 900)).await else { return };
    let place = Place::new(&site());
    let page = place.serve(&[]);
    browser.open(&page.link).await;
    browser.wait_for("#connection", "live").await;
    // The cards come as updates, too.
    place.run(&["up"]);
    browser.until("every object has failed", "return document.querySelectorAll('.card.failed').length === 16").await;
    browser.picture("hostile").await;
    let title = browser.client.title().await.unwrap();
    assert_eq!(title, "Overview – page");
    let links = browser
        .script("return [...document.querySelectorAll('.card > a')].map((link) => link.getAttribute('href'))")
        .await;
    let links: Vec<String> = serde_json::from_value(links).unwrap();
    assert_eq!(links.len(), NAMES.len());
    for link in links {
        browser.open(&page.address(&link)).await;
        browser.wait_for("h1 .badge", "failed").await;
        browser.find("tbody th a").await.click().await.unwrap();
        browser.find("a[href^='/log?']").await.click().await.unwrap();
        browser.wait_for("#log", "# failed after").await;
        assert!(browser.client.title().await.unwrap().starts_with("Log of say – page"));
    }
    let elements = browser
        .script("return document.querySelectorAll('main script, main img, main i, main svg[onload]').length")
        .await;
    assert_eq!(elements, json!(0));
    browser.close().await;
}
