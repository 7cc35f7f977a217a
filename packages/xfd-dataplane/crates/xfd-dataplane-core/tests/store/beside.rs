//! Files beside a destination, or at it, that xfd did not leave there.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use xfd_dataplane_core::error::{Kind, Result};
use xfd_dataplane_core::model::{Catalog, CatalogObject, Links, Unpack, UnpackMethod};
use xfd_dataplane_core::store::Store;

use crate::support::{Place, cut, object, options, pack, store};
use crate::users::{ODD, Odd, is_untouched, put};

pub fn open_to_all(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub fn alone(place: &Place) -> Catalog {
    cut(vec![object(0, place.path("a"), 4)], 4)
}

pub fn small(place: &Place, index: u32, path: &str) -> CatalogObject {
    let mut small = object(index, place.path(&format!("tree/{path}")), 2);
    small.group = Some(place.path("tree").into());
    small
}

pub fn prefix(place: &Place) -> Catalog {
    pack(vec![small(place, 0, "a"), small(place, 1, "sub/b")])
}

pub fn archive(place: &Place) -> Catalog {
    let mut archive = object(0, place.path("home/a.tar"), 4);
    archive.unpack = Some(Unpack {
        destination: place.path("tree"),
        method: UnpackMethod::Tar,
        keep_archive: true,
        links: Links::Safe,
        conda_unpack: false,
    });
    cut(vec![archive], 4)
}

/// Takes an inventory, fetches what is missing, lands it and leaves.
pub fn run(catalog: Catalog, bytes: &[u8]) -> Result<usize> {
    let store = Store::new(options("node"));
    let objects: Vec<u32> = catalog.objects.iter().map(|object| object.index).collect();
    let landed = store.extend(catalog)?.landed.len();
    if landed < objects.len() {
        let mut lease = store.lease(0).unwrap()?;
        lease.write(bytes)?;
        lease.commit(None)?;
        for (_, outcome) in store.land_many(&objects) {
            outcome?;
        }
    }
    store.leave();
    Ok(landed)
}

#[test]
fn what_is_no_file_of_ours_is_not_believed_at_any_name_beside() {
    let names = [
        ".a.xfd",
        ".a.xfd.new",
        ".a.xfd-part",
        ".a.xfd-journal",
        ".a.xfd-lock",
        ".tree.xfd",
        ".tree.xfd-lock",
        "tree/.a.xfd-part",
    ];
    for name in names {
        for odd in ODD {
            let place = Place::new();
            for folder in ["aside", "tree"] {
                std::fs::create_dir(place.path(folder)).unwrap();
            }
            if !put(odd, &place.path(name), &place.path("aside")) {
                continue;
            }
            let (catalog, bytes, landed) = match name.contains(".a.xfd") && !name.contains('/') {
                true => (alone(&place), b"1234", "a"),
                false => (prefix(&place), b"aabb", "tree/a"),
            };
            let outcome = run(catalog, bytes);
            assert!(is_untouched(odd, &place.path("aside")), "{odd:?} at {name}");
            // A folder is never removed. The error names it, unless the file has another place.
            match outcome {
                Ok(0) => assert_eq!(
                    std::fs::read(place.path(landed)).unwrap(),
                    &bytes[..if landed == "a" { 4 } else { 2 }],
                    "{odd:?} at {name}"
                ),
                Ok(_) => panic!("believed: {odd:?} at {name}"),
                Err(error) => {
                    assert_eq!(odd, Odd::Folder, "{name}: {error}");
                    assert_eq!(error.kind, Kind::DestinationNotWritable, "{name}");
                    assert_eq!(error.path, Some(place.path(name)));
                    assert!(!place.path(landed).exists());
                }
            }
        }
    }
}

#[test]
fn no_object_lands_where_another_run_keeps_a_file_beside_another_object() {
    let kinds = [
        ".b.xfd",
        ".b.xfd.new",
        ".b.xfd-part",
        ".b.xfd-journal",
        ".b.xfd-lock",
    ];
    for dot_file in kinds {
        let place = Place::new();
        let alone = |name: &str| cut(vec![object(0, place.path(name), 4)], 4);
        assert_eq!(run(alone("b"), b"1234").unwrap(), 0);
        let error = run(alone(dot_file), b"5678").unwrap_err();
        assert_eq!(error.kind, Kind::DestinationConflict, "{dot_file}");
        assert_eq!(error.path, Some(place.path(dot_file)));
        // The record of b is what it was, so b is here.
        assert_eq!(run(alone("b"), b"1234").unwrap(), 1, "{dot_file}");
    }
    for dot_file in [".b.xfd", ".b.xfd-part", ".b.xfd-journal"] {
        let place = Place::new();
        let alone = |name: &str| cut(vec![object(0, place.path(name), 4)], 4);
        assert_eq!(run(alone(dot_file), b"5678").unwrap(), 0);
        let error = run(alone("b"), b"1234").unwrap_err();
        assert_eq!(error.kind, Kind::DestinationConflict, "{dot_file}");
        assert_eq!(std::fs::read(place.path(dot_file)).unwrap(), b"5678");
        assert_eq!(run(alone(dot_file), b"5678").unwrap(), 1, "{dot_file}");
    }
    let place = Place::new();
    let in_prefix = |name: &str| pack(vec![small(&place, 0, name)]);
    assert_eq!(run(in_prefix("b"), b"12").unwrap(), 0);
    let error = run(in_prefix(".b.xfd-part"), b"34").unwrap_err();
    assert_eq!(error.kind, Kind::DestinationConflict);
}

#[test]
fn a_destination_that_is_no_file_is_refused_before_the_first_byte() {
    for in_prefix in [false, true] {
        for odd in ODD {
            let place = Place::new();
            for folder in ["aside", "tree"] {
                std::fs::create_dir(place.path(folder)).unwrap();
            }
            let destination = place.path(if in_prefix { "tree/a" } else { "a" });
            if !put(odd, &destination, &place.path("aside")) {
                continue;
            }
            let catalog = if in_prefix {
                prefix(&place)
            } else {
                alone(&place)
            };
            let before = std::fs::symlink_metadata(&destination).unwrap();
            let is_replaced = matches!(
                odd,
                Odd::DanglingLink
                    | Odd::LinkToFile
                    | Odd::LinkToHuge
                    | Odd::HardLink
                    | Odd::Strangers
            );
            match run(catalog, if in_prefix { b"aabb" } else { b"1234" }) {
                Ok(landed) => assert!(is_replaced && landed == 0, "{odd:?}"),
                Err(error) => {
                    assert!(!is_replaced, "{odd:?}: {error}");
                    assert_eq!(error.kind, Kind::Destination);
                    assert_eq!(error.path.as_ref(), Some(&destination));
                    let after = std::fs::symlink_metadata(&destination).unwrap();
                    assert_eq!(before.ino(), after.ino(), "{odd:?}");
                }
            }
            assert!(is_untouched(odd, &place.path("aside")), "{odd:?}");
        }
    }
}

#[test]
fn a_device_at_a_link_by_its_name_is_refused_too() {
    let place = Place::new();
    // If a shell has redirected it, this leads to a regular file.
    for target in ["/dev/xfd-nothing", "/proc/self/fd/99"] {
        symlink(target, place.path("a")).unwrap();
        let error = run(alone(&place), b"1234").unwrap_err();
        assert_eq!(error.kind, Kind::Destination);
        std::fs::remove_file(place.path("a")).unwrap();
    }
}

#[test]
fn a_trees_folder_that_is_none_is_refused_before_the_first_byte() {
    for odd in ODD {
        let place = Place::new();
        std::fs::create_dir(place.path("aside")).unwrap();
        if !put(odd, &place.path("tree"), &place.path("aside")) {
            continue;
        }
        let outcome = store().extend(archive(&place));
        match odd {
            Odd::Folder | Odd::LinkToFolder => drop(outcome.unwrap()),
            _ => assert_eq!(
                outcome.unwrap_err().kind,
                Kind::DestinationNotEmpty,
                "{odd:?}"
            ),
        }
    }
}
