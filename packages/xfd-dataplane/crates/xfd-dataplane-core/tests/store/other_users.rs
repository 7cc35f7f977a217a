//! Files and folders of other users, links and mount points, beside a destination or at it.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;

use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::{Catalog, TreeEntry};
use xfd_dataplane_core::unpack::Summary;

use crate::beside::{alone, archive, open_to_all, prefix, run, small};
use crate::support::{Place, cut, fetch, fill_all, object, pack, store};
use crate::users::{as_stranger, give_to_stranger, is_root, with_a_disk_at};

#[test]
fn a_file_that_another_user_put_there_is_fetched_again() {
    if !is_root("files of another user") {
        return;
    }
    /// What another user does to a cache, without changing times and sizes.
    type Act = fn(&Place);
    let swap = |path: &Path| {
        let times = path.metadata().unwrap().modified().unwrap();
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, b"evil").unwrap();
        File::open(path).unwrap().set_modified(times).unwrap();
        give_to_stranger(path);
    };
    let acts: [(&str, Act); 3] = [
        ("a planted record", |place| {
            give_to_stranger(&place.path("a"));
            give_to_stranger(&place.path(".a.xfd"));
        }),
        ("a record alone", |place| {
            give_to_stranger(&place.path(".a.xfd"))
        }),
        ("a file alone", |place| give_to_stranger(&place.path("a"))),
    ];
    for (what, act) in acts {
        let place = Place::new();
        fetch(alone(&place), b"1234", 4);
        assert_eq!(store().extend(alone(&place)).unwrap().landed, [0], "{what}");
        act(&place);
        assert_eq!(
            store().extend(alone(&place)).unwrap().landed,
            [0; 0],
            "{what}"
        );
    }
    let place = Place::new();
    fetch(alone(&place), b"1234", 4);
    swap(&place.path("a"));
    assert_eq!(run(alone(&place), b"1234").unwrap(), 0);
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"1234");

    // The same in a prefix: its manifest, or one of its files.
    for name in [".tree.xfd", "tree/a"] {
        let place = Place::new();
        run(prefix(&place), b"aabb").unwrap();
        assert_eq!(run(prefix(&place), b"").unwrap(), 2);
        give_to_stranger(&place.path(name));
        assert!(run(prefix(&place), b"aabb").unwrap() < 2, "{name}");
        assert_eq!(run(prefix(&place), b"").unwrap(), 2, "{name}");
    }
}

#[test]
fn chunks_of_a_part_file_of_another_user_are_not_gone_on_with() {
    if !is_root("files of another user") {
        return;
    }
    for name in [".a.xfd-part", ".a.xfd-journal"] {
        let place = Place::new();
        let catalog = || cut(vec![object(0, place.path("a"), 8)], 4);
        let first = store();
        first.extend(catalog()).unwrap();
        crate::support::fill(&first, 0, b"1234");
        first.leave();
        give_to_stranger(&place.path(name));
        let second = store();
        assert!(second.extend(catalog()).unwrap().held.is_empty(), "{name}");
        fill_all(&second, 0, b"12345678", 4);
        second.land(0).unwrap();
        assert_eq!(std::fs::read(place.path("a")).unwrap(), b"12345678");
    }
}

#[test]
fn a_part_file_that_is_swapped_while_it_is_written_does_not_land() {
    let place = Place::new();
    let store = store();
    store.extend(alone(&place)).unwrap();
    fill_all(&store, 0, b"1234", 4);
    std::fs::write(place.path("evil"), b"evil").unwrap();
    std::fs::rename(place.path("evil"), place.path(".a.xfd-part")).unwrap();
    let error = store.land(0).unwrap_err();
    assert_eq!(
        (error.kind, error.remedy.is_some()),
        (Kind::Destination, true)
    );
    assert!(!place.path("a").exists());
}

#[test]
fn a_folder_that_is_swapped_for_a_link_receives_nothing() {
    for swapped in ["tree", "tree/sub"] {
        let place = Place::new();
        std::fs::create_dir(place.path("outside")).unwrap();
        let store = store();
        store.extend(prefix(&place)).unwrap();
        std::fs::rename(place.path(swapped), place.path("moved")).unwrap();
        symlink(place.path("outside"), place.path(swapped)).unwrap();
        let outcome = store.lease(0).unwrap().and_then(|mut lease| {
            lease.write(b"aabb")?;
            lease.commit(None)
        });
        let outcome = outcome.and_then(|_| {
            let landed = store.land_many(&[0, 1]).into_iter();
            landed
                .map(|(_, outcome)| outcome)
                .collect::<Result<Vec<()>>>()
        });
        store.leave();
        assert!(outcome.is_err(), "{swapped}");
        assert_eq!(place.names("outside"), [""; 0], "{swapped}");
    }
}

#[test]
fn a_prefix_with_folders_lands_where_a_link_leads() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("big/models")).unwrap();
    symlink(place.path("big/models"), place.path("tree")).unwrap();
    assert_eq!(run(prefix(&place), b"aabb").unwrap(), 0);
    assert_eq!(place.names("big/models"), ["a", "sub"]);
    assert_eq!(run(prefix(&place), b"").unwrap(), 2);

    // One of its folders, below a link that is not its own.
    let mut deeper = object(0, place.path("tree/deep/c"), 2);
    deeper.group = Some(place.path("tree/deep").into());
    assert_eq!(run(pack(vec![deeper]), b"cc").unwrap(), 0);
    assert_eq!(place.names("big/models/deep"), ["c"]);

    if is_root("links of another user") {
        std::os::unix::fs::lchown(place.path("tree"), Some(1234), None).unwrap();
        let error = run(prefix(&place), b"aabb").unwrap_err();
        assert_eq!(error.kind, Kind::UnsafePath);
        assert_eq!(error.path, Some(place.path("tree")));
    }
}

fn all_kinds(place: &Place) -> Catalog {
    let mut marker = small(place, 2, "empty");
    (marker.is_directory, marker.found.size) = (true, 0);
    let mut catalog = prefix(place);
    catalog.objects.push(marker);
    catalog
}

#[test]
fn a_prefix_that_is_whole_is_all_here_for_one_who_may_only_read() {
    if !is_root("another user") {
        return;
    }
    let place = Place::new();
    open_to_all(&place.path(""), 0o755);
    run(all_kinds(&place), b"aabb").unwrap();
    fetch(alone(&place), b"1234", 4);
    assert_eq!(as_stranger(|| run(all_kinds(&place), b"")).unwrap(), 3);
    assert_eq!(as_stranger(|| run(alone(&place), b"")).unwrap(), 1);

    // Files that may not be read are not here, and neither are files that are gone.
    open_to_all(&place.path("tree/a"), 0o600);
    let error = as_stranger(|| run(all_kinds(&place), b"")).unwrap_err();
    assert_eq!(error.kind, Kind::DestinationNotWritable);
    assert!(error.remedy.is_some_and(|remedy| remedy.contains("read")));
    std::fs::remove_file(place.path("tree/a")).unwrap();
    let error = as_stranger(|| run(all_kinds(&place), b"")).unwrap_err();
    assert_eq!(error.kind, Kind::DestinationNotWritable);
    open_to_all(&place.path(".a.xfd"), 0o600);
    let error = as_stranger(|| run(alone(&place), b"")).unwrap_err();
    assert_eq!(error.kind, Kind::DestinationNotWritable);
}

#[test]
fn a_folder_of_ones_own_below_one_of_roots_keeps_its_records_inside() {
    if !is_root("another user") {
        return;
    }
    let place = Place::new();
    open_to_all(&place.path(""), 0o755);
    for folder in ["tree", "home"] {
        std::fs::create_dir(place.path(folder)).unwrap();
        give_to_stranger(&place.path(folder));
    }
    assert_eq!(as_stranger(|| run(prefix(&place), b"aabb")).unwrap(), 0);
    assert_eq!(place.names("tree"), [".xfd", "a", "sub"]);
    assert_eq!(place.names(""), ["home", "tree"]);
    assert_eq!(as_stranger(|| run(prefix(&place), b"")).unwrap(), 2);

    // Root's record beside the folder is read; a newer one inside takes precedence.
    let place = Place::new();
    open_to_all(&place.path(""), 0o755);
    run(prefix(&place), b"aabb").unwrap();
    for path in ["tree", "tree/sub"] {
        give_to_stranger(&place.path(path));
    }
    assert_eq!(as_stranger(|| run(prefix(&place), b"")).unwrap(), 2);
    let newer = || {
        let mut catalog = prefix(&place);
        catalog.objects[0].found.etag = Some("new".into());
        catalog
    };
    assert_eq!(as_stranger(|| run(newer(), b"AAbb")).unwrap(), 1);
    assert_eq!(std::fs::read(place.path("tree/a")).unwrap(), b"AA");
    assert_eq!(as_stranger(|| run(newer(), b"")).unwrap(), 2);
}

#[test]
fn in_a_folder_that_all_may_write_to_another_users_file_is_reported_before_the_first_byte() {
    if !is_root("another user") {
        return;
    }
    for name in [
        "a",
        ".a.xfd",
        ".a.xfd-part",
        ".a.xfd-journal",
        ".a.xfd-lock",
    ] {
        let place = Place::new();
        open_to_all(&place.path(""), 0o1777);
        std::fs::write(place.path(name), b"evil").unwrap();
        std::os::unix::fs::chown(place.path(name), Some(1234), None).unwrap();
        let refused = as_stranger(|| {
            let store = store();
            store.extend(alone(&place)).map(drop)
        });
        let Error { kind, path, .. } = refused.unwrap_err();
        assert_eq!(
            (kind, path),
            (Kind::DestinationNotWritable, Some(place.path(name)))
        );
        // A prefix in a folder of this user's has another place for its records.
        std::fs::create_dir(place.path("tree")).unwrap();
        give_to_stranger(&place.path("tree"));
        std::fs::rename(place.path(name), place.path(".tree.xfd")).unwrap();
        assert_eq!(as_stranger(|| run(prefix(&place), b"aabb")).unwrap(), 0);
        assert_eq!(place.names("tree"), [".xfd", "a", "sub"]);
    }
}

#[test]
fn a_lock_that_another_user_holds_is_reported() {
    if !is_root("another user") {
        return;
    }
    let place = Place::new();
    let path = place.path(".a.xfd-lock");
    let held = File::create(&path).unwrap();
    held.lock().unwrap();
    give_to_stranger(&path);
    let error = store().extend(alone(&place)).unwrap_err();
    assert_eq!(
        (error.kind, error.path),
        (Kind::DestinationBusy, Some(path))
    );
    drop(held);
    assert_eq!(run(alone(&place), b"1234").unwrap(), 0);
}

#[test]
fn a_mount_point_keeps_the_records_of_its_prefix() {
    let place = Place::new();
    std::fs::create_dir(place.path("tree")).unwrap();
    let done = with_a_disk_at(&place.path("tree"), || {
        assert_eq!(run(prefix(&place), b"aabb").unwrap(), 0);
        assert_eq!(place.names("tree"), [".xfd", "a", "sub"]);
        assert_eq!(place.names(""), ["tree"]);
        assert_eq!(run(prefix(&place), b"").unwrap(), 2);
    });
    if done.is_none() {
        eprintln!("skipped, needs mounts of its own: a mount point");
    }
}

#[test]
fn a_tree_that_another_user_has_put_in_the_place_of_ours_stays() {
    if !is_root("another user") {
        return;
    }
    let place = Place::new();
    std::fs::create_dir(place.path("home")).unwrap();
    let first = store();
    first.extend(archive(&place)).unwrap();
    crate::support::fill(&first, 0, b"1234");
    first.land(0).unwrap();
    let gone = TreeEntry {
        path: b"gone".as_slice().into(),
        kind: 'f',
        size: 1,
        mtime_ns: 1,
    };
    let summary = Summary {
        entries: vec![gone],
        ..Summary::default()
    };
    first.land_with_tree(0, || Ok(summary)).unwrap();
    first.leave();
    std::fs::create_dir(place.path("tree")).unwrap();
    std::fs::write(place.path("tree/theirs"), b"theirs").unwrap();
    let is_ours = || store().extend(archive(&place)).map(drop);
    is_ours().unwrap();
    give_to_stranger(&place.path("tree"));
    assert_eq!(is_ours().unwrap_err().kind, Kind::DestinationNotEmpty);
}
