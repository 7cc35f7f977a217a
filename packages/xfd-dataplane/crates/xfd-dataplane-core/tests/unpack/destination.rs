//! What is at the destination is replaced as a whole or not at all.

use std::fs;
use std::os::unix::fs::symlink;

use super::support::{Place, Raw, at, listing};
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{Links, UnpackMethod};

fn archive(content: &[u8]) -> Vec<u8> {
    Raw::default().file("a", content).end()
}

#[test]
fn folders_above_are_made_and_an_empty_one_is_taken() {
    let place = Place::new();
    fs::create_dir(place.destination()).unwrap();
    place.tar(&archive(b"new")).unwrap();
    let names: Vec<_> = listing(place.home.path()).into_keys().collect();
    assert_eq!(
        names,
        [at(""), at("tree"), at("tree/a")],
        "no staging is left"
    );
}

#[test]
fn what_is_not_ours_stays() {
    let place = Place::new();
    fs::create_dir(place.destination()).unwrap();
    fs::write(place.destination().join("theirs"), b"theirs").unwrap();
    let kind = place.refused_kind(UnpackMethod::Tar, &archive(b"new"));
    assert_eq!(kind, Kind::DestinationNotEmpty);
    let mut place = Place::new();
    fs::write(place.destination(), b"a file").unwrap();
    for replace in [false, true] {
        place.replace = replace;
        let kind = place.refused_kind(UnpackMethod::Tar, &archive(b"new"));
        assert_eq!(kind, Kind::DestinationNotEmpty);
    }
}

#[test]
fn what_comes_while_unpacking_stays() {
    /// Puts a file into the destination when the archive is read.
    struct Intruder<'a>(&'a [u8], std::path::PathBuf);
    impl std::io::Read for Intruder<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            fs::create_dir_all(&self.1)?;
            fs::write(self.1.join("theirs"), b"theirs")?;
            self.0.read(into)
        }
    }
    let place = Place::new();
    let archive = archive(b"new");
    let stream = Intruder(&archive, place.destination());
    let error = place.stream(UnpackMethod::Tar, stream, archive.len());
    assert_eq!(error.unwrap_err().kind, Kind::DestinationNotEmpty);
    let names: Vec<_> = listing(place.home.path()).into_keys().collect();
    assert_eq!(names, [at(""), at("tree"), at("tree/theirs")]);
}

#[test]
fn our_old_tree_is_exchanged_as_a_whole() {
    let mut place = Place::new();
    place
        .tar(&Raw::default().file("old", b"old").end())
        .unwrap();
    place.replace = true;
    let kind = place.refused_kind(UnpackMethod::Tar, &archive(b"new")[..700]);
    assert_eq!(kind, Kind::ArchiveCorrupt);
    place.tar(&archive(b"new")).unwrap();
    let names: Vec<_> = listing(place.home.path()).into_keys().collect();
    assert_eq!(names, [at(""), at("tree"), at("tree/a")]);
}

#[test]
fn a_link_to_a_folder_stands_for_the_folder() {
    let place = Place::new();
    let real = place.home.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink("real", place.destination()).unwrap();
    place.tar(&archive(b"new")).unwrap();
    assert_eq!(fs::read(real.join("a")).unwrap(), b"new");
    assert!(place.destination().is_symlink());
}

#[test]
fn what_a_killed_run_left_is_removed_and_a_live_one_is_not() {
    let place = Place::new();
    let left = |slot: u32| place.home.path().join(format!(".tree.xfd-tree-{slot}"));
    for slot in 0..3 {
        fs::create_dir(left(slot)).unwrap();
        fs::write(left(slot).join("half"), b"half").unwrap();
    }
    let live = fs::File::open(left(1)).unwrap();
    rustix::fs::flock(&live, rustix::fs::FlockOperation::LockExclusive).unwrap();
    place.tar(&archive(b"new")).unwrap();
    assert_eq!(
        [0, 1, 2].map(|slot| left(slot).exists()),
        [false, true, false]
    );
    assert!(left(1).join("half").exists());
}

#[test]
fn the_longest_name_has_room_for_its_staging() {
    let place = Place::new();
    let destination = place.home.path().join("n".repeat(255));
    let cancel = std::sync::atomic::AtomicBool::new(false);
    let archive = archive(b"new");
    xfd_dataplane_core::unpack::unpack(xfd_dataplane_core::unpack::Task {
        method: UnpackMethod::Tar,
        archive: xfd_dataplane_core::unpack::Archive::Stream(Box::new(&archive[..])),
        archive_bytes: archive.len() as u64,
        key: "k",
        destination: &destination,
        replace: false,
        caps: super::support::CAPS,
        links: Links::Safe,
        conda_unpack: false,
        sync: true,
        cancel: &cancel,
    })
    .unwrap();
    assert_eq!(fs::read(destination.join("a")).unwrap(), b"new");
}

/// A folder whose folder above is not this user's, and a mount point: neither can be exchanged.
mod inside {
    use super::*;
    use crate::users::{as_stranger, give_to_stranger, is_root, with_a_disk_at};

    fn names(place: &Place) -> Vec<std::ffi::OsString> {
        listing(&place.destination()).into_keys().collect()
    }

    /// A first tree, an archive that breaks off, and a second tree in the place of the first.
    fn story(place: &mut Place) {
        let first = Raw::default().file("old", b"old").file("a", b"first").end();
        place.tar(&first).unwrap();
        assert_eq!(names(place), [at(""), at("a"), at("old")]);
        let again = place.tar(&archive(b"new")).unwrap_err();
        assert_eq!(again.kind, Kind::DestinationNotEmpty);
        place.replace = true;
        let broken = place.tar(&archive(b"new")[..700]).unwrap_err();
        assert_eq!(broken.kind, Kind::ArchiveCorrupt);
        assert_eq!(names(place), [at(""), at("a"), at("old")]);
        place.tar(&archive(b"new")).unwrap();
        assert_eq!(names(place), [at(""), at("a")]);
        assert_eq!(fs::read(place.destination().join("a")).unwrap(), b"new");
    }

    #[test]
    fn a_folder_of_ones_own_below_one_of_roots() {
        if !is_root("another user") {
            return;
        }
        let mut place = Place::new();
        fs::create_dir(place.destination()).unwrap();
        give_to_stranger(&place.destination());
        let above = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(place.home.path(), above).unwrap();
        as_stranger(|| story(&mut place));
    }

    #[test]
    fn a_mount_point() {
        let mut place = Place::new();
        let destination = place.destination();
        fs::create_dir(&destination).unwrap();
        let done = with_a_disk_at(&destination.clone(), || {
            story(&mut place);
            // A fresh disk has a folder of the file system's own.
            place.replace = false;
            fs::remove_file(destination.join("a")).unwrap();
            fs::create_dir(destination.join("lost+found")).unwrap();
            place.tar(&archive(b"new")).unwrap();
            assert_eq!(names(&place), [at(""), at("a"), at("lost+found")]);
        });
        if done.is_none() {
            eprintln!("skipped, needs mounts of its own: a mount point");
        }
    }
}
