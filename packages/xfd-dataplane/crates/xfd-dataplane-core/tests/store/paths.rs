//! Paths that cannot be written, or must not be.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use xfd_dataplane_core::error::Kind;

use crate::support::{Place, cut, fetch, object, store};

fn refused(destination: PathBuf, group: Option<PathBuf>) -> Kind {
    let mut wanted = object(0, destination, 4);
    wanted.group = group.map(Into::into);
    let store = store();
    let error = store.extend(cut(vec![wanted], 4)).unwrap_err();
    assert!(store.object(0).is_none() && error.path.is_some());
    error.kind
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_before_anything_is_fetched() {
    let place = Place::new();
    std::fs::write(place.path("file"), b"").unwrap();
    let not_writable = Kind::DestinationNotWritable;
    assert_eq!(refused(place.path("file/a"), None), not_writable);
    assert_eq!(refused(place.path("file/deep/a"), None), not_writable);
    assert_eq!(refused("/proc/xfd/a".into(), None), not_writable);
    let group = Some(place.path("file"));
    assert_eq!(refused(place.path("file/a"), group), not_writable);
}

#[test]
fn a_link_inside_a_prefix_does_not_lead_out_of_it() {
    let place = Place::new();
    for folder in ["tree", "outside"] {
        std::fs::create_dir(place.path(folder)).unwrap();
    }
    symlink(place.path("outside"), place.path("tree/sub")).unwrap();
    let group = Some(place.path("tree"));
    let kind = refused(place.path("tree/sub/a"), group.clone());
    assert_eq!(kind, Kind::UnsafePath);
    let kind = refused(place.path("tree/sub/deeper/a"), group);
    assert_eq!(kind, Kind::UnsafePath);
    assert_eq!(place.names("outside"), [""; 0]);
}

#[test]
fn a_prefix_may_land_in_a_folder_that_a_link_names() {
    let place = Place::new();
    std::fs::create_dir(place.path("real")).unwrap();
    symlink(place.path("real"), place.path("tree")).unwrap();
    let mut wanted = object(0, place.path("tree/a"), 4);
    wanted.group = Some(place.path("tree").into());
    fetch(cut(vec![wanted], 4), b"1234", 4);
    assert_eq!(place.names("real"), ["a"]);
}

#[test]
fn a_link_at_the_destination_is_replaced_and_not_followed() {
    let place = Place::new();
    std::fs::write(place.path("mine"), b"mine").unwrap();
    symlink(place.path("mine"), place.path("a")).unwrap();
    fetch(cut(vec![object(0, place.path("a"), 4)], 4), b"1234", 4);
    assert_eq!(std::fs::read(place.path("mine")).unwrap(), b"mine");
    assert!(!place.path("a").is_symlink());
}

#[test]
fn a_link_at_the_part_files_place_is_not_followed() {
    let place = Place::new();
    std::fs::write(place.path("mine"), b"mine").unwrap();
    symlink(place.path("mine"), place.path(".a.xfd-part")).unwrap();
    fetch(cut(vec![object(0, place.path("a"), 4)], 4), b"1234", 4);
    assert_eq!(std::fs::read(place.path("mine")).unwrap(), b"mine");
    assert_eq!(std::fs::read(place.path("a")).unwrap(), b"1234");
}

#[test]
fn a_link_where_a_record_is_written_is_not_followed() {
    let place = Place::new();
    std::fs::write(place.path("mine"), b"mine").unwrap();
    for name in [".a.xfd.new", ".tree.xfd.new"] {
        symlink(place.path("mine"), place.path(name)).unwrap();
    }
    fetch(cut(vec![object(0, place.path("a"), 4)], 4), b"1234", 4);
    let mut grouped = object(0, place.path("tree/b"), 4);
    grouped.group = Some(place.path("tree").into());
    for etag in ["one", "two"] {
        grouped.found.etag = Some(etag.into());
        fetch(cut(vec![grouped.clone()], 4), b"1234", 4);
    }
    assert_eq!(std::fs::read(place.path("mine")).unwrap(), b"mine");
    assert_eq!(
        place.names(""),
        [".a.xfd", ".tree.xfd", "a", "mine", "tree"]
    );
}

#[test]
fn names_as_long_as_the_file_system_takes_are_fine() {
    let place = Place::new();
    let names = ["x".repeat(254) + "1", "x".repeat(254) + "2"];
    for name in &names {
        let wanted = object(0, place.path(name), 4);
        fetch(cut(vec![wanted.clone()], 4), b"1234", 4);
        let inventory = store().extend(cut(vec![wanted], 4)).unwrap();
        assert_eq!(inventory.landed, [0]);
    }
    assert_eq!(place.names("").len(), 4);
}
