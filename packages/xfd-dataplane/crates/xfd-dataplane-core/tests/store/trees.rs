//! Archives and the trees that are unpacked from them.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{CatalogObject, LeftOut, Links, TreeEntry, Unpack, UnpackMethod};
use xfd_dataplane_core::store::Store;
use xfd_dataplane_core::unpack::Summary;

use crate::support::{Place, cut, fill, held, object, store};

fn archive(place: &Place, keep_archive: bool) -> CatalogObject {
    let mut archive = object(0, place.path("a.tar"), 10);
    archive.unpack = Some(Unpack {
        destination: place.path("tree"),
        method: UnpackMethod::Tar,
        keep_archive,
        links: Links::Safe,
        conda_unpack: false,
    });
    archive
}

fn entry(tree: &Path, path: &str, kind: char) -> TreeEntry {
    let found = tree.join(path).symlink_metadata().unwrap();
    let is_file = kind == 'f';
    TreeEntry {
        path: path.as_bytes().into(),
        kind,
        size: if is_file { found.len() } else { 0 },
        mtime_ns: if is_file {
            found.mtime() * 1_000_000_000 + found.mtime_nsec()
        } else {
            0
        },
    }
}

/// What unpacking does, in short.
fn make_tree(place: &Place) -> Summary {
    let tree = place.path("tree");
    let _ = std::fs::remove_dir_all(&tree);
    std::fs::create_dir_all(tree.join("sub")).unwrap();
    std::fs::write(tree.join("sub/one"), b"one").unwrap();
    std::os::unix::fs::symlink("sub/one", tree.join("link")).unwrap();
    std::fs::hard_link(tree.join("sub/one"), tree.join("hard")).unwrap();
    Summary {
        entries: [("sub", 'd'), ("sub/one", 'f'), ("link", 'l'), ("hard", 'h')]
            .map(|(path, kind)| entry(&tree, path, kind))
            .to_vec(),
        bytes: 3,
        left_out: left_out(),
    }
}

fn left_out() -> LeftOut {
    LeftOut {
        names: vec!["dev/null".into()],
        count: 1,
    }
}

fn fetch(place: &Place, keep_archive: bool) -> Store {
    let store = store();
    store
        .extend(cut(vec![archive(place, keep_archive)], 10))
        .unwrap();
    fill(&store, 0, b"0123456789");
    store
}

#[test]
fn an_object_with_a_tree_has_landed_when_both_are_there() {
    let place = Place::new();
    let store = fetch(&place, true);
    assert!(!store.awaits_tree(0));
    store.land(0).unwrap();
    assert!(store.awaits_tree(0));
    assert_eq!(store.ready(), [0], "its tree is missing");
    assert!(!place.path("a.tar").exists());
    store.land_with_tree(0, || Ok(make_tree(&place))).unwrap();
    assert_eq!(store.ready(), [0; 0]);
    assert!(!store.awaits_tree(0));
    let catalog = cut(vec![archive(&place, true)], 10);
    let again = store.extend(catalog.clone()).unwrap();
    assert_eq!(again.left_out, [(0, left_out())]);
    assert_eq!((held(&again), again.landed), (vec![0], vec![0]));
    store.leave();
    assert_eq!(place.names(""), [".a.tar.xfd", "a.tar", "tree"]);
    let inventory = crate::support::store().extend(catalog).unwrap();
    assert_eq!(inventory.left_out, [(0, left_out())]);
    assert_eq!((held(&inventory), inventory.landed), (vec![0], vec![0]));
}

#[test]
fn a_tree_that_somebody_breaks_is_made_again_while_its_swarm_goes_on() {
    for keep_archive in [true, false] {
        let place = Place::new();
        let store = fetch(&place, keep_archive);
        store.land(0).unwrap();
        store.land_with_tree(0, || Ok(make_tree(&place))).unwrap();
        let catalog = cut(vec![archive(&place, keep_archive)], 10);
        assert_eq!(store.extend(catalog.clone()).unwrap().landed, [0]);
        std::fs::remove_file(place.path("tree/sub/one")).unwrap();
        let again = store.extend(catalog.clone()).unwrap();
        assert_eq!(again.landed, [0; 0]);
        assert_eq!(held(&again), [0], "its archive is still served");
        store.land(0).unwrap();
        assert!(store.awaits_tree(0));
        store.land_with_tree(0, || Ok(make_tree(&place))).unwrap();
        assert_eq!(store.extend(catalog).unwrap().landed, [0]);
        store.leave();
    }
}

#[test]
fn a_tree_waits_for_its_archive_to_be_right() {
    let place = Place::new();
    let store = fetch(&place, true);
    let early = store.land_with_tree(0, || Ok(make_tree(&place)));
    assert_eq!(early.unwrap_err().kind, Kind::Cancelled);
    store.land(0).unwrap();
    store.discard(0);
    let outdated = store.land_with_tree(0, || Ok(make_tree(&place)));
    assert_eq!(outdated.unwrap_err().kind, Kind::Cancelled);
    fill(&store, 0, b"0123456789");
    assert!(!store.awaits_tree(0), "its new bytes were not looked at");
    assert!(!place.path("tree").exists());
}

#[test]
fn a_tree_that_cannot_get_its_place_leaves_the_old_record() {
    let place = Place::new();
    let first = fetch(&place, true);
    first.land(0).unwrap();
    first.land_with_tree(0, || Ok(make_tree(&place))).unwrap();
    first.leave();
    let record = std::fs::read(place.path(".a.tar.xfd")).unwrap();
    let mut changed = archive(&place, true);
    changed.found.etag = Some("new".into());
    let store = store();
    store.extend(cut(vec![changed], 10)).unwrap();
    fill(&store, 0, b"9876543210");
    store.land(0).unwrap();
    let full = || Err(Error::new(Kind::DiskFull, "full"));
    let error = store.land_with_tree(0, full).unwrap_err();
    assert_eq!(error.kind, Kind::DiskFull);
    assert!(store.fail(0) && !store.fail(0));
    store.leave();
    assert_eq!(std::fs::read(place.path(".a.tar.xfd")).unwrap(), record);
    assert_eq!(place.names(""), [".a.tar.xfd", "a.tar", "tree"]);
    assert_eq!(std::fs::read(place.path("a.tar")).unwrap(), b"0123456789");
}

#[test]
fn an_archive_that_is_not_kept_serves_until_the_end_and_goes_then() {
    let place = Place::new();
    let store = fetch(&place, false);
    store.land(0).unwrap();
    store.land_with_tree(0, || Ok(make_tree(&place))).unwrap();
    assert!(!place.path("a.tar").exists());
    assert_eq!(crate::support::read(&store, 0).0, b"0123456789");
    store.leave();
    assert_eq!(place.names(""), [".a.tar.xfd", "tree"]);

    let again = crate::support::store();
    let inventory = again.extend(cut(vec![archive(&place, false)], 10)).unwrap();
    assert_eq!(inventory.landed, [0]);
    assert_eq!(held(&inventory), [0; 0], "there is no archive to serve");
    again.leave();

    // A program's own file in the tree does no harm; a changed file does.
    std::fs::write(place.path("tree/sub/cache"), b"").unwrap();
    let look = || {
        let catalog = cut(vec![archive(&place, false)], 10);
        crate::support::store().extend(catalog).unwrap().landed
    };
    assert_eq!(look(), [0]);
    std::fs::write(place.path("tree/sub/one"), b"two").unwrap();
    assert_eq!(look(), [0; 0]);
}

#[test]
fn a_damaged_tree_is_unpacked_again_from_a_valid_archive() {
    let place = Place::new();
    let first = fetch(&place, true);
    first.land(0).unwrap();
    first.land_with_tree(0, || Ok(make_tree(&place))).unwrap();
    first.leave();
    std::fs::remove_file(place.path("tree/link")).unwrap();

    let store = store();
    let inventory = store.extend(cut(vec![archive(&place, true)], 10)).unwrap();
    assert_eq!(
        (held(&inventory), inventory.landed),
        (vec![0], Vec::<u32>::new())
    );
    assert_eq!(store.ready(), [0]);
    assert!(store.may_replace_tree(0));
    assert_eq!(store.archive_path(0).unwrap(), place.path("a.tar"));
    let mut bytes = Vec::new();
    store.in_order(0).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"0123456789");
    store.land(0).unwrap();
    store.land_with_tree(0, || Ok(make_tree(&place))).unwrap();
    assert_eq!(store.ready(), [0; 0]);
}

#[test]
fn a_folder_with_foreign_files_is_refused_before_anything_is_fetched() {
    let place = Place::new();
    std::fs::create_dir(place.path("tree")).unwrap();
    let catalog = || cut(vec![archive(&place, true)], 10);
    crate::support::store().extend(catalog()).unwrap();
    std::fs::write(place.path("tree/mine"), b"mine").unwrap();
    let error = store().extend(catalog()).unwrap_err();
    assert_eq!(error.kind, Kind::DestinationNotEmpty);
    assert_eq!(error.path, Some(place.path("tree")));
}

#[test]
fn a_tree_that_a_killed_run_left_unrecorded_is_known_to_be_ours() {
    let place = Place::new();
    let killed = fetch(&place, true);
    assert!(!killed.may_replace_tree(0));
    killed.land(0).unwrap();
    let kill = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        killed.land_with_tree(0, || {
            make_tree(&place);
            std::panic::resume_unwind(Box::new("killed"))
        })
    }));
    assert!(kill.is_err());
    drop(killed);

    let store = store();
    let inventory = store.extend(cut(vec![archive(&place, true)], 10)).unwrap();
    assert_eq!(
        (held(&inventory), inventory.landed),
        (vec![0], Vec::<u32>::new())
    );
    assert!(store.may_replace_tree(0));
    assert_eq!(
        store.archive_path(0).unwrap(),
        place.path(".a.tar.xfd-part")
    );
}
