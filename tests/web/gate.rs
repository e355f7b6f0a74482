//! Tests of the gate: token, host, origin, forms, and the headers of replies.

use test_kit::until;

use crate::place::Place;
use crate::request::Request;

/// The addresses of pages and streams that show something of the layout.
const PRIVATE: [&str; 9] = [
    "/",
    "/plan",
    "/history",
    "/object?id=ada",
    "/task?object=ada&task=mount",
    "/log?object=ada&name=x",
    "/log/text?object=ada&name=x",
    "/log/follow?object=ada&name=x",
    "/events",
];

#[test]
fn without_the_token_nothing_is_shown() {
    let place = Place::small();
    let page = place.serve(&[]);
    for path in PRIVATE.into_iter().chain(["/nowhere", "/metrics"]) {
        let reply = Request::new(&page.authority, "GET", path).send();
        assert_eq!(reply.status, 401, "{path}: {reply:?}");
        assert!(reply.body.contains("link that `serve` printed") && !reply.body.contains("ada"), "{}", reply.body);
    }
    let wrong = Request::new(&page.authority, "GET", "/?token=0123456789abcdef0123456789abcdef").send();
    assert_eq!(wrong.status, 403);
    assert!(wrong.body.contains("out of date"), "{}", wrong.body);
    // Style and script are the same for everybody.
    assert_eq!(Request::new(&page.authority, "GET", "/assets/style.css").send().status, 200);
}

#[test]
fn the_link_gives_a_cookie_that_no_other_site_and_no_script_gets() {
    let place = Place::small();
    let page = place.serve(&[]);
    let token = page.token.clone().unwrap();
    assert_eq!(token.len(), 32);
    let opened = Request::new(&page.authority, "GET", &format!("/plan?token={token}")).send();
    assert_eq!((opened.status, opened.header("location")), (303, Some("/plan")), "the address has no token");
    let cookie = opened.header("set-cookie").unwrap();
    assert!(cookie.contains("; httponly; samesite=strict; path=/") && !cookie.contains(&token), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    let shown = Request::new(&page.authority, "GET", "/plan").header("cookie", session).send();
    assert_eq!(shown.status, 200);
    let another = place.serve(&[]);
    assert_ne!(another.token, page.token, "each start has its own token");
    assert_eq!(Request::new(&another.authority, "GET", "/plan").header("cookie", session).send().status, 401);
}

#[test]
fn a_page_of_another_name_is_refused_even_if_it_leads_here() {
    let place = Place::small();
    let page = place.serve(&[]);
    for host in [Some("evil.example"), Some("evil.example:80"), Some("127.0.0.1"), Some(""), None] {
        let reply = page.request("GET", "/").host(host).send();
        assert!([400, 421].contains(&reply.status), "{host:?}: {reply:?}");
        assert!(!reply.body.contains("ada"), "{}", reply.body);
    }
    let port = page.authority.rsplit_once(':').unwrap().1;
    assert_eq!(page.request("GET", "/").host(Some(&format!("localhost:{port}"))).send().status, 200);
    let named = place.serve(&["--host", "lab.example"]);
    assert_eq!(named.request("GET", "/").host(Some("lab.example")).send().status, 200);
}

#[test]
fn every_reply_has_a_strict_policy_and_no_inline_script_or_style() {
    let place = Place::small();
    place.run(&["up"]);
    let page = place.serve(&["--allow-changes"]);
    for path in
        ["/", "/plan", "/history", "/object?id=files", "/task?object=files&task=build", "/nowhere", "/object?id=x"]
    {
        let reply = page.get(path);
        let policy = reply.header("content-security-policy").unwrap();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let body = reply.body.replace("<script defer src=\"/assets/", "");
        assert!(!body.contains("<script") && !body.contains("style=") && !body.contains("<style"), "{path}: {body}");
        let is_handler = |rest: &str| rest.split(' ').next().is_some_and(|word| word.contains("=\""));
        assert!(!body.split(" on").skip(1).any(is_handler), "{path}: {body}");
        // Nothing comes from elsewhere.
        assert!(!body.contains("//"), "{path}: {body}");
    }
}

#[test]
fn a_change_needs_the_origin_and_the_form_of_the_page() {
    let place = Place::small();
    let page = place.serve(&["--allow-changes"]);
    let token = page.form_token();
    let form = |token: &str| page.request("POST", "/run").form(&format!("form_token={token}"));
    assert_eq!(form("").send().status, 403, "no token");
    assert_eq!(form("0123456789abcdef0123456789abcdef").send().status, 403, "a wrong token");
    assert_eq!(form(&token).header("origin", "http://evil.example").send().status, 403);
    assert_eq!(form(&token).header("origin", "null").send().status, 403);
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(form(&token).header("sec-fetch-site", site).send().status, 403, "{site}");
    }
    let large = format!("form_token={token}&object={}", "x".repeat(100_000));
    assert_eq!(page.request("POST", "/run").form(&large).send().status, 400);
    assert_eq!(page.request("PUT", "/run").form(&format!("form_token={token}")).send().status, 405);
    assert_eq!(page.get("/run").status, 405, "a link cannot start a run");
    assert!(!String::from_utf8(place.run(&["history"]).stdout).unwrap().contains("build"), "nothing has run");
    let own = form(&token).header("origin", &page.address("")).header("sec-fetch-site", "same-origin").send();
    assert_eq!(own.status, 303, "{own:?}");
    until("the run ends", || String::from_utf8(place.run(&["history"]).stdout).unwrap().contains("bob/mount"));
}

#[test]
fn a_page_that_only_shows_refuses_every_change() {
    let place = Place::small();
    let page = place.serve(&[]);
    for path in ["/run", "/cancel", "/mark-done"] {
        let reply = page.post(path, "object=ada&task=mount");
        assert_eq!(reply.status, 403, "{path}");
        assert!(reply.body.contains("--allow-changes"), "{}", reply.body);
    }
    for path in ["/", "/plan", "/object?id=ada", "/task?object=ada&task=mount"] {
        let body = page.get(path).body;
        assert!(!body.contains("/run\"") && !body.contains("/mark-done"), "{path}: {body}");
    }
    // A plan changes nothing.
    assert_eq!(page.post("/plan", "").status, 303);
}

#[test]
fn showing_writes_nothing_into_the_directory() {
    let place = Place::small();
    place.run(&["up"]);
    let before = place.tree();
    let page = place.serve(&[]);
    for path in PRIVATE.into_iter().filter(|path| !path.starts_with("/events")) {
        page.get(path);
    }
    until("the plan is made", || page.get("/plan").body.contains("Nothing would run"));
    assert!(page.process.interrupt(), "Ctrl-C ends it well");
    assert_eq!(place.tree(), before);
}

#[test]
fn other_machines_need_a_token_or_a_proxy() {
    let place = Place::small();
    let refused = place.run(&["serve", "--listen", "0.0.0.0:0"]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("nothing protects the page") && text.contains("help: add `--token-file FILE`"), "{text}");
    let proxied = place.serve_on("0.0.0.0:0", &["--behind-proxy", "lab.example"]);
    assert_eq!(proxied.token, None);
    let local = proxied.link.trim_end_matches('/').rsplit_once(':').unwrap().1;
    let local = format!("127.0.0.1:{local}");
    assert_eq!(Request::new(&local, "GET", "/").host(Some("lab.example")).send().status, 200);
    assert_eq!(Request::new(&local, "GET", "/").host(Some("evil.example")).send().status, 421);
    place.write("token", "0123456789abcdef-0123456789abcdef\n");
    let shared = place.serve_on("0.0.0.0:0", &["--token-file", "token"]);
    assert_eq!(shared.token.as_deref(), Some("0123456789abcdef-0123456789abcdef"));
}

#[test]
fn a_log_is_named_by_its_object_and_no_name_leads_elsewhere() {
    let place = Place::small();
    place.write("secret.log", "top secret");
    place.run(&["up"]);
    let page = place.serve(&[]);
    let task = page.get("/task?object=files&task=build").body;
    let (_, link) = task.split_once("href=\"/log?").expect("a link to the log");
    let query = link.split_once('"').unwrap().0.replace("&amp;", "&");
    for path in ["/log", "/log/text"] {
        let reply = page.get(&format!("{path}?{query}"));
        assert!(reply.status == 200 && reply.body.contains("the share is built"), "{path}: {reply:?}");
    }
    let text = page.get(&format!("/log/text?{query}"));
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    let names = ["../../../secret.log", "..%2F..%2F..%2Fsecret.log", "%2Fetc%2Fpasswd", ".", "", "secret.log", "x%00"];
    for name in names {
        for path in ["/log", "/log/text", "/log/follow"] {
            let reply = page.get(&format!("{path}?object=files&name={name}"));
            assert_eq!(reply.status, 404, "{path} {name}: {reply:?}");
        }
    }
    let (_, name) = query.split_once("name=").unwrap();
    assert_eq!(page.get(&format!("/log?object=ada&name={name}")).status, 404, "it is the log of another object");
    assert_eq!(page.get(&format!("/log?object=..&name={name}")).status, 404);
}

#[test]
fn a_port_that_is_taken_is_an_error_if_it_was_named() {
    let place = Place::small();
    let page = place.serve(&[]);
    let refused = place.run(&["serve", "--listen", &page.authority]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains(&format!("error: cannot listen on {}", page.authority)), "{text}");
    assert!(text.contains("help: another program listens there; choose another port with `--listen`"), "{text}");
}

#[test]
fn prometheus_reads_metrics_with_the_token() {
    let place = Place::small();
    place.write("fail", "");
    place.run(&["up"]);
    let page = place.serve(&["--allow-changes"]);
    page.post("/run", "object=files");
    until("the run ends", || page.get("/").body.contains("failed: "));
    let reply = page.get("/metrics");
    assert!(reply.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"), "{reply:?}");
    let failed = "setup_tasks_tasks{type=\"Server\",state=\"failed\"} 1\n";
    let results = "setup_tasks_task_results_total{type=\"Server\",outcome=\"failed\"} 1\n";
    assert!(reply.body.contains(failed) && reply.body.contains(results), "{}", reply.body);
}
