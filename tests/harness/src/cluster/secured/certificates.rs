//! Certificates in PEM, as brokers and clients read them.

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key, which nobody else is to see.
    pub key: String,
}

/// Who signs certificates.
pub(super) struct Authority {
    /// Its own, which those trust who trust it.
    pub(super) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut subject = subject(name)?;
        subject.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self {
            certificate: subject.self_signed(&key)?.pem(),
            issuer: Issuer::new(subject, key),
        })
    }

    /// One that is good for as long as any test runs.
    pub(super) fn sign(&self, name: &str) -> Result<Identity> {
        self.signed(&subject(name)?)
    }

    /// One that has expired long ago.
    pub(super) fn sign_expired(&self, name: &str) -> Result<Identity> {
        let mut subject = subject(name)?;
        subject.not_before = date_time_ymd(2020, 1, 1);
        subject.not_after = date_time_ymd(2020, 2, 1);
        self.signed(&subject)
    }

    fn signed(&self, subject: &CertificateParams) -> Result<Identity> {
        let key = KeyPair::generate()?;
        Ok(Identity {
            certificate: subject.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

/// Somebody of this name on this machine.
fn subject(name: &str) -> Result<CertificateParams> {
    let here = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let mut subject = CertificateParams::new(here)?;
    subject.distinguished_name.remove(DnType::CommonName);
    subject.distinguished_name.push(DnType::CommonName, name);
    Ok(subject)
}
