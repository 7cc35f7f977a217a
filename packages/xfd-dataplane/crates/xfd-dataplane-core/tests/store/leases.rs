//! The right to write a chunk, and what is left if it is given up.

use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::store::{Refusal, Store};

use crate::support::{Place, content, cut, fill, object, options, store};

#[test]
fn several_chunks_of_one_object_are_written_at_once() {
    let place = Place::new();
    let bytes = content(80_000, 2);
    let store = store();
    let path = place.path("model.bin");
    store
        .extend(cut(vec![object(0, path.clone(), bytes.len())], 10_000))
        .unwrap();
    let mut leases: Vec<_> = (0..8).map(|it| store.lease(it).unwrap().unwrap()).collect();
    std::thread::scope(|scope| {
        for (lease, bytes) in leases.iter_mut().zip(bytes.chunks(10_000)) {
            scope.spawn(|| bytes.chunks(700).for_each(|it| lease.write(it).unwrap()));
        }
    });
    for lease in leases {
        lease.commit(None).unwrap();
    }
    store.land(0).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), bytes);
}

#[test]
fn a_chunk_has_one_writer() {
    let place = Place::new();
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 10)], 10))
        .unwrap();
    let lease = store.lease(0).unwrap().unwrap();
    assert_eq!(store.lease(0).err(), Some(Refusal::Leased));
    drop(lease);
    let crc = fill(&store, 0, b"0123456789").crc;
    assert_eq!(store.lease(0).err(), Some(Refusal::Held(Some(crc))));
    assert_eq!(store.lease(1).err(), Some(Refusal::Unwanted));
    store.release(&[0]);
    assert_eq!(store.lease(0).err(), Some(Refusal::Held(Some(crc))));
}

#[test]
fn a_lease_takes_the_chunks_length_and_no_other() {
    let place = Place::new();
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 10)], 10))
        .unwrap();
    let mut lease = store.lease(0).unwrap().unwrap();
    assert_eq!(lease.write(&[0; 11]).unwrap_err().kind, Kind::Internal);
    lease.write(b"01234").unwrap();
    assert_eq!(lease.position(), 5);
    assert_eq!(lease.commit(None).unwrap_err().kind, Kind::Internal);
    fill(&store, 0, b"0123456789");
}

#[test]
fn a_chunk_that_differs_from_its_pin_is_missing_again() {
    let place = Place::new();
    let options = options("node-a");
    let stats = options.stats.clone();
    let store = Store::new(options);
    store
        .extend(cut(vec![object(0, place.path("a"), 10)], 10))
        .unwrap();
    assert!(!store.pin(0, crc64(b"0123456789")));
    assert_eq!(store.pinned(0), Some(crc64(b"0123456789")));
    let mut lease = store.lease(0).unwrap().unwrap();
    lease.write(b"012345678X").unwrap();
    let error = lease.commit(None).unwrap_err();
    assert_eq!(error.kind, Kind::ChecksumMismatch);
    assert_eq!(stats.read().verification_failures, 1);

    let mut lease = store.lease(0).unwrap().unwrap();
    lease.write(b"01234").unwrap();
    lease.rewind();
    lease.write(b"0123456789").unwrap();
    lease.commit(Some(crc64(b"0123456789"))).unwrap();
    assert!(!store.pin(0, crc64(b"0123456789")));
    assert!(store.pin(0, 17), "it is held with another one");
    store.land(0).unwrap();
}

/// Writes five of a chunk's ten bytes and gives the lease up; where the next lease starts.
fn next_begins(given_up: impl FnOnce(&Store, &mut xfd_dataplane_core::store::Lease)) -> u64 {
    let place = Place::new();
    let store = store();
    let objects = || cut(vec![object(0, place.path("a"), 10)], 10);
    store.extend(objects()).unwrap();
    let mut lease = store.lease(0).unwrap().unwrap();
    lease.write(b"01234").unwrap();
    given_up(&store, &mut lease);
    drop(lease);
    store.extend(objects()).unwrap();
    let mut lease = store.lease(0).unwrap().unwrap();
    let resumed_at = lease.resumed_at();
    assert_eq!(lease.position(), resumed_at);
    lease.write(&b"0123456789"[resumed_at as usize..]).unwrap();
    let committed = lease.commit(None).unwrap();
    assert_eq!(committed.crc, crc64(b"0123456789"));
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"0123456789");
    resumed_at
}

#[test]
fn a_lease_resumes_where_the_last_one_was_given_up() {
    assert_eq!(next_begins(|_, lease| lease.set_resumable(true)), 5);
    assert_eq!(next_begins(|_, _| {}), 0);
    let withdrawn = next_begins(|_, lease| {
        lease.set_resumable(true);
        lease.set_resumable(false);
    });
    assert_eq!(withdrawn, 0);
    let of_an_object_that_failed = next_begins(|store, lease| {
        lease.set_resumable(true);
        store.fail(0);
    });
    assert_eq!(of_an_object_that_failed, 0);
}

#[test]
fn a_chunk_that_turned_out_wrong_begins_anew() {
    let place = Place::new();
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 10)], 10))
        .unwrap();
    store.pin(0, crc64(b"0123456789"));
    let mut lease = store.lease(0).unwrap().unwrap();
    lease.set_resumable(true);
    lease.write(b"0123x").unwrap();
    drop(lease);
    let mut lease = store.lease(0).unwrap().unwrap();
    lease.set_resumable(true);
    lease.write(b"56789").unwrap();
    let error = lease.commit(None).unwrap_err();
    assert_eq!(error.kind, Kind::ChecksumMismatch);
    assert_eq!(store.lease(0).unwrap().unwrap().resumed_at(), 0);
}
