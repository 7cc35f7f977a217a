//! Peers that speak TLS: who is served, and who is not.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{
    Durability, FoundObject, NodeEvent, Order, PeerIdentity, Secret, Source, SwarmTicket,
};
use xfd_dataplane_core::tls::Authority;

use crate::memory::MemoryOrigin;
use crate::support::{
    Host, MIB, SWARM, TOKEN, catalog, failed, fetch, held, landed, one_object, stores, wanted,
};
use crate::tls_client::{Client, plain_answer, status, tls_answer};

pub fn authority() -> Authority {
    Authority::new(SWARM.into()).unwrap()
}

/// A node of the swarm that holds an object of four chunks.
pub fn holder(authority: &Authority) -> (Host, FoundObject, Vec<u8>) {
    let (origin, found, bytes) = one_object(4 * MIB);
    let mut holder = Host::in_tls("a", origin, authority);
    holder.extend(wanted(&holder, &found));
    holder.submit(vec![fetch(0, 0..4, Source::Origin)]);
    holder.until_landed(1);
    (holder, found, bytes)
}

fn ticket(swarm: &str, identity: Option<PeerIdentity>) -> SwarmTicket {
    SwarmTicket {
        swarm: swarm.into(),
        token: Secret(TOKEN.into()),
        durability: Durability::None,
        identity,
    }
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
    holder.node.join(ticket(plain, None)).unwrap();
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
    let mine = authority.issue("b").unwrap();
    let client = Client::of(&holder, Some(&mine));
    let others = [
        (
            "TLS 1.2",
            Client {
                version: &rustls::version::TLS12,
                ..client.clone()
            },
        ),
        (
            "a node that is not here",
            Client {
                node: "x",
                ..client.clone()
            },
        ),
        // The authority signs the certificates of nodes itself: more of them are work, and no proof.
        (
            "more than one certificate",
            Client {
                more: vec![mine.authority.clone()],
                ..client.clone()
            },
        ),
    ];
    assert_eq!(status(&client.answer(&holder, SWARM)), "200");
    let served = holder.node.counters(None).served_bytes;
    for (what, client) in others {
        assert_eq!(client.answer(&holder, SWARM), "", "{what}");
    }
    assert_eq!(holder.node.counters(None).served_bytes, served);
}

/// A sender that is another node than the one that was ordered, or that has no certificate of this
/// swarm, gets neither the token nor a request. Other sources are used then.
#[test]
fn a_receiver_believes_only_the_peer_that_it_asked_for() {
    let authority = authority();
    let (holder, found, bytes) = holder(&authority);
    let forged = Authority::new(SWARM.into()).unwrap();
    let impostor = Host::in_tls("f", nowhere(), &forged);
    let plain = Host::new("p", nowhere());
    let mut receiver = Host::in_tls("b", one_object(4 * MIB).0, &authority);
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

    receiver.meet(&holder);
    receiver.submit(vec![
        fetch(3, 0..2, holder.as_source()),
        fetch(5, 2..4, Source::Origin),
    ]);
    receiver.until_landed(1);
    assert_eq!(std::fs::read(receiver.path("big")).unwrap(), bytes);
}

#[test]
fn a_kept_connection_is_for_the_peer_that_was_found_there() {
    let authority = authority();
    let (holder, found, _) = holder(&authority);
    let mut receiver = Host::in_tls("b", nowhere(), &authority);
    receiver.extend(wanted(&receiver, &found));
    receiver.submit(vec![
        Order::MeetPeers {
            addresses: vec![
                ("a".into(), holder.address.clone()),
                ("wrong".into(), holder.address.clone()),
            ],
        },
        fetch(0, 0..1, holder.as_source()),
    ]);
    receiver.until("one came", |events| held(events).len() == 1);
    receiver.submit(vec![fetch(1, 1..2, Source::Peer("wrong".into()))]);
    receiver.until("one failed", |events| failed(events).len() == 1);
}

/// No connection of one swarm carries a request of the other: it would be refused.
#[test]
fn two_nodes_are_peers_in_two_swarms_at_a_time() {
    let (first, second) = (authority(), Authority::new("ddcc".into()).unwrap());
    let (holder, found, bytes) = holder(&first);
    let mut receiver = Host::in_tls("b", nowhere(), &first);
    let root = tempfile::TempDir::new().unwrap();
    for host in [&holder, &receiver] {
        let identity = second.issue(host.name).unwrap();
        host.node.join(ticket("ddcc", Some(identity))).unwrap();
    }
    let in_second = |name: &str| {
        let folder = root.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        catalog(&folder, std::slice::from_ref(&found), MIB as u64)
    };
    let node = &holder.node;
    node.extend("ddcc", in_second("a"), &stores()).unwrap();
    node.submit("ddcc", vec![fetch(0, 0..4, Source::Origin)])
        .unwrap();
    until_landed_in("ddcc", &holder);
    receiver.extend(wanted(&receiver, &found));
    receiver.meet(&holder);
    receiver.submit(vec![fetch(0, 0..4, holder.as_source())]);
    receiver.until_landed(1);
    let node = &receiver.node;
    node.extend("ddcc", in_second("b"), &stores()).unwrap();
    let meet = Order::MeetPeers {
        addresses: vec![("a".into(), holder.address.clone())],
    };
    node.submit("ddcc", vec![meet, fetch(0, 0..4, holder.as_source())])
        .unwrap();
    until_landed_in("ddcc", &receiver);
    assert_eq!(std::fs::read(root.path().join("b/big")).unwrap(), bytes);
    assert_eq!(receiver.node.counters(None).retries, 0);
    assert!(failed(&receiver.events).is_empty());
}

fn until_landed_in(swarm: &str, host: &Host) {
    let mut events = Vec::new();
    while landed(&events) == 0 {
        let new = host.node.poll(swarm, Duration::from_secs(20)).unwrap();
        assert!(!new.is_empty() && failed(&new).is_empty(), "{new:#?}");
        events.extend(new);
    }
}

#[test]
fn a_node_that_comes_back_with_a_new_certificate_is_a_peer_again() {
    let authority = authority();
    let (mut holder, found, bytes) = holder(&authority);
    let mut receiver = Host::in_tls("b", nowhere(), &authority);
    receiver.extend(wanted(&receiver, &found));
    receiver.meet(&holder);
    receiver.submit(vec![fetch(0, 0..1, holder.as_source())]);
    receiver.until("one came", |events| held(events).len() == 1);

    holder.node.leave(SWARM);
    let mine = authority.issue("b").unwrap();
    assert_eq!(tls_answer(&holder, Some(&mine), SWARM), "", "it has left");
    receiver.submit(vec![fetch(1, 1..2, holder.as_source())]);
    receiver.until("one failed", |events| failed(events).len() == 1);

    let identity = authority.issue(holder.name).unwrap();
    holder.node.join(ticket(SWARM, Some(identity))).unwrap();
    holder.extend(wanted(&holder, &found));
    holder.drain(Duration::ZERO);
    receiver.submit(vec![fetch(2, 1..4, holder.as_source())]);
    receiver.until_landed(1);
    assert_eq!(std::fs::read(receiver.path("big")).unwrap(), bytes);
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
