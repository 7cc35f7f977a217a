//! Room on the disk is checked before the first byte is fetched.

use std::io;
use std::path::Path;
use std::sync::Arc;

use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{Links, Unpack, UnpackMethod};
use xfd_dataplane_core::store::{Disk, Room, Store};

use crate::support::{Place, cut, fill, object, options};

struct Small(u64);

impl Disk for Small {
    fn room(&self, folder: &Path) -> io::Result<Room> {
        assert!(folder.is_dir());
        Ok(Room {
            device: 1,
            free: self.0,
        })
    }
}

fn store_with(free: u64) -> Store {
    Store::with_disk(options("node-a"), Arc::new(Small(free)))
}

#[test]
fn what_does_not_fit_is_refused_with_both_figures() {
    let place = Place::new();
    let objects = || {
        vec![
            object(0, place.path("a"), 6000),
            object(1, place.path("b/c"), 4000),
        ]
    };
    let store = store_with(9999);
    let error = store.extend(cut(objects(), 5000)).unwrap_err();
    assert_eq!(error.kind, Kind::DiskFull);
    assert!(error.what.contains("10000") && error.what.contains("9999"));
    assert!(store.object(0).is_none());
    assert_eq!(place.names(""), ["b"], "no lock and no part file is left");
    store_with(10_000).extend(cut(objects(), 5000)).unwrap();
}

#[test]
fn what_an_earlier_run_has_allocated_is_not_needed_again() {
    let place = Place::new();
    let size = 1 << 20;
    let catalog = cut(vec![object(0, place.path("a"), size)], 1 << 18);
    let killed = store_with(size as u64);
    killed.extend(catalog.clone()).unwrap();
    fill(&killed, 0, &vec![7; 1 << 18]);
    drop(killed);
    store_with(0).extend(catalog).unwrap();
}

#[test]
fn a_tree_needs_room_beside_its_archive() {
    let place = Place::new();
    let mut archive = object(0, place.path("a.tar"), 1000);
    archive.unpack = Some(Unpack {
        destination: place.path("tree"),
        method: UnpackMethod::Tar,
        keep_archive: false,
        links: Links::Safe,
        conda_unpack: false,
    });
    let error = store_with(1999).extend(cut(vec![archive.clone()], 1000));
    assert_eq!(error.unwrap_err().kind, Kind::DiskFull);
    store_with(2000).extend(cut(vec![archive], 1000)).unwrap();
}
