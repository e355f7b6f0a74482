//! Connections with TLS: the certificate of the server must be valid and name the host.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::operators::{Site, failed, succeeded};
use crate::server::{Server, shared, write_private};

/// Returns an authority, and its certificate.
fn authority() -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), certificate)
}

#[test]
fn a_server_must_prove_its_name_with_a_certificate_of_the_authority() {
    let ((issuer, ca), (_, other_ca)) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let prepare = |data: &std::path::Path| {
        write_private(&data.join("server.crt"), &certificate.pem());
        write_private(&data.join("server.key"), &key.serialize_pem());
    };
    let Some(server) = Server::start_with("ssl = on", "hostnossl all site 127.0.0.1/32 reject", prepare) else {
        return;
    };
    let site = Site::new(&server, 30);
    fs::create_dir_all(site.base("north")).unwrap();
    let [right, wrong] = [("ca.pem", &ca), ("other.pem", &other_ca)].map(|(name, text)| {
        let path = site.base("north").join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    });
    let up = |address: String| site.operator_at(&address, "north", &["up"]).output().unwrap();
    let text = failed(up(site.address.clone()));
    assert!(text.contains("no encryption"), "{text}");
    let text = failed(up(format!("{}&sslmode=verify-full&sslrootcert={wrong}", site.address)));
    assert!(text.contains("invalid peer certificate"), "{text}");
    let by_name = format!("{}&sslmode=require&sslrootcert={right}", site.address).replace("127.0.0.1", "localhost");
    let text = failed(up(by_name));
    assert!(text.contains("not valid for name"), "{text}");
    let text = failed(up(format!("{}&sslmode=verify-full&sslrootcert=/nowhere/ca.pem", site.address)));
    assert!(text.contains("/nowhere/ca.pem"), "{text}");
    assert!(site.ledger().is_empty());
    succeeded(up(format!("{}&sslmode=verify-full&sslrootcert={right}", site.address)));
    site.expect_each_once(2);
}

#[test]
fn a_server_without_tls_is_refused_if_tls_is_required() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    let address = format!("{}&sslmode=verify-full", site.address);
    let text = failed(site.operator_at(&address, "north", &["up"]).output().unwrap());
    assert!(text.contains("TLS"), "{text}");
}
