//! Bytes are synced while more arrive.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use xfd_dataplane_core::model::Durability;
use xfd_dataplane_core::store::{Disk, Room, StatVfs, Store, StoreOptions};

use crate::support::{Place, content, cut, fill, object, options};

const CHUNK: usize = 16 << 20;

fn filled(durability: Durability) -> (Place, Store, Vec<u8>) {
    let place = Place::new();
    let store = Store::new(StoreOptions {
        durability,
        ..options("node-a")
    });
    let size = 5 * CHUNK;
    store
        .extend(cut(vec![object(0, place.path("a"), size)], CHUNK as u64))
        .unwrap();
    (place, store, content(CHUNK, 1))
}

#[test]
fn one_sync_at_a_time_is_due_for_every_32_mib_of_an_object() {
    let (_place, store, bytes) = filled(Durability::Object);
    let mut due = (0..4).map(|chunk| {
        fill(&store, chunk, &bytes);
        store.unsynced(chunk)
    });
    assert!(due.next().unwrap().is_none());
    let first = due.next().unwrap().unwrap();
    assert!(due.next().unwrap().is_none());
    assert!(due.next().unwrap().is_none(), "the first sync still runs");
    first.sync();
    fill(&store, 4, &bytes);
    store.unsynced(4).unwrap().sync();
    store.land(0).unwrap();
}

#[test]
fn nothing_is_synced_if_nothing_is_to_be_durable() {
    let (_place, store, bytes) = filled(Durability::None);
    for chunk in 0..5 {
        fill(&store, chunk, &bytes);
        assert!(store.unsynced(chunk).is_none());
    }
}

/// A disk that could not write some pages, and says so once, as the kernel does.
#[derive(Default)]
struct Failing {
    has_failed: AtomicBool,
}

impl Disk for Failing {
    fn room(&self, folder: &Path) -> io::Result<Room> {
        StatVfs.room(folder)
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        match self.has_failed.swap(true, Ordering::SeqCst) {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(5)),
        }
    }
}

#[test]
fn what_could_not_be_written_does_not_land() {
    let place = Place::new();
    let store = Store::with_disk(options("node-a"), Arc::new(Failing::default()));
    let path = place.path("a");
    store
        .extend(cut(vec![object(0, path.clone(), 2 * CHUNK)], CHUNK as u64))
        .unwrap();
    let bytes = content(CHUNK, 1);
    fill(&store, 0, &bytes);
    fill(&store, 1, &bytes);
    assert!(store.unsynced(0).is_none());
    store.unsynced(1).unwrap().sync();
    let error = store.land(0).unwrap_err();
    assert!(error.to_string().contains("sync"), "{error}");
    assert!(!path.exists());
}
