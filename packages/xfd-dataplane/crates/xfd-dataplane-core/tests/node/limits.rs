//! Slots, uploads, rates.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::faulty::{Fault as Script, FaultyOrigin};
use crate::memory::MemoryOrigin;
use xfd_dataplane_core::limits::{BODY_BYTES, PIECE_BYTES};
use xfd_dataplane_core::model::Source;

use crate::gate::Gate;
use crate::support::{Host, MIB, SWARM, catalog, eventually, fetch, held, one_object, settings};

#[test]
fn no_more_chunks_are_fetched_at_once_than_there_are_slots() {
    let (origin, found, _) = one_object(8 * MIB);
    let gate = Gate::new(origin);
    let mut host = Host::new("a", gate.clone());
    host.extend(catalog(host.root.path(), &[found], (MIB / 4) as u64));
    host.submit(vec![fetch(0, 0..32, Source::Origin)]);
    eventually("all slots are taken", || gate.under_way() == 4);
    for place in 0..32 {
        gate.open_to((place + 1) * (MIB / 4) as u64);
        std::thread::yield_now();
    }
    host.until_landed(1);
    assert_eq!(gate.most_at_once(), 4);
}

#[test]
fn no_more_chunks_are_served_at_once_than_is_allowed() {
    let (origin, found, bytes) = one_object(4 * MIB);
    let mut two = settings();
    two.max_uploads = 2;
    two.upload_bytes_per_s = Some(16 * MIB as u64);
    let mut a = Host::with("a", origin, two);
    let mut all: Vec<Host> = ["b", "c", "d"]
        .into_iter()
        .map(|name| Host::new(name, Arc::new(MemoryOrigin::new())))
        .collect();
    for host in all.iter().chain([&a]) {
        let found = std::slice::from_ref(&found);
        host.extend(catalog(host.root.path(), found, MIB as u64));
        host.meet(&a);
    }
    a.submit(vec![fetch(0, 0..4, Source::Origin)]);
    a.until_landed(1);
    let mut next = [0_u64; 3];
    for host in &all {
        host.submit(vec![fetch(0, 0..4, a.as_source())]);
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while all.iter().any(|host| held(&host.events).len() < 4) {
        assert!(Instant::now() < deadline);
        assert!(a.node.counters(None).active_served <= 2);
        for (host, next) in all.iter_mut().zip(&mut next) {
            let before = host.events.len();
            host.drain(Duration::from_millis(1));
            // A refused chunk is ordered again, as a scheduler does.
            for event in &host.events[before..] {
                if let xfd_dataplane_core::model::NodeEvent::OrderFailed { chunk, error, .. } =
                    event
                {
                    assert_eq!(error.retry_after, Some(Duration::from_secs(1)), "{error:?}");
                    *next += 1;
                    let order = 100 + *next;
                    host.node
                        .submit(SWARM, vec![fetch(order, *chunk..*chunk + 1, a.as_source())])
                        .unwrap();
                }
            }
        }
    }
    for host in &mut all {
        host.until("it landed", |events| crate::support::landed(events) == 1);
        assert_eq!(std::fs::read(host.path("big")).unwrap(), bytes);
    }
}

#[test]
fn a_download_rate_is_kept() {
    let (origin, found, _) = one_object(2 * MIB);
    let mut slow = settings();
    slow.download_bytes_per_s = Some(4 * MIB as u64);
    let mut host = Host::with("a", origin, slow);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    let started = Instant::now();
    host.submit(vec![fetch(0, 0..2, Source::Origin)]);
    host.until_landed(1);
    // Half a second, less the tenth of one that a bucket holds, and the last piece's own wait.
    assert!(
        started.elapsed() > Duration::from_millis(350),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn an_origin_s_rate_is_kept_and_does_not_concern_peers() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let wanted = |host: &Host| {
        let found = std::slice::from_ref(&found);
        catalog(host.root.path(), found, MIB as u64)
    };
    let mut slow = settings();
    slow.origin_bytes_per_s = Some(4 * MIB as u64);
    let mut a = Host::with("a", origin, slow);
    a.extend(wanted(&a));
    let started = Instant::now();
    a.submit(vec![fetch(0, 0..2, Source::Origin)]);
    a.until_landed(1);
    assert!(started.elapsed() > Duration::from_millis(350));

    // At this rate it would take longer than the test waits.
    let mut slow = settings();
    slow.origin_bytes_per_s = Some(1024);
    let mut b = Host::with("b", Arc::new(MemoryOrigin::new()), slow);
    b.extend(wanted(&b));
    b.meet(&a);
    b.submit(vec![fetch(0, 0..2, a.as_source())]);
    b.until_landed(1);
    assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes);
}

#[test]
fn an_upload_rate_is_kept_and_does_not_concern_downloads() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let mut slow = settings();
    slow.upload_bytes_per_s = Some(4 * MIB as u64);
    let mut a = Host::with("a", origin.clone(), slow.clone());
    slow.upload_bytes_per_s = Some(1024);
    let mut b = Host::with("b", origin, slow);
    for host in [&a, &b] {
        let found = std::slice::from_ref(&found);
        host.extend(catalog(host.root.path(), found, MIB as u64));
    }
    b.meet(&a);
    a.submit(vec![fetch(0, 0..2, Source::Origin)]);
    a.until_landed(1);
    let started = Instant::now();
    b.submit(vec![fetch(0, 0..2, a.as_source())]);
    b.until_landed(1);
    assert!(started.elapsed() > Duration::from_millis(350));
    assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes);
}

#[test]
fn no_more_bodies_are_under_way_than_the_budget_has_room_for() {
    let (origin, found, _) = one_object(8 * MIB);
    let gate = Gate::new(origin);
    let mut tight = settings();
    tight.node_parallelism = 8;
    tight.max_uploads = 1;
    tight.memory_budget_bytes = PIECE_BYTES + 2 * BODY_BYTES as usize;
    let mut host = Host::with("a", gate.clone(), tight);
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..8, Source::Origin)]);
    eventually("two bodies are under way", || gate.under_way() == 2);
    gate.open_to(u64::MAX);
    host.until_landed(1);
    assert_eq!(gate.most_at_once(), 2);
}

#[test]
fn an_origin_that_asks_for_fewer_requests_gets_fewer() {
    let memory = Arc::new(MemoryOrigin::new());
    let found: Vec<_> = (0..300)
        .map(|n| memory.put(&format!("f{n}"), crate::support::random_bytes(1000, n)))
        .collect();
    let mut faulty = FaultyOrigin::new(memory);
    for get in 0..5 {
        faulty = faulty.on_get(get, Script::Throttle(None));
    }
    let gate = Gate::new(Arc::new(faulty));
    let mut host = Host::new("a", gate.clone());
    host.extend(crate::support::pack(host.root.path(), &found));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    // A pack has 64 requests under way otherwise.
    eventually("half of them are under way", || gate.under_way() >= 32);
    gate.open_to(u64::MAX);
    host.until_landed(300);
    // One more for each limit's worth of answers.
    assert!(
        gate.most_at_once() <= 32 + 300 / 32,
        "{}",
        gate.most_at_once()
    );
}

#[test]
fn a_small_budget_slows_packs_down_and_stops_nothing() {
    let origin = Arc::new(MemoryOrigin::new());
    let found: Vec<_> = (0..40)
        .map(|n| origin.put(&format!("f{n}"), crate::support::random_bytes(300_000, n)))
        .collect();
    let mut tight = settings();
    tight.memory_budget_bytes = 1;
    let mut host = Host::with("a", origin, tight);
    host.extend(crate::support::pack(host.root.path(), &found));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until_landed(40);
}
