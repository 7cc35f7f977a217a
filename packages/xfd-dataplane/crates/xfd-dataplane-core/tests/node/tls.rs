//! Peers that speak TLS: who is served, and who is not.

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
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{NodeEvent, Order, PeerIdentity, Source};
use xfd_dataplane_core::tls::{Authority, node_name};

use crate::memory::MemoryOrigin;
use crate::support::{Host, MIB, SWARM, TOKEN, failed, fetch, one_object, wanted};

fn authority() -> Authority {
    Authority::new(SWARM.into()).unwrap()
}

/// A node of the swarm that holds an object of four chunks.
fn holder(authority: &Authority) -> (Host, xfd_dataplane_core::model::FoundObject, Vec<u8>) {
    let (origin, found, bytes) = one_object(4 * MIB);
    let mut holder = Host::in_tls("a", origin, authority);
    holder.extend(wanted(&holder, &found));
    holder.submit(vec![fetch(0, 0..4, Source::Origin)]);
    holder.until_landed(1);
    (holder, found, bytes)
}

fn nowhere() -> Arc<MemoryOrigin> {
    Arc::new(MemoryOrigin::new())
}

#[test]
fn peers_with_certificates_of_one_swarm_pass_chunks_on() {
    let authority = authority();
    let (holder, found, bytes) = holder(&authority);
    let mut middle = Host::in_tls("b", nowhere(), &authority);
    let mut last = Host::in_tls("c", nowhere(), &authority);
    for host in [&middle, &last] {
        host.extend(wanted(host, &found));
    }
    middle.meet(&holder);
    last.meet(&middle);
    last.submit(vec![fetch(0, 0..4, middle.as_source())]);
    middle.submit(vec![fetch(0, 0..4, holder.as_source())]);
    for host in [&mut middle, &mut last] {
        host.until_landed(1);
        assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
        assert_eq!(host.node.counters(None).retries, 0);
    }
}

#[test]
fn one_port_serves_swarms_with_and_without_tls() {
    let authority = authority();
    let (holder, ..) = holder(&authority);
    let plain = "ffee";
    let ticket = xfd_dataplane_core::model::SwarmTicket {
        swarm: plain.into(),
        token: xfd_dataplane_core::model::Secret(TOKEN.into()),
        durability: xfd_dataplane_core::model::Durability::None,
        identity: None,
    };
    holder.node.join(ticket).unwrap();
    // It has no chunks: the token is right, and there is nothing to be had.
    assert_eq!(status(&plain_answer(&holder, plain)), "404");
    let mine = authority.issue("b").unwrap();
    assert_eq!(status(&tls_answer(&holder, Some(&mine), SWARM)), "200");
    assert_eq!(status(&tls_answer(&holder, Some(&mine), plain)), "401");
}

#[test]
fn the_token_alone_opens_nothing_in_a_swarm_with_tls() {
    let (holder, ..) = holder(&authority());
    assert_eq!(status(&plain_answer(&holder, SWARM)), "401");
    assert_eq!(holder.node.counters(None).served_bytes, 0);
}

#[test]
fn nobody_without_a_certificate_of_the_swarm_gets_an_answer() {
    let authority = authority();
    let (holder, ..) = holder(&authority);
    let other_swarm = Authority::new("another".into()).unwrap();
    let same_name = Authority::new(SWARM.into()).unwrap();
    let rows = [
        ("none", None),
        ("another swarm's", Some(other_swarm.issue("b").unwrap())),
        ("a forged authority's", Some(same_name.issue("b").unwrap())),
        (
            "a forged one for the node",
            Some(same_name.issue("a").unwrap()),
        ),
    ];
    for (what, identity) in rows {
        let answer = tls_answer(&holder, identity.as_ref(), SWARM);
        assert_eq!(answer, "", "{what}");
    }
    let tls12 = tls_answer_by(&holder, None, SWARM, "a", &rustls::version::TLS12);
    assert_eq!(tls12, "", "TLS 1.2");
    let unknown = tls_answer_by(&holder, None, SWARM, "x", &rustls::version::TLS13);
    assert_eq!(unknown, "", "a node that is not here");
    assert_eq!(holder.node.counters(None).served_bytes, 0);
}

/// A sender that is another node than the one that was ordered, or that has no certificate of this
/// swarm, gets neither the token nor a request.
#[test]
fn a_receiver_believes_only_the_peer_that_it_asked_for() {
    let authority = authority();
    let (holder, found, _) = holder(&authority);
    let forged = Authority::new(SWARM.into()).unwrap();
    let impostor = Host::in_tls("f", nowhere(), &forged);
    let plain = Host::new("p", nowhere());
    let mut receiver = Host::in_tls("b", nowhere(), &authority);
    receiver.extend(wanted(&receiver, &found));
    receiver.submit(vec![
        Order::MeetPeers {
            addresses: vec![
                ("wrong".into(), holder.address.clone()),
                ("f".into(), impostor.address.clone()),
                ("p".into(), plain.address.clone()),
            ],
        },
        fetch(0, 0..1, Source::Peer("wrong".into())),
        fetch(1, 1..2, Source::Peer("f".into())),
        fetch(2, 2..3, Source::Peer("p".into())),
    ]);
    receiver.until("all failed", |events| failed(events).len() == 3);
    for event in &receiver.events {
        let NodeEvent::OrderFailed { error, .. } = event else {
            panic!("{event:?}");
        };
        assert_eq!(error.kind, Kind::Peer);
    }
    assert_eq!(receiver.node.counters(None).peer_bytes, 0);
}

#[test]
fn strangers_that_begin_tls_and_wait_keep_no_peer_out() {
    let authority = authority();
    let (holder, found, bytes) = holder(&authority);
    let _idle: Vec<TcpStream> = (0..600)
        .map(|_| {
            let mut stream = TcpStream::connect(&holder.address).unwrap();
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0]).ok();
            stream
        })
        .collect();
    let mut peer = Host::in_tls("b", nowhere(), &authority);
    peer.extend(wanted(&peer, &found));
    peer.meet(&holder);
    peer.submit(vec![fetch(0, 0..4, holder.as_source())]);
    peer.until_landed(1);
    assert!(failed(&peer.events).is_empty(), "{:#?}", peer.events);
    assert_eq!(std::fs::read(peer.path("big")).unwrap(), bytes);
}

#[test]
fn no_text_of_a_ticket_has_its_key() {
    let identity = authority().issue("a").unwrap();
    assert!(format!("{identity:?}").contains("key: ***"));
}

fn request(swarm: &str) -> String {
    format!(
        "GET /v1/{swarm}/chunks/0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Connection: close\r\n\r\n"
    )
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

fn connected(host: &Host) -> TcpStream {
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

fn plain_answer(host: &Host, swarm: &str) -> String {
    answer_by(connected(host), &request(swarm))
}

fn tls_answer(host: &Host, identity: Option<&PeerIdentity>, swarm: &str) -> String {
    tls_answer_by(host, identity, swarm, host.name, &rustls::version::TLS13)
}

/// A client that believes every server, as an attacker may.
fn tls_answer_by(
    host: &Host,
    identity: Option<&PeerIdentity>,
    swarm: &str,
    node: &str,
    version: &'static SupportedProtocolVersion,
) -> String {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone));
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![CertificateDer::from(identity.certificate.clone())];
            let key = PrivatePkcs8KeyDer::from(identity.key.0.to_vec());
            config.with_client_auth_cert(chain, key.into()).unwrap()
        }
    };
    let name = ServerName::try_from(node_name(node, SWARM)).unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    answer_by(StreamOwned::new(client, connected(host)), &request(swarm))
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
