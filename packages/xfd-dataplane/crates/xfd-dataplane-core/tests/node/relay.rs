//! Chunks from peers that do not have them yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::faulty::{Fault as Script, FaultyOrigin};
use crate::memory::MemoryOrigin;
use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{Fault, FoundObject, NodeEvent, Order, Source};
use xfd_dataplane_core::source::Origin;

use crate::gate::Gate;
use crate::support::{
    Host, MIB, Refused, SWARM, catalog, eventually, failed, fetch, held, one_object, refused,
    settings, wanted,
};

/// Nodes a, b, c ...: only the first one reaches the origin, and each knows the one before it.
fn chain(origin: Arc<dyn Origin>, found: &FoundObject, chunk: usize) -> Vec<Host> {
    let nowhere = Arc::new(MemoryOrigin::new());
    let mut hosts = vec![Host::new("a", origin)];
    for name in ["b", "c", "d"] {
        let host = Host::new(name, nowhere.clone());
        host.meet(&hosts[hosts.len() - 1]);
        hosts.push(host);
    }
    for host in &hosts {
        let found = std::slice::from_ref(found);
        host.extend(catalog(host.root.path(), found, chunk as u64));
    }
    hosts
}

fn peer_bytes(host: &Host) -> u64 {
    host.node.counters(Some(SWARM)).peer_bytes
}

#[test]
fn bytes_pass_through_three_nodes_while_they_arrive() {
    let (origin, found, bytes) = one_object(4 * MIB);
    let gate = Gate::new(origin);
    let mut hosts = chain(gate.clone(), &found, 4 * MIB);
    // All orders are given before the first node has a byte.
    hosts[0].submit(vec![fetch(0, 0..1, Source::Origin)]);
    for place in 1..4 {
        let source = hosts[place - 1].as_source();
        hosts[place].submit(vec![fetch(0, 0..1, source)]);
    }
    gate.open_to(2 * MIB as u64);
    eventually("half of it is at the end of the chain", || {
        peer_bytes(&hosts[3]) >= 2 * MIB as u64
    });
    for host in &mut hosts {
        host.drain(Duration::ZERO);
        assert!(host.events.is_empty(), "{:?}", host.events);
    }
    gate.open_to(u64::MAX);
    for host in &mut hosts {
        host.until_landed(1);
        assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    }
    let counters = hosts[1].node.counters(None);
    assert_eq!(
        (counters.origin_bytes, counters.peer_bytes),
        (0, 4 * MIB as u64)
    );
    assert_eq!(
        (counters.served_bytes, counters.chunks_served),
        (4 * MIB as u64, 1)
    );
}

#[test]
fn an_order_may_come_before_its_source_has_started() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let gate = Gate::new(origin);
    let mut one_slot = settings();
    one_slot.node_parallelism = 1;
    let a = Host::with("a", gate.clone(), one_slot);
    let mut b = Host::new("b", Arc::new(MemoryOrigin::new()));
    b.meet(&a);
    for host in [&a, &b] {
        host.extend(wanted(host, &found));
    }
    // The second of a's orders has no slot before the first one ends.
    a.submit(vec![fetch(0, 0..2, Source::Origin)]);
    b.submit(vec![
        fetch(0, 1..2, a.as_source()),
        fetch(1, 0..1, a.as_source()),
    ]);
    eventually("b waits", || b.node.counters(None).active_peer == 2);
    gate.open_to(u64::MAX);
    b.until_landed(1);
    assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes);
}

#[test]
fn bad_bytes_are_dropped_by_everyone_and_come_again_alone() {
    let (origin, found, bytes) = one_object(3 * MIB);
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(1, Script::Flip(MIB as u64 - 9)));
    let gate = Gate::new(origin.clone());
    let mut hosts = chain(gate.clone(), &found, MIB);
    let crcs: Vec<_> = (0..3).zip(bytes.chunks(MIB).map(crc64)).collect();
    for host in &hosts {
        host.submit(vec![Order::Pin { crcs: crcs.clone() }]);
    }
    // One GET after the other, so that the bad one is chunk 1.
    for chunk in 0..3 {
        hosts[0].submit(vec![fetch(
            u64::from(chunk),
            chunk..chunk + 1,
            Source::Origin,
        )]);
        eventually("the origin is asked", || {
            origin.asked().len() == chunk as usize + 1
        });
    }
    for place in 1..4 {
        let source = hosts[place - 1].as_source();
        hosts[place].submit(vec![fetch(0, 0..3, source)]);
    }
    gate.open_to(u64::MAX);
    for host in &mut hosts {
        host.until("all orders are over", |events| events.len() >= 3);
        assert_eq!(failed(&host.events), [1], "{:?}", host.events);
        assert!(!host.path("big").exists());
    }
    let faults: Vec<(Fault, bool)> = hosts
        .iter()
        .flat_map(|host| &host.events)
        .filter_map(|event| match event {
            NodeEvent::OrderFailed {
                fault, bad_bytes, ..
            } => Some((*fault, *bad_bytes)),
            _ => None,
        })
        .collect();
    // Only the node that read them from the origin can say whose bytes were bad.
    let of_peer = (Fault::Peer, false);
    assert_eq!(faults, [(Fault::Origin, true), of_peer, of_peer, of_peer]);
    hosts[0].submit(vec![fetch(10, 1..2, Source::Origin)]);
    for place in 1..4 {
        let source = hosts[place - 1].as_source();
        hosts[place].submit(vec![fetch(10, 1..2, source)]);
    }
    for host in &mut hosts {
        host.until_landed(1);
        assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    }
    assert_eq!(origin.asked().len(), 4);
}

#[test]
fn a_wait_for_a_chunk_that_never_comes_is_bounded() {
    let (origin, found, _) = one_object(MIB);
    let gate = Gate::new(origin);
    let mut short = settings();
    short.relay_wait = Duration::from_millis(200);
    let a = Host::with("a", gate.clone(), short);
    let mut b = Host::new("b", gate);
    b.meet(&a);
    for host in [&a, &b] {
        host.extend(wanted(host, &found));
    }
    a.submit(vec![fetch(0, 0..1, Source::Origin)]);
    let started = Instant::now();
    b.submit(vec![fetch(0, 0..1, a.as_source())]);
    b.until("the wait is over", |events| failed(events) == [0]);
    assert!(started.elapsed() >= Duration::from_millis(200));
    let Refused {
        error,
        fault,
        is_final,
        ..
    } = refused(&b.events[0]);
    assert_eq!(
        (error.kind, fault, is_final),
        (Kind::Peer, Fault::Peer, false)
    );
}

#[test]
fn followers_of_a_cancelled_order_fail_at_once() {
    let (origin, found, _) = one_object(MIB);
    let gate = Gate::new(origin);
    let hosts = &mut chain(gate.clone(), &found, MIB);
    hosts[0].submit(vec![fetch(0, 0..1, Source::Origin)]);
    let source = hosts[0].as_source();
    hosts[1].submit(vec![fetch(0, 0..1, source)]);
    gate.open_to(128 * 1024);
    eventually("b has some of it", || peer_bytes(&hosts[1]) > 0);
    hosts[0].submit(vec![Order::Cancel {
        first_order: 0,
        count: 1,
    }]);
    hosts[1].until("b's order fails", |events| failed(events) == [0]);
    hosts[0].drain(Duration::from_millis(50));
    assert!(hosts[0].events.is_empty());
}

#[test]
fn a_peer_that_lets_everything_wait_does_not_stop_the_origin() {
    let (origin, found, bytes) = one_object(16 * MIB);
    let gate = Gate::new(origin.clone());
    let mut slow = Host::new("slow", gate.clone());
    let mut b = Host::new("b", origin);
    b.meet(&slow);
    for host in [&slow, &b] {
        host.extend(wanted(host, &found));
    }
    // More relays than b has slots, all before its orders for the origin.
    slow.submit(vec![fetch(0, 0..10, Source::Origin)]);
    b.submit(vec![
        fetch(0, 0..10, slow.as_source()),
        fetch(10, 10..16, Source::Origin),
    ]);
    b.until("the origin's orders are carried out", |events| {
        held(events).len() == 6
    });
    gate.open_to(u64::MAX);
    b.until_landed(1);
    assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes);
    slow.until("it has them", |events| held(events).len() == 10);
}

#[test]
fn four_nodes_that_wait_for_each_other_all_finish() {
    const CHUNKS: u32 = 64;
    const CHUNK: usize = 64 * 1024;
    let (origin, found, bytes) = one_object(CHUNKS as usize * CHUNK);
    let origin = Arc::new(FaultyOrigin::new(origin));
    let mut tight = settings();
    tight.node_parallelism = 2;
    tight.max_uploads = 64;
    tight.memory_budget_bytes = 1;
    let mut hosts: Vec<Host> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|name| Host::with(name, origin.clone(), tight.clone()))
        .collect();
    for host in &hosts {
        hosts.iter().for_each(|other| host.meet(other));
        let found = std::slice::from_ref(&found);
        host.extend(catalog(host.root.path(), found, CHUNK as u64));
    }
    // Every node gets its relay orders first, and then those for the origin.
    for (me, host) in hosts.iter().enumerate() {
        let owner = |chunk: u32| chunk as usize % hosts.len();
        let (own, others): (Vec<u32>, Vec<u32>) = (0..CHUNKS).partition(|it| owner(*it) == me);
        let order = |chunk: &u32| {
            let source = match owner(*chunk) {
                owner if owner == me => Source::Origin,
                owner => hosts[owner].as_source(),
            };
            fetch(u64::from(*chunk), *chunk..*chunk + 1, source)
        };
        host.submit(others.iter().chain(&own).map(order).collect());
    }
    for host in &mut hosts {
        host.until_landed(1);
        assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
        assert!(failed(&host.events).is_empty(), "{:?}", host.events);
    }
    assert_eq!(origin.asked().len(), CHUNKS as usize);
}
