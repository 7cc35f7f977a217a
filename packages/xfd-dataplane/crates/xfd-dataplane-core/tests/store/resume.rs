//! A run that was killed is resumed. A store that is dropped without `leave` leaves on the disk
//! what a killed process leaves; its locks end with it.

use std::fs::OpenOptions;
use std::io::Write;

use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{Checksum, ChecksumAlgorithm, Inventory};

use crate::support::{Place, content, cut, fill, fill_all, held, object, read, rot, store};

#[test]
fn committed_chunks_are_held_by_the_next_run() {
    let place = Place::new();
    let bytes = content(5000, 1);
    let mut wanted = object(0, place.path("a"), 5000);
    wanted.found.checksum = Some(Checksum {
        algorithm: ChecksumAlgorithm::Crc32c,
        value: format!(
            "{:08x}",
            crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &bytes)
        ),
    });
    let catalog = cut(vec![wanted], 1000);
    let killed = store();
    killed.extend(catalog.clone()).unwrap();
    fill(&killed, 1, &bytes[1000..2000]);
    fill(&killed, 3, &bytes[3000..4000]);
    let mut in_flight = killed.lease(2).unwrap().unwrap();
    in_flight.write(&bytes[2000..2500]).unwrap();
    std::mem::drop((in_flight, killed));

    let store = store();
    let inventory = store.extend(catalog).unwrap();
    assert_eq!(held(&inventory), [1, 3]);
    assert_eq!(read(&store, 3).0, &bytes[3000..4000]);
    for chunk in [0, 2, 4] {
        let at = chunk as usize * 1000;
        fill(&store, chunk, &bytes[at..at + 1000]);
    }
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
    store.leave();
    assert_eq!(place.names(""), [".a.xfd", "a"]);
}

#[test]
fn a_chunk_that_changed_on_the_disk_is_missing() {
    let place = Place::new();
    let bytes = content(3000, 1);
    let catalog = cut(vec![object(0, place.path("a"), 3000)], 1000);
    let killed = store();
    killed.extend(catalog.clone()).unwrap();
    fill_all(&killed, 0, &bytes, 1000);
    drop(killed);
    rot(&place.path(".a.xfd-part"), 1999);

    let again = store();
    assert_eq!(held(&again.extend(catalog.clone()).unwrap()), [0, 2]);
    drop(again);
    // The journal has it by now, so that only the chunk's own bytes bring it back.
    rot(&place.path(".a.xfd-part"), 1999);
    let store = store();
    assert_eq!(held(&store.extend(catalog).unwrap()), [0, 2]);
    fill(&store, 1, &bytes[1000..2000]);
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
}

#[test]
fn a_journal_torn_in_its_last_line_keeps_the_others() {
    let place = Place::new();
    let bytes = content(3000, 1);
    let catalog = cut(vec![object(0, place.path("a"), 3000)], 1000);
    let killed = store();
    killed.extend(catalog.clone()).unwrap();
    fill(&killed, 0, &bytes[..1000]);
    drop(killed);
    let journal = place.path(".a.xfd-journal");
    let mut file = OpenOptions::new().append(true).open(&journal).unwrap();
    file.write_all(b"+ 1000 1000 8a").unwrap();

    let second = store();
    assert_eq!(held(&second.extend(catalog.clone()).unwrap()), [0]);
    fill(&second, 2, &bytes[2000..]);
    drop(second);
    assert_eq!(held(&store().extend(catalog).unwrap()), [0, 2]);
}

#[test]
fn another_object_at_the_store_starts_over() {
    let place = Place::new();
    let bytes = content(2000, 1);
    let wanted = object(0, place.path("a"), 2000);
    let killed = store();
    killed.extend(cut(vec![wanted.clone()], 1000)).unwrap();
    fill(&killed, 0, &bytes[..1000]);
    drop(killed);

    let mut changed = wanted;
    changed.found.etag = Some("\"two\"".into());
    let store = store();
    let inventory = store.extend(cut(vec![changed], 1000)).unwrap();
    assert_eq!(inventory, Inventory::default());
    store.leave();
    assert_eq!(place.names(""), [""; 0]);
}

#[test]
fn a_run_killed_just_before_landing_lands_without_a_fetch() {
    let place = Place::new();
    let bytes = content(2000, 1);
    let catalog = cut(vec![object(0, place.path("a"), 2000)], 1000);
    let killed = store();
    killed.extend(catalog.clone()).unwrap();
    fill_all(&killed, 0, &bytes, 1000);
    drop(killed);
    let store = store();
    store.extend(catalog).unwrap();
    assert_eq!(store.ready(), [0]);
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
}

#[test]
fn extending_again_changes_nothing() {
    let place = Place::new();
    let bytes = content(2000, 1);
    let catalog = cut(vec![object(0, place.path("a"), 2000)], 1000);
    let store = store();
    store.extend(catalog.clone()).unwrap();
    fill(&store, 0, &bytes[..1000]);
    let lease = store.lease(1).unwrap().unwrap();
    let inventory = store.extend(catalog.clone()).unwrap();
    assert_eq!(held(&inventory), [0]);
    drop(lease);
    fill(&store, 1, &bytes[1000..]);
    store.land(0).unwrap();
    let inventory = store.extend(catalog).unwrap();
    assert_eq!((held(&inventory), inventory.landed), (vec![0, 1], vec![0]));
}

#[test]
fn a_released_object_can_be_wanted_again() {
    let place = Place::new();
    let bytes = content(2000, 1);
    let catalog = cut(vec![object(0, place.path("a"), 2000)], 1000);
    let store = store();
    store.extend(catalog.clone()).unwrap();
    fill(&store, 0, &bytes[..1000]);
    store.release(&[0]);
    assert!(store.lease(1).is_err());
    let inventory = store.extend(catalog).unwrap();
    assert_eq!(held(&inventory), [0]);
    fill(&store, 1, &bytes[1000..]);
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
}

#[test]
fn what_was_written_before_an_object_failed_does_not_count_for_its_new_beginning() {
    let place = Place::new();
    let catalog = cut(vec![object(0, place.path("a"), 20)], 10);
    let store = store();
    store.extend(catalog.clone()).unwrap();
    fill(&store, 1, b"abcdefghij");
    let mut late = store.lease(0).unwrap().unwrap();
    late.write(b"0123456789").unwrap();
    store.fail(0);
    store.extend(catalog).unwrap();
    fill(&store, 1, b"abcdefghij");
    assert_eq!(late.commit(None).unwrap_err().kind, Kind::Internal);
    fill(&store, 0, b"0123456789");
    store.land(0).unwrap();
    assert_eq!(
        std::fs::read(place.path("a")).unwrap(),
        b"0123456789abcdefghij"
    );
    store.leave();
}

#[test]
fn without_etag_and_time_nothing_of_an_earlier_run_is_trusted() {
    let place = Place::new();
    let mut wanted = object(0, place.path("a"), 20);
    wanted.found.etag = None;
    wanted.found.last_modified_ns = None;
    let catalog = cut(vec![wanted], 10);
    let first = store();
    first.extend(catalog.clone()).unwrap();
    fill(&first, 0, b"0123456789");
    first.leave();
    let second = store();
    assert!(held(&second.extend(catalog.clone()).unwrap()).is_empty());
    fill_all(&second, 0, b"0123456789abcdefghij", 10);
    second.land(0).unwrap();
    second.leave();
    assert!(store().extend(catalog).unwrap().landed.is_empty());
}
