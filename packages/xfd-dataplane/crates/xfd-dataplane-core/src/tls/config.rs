//! One node's side of TLS in one swarm, as a receiver and as a sender.

use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::ring::{default_provider, kx_group};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::lone::LoneCertificate;
use super::name;
use super::stream::Stream;
use crate::error::{Error, Kind, Result};
use crate::model::{PeerIdentity, SwarmId};

/// The library's cryptography. Of its ciphers, AES with 128 bits takes the least of the processors;
/// of its key exchanges, X25519, and a stranger cannot ask for a slower one.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![kx_group::X25519],
        ..default_provider()
    }
}

/// What a node needs to speak with the peers of one swarm.
pub(crate) struct PeerTls {
    swarm: SwarmId,
    /// Of this node in the swarm, by which peers ask for it.
    pub(crate) name: String,
    connector: TlsConnector,
    /// Believes nodes of the swarm only.
    pub(crate) acceptor: Arc<ServerConfig>,
}

impl PeerTls {
    /// From what the swarm's authority has issued to this node.
    ///
    /// # Errors
    /// `Internal`: it is not of an [`super::Authority`].
    pub(crate) fn new(node: &str, swarm: &SwarmId, identity: &PeerIdentity) -> Result<Self> {
        let configured = || -> std::result::Result<_, Box<dyn std::error::Error>> {
            let ring = Arc::new(provider());
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from(identity.authority.as_slice()))?;
            let roots = Arc::new(roots);
            let chain = vec![CertificateDer::from(identity.certificate.clone())];
            let key = PrivatePkcs8KeyDer::from(identity.key.0.to_vec());
            let mut client = ClientConfig::builder_with_provider(Arc::clone(&ring))
                .with_protocol_versions(&[&TLS13])?
                .with_root_certificates(Arc::clone(&roots))
                .with_client_auth_cert(chain.clone(), key.clone_key().into())?;
            client.resumption = Resumption::disabled();
            let peers =
                WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&ring)).build()?;
            let mut server = ServerConfig::builder_with_provider(ring)
                .with_protocol_versions(&[&TLS13])?
                .with_client_cert_verifier(Arc::new(LoneCertificate(peers)))
                .with_single_cert(chain, key.into())?;
            server.send_tls13_tickets = 0;
            Ok((client, server))
        };
        let (client, server) = configured().map_err(|error| {
            let what = format!("The node's certificate cannot be used: {error}");
            Error::new(Kind::Internal, what)
        })?;
        Ok(Self {
            swarm: swarm.clone(),
            name: name::of_node(node, swarm),
            connector: TlsConnector::from(Arc::new(client)),
            acceptor: Arc::new(server),
        })
    }

    /// Makes sure that the other side is this peer, in this swarm.
    pub(crate) async fn connect(&self, peer: &str, stream: TcpStream) -> io::Result<Stream> {
        let name = ServerName::try_from(name::of_node(peer, &self.swarm));
        let name = name.map_err(io::Error::other)?;
        let stream = self.connector.connect(name, stream).await?;
        Ok(Stream::Tls(Box::new(stream.into())))
    }
}
