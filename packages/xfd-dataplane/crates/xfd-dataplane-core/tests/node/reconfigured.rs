//! Settings that change while a node works.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::memory::MemoryOrigin;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::limits::{BODY_BYTES, PIECE_BYTES};
use xfd_dataplane_core::model::{NodeSettings, Source};

use crate::gate::Gate;
use crate::support::{
    Host, MIB, catalog, each, eventually, fetch, held, one_object, settings, wanted,
};

fn with(change: impl Fn(&mut NodeSettings)) -> NodeSettings {
    let mut settings = settings();
    change(&mut settings);
    settings
}

#[test]
fn more_slots_are_filled_at_once_and_fewer_as_orders_end() {
    let (origin, found, _) = one_object(12 * MIB);
    let gate = Gate::new(origin);
    let mut host = Host::with("a", gate.clone(), with(|it| it.node_parallelism = 2));
    host.extend(wanted(&host, &found));
    // With peers, each chunk has a GET of its own.
    host.meet(&Host::new("b", Arc::new(MemoryOrigin::new())));
    host.submit(each(0..12));
    eventually("both slots are taken", || gate.under_way() == 2);

    let eight = with(|it| it.node_parallelism = 8);
    host.node.reconfigure(&eight).unwrap();
    eventually("eight are taken", || gate.under_way() == 8);

    let one = with(|it| it.node_parallelism = 1);
    host.node.reconfigure(&one).unwrap();
    assert_eq!(gate.under_way(), 8, "nothing that runs is ended");
    gate.open_to(8 * MIB as u64);
    host.until("eight are held", |events| held(events).len() == 8);
    eventually("one goes on", || gate.under_way() == 1);
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(gate.under_way(), 1);
    gate.open_to(u64::MAX);
    host.until_landed(1);
}

#[test]
fn more_memory_lets_more_bodies_begin() {
    let bodies = |count: usize| {
        with(|it| {
            it.node_parallelism = 8;
            it.max_uploads = 1;
            it.memory_budget_bytes = PIECE_BYTES + count * BODY_BYTES as usize;
        })
    };
    let (origin, found, _) = one_object(8 * MIB);
    let gate = Gate::new(origin);
    let mut host = Host::with("a", gate.clone(), bodies(2));
    host.extend(wanted(&host, &found));
    host.submit(each(0..8));
    eventually("two bodies are under way", || gate.under_way() == 2);

    host.node.reconfigure(&bodies(5)).unwrap();
    eventually("five are", || gate.under_way() == 5);
    // If the new limit is below what is in use, a waiting body starts when it fits.
    host.node.reconfigure(&bodies(1)).unwrap();
    gate.open_to(u64::MAX);
    host.until_landed(1);
    assert_eq!(gate.most_at_once(), 5);
}

/// Each rate first makes a body take longer than the test waits.
#[test]
fn a_rate_that_is_raised_or_lifted_concerns_what_waits_for_the_old_one() {
    type Set = fn(&mut NodeSettings, Option<u64>);
    let rates: [(&str, Set); 3] = [
        ("origin", |it, rate| it.origin_bytes_per_s = rate),
        ("download", |it, rate| it.download_bytes_per_s = rate),
        ("upload", |it, rate| it.upload_bytes_per_s = rate),
    ];
    for (name, set) in rates {
        for raised in [Some(1 << 30), None] {
            let (origin, found, bytes) = one_object(2 * MIB);
            let slow = with(|it| set(it, Some(1024)));
            let mut a = Host::with("a", origin, slow);
            a.extend(wanted(&a, &found));
            a.submit(vec![fetch(0, 0..2, Source::Origin)]);
            let mut b = Host::new("b", Arc::new(MemoryOrigin::new()));
            b.extend(wanted(&b, &found));
            b.meet(&a);
            if name == "upload" {
                a.until_landed(1);
            }
            b.submit(vec![fetch(0, 0..2, a.as_source())]);
            b.drain(Duration::from_millis(100));
            assert!(held(&b.events).is_empty(), "{name} is not limited");

            a.node.reconfigure(&with(|it| set(it, raised))).unwrap();
            b.until_landed(1);
            assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes, "{name}");
        }
    }
}

#[test]
fn a_rate_may_be_set_where_there_was_none() {
    let (origin, found, _) = one_object(2 * MIB);
    let mut host = Host::new("a", origin);
    host.extend(wanted(&host, &found));
    let slow = with(|it| it.download_bytes_per_s = Some(4 * MIB as u64));
    host.node.reconfigure(&slow).unwrap();
    let started = Instant::now();
    host.submit(vec![fetch(0, 0..2, Source::Origin)]);
    host.until_landed(1);
    assert!(started.elapsed() > Duration::from_millis(350));
}

#[test]
fn more_uploads_are_served_and_fewer_are_not_cut() {
    let uploads = |most, rate: Option<u64>| {
        with(|it| {
            it.max_uploads = most;
            it.upload_bytes_per_s = rate;
        })
    };
    let (origin, found, bytes) = one_object(4 * MIB);
    let mut a = Host::with("a", origin, uploads(1, Some(1024)));
    let mut b = Host::new("b", Arc::new(MemoryOrigin::new()));
    for host in [&a, &b] {
        let found = std::slice::from_ref(&found);
        host.extend(catalog(host.root.path(), found, MIB as u64));
    }
    a.submit(vec![fetch(0, 0..4, Source::Origin)]);
    a.until_landed(1);
    b.meet(&a);
    let serving = |host: &Host| host.node.counters(None).active_served;
    b.submit(vec![fetch(0, 0..2, a.as_source())]);
    eventually("one is served, the other waits", || serving(&a) == 1);

    a.node.reconfigure(&uploads(4, Some(1024))).unwrap();
    b.submit(vec![fetch(2, 2..4, a.as_source())]);
    eventually("all four are served", || serving(&a) == 4);

    a.node.reconfigure(&uploads(1, None)).unwrap();
    b.until_landed(1);
    assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes);
}

#[test]
fn what_a_running_node_cannot_change_is_refused_by_name_and_changes_nothing() {
    type Change = fn(&mut NodeSettings);
    let fixed: [(&str, Change); 6] = [
        ("connect_timeout_s", |it| it.connect_timeout *= 2),
        ("read_timeout_s", |it| it.read_timeout *= 2),
        ("attempts", |it| it.attempts += 1),
        ("relay_wait_s", |it| it.relay_wait *= 2),
        ("unpack_caps", |it| it.unpack_caps.max_entries += 1),
        ("verify_whole", |it| it.verify_whole = true),
    ];
    let (origin, found, _) = one_object(8 * MIB);
    let gate = Gate::new(origin);
    let host = Host::with("a", gate.clone(), with(|it| it.node_parallelism = 2));
    for (name, change) in fixed {
        let mut other = with(|it| it.node_parallelism = 8);
        change(&mut other);
        let refused = host.node.reconfigure(&other).unwrap_err();
        assert_eq!(refused.kind, Kind::InvalidRequest);
        let what = format!("A running node cannot change {name}");
        assert_eq!(refused.what, what);
    }
    host.extend(wanted(&host, &found));
    host.submit(each(0..8));
    eventually("both slots are taken", || gate.under_way() == 2);
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(gate.most_at_once(), 2);
}
