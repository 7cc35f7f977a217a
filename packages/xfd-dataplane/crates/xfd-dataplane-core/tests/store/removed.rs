//! Files that somebody removes or changes after they have landed, while their swarm goes on.

use std::fs;
use std::path::Path;

use xfd_dataplane_core::model::{Catalog, CatalogObject, Inventory};
use xfd_dataplane_core::store::Store;

use crate::hub_cache;
use crate::pins;
use crate::support::{Place, content, cut, fill, fill_all, held, names, object, pack, read, store};

/// The store, with the one object of a catalog landed.
fn landed(catalog: &Catalog, bytes: &[u8], chunk: usize) -> Store {
    let store = store();
    store.extend(catalog.clone()).unwrap();
    fill_all(&store, 0, bytes, chunk);
    store.land(0).unwrap();
    store
}

fn file(place: &Place) -> CatalogObject {
    object(0, place.path("sub/a"), 25)
}

/// What each case does to the file, and whether it still counts afterwards.
type Change = (&'static str, fn(&Path), bool);

const CHANGES: [Change; 7] = [
    ("nothing", |_| (), true),
    ("a change of its rights", make_private, true),
    ("its end", remove, false),
    ("its folder's end", remove_folder, false),
    ("a folder moved away", move_folder, false),
    ("another file of its size", write_another, false),
    (
        "a shorter file",
        |path| fs::write(path, b"0123").unwrap(),
        false,
    ),
];

fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn remove_folder(path: &Path) {
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

fn move_folder(path: &Path) {
    let folder = path.parent().unwrap();
    fs::rename(folder, folder.with_extension("old")).unwrap();
}

fn write_another(path: &Path) {
    fs::write(path, [b'x'; 25]).unwrap();
}

#[test]
fn what_has_landed_counts_as_long_as_it_is_as_it_was_left() {
    let bytes = content(25, 1);
    for (what, change, counts) in CHANGES {
        let place = Place::new();
        let catalog = cut(vec![file(&place)], 10);
        let store = landed(&catalog, &bytes, 10);
        change(&place.path("sub/a"));
        let again = store.extend(catalog).unwrap();
        if counts {
            assert_eq!(again.landed, [0], "{what}");
            assert_eq!(held(&again), [0, 1, 2], "{what}");
        } else {
            assert_eq!(again, Inventory::default(), "{what}");
            fill_all(&store, 0, &bytes, 10);
            store.land(0).unwrap();
        }
        assert_eq!(read(&store, 1).0, bytes[10..20], "{what}");
        assert_eq!(fs::read(place.path("sub/a")).unwrap(), bytes, "{what}");
        store.leave();
        assert_eq!(place.names("sub"), [".a.xfd", "a"], "{what}");
    }
}

#[test]
fn a_refused_cache_does_not_fetch_twice_in_one_swarm() {
    let place = Place::new();
    let bytes = content(25, 2);
    let mut wanted = file(&place);
    wanted.cache = false;
    wanted.pin = pins::sha256(&bytes);
    let catalog = cut(vec![wanted], 10);
    let store = landed(&catalog, &bytes, 10);
    assert_eq!(store.extend(catalog.clone()).unwrap().landed, [0]);
    remove(&place.path("sub/a"));
    assert_eq!(store.extend(catalog).unwrap(), Inventory::default());
    fill_all(&store, 0, &bytes, 10);
    store.land(0).unwrap();
    assert_eq!(fs::read(place.path("sub/a")).unwrap(), bytes);
}

fn tree(place: &Place) -> Catalog {
    let small = |index: u32| {
        let mut small = object(
            index,
            place.path(&format!("up/tree/{}/{index}", index % 2)),
            5,
        );
        small.group = Some(place.path("up/tree").into());
        small
    };
    pack((0..4).map(small).collect())
}

#[test]
fn files_of_a_prefix_are_fetched_again_with_their_pack() {
    let bytes = content(20, 3);
    let removals: [(&str, &[u32]); 4] = [
        ("up/tree/1/3", &[0, 1, 2]),
        ("up/tree/1", &[0, 2]),
        ("up/tree", &[]),
        ("up", &[]),
    ];
    for (gone, left) in removals {
        let place = Place::new();
        let store = store();
        store.extend(tree(&place)).unwrap();
        let whole = fill(&store, 0, &bytes).whole;
        assert!(store.land_many(&whole).iter().all(|(_, it)| it.is_ok()));
        let path = place.path(gone);
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
        let again = store.extend(tree(&place)).unwrap();
        assert_eq!(
            (again.landed.as_slice(), held(&again)),
            (left, vec![]),
            "{gone}"
        );
        let whole = fill(&store, 0, &bytes).whole;
        assert_eq!(whole.len(), 4 - left.len(), "{gone}");
        for (_, outcome) in store.land_many(&whole) {
            outcome.unwrap();
        }
        for (index, wanted) in bytes.chunks(5).enumerate() {
            let path = place.path(&format!("up/tree/{}/{index}", index % 2));
            assert_eq!(fs::read(path).unwrap(), wanted, "{gone}");
        }
        store.leave();
        assert_eq!(place.names("up"), [".tree.xfd", "tree"], "{gone}");
        let cached = crate::support::store().extend(tree(&place)).unwrap();
        assert_eq!(cached.landed, [0, 1, 2, 3], "{gone}");
    }
}

#[test]
fn another_writer_may_have_the_place_by_now() {
    let place = Place::new();
    let bytes = content(25, 4);
    let catalog = cut(vec![file(&place)], 10);
    let first = landed(&catalog, &bytes, 10);
    remove_folder(&place.path("sub/a"));
    let other = Store::new(crate::support::options("node-b"));
    assert!(other.extend(catalog.clone()).unwrap().elsewhere.is_empty());
    let again = first.extend(catalog.clone()).unwrap();
    assert_eq!(again.elsewhere, [(0, Some("node-b".into()))]);
    fill_all(&other, 0, &bytes, 10);
    other.land(0).unwrap();
    assert_eq!(first.extend(catalog).unwrap().landed, [0]);
}

#[test]
fn a_blob_of_a_hub_cache_is_fetched_again() {
    let place = Place::new();
    let catalog = hub_cache::catalog(&place);
    let store = landed(&catalog, hub_cache::BYTES, 10);
    assert_eq!(store.extend(catalog.clone()).unwrap().landed, [0]);
    fs::remove_dir_all(place.path("hub")).unwrap();
    assert_eq!(store.extend(catalog.clone()).unwrap(), Inventory::default());
    fill_all(&store, 0, hub_cache::BYTES, 10);
    store.land(0).unwrap();
    assert_eq!(names(&hub_cache::blobs(&place)).len(), 1);
    assert_eq!(store.extend(catalog).unwrap().landed, [0]);
}
