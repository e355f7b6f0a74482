//! The address of a database: a URL, as `psql` takes it, with parameters of this crate.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use setup_tasks::Secret;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::{PostgresError, chain};
use crate::passfile;

/// The schema of the tables, unless the address names another one.
const SCHEMA: &str = "setup_tasks";

/// The time to live of leases, unless the address sets another one.
const TTL: Duration = Duration::from_secs(30);

/// The directory of the server's socket on Debian, for an address without a host.
const SOCKETS: &str = "/var/run/postgresql";

/// The address of a database.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) config: Config,
    /// The root certificates, if the connection uses TLS.
    pub(crate) tls: Option<Roots>,
    pub(crate) schema: String,
    pub(crate) ttl: Duration,
    /// The name of this host in messages and for `unlock --gone`.
    pub(crate) host: Option<String>,
    /// The name of the database in messages. It contains no user and no password.
    pub(crate) place: String,
}

/// The root certificates with which the certificate of the server is checked.
#[derive(Clone, Debug)]
pub(crate) enum Roots {
    /// The certificates of the operating system.
    System,
    /// The certificates in a file.
    File(PathBuf),
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, PostgresError> {
        let refuse = |problem: String, help: &str| PostgresError::Address {
            url: without_password(url),
            problem,
            help: help.to_owned(),
        };
        let (base, mut own) = split(url);
        let mut config = Config::from_str(&base).map_err(|error| {
            let text = secret_of(url).map_or_else(|| chain(&error), |secret| chain(&error).replace(&secret, "***"));
            refuse(text, "write it as postgres://USER@HOST:PORT/DATABASE?schema=NAME")
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host_path(SOCKETS);
        }
        let tls = tls(&config, &mut own).map_err(|(problem, help)| refuse(problem, help))?;
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        let schema = own.remove("schema").unwrap_or_else(|| SCHEMA.to_owned());
        if !is_plain(&schema) {
            let help = "use lowercase letters, digits and `_`, at most 63, and begin with a letter or `_`";
            return Err(refuse(format!("`{schema}` cannot be used as the name of a schema"), help));
        }
        let ttl = match own.remove("lease_secs") {
            None => TTL,
            Some(text) => match text.parse() {
                Ok(seconds @ 1..=3600) => Duration::from_secs(seconds),
                _ => return Err(refuse(format!("`lease_secs` is `{text}`"), "use 1 to 3600 seconds")),
            },
        };
        set_defaults(&mut config);
        let host = own.remove("host_name");
        let place = place(&config, &schema);
        Ok(Self { config, tls, schema, ttl, host, place })
    }

    pub(crate) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }
}

fn set_defaults(config: &mut Config) {
    let own = |time: Option<&Duration>| time.copied();
    config.connect_timeout(own(config.get_connect_timeout()).unwrap_or(Duration::from_secs(5)));
    config.tcp_user_timeout(own(config.get_tcp_user_timeout()).unwrap_or(Duration::from_secs(10)));
    config.keepalives_idle(Duration::from_secs(5));
    if config.get_application_name().is_none() {
        config.application_name("setup-tasks");
    }
    if config.get_password().is_none()
        && let Some(password) = passfile::password(config)
    {
        config.password(password);
    }
    if let Some(password) = config.get_password() {
        // From now on, no text of this process contains the password.
        let _ = Secret::new(String::from_utf8_lossy(password).into_owned());
    }
}

/// The parameters that this crate reads itself.
const OWN: [&str; 5] = ["schema", "lease_secs", "host_name", "sslmode", "sslrootcert"];

/// Splits the parameters of this crate from an address.
fn split(url: &str) -> (String, HashMap<String, String>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), HashMap::new()) };
    let mut own = HashMap::new();
    let mut rest = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if OWN.contains(&key) {
            own.insert(key.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned());
        } else {
            rest.push(pair);
        }
    }
    let rest = rest.join("&");
    (if rest.is_empty() { base.to_owned() } else { format!("{base}?{rest}") }, own)
}

/// Returns the root certificates of a connection with TLS, or `None` for one without.
fn tls(config: &Config, own: &mut HashMap<String, String>) -> Result<Option<Roots>, (String, &'static str)> {
    let (mode, roots) = (own.remove("sslmode"), own.remove("sslrootcert"));
    let roots = || roots.clone().filter(|path| path != "system").map_or(Roots::System, |path| Roots::File(path.into()));
    let is_here = config.get_hosts().iter().all(is_this_host) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    match mode.as_deref() {
        None | Some("disable" | "allow" | "prefer") if is_here => Ok(None),
        None | Some("require" | "verify-ca" | "verify-full") => Ok(Some(roots())),
        Some(mode @ ("disable" | "allow" | "prefer")) => Err((
            format!("`sslmode={mode}` permits a connection without TLS, and the host is not this machine"),
            "leave `sslmode` out; `sslrootcert=FILE` names the certificate of your own authority",
        )),
        Some(mode) => Err((
            format!("`sslmode` is `{mode}`"),
            "leave it out, or use `verify-full`, or `disable` for a server on this machine",
        )),
    }
}

fn is_this_host(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        Host::Unix(_) => true,
    }
}

fn is_plain(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let mut bytes = name.bytes();
    name.len() <= 63
        && bytes.next().is_some_and(is_letter)
        && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// Returns the name of the database in messages.
fn place(config: &Config, schema: &str) -> String {
    let host = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    };
    let hosts: Vec<_> = config.get_hosts().iter().map(host).collect();
    let ports = config.get_ports();
    let hosts = match ports {
        [] | [_] => format!("{}, port {}", hosts.join(", "), ports.first().unwrap_or(&5432)),
        ports => {
            let each: Vec<_> = hosts.iter().zip(ports).map(|(host, port)| format!("{host}, port {port}")).collect();
            each.join(" or ")
        }
    };
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    let schema = if schema == SCHEMA { String::new() } else { format!(", schema {schema}") };
    format!("the database `{database}` on {hosts}{schema}")
}

/// Returns the password within a URL.
fn secret_of(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password.to_owned()).filter(|password| !password.is_empty())
}

fn without_password(url: &str) -> String {
    secret_of(url).map_or_else(|| url.to_owned(), |secret| url.replacen(&format!(":{secret}@"), ":***@", 1))
}

impl Roots {
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::System => None,
            Self::File(path) => Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use setup_tasks::error::explain;

    use super::*;

    fn refused(url: &str) -> String {
        explain(&Address::parse(url).expect_err(url))
    }

    #[test]
    fn other_hosts_are_reached_with_tls_only() {
        for url in ["postgres://db/site", "postgres://db/site?sslmode=require", "postgres://localhost,db/site"] {
            assert!(Address::parse(url).unwrap().tls.is_some(), "{url}");
        }
        for mode in ["disable", "allow", "prefer"] {
            let text = refused(&format!("postgres://db/site?sslmode={mode}"));
            assert!(text.contains(mode) && text.contains("TLS"), "{text}");
        }
        for host in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            assert!(Address::parse(&format!("postgres://{host}/site")).unwrap().tls.is_none(), "{host}");
            assert!(Address::parse(&format!("postgres://{host}/site?sslmode=verify-full")).unwrap().tls.is_some());
        }
        assert!(refused("postgres://db/site?sslmode=always").contains("always"));
    }

    #[test]
    fn no_error_and_no_name_contains_the_password() {
        for url in ["postgres://me:hunter2@db:port/site", "postgres://me:hunter2@db/site?sslmode=disable"] {
            let text = refused(url);
            assert!(!text.contains("hunter2") && text.contains("me:***@db"), "{text}");
        }
        let address = Address::parse("postgres://me:hunter3@localhost/site").unwrap();
        assert_eq!(address.place, "the database `site` on localhost, port 5432");
        let address =
            Address::parse("postgres://localhost:1,127.0.0.1:2/site?target_session_attrs=read-write").unwrap();
        assert_eq!(address.place, "the database `site` on localhost, port 1 or 127.0.0.1, port 2");
        assert_eq!(setup_tasks::secret::redact("is it hunter3?"), "is it [secret]?");
    }

    #[test]
    fn a_schema_is_a_plain_name() {
        assert_eq!(Address::parse("postgres://localhost/site?schema=lab_2").unwrap().schema, "lab_2");
        for schema in ["", "Lab", "2lab", "a-b", "a%22%3Bdrop", "ü"] {
            assert!(refused(&format!("postgres://localhost/site?schema={schema}")).contains("schema"), "{schema}");
        }
        for seconds in ["0", "-1", "soon", "3601"] {
            assert!(refused(&format!("postgres://localhost/site?lease_secs={seconds}")).contains(seconds));
        }
    }
}
