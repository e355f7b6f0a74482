//! The checks of every request, and the headers of every response.
//!
//! | attack | answer |
//! |---|---|
//! | another user or program of this machine opens the page | a random token, which only the printed link has |
//! | a page of the web names this machine by a name of its own (DNS rebinding) | the header `Host` is checked |
//! | a page of the web sends a form to this page | a same-site cookie, the header `Origin`, and a token in each form |
//! | a name or a log contains HTML or a script | every value is escaped, and the content security policy allows no inline script |
//! | a page of the web shows this page in a frame | `frame-ancestors 'none'` |

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use setup_tasks::Result;

use crate::pages;
use crate::site::Site;

/// The greatest size of a form.
const FORM: usize = 64 * 1024;
/// The prefix of the addresses that everybody may read: style, script and icon.
const ASSETS: &str = "/assets/";

/// The content security policy. Scripts and styles come from files of this page alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The rules for requests.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The secret of the printed link, or `None` if a reverse proxy authenticates.
    token: Option<String>,
    /// The token in each form.
    forms: String,
    hosts: Hosts,
    /// The name of the cookie, which differs between the ports of a machine.
    cookie: String,
}

/// The names under which the page can be reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hosts {
    /// The address of the socket.
    pub(crate) bound: SocketAddr,
    /// Further names.
    pub(crate) names: Vec<String>,
}

impl Hosts {
    /// Returns whether the value of a header `Host` is a name of the page. The name of another site is refused even if it leads to
    /// this address. An address cannot be the name of another site.
    fn accepts(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port)),
            _ => (host, None),
        };
        if self.names.iter().any(|known| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(name)) {
            return true;
        }
        let is_port = port.map_or(Some(80), |port| port.parse().ok()) == Some(self.bound.port());
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let is_here = match address {
            Some(address) if self.bound.ip().is_unspecified() => !address.is_unspecified(),
            Some(address) => address == self.bound.ip(),
            None => name.eq_ignore_ascii_case("localhost") && self.bound.ip().is_loopback(),
        };
        is_port && is_here
    }
}

/// Returns a random text with a number of bytes, in hexadecimal digits.
pub(crate) fn random(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).context("the system has no random numbers")?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Compares two secrets in a time that does not depend on their content.
fn is_same(a: &str, b: &str) -> bool {
    blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

/// A reason to refuse a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The name in the header `Host` is not that of the page.
    Host,
    /// The request has no token.
    NoToken,
    /// The request has a wrong token.
    WrongToken,
    /// The request would change something and does not come from this page.
    Foreign,
    /// The form is too large or cannot be read.
    Form,
}

impl Gate {
    pub(crate) fn new(token: Option<String>, hosts: Hosts) -> Result<Self> {
        let cookie = format!("setup-tasks-{}", hosts.bound.port());
        Ok(Self { token, forms: random(16)?, hosts, cookie })
    }

    /// Returns the value that each form contains.
    pub(crate) fn form_token(&self) -> &str {
        &self.forms
    }

    /// Returns the link that opens the page.
    pub(crate) fn link(&self, bound: SocketAddr) -> String {
        let host = match bound.ip() {
            ip if ip.is_unspecified() => self.hosts.names.first().cloned().unwrap_or_else(|| "localhost".to_owned()),
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        let query = self.token.as_ref().map(|token| format!("?token={token}")).unwrap_or_default();
        format!("http://{host}:{}/{query}", bound.port())
    }

    /// Returns the value of the cookie, from which the token does not follow.
    fn session(&self) -> Option<String> {
        let token = self.token.as_ref()?;
        Some(
            blake3::derive_key("setup-tasks web session v1", token.as_bytes())
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect(),
        )
    }

    /// Returns whether the request comes from a browser or a program that knows the token.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let (Some(token), Some(session)) = (&self.token, self.session()) else { return true };
        let texts = |name| headers.get_all(name).into_iter().filter_map(|value: &HeaderValue| value.to_str().ok());
        let cookies = texts(header::COOKIE).flat_map(|cookies| cookies.split("; "));
        let mut sessions = cookies.filter_map(|cookie| cookie.strip_prefix(&*self.cookie)?.strip_prefix('='));
        sessions.any(|value| is_same(value, &session))
            || texts(header::AUTHORIZATION)
                .any(|value| value.strip_prefix("Bearer ").is_some_and(|value| is_same(value, token)))
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let host = text(header::HOST).or_else(|| uri.authority().map(Authority::as_str));
        let host = host.filter(|host| self.hosts.accepts(host)).ok_or(Refusal::Host)?;
        if uri.path().starts_with(ASSETS) {
            return Ok(());
        }
        if !self.is_known(headers) {
            return Err(Refusal::NoToken);
        }
        if matches!(*method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        let is_own = |origin: &str| origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host));
        let site = text(HeaderName::from_static("sec-fetch-site"));
        if text(header::ORIGIN).is_some_and(|origin| !is_own(origin)) || site.is_some_and(|site| site != "same-origin")
        {
            return Err(Refusal::Foreign);
        }
        Ok(())
    }

    /// Returns the response to the printed link: a cookie, and the address without the token.
    fn open(&self, uri: &Uri) -> Option<Response> {
        let given = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        let (Some(token), Some(session)) = (&self.token, self.session()) else {
            return Some(redirect("/", None));
        };
        if !is_same(given, token) {
            return Some(refuse(Refusal::WrongToken));
        }
        let cookie = format!("{}={session}; HttpOnly; SameSite=Strict; Path=/", self.cookie);
        Some(redirect(uri.path(), HeaderValue::from_str(&cookie).ok()))
    }
}

fn redirect(path: &str, cookie: Option<HeaderValue>) -> Response {
    // A path with two slashes would be the address of another host.
    let path = if path.starts_with("//") || path.contains('\\') { "/" } else { path };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn refuse(refusal: Refusal) -> Response {
    let status = match refusal {
        Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
        Refusal::NoToken => StatusCode::UNAUTHORIZED,
        Refusal::WrongToken | Refusal::Foreign => StatusCode::FORBIDDEN,
        Refusal::Form => StatusCode::BAD_REQUEST,
    };
    (status, pages::refusal::page(refusal)).into_response()
}

/// Checks a request, and adds the headers of every response.
pub(crate) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let mut response = match admit(&site.gate, request).await {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Returns the request if it may pass, or the response that refuses it.
async fn admit(gate: &Gate, request: Request) -> Result<Request, Response> {
    let checked = gate.check(request.method(), request.uri(), request.headers());
    // The link is opened without a cookie.
    if matches!(checked, Ok(()) | Err(Refusal::NoToken))
        && request.method() == Method::GET
        && let Some(opened) = gate.open(request.uri())
    {
        return Err(opened);
    }
    checked.map_err(refuse)?;
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, FORM).await.map_err(|_| refuse(Refusal::Form))?;
    let form = std::str::from_utf8(&body).map_err(|_| refuse(Refusal::Form))?;
    let given = form.split('&').find_map(|pair| pair.strip_prefix("form_token="));
    if !given.is_some_and(|given| is_same(given, &gate.forms)) {
        return Err(refuse(Refusal::Foreign));
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(bound: &str, names: &[&str], token: Option<&str>) -> Gate {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let hosts = Hosts { bound: bound.parse().unwrap(), names };
        Gate::new(token.map(str::to_owned), hosts).unwrap()
    }

    #[test]
    fn only_names_of_this_page_are_accepted() {
        let local = gate("127.0.0.1:8484", &[], None).hosts;
        for host in ["127.0.0.1:8484", "localhost:8484", "LocalHost:8484"] {
            assert!(local.accepts(host), "{host}");
        }
        let foreign = [
            "evil.example:8484",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost.evil.example:8484",
            "127.0.0.2:8484",
            "",
            ":8484",
            "[::1]:8484",
            "127.0.0.1:8484:8484",
            "localhost:8484@evil",
        ];
        for host in foreign {
            assert!(!local.accepts(host), "{host}");
        }
        let open = gate("[::]:80", &["lab.example"], None).hosts;
        for host in ["lab.example", "lab.example:443", "10.0.0.7", "[fe80::1]:80", "10.0.0.7:80"] {
            assert!(open.accepts(host), "{host}");
        }
        for host in ["other.example", "localhost", "10.0.0.7:81", "[::]:80", "notlab.example"] {
            assert!(!open.accepts(host), "{host}");
        }
    }

    #[test]
    fn the_link_names_an_address_that_a_browser_can_open() {
        let link = |bound: &str, names: &[&str]| gate(bound, names, Some("abc")).link(bound.parse().unwrap());
        assert_eq!(link("127.0.0.1:8484", &[]), "http://127.0.0.1:8484/?token=abc");
        assert_eq!(link("[::1]:1", &[]), "http://[::1]:1/?token=abc");
        assert_eq!(link("0.0.0.0:80", &["lab"]), "http://lab:80/?token=abc");
    }

    #[test]
    fn a_redirect_stays_on_this_page() {
        for (path, to) in [("/plan", "/plan"), ("//evil.example", "/"), ("/\\evil.example", "/")] {
            assert_eq!(redirect(path, None).headers()[header::LOCATION], to);
        }
    }

    #[test]
    fn a_cookie_of_another_port_and_a_part_of_the_token_are_refused() {
        let gate = gate("127.0.0.1:8484", &[], Some("secret"));
        let known = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            gate.is_known(&headers)
        };
        let session = gate.session().unwrap();
        assert!(known(header::COOKIE, &format!("a=b; setup-tasks-8484={session}; c=d")));
        assert!(known(header::AUTHORIZATION, "Bearer secret"));
        for cookie in
            [format!("setup-tasks-8485={session}"), "setup-tasks-8484=".into(), "setup-tasks-8484=secret".into()]
        {
            assert!(!known(header::COOKIE, &cookie), "{cookie}");
        }
        assert!(!known(header::AUTHORIZATION, "Bearer secre") && !known(header::AUTHORIZATION, "secret"));
    }
}
