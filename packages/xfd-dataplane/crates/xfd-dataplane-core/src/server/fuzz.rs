//! What a stranger sends to the peer server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::channel::Channel;
use super::connections::Connections;
use super::handshakes::Handshakes;
use super::served::{Served, Server, Swarms};
use super::{HEAD_BYTES, protocol, route};
use crate::crc;
use crate::limits::Limits;
use crate::model::{
    Catalog, CatalogObject, Chunk, Durability, FoundObject, NodeSettings, Secret, Span, SwarmId,
    UnpackCaps,
};
use crate::stats::Stats;
use crate::store::{Store, StoreOptions};
use crate::wire::crc_text;

const TOKEN: &str = "t0k3n";
const CONTENT: &[u8] = b"The bytes of the only chunk.";

const SETTINGS: NodeSettings = NodeSettings {
    node_parallelism: 1,
    max_uploads: 4,
    memory_budget_bytes: 1 << 20,
    origin_bytes_per_s: None,
    download_bytes_per_s: None,
    upload_bytes_per_s: None,
    connect_timeout: Duration::from_secs(1),
    read_timeout: Duration::from_secs(1),
    attempts: 1,
    relay_wait: Duration::ZERO,
    unpack_caps: UnpackCaps {
        max_entries: 1,
        max_bytes: None,
        max_ratio: 1.0,
    },
    verify_whole: false,
};

/// The swarm `s` with one chunk.
struct One(Served);

impl Swarms for One {
    fn served(&self, swarm: &str) -> Option<Served> {
        (swarm == "s").then(|| self.0.clone())
    }

    fn named(&self, _name: &str) -> Option<(SwarmId, Arc<ServerConfig>)> {
        None
    }
}

struct Bed {
    runtime: tokio::runtime::Runtime,
    server: Server,
    _folder: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stats = Arc::new(Stats::default());
        let store = Store::new(StoreOptions {
            node: "node".into(),
            durability: Durability::None,
            verify_whole: false,
            stats: Arc::clone(&stats),
        });
        let size = CONTENT.len() as u64;
        let object = CatalogObject {
            index: 0,
            profile_name: None,
            bucket: None,
            found: FoundObject {
                key: "key".into(),
                size,
                etag: Some("\"one\"".into()),
                last_modified_ns: None,
                checksum: None,
                refused: None,
                location: None,
            },
            destination: folder.path().join("file"),
            group: None,
            is_directory: false,
            cache: false,
            unpack: None,
            priority: 0,
            pin: None,
            blob: None,
        };
        let span = Span {
            object: 0,
            offset: 0,
            length: size,
        };
        let chunk = Chunk {
            index: 0,
            spans: vec![span],
            size,
        };
        let catalog = Catalog {
            objects: vec![object],
            chunks: vec![chunk],
            first_object: 0,
            first_chunk: 0,
        };
        store.extend(catalog).unwrap();
        let mut lease = store.lease(0).unwrap().unwrap();
        lease.write(CONTENT).unwrap();
        lease.commit(None).unwrap();
        let served = Served {
            token: Secret(TOKEN.into()),
            is_tls: true,
            store,
            stats,
            left: CancellationToken::new(),
        };
        Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            server: Server {
                swarms: Arc::new(One(served)),
                limits: Limits::new(&SETTINGS),
                relay_wait: SETTINGS.relay_wait,
                handshakes: Handshakes::default(),
            },
            _folder: folder,
        }
    }

    /// All that comes back until the server ends the connection.
    fn answers(&self, sent: &[u8]) -> Vec<u8> {
        let connections = Connections::new(self.server.limits.uploads.clone());
        let place = Arc::new(connections.enter(IpAddr::from([127, 0, 0, 1]).into()).0);
        // As behind TLS, so that the bytes are in the body and not in a file on its way.
        let channel = Channel::Tls("s".into());
        self.runtime.block_on(async {
            let (mut client, stream) = tokio::io::duplex(1 << 20);
            let answer = |request| route::answer(&self.server, &channel, &place, request);
            let serving = protocol().serve_connection(TokioIo::new(stream), service_fn(answer));
            let speaking = async {
                client.write_all(sent).await.ok();
                client.shutdown().await.ok();
                let mut came = Vec::new();
                client.read_to_end(&mut came).await.ok();
                came
            };
            let both = async { tokio::join!(serving, speaking).1 };
            let ended = tokio::time::timeout(Duration::from_secs(10), both).await;
            ended.expect("a connection whose client is done ends")
        })
    }
}

/// Status, headers, body, and what follows.
type Answer<'a> = (u16, Vec<(String, String)>, Vec<u8>, &'a [u8]);

/// One answer as a second reader of HTTP/1.1 takes it, and what follows.
fn answer(bytes: &[u8]) -> Answer<'_> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
    let end = end.expect("a head is whole");
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap();
    let version = first.get(..9).unwrap_or_default();
    assert!(matches!(version, "HTTP/1.1 " | "HTTP/1.0 "), "{first}");
    let status: u16 = first[9..12].parse().expect("a status");
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let value = |name: &str| headers.iter().find(|it| it.0 == name).map(|it| &it.1);
    let body = &bytes[end + 4..];
    let length = value("content-length").map_or(0, |it| it.parse().expect("a length"));
    assert!(
        value("transfer-encoding").is_none(),
        "the checksum is known"
    );
    assert!(body.len() >= length, "a body is whole");
    let (body, rest) = body.split_at(length);
    (status, headers.clone(), body.to_vec(), rest)
}

/// Bytes of the chunk go to its token only, and are right; a refusal has no body and is the last
/// answer; every answer is whole.
pub(crate) fn request_heads(data: &[u8]) {
    thread_local!(static BED: Bed = Bed::new());
    let came = BED.with(|bed| bed.answers(data));
    assert!(came.len() <= data.len() * 64 + HEAD_BYTES, "answers cost");
    let shows_token = data.windows(TOKEN.len()).any(|it| it == TOKEN.as_bytes());
    let mut rest = came.as_slice();
    while !rest.is_empty() {
        let (status, headers, body, after) = answer(rest);
        let value = |name: &str| headers.iter().find(|it| it.0 == name).map(|it| &*it.1);
        match status {
            200 | 206 => {
                assert!(shows_token, "bytes went to a stranger");
                assert!(CONTENT.ends_with(&body), "wrong bytes");
                assert_eq!(status == 200, body.len() == CONTENT.len());
                let crc = crc_text(crc::crc64(CONTENT));
                assert_eq!(value("x-xfd-crc64"), Some(crc.as_str()));
                let from = CONTENT.len() - body.len();
                let range = format!("bytes {from}-{}/{}", CONTENT.len() - 1, CONTENT.len());
                let expected = (status == 206).then_some(range.as_str());
                assert_eq!(value("content-range"), expected);
            }
            // hyper's own, for what is no request.
            400 | 414 | 431 => assert!(after.is_empty(), "it went on after {status}"),
            401 | 404 | 405 | 408 | 416 | 503 => {
                assert!(
                    body.is_empty() && after.is_empty(),
                    "it went on after {status}"
                );
            }
            other => panic!("status {other}"),
        }
        rest = after;
    }
}
