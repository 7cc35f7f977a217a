//! Objects that were found by a list, which has no checksums: the node learns the store's checksum
//! while it fetches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::faulty::{Fault as Script, FaultyOrigin};
use crate::memory::MemoryOrigin;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use xfd_dataplane_core::error::{Kind, Result};
use xfd_dataplane_core::model::{
    Checksum, ChecksumAlgorithm, Fault, FoundObject, NodeEvent, Order, Source,
};
use xfd_dataplane_core::source::{Body, Get, Origin};

use crate::support::{
    Host, MIB, Refused, SWARM, catalog, each, failed, fetch, held, landed, one_object, pack,
    random_bytes, refused, settings, wanted,
};

/// An origin that counts HEADs, holds them until the test lets them go, and answers with a given
/// checksum.
#[derive(Debug)]
pub struct HeadOrigin {
    inner: Arc<dyn Origin>,
    checksum: Option<Checksum>,
    heads: AtomicUsize,
    open: Semaphore,
}

impl HeadOrigin {
    pub fn new(inner: Arc<dyn Origin>, checksum: Option<Checksum>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            checksum,
            heads: AtomicUsize::new(0),
            open: Semaphore::new(1000),
        })
    }

    fn heads(&self) -> usize {
        self.heads.load(Ordering::SeqCst)
    }
}

impl Origin for HeadOrigin {
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        self.heads.fetch_add(1, Ordering::SeqCst);
        async move {
            self.open.acquire().await.unwrap().forget();
            let checksum = self.checksum.clone();
            let found = self.inner.head(bucket, key).await?;
            Ok(FoundObject { checksum, ..found })
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        self.inner.list(bucket, prefix)
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        self.inner.get(get)
    }
}

fn listed(found: &FoundObject) -> FoundObject {
    FoundObject {
        checksum: None,
        ..found.clone()
    }
}

fn suspects(events: &[NodeEvent]) -> usize {
    let is_suspect = |event: &&NodeEvent| match event {
        NodeEvent::ObjectFailed {
            error,
            chunks_suspect,
            ..
        } => *chunks_suspect && error.kind == Kind::ChecksumMismatch,
        _ => false,
    };
    events.iter().filter(is_suspect).count()
}

#[test]
fn a_small_object_is_compared_with_the_checksum_of_its_answer_without_another_request() {
    let memory = Arc::new(MemoryOrigin::new());
    let bodies: Vec<_> = (0..5).map(|seed| random_bytes(3000, seed)).collect();
    let found: Vec<_> = (0..)
        .zip(&bodies)
        .map(|(n, body)| listed(&memory.put(&format!("f{n}"), body.clone())))
        .collect();
    let origin = Arc::new(FaultyOrigin::new(memory).on_get(3, Script::Flip(100)));
    let mut host = Host::new("a", origin.clone());
    host.extend(pack(host.root.path(), &found));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("the pack is refused", |events| failed(events) == [0]);
    let Refused {
        error,
        fault,
        bad_bytes,
        is_final,
        ..
    } = refused(&host.events[0]);
    assert_eq!(error.kind, Kind::ChecksumMismatch);
    assert_eq!(error.object.as_deref(), Some("f3"));
    assert!(fault == Fault::Origin && bad_bytes && !is_final);
    host.submit(vec![fetch(1, 0..1, Source::Origin)]);
    host.until_landed(5);
    for (n, body) in bodies.iter().enumerate() {
        let read = std::fs::read(host.path(&format!("f{n}"))).unwrap();
        assert_eq!(&read, body, "f{n}");
    }
    assert_eq!((origin.calls(), origin.asked().len()), (10, 10));
}

#[test]
fn an_object_of_several_chunks_is_asked_for_once_beside_its_bytes() {
    let (memory, found, bytes) = one_object(4 * MIB);
    let origin = HeadOrigin::new(memory, found.checksum.clone());
    origin.open.forget_permits(1000);
    let mut host = Host::new("a", origin.clone());
    host.extend(wanted(&host, &listed(&found)));
    host.submit(each(0..4));
    host.until("all chunks are here", |events| held(events).len() == 4);
    host.drain(std::time::Duration::from_millis(50));
    assert_eq!((origin.heads(), landed(&host.events)), (1, 0));
    origin.open.add_permits(1);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    assert_eq!(origin.heads(), 1);
}

/// One slot, and enough orders after those for the object's two chunks that one request brings
/// both.
fn brought_whole(origin: Arc<dyn Origin>, found: &FoundObject, filler: FoundObject) -> Host {
    let mut one = settings();
    one.node_parallelism = 1;
    let host = Host::with("a", origin, one);
    let both = [listed(found), filler];
    host.extend(catalog(host.root.path(), &both, MIB as u64));
    host.submit(vec![fetch(0, 0..6, Source::Origin)]);
    host
}

#[test]
fn an_object_that_one_request_brings_whole_is_not_asked_for() {
    let (memory, found, bytes) = one_object(2 * MIB);
    let filler = memory.put("filler", random_bytes(4 * MIB, 1));
    let faulty = Arc::new(FaultyOrigin::new(memory));
    let origin = HeadOrigin::new(faulty.clone(), found.checksum.clone());
    let mut host = brought_whole(origin.clone(), &found, filler);
    host.until_landed(2);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    assert_eq!((&faulty.asked()[0].range, origin.heads()), (&None, 0));
}

#[test]
fn chunks_of_one_request_that_are_wrong_are_suspects() {
    let (memory, found, _) = one_object(2 * MIB);
    let filler = memory.put("filler", random_bytes(4 * MIB, 1));
    let faulty = FaultyOrigin::new(memory).on_get(0, Script::Flip(5));
    let mut host = brought_whole(Arc::new(faulty), &found, filler);
    host.until("the object fails", |events| suspects(events) == 1);
    assert!(!host.path("big").exists());
}

#[test]
fn chunks_of_a_listed_object_that_are_wrong_are_suspects() {
    let (memory, found, bytes) = one_object(2 * MIB);
    let faulty = Arc::new(FaultyOrigin::new(memory).on_get(0, Script::Flip(5)));
    let mut host = Host::new("a", faulty);
    host.extend(wanted(&host, &listed(&found)));
    host.submit(each(0..2));
    host.until("the object fails", |events| suspects(events) == 1);
    assert!(!host.path("big").exists());
    host.events.clear();
    let chunks = vec![0, 1];
    host.submit(vec![
        Order::Discard { chunks },
        fetch(2, 0..2, Source::Origin),
    ]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
}

/// CRC-32C bit by bit, as in RFC 3720, B.4.
fn crc32c(bytes: &[u8]) -> Checksum {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
        }
    }
    Checksum {
        algorithm: ChecksumAlgorithm::Crc32c,
        value: format!("{:08x}", !crc),
    }
}

#[test]
fn a_checksum_of_another_kind_that_comes_late_counts_for_the_chunks_before() {
    for is_right in [true, false] {
        let (memory, found, mut bytes) = one_object(2 * MIB + 5);
        if !is_right {
            bytes[7] ^= 1;
        }
        let origin = HeadOrigin::new(memory, Some(crc32c(&bytes)));
        origin.open.forget_permits(1000);
        let mut host = Host::new("a", origin.clone());
        host.extend(wanted(&host, &listed(&found)));
        host.submit(each(0..2));
        host.until("two chunks are here", |events| held(events).len() == 2);
        origin.open.add_permits(1);
        host.submit(vec![fetch(2, 2..3, Source::Origin)]);
        match is_right {
            true => host.until_landed(1),
            false => host.until("the object fails", |events| suspects(events) == 1),
        }
    }
}

#[test]
fn a_node_that_has_all_from_peers_does_not_ask() {
    let (memory, found, bytes) = one_object(2 * MIB);
    let origin = HeadOrigin::new(memory, found.checksum.clone());
    let mut a = Host::new("a", origin.clone());
    let mut b = Host::new("b", origin.clone());
    for host in [&a, &b] {
        host.extend(wanted(host, &listed(&found)));
    }
    b.meet(&a);
    for chunk in 0..2 {
        let of = chunk as u32..chunk as u32 + 1;
        a.submit(vec![fetch(chunk, of.clone(), Source::Origin)]);
        b.submit(vec![fetch(chunk, of, a.as_source())]);
    }
    a.until_landed(1);
    b.until_landed(1);
    assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes);
    assert_eq!(origin.heads(), 1);
}

#[test]
fn what_an_earlier_run_left_is_compared_before_it_lands() {
    let (memory, found, bytes) = one_object(2 * MIB);
    let silent = HeadOrigin::new(memory.clone(), None);
    silent.open.forget_permits(1000);
    let mut host = Host::new("a", silent);
    host.extend(wanted(&host, &listed(&found)));
    host.submit(each(0..2));
    host.until("both chunks are here", |events| held(events).len() == 2);
    host.node.leave(SWARM);
    let mut wrong = found.checksum.clone().unwrap();
    wrong.value = "00".repeat(8);
    for (checksum, is_right) in [(wrong, false), (found.checksum.clone().unwrap(), true)] {
        let origin = HeadOrigin::new(memory.clone(), Some(checksum));
        let mut again = Host::at("a", origin, settings(), host.root.clone());
        again.extend(wanted(&again, &listed(&found)));
        match is_right {
            false => again.until("the object fails", |events| suspects(events) == 1),
            true => again.until_landed(1),
        }
        assert_eq!(again.node.counters(None).origin_bytes, 0);
        again.node.leave(SWARM);
    }
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
}

#[test]
fn a_store_that_does_not_answer_the_question_does_not_keep_the_object_back() {
    let (memory, found, bytes) = one_object(2 * MIB);
    let denied = xfd_dataplane_core::error::Error::new(Kind::AccessDenied, "no");
    let origin = FaultyOrigin::new(memory).on_call(1, Script::Fail(denied));
    let mut one = settings();
    one.node_parallelism = 1;
    let mut host = Host::with("a", Arc::new(origin), one);
    host.extend(wanted(&host, &listed(&found)));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("the first is here", |events| held(events) == [0]);
    crate::support::eventually("it was asked", || {
        let counters = host.node.counters(None);
        counters.origin_answers + counters.origin_denials == 2
    });
    host.submit(vec![fetch(1, 1..2, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
}
