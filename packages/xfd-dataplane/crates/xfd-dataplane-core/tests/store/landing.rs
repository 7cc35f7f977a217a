//! Chunks become an object at its destination.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{Checksum, ChecksumAlgorithm, Durability};
use xfd_dataplane_core::store::{Disk, Refusal, Room, StatVfs, Store, StoreOptions};

use crate::support::{Place, content, cut, fill, fill_all, object, options, store};

#[test]
fn chunks_written_in_any_order_land_as_one_file() {
    let place = Place::new();
    let bytes = content(25_000, 1);
    let options = options("node-a");
    let stats = options.stats.clone();
    let store = Store::new(options);
    let path = place.path("deep/er/model.bin");
    let inventory = store
        .extend(cut(vec![object(0, path.clone(), bytes.len())], 10_000))
        .unwrap();
    assert_eq!(inventory, xfd_dataplane_core::model::Inventory::default());

    assert_eq!(fill(&store, 2, &bytes[20_000..]).whole, [0; 0]);
    assert_eq!(fill(&store, 0, &bytes[..10_000]).whole, [0; 0]);
    assert!(!path.exists());
    assert_eq!(store.land(0).unwrap_err().kind, Kind::Cancelled);
    let last = fill(&store, 1, &bytes[10_000..20_000]);
    assert_eq!(last.crc, crc64(&bytes[10_000..20_000]));
    assert_eq!(last.whole, [0]);
    assert_eq!(store.ready(), [0]);
    store.land(0).unwrap();
    store.land(0).unwrap();

    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(stats.read().objects_landed, 1);
    assert_eq!(stats.read().written_bytes, 25_000);
    store.leave();
    assert_eq!(place.names("deep/er"), [".model.bin.xfd", "model.bin"]);
}

fn lands_with(algorithm: ChecksumAlgorithm, value: &str, verify_whole: bool) -> Option<Kind> {
    let place = Place::new();
    let store = Store::new(StoreOptions {
        verify_whole,
        ..options("node-a")
    });
    let mut wanted = object(0, place.path("a"), 9);
    wanted.found.checksum = Some(Checksum {
        algorithm,
        value: value.into(),
    });
    store.extend(cut(vec![wanted], 4)).unwrap();
    fill_all(&store, 0, b"123456789", 4);
    let outcome = store.land(0);
    assert_eq!(place.path("a").exists(), outcome.is_ok());
    outcome.err().map(|error| error.kind)
}

#[test]
fn the_whole_is_compared_with_the_stores_checksum() {
    use ChecksumAlgorithm::{Crc32, Crc32c, Crc64Nvme, GitSha1, Md5, Sha256};
    let mismatch = Some(Kind::ChecksumMismatch);
    // The published check values of "123456789".
    assert_eq!(lands_with(Crc64Nvme, "ae8b14860a799888", false), None);
    assert_eq!(lands_with(Crc64Nvme, "ae8b14860a799889", false), mismatch);
    assert_eq!(lands_with(Crc32, "cbf43926", false), None);
    assert_eq!(lands_with(Crc32, "cbf43927", false), mismatch);
    assert_eq!(lands_with(Crc32c, "e3069283", false), None);
    assert_eq!(lands_with(Crc32c, "e3069284", false), mismatch);
    let md5 = "25f9e794323b453885f5181f1b624d0b";
    assert_eq!(lands_with(Md5, md5, true), None);
    assert_eq!(lands_with(Md5, &md5.replace('2', "3"), true), mismatch);
    assert_eq!(lands_with(Md5, &md5.replace('2', "3"), false), None);
    let sha = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
    assert_eq!(lands_with(Sha256, sha, true), None);
    assert_eq!(lands_with(Sha256, &sha.replace('1', "2"), true), mismatch);
    // `printf 123456789 | git hash-object --stdin`
    let git = "e2e107ac61ac259b87c544f6e7a4eb03422c6c21";
    assert_eq!(lands_with(GitSha1, git, true), None);
    assert_eq!(lands_with(GitSha1, &git.replace('1', "2"), true), mismatch);
}

#[test]
fn after_a_wrong_whole_the_suspects_are_fetched_again() {
    let place = Place::new();
    let store = store();
    let mut wanted = object(0, place.path("a"), 9);
    wanted.found.checksum = Some(Checksum {
        algorithm: ChecksumAlgorithm::Crc64Nvme,
        value: "ae8b14860a799888".into(),
    });
    store.extend(cut(vec![wanted], 4)).unwrap();
    fill_all(&store, 0, b"1234X6789", 4);
    store.pin(1, crc64(b"X678"));
    assert_eq!(store.land(0).unwrap_err().kind, Kind::ChecksumMismatch);
    store.discard(1);
    assert_eq!(store.take_lost_chunks(), [0; 0]);
    assert!(store.reader(1).is_none());
    assert_eq!(fill(&store, 1, b"5678").whole, [0]);
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"123456789");
}

#[test]
fn empty_objects_and_marker_folders_need_no_fetch() {
    let place = Place::new();
    let store = store();
    let mut marker = object(1, place.path("tree/sub"), 0);
    marker.is_directory = true;
    marker.group = Some(place.path("tree").into());
    let empty = object(0, place.path("empty"), 0);
    let inventory = store.extend(cut(vec![empty, marker], 10)).unwrap();
    assert_eq!(inventory.landed, [1]);
    assert_eq!(inventory.held[0].crcs, [Some(crc64(b""))]);
    assert!(place.path("tree/sub").is_dir());
    assert_eq!(store.ready(), [0]);
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("empty")).unwrap(), b"");
}

#[test]
fn a_failed_object_leaves_nothing() {
    let place = Place::new();
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 20)], 10))
        .unwrap();
    fill(&store, 0, b"0123456789");
    let mut late = store.lease(1).unwrap().unwrap();
    late.write(b"0123456789").unwrap();
    store.fail(0);
    assert_eq!(late.commit(None).unwrap_err().kind, Kind::Cancelled);
    assert!(store.reader(0).is_none());
    assert_eq!(store.lease(1).err(), Some(Refusal::Unwanted));
    store.leave();
    assert_eq!(place.names(""), [""; 0]);
}

#[test]
fn leaving_keeps_what_is_verified_and_nothing_else() {
    let place = Place::new();
    let store = store();
    let objects = vec![
        object(0, place.path("begun"), 10),
        object(1, place.path("half"), 20),
    ];
    store.extend(cut(objects, 10)).unwrap();
    let mut lease = store.lease(0).unwrap().unwrap();
    lease.write(b"01234").unwrap();
    drop(lease);
    fill(&store, 1, b"0123456789");
    store.leave();
    store.leave();
    assert_eq!(place.names(""), [".half.xfd-journal", ".half.xfd-part"]);
    assert_eq!(store.lease(2).err(), Some(Refusal::Unwanted));
}

#[test]
fn the_mode_of_a_landed_file_follows_the_umask() {
    let place = Place::new();
    std::fs::write(place.path("plain"), b"").unwrap();
    crate::support::fetch(cut(vec![object(0, place.path("a"), 4)], 4), b"1234", 4);
    let mode = |name: &str| place.path(name).metadata().unwrap().mode();
    assert_eq!(mode("a"), mode("plain"));
}

/// Counts syncs of one file, and of a whole file system.
#[derive(Default)]
struct Counting {
    one: AtomicU32,
    all: AtomicU32,
}

impl Disk for Counting {
    fn room(&self, folder: &Path) -> std::io::Result<Room> {
        StatVfs.room(folder)
    }

    fn sync(&self, file: &File) -> std::io::Result<()> {
        self.one.fetch_add(1, Ordering::Relaxed);
        StatVfs.sync(file)
    }

    fn sync_all_of(&self, any_file: &File) -> std::io::Result<()> {
        self.all.fetch_add(1, Ordering::Relaxed);
        StatVfs.sync_all_of(any_file)
    }
}

/// How many files, and how often the file system, are synced to land this many files at once.
fn syncs(files: u32, durability: Durability) -> (u32, u32) {
    let place = Place::new();
    let disk = Arc::new(Counting::default());
    let options = StoreOptions {
        durability,
        ..options("node-a")
    };
    let store = Store::with_disk(options, disk.clone());
    let objects = (0..files).map(|index| object(index, place.path(&index.to_string()), 3));
    store.extend(cut(objects.collect(), 3)).unwrap();
    let all: Vec<u32> = (0..files).collect();
    for chunk in &all {
        fill(&store, *chunk, b"abc");
    }
    assert!(store.land_many(&all).iter().all(|(_, it)| it.is_ok()));
    for index in &all {
        assert_eq!(
            std::fs::read(place.path(&index.to_string())).unwrap(),
            b"abc"
        );
    }
    let count = |of: &AtomicU32| of.load(Ordering::Relaxed);
    (count(&disk.one), count(&disk.all))
}

#[test]
fn each_of_a_few_files_is_synced_once_and_many_by_their_file_system() {
    assert_eq!(syncs(1, Durability::Object), (1, 0));
    assert_eq!(syncs(20, Durability::Object), (20, 0));
    assert_eq!(syncs(100, Durability::Object), (0, 1));
    assert_eq!(syncs(1, Durability::None), (0, 0));
    assert_eq!(syncs(100, Durability::None), (0, 0));
}
