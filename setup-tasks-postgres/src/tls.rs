//! TLS: the certificate of the server must be valid and name the host.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::Roots;

/// Returns the TLS of a connection whose server is checked with these root certificates.
///
/// # Errors
///
/// Returns a description of the problem.
pub(crate) fn connector(roots: &Roots) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.with_root_certificates(store(roots)?).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn store(roots: &Roots) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let Some(path) = roots.file() else {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = store.add_parsable_certificates(found.certs);
        return if added > 0 { Ok(store) } else { Err("this system has no root certificates".to_owned()) };
    };
    let refuse = |error: String| format!("the certificates in `{}` cannot be used: {error}", path.display());
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| refuse(error.to_string()))? {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        store.add(certificate).map_err(|error| refuse(error.to_string()))?;
    }
    if store.is_empty() { Err(refuse("it contains none".to_owned())) } else { Ok(store) }
}
