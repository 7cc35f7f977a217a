//! Which authorities' certificates are believed: the system's (or those of `SSL_CERT_FILE`), and
//! the bundle of `AWS_CA_BUNDLE` or of a profile's `ca_bundle`.

use std::path::Path;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::{Error, Kind, Result};

const VARIABLE: &str = "AWS_CA_BUNDLE";

/// Certificates that are believed.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    /// Those of a bundle, in PEM; empty for none.
    bundle: Vec<u8>,
    /// Whether the system's are not.
    is_bundle_alone: bool,
}

impl Trust {
    /// Of a store at AWS or like it: a bundle stands in place of the system's, as in boto3.
    ///
    /// # Errors
    /// `InvalidRequest` for a bundle that cannot be read or has no certificate.
    pub(super) fn of_aws(in_profile: Option<&str>) -> Result<Self> {
        let variable = std::env::var(VARIABLE).ok();
        let path = variable.as_deref().or(in_profile);
        let bundle = read(path.filter(|path| !path.is_empty()))?;
        let is_bundle_alone = !bundle.is_empty();
        Ok(Self {
            bundle,
            is_bundle_alone,
        })
    }

    /// Of a web server, which need not be one of those that the bundle is for.
    ///
    /// # Errors
    /// `InvalidRequest`, as above.
    pub(super) fn of_web() -> Result<Self> {
        Ok(Self {
            is_bundle_alone: false,
            ..Self::of_aws(None)?
        })
    }

    /// As the TLS library takes them.
    pub(super) fn context(&self) -> Option<TlsContext> {
        if self.bundle.is_empty() {
            return None;
        }
        let store = TrustStore::empty()
            .with_native_roots(!self.is_bundle_alone)
            .with_pem_certificate(self.bundle.clone());
        TlsContext::builder().with_trust_store(store).build().ok()
    }
}

fn read(path: Option<&str>) -> Result<Vec<u8>> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let path = match path.strip_prefix("~/") {
        Some(below) => std::env::home_dir().unwrap_or_default().join(below),
        None => path.into(),
    };
    let refused = |why: &str| {
        let what = format!("The certificate bundle {why}");
        Error::new(Kind::InvalidRequest, what)
            .with_path(&path)
            .with_remedy("Correct AWS_CA_BUNDLE, or ca_bundle of the AWS profile")
    };
    let text = read_all(&path).map_err(|error| refused(&format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| refused(&format!("is wrong: {error}")))?;
        let added = roots.add(certificate);
        added.map_err(|error| refused(&format!("has a wrong certificate: {error}")))?;
    }
    match roots.is_empty() {
        true => Err(refused("has no certificate")),
        false => Ok(text),
    }
}

/// A file, or every file of a folder, one after the other.
fn read_all(path: &Path) -> std::io::Result<Vec<u8>> {
    if !path.is_dir() {
        return std::fs::read(path);
    }
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_file() {
            all.extend(std::fs::read(path)?);
            all.push(b'\n');
        }
    }
    Ok(all)
}
