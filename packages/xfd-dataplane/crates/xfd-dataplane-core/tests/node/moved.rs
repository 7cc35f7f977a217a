//! Orders that are moved to another source in the middle of a chunk.

use std::sync::Arc;

use crate::faulty::{Fault as Script, FaultyOrigin};
use crate::memory::MemoryOrigin;
use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::model::{Fault, NodeEvent, Order, Source};

use crate::gate::Gate;
use crate::support::{
    Host, MIB, Refused, SWARM, eventually, failed, fetch, one_object, refused, wanted,
};

const CANCEL: Order = Order::Cancel {
    first_order: 0,
    count: 1,
};

/// A host with a part of a chunk from an origin that stops there, and one with all of it.
fn half_fetched(script: Option<Script>) -> (Host, Host, Vec<u8>) {
    let (origin, mut found, bytes) = one_object(MIB);
    found.checksum = None;
    let mut good = Host::new("good", origin.clone());
    good.extend(wanted(&good, &found));
    good.submit(vec![fetch(0, 0..1, Source::Origin)]);
    good.until_landed(1);
    let faulty = FaultyOrigin::new(origin);
    let faulty = match script {
        Some(script) => faulty.on_get(0, script),
        None => faulty,
    };
    let gate = Gate::new(Arc::new(faulty));
    gate.open_to(MIB as u64 / 2);
    let host = Host::new("host", gate);
    host.extend(wanted(&host, &found));
    host.meet(&good);
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    eventually("half of it is here", || {
        host.node.counters(Some(SWARM)).written_bytes == MIB as u64 / 2
    });
    (host, good, bytes)
}

#[test]
fn an_order_that_is_moved_to_a_peer_goes_on_at_its_byte() {
    let (mut host, good, bytes) = half_fetched(None);
    host.submit(vec![CANCEL, fetch(1, 0..1, good.as_source())]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    let counters = host.node.counters(Some(SWARM));
    assert_eq!(counters.written_bytes, MIB as u64);
    assert_eq!(counters.peer_bytes, MIB as u64 / 2);
    let NodeEvent::ChunkHeld { crc, .. } = &host.events[0] else {
        panic!("{:?}", host.events);
    };
    assert_eq!(*crc, crc64(&bytes));
}

#[test]
fn those_below_a_moved_order_do_not_notice() {
    let (mut host, good, bytes) = half_fetched(None);
    let (_, found, _) = one_object(MIB);
    let mut below = Host::new("below", Arc::new(MemoryOrigin::new()));
    let mut found_here = found;
    found_here.checksum = None;
    below.extend(wanted(&below, &found_here));
    below.meet(&host);
    below.submit(vec![fetch(0, 0..1, host.as_source())]);
    eventually("half of it is below", || {
        below.node.counters(Some(SWARM)).written_bytes == MIB as u64 / 2
    });
    // As a scheduler moves an order: the new order comes first.
    host.submit(vec![fetch(1, 0..1, good.as_source()), CANCEL]);
    host.until_landed(1);
    below.until_landed(1);
    assert!(failed(&below.events).is_empty(), "{:?}", below.events);
    assert_eq!(std::fs::read(below.path("big")).unwrap(), bytes);
    assert_eq!(below.node.counters(Some(SWARM)).peer_bytes, MIB as u64);
}

#[test]
fn orders_that_follow_an_order_that_failed_fail_too() {
    let (host, _good, _) = half_fetched(None);
    let (_, found, _) = one_object(MIB);
    let mut below = Host::new("below", Arc::new(MemoryOrigin::new()));
    below.extend(wanted(&below, &found));
    below.meet(&host);
    below.submit(vec![fetch(0, 0..1, host.as_source())]);
    eventually("half of it is below", || {
        below.node.counters(Some(SWARM)).written_bytes == MIB as u64 / 2
    });
    host.submit(vec![CANCEL]);
    below.until("its order fails", |events| failed(events) == [0]);
    let Refused {
        fault, is_final, ..
    } = refused(&below.events[0]);
    assert_eq!((fault, is_final), (Fault::Peer, false));
}

#[test]
fn an_order_that_is_moved_to_a_relay_waits_until_that_is_as_far() {
    let (mut host, good, bytes) = half_fetched(None);
    let (origin, found, _) = one_object(MIB);
    let gate = Gate::new(origin);
    gate.open_to(MIB as u64 / 4);
    let mut relay = Host::new("relay", gate.clone());
    relay.extend(wanted(&relay, &found));
    relay.submit(vec![fetch(0, 0..1, Source::Origin)]);
    eventually("a quarter of it is at the relay", || {
        relay.node.counters(Some(SWARM)).written_bytes == MIB as u64 / 4
    });
    drop(good);
    host.meet(&relay);
    host.submit(vec![CANCEL, fetch(1, 0..1, relay.as_source())]);
    host.drain(std::time::Duration::from_millis(100));
    assert!(host.events.is_empty(), "{:?}", host.events);
    gate.open_to(u64::MAX);
    relay.until_landed(1);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    let counters = host.node.counters(Some(SWARM));
    assert_eq!(counters.written_bytes, MIB as u64);
    assert_eq!(counters.peer_bytes, MIB as u64 / 2);
}

#[test]
fn a_peer_is_not_to_blame_for_what_was_there_before_it() {
    let (mut host, good, bytes) = half_fetched(Some(Script::Flip(5)));
    host.submit(vec![CANCEL, fetch(1, 0..1, good.as_source())]);
    host.until("the chunk is refused", |events| failed(events) == [1]);
    let Refused {
        fault,
        bad_bytes,
        is_final,
        ..
    } = refused(&host.events[0]);
    assert_eq!((fault, bad_bytes, is_final), (Fault::Peer, false, false));
    // All of it is fetched again.
    host.submit(vec![fetch(2, 0..1, good.as_source())]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
}

#[test]
fn an_order_that_is_moved_from_a_peer_to_the_origin_goes_on_at_its_byte() {
    let (memory, found, bytes) = one_object(MIB);
    let mut good = Host::new("good", memory.clone());
    good.extend(wanted(&good, &found));
    good.submit(vec![fetch(0, 0..1, Source::Origin)]);
    good.until_landed(1);
    let mut slow = crate::support::settings();
    slow.download_bytes_per_s = Some(512 * 1024);
    let origin = Arc::new(FaultyOrigin::new(memory));
    let mut host = Host::with("host", origin.clone(), slow);
    host.extend(wanted(&host, &found));
    host.meet(&good);
    host.submit(vec![fetch(0, 0..1, good.as_source())]);
    eventually("some of it is here", || {
        host.node.counters(Some(SWARM)).written_bytes > 0
    });
    host.submit(vec![CANCEL, fetch(1, 0..1, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    let from = origin.asked()[0].range.clone().unwrap().start;
    let counters = host.node.counters(Some(SWARM));
    assert!(from > 0);
    assert_eq!(counters.origin_bytes, MIB as u64 - from);
    assert_eq!(counters.written_bytes, MIB as u64);
}

#[test]
fn what_a_relay_that_may_be_bad_has_sent_is_not_kept() {
    let (origin, found, bytes) = one_object(MIB);
    let gate = Gate::new(origin.clone());
    gate.open_to(MIB as u64 / 2);
    let mut relay = Host::new("relay", gate.clone());
    let mut good = Host::new("good", origin);
    let mut host = Host::new("host", Arc::new(MemoryOrigin::new()));
    for each in [&relay, &good, &host] {
        each.extend(wanted(each, &found));
    }
    host.meet(&relay);
    host.meet(&good);
    good.submit(vec![fetch(0, 0..1, Source::Origin)]);
    good.until_landed(1);
    relay.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.submit(vec![fetch(0, 0..1, relay.as_source())]);
    eventually("half of it is here", || {
        host.node.counters(Some(SWARM)).written_bytes == MIB as u64 / 2
    });
    host.submit(vec![CANCEL, fetch(1, 0..1, good.as_source())]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    let written = host.node.counters(Some(SWARM)).written_bytes;
    assert_eq!(written, MIB as u64 * 3 / 2);
    gate.open_to(u64::MAX);
    relay.until_landed(1);
}
