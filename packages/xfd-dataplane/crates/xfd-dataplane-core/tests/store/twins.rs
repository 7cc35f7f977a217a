//! An object that is elsewhere on the node is taken from there, and what only looks like it is not.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{Catalog, ObjectIndex};
use xfd_dataplane_core::store::{FindTwins, Room, Store, Twin};

use crate::pins::sha256;
use crate::support::{
    Place, content, cut, fill, fill_all, held, object, options, pack, rot, store,
};

/// Says that twins of all objects lie in a folder, under the names of the objects.
struct In {
    folder: PathBuf,
    group: Option<PathBuf>,
    asked: Mutex<Vec<ObjectIndex>>,
}

impl In {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            group: None,
            asked: Mutex::default(),
        }
    }
}

const NAMES: [&str; 3] = ["a", "b", "c"];

impl FindTwins for In {
    fn find(&self, missing: &[ObjectIndex]) -> Vec<Twin> {
        self.asked.lock().unwrap().extend(missing);
        let twin = |object: &ObjectIndex| Twin {
            object: *object,
            path: self.folder.join(NAMES[*object as usize]),
            group: self.group.clone(),
            records: None,
        };
        missing.iter().map(twin).collect()
    }
}

fn one(place: &Place, folder: &str) -> Catalog {
    cut(
        vec![object(0, place.path(&format!("{folder}/a")), 5000)],
        1000,
    )
}

/// A place where `first/a` has landed, and its content.
fn landed() -> (Place, Vec<u8>) {
    let place = Place::new();
    let bytes = content(5000, 1);
    let first = store();
    first.extend(one(&place, "first")).unwrap();
    fill_all(&first, 0, &bytes, 1000);
    first.land(0).unwrap();
    first.leave();
    (place, bytes)
}

#[test]
fn a_twin_lands_as_a_file_of_its_own_and_counts_as_cached() {
    let (place, bytes) = landed();
    let store = store();

    let twins = In::new(&place.path("first"));
    let inventory = store.extend_with(one(&place, "second"), &twins).unwrap();

    assert_eq!(inventory.landed, [0]);
    assert_eq!(inventory.cached_bytes, 5000);
    assert_eq!(held(&inventory), [0, 1, 2, 3, 4]);
    assert_eq!(std::fs::read(place.path("second/a")).unwrap(), bytes);
    store.leave();
    assert_eq!(place.names("second"), [".a.xfd", "a"]);
    // An edit of one does not change the other.
    std::fs::write(place.path("second/a"), b"edited").unwrap();
    assert_eq!(std::fs::read(place.path("first/a")).unwrap(), bytes);
    let again = crate::support::store();
    assert_eq!(again.extend(one(&place, "first")).unwrap().landed, [0]);
}

#[test]
fn only_what_is_missing_is_asked_for() {
    let (place, _) = landed();
    let twins = In::new(&place.path("first"));

    store().extend_with(one(&place, "first"), &twins).unwrap();

    assert_eq!(*twins.asked.lock().unwrap(), Vec::<ObjectIndex>::new());
}

#[test]
fn small_files_of_a_prefix_are_taken_by_the_records_of_its_manifest() {
    let place = Place::new();
    let prefix = |folder: &str| {
        let group = place.path(folder);
        let small = |index: ObjectIndex| {
            let mut made = object(index, group.join(NAMES[index as usize]), 100);
            made.found.key = format!("p/{}", NAMES[index as usize]);
            made.group = Some(group.clone().into());
            made
        };
        pack((0..3).map(small).collect())
    };
    let bytes = content(300, 1);
    let first = store();
    first.extend(prefix("first")).unwrap();
    fill(&first, 0, &bytes);
    first.land_many(&[0, 1, 2]);
    first.leave();
    let mut twins = In::new(&place.path("first"));
    twins.group = Some(place.path("first"));

    let second = store();
    let inventory = second.extend_with(prefix("second"), &twins).unwrap();
    second.leave();

    assert_eq!(inventory.landed, [0, 1, 2]);
    assert_eq!(place.names("second"), NAMES);
    assert_eq!(
        std::fs::read(place.path("second/b")).unwrap(),
        &bytes[100..200]
    );
    let again = store().extend(prefix("second")).unwrap();
    assert_eq!(again.landed, [0, 1, 2]);
}

type Change = fn(&Place, &mut Catalog);

#[test]
fn what_only_looks_like_the_object_is_fetched() {
    let cases: [(&str, Change); 7] = [
        ("it was edited", |place, _| {
            std::fs::write(place.path("first/a"), content(5000, 2)).unwrap();
        }),
        ("its bytes went bad under the same time", |place, _| {
            rot(&place.path("first/a"), 2500);
        }),
        ("it is gone", |place, _| {
            std::fs::remove_file(place.path("first/a")).unwrap();
        }),
        ("its record is gone", |place, _| {
            std::fs::remove_file(place.path("first/.a.xfd")).unwrap();
        }),
        ("the store has another version", |_, catalog| {
            catalog.objects[0].found.etag = Some("\"two\"".into());
        }),
        ("versions cannot be told apart", |_, catalog| {
            catalog.objects[0].found.etag = None;
            catalog.objects[0].found.last_modified_ns = None;
        }),
        ("the request refuses the cache", |_, catalog| {
            catalog.objects[0].cache = false;
        }),
    ];
    for (what, change) in cases {
        let (place, bytes) = landed();
        let mut catalog = one(&place, "second");
        change(&place, &mut catalog);
        let store = store();

        let twins = In::new(&place.path("first"));
        let inventory = store.extend_with(catalog, &twins).unwrap();

        assert!(inventory.landed.is_empty(), "{what}");
        let held = held(&inventory);
        assert!(held.len() < 5, "{what}");
        for chunk in (0..5).filter(|chunk| !held.contains(chunk)) {
            let at = chunk as usize * 1000;
            fill(&store, chunk, &bytes[at..at + 1000]);
        }
        store.land(0).unwrap();
        assert_eq!(
            std::fs::read(place.path("second/a")).unwrap(),
            bytes,
            "{what}"
        );
    }
}

#[test]
fn another_version_is_a_twin_if_both_are_pinned_to_one_strong_checksum() {
    let place = Place::new();
    let bytes = content(5000, 1);
    let pin = sha256(&bytes);
    let pinned = |folder: &str, etag: &str| {
        let mut catalog = one(&place, folder);
        catalog.objects[0].found.etag = Some(etag.into());
        catalog.objects[0].pin.clone_from(&pin);
        catalog
    };
    let first = store();
    first.extend(pinned("first", "\"at one store\"")).unwrap();
    fill_all(&first, 0, &bytes, 1000);
    first.land(0).unwrap();

    let twins = In::new(&place.path("first"));
    let inventory = store()
        .extend_with(pinned("second", "\"at another\""), &twins)
        .unwrap();

    assert_eq!(inventory.landed, [0]);
}

#[test]
fn a_twin_on_another_disk_is_copied() {
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let (place, bytes) = landed();
    let elsewhere = other.path().join("second/a");
    let catalog = cut(vec![object(0, elsewhere.clone(), 5000)], 1000);

    let twins = In::new(&place.path("first"));
    let inventory = store().extend_with(catalog, &twins).unwrap();

    assert_eq!(inventory.landed, [0]);
    assert_eq!(std::fs::read(elsewhere).unwrap(), bytes);
}

#[test]
fn a_destination_that_another_writer_has_is_left_to_it() {
    let (place, _) = landed();
    let writer = Store::new(options("node-b"));
    writer.extend(one(&place, "second")).unwrap();

    let twins = In::new(&place.path("first"));
    let inventory = store().extend_with(one(&place, "second"), &twins).unwrap();

    assert_eq!(inventory.elsewhere, [(0, Some("node-b".into()))]);
    assert_eq!(*twins.asked.lock().unwrap(), Vec::<ObjectIndex>::new());
}

#[test]
fn without_room_for_a_copy_the_disk_is_full_as_for_a_fetch() {
    struct Full;
    impl xfd_dataplane_core::store::Disk for Full {
        fn room(&self, _: &Path) -> std::io::Result<Room> {
            Ok(Room {
                device: 1,
                free: 10,
            })
        }
    }
    let (place, _) = landed();
    let store = Store::with_disk(options("node-a"), std::sync::Arc::new(Full));

    let twins = In::new(&place.path("first"));
    match store.extend_with(one(&place, "second"), &twins) {
        // A clone needs no room.
        Ok(inventory) => assert_eq!(inventory.landed, [0]),
        Err(error) => assert_eq!(error.kind, Kind::DiskFull),
    }
}
