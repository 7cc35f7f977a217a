//! Orders that are cancelled or share a chunk, objects that are released, swarms that are left.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::faulty::{Fault as Script, FaultyOrigin};
use crate::memory::MemoryOrigin;
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{Order, Source};
use xfd_dataplane_core::store::{Disk, Room, StatVfs};

use crate::gate::Gate;
use crate::support::{
    Host, MIB, SWARM, catalog, eventually, failed, fetch, held, one_object, pack, refused, stores,
};

fn cancel(first_order: u64, count: u32) -> Order {
    Order::Cancel { first_order, count }
}

#[test]
fn a_cancelled_order_is_never_reported_and_its_chunk_is_free_again() {
    let (origin, found, _) = one_object(8 * MIB);
    let gate = Gate::new(origin);
    let mut host = Host::new("a", gate.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    // Four orders run and four are queued.
    host.submit(vec![fetch(0, 0..8, Source::Origin)]);
    eventually("four run", || gate.under_way() == 4);
    host.submit(vec![cancel(0, 8)]);
    eventually("none runs", || gate.under_way() == 0);
    gate.open_to(u64::MAX);
    host.submit(vec![fetch(100, 0..8, Source::Origin)]);
    host.until_landed(1);
    assert_eq!(host.events.len(), 9);
    assert!(held(&host.events).iter().all(|order| *order >= 100));
}

#[test]
fn two_orders_for_one_chunk_are_both_carried_out_by_one_fetch() {
    let (origin, found, _) = one_object(MIB);
    let gate = Gate::new(origin);
    let mut host = Host::new("a", gate.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![
        fetch(0, 0..1, Source::Origin),
        fetch(1, 0..1, Source::Origin),
    ]);
    eventually("it runs", || gate.under_way() == 1);
    gate.open_to(u64::MAX);
    host.until_landed(1);
    assert_eq!(held(&host.events), [0, 1]);
    assert_eq!(host.node.counters(None).origin_answers, 1);
}

#[test]
fn the_second_order_takes_over_when_the_first_one_fails_or_goes() {
    let (origin, found, _) = one_object(2 * MIB);
    let denied = Error::new(Kind::AccessDenied, "No");
    let gate = Gate::new(Arc::new(
        FaultyOrigin::new(origin).on_get(0, Script::Fail(denied)),
    ));
    let mut host = Host::new("a", gate.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![
        fetch(0, 0..1, Source::Origin),
        fetch(1, 0..1, Source::Origin),
    ]);
    eventually("the second one runs", || gate.under_way() == 1);
    host.submit(vec![fetch(2, 0..1, Source::Origin), cancel(1, 1)]);
    gate.open_to(u64::MAX);
    host.until("the third one is carried out", |events| held(events) == [2]);
    assert_eq!(failed(&host.events), [0]);
}

#[test]
fn released_objects_are_fetched_no_more() {
    let (origin, found, _) = one_object(2 * MIB);
    let gate = Gate::new(origin);
    let mut host = Host::new("a", gate.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..2, Source::Origin)]);
    eventually("they run", || gate.under_way() == 2);
    host.submit(vec![Order::Release { objects: vec![0] }]);
    eventually("they stop", || gate.under_way() == 0);
    host.submit(vec![fetch(2, 0..1, Source::Origin)]);
    host.until("a late order is refused", |events| failed(events) == [2]);
    assert!(refused(&host.events[0]).is_final);
    assert_eq!(host.events.len(), 1);
}

#[test]
fn leaving_takes_less_than_a_second_whatever_stalls() {
    let (origin, found, _) = one_object(8 * MIB);
    let gate = Gate::new(origin);
    let a = Host::new("a", gate.clone());
    let b = Host::new("b", gate.clone());
    b.meet(&a);
    for host in [&a, &b] {
        let found = std::slice::from_ref(&found);
        host.extend(catalog(host.root.path(), found, MIB as u64));
    }
    a.submit(vec![fetch(0, 0..8, Source::Origin)]);
    b.submit(vec![fetch(0, 0..8, a.as_source())]);
    gate.open_to(100_000);
    eventually("b relays", || b.node.counters(None).active_peer == 4);
    let started = Instant::now();
    std::thread::scope(|scope| {
        // A poll that waits is woken.
        scope.spawn(|| b.node.poll(SWARM, Duration::from_secs(60)));
        eventually("it polls", || gate.under_way() == 4);
        b.node.leave(SWARM);
        a.node.leave(SWARM);
    });
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(gate.under_way(), 0);
    for host in [&a, &b] {
        assert_eq!(host.node.counters(None).active_origin, 0);
        let again = host.node.poll(SWARM, Duration::ZERO).unwrap_err();
        assert_eq!(again.kind, Kind::InvalidRequest);
        host.node.leave(SWARM);
        assert!(host.has_written_only(&[]), "a part without a chunk is left");
    }
}

#[test]
fn a_closed_node_says_so_and_may_be_closed_again() {
    let (origin, found, _) = one_object(MIB);
    let gate = Gate::new(origin);
    let host = Host::new("a", gate.clone());
    host.extend(catalog(host.root.path(), &[found], MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    eventually("it runs", || gate.under_way() == 1);
    let started = Instant::now();
    host.node.close();
    host.node.close();
    assert!(started.elapsed() < Duration::from_secs(1));
    let error = host.node.find_objects(&[], &stores()).unwrap_err();
    assert_eq!(error.kind, Kind::Cancelled);
    assert!(std::net::TcpStream::connect(&host.address).is_err());
}

#[test]
fn what_was_fetched_before_leaving_is_not_fetched_again() {
    let (origin, found, bytes) = one_object(2 * MIB);
    let faulty = Arc::new(FaultyOrigin::new(origin));
    let mut host = Host::new("a", faulty.clone());
    let found = std::slice::from_ref(&found);
    host.extend(catalog(host.root.path(), found, MIB as u64));
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    host.until("a chunk is here", |events| held(events) == [0]);
    host.node.leave(SWARM);
    let settings = crate::support::settings();
    let mut again = Host::at("a", faulty.clone(), settings, host.root.clone());
    let inventory = again.extend(catalog(again.root.path(), found, MIB as u64));
    assert_eq!(inventory.held.len(), 1);
    again.submit(vec![fetch(0, 0..2, Source::Origin)]);
    again.until_landed(1);
    assert_eq!(faulty.asked().len(), 2);
    assert_eq!(std::fs::read(again.path("big")).unwrap(), bytes);
}

/// A disk whose syncs wait for a lock.
#[derive(Default)]
struct Stuck {
    held: Mutex<()>,
    waiting: AtomicBool,
}

impl Disk for Stuck {
    fn room(&self, folder: &Path) -> std::io::Result<Room> {
        StatVfs.room(folder)
    }

    fn sync(&self, file: &File) -> std::io::Result<()> {
        self.waiting.store(true, Ordering::SeqCst);
        drop(self.held.lock().unwrap());
        StatVfs.sync(file)
    }
}

#[test]
fn leaving_does_not_wait_for_a_landing_that_hangs() {
    let origin = Arc::new(MemoryOrigin::new());
    let found = ["one", "two"].map(|key| origin.put(key, key));
    let disk = Arc::new(Stuck::default());
    let host = Host::on_disk("a", origin, disk.clone());
    host.extend(pack(host.root.path(), &found));
    let held = disk.held.lock().unwrap();
    host.submit(vec![fetch(0, 0..1, Source::Origin)]);
    eventually("they are landing", || disk.waiting.load(Ordering::SeqCst));
    let started = Instant::now();
    host.node.leave(SWARM);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(host.path(".two.xfd-lock").exists(), "others keep off");
    drop(held);
    eventually("the landing has ended", || {
        !host.path(".two.xfd-lock").exists()
    });
    assert_eq!(std::fs::read(host.path("two")).unwrap(), b"two");
}
