//! Chunks from the origin: whole objects, packs, and what goes wrong on the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::faulty::{Fault as Script, FaultyOrigin};
use crate::memory::MemoryOrigin;
use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{NodeEvent, Order, Source};

use crate::support::{
    Host, MIB, SWARM, catalog, failed, fetch, held, one_object, pack, random_bytes,
};

#[test]
fn an_object_arrives_chunk_by_chunk_and_lands() {
    let (origin, found, bytes) = one_object(5 * MIB + 1);
    let mut host = Host::new("a", origin);
    let inventory = host.extend(catalog(host.root.path(), &[found], MIB as u64));
    assert!(inventory.held.is_empty() && inventory.landed.is_empty());
    host.submit(vec![fetch(10, 0..6, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    let mut orders = held(&host.events);
    orders.sort_unstable();
    assert_eq!(orders, [10, 11, 12, 13, 14, 15]);
    for event in &host.events {
        if let NodeEvent::ChunkHeld {
            chunk, crc, size, ..
        } = event
        {
            let start = *chunk as usize * MIB;
            let part = &bytes[start..bytes.len().min(start + MIB)];
            assert_eq!((*crc, *size), (crc64(part), part.len() as u64));
        }
    }
    let counters = host.node.counters(Some(SWARM));
    assert_eq!(counters.origin_bytes, bytes.len() as u64);
    assert_eq!(counters.origin_answers, 6);
    assert_eq!(counters.chunks_from_origin, 6);
    assert_eq!(counters.active_origin, 0);
}

#[test]
fn a_second_run_moves_no_bytes() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let mut host = Host::new("a", origin.clone());
    host.extend(catalog(
        host.root.path(),
        std::slice::from_ref(&found),
        MIB as u64,
    ));
    host.submit(vec![fetch(0, 0..2, Source::Origin)]);
    host.until_landed(1);
    host.node.leave(SWARM);
    let again = Host::at("a", origin, crate::support::settings(), host.root.clone());
    let inventory = again.extend(catalog(again.root.path(), &[found], MIB as u64));
    assert_eq!(inventory.landed, [0]);
    assert_eq!(inventory.cached_bytes, bytes.len() as u64);
    assert_eq!(again.node.counters(None).origin_answers, 0);
}

#[test]
fn an_order_for_a_held_chunk_is_carried_out_at_once() {
    let (origin, found, _) = one_object(2 * MIB);
    let mut host = Host::new("a", origin);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("the chunk is held", |events| held(events) == [0]);
    host.submit(vec![fetch(1, 0..1, Source::Origin)]);
    host.until("it is reported again", |events| held(events) == [0, 1]);
    assert_eq!(host.node.counters(Some(SWARM)).origin_answers, 1);
}

#[test]
fn a_body_that_is_cut_goes_on_at_its_byte() {
    let (origin, found, bytes) = one_object(MIB);
    let cut = 300_000;
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(0, Script::CutAfter(cut)));
    let mut host = Host::new("a", origin.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    let ranges: Vec<_> = origin
        .asked()
        .into_iter()
        .map(|asked| asked.range)
        .collect();
    assert_eq!(ranges, [None, Some(cut..MIB as u64)]);
    let counters = host.node.counters(Some(SWARM));
    assert_eq!((counters.origin_bytes, counters.retries), (MIB as u64, 1));
}

#[test]
fn a_stalled_body_is_requested_again_from_its_byte() {
    let (origin, found, bytes) = one_object(4 * MIB);
    let slow = Script::Crawl(Duration::from_millis(20));
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(1, slow));
    let mut host = Host::new("a", origin.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("one is held", |events| held(events).len() == 1);
    let began = Instant::now();
    host.submit(vec![fetch(1, 1..2, Source::Origin)]);
    host.until("two are held", |events| held(events).len() == 2);
    assert!(began.elapsed() < Duration::from_secs(10)); // It would have taken 20 s.
    host.submit(vec![fetch(2, 2..4, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    let second = origin.asked()[1].range.clone().unwrap();
    let again = origin.asked()[2].range.clone().unwrap();
    assert!(second.start < again.start && again.end == second.end);
    let counters = host.node.counters(Some(SWARM));
    assert_eq!(
        (counters.origin_bytes, counters.retries),
        (4 * MIB as u64, 1)
    );
}

/// Beside a request that is slow and comes to its end, one falls silent, or is never answered.
#[test]
fn what_is_silent_is_requested_again_long_before_the_time_out_if_others_bring_bytes() {
    for silence in [Script::StallAfter(70_000), Script::Hang] {
        let (origin, found, bytes) = one_object(3 * MIB);
        let slow = Script::Crawl(Duration::from_millis(5));
        let faulty = FaultyOrigin::new(origin).on_get(1, silence.clone());
        let origin = Arc::new(faulty.on_get(2, slow.clone()).on_get(3, slow.clone()));
        let mut settings = crate::support::settings();
        settings.read_timeout = Duration::from_secs(60);
        let mut host = Host::with("a", origin.clone(), settings);
        host.extend(catalog(host.root.path(), &[found], MIB as u64));
        host.submit(vec![fetch(0, 0..1, Source::Origin)]);
        host.until("one is held", |events| held(events).len() == 1);
        let began = Instant::now();
        host.submit(vec![fetch(1, 1..3, Source::Origin)]);
        host.until_landed(1);
        assert!(began.elapsed() < Duration::from_secs(30), "{silence:?}");
        assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
        assert_eq!(failed(&host.events), [0; 0], "{silence:?}");
    }
}

#[test]
fn a_node_that_receives_nothing_at_all_does_not_request_again_what_is_silent() {
    let (origin, found, _) = one_object(2 * MIB);
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(1, Script::StallAfter(70_000)));
    let mut settings = crate::support::settings();
    settings.read_timeout = Duration::from_secs(4);
    let mut host = Host::with("a", origin.clone(), settings);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("one is held", |events| held(events).len() == 1);
    let began = Instant::now();
    host.submit(vec![fetch(1, 1..2, Source::Origin)]);
    host.until_landed(1);
    assert!(began.elapsed() >= Duration::from_secs(4));
}

#[test]
fn a_body_that_the_node_itself_holds_back_is_not_requested_again() {
    let (origin, found, _) = one_object(2 * MIB);
    let mut host = Host::new("a", origin);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("one is held", |events| held(events).len() == 1);
    let mut slow = crate::support::settings();
    slow.download_bytes_per_s = Some(MIB as u64 / 3);
    host.node.reconfigure(&slow).unwrap();
    host.submit(vec![fetch(1, 1..2, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(host.node.counters(Some(SWARM)).retries, 0);
}

#[test]
fn a_body_that_stalls_is_asked_for_again() {
    let (origin, found, _) = one_object(MIB);
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(0, Script::StallAfter(70_000)));
    let mut settings = crate::support::settings();
    settings.read_timeout = Duration::from_millis(100);
    let mut host = Host::with("a", origin.clone(), settings);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(origin.asked()[1].range, Some(70_000..MIB as u64));
}

#[test]
fn every_fault_of_a_request_is_got_over() {
    let broken = Error::new(Kind::OriginUnreachable, "no");
    for fault in [
        Script::Fail(broken),
        Script::Throttle(None),
        Script::Hang,
        Script::CutAfter(0),
        Script::CutAfter(300_000),
        Script::StallAfter(0),
        Script::StallAfter(300_000),
    ] {
        let (origin, found, bytes) = one_object(2 * MIB);
        let origin = Arc::new(FaultyOrigin::new(origin).on_get(1, fault.clone()));
        let mut settings = crate::support::settings();
        settings.connect_timeout = Duration::from_millis(100);
        settings.read_timeout = Duration::from_millis(100);
        let mut host = Host::with("a", origin, settings);
        host.extend(catalog(host.root.path(), &[found], MIB as u64));
        host.submit(vec![fetch(0, 0..2, Source::Origin)]);
        host.until_landed(1);
        let read = std::fs::read(host.path("big")).unwrap();
        assert!(read == bytes, "{fault:?}");
        assert_eq!(failed(&host.events), [0; 0], "{fault:?}");
        assert_eq!(host.node.counters(None).retries, 1, "{fault:?}");
    }
}

#[test]
fn a_held_chunk_that_differs_from_a_later_pin_comes_again_by_itself() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(0, Script::Flip(5)));
    let mut host = Host::new("a", origin.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("the bad chunk is held", |events| held(events) == [0]);
    let crcs = (0..2).zip(bytes.chunks(MIB).map(crc64)).collect();
    host.submit(vec![Order::Pin { crcs }, fetch(1, 1..2, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    // The node gave that order itself, so it is not reported.
    assert_eq!(held(&host.events), [0, 1]);
    assert_eq!(origin.asked().len(), 3);
}

#[test]
fn a_pack_of_small_objects_lands_them_all() {
    let origin = Arc::new(MemoryOrigin::new());
    let bodies: Vec<_> = (0..300)
        .map(|n| random_bytes(n * 37 % 5000, n as u64))
        .collect();
    let found: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(n, body)| origin.put(&format!("f{n}"), body.clone()))
        .collect();
    let faulty = FaultyOrigin::new(origin)
        .on_get(17, Script::CutAfter(100))
        .on_get(40, Script::Throttle(None));
    let mut host = Host::new("a", Arc::new(faulty));
    let catalog = pack(host.root.path(), &found);
    let size = catalog.chunks[0].size;
    host.extend(catalog);
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until_landed(300);
    for (n, body) in bodies.iter().enumerate() {
        assert_eq!(
            &std::fs::read(host.path(&format!("f{n}"))).unwrap(),
            body,
            "f{n}"
        );
    }
    let counters = host.node.counters(None);
    assert_eq!((counters.origin_bytes, counters.retries), (size, 2));
}

#[test]
fn empty_objects_land_by_themselves() {
    let origin = Arc::new(MemoryOrigin::new());
    let found = origin.put("empty", "");
    let mut host = Host::new("a", origin);
    let mut wanted = catalog(host.root.path(), std::slice::from_ref(&found), MIB as u64);
    wanted.chunks = pack(host.root.path(), &[found]).chunks;
    host.extend(wanted);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("empty")).unwrap(), b"");
}

#[test]
fn an_origin_that_names_its_reset_gets_no_request_before() {
    let (origin, found, bytes) = one_object(4 * MIB);
    let rest = Duration::from_secs(3);
    let origin = Arc::new(FaultyOrigin::new(origin).on_get(0, Script::Throttle(Some(rest))));
    let settings = xfd_dataplane_core::model::NodeSettings {
        node_parallelism: 1,
        ..crate::support::settings()
    };
    let mut host = Host::with("a", origin.clone(), settings);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    let throttled = Instant::now();
    host.submit(crate::support::each(0..4));
    host.until("the others are given back", |events| {
        failed(events).len() == 4
    });
    assert_eq!(origin.calls(), 1, "one order sent a request for all");
    for event in &host.events {
        if let NodeEvent::OrderFailed {
            error, is_final, ..
        } = event
        {
            assert_eq!(error.kind, Kind::OriginThrottled);
            let left = error.retry_after.unwrap();
            assert!(!is_final && left > rest / 2 && left < 2 * rest, "{left:?}");
        }
    }
    assert!(throttled.elapsed() < rest, "no slot waits for the reset");
    std::thread::sleep((rest + Duration::from_millis(700)).saturating_sub(throttled.elapsed()));
    host.submit(vec![fetch(10, 0..4, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
}

#[test]
fn a_pack_that_has_some_objects_waits_for_the_reset_and_keeps_them() {
    let memory = MemoryOrigin::new();
    let found = ["a", "b", "c"].map(|key| memory.put(key, key.as_bytes()));
    let rest = Some(Duration::from_secs(3));
    let origin = FaultyOrigin::new(Arc::new(memory)).on_get(2, Script::Throttle(rest));
    let origin = Arc::new(origin);
    let mut host = Host::new("a", origin.clone());
    host.extend(pack(host.root.path(), &found));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    crate::support::eventually("it waits", || {
        host.node.counters(Some(SWARM)).active_resets == 1
    });
    host.until_landed(3);
    assert!(failed(&host.events).is_empty());
    assert_eq!(origin.calls(), 4, "no object is read twice");
    assert_eq!(host.node.counters(Some(SWARM)).active_resets, 0);
}
