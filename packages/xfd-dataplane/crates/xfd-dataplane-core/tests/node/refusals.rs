//! What the origin refuses, changes or gets wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::faulty::{Fault as Script, FaultyOrigin};
use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{Fault, NodeEvent, Order, Source};

use crate::support::{
    Host, MIB, Refused, SWARM, catalog, failed, fetch, held, one_object, random_bytes, refused,
};

#[test]
fn what_is_refused_for_good_fails_at_once() {
    let (origin, found, _) = one_object(MIB);
    let denied = Error::new(Kind::AccessDenied, "No");
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(0, Script::Fail(denied)));
    let mut host = Host::new("a", origin.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("the order failed", |events| failed(events) == [0]);
    let Refused {
        error,
        fault,
        is_final,
        ..
    } = refused(&host.events[0]);
    assert_eq!(error.kind, Kind::AccessDenied);
    assert_eq!(error.object.as_deref(), Some("big"));
    assert!(is_final && fault == Fault::Origin);
    assert_eq!(origin.calls(), 1);
}

#[test]
fn an_origin_that_throttles_for_long_is_given_up_with_its_patience() {
    let (origin, found, _) = one_object(MIB);
    let mut faulty = FaultyOrigin::new(origin);
    let wait = Duration::from_millis(60);
    for get in 0..4 {
        faulty = faulty.on_get(get, Script::Throttle(Some(wait)));
    }
    let mut host = Host::new("a", Arc::new(faulty));
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    let started = Instant::now();
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("the order failed", |events| failed(events) == [0]);
    assert!(started.elapsed() >= 3 * wait, "between four tries");
    let Refused {
        error, is_final, ..
    } = refused(&host.events[0]);
    assert_eq!(
        (error.kind, error.retry_after),
        (Kind::OriginThrottled, Some(wait))
    );
    assert!(!is_final);
    // The fifth GET is answered: the object is not lost.
    host.submit(vec![fetch(1, 0..1, Source::Origin)]);
    host.until_landed(1);
}

#[test]
fn an_object_overwritten_on_the_way_leaves_nothing() {
    let (origin, found, _) = one_object(2 * MIB);
    let mut host = Host::new("a", origin.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("one chunk is here", |events| held(events) == [0]);
    origin.put("big", random_bytes(2 * MIB, 8));
    host.submit(vec![fetch(1, 1..2, Source::Origin)]);
    host.until("the other is refused", |events| failed(events) == [1]);
    let Refused {
        error, is_final, ..
    } = refused(&host.events[1]);
    assert!(error.kind == Kind::ObjectChanged && is_final);
    host.node.leave(SWARM);
    assert!(host.has_written_only(&[]), "something is left");
}

#[test]
fn bytes_that_differ_from_their_pin_are_the_origins_fault_and_come_again_alone() {
    let (origin, found, bytes) = one_object(3 * MIB);
    let flip = Script::Flip(5);
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(0, flip));
    let mut settings = crate::support::settings();
    settings.node_parallelism = 1;
    let mut host = Host::with("a", origin.clone(), settings);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    let crcs = (0..3).zip(bytes.chunks(MIB).map(crc64)).collect();
    host.submit(vec![Order::Pin { crcs }, fetch(0, 0..3, Source::Origin)]);
    host.until("all are over", |events| events.len() == 3);
    let Refused {
        fault,
        bad_bytes,
        is_final,
        ..
    } = refused(&host.events[0]);
    assert!(fault == Fault::Origin && bad_bytes && !is_final);
    host.submit(vec![fetch(3, 0..1, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    assert_eq!(host.node.counters(None).origin_bytes, 4 * MIB as u64);
    assert_eq!(host.node.counters(None).verification_failures, 1);
}

#[test]
fn a_whole_that_is_wrong_names_its_chunks_as_suspects() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(0, Script::Flip(5)));
    let mut settings = crate::support::settings();
    settings.node_parallelism = 1;
    let mut host = Host::with("a", origin, settings);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..2, Source::Origin)]);
    host.until("the object fails", |events| {
        let is_suspect = |event: &NodeEvent| {
            matches!(
                event,
                NodeEvent::ObjectFailed {
                    chunks_suspect: true,
                    ..
                }
            )
        };
        events.iter().any(is_suspect)
    });
    assert!(!host.path("big").exists());
    // The scheduler has found out which one it was.
    host.events.clear();
    host.submit(vec![
        Order::Discard { chunks: vec![0] },
        fetch(2, 0..1, Source::Origin),
    ]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
}
