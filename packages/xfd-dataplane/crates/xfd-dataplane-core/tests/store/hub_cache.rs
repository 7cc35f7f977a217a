//! Blobs in a cache that other tools of the hub use too.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use xfd_dataplane_core::digest::WholeDigest;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{BlobPlace, Catalog, CatalogObject, Checksum, ChecksumAlgorithm};
use xfd_dataplane_core::store::Store;

use crate::support::{
    Place, cut, fill, fill_all, held, names, object, options, pack, read, rot, store,
};
use crate::users::{as_stranger, give_to_stranger, is_root, with_a_disk_at};

const REPOSITORY: &str = "models--org--bert";
pub(crate) const BYTES: &[u8] = b"0123456789abcdefghij";

fn name_of(bytes: &[u8], algorithm: ChecksumAlgorithm) -> String {
    let mut digest = WholeDigest::new(algorithm, bytes.len() as u64);
    digest.update(bytes);
    digest.finish()
}

fn sha256(bytes: &[u8]) -> String {
    name_of(bytes, ChecksumAlgorithm::Sha256)
}

pub(crate) fn blobs(place: &Place) -> PathBuf {
    place.path("hub").join(REPOSITORY).join("blobs")
}

fn locks(place: &Place) -> PathBuf {
    place.path("hub").join(".locks").join(REPOSITORY)
}

/// The blob of this name and size, in the cache of a place; its records in a node's own root.
fn blob_at(place: &Place, root: &str, index: u32, name: &str, size: usize) -> CatalogObject {
    let folder = blobs(place);
    let mut blob = object(index, folder.join(name), size);
    blob.found.etag = Some(format!("\"{name}\""));
    blob.found.last_modified_ns = None;
    let algorithm = match name.len() {
        64 => Some(ChecksumAlgorithm::Sha256),
        40 => Some(ChecksumAlgorithm::GitSha1),
        _ => None,
    };
    blob.pin = algorithm.map(|algorithm| Checksum {
        algorithm,
        value: name.to_owned(),
    });
    blob.group = Some(folder.into());
    blob.blob = Some(Box::new(BlobPlace {
        cache: place.path("hub"),
        repository: REPOSITORY.into(),
        records: place.path(root).join("records"),
    }));
    blob
}

pub(crate) fn catalog(place: &Place) -> Catalog {
    cut(
        vec![blob_at(place, "root", 0, &sha256(BYTES), BYTES.len())],
        10,
    )
}

fn put(place: &Place, name: &str, bytes: &[u8]) -> PathBuf {
    fs::create_dir_all(blobs(place)).unwrap();
    let path = blobs(place).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Names in the hub cache that are ours.
fn own_names(folder: &Path) -> Vec<String> {
    let mut own = Vec::new();
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() && !path.is_symlink() {
            own.extend(own_names(&path));
        }
        if name.contains("xfd") {
            own.push(name);
        }
    }
    own
}

#[test]
fn a_blob_lands_and_leaves_nothing_of_ours_in_the_cache() {
    let place = Place::new();
    let writer = store();
    assert!(writer.extend(catalog(&place)).unwrap().landed.is_empty());
    fill(&writer, 0, &BYTES[..10]);
    assert_eq!(
        names(&blobs(&place)),
        [""; 0],
        "no part file is among the blobs"
    );
    fill(&writer, 1, &BYTES[10..]);
    writer.land(0).unwrap();
    assert_eq!(names(&blobs(&place)), [sha256(BYTES)]);
    assert_eq!(
        own_names(&place.path("hub")),
        [""; 0],
        "while the swarm lives"
    );
    assert_eq!(names(&locks(&place)), [format!("{}.lock", sha256(BYTES))]);
    assert_eq!(read(&writer, 1).0, &BYTES[10..]);
    writer.leave();
    assert_eq!(own_names(&place.path("hub")), [""; 0]);
    let inventory = store().extend(catalog(&place)).unwrap();
    assert_eq!((held(&inventory), inventory.landed), (vec![0, 1], vec![0]));
    assert_eq!(inventory.cached_bytes, 20);
}

#[test]
fn a_pack_of_small_blobs_lands() {
    let place = Place::new();
    let small = |index: u32| {
        let bytes = [b'a' + u8::try_from(index).unwrap(); 2];
        let name = name_of(&bytes, ChecksumAlgorithm::GitSha1);
        blob_at(&place, "root", index, &name, 2)
    };
    let all = || pack((0..3).map(small).collect());
    let writer = store();
    writer.extend(all()).unwrap();
    let whole = fill(&writer, 0, b"aabbcc").whole;
    for (_, outcome) in writer.land_many(&whole) {
        outcome.unwrap();
    }
    assert_eq!(names(&blobs(&place)).len(), 3);
    assert_eq!(own_names(&place.path("hub")), [""; 0]);
    writer.leave();
    let again = store();
    let inventory = again.extend(all()).unwrap();
    assert_eq!(
        (held(&inventory), inventory.landed),
        (vec![0], vec![0, 1, 2])
    );
    assert_eq!(read(&again, 0).0, b"aabbcc");
}

#[test]
fn a_killed_run_is_resumed() {
    let place = Place::new();
    let killed = store();
    killed.extend(catalog(&place)).unwrap();
    fill(&killed, 1, &BYTES[10..]);
    // Its locks go as those of a killed process: without a clean-up.
    let parts = place.path("hub").join(REPOSITORY).join(".xfd");
    let kept = place.path("kept");
    fs::rename(&parts, &kept).unwrap();
    drop(killed);
    fs::remove_dir_all(&parts).ok();
    fs::rename(&kept, &parts).unwrap();

    let next = store();
    assert_eq!(held(&next.extend(catalog(&place)).unwrap()), [1]);
    fill(&next, 0, &BYTES[..10]);
    next.land(0).unwrap();
    assert_eq!(own_names(&place.path("hub")), [""; 0]);
}

#[test]
fn what_another_tool_has_put_there_is_taken_if_it_is_what_its_name_says() {
    let git = |bytes: &[u8]| name_of(bytes, ChecksumAlgorithm::GitSha1);
    let wrong = b"0123456789abcdefghiX";
    let rows: [(&str, String, &[u8], bool); 5] = [
        ("of an LFS file", sha256(BYTES), BYTES, true),
        ("of another file", git(BYTES), BYTES, true),
        ("wrong content", sha256(BYTES), wrong, false),
        ("half of it", sha256(BYTES), &BYTES[..7], false),
        ("a name that says nothing", "an-etag-7".into(), BYTES, false),
    ];
    for (what, name, bytes, is_taken) in rows {
        let place = Place::new();
        put(&place, &name, bytes);
        let all = || cut(vec![blob_at(&place, "root", 0, &name, BYTES.len())], 10);
        let run = store();
        let inventory = run.extend(all()).unwrap();
        assert_eq!(inventory.landed.len(), usize::from(is_taken), "{what}");
        if is_taken {
            assert_eq!(inventory.cached_bytes, 20, "{what}");
            assert_eq!(held(&inventory), [0, 1], "{what}");
            assert_eq!(read(&run, 1).0, &BYTES[10..], "{what}");
        } else {
            fill_all(&run, 0, BYTES, 10);
            run.land(0).unwrap();
        }
        run.leave();
        assert_eq!(
            fs::read(blobs(&place).join(&name)).unwrap(),
            BYTES,
            "{what}"
        );
        assert_eq!(own_names(&place.path("hub")), [""; 0], "{what}");
    }
}

#[test]
fn a_blob_is_read_once_and_again_if_its_file_is_another() {
    let place = Place::new();
    let path = put(&place, &sha256(BYTES), BYTES);
    let is_taken = || store().extend(catalog(&place)).unwrap().landed == [0];
    assert!(is_taken());
    rot(&path, 3);
    assert!(is_taken(), "size, time and inode are those of the record");
    let times = path.metadata().unwrap().modified().unwrap();
    let other = path.with_extension("other");
    fs::copy(&path, &other).unwrap();
    File::open(&other).unwrap().set_modified(times).unwrap();
    fs::rename(&other, &path).unwrap();
    assert!(!is_taken(), "the inode is another one");
}

#[test]
fn a_blob_with_another_pin_is_hashed_before_it_counts() {
    let place = Place::new();
    let name = name_of(BYTES, ChecksumAlgorithm::GitSha1);
    put(&place, &name, BYTES);
    let pinned = |value: String| {
        let mut blob = blob_at(&place, "root", 0, &name, BYTES.len());
        blob.pin = Some(Checksum {
            algorithm: ChecksumAlgorithm::Sha256,
            value,
        });
        cut(vec![blob], 10)
    };
    let run = store();
    let inventory = run.extend(pinned(sha256(BYTES))).unwrap();
    assert!(inventory.landed.is_empty());
    assert_eq!(run.ready(), [0]);
    run.land(0).unwrap();
    run.leave();
    let inventory = store().extend(pinned(sha256(BYTES))).unwrap();
    assert_eq!(inventory.landed, [0]);
    let other = store();
    let inventory = other.extend(pinned(sha256(b"other"))).unwrap();
    assert!(inventory.landed.is_empty());
    other.land(0).unwrap_err();
}

#[test]
fn a_refused_cache_fetches_again_and_replaces_in_one_step() {
    let place = Place::new();
    let path = put(&place, &sha256(BYTES), BYTES);
    let inode = path.metadata().unwrap().ino();
    let mut all = catalog(&place);
    all.objects[0].cache = false;
    let run = store();
    assert!(run.extend(all).unwrap().landed.is_empty());
    fill_all(&run, 0, BYTES, 10);
    assert_eq!(
        path.metadata().unwrap().ino(),
        inode,
        "the old one until it is whole"
    );
    run.land(0).unwrap();
    assert_ne!(path.metadata().unwrap().ino(), inode);
}

#[test]
fn a_blob_that_links_into_a_shared_store_is_read_through_the_link_and_never_written_through() {
    for (content, is_taken) in [(BYTES, true), (&b"0123456789abcdefghiX"[..], false)] {
        let place = Place::new();
        let shared = place.path("hub/blobs/ab");
        fs::create_dir_all(&shared).unwrap();
        fs::write(shared.join("xet"), content).unwrap();
        fs::create_dir_all(blobs(&place)).unwrap();
        let path = blobs(&place).join(sha256(BYTES));
        symlink("../../blobs/ab/xet", &path).unwrap();
        let run = store();
        assert_eq!(
            run.extend(catalog(&place)).unwrap().landed.len(),
            usize::from(is_taken)
        );
        if is_taken {
            assert_eq!(read(&run, 0).0, &BYTES[..10]);
        } else {
            fill_all(&run, 0, BYTES, 10);
            run.land(0).unwrap();
        }
        assert_eq!(path.is_symlink(), is_taken);
        assert_eq!(fs::read(&path).unwrap(), BYTES);
        assert_eq!(
            fs::read(shared.join("xet")).unwrap(),
            content,
            "it is not ours"
        );
    }
    // A link to nothing is replaced.
    let place = Place::new();
    fs::create_dir_all(blobs(&place)).unwrap();
    symlink("../../blobs/ab/gone", blobs(&place).join(sha256(BYTES))).unwrap();
    let run = store();
    run.extend(catalog(&place)).unwrap();
    fill_all(&run, 0, BYTES, 10);
    run.land(0).unwrap();
    assert!(!blobs(&place).join(sha256(BYTES)).is_symlink());
}

#[test]
fn linked_folders_of_the_cache_are_followed() {
    for linked in [
        "hub",
        "hub/models--org--bert",
        "hub/models--org--bert/blobs",
    ] {
        let place = Place::new();
        fs::create_dir_all(place.path("elsewhere")).unwrap();
        let path = place.path(linked);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(place.path("elsewhere"), &path).unwrap();
        let run = store();
        run.extend(catalog(&place)).unwrap();
        fill_all(&run, 0, BYTES, 10);
        run.land(0).unwrap();
        run.leave();
        assert_eq!(fs::read(blobs(&place).join(sha256(BYTES))).unwrap(), BYTES);
        assert!(path.is_symlink(), "{linked}");
        assert_eq!(
            store().extend(catalog(&place)).unwrap().landed,
            [0],
            "{linked}"
        );
        assert_eq!(own_names(&place.path("hub")), [""; 0], "{linked}");
    }
}

#[test]
fn blobs_on_a_disk_of_their_own_have_their_part_files_there() {
    let place = Place::new();
    fs::create_dir_all(blobs(&place)).unwrap();
    let landed = with_a_disk_at(&blobs(&place), || {
        let run = store();
        run.extend(catalog(&place)).unwrap();
        fill(&run, 0, &BYTES[..10]);
        assert_eq!(names(&blobs(&place)), [".xfd"]);
        fill(&run, 1, &BYTES[10..]);
        run.land(0).unwrap();
        run.leave();
        names(&blobs(&place))
    });
    assert!(landed.is_none_or(|landed| landed == [sha256(BYTES)]));
    assert_eq!(own_names(&place.path("hub")), [""; 0]);
}

#[test]
fn a_full_disk_is_a_named_error_before_anything_moves() {
    let place = Place::new();
    fs::create_dir_all(place.path("hub")).unwrap();
    let refused = with_a_disk_at(&place.path("hub"), || {
        let large = blob_at(&place, "root", 0, &sha256(b"large"), 64 << 20);
        let refused = store().extend(cut(vec![large], 1 << 20)).unwrap_err();
        assert_eq!(own_names(&place.path("hub")), [""; 0]);
        refused
    });
    assert!(refused.is_none_or(|refused| refused.kind == Kind::DiskFull));
}

#[test]
fn a_download_of_another_tool_is_waited_for_and_taken() {
    let place = Place::new();
    fs::create_dir_all(locks(&place)).unwrap();
    let lock = locks(&place).join(format!("{}.lock", sha256(BYTES)));
    let theirs = File::create(&lock).unwrap();
    theirs.lock().unwrap();
    let unfinished = put(
        &place,
        &format!("{}.1a2b3c4d.incomplete", sha256(BYTES)),
        b"012",
    );
    let waiting = store();
    assert_eq!(
        waiting.extend(catalog(&place)).unwrap().elsewhere,
        [(0, None)]
    );
    assert_eq!(
        waiting.extend(catalog(&place)).unwrap().elsewhere,
        [(0, None)]
    );
    put(&place, &sha256(BYTES), BYTES);
    drop(theirs);
    assert_eq!(waiting.extend(catalog(&place)).unwrap().landed, [0]);
    assert_eq!(fs::read(unfinished).unwrap(), b"012", "it is not ours");
    waiting.leave();
    assert_eq!(own_names(&place.path("hub")), [""; 0]);
}

#[test]
fn a_download_of_another_tool_that_ends_early_is_gone_on_with() {
    let place = Place::new();
    fs::create_dir_all(locks(&place)).unwrap();
    let theirs = File::create(locks(&place).join(format!("{}.lock", sha256(BYTES)))).unwrap();
    theirs.lock().unwrap();
    let waiting = store();
    assert_eq!(waiting.extend(catalog(&place)).unwrap().elsewhere.len(), 1);
    drop(theirs);
    assert!(
        waiting
            .extend(catalog(&place))
            .unwrap()
            .elsewhere
            .is_empty()
    );
    fill_all(&waiting, 0, BYTES, 10);
    waiting.land(0).unwrap();
}

#[test]
fn other_tools_wait_until_a_blob_has_landed() {
    let place = Place::new();
    let run = store();
    run.extend(catalog(&place)).unwrap();
    let lock = File::open(locks(&place).join(format!("{}.lock", sha256(BYTES)))).unwrap();
    assert!(lock.try_lock().is_err());
    let mode = lock.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode, 0o664, "other users wait for it too");
    fill_all(&run, 0, BYTES, 10);
    run.land(0).unwrap();
    lock.try_lock().unwrap();
}

#[test]
fn of_two_nodes_with_one_cache_one_writes() {
    let place = Place::new();
    let of = |root| {
        cut(
            vec![blob_at(&place, root, 0, &sha256(BYTES), BYTES.len())],
            10,
        )
    };
    let writer = Store::new(options("node-a"));
    let other = Store::new(options("node-b"));
    writer.extend(of("root-a")).unwrap();
    let inventory = other.extend(of("root-b")).unwrap();
    assert_eq!(inventory.elsewhere, [(0, Some("node-a".into()))]);
    fill_all(&writer, 0, BYTES, 10);
    writer.land(0).unwrap();
    let inventory = other.extend(of("root-b")).unwrap();
    assert_eq!((held(&inventory), inventory.landed), (vec![0, 1], vec![0]));
    assert_eq!(read(&other, 1).0, &BYTES[10..]);
}

#[test]
fn a_damaged_blob_is_fetched_again() {
    let place = Place::new();
    let run = store();
    run.extend(catalog(&place)).unwrap();
    fill_all(&run, 0, BYTES, 10);
    run.land(0).unwrap();
    assert_eq!(run.discard(1), [0, 1]);
    fill_all(&run, 0, BYTES, 10);
    run.land(0).unwrap();
    run.leave();
    assert_eq!(own_names(&place.path("hub")), [""; 0]);
    assert_eq!(store().extend(catalog(&place)).unwrap().landed, [0]);
}

#[test]
fn a_blob_that_fails_leaves_nothing() {
    let place = Place::new();
    let run = store();
    run.extend(catalog(&place)).unwrap();
    fill(&run, 0, &BYTES[..10]);
    assert!(run.fail(0));
    assert_eq!(own_names(&place.path("hub")), [""; 0]);
    assert_eq!(names(&blobs(&place)), [""; 0]);
}

#[test]
fn without_a_place_for_records_a_blob_lands_all_the_same() {
    let place = Place::new();
    fs::write(place.path("root"), b"no folder").unwrap();
    let run = store();
    run.extend(catalog(&place)).unwrap();
    fill_all(&run, 0, BYTES, 10);
    run.land(0).unwrap();
    run.leave();
    assert_eq!(
        store().extend(catalog(&place)).unwrap().landed,
        [0],
        "by its name"
    );
}

#[test]
fn a_cache_that_may_not_be_written_is_a_named_error_before_anything_moves() {
    if !is_root("another user's cache") {
        return;
    }
    for unwritable in ["hub", "hub/models--org--bert/blobs", "hub/.locks"] {
        let place = Place::new();
        let path = place.path(unwritable);
        crate::beside::open_to_all(&place.path(""), 0o777);
        fs::create_dir_all(&path).unwrap();
        let refused = as_stranger(|| store().extend(catalog(&place)).unwrap_err());
        assert_eq!(refused.kind, Kind::DestinationNotWritable, "{unwritable}");
        assert!(
            refused
                .path
                .is_some_and(|at| at.starts_with(place.path("hub"))),
            "{unwritable}"
        );
    }
    // A whole cache that may only be read is taken.
    let place = Place::new();
    put(&place, &sha256(BYTES), BYTES);
    fs::create_dir(place.path("root")).unwrap();
    crate::beside::open_to_all(&place.path("root"), 0o777);
    let landed = as_stranger(|| store().extend(catalog(&place)).unwrap().landed);
    assert_eq!(landed, [0]);
}

#[test]
fn a_blob_of_another_user_is_taken_and_read_each_time() {
    if !is_root("a blob of another user") {
        return;
    }
    let place = Place::new();
    let path = put(&place, &sha256(BYTES), BYTES);
    give_to_stranger(&path);
    let run = store();
    assert_eq!(run.extend(catalog(&place)).unwrap().landed, [0]);
    assert_eq!(read(&run, 0).0, &BYTES[..10]);
    rot(&path, 3);
    assert!(store().extend(catalog(&place)).unwrap().landed.is_empty());
}
