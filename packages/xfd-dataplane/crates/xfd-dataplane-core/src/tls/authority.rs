//! Signs the certificates of one swarm's nodes.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256,
};

use super::name;
use crate::error::{Error, Kind, Result};
use crate::model::{PeerIdentity, SecretBytes, SwarmId};

/// The authority of one swarm. Its key never leaves it.
pub struct Authority {
    swarm: SwarmId,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, which can name nodes of this swarm only.
    ///
    /// # Errors
    /// `Internal` if the system gives no random numbers.
    pub fn new(swarm: SwarmId) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "xfd");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(name::of_swarm(&swarm))],
            excluded_subtrees: Vec::new(),
        });
        let issuer = key().and_then(|key| CertifiedIssuer::self_signed(params, key));
        Ok(Self {
            swarm,
            issuer: issuer.map_err(failed)?,
        })
    }

    /// What a node of the swarm shows to its peers: a new certificate with a new key.
    ///
    /// # Errors
    /// As [`Authority::new`].
    pub fn issue(&self, node: &str) -> Result<PeerIdentity> {
        let issued = || {
            let key = key()?;
            let mut params = CertificateParams::new([name::of_node(node, &self.swarm)])?;
            params.distinguished_name.remove(DnType::CommonName);
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
            Ok((params.signed_by(&key, &self.issuer)?, key))
        };
        let (certificate, key) = issued().map_err(failed)?;
        Ok(PeerIdentity {
            authority: self.issuer.der().to_vec(),
            certificate: certificate.der().to_vec(),
            key: SecretBytes(key.serialize_der().into()),
        })
    }
}

fn key() -> std::result::Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn failed(error: rcgen::Error) -> Error {
    Error::new(
        Kind::Internal,
        format!("A certificate was not made: {error}"),
    )
}
