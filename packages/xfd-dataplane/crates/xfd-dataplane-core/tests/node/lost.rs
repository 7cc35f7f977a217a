//! Chunks that a node has lost: it fetches them again, from peers first, so that bytes that the
//! cluster has do not leave the origin again.

use std::sync::Arc;

use crate::faulty::{Fault as Script, FaultyOrigin};
use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{FoundObject, NodeEvent, Order, Source};
use xfd_dataplane_core::source::Origin;

use crate::checksums::HeadOrigin;
use crate::support::{Host, MIB, catalog, fetch, held, one_object};

fn host(name: &'static str, origin: Arc<dyn Origin>, found: &FoundObject) -> Host {
    let host = Host::new(name, origin);
    let wanted = catalog(host.root.path(), std::slice::from_ref(found), MIB as u64);
    host.extend(wanted);
    host
}

/// A node that holds a bad first chunk of two and does not know it, and its origin.
fn with_a_bad_chunk(found: &FoundObject, origin: Arc<dyn Origin>) -> (Host, Arc<FaultyOrigin>) {
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(0, Script::Flip(5)));
    let mut bad = host("bad", origin.clone(), found);
    bad.submit(vec![fetch(0, 0..1, Source::Origin)]);
    bad.until("the bad chunk is held", |events| held(events) == [0]);
    (bad, origin)
}

fn lost(events: &[NodeEvent]) -> Vec<u32> {
    let chunk = |event: &NodeEvent| match event {
        NodeEvent::ChunkLost { chunk } => Some(*chunk),
        _ => None,
    };
    events.iter().filter_map(chunk).collect()
}

fn pins(bytes: &[u8]) -> Order {
    let crcs = (0..).zip(bytes.chunks(MIB).map(crc64)).collect();
    Order::Pin { crcs }
}

#[test]
fn a_peer_gives_again_what_is_lost() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let mut good = host("good", origin.clone(), &found);
    good.submit(vec![fetch(0, 0..2, Source::Origin)]);
    good.until_landed(1);
    let (mut bad, asked) = with_a_bad_chunk(&found, origin);
    bad.meet(&good);
    bad.submit(vec![pins(&bytes), fetch(1, 1..2, good.as_source())]);
    bad.until_landed(1);
    assert_eq!(std::fs::read(bad.path("big")).unwrap(), bytes);
    assert_eq!(asked.asked().len(), 1, "the origin was asked only once");
    assert_eq!(held(&bad.events), [0, 1]);
    assert_eq!(lost(&bad.events), [0]);
}

/// That it is held may be in a report that is on its way: the scheduler learns that this is over.
#[test]
fn what_is_discarded_by_order_is_reported_lost_and_fetched_by_order_only() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let (mut bad, asked) = with_a_bad_chunk(&found, origin);
    let chunks = vec![0, 1];
    bad.submit(vec![Order::Discard { chunks }]);
    bad.until("what it held is lost", |events| lost(events) == [0]);
    bad.submit(vec![fetch(1, 1..2, Source::Origin)]);
    bad.until("the other chunk is held", |events| held(events) == [0, 1]);
    assert_eq!(asked.asked().len(), 2);
    bad.submit(vec![fetch(2, 0..1, Source::Origin)]);
    bad.until_landed(1);
    assert_eq!(lost(&bad.events), [0]);
    assert_eq!(std::fs::read(bad.path("big")).unwrap(), bytes);
}

#[test]
fn the_origin_gives_again_what_no_peer_has() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let empty = host("empty", origin.clone(), &found);
    let (mut bad, asked) = with_a_bad_chunk(&found, origin);
    bad.meet(&empty);
    bad.submit(vec![pins(&bytes), fetch(1, 1..2, Source::Origin)]);
    bad.until_landed(1);
    assert_eq!(std::fs::read(bad.path("big")).unwrap(), bytes);
    assert_eq!(asked.asked().len(), 3);
    assert_eq!(lost(&bad.events), [0]);
}

#[test]
fn a_lost_chunk_that_neither_some_peers_nor_the_origin_gives_is_left_to_the_scheduler() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let empty = host("empty", origin.clone(), &found);
    let mut good = host("good", origin.clone(), &found);
    good.submit(vec![fetch(0, 0..2, Source::Origin)]);
    good.until_landed(1);
    let down = Error::new(Kind::OriginUnreachable, "No answer");
    let attempts = crate::support::settings().attempts as usize;
    let mut faulty = FaultyOrigin::new(origin).on_get(0, Script::Flip(5));
    for get in 1..=attempts {
        faulty = faulty.on_get(get, Script::Fail(down.clone()));
    }
    let faulty = Arc::new(faulty);
    let mut bad = host("bad", faulty.clone(), &found);
    bad.submit(vec![fetch(0, 0..1, Source::Origin)]);
    bad.until("the bad chunk is held", |events| held(events) == [0]);
    bad.meet(&empty);
    bad.submit(vec![pins(&bytes)]);
    bad.until("it is lost", |events| lost(events) == [0]);
    crate::support::eventually("the origin was asked in vain", || {
        faulty.asked().len() == 1 + attempts
    });
    bad.meet(&good);
    bad.submit(vec![fetch(1, 0..2, good.as_source())]);
    bad.until_landed(1);
    assert_eq!(std::fs::read(bad.path("big")).unwrap(), bytes);
}

#[test]
fn a_chunk_that_rotted_on_the_disk_comes_from_a_peer() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let mut good = host("good", origin.clone(), &found);
    good.submit(vec![fetch(0, 0..2, Source::Origin)]);
    good.until_landed(1);
    let asked = Arc::new(FaultyOrigin::new(origin));
    let mut rotten = host("rotten", asked.clone(), &found);
    rotten.submit(vec![fetch(0, 0..1, Source::Origin)]);
    rotten.until("a chunk is held", |events| held(events) == [0]);
    let part = rotten.path(".big.xfd-part");
    let mut damaged = std::fs::read(&part).unwrap();
    damaged[9] ^= 1;
    std::fs::write(&part, damaged).unwrap();
    rotten.meet(&good);
    // A third node notices, and gets the chunk from the second one in the end.
    let mut third = host("third", asked.clone(), &found);
    third.meet(&rotten);
    third.submit(vec![fetch(0, 0..1, rotten.as_source())]);
    third.until("the damaged chunk was refused", |events| !events.is_empty());
    rotten.submit(vec![fetch(1, 1..2, good.as_source())]);
    rotten.until_landed(1);
    assert_eq!(std::fs::read(rotten.path("big")).unwrap(), bytes);
    assert_eq!(asked.asked().len(), 1);
    assert_eq!(lost(&rotten.events), [0]);
}

#[test]
fn an_object_that_landed_with_a_bad_chunk_is_fetched_anew() {
    let (origin, mut found, bytes) = one_object(2 * MIB);
    found.checksum = None;
    let (mut bad, _) = with_a_bad_chunk(&found, HeadOrigin::new(origin, None));
    bad.submit(vec![fetch(1, 1..2, Source::Origin)]);
    bad.until_landed(1);
    bad.submit(vec![pins(&bytes)]);
    bad.until_landed(2);
    assert_eq!(std::fs::read(bad.path("big")).unwrap(), bytes);
    assert_eq!(lost(&bad.events), [0, 1]);
}

fn suspects(events: &[NodeEvent]) -> usize {
    let is_suspect = |event: &&NodeEvent| match event {
        NodeEvent::ObjectFailed { chunks_suspect, .. } => *chunks_suspect,
        _ => false,
    };
    events.iter().filter(is_suspect).count()
}

#[test]
fn an_object_with_a_bad_chunk_is_reported_once() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let (mut bad, _) = with_a_bad_chunk(&found, origin);
    bad.submit(vec![fetch(1, 1..2, Source::Origin)]);
    bad.until("it fails", |events| suspects(events) == 1);
    // Objects that are wanted later change nothing.
    let mut other = catalog(bad.root.path(), &[found], MIB as u64);
    other.chunks.clear();
    other.objects[0].index = 9;
    other.objects[0].destination = bad.path("other");
    other.objects[0].found.size = 0;
    other.objects[0].found.checksum = None;
    for _ in 0..3 {
        bad.extend(other.clone());
    }
    let landed = |events: &[NodeEvent], object| events.contains(&NodeEvent::landed(object));
    bad.until("the other one lands", |events| landed(events, 9));
    assert_eq!(suspects(&bad.events), 1);
    // Once a chunk was fetched again, the object is compared again.
    bad.submit(vec![
        Order::Discard { chunks: vec![0] },
        fetch(20, 0..1, Source::Origin),
    ]);
    bad.until("it lands", |events| landed(events, 0));
    assert_eq!(std::fs::read(bad.path("big")).unwrap(), bytes);
}
