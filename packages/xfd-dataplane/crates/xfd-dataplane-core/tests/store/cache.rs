//! When a cached file is valid.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{CatalogObject, Inventory};

use crate::support::{Place, content, cut, fetch, fill_all, held, object, pack, read, rot, store};

fn take_stock(object: CatalogObject, chunk: u64) -> Inventory {
    store().extend(cut(vec![object], chunk)).unwrap()
}

#[test]
fn a_valid_file_is_landed_and_served_with_its_checksums() {
    let place = Place::new();
    let bytes = content(2500, 1);
    let wanted = object(0, place.path("a"), 2500);
    fetch(cut(vec![wanted.clone()], 1000), &bytes, 1000);

    let store = store();
    let inventory = store.extend(cut(vec![wanted.clone()], 1000)).unwrap();
    assert_eq!(inventory.landed, [0]);
    assert_eq!(inventory.cached_bytes, 2500);
    let crcs: Vec<_> = bytes.chunks(1000).map(|it| Some(crc64(it))).collect();
    assert_eq!(inventory.held[0].crcs, crcs);
    assert_eq!(read(&store, 2), (bytes[2000..].to_vec(), crcs[2]));
    store.leave();
    assert_eq!(place.names(""), [".a.xfd", "a"], "no lock was needed");

    // If the chunks are cut in another way, their checksums are computed while they are served.
    let other = take_stock(wanted, 2000);
    assert_eq!(other.landed, [0]);
    assert_eq!(other.held[0].crcs, [None, None]);
}

#[test]
fn a_missing_file_is_fetched() {
    let place = Place::new();
    let wanted = object(0, place.path("a"), 4);
    fetch(cut(vec![wanted.clone()], 4), b"1234", 4);
    std::fs::remove_file(place.path("a")).unwrap();
    assert_eq!(take_stock(wanted, 4), Inventory::default());
}

#[test]
fn another_object_at_the_store_is_fetched() {
    let place = Place::new();
    let wanted = object(0, place.path("a"), 4);
    fetch(cut(vec![wanted.clone()], 4), b"1234", 4);
    assert_eq!(take_stock(wanted.clone(), 4).landed, [0]);

    let mut etag = wanted.clone();
    etag.found.etag = Some("\"two\"".into());
    let mut time = wanted.clone();
    time.found.last_modified_ns = Some(1);
    let mut size = wanted.clone();
    size.found.size = 5;
    for changed in [etag, time, size] {
        assert_eq!(take_stock(changed, 5), Inventory::default());
    }
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"1234");
    assert_eq!(take_stock(wanted, 4).landed, [0]);
}

#[test]
fn an_edited_touched_or_shortened_file_is_fetched() {
    let place = Place::new();
    let path = place.path("a");
    let wanted = object(0, path.clone(), 4);
    let edits: [&dyn Fn(); 3] = [
        &|| std::fs::write(&path, b"12X4").unwrap(),
        &|| {
            let file = OpenOptions::new().append(true).open(&path).unwrap();
            file.set_modified(std::time::SystemTime::now() + Duration::from_secs(5))
                .unwrap();
        },
        &|| {
            let file = OpenOptions::new().append(true).open(&path).unwrap();
            let before = file.metadata().unwrap().modified().unwrap();
            (&file).write_all(b"5").unwrap();
            file.set_modified(before).unwrap();
        },
    ];
    for edit in edits {
        fetch(cut(vec![wanted.clone()], 4), b"1234", 4);
        edit();
        assert_eq!(take_stock(wanted.clone(), 4), Inventory::default());
    }
}

#[test]
fn a_request_without_cache_is_never_satisfied_by_one() {
    let place = Place::new();
    let mut wanted = object(0, place.path("a"), 4);
    fetch(cut(vec![wanted.clone()], 4), b"1234", 4);
    wanted.cache = false;
    assert_eq!(take_stock(wanted.clone(), 4), Inventory::default());
    fetch(cut(vec![wanted], 4), b"abcd", 4);
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"abcd");
}

#[test]
fn a_file_that_we_did_not_write_is_replaced_by_a_whole_one() {
    let place = Place::new();
    std::fs::write(place.path("a"), b"mine").unwrap();
    let store = store();
    let wanted = object(0, place.path("a"), 4);
    assert_eq!(
        store.extend(cut(vec![wanted], 2)).unwrap(),
        Inventory::default()
    );
    fill_all(&store, 0, b"1234", 2);
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"mine");
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"1234");
}

#[test]
fn a_folder_at_a_files_place_is_an_error() {
    let place = Place::new();
    std::fs::create_dir(place.path("a")).unwrap();
    let store = store();
    let wanted = object(0, place.path("a"), 4);
    let error = store.extend(cut(vec![wanted], 4)).unwrap_err();
    assert_eq!(error.kind, Kind::Destination);
    assert_eq!(error.path, Some(place.path("a")));
    assert!(store.object(0).is_none(), "the catalog is as before");
}

#[test]
fn bytes_that_rotted_in_place_are_found_when_they_are_served() {
    let place = Place::new();
    let bytes = content(3000, 1);
    let wanted = object(0, place.path("a"), 3000);
    fetch(cut(vec![wanted.clone()], 1000), &bytes, 1000);
    rot(&place.path("a"), 1500);

    let store = store();
    let inventory = store.extend(cut(vec![wanted], 1000)).unwrap();
    assert_eq!(held(&inventory), [0, 1, 2]);
    assert!(read(&store, 0).1.is_some());
    assert_eq!(read(&store, 1).1, None);
    assert_eq!(store.take_lost_chunks(), [0, 1, 2]);
    fill_all(&store, 0, &bytes, 1000);
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
}

#[test]
fn a_large_cached_prefix_is_looked_through_in_a_moment() {
    let place = Place::new();
    let group = place.path("tree");
    let objects: Vec<_> = (0..2_000)
        .map(|index| {
            let name = format!("tree/{}/{index}", index % 50);
            let mut small = object(index, place.path(&name), 3);
            small.group = Some(group.clone().into());
            small
        })
        .collect();
    let catalog = pack(objects);
    let first = store();
    first.extend(catalog.clone()).unwrap();
    let mut lease = first.lease(0).unwrap().unwrap();
    lease.write(&b"abc".repeat(2_000)).unwrap();
    let whole = lease.commit(None).unwrap().whole;
    assert!(first.land_many(&whole).iter().all(|(_, it)| it.is_ok()));
    first.leave();
    assert_eq!(place.names(""), [".tree.xfd", "tree"]);

    let started = Instant::now();
    let inventory = store().extend(catalog).unwrap();
    assert_eq!(inventory.landed.len(), 2_000);
    assert_eq!(inventory.held[0].crcs, [Some(crc64(&b"abc".repeat(2_000)))]);
    // Well under a second with optimisation; this build has none, and the machine may be busy.
    assert!(started.elapsed() < Duration::from_secs(10));
}
