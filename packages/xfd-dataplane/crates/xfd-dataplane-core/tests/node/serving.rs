//! What the peer server serves to which requests, and how a receiver copes with a poor connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::memory::MemoryOrigin;
use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{NodeEvent, Order, Source};
use xfd_dataplane_core::node::Node;

use crate::support::{
    Host, MIB, SWARM, TOKEN, catalog, failed, fetch, held, one_object, refused, settings, wanted,
};

/// A node that holds the first of two chunks, and that chunk's bytes.
fn holder() -> (Host, Vec<u8>) {
    let (origin, found, bytes) = one_object(2 * MIB);
    let mut host = Host::new("a", origin);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("it holds a chunk", |events| held(events) == [0]);
    (host, bytes[..MIB].to_vec())
}

/// Head and body of the answer to one request on a connection of its own.
fn ask(address: &str, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head, answer[end + 4..].to_vec())
}

fn get(path: &str, token: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\n{more}\r\n"
    )
}

#[test]
fn a_held_chunk_comes_with_its_length_and_checksum() {
    let (host, bytes) = holder();
    let path = format!("/v1/{SWARM}/chunks/0");
    let (head, body) = ask(&host.address, &get(&path, TOKEN, ""));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains(&format!("content-length: {MIB}")), "{head}");
    let crc = format!("x-xfd-crc64: {:016x}", crc64(&bytes));
    assert!(head.contains(&crc), "{head}");
    assert_eq!(body, bytes);
    let (head, body) = ask(
        &host.address,
        &get(&path, TOKEN, "Range: bytes=700000-\r\n"),
    );
    assert!(head.starts_with("HTTP/1.1 206"), "{head}");
    assert_eq!(body, bytes[700_000..]);
}

#[test]
fn a_request_without_the_token_gets_nothing() {
    let (host, _) = holder();
    let path = format!("/v1/{SWARM}/chunks/0");
    let status = |path: &str, token: &str| {
        let (head, body) = ask(&host.address, &get(path, token, ""));
        assert!(body.is_empty());
        head.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status(&path, "5eed5eee"), "401");
    assert_eq!(status(&path, ""), "401");
    assert_eq!(status("/v1/ffff/chunks/0", TOKEN), "401");
    assert_eq!(status(&format!("/v1/{SWARM}/chunks/1"), TOKEN), "404");
    assert_eq!(status(&format!("/v1/{SWARM}/chunks/9"), TOKEN), "404");
    assert_eq!(status("/etc/passwd", TOKEN), "404");
    let (head, _) = ask(
        &host.address,
        &get(&path, TOKEN, "").replace("GET", "DELETE"),
    );
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");
    assert_eq!(host.node.counters(None).served_bytes, 0);
}

#[test]
fn a_swarm_that_was_left_is_served_no_more() {
    let (host, _) = holder();
    host.node.leave(SWARM);
    let (head, _) = ask(
        &host.address,
        &get(&format!("/v1/{SWARM}/chunks/0"), TOKEN, ""),
    );
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
}

#[test]
fn an_oversized_head_is_refused() {
    let (host, _) = holder();
    let long = format!("X-Long: {}\r\n", "x".repeat(64 * 1024));
    let request = get(&format!("/v1/{SWARM}/chunks/0"), TOKEN, &long);
    let mut stream = TcpStream::connect(&host.address).unwrap();
    // The server may close before the whole request is sent.
    stream.write_all(request.as_bytes()).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn a_taken_port_is_passed_over_and_a_foreign_host_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let node = Node::new("n".into(), settings()).unwrap();
    let error = node.serve("127.0.0.1", Some((port, port))).unwrap_err();
    assert_eq!(error.kind, Kind::PeerPort);
    let error = node.serve("192.0.2.1", None).unwrap_err();
    assert_eq!(error.kind, Kind::PeerPort);
    if port < u16::MAX - 20 {
        let address = node.serve("127.0.0.1", Some((port, port + 20))).unwrap();
        assert!(address.port() > port);
    }
}

/// Passes connections on to a node, and cuts the first answer after this many bytes.
fn poor_wire(to: String, cut: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut server = TcpStream::connect(&to).unwrap();
            let (mut from, mut into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut into));
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                let mut part = server.try_clone().unwrap().take(cut as u64);
                std::io::copy(&mut part, &mut client).ok();
                client.shutdown(std::net::Shutdown::Both).ok();
                server.shutdown(std::net::Shutdown::Both).ok();
            } else {
                std::thread::spawn(move || std::io::copy(&mut server, &mut client));
            }
        }
    });
    (address, connections)
}

#[test]
fn a_body_that_is_cut_goes_on_at_its_byte() {
    let (origin, found, bytes) = one_object(MIB);
    let mut a = Host::new("a", origin);
    let mut b = Host::new("b", Arc::new(MemoryOrigin::new()));
    for host in [&a, &b] {
        host.extend(wanted(host, &found));
    }
    a.submit(vec![fetch(0, 0..1, Source::Origin)]);
    a.until_landed(1);
    let (address, connections) = poor_wire(a.address.clone(), 600_000);
    b.submit(vec![
        Order::MeetPeers {
            addresses: vec![("a".into(), address)],
        },
        fetch(0, 0..1, a.as_source()),
    ]);
    b.until_landed(1);
    assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    let counters = b.node.counters(None);
    assert_eq!((counters.peer_bytes, counters.retries), (MIB as u64, 1));
}

#[test]
fn a_peer_that_is_not_there_is_at_fault() {
    let (_, found, _) = one_object(MIB);
    let mut b = Host::new("b", Arc::new(MemoryOrigin::new()));
    b.extend(catalog(b.root.path(), &[found], MIB as u64));
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    b.submit(vec![
        Order::MeetPeers {
            addresses: vec![("a".into(), gone.to_string())],
        },
        fetch(0, 0..1, Source::Peer("a".into())),
        fetch(1, 0..1, Source::Peer("unknown".into())),
    ]);
    b.until("both failed", |events| failed(events).len() == 2);
    for event in &b.events {
        let NodeEvent::OrderFailed { error, .. } = event else {
            panic!("{event:?}");
        };
        assert_eq!(error.kind, Kind::Peer);
    }
}

/// Passes connections on to a node. Of what comes back it changes one byte after each `run`, up to
/// this many times.
fn spoiling_wire(to: String, run: u64, times: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut server = TcpStream::connect(&to).unwrap();
            let (mut from, mut into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut into));
            std::thread::spawn(move || {
                for _ in 0..times {
                    let mut before = server.try_clone().unwrap().take(run);
                    std::io::copy(&mut before, &mut client).ok()?;
                    let mut byte = [0];
                    server.read_exact(&mut byte).ok()?;
                    client.write_all(&[byte[0] ^ 1]).ok()?;
                }
                std::io::copy(&mut server, &mut client).ok()
            });
        }
    });
    address
}

/// A node that has an object of one chunk, one that wants it, and its bytes.
fn giver_and_taker() -> (Host, Host, Vec<u8>) {
    let (origin, found, bytes) = one_object(MIB);
    let mut a = Host::new("a", origin);
    let b = Host::new("b", Arc::new(MemoryOrigin::new()));
    for host in [&a, &b] {
        host.extend(wanted(host, &found));
    }
    a.submit(vec![fetch(0, 0..1, Source::Origin)]);
    a.until_landed(1);
    (a, b, bytes)
}

fn has_bad_bytes(host: &Host) -> bool {
    refused(&host.events[0]).bad_bytes
}

/// Lets `b` fetch the chunk of `a` over a wire.
fn fetch_by(wire: String, a: &Host, b: &mut Host) {
    b.submit(vec![
        Order::MeetPeers {
            addresses: vec![("a".into(), wire)],
        },
        fetch(0, 0..1, a.as_source()),
    ]);
}

#[test]
fn a_peer_that_serves_other_bytes_is_found_out() {
    let (a, mut b, _) = giver_and_taker();
    let wire = spoiling_wire(a.address.clone(), 600_000, usize::MAX);
    fetch_by(wire, &a, &mut b);
    b.until("the order failed", |events| failed(events) == [0]);
    assert!(has_bad_bytes(&b));
    assert!(!b.path("big").exists());
}

#[test]
fn bytes_that_came_wrong_once_are_requested_again_and_no_peer_is_blamed() {
    let (a, mut b, bytes) = giver_and_taker();
    let wire = spoiling_wire(a.address.clone(), 600_000, 1);
    fetch_by(wire, &a, &mut b);
    b.until_landed(1);
    assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes);
    let counters = b.node.counters(None);
    assert_eq!((counters.verification_failures, counters.retries), (1, 1));
    assert_eq!(a.node.counters(None).served_bytes, 2 * MIB as u64);
}

#[test]
fn a_peer_whose_file_was_cut_short_notices() {
    for left in [0, 300_000] {
        let (mut a, mut b, _) = giver_and_taker();
        b.meet(&a);
        let file = std::fs::File::options().write(true).open(a.path("big"));
        file.unwrap().set_len(left).unwrap();
        b.submit(vec![fetch(0, 0..1, a.as_source())]);
        b.until("the order failed", |events| failed(events) == [0]);
        assert!(!has_bad_bytes(&b));
        a.until("it says that the chunk is gone", |events| {
            let gone = |it: &NodeEvent| matches!(it, NodeEvent::ChunkLost { chunk: 0, .. });
            events.iter().any(gone)
        });
    }
}

#[test]
fn a_peer_whose_disk_went_bad_cuts_its_body_and_is_not_suspected() {
    let (a, mut b, mut bytes) = giver_and_taker();
    b.meet(&a);
    bytes[12345] ^= 1;
    std::fs::write(a.path("big"), &bytes).unwrap();
    b.submit(vec![fetch(0, 0..1, a.as_source())]);
    b.until("the order is over", |events| !events.is_empty());
    if failed(&b.events) == [0] {
        assert!(!has_bad_bytes(&b));
    }
    assert_eq!(a.node.counters(None).verification_failures, 1);
}
