//! Small objects that share a chunk.

use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{Catalog, CatalogObject, Checksum, ChecksumAlgorithm};
use xfd_dataplane_core::store::Store;

use crate::support::{Place, content, fill, held, object, pack, read, store};

const SIZES: [usize; 5] = [300, 0, 1700, 1, 999];

fn group_of(place: &Place) -> Vec<CatalogObject> {
    let name = |index: usize| place.path(&format!("tree/{}/{index}", index % 2));
    let make = |(index, size): (usize, &usize)| {
        let mut small = object(u32::try_from(index).unwrap(), name(index), *size);
        small.group = Some(place.path("tree").into());
        small
    };
    SIZES.iter().enumerate().map(make).collect()
}

pub fn catalog(place: &Place) -> (Catalog, Vec<u8>) {
    (pack(group_of(place)), content(3000, 7))
}

/// A pack that was landed by a run that has ended.
pub fn landed_before(place: &Place) -> (Catalog, Vec<u8>) {
    let (catalog, bytes) = catalog(place);
    let store = store();
    store.extend(catalog.clone()).unwrap();
    let whole = fill(&store, 0, &bytes).whole;
    store.land_many(&whole);
    store.leave();
    (catalog, bytes)
}

fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let cut = |size: &usize| {
        let (piece, left) = rest.split_at(*size);
        rest = left;
        piece
    };
    SIZES.iter().map(cut).collect()
}

#[test]
fn a_pack_becomes_its_files_and_a_manifest() {
    let place = Place::new();
    let (catalog, bytes) = catalog(&place);
    let store = store();
    store.extend(catalog).unwrap();
    let committed = fill(&store, 0, &bytes);
    assert_eq!(committed.crc, crc64(&bytes));
    assert_eq!(committed.whole, [0, 1, 2, 3, 4]);
    assert_eq!(read(&store, 0), (bytes.clone(), Some(crc64(&bytes))));
    let landed = store.land_many(&committed.whole);
    assert!(landed.iter().all(|(_, outcome)| outcome.is_ok()));
    assert_eq!(read(&store, 0), (bytes.clone(), Some(crc64(&bytes))));
    store.leave();
    for (index, piece) in pieces(&bytes).into_iter().enumerate() {
        let path = place.path(&format!("tree/{}/{index}", index % 2));
        assert_eq!(std::fs::read(path).unwrap(), piece);
    }
    assert_eq!(place.names(""), [".tree.xfd", "tree"]);
    assert_eq!(place.names("tree/0"), ["0", "2", "4"]);
}

#[test]
fn a_file_that_is_gone_costs_its_pack_and_no_other_file_is_touched() {
    let place = Place::new();
    let (catalog, bytes) = landed_before(&place);
    std::fs::remove_file(place.path("tree/0/2")).unwrap();
    let before = place
        .path("tree/0/4")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();

    let store = store();
    let inventory = store.extend(catalog).unwrap();
    assert_eq!(inventory.landed, [0, 1, 3, 4]);
    assert_eq!(held(&inventory), [0; 0]);
    let committed = fill(&store, 0, &bytes);
    assert_eq!(committed.whole, [2]);
    store.land(2).unwrap();
    assert_eq!(read(&store, 0).1, Some(crc64(&bytes)));
    let after = place
        .path("tree/0/4")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after);
    assert_eq!(
        std::fs::read(place.path("tree/0/2")).unwrap(),
        pieces(&bytes)[2]
    );
}

#[test]
fn one_wrong_file_does_not_keep_the_others_from_landing() {
    let place = Place::new();
    let bytes = content(3000, 7);
    let mut objects = group_of(&place);
    for (small, piece) in objects.iter_mut().zip(pieces(&bytes)) {
        small.found.checksum = Some(Checksum {
            algorithm: ChecksumAlgorithm::Crc64Nvme,
            value: format!("{:016x}", crc64(piece)),
        });
    }
    objects[2].found.checksum = Some(Checksum {
        algorithm: ChecksumAlgorithm::Crc64Nvme,
        value: format!("{:016x}", 5),
    });
    let store = store();
    store.extend(pack(objects)).unwrap();
    let whole = fill(&store, 0, &bytes).whole;
    let failed: Vec<_> = store
        .land_many(&whole)
        .into_iter()
        .filter_map(|(object, outcome)| outcome.err().map(|error| (object, error.kind)))
        .collect();
    assert_eq!(
        failed,
        [(2, xfd_dataplane_core::error::Kind::ChecksumMismatch)]
    );
    assert_eq!(store.ready(), [2]);
    store.fail(2);
    store.leave();
    assert_eq!(place.names("tree/0"), ["0", "4"]);
}

#[test]
fn a_pack_of_objects_that_belong_to_no_group_is_recorded_file_by_file() {
    let place = Place::new();
    let objects = vec![
        object(0, place.path("one/a"), 3),
        object(1, place.path("two/b"), 3),
    ];
    let first = store();
    first.extend(pack(objects.clone())).unwrap();
    let whole = fill(&first, 0, b"abcdef").whole;
    first.land_many(&whole);
    first.leave();
    assert_eq!(place.names("one"), [".a.xfd", "a"]);
    let inventory = store().extend(pack(objects)).unwrap();
    assert_eq!(inventory.landed, [0, 1]);
    assert_eq!(inventory.held[0].crcs, [Some(crc64(b"abcdef"))]);
}

#[test]
fn a_finished_pack_is_held_by_the_next_run_though_nothing_of_it_landed() {
    let place = Place::new();
    let (catalog, bytes) = catalog(&place);
    let killed = store();
    killed.extend(catalog.clone()).unwrap();
    let whole = fill(&killed, 0, &bytes).whole;
    drop(killed);

    let again = store();
    let inventory = again.extend(catalog.clone()).unwrap();
    assert_eq!((held(&inventory), inventory.landed), (vec![0], vec![]));
    assert_eq!(inventory.held[0].crcs, [Some(crc64(&bytes))]);
    assert_eq!(again.ready(), whole);
    assert_eq!(read(&again, 0), (bytes.clone(), Some(crc64(&bytes))));
    again.land_many(&whole[..2]);
    drop(again);

    // Killed in the middle of the landings.
    let third = store();
    let inventory = third.extend(catalog).unwrap();
    assert_eq!((held(&inventory), inventory.landed), (vec![0], vec![0, 1]));
    third.land_many(&whole);
    third.leave();
    assert_eq!(place.names(""), [".tree.xfd", "tree"]);
    assert_eq!(place.names("tree/1"), ["1", "3"]);
}

#[test]
fn of_a_finished_pack_nothing_counts_that_is_not_right() {
    let place = Place::new();
    let (catalog, bytes) = catalog(&place);
    let begin = || {
        let store = store();
        store.extend(catalog.clone()).unwrap();
        store
    };
    let discarded = begin();
    fill(&discarded, 0, &bytes);
    discarded.discard(0);
    drop(discarded);
    let rotten = store();
    assert_eq!(held(&rotten.extend(catalog.clone()).unwrap()), [0; 0]);
    fill(&rotten, 0, &bytes);
    drop(rotten);
    crate::support::rot(&place.path("tree/0/.2.xfd-part"), 9);
    let outdated = store();
    assert_eq!(held(&outdated.extend(catalog.clone()).unwrap()), [0; 0]);
    fill(&outdated, 0, &bytes);
    drop(outdated);
    let mut changed = catalog.clone();
    changed.objects[4].found.etag = Some("new".into());
    assert_eq!(held(&store().extend(changed).unwrap()), [0; 0]);
}

#[test]
fn a_finished_pack_does_not_count_where_nothing_tells_whether_it_is_the_same() {
    let place = Place::new();
    let (mut catalog, bytes) = catalog(&place);
    catalog.objects[2].found.etag = None;
    catalog.objects[2].found.last_modified_ns = None;
    let killed = store();
    killed.extend(catalog.clone()).unwrap();
    fill(&killed, 0, &bytes);
    drop(killed);
    assert_eq!(held(&store().extend(catalog).unwrap()), [0; 0]);
}

#[test]
fn leaving_keeps_a_pack_that_did_not_land() {
    let place = Place::new();
    let (catalog, bytes) = catalog(&place);
    let left = store();
    left.extend(catalog.clone()).unwrap();
    fill(&left, 0, &bytes);
    left.leave();
    assert_eq!(held(&store().extend(catalog).unwrap()), [0]);
}

#[test]
fn a_file_that_is_wanted_again_while_its_pack_is_written_is_not_taken_for_written() {
    let place = Place::new();
    let (catalog, bytes) = catalog(&place);
    for give_up in [
        |store: &Store| store.release(&[2]),
        |store: &Store| assert!(store.fail(2)),
    ] {
        let store = store();
        store.extend(catalog.clone()).unwrap();
        give_up(&store);
        let mut lease = store.lease(0).unwrap().unwrap();
        lease.write(&bytes).unwrap();
        store.extend(catalog.clone()).unwrap();
        assert_eq!(lease.commit(None).unwrap_err().kind, Kind::Internal);
        let whole = fill(&store, 0, &bytes).whole;
        assert_eq!(whole, [0, 1, 2, 3, 4]);
        store.land(2).unwrap();
        assert_eq!(
            std::fs::read(place.path("tree/0/2")).unwrap(),
            pieces(&bytes)[2]
        );
        std::fs::remove_file(place.path("tree/0/2")).unwrap();
        store.leave();
    }
}

#[test]
fn a_file_that_is_started_over_while_its_pack_is_written_does_not_count_as_written() {
    let place = Place::new();
    let (catalog, bytes) = catalog(&place);
    let store = store();
    store.extend(catalog.clone()).unwrap();
    let mut lease = store.lease(0).unwrap().unwrap();
    lease.write(&bytes).unwrap();
    assert!(store.fail(2));
    store.extend(catalog).unwrap();
    assert_eq!(lease.commit(None).unwrap_err().kind, Kind::Internal);
    fill(&store, 0, &bytes);
    store.land(2).unwrap();
}
