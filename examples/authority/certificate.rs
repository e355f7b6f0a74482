//! Keys and certificates.

use std::path::Path;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData,
};
use time::{Duration, OffsetDateTime};

use crate::whole_file;

/// The time by which the validity of a certificate begins before its creation, because the clocks
/// of hosts differ.
const EARLIER: Duration = Duration::hours(1);

/// Creates a key. An existing key is never overwritten.
pub fn make_key(path: &Path) -> Result<()> {
    if path.exists() {
        read_key(path)?;
        return Ok(());
    }
    whole_file::write(path, &KeyPair::generate()?.serialize_pem(), 0o600)
}

/// Reads a key.
pub fn read_key(path: &Path) -> Result<KeyPair> {
    KeyPair::from_pem(&whole_file::read(path)?).with_context(|| format!("`{}` holds no private key", path.display()))
}

/// Returns the self-signed certificate of an authority as PEM.
pub fn authority(name: &str, valid_days: u16, key: &KeyPair) -> Result<String> {
    let mut params = params(name, Vec::new(), valid_days)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params.self_signed(key)?.pem())
}

/// Returns the certificate of a host, signed by the authority, as PEM.
pub fn host(
    names: Vec<String>,
    valid_days: u16,
    key: &KeyPair,
    authority: &str,
    authority_key: KeyPair,
) -> Result<String> {
    let issuer =
        Issuer::from_ca_cert_pem(authority, authority_key).context("the authority's certificate is damaged")?;
    let common_name = names.first().cloned().unwrap_or_default();
    let mut params = params(&common_name, names, valid_days)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params.signed_by(key, &issuer)?.pem())
}

fn params(common_name: &str, names: Vec<String>, valid_days: u16) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let now = OffsetDateTime::now_utc();
    params.not_before = now - EARLIER;
    params.not_after = now + Duration::days(valid_days.into());
    Ok(params)
}

/// Returns whether the file contains a certificate of this key that is valid for more than the
/// number of days.
pub fn is_good(path: &Path, key: &KeyPair, days: u16) -> Result<bool> {
    if !path.exists() {
        return Ok(false);
    }
    let text = whole_file::read(path)?;
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(text.as_bytes()) else { return Ok(false) };
    let Ok(certificate) = pem.parse_x509() else { return Ok(false) };
    let end = certificate.validity().not_after.to_datetime();
    Ok(certificate.public_key().raw == key.subject_public_key_info()
        && end - OffsetDateTime::now_utc() > Duration::days(days.into()))
}
