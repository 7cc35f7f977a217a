//! Bodies that are too slow, or that are not what was found, from a web server and from a peer:
//! each order ends, and nothing of such a body lands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::memory::MemoryOrigin;
use tokio::runtime::Runtime;
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{
    Catalog, Fault, FoundObject, HttpConfig, NodeSettings, Order, Source,
};
use xfd_dataplane_core::source::{ConnectOptions, HttpOrigin};

use crate::raw::{Answer, RawServer, Step};
use crate::support::{Host, Refused, catalog, failed, fetch, pack, refused, settings};

const SIZE: u64 = 40_000;
const CHUNK: u64 = 10_000;

fn impatient() -> NodeSettings {
    NodeSettings {
        node_parallelism: 1,
        read_timeout: Duration::from_millis(300),
        ..settings()
    }
}

fn send(text: String) -> Step {
    Step::Send(text)
}

/// A byte every 30 ms, after the first bytes of a fast body.
fn drips(head: &str, burst: u64) -> Answer {
    let burst = "x".repeat(burst as usize);
    vec![
        send(format!("{head}\r\n{burst}")),
        Step::Drip("x".repeat(1000), Duration::from_millis(30)),
    ]
}

/// What one request asks for: a chunk, several chunks, or all of a small object.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Chunk,
    Lane,
    Pack,
}

/// The error that the first order ends with.
fn error_of(
    asked: Asked,
    answer: impl Fn(&str) -> Answer + Send + Sync + Clone + 'static,
) -> Error {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(RawServer::start(answer));
    let options = ConnectOptions::from(&impatient());
    let origin = Arc::new(HttpOrigin::new(&HttpConfig::of(&server.url), &options).unwrap());
    let mut host = Host::with("a", origin, impatient());
    let found = FoundObject {
        key: "big".to_owned(),
        size: SIZE,
        etag: None,
        last_modified_ns: None,
        checksum: None,
        refused: None,
        location: None,
    };
    let found = std::slice::from_ref(&found);
    let (wanted, chunks): (Catalog, _) = match asked {
        Asked::Chunk => (catalog(host.root.path(), found, CHUNK), 1..2),
        Asked::Lane => (catalog(host.root.path(), found, CHUNK), 0..4),
        Asked::Pack => (pack(host.root.path(), found), 0..1),
    };
    host.extend(wanted);
    host.submit(vec![fetch(0, chunks, Source::Origin)]);
    host.until("an order failed", |events| !failed(events).is_empty());
    let event = host
        .events
        .iter()
        .find(|it| !failed(std::slice::from_ref(*it)).is_empty());
    let Refused { error, fault, .. } = refused(event.unwrap());
    assert_eq!(
        (fault, error.object.as_deref()),
        (Fault::Origin, Some("big"))
    );
    assert!(!host.path("big").exists());
    error.clone()
}

/// The head of an answer that would be right.
fn right(request: &str) -> String {
    let range = request
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes="));
    match range {
        None => format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n"),
        Some(range) => format!("HTTP/1.1 206 Partial\r\nContent-Range: bytes {range}/{SIZE}\r\n"),
    }
}

#[test]
fn a_dripping_body_of_the_origin_ends_its_order() {
    std::thread::scope(|scope| {
        for asked in [Asked::Chunk, Asked::Lane, Asked::Pack] {
            for burst in [0, 300] {
                scope.spawn(move || {
                    let began = Instant::now();
                    let error = error_of(asked, move |request| drips(&right(request), burst));
                    assert_eq!(error.kind, Kind::OriginTimeout, "{asked:?}: {error}");
                    assert!(error.what.contains("are the least"), "{asked:?}: {error}");
                    assert!(began.elapsed() < Duration::from_secs(10), "{asked:?}");
                });
            }
        }
    });
}

#[test]
fn a_body_that_is_not_what_was_found_fails_finally_and_does_not_land() {
    let twice = 2 * SIZE;
    let larger = move |request: &str| {
        let head = right(request).replace(&format!("/{SIZE}"), &format!("/{twice}"));
        let head = head.replace(&format!("Length: {SIZE}"), &format!("Length: {twice}"));
        vec![
            send(format!("{head}\r\n")),
            Step::SendForEver("x".repeat(1000)),
        ]
    };
    let whole = "HTTP/1.1 200 OK\r\n\r\n";
    let endless = move |_: &str| vec![send(whole.to_owned()), Step::SendForEver("x".repeat(1000))];
    let page = |_: &str| {
        vec![send(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSorry".to_owned(),
        )]
    };
    for asked in [Asked::Chunk, Asked::Lane, Asked::Pack] {
        let error = error_of(asked, larger);
        assert_eq!(error.kind, Kind::OriginAnswer, "{asked:?}: {error}");
        let names = |size: u64| error.what.contains(&size.to_string());
        assert!(names(SIZE) && names(twice), "{asked:?}: {error}");
        let error = error_of(asked, page);
        assert_eq!(error.kind, Kind::OriginAnswer, "{asked:?}: {error}");
        assert!(error.what.contains(" 5 bytes"), "{asked:?}: {error}");
    }
    for asked in [Asked::Lane, Asked::Pack] {
        let error = error_of(asked, endless);
        assert_eq!(error.kind, Kind::OriginAnswer, "{asked:?}: {error}");
        assert!(error.what.contains("goes on"), "{asked:?}: {error}");
    }
}

#[test]
fn a_dripping_body_of_a_peer_ends_its_order() {
    let runtime = Runtime::new().unwrap();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {CHUNK}\r\nx-xfd-crc64: 0123456789abcdef\r\n");
    let server = runtime.block_on(RawServer::start(move |request| {
        drips(&head.replace("200 OK", status_of(request)), 0)
    }));
    let memory = Arc::new(MemoryOrigin::new());
    let found = memory.put("big", vec![7; CHUNK as usize]);
    let mut host = Host::with("a", memory, impatient());
    host.extend(catalog(host.root.path(), &[found], CHUNK));
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let peer = || "b".to_owned();
    host.submit(vec![
        Order::MeetPeers {
            addresses: vec![(peer(), address)],
        },
        fetch(0, 0..1, Source::Peer(peer())),
    ]);
    let began = Instant::now();
    host.until("the order failed", |events| failed(events) == [0]);
    let Refused { error, fault, .. } = refused(&host.events[0]);
    assert_eq!((fault, error.kind), (Fault::Peer, Kind::Peer));
    assert!(error.what.contains("are the least"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

/// The answer to a request for the rest is a part.
fn status_of(request: &str) -> &'static str {
    match request.contains("range: ") {
        true => "206 Partial Content",
        false => "200 OK",
    }
}

#[test]
fn a_body_of_a_peer_with_another_length_than_the_chunk_is_counted_and_blamed_on_it() {
    let crc = "x-xfd-crc64: 0123456789abcdef\r\n";
    let short = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{crc}\r\nShort");
    let endless = format!("HTTP/1.1 200 OK\r\n{crc}\r\n");
    for answer in [
        vec![send(short)],
        vec![send(endless), Step::SendForEver("x".repeat(1000))],
    ] {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(RawServer::start(move |_: &str| answer.clone()));
        let memory = Arc::new(MemoryOrigin::new());
        let found = memory.put("big", vec![7; CHUNK as usize]);
        let mut host = Host::with("a", memory, impatient());
        host.extend(catalog(host.root.path(), &[found], CHUNK));
        let address = server.url.strip_prefix("http://").unwrap().to_owned();
        host.submit(vec![
            Order::MeetPeers {
                addresses: vec![("b".to_owned(), address)],
            },
            fetch(0, 0..1, Source::Peer("b".to_owned())),
        ]);
        host.until("the order failed", |events| failed(events) == [0]);
        let Refused {
            fault, bad_bytes, ..
        } = refused(&host.events[0]);
        assert_eq!((fault, bad_bytes), (Fault::Peer, true));
        let counters = host.node.counters(None);
        assert_eq!((counters.verification_failures, counters.retries), (1, 1));
    }
}
