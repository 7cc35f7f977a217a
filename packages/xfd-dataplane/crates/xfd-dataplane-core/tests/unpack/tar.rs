//! Tar archives become what GNU tar makes of them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::support::{Place, Raw, at, check_summary, gnu_tar, listing, made_by_gnu_tar, noise};
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::UnpackMethod;

/// Something of everything that an environment or a data set has.
fn fill(folder: &Path) {
    let time = |path: &Path, seconds, nanoseconds| {
        let at = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        fs::File::open(path).unwrap().set_modified(at).unwrap();
    };
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["bin", "lib/deep/er", "share/empty"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    fs::write(folder.join("bin/python3.11"), noise(700_000, 1)).unwrap();
    mode(&folder.join("bin/python3.11"), 0o755);
    symlink("python3.11", folder.join("bin/python3")).unwrap();
    symlink("../lib/libx.so.1", folder.join("bin/x")).unwrap();
    symlink("nowhere/yet", folder.join("bin/dangling")).unwrap();
    fs::write(folder.join("lib/libx.so.1"), b"x").unwrap();
    mode(&folder.join("lib/libx.so.1"), 0o444);
    fs::hard_link(folder.join("lib/libx.so.1"), folder.join("lib/same")).unwrap();
    fs::hard_link(folder.join("bin/python3"), folder.join("bin/python")).unwrap();
    fs::write(folder.join("lib/deep/er/empty"), b"").unwrap();
    fs::write(folder.join("lib/deep/er/set-id"), b"#!").unwrap();
    mode(&folder.join("lib/deep/er/set-id"), 0o6777);
    let long = folder.join("a".repeat(120)).join("b".repeat(150));
    fs::create_dir_all(&long).unwrap();
    fs::write(long.join("c".repeat(200)), b"long").unwrap();
    symlink(format!("{}/z", "y".repeat(180)), folder.join("long link")).unwrap();
    fs::write(folder.join("sp ace\nline é.txt"), b"odd").unwrap();
    let odd = OsStr::from_bytes(b"latin\xe9");
    fs::write(folder.join(odd), b"not UTF-8").unwrap();
    time(&folder.join("bin/python3.11"), 1_500_000_000, 123_456_789);
    time(&folder.join("lib/libx.so.1"), 1, 0);
    mode(&folder.join("lib/deep"), 0o555);
    time(&folder.join("lib/deep"), 1_400_000_000, 5);
    time(&folder.join("share"), 1_300_000_000, 0);
    time(folder, 1_200_000_000, 0);
}

/// `whole`: the archive has an entry for the tree itself.
fn check_like_gnu_tar(archive: &[u8], whole: bool) {
    let place = Place::new();
    let summary = place.tar(archive).unwrap();
    let (mut ours, mut theirs) = (listing(&place.destination()), gnu_tar(archive));
    if !whole {
        ours.remove(&at(""));
        theirs.remove(&at(""));
    }
    for (path, theirs) in &theirs {
        assert_eq!(ours.get(path), Some(theirs), "{}", path.display());
    }
    assert_eq!(ours.len(), theirs.len());
    check_summary(&summary, &place.destination());
}

#[test]
fn every_format_of_gnu_tar_unpacks_as_it_does() {
    for format in ["gnu", "oldgnu", "pax", "posix"] {
        let format = format!("--format={format}");
        check_like_gnu_tar(&made_by_gnu_tar(&[&format], fill), true);
    }
}

#[test]
fn a_ustar_archive_unpacks_as_gnu_tar_does() {
    let archive = made_by_gnu_tar(&["--format=ustar"], |folder| {
        fs::create_dir_all(folder.join("a".repeat(90)).join("b".repeat(60))).unwrap();
        let name = format!("{}/{}/c", "a".repeat(90), "b".repeat(60));
        fs::write(folder.join(name), b"split over name and prefix").unwrap();
    });
    check_like_gnu_tar(&archive, true);
}

#[test]
fn sparse_files_keep_content_and_holes_in_every_version() {
    let versions: [&[&str]; 4] = [
        &["--format=gnu"],
        &["--format=pax", "--sparse-version=0.0"],
        &["--format=pax", "--sparse-version=0.1"],
        &["--format=pax", "--sparse-version=1.0"],
    ];
    for version in versions {
        let options = [version, &["--sparse"]].concat();
        let archive = made_by_gnu_tar(&options, |folder| {
            let file = fs::File::create(folder.join("many")).unwrap();
            for piece in 0..100 {
                file.write_all_at(&noise(5000, piece), piece * 65_536)
                    .unwrap();
            }
            file.set_len(8 << 20).unwrap();
            let file = fs::File::create(folder.join("hole")).unwrap();
            file.set_len(3 << 20).unwrap();
            let name = "n".repeat(140);
            let file = fs::File::create(folder.join(name)).unwrap();
            file.write_all_at(b"end", (1 << 20) - 3).unwrap();
            fs::write(folder.join("z after"), b"follows").unwrap();
        });
        assert!(archive.len() < 2 << 20, "the archive is sparse");
        check_like_gnu_tar(&archive, false);
        let place = Place::new();
        place.tar(&archive).unwrap();
        let hole = fs::metadata(place.destination().join("hole")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::blocks(&hole), 0);
    }
}

#[test]
fn a_path_that_comes_again_wins() {
    let archive = Raw::default()
        .file("a", b"first")
        .hard_link("b", "a")
        .file("a", b"second")
        .folder("empty")
        .file("empty", b"no folder")
        .link("l", "a")
        .folder("l/")
        .file("l/x", b"in a folder")
        .end();
    check_like_gnu_tar(&archive, false);
}

#[test]
fn a_hard_link_to_itself_changes_nothing() {
    let archive = Raw::default().file("a", b"a").hard_link("a", "./a").end();
    check_like_gnu_tar(&archive, false);
}

#[test]
fn folders_that_no_member_names_are_made() {
    let archive = Raw::default().file("./a//b/./c", b"c").end();
    let place = Place::new();
    let summary = place.tar(&archive).unwrap();
    let made: Vec<_> = (summary.entries.iter().map(|e| (&*e.path, e.kind))).collect();
    assert_eq!(made, [(&b"a"[..], 'd'), (b"a/b", 'd'), (b"a/b/c", 'f')]);
    check_summary(&summary, &place.destination());
}

#[test]
fn global_and_later_pax_records_are_obeyed() {
    let global = b"16 mtime=1234.5\n";
    let local = b"16 path=x\ny\nz w\n";
    let archive = Raw::default()
        .member(tar::EntryType::XGlobalHeader, "g", "", global)
        .file("plain", b"1")
        .member(tar::EntryType::XHeader, "x", "", local)
        .file("ignored", b"2")
        .end();
    check_like_gnu_tar(&archive, false);
    let place = Place::new();
    place.tar(&archive).unwrap();
    let found = listing(&place.destination());
    assert_eq!(found[&at("plain")].mtime_ns, 1_234_500_000_000);
    assert!(found.contains_key(&at("x\ny\nz w")));
}

#[test]
fn a_kind_that_is_not_known_is_not_guessed() {
    let archive = Raw::default()
        .member(tar::EntryType::new(b'M'), "continued", "", b"half")
        .end();
    let kind = Place::new().refused_kind(UnpackMethod::Tar, &archive);
    assert_eq!(kind, Kind::ArchiveUnsupported);
}
