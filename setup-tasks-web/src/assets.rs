//! The style, the script and the icon of the page, which are part of the program.

use axum::http::header;
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");
const ICON: &str = include_str!("assets/icon.svg");

/// The time for which a browser keeps an asset. The address changes with the content.
const KEEP: &str = "max-age=31536000, immutable";

/// Returns the address of the style.
pub(crate) fn style() -> String {
    address("style.css", STYLE)
}

/// Returns the address of the script.
pub(crate) fn script() -> String {
    address("script.js", SCRIPT)
}

/// Returns the address of the icon.
pub(crate) fn icon() -> String {
    address("icon.svg", ICON)
}

fn address(name: &str, content: &str) -> String {
    let hash = blake3::hash(content.as_bytes()).to_hex();
    format!("/assets/{name}?{}", &hash[..12])
}

pub(crate) async fn send_style() -> Response {
    send("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn send_script() -> Response {
    send("text/javascript; charset=utf-8", SCRIPT)
}

pub(crate) async fn send_icon() -> Response {
    send("image/svg+xml", ICON)
}

fn send(kind: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEEP)], content).into_response()
}
