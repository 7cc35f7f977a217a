//! A client that believes every server, as an attacker may.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use xfd_dataplane_core::model::PeerIdentity;
use xfd_dataplane_core::tls::node_name;

use crate::support::{Host, SWARM, TOKEN};

/// What it says of itself, and whom it asks for.
#[derive(Clone)]
pub struct Client {
    pub node: &'static str,
    pub identity: Option<PeerIdentity>,
    /// Certificates that it shows after its own.
    pub more: Vec<Vec<u8>>,
    pub version: &'static SupportedProtocolVersion,
}

impl Client {
    pub fn of(host: &Host, identity: Option<&PeerIdentity>) -> Self {
        Self {
            node: host.name,
            identity: identity.cloned(),
            more: Vec::new(),
            version: &rustls::version::TLS13,
        }
    }

    /// Its side of a connection that has not begun.
    pub fn side(&self) -> ClientConnection {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[self.version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone));
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let shown = std::iter::once(&identity.certificate).chain(&self.more);
                let chain = shown.cloned().map(CertificateDer::from).collect();
                let key = PrivatePkcs8KeyDer::from(identity.key.0.to_vec());
                config.with_client_auth_cert(chain, key.into()).unwrap()
            }
        };
        let name = ServerName::try_from(node_name(self.node, SWARM)).unwrap();
        ClientConnection::new(Arc::new(config), name).unwrap()
    }

    /// What a request of this swarm is answered; empty if the connection is closed.
    pub fn answer(&self, host: &Host, swarm: &str) -> String {
        let stream = StreamOwned::new(self.side(), connected(host));
        answer_by(stream, &request(swarm))
    }
}

pub fn request(swarm: &str) -> String {
    format!(
        "GET /v1/{swarm}/chunks/0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Connection: close\r\n\r\n"
    )
}

pub fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

pub fn connected(host: &Host) -> TcpStream {
    let stream = TcpStream::connect(&host.address).unwrap();
    let patience = Some(Duration::from_secs(8));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// What a connection is answered; empty if it is closed.
fn answer_by(mut stream: impl Read + Write, request: &str) -> String {
    let mut answer = Vec::new();
    if stream.write_all(request.as_bytes()).is_ok() {
        stream.read_to_end(&mut answer).ok();
    }
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn plain_answer(host: &Host, swarm: &str) -> String {
    answer_by(connected(host), &request(swarm))
}

pub fn tls_answer(host: &Host, identity: Option<&PeerIdentity>, swarm: &str) -> String {
    Client::of(host, identity).answer(host, swarm)
}

#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
