//! Objects whose request names the checksum of the whole.

use xfd_dataplane_core::digest::WholeDigest;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{
    Catalog, CatalogObject, Checksum, ChecksumAlgorithm, Inventory, Links, Unpack, UnpackMethod,
};
use xfd_dataplane_core::store::{Store, StoreOptions};
use xfd_dataplane_core::unpack::Summary;

use crate::support::{
    Place, content, cut, fetch, fill, fill_all, held, object, options, pack, rot, store,
};

const PINS: [ChecksumAlgorithm; 3] = [
    ChecksumAlgorithm::Sha256,
    ChecksumAlgorithm::Md5,
    ChecksumAlgorithm::GitSha1,
];

fn checksum(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Checksum {
    let mut digest = WholeDigest::new(algorithm, bytes.len() as u64);
    digest.update(bytes);
    Checksum {
        algorithm,
        value: digest.finish(),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Option<Checksum> {
    Some(checksum(ChecksumAlgorithm::Sha256, bytes))
}

/// An object of these bytes, pinned to the SHA-256 of others.
fn pinned(place: &Place, bytes: &[u8], to: &[u8]) -> CatalogObject {
    let mut pinned = object(0, place.path("a"), bytes.len());
    pinned.pin = sha256(to);
    pinned
}

/// The same, with the CRC that the store keeps of the bytes.
fn pinned_with_checksum(place: &Place, bytes: &[u8], to: &[u8]) -> CatalogObject {
    let mut pinned = pinned(place, bytes, to);
    pinned.found.checksum = Some(checksum(ChecksumAlgorithm::Crc64Nvme, bytes));
    pinned
}

fn extend(store: &Store, object: &CatalogObject, chunk: u64) -> Inventory {
    store.extend(cut(vec![object.clone()], chunk)).unwrap()
}

/// Fetches and lands an object; the kind of the error, if it does not land.
fn run(object: &CatalogObject, bytes: &[u8], chunk: usize) -> Option<Kind> {
    let store = store();
    extend(&store, object, chunk as u64);
    fill_all(&store, 0, bytes, chunk);
    let landed = store.land(0).err().map(|error| error.kind);
    store.leave();
    landed
}

fn hash_arrived(store: &Store, chunk: u32) -> bool {
    let unhashed = store.unhashed(chunk);
    let is_some = unhashed.is_some();
    if let Some(unhashed) = unhashed {
        unhashed.hash();
    }
    is_some
}

#[test]
fn an_object_lands_with_the_pinned_checksum_and_is_not_hashed_again() {
    for algorithm in PINS {
        for (size, chunk) in [(2500, 1000), (1000, 1000), (1, 1000), (0, 1000)] {
            let place = Place::new();
            let bytes = content(size, 1);
            let mut wanted = object(0, place.path("a"), size);
            wanted.pin = Some(checksum(algorithm, &bytes));
            assert_eq!(run(&wanted, &bytes, chunk), None, "{algorithm:?} {size}");
            assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
            assert_eq!(extend(&store(), &wanted, chunk as u64).landed, [0]);

            wanted.pin = Some(checksum(algorithm, b"other"));
            assert_eq!(extend(&store(), &wanted, chunk as u64).landed, [0; 0]);
        }
    }
}

#[test]
fn the_case_of_a_pin_does_not_matter() {
    let place = Place::new();
    let mut wanted = pinned(&place, b"1234", b"1234");
    if let Some(pin) = &mut wanted.pin {
        pin.value = pin.value.to_uppercase();
    }
    assert_eq!(run(&wanted, b"1234", 4), None);
}

#[test]
fn another_object_than_the_pinned_one_never_lands() {
    let kinds = [
        // The store's checksum shows that the bytes are right.
        (
            pinned_with_checksum as fn(&Place, &[u8], &[u8]) -> CatalogObject,
            Kind::PinMismatch,
        ),
        // A chunk may be bad.
        (pinned, Kind::ChecksumMismatch),
    ];
    for (made, kind) in kinds {
        for chunk in [4, 9] {
            let place = Place::new();
            let wanted = made(&place, b"123456789", b"other");
            assert_eq!(run(&wanted, b"123456789", chunk), Some(kind));
            assert!(!place.path("a").exists());
            assert!(!place.path(".a.xfd").exists());
        }
    }
}

#[test]
fn a_store_without_checksums_is_read_twice_before_the_pin_is_to_blame() {
    let place = Place::new();
    let store = store();
    extend(&store, &pinned(&place, b"123456789", b"other"), 4);
    fill_all(&store, 0, b"123456789", 4);
    let first = store.land(0).unwrap_err();
    assert_eq!(first.kind, Kind::ChecksumMismatch);
    for chunk in 0..3 {
        store.discard(chunk);
    }
    fill_all(&store, 0, b"123456789", 4);
    let second = store.land(0).unwrap_err();
    assert_eq!(second.kind, Kind::PinMismatch);
    assert_eq!(second.what, first.what);
    for word in [
        sha256(b"123456789").unwrap().value,
        sha256(b"other").unwrap().value,
    ] {
        assert!(second.what.contains(&word), "{second}");
    }
    assert_eq!(second.object.as_deref(), Some("models/a"));
    store.fail(0);
    store.leave();
    assert_eq!(place.names(""), [""; 0]);
}

#[test]
fn chunks_that_were_bad_at_first_are_repaired() {
    let place = Place::new();
    let store = store();
    extend(&store, &pinned(&place, b"123456789", b"123456789"), 4);
    fill_all(&store, 0, b"1234X6789", 4);
    assert_eq!(store.land(0).unwrap_err().kind, Kind::ChecksumMismatch);
    store.discard(1);
    fill(&store, 1, b"5678");
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"123456789");
}

#[test]
fn a_pin_that_is_the_stores_own_checksum_does_not_prove_itself() {
    let place = Place::new();
    let mut wanted = pinned(&place, b"123456789", b"other");
    wanted.found.checksum.clone_from(&wanted.pin);
    let store = store();
    extend(&store, &wanted, 4);
    for _ in 0..2 {
        fill_all(&store, 0, b"123456789", 4);
        let error = store.land(0).unwrap_err();
        assert_eq!(error.kind, Kind::ChecksumMismatch);
        (0..3).for_each(|chunk| drop(store.discard(chunk)));
    }
}

#[test]
fn bytes_are_hashed_as_they_arrive_in_their_order() {
    let place = Place::new();
    let bytes = content(5000, 1);
    let store = store();
    extend(&store, &pinned(&place, &bytes, &bytes), 1000);
    let part = |chunk: usize| &bytes[chunk * 1000..(chunk + 1) * 1000];
    fill(&store, 1, part(1));
    assert!(!hash_arrived(&store, 1), "the first chunk is missing");
    fill(&store, 0, part(0));
    let first = store.unhashed(0).unwrap();
    assert!(store.unhashed(1).is_none(), "one thread for an object");
    first.hash();
    assert!(!hash_arrived(&store, 1), "it is hashed");
    fill(&store, 2, part(2));
    drop(store.unhashed(2).unwrap());
    assert!(hash_arrived(&store, 2));
    fill(&store, 4, part(4));
    fill(&store, 3, part(3));
    assert!(hash_arrived(&store, 3));
    store.land(0).unwrap();
}

#[test]
fn a_chunk_that_was_fetched_again_after_it_was_hashed_counts_as_it_is_now() {
    let place = Place::new();
    let store = store();
    extend(&store, &pinned(&place, b"123456789", b"123456789"), 4);
    fill(&store, 0, b"12X4");
    assert!(hash_arrived(&store, 0));
    store.discard(0);
    fill(&store, 0, b"1234");
    assert!(!hash_arrived(&store, 0));
    fill(&store, 1, b"5678");
    fill(&store, 2, b"9");
    assert!(hash_arrived(&store, 2));
    store.land(0).unwrap();
}

#[test]
fn only_parts_of_pinned_objects_are_hashed_early() {
    let place = Place::new();
    for (wanted, bytes) in [
        (object(0, place.path("a"), 4), &b"12"[..]),
        (pinned(&place, b"12", b"12"), b"12"),
    ] {
        let store = store();
        extend(&store, &wanted, 2);
        fill(&store, 0, bytes);
        assert!(store.unhashed(0).is_none());
    }
}

#[test]
fn files_of_a_pack_are_hashed_when_they_land() {
    let place = Place::new();
    let names = ["a", "b", "empty"];
    let texts: [&[u8]; 3] = [b"one", b"three", b""];
    let catalog = |wrong: &str| -> Catalog {
        let one = |(index, name): (u32, &str)| {
            let bytes = texts[index as usize];
            let mut one = object(index, place.path(&format!("tree/{name}")), bytes.len());
            one.group = Some(place.path("tree").into());
            one.pin = Some(checksum(
                ChecksumAlgorithm::GitSha1,
                if name == wrong { b"wrong" } else { bytes },
            ));
            one
        };
        pack((0..).zip(names).map(one).collect())
    };
    let store = store();
    store.extend(catalog("b")).unwrap();
    fill(&store, 0, b"onethree");
    let kinds: Vec<_> = store
        .land_many(&[0, 1, 2])
        .into_iter()
        .map(|(object, landed)| (object, landed.err().map(|error| error.kind)))
        .collect();
    let mismatch = Some(Kind::ChecksumMismatch);
    assert_eq!(kinds, [(0, None), (1, mismatch), (2, None)]);
    store.fail(1);
    store.leave();
    assert_eq!(place.names("tree"), ["a", "empty"]);

    let again = crate::support::store();
    assert_eq!(again.extend(catalog("")).unwrap().landed, [0, 2]);
    fill(&again, 0, b"onethree");
    again.land(1).unwrap();
    again.leave();
    assert_eq!(store_landed(catalog("")), [0, 1, 2]);
}

fn store_landed(catalog: Catalog) -> Vec<u32> {
    store().extend(catalog).unwrap().landed
}

#[test]
fn a_cached_file_is_hashed_once_for_each_new_pin() {
    let place = Place::new();
    let mut wanted = object(0, place.path("a"), 9);
    fetch(cut(vec![wanted.clone()], 4), b"123456789", 4);
    for algorithm in PINS {
        wanted.pin = Some(checksum(algorithm, b"123456789"));
        let options = options("node");
        let stats = options.stats.clone();
        let store = Store::new(options);
        let inventory = extend(&store, &wanted, 4);
        assert_eq!((inventory.landed.len(), held(&inventory).len()), (0, 3));
        assert_eq!(store.ready(), [0]);
        store.land(0).unwrap();
        assert_eq!(stats.read().cached_bytes, 9);
        assert_eq!(stats.read().objects_landed, 1);
        store.leave();
        assert_eq!(place.names(""), [".a.xfd", "a"]);
    }
    for algorithm in PINS {
        wanted.pin = Some(checksum(algorithm, b"123456789"));
        assert_eq!(extend(&store(), &wanted, 4).landed, [0]);
    }
    wanted.pin = None;
    assert_eq!(extend(&store(), &wanted, 4).landed, [0]);
}

#[test]
fn a_cached_file_that_is_not_the_pinned_one_stays() {
    let place = Place::new();
    let mut wanted = pinned_with_checksum(&place, b"123456789", b"other");
    let plain = CatalogObject {
        pin: None,
        ..wanted.clone()
    };
    fetch(cut(vec![plain.clone()], 4), b"123456789", 4);
    let other = store();
    extend(&other, &wanted, 4);
    assert_eq!(other.land(0).unwrap_err().kind, Kind::PinMismatch);
    other.fail(0);
    other.leave();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"123456789");
    assert_eq!(extend(&store(), &plain, 4).landed, [0]);

    // Without a checksum of the store the cached file may be bad: it is fetched again.
    wanted.found.checksum = None;
    let store = store();
    extend(&store, &wanted, 4);
    assert_eq!(store.land(0).unwrap_err().kind, Kind::ChecksumMismatch);
    store.discard(0);
    assert_eq!(store.ready(), [0; 0]);
    fill_all(&store, 0, b"123456789", 4);
    assert_eq!(store.land(0).unwrap_err().kind, Kind::PinMismatch);
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"123456789");
}

#[test]
fn a_cached_file_that_was_damaged_on_the_disk_is_fetched_again() {
    let place = Place::new();
    let wanted = pinned(&place, b"123456789", b"123456789");
    let plain = CatalogObject {
        pin: None,
        ..wanted.clone()
    };
    fetch(cut(vec![plain], 4), b"123456789", 4);
    rot(&place.path("a"), 5);
    let store = store();
    extend(&store, &wanted, 4);
    assert_eq!(store.land(0).unwrap_err().kind, Kind::Cancelled);
    assert_eq!(store.take_lost_chunks(), [0, 1, 2]);
    fill_all(&store, 0, b"123456789", 4);
    store.land(0).unwrap();
    store.leave();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"123456789");
    assert_eq!(extend(&crate::support::store(), &wanted, 4).landed, [0]);
}

#[test]
fn chunks_of_an_earlier_run_are_hashed_and_verified_by_one_read() {
    for damage in [false, true] {
        let place = Place::new();
        let bytes = content(2500, 1);
        let wanted = pinned(&place, &bytes, &bytes);
        let first = store();
        extend(&first, &wanted, 1000);
        fill(&first, 0, &bytes[..1000]);
        fill(&first, 2, &bytes[2000..]);
        first.leave();
        if damage {
            rot(&place.path(".a.xfd-part"), 2100);
        }
        let second = store();
        let inventory = extend(&second, &wanted, 1000);
        assert_eq!(held(&inventory).len(), if damage { 1 } else { 2 });
        fill(&second, 1, &bytes[1000..2000]);
        assert!(hash_arrived(&second, 1));
        if damage {
            fill(&second, 2, &bytes[2000..]);
        }
        second.land(0).unwrap();
        assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
    }
}

#[test]
fn a_tree_is_made_of_the_pinned_archive_only() {
    for keep_archive in [true, false] {
        let place = Place::new();
        let mut wanted = pinned_with_checksum(&place, b"archive", b"other");
        wanted.unpack = Some(Unpack {
            destination: place.path("tree"),
            method: UnpackMethod::Tar,
            keep_archive,
            links: Links::Safe,
            conda_unpack: false,
        });
        let bad = store();
        extend(&bad, &wanted, 4);
        fill_all(&bad, 0, b"archive", 4);
        assert_eq!(bad.land(0).unwrap_err().kind, Kind::PinMismatch);
        assert!(!bad.awaits_tree(0));
        bad.fail(0);
        bad.leave();
        assert_eq!(place.names(""), [""; 0]);

        wanted.pin = sha256(b"archive");
        let good = store();
        extend(&good, &wanted, 4);
        fill_all(&good, 0, b"archive", 4);
        good.land(0).unwrap();
        let make = || {
            std::fs::create_dir(place.path("tree")).unwrap();
            Ok(Summary::default())
        };
        good.land_with_tree(0, make).unwrap();
        good.leave();
        assert_eq!(place.path("a").exists(), keep_archive);
        assert_eq!(extend(&store(), &wanted, 4).landed, [0]);

        // With another pin the archive is hashed, or fetched if it was not kept.
        wanted.pin = Some(checksum(ChecksumAlgorithm::Md5, b"archive"));
        let other = store();
        let inventory = extend(&other, &wanted, 4);
        assert_eq!(inventory.landed, [0; 0]);
        assert_eq!(held(&inventory).len(), if keep_archive { 2 } else { 0 });
        if keep_archive {
            other.land(0).unwrap();
            assert!(other.awaits_tree(0));
        }
    }
}

#[test]
fn a_pin_is_verified_whatever_else_is_verified() {
    for verify_whole in [false, true] {
        let place = Place::new();
        let store = Store::new(StoreOptions {
            verify_whole,
            ..options("node")
        });
        let mut wanted = pinned(&place, b"1234", b"other");
        wanted.found.checksum = Some(checksum(ChecksumAlgorithm::Md5, b"1234"));
        extend(&store, &wanted, 4);
        fill(&store, 0, b"1234");
        assert_eq!(store.land(0).unwrap_err().kind, Kind::PinMismatch);
    }
}
