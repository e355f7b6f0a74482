//! A real browser, driven by chromedriver. Where it is missing, a test says that it is skipped.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use test_kit::{Scratch, skip};

/// The time after which something that should appear counts as missing.
const PATIENCE: Duration = Duration::from_mins(2);

/// A browser with a profile of its own.
pub struct Browser {
    pub client: Client,
    driver: Child,
    _profile: Scratch,
}

/// How a browser differs from an ordinary one.
#[derive(Clone, Copy, Default)]
pub struct Look {
    /// The width and the height of the window.
    pub size: (u32, u32),
    pub is_dark: bool,
    pub without_script: bool,
}

impl Look {
    pub fn new(width: u32, height: u32) -> Self {
        Self { size: (width, height), is_dark: false, without_script: false }
    }

    pub fn dark(self) -> Self {
        Self { is_dark: true, ..self }
    }

    pub fn without_script(self) -> Self {
        Self { without_script: true, ..self }
    }
}

/// Starts a browser, or says that the test is skipped.
pub async fn start(look: Look) -> Option<Browser> {
    let is_there =
        |program| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !["chromium", "chromedriver"].into_iter().all(is_there) {
        skip("Chromium is missing (Debian packages `chromium` and `chromium-driver`)");
        return None;
    }
    let (driver, port) = (0..10).find_map(|_| start_driver()).expect("chromedriver starts");
    let profile = Scratch::new();
    let (width, height) = look.size;
    let mut args: Vec<_> = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ]
    .map(str::to_owned)
    .into();
    args.push(format!("--user-data-dir={}", profile.path().display()));
    args.push(format!("--window-size={width},{height}"));
    if look.is_dark {
        args.push("--blink-settings=preferredColorScheme=0".to_owned());
    }
    // A window has a least width, and a phone is narrower.
    let mut options = json!({ "args": args, "binary": "/usr/bin/chromium" });
    if width < 500 {
        let metrics = json!({ "width": width, "height": height, "pixelRatio": 1.0, "touch": true });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    if look.without_script {
        options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    let Value::Object(capabilities) =
        json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } })
    else {
        unreachable!()
    };
    let address = format!("http://localhost:{port}");
    let client = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&address).await;
    Some(Browser { client: client.expect("Chromium starts"), driver, _profile: profile })
}

/// Starts the driver, and returns it with its port. Returns `None` if another process took the port that it chose.
fn start_driver() -> Option<(Child, String)> {
    let mut command = Command::new("chromedriver");
    let mut driver = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.by_ref().find_map(|line| {
        let line = line.unwrap();
        let (_, port) = line.split_once("was started successfully on port ")?;
        Some(port.trim_end_matches('.').to_owned())
    });
    std::thread::spawn(move || lines.for_each(drop));
    if port.is_none() {
        // It has ended.
        let _ = driver.wait();
    }
    port.map(|port| (driver, port))
}

impl Browser {
    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// Waits for an element.
    pub async fn find(&self, css: &str) -> Element {
        self.client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await
            .unwrap_or_else(|error| panic!("`{css}`: {error}"))
    }

    /// Returns the text of the first element with a selector, or nothing if there is none.
    pub async fn text(&self, css: &str) -> String {
        match self.client.find(Locator::Css(css)).await {
            // The element may be replaced meanwhile.
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits until the text of an element contains a text.
    pub async fn wait_for(&self, css: &str, text: &str) {
        let since = Instant::now();
        loop {
            let now = self.text(css).await;
            if now.contains(text) {
                return;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "`{css}` never contains `{text}`, but: {now}\n{}",
                self.text("body").await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs a script and returns its value.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until a script returns true.
    pub async fn until(&self, what: &str, script: &str) {
        let since = Instant::now();
        while self.script(script).await != Value::Bool(true) {
            assert!(since.elapsed() < PATIENCE, "{what} never happens");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Presses keys, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let focused = self.client.active_element().await.unwrap();
        focused.send_keys(keys).await.unwrap();
    }

    /// Moves the focus with the tabulator key until it is on an element whose text begins with a text.
    pub async fn tab_to(&self, text: &str) {
        for _ in 0..100 {
            self.press(&Key::Tab.to_string()).await;
            let now = self.script("const at = document.activeElement; return at.textContent.trim()").await;
            if now.as_str().is_some_and(|now| now.starts_with(text)) {
                return;
            }
        }
        panic!("the focus never reaches `{text}`");
    }

    /// Keeps a picture as a file of the test run.
    pub async fn picture(&self, name: &str) -> PathBuf {
        let png = self.client.screenshot().await.unwrap();
        let directory = pictures();
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join(format!("{name}.png"));
        std::fs::write(&path, png).unwrap();
        path
    }

    /// Closes the browser.
    pub async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver may have ended.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Returns the directory of the pictures.
pub fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures")
}
