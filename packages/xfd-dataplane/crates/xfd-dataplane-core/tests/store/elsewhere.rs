//! A file that one request has brought is there for every other request that names it.

use std::path::Path;

use xfd_dataplane_core::model::{Catalog, CatalogObject, Checksum, Inventory};

use crate::pins::sha256;
use crate::support::{Place, content, cut, fetch, fill_all, object, read, rot, store};

const SIZE: usize = 2500;
const CHUNK: u64 = 1000;

/// How the file `p/q/a` is asked for.
const WAYS: [(&str, Option<&str>); 3] = [
    ("by its key", None),
    ("by its prefix", Some("p/q")),
    ("by a shorter prefix", Some("p")),
];

fn wanted(place: &Place, group: Option<&str>) -> CatalogObject {
    let mut made = object(0, place.path("p/q/a"), SIZE);
    made.group = group.map(|group| place.path(group).into());
    // A list may say the time more finely than an answer about one object.
    if group.is_some() {
        made.found.last_modified_ns = made.found.last_modified_ns.map(|time| time + 123_456_789);
    }
    made
}

fn one(object: CatalogObject) -> Catalog {
    cut(vec![object], CHUNK)
}

fn pairs() -> impl Iterator<Item = [(&'static str, Option<&'static str>); 2]> {
    let pair = |first| WAYS.map(|second| [first, second]);
    WAYS.into_iter().flat_map(pair)
}

#[test]
fn a_file_is_there_however_it_was_asked_for() {
    let bytes = content(SIZE, 1);
    for [(first, before), (second, after)] in pairs() {
        let place = Place::new();
        fetch(one(wanted(&place, before)), &bytes, 1000);

        let store = store();
        let inventory = store.extend(one(wanted(&place, after))).unwrap();

        assert_eq!(inventory.landed, [0], "{first}, then {second}");
        assert_eq!(inventory.cached_bytes, SIZE as u64);
        assert!(inventory.held[0].crcs.iter().all(Option::is_some));
        assert_eq!(read(&store, 2).0, bytes[2000..]);
    }
}

#[test]
fn the_record_is_then_at_the_place_of_both() {
    let places = ["p/q/.a.xfd", "p/.q.xfd", ".p.xfd"];
    for ((_, before), old) in WAYS.into_iter().zip(places) {
        for (second, after) in WAYS.into_iter().filter(|(_, after)| *after != before) {
            let place = Place::new();
            fetch(one(wanted(&place, before)), &content(SIZE, 1), 1000);
            store().extend(one(wanted(&place, after))).unwrap();

            std::fs::remove_file(place.path(old)).unwrap();

            let again = store().extend(one(wanted(&place, after))).unwrap();
            assert_eq!(again.landed, [0], "{second}");
        }
    }
}

type Change = fn(&Path, &mut CatalogObject);

#[test]
fn what_only_looks_like_the_file_is_fetched() {
    let cases: [(&str, Change); 4] = [
        ("another ETag", |_, wanted| {
            wanted.found.etag = Some("\"two\"".into());
        }),
        ("another second", |_, wanted| {
            wanted.found.last_modified_ns = Some(1_700_000_002_000_000_000);
        }),
        ("an edit", |path, _| {
            std::fs::write(path, content(SIZE, 2)).unwrap();
        }),
        ("another file", |path, _| {
            std::fs::remove_file(path).unwrap();
            std::fs::write(path, content(SIZE, 3)).unwrap();
        }),
    ];
    for (what, change) in cases {
        for [(first, before), (second, after)] in pairs() {
            let place = Place::new();
            let bytes = content(SIZE, 1);
            fetch(one(wanted(&place, before)), &bytes, 1000);
            let mut changed = wanted(&place, after);
            change(&place.path("p/q/a"), &mut changed);

            let store = store();
            let inventory = store.extend(one(changed)).unwrap();

            assert_eq!(inventory, Inventory::default(), "{what}: {first}, {second}");
            fill_all(&store, 0, &bytes, 1000);
            store.land(0).unwrap();
            assert_eq!(std::fs::read(place.path("p/q/a")).unwrap(), bytes);
        }
    }
}

#[test]
fn the_newest_record_counts_wherever_it_is() {
    for [(first, before), (second, after)] in pairs() {
        let place = Place::new();
        let newer = |group| {
            let mut newer = wanted(&place, group);
            newer.found.etag = Some("\"two\"".into());
            newer
        };
        fetch(one(wanted(&place, before)), &content(SIZE, 1), 1000);
        fetch(one(newer(after)), &content(SIZE, 2), 1000);

        let again = store().extend(one(newer(before))).unwrap();

        assert_eq!(again.landed, [0], "{first}, then {second}");
    }
}

#[test]
fn a_file_that_rots_is_not_believed_by_the_record_of_another_request() {
    for [(first, before), (second, after)] in pairs() {
        let place = Place::new();
        fetch(one(wanted(&place, before)), &content(SIZE, 1), 1000);
        let serving = store();
        serving.extend(one(wanted(&place, after))).unwrap();
        rot(&place.path("p/q/a"), 1500);

        assert_eq!(read(&serving, 1).1, None);
        serving.leave();

        let again = store().extend(one(wanted(&place, before))).unwrap();
        assert!(again.landed.is_empty(), "{first}, then {second}");
    }
}

#[test]
fn a_pin_is_added_to_the_record_at_the_place_of_its_request() {
    for [(first, before), (second, after)] in pairs() {
        let place = Place::new();
        let bytes = content(SIZE, 1);
        let pin: Option<Checksum> = sha256(&bytes);
        fetch(one(wanted(&place, before)), &bytes, 1000);
        let mut pinned = wanted(&place, after);
        pinned.pin = pin;

        let hashing = store();
        let inventory = hashing.extend(one(pinned.clone())).unwrap();
        assert!(inventory.landed.is_empty(), "{first}, then {second}");
        hashing.land(0).unwrap();
        hashing.leave();

        let again = store().extend(one(pinned)).unwrap();
        assert_eq!(again.landed, [0], "{first}, then {second}: hashed once");
    }
}
