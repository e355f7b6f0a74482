//! The client for HTTP. It trusts the certificate authorities of the system.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The time for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The name of this program in requests.
const USER_AGENT: &str = concat!("setup-tasks/", env!("CARGO_PKG_VERSION"));

/// Returns a client whose requests end within a time limit. A status such as 404 is not an error.
pub(crate) fn client(limit: Duration) -> Agent {
    // An authority that cannot be read signs no certificate that a server here could have.
    let system = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<_> = system.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Config::builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT.min(limit)))
        .timeout_global(Some(limit))
        .user_agent(USER_AGENT)
        .build();
    config.into()
}
