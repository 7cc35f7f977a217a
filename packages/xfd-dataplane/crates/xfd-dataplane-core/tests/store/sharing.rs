//! Two writers of one disk.

use xfd_dataplane_core::model::Inventory;
use xfd_dataplane_core::store::{Refusal, Store};

use crate::support::{Place, cut, fill, fill_all, held, object, options, pack, read};

#[test]
fn one_writes_and_the_other_finds_it_finished() {
    let place = Place::new();
    let catalog = cut(vec![object(0, place.path("a"), 20)], 10);
    let writer = Store::new(options("node-a"));
    let other = Store::new(options("node-b"));
    assert_eq!(
        writer.extend(catalog.clone()).unwrap(),
        Inventory::default()
    );
    let inventory = other.extend(catalog.clone()).unwrap();
    assert_eq!(inventory.elsewhere, [(0, Some("node-a".into()))]);
    assert_eq!(other.lease(0).err(), Some(Refusal::Unwanted));
    other.expect(0..1);
    assert!(other.reader(0).is_none());

    fill_all(&writer, 0, b"0123456789abcdefghij", 10);
    let inventory = other.extend(catalog.clone()).unwrap();
    assert_eq!(inventory.elsewhere.len(), 1, "not landed yet");
    writer.land(0).unwrap();
    let inventory = other.extend(catalog).unwrap();
    assert_eq!((held(&inventory), inventory.landed), (vec![0, 1], vec![0]));
    assert_eq!(read(&other, 1).0, b"abcdefghij");
    other.leave();
    assert!(place.path(".a.xfd-lock").exists(), "it is the writer's");
    writer.leave();
    assert_eq!(place.names(""), [".a.xfd", "a"]);
}

#[test]
fn the_lock_dies_with_its_owner_and_the_other_carries_on() {
    let place = Place::new();
    let catalog = cut(vec![object(0, place.path("a"), 20)], 10);
    let writer = Store::new(options("node-a"));
    let other = Store::new(options("node-b"));
    writer.extend(catalog.clone()).unwrap();
    fill(&writer, 1, b"abcdefghij");
    assert_eq!(other.extend(catalog.clone()).unwrap().elsewhere.len(), 1);
    drop(writer);
    let inventory = other.extend(catalog).unwrap();
    assert!(inventory.elsewhere.is_empty());
    assert_eq!(held(&inventory), [1]);
    fill(&other, 0, b"0123456789");
    other.land(0).unwrap();
}

#[test]
fn a_lock_file_without_an_owner_locks_nothing() {
    let place = Place::new();
    std::fs::write(
        place.path(".a.xfd-lock"),
        b"{\"node\":\"gone\",\"nonce\":1}\n",
    )
    .unwrap();
    let store = Store::new(options("node-a"));
    let catalog = cut(vec![object(0, place.path("a"), 20)], 10);
    assert!(store.extend(catalog).unwrap().elsewhere.is_empty());
}

#[test]
fn a_prefix_has_one_lock() {
    let place = Place::new();
    let small = |index: u32| {
        let mut small = object(index, place.path(&format!("tree/{index}")), 2);
        small.group = Some(place.path("tree").into());
        small
    };
    let catalog = pack((0..3).map(small).collect());
    let writer = Store::new(options("node-a"));
    writer.extend(catalog.clone()).unwrap();
    assert_eq!(place.names(""), [".tree.xfd-lock", "tree"]);
    assert_eq!(place.names("tree"), [""; 0]);
    let other = Store::new(options("node-b"));
    assert_eq!(other.extend(catalog.clone()).unwrap().elsewhere.len(), 3);
    let whole = fill(&writer, 0, b"aabbcc").whole;
    writer.land_many(&whole);
    assert_eq!(other.extend(catalog).unwrap().landed, [0, 1, 2]);
}
