//! Zip files become what unzip makes of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::support::{CAPS, Found, Place, at, check_summary, listing, noise, run};
use tempfile::TempDir;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{UnpackCaps, UnpackMethod};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

fn made_by_zip(options: &[&str], fill: impl FnOnce(&Path)) -> Vec<u8> {
    let home = TempDir::new().unwrap();
    let (file, tree) = (home.path().join("a.zip"), home.path().join("from"));
    fs::create_dir(&tree).unwrap();
    fill(&tree);
    run(Command::new("zip")
        .args(["-q", "-r"])
        .args(options)
        .arg(&file)
        .arg(".")
        .current_dir(&tree));
    fs::read(&file).unwrap()
}

/// What unzip makes of an archive where the zone is UTC.
fn unzipped(archive: &[u8]) -> BTreeMap<OsString, Found> {
    let home = TempDir::new().unwrap();
    let (file, tree) = (home.path().join("a.zip"), home.path().join("tree"));
    fs::write(&file, archive).unwrap();
    run(Command::new("unzip")
        .arg("-q")
        .arg(&file)
        .arg("-d")
        .arg(&tree)
        .env("TZ", "UTC"));
    listing(&tree)
}

fn check_like_unzip(archive: &[u8]) {
    let place = Place::new();
    let summary = place.bytes(UnpackMethod::Zip, archive).unwrap();
    let (mut ours, mut theirs) = (listing(&place.destination()), unzipped(archive));
    ours.remove(&at(""));
    theirs.remove(&at(""));
    for (path, theirs) in &mut theirs {
        let mut ours = ours.remove(path).unwrap();
        if theirs.kind == 'l' {
            // unzip does not set a link's own time.
            (ours.mtime_ns, theirs.mtime_ns) = (0, 0);
        }
        assert_eq!(ours, *theirs, "{}", path.display());
    }
    assert!(ours.is_empty(), "{ours:?}");
    check_summary(&summary, &place.destination());
}

fn fill(folder: &Path) {
    let time = |path: &Path, seconds| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        fs::File::open(path).unwrap().set_modified(at).unwrap();
    };
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::create_dir_all(folder.join("lib/deep")).unwrap();
    fs::create_dir_all(folder.join("empty")).unwrap();
    for number in 0..200 {
        let file = folder.join(format!("lib/deep/{number}"));
        fs::write(&file, noise(number * 97, number as u64)).unwrap();
        time(&file, 1_500_000_001 + number as u64);
    }
    fs::write(folder.join("bin/tool"), vec![b'x'; 300_000]).unwrap();
    for (name, mode) in [("bin/tool", 0o775), ("lib/deep/1", 0o400), ("empty", 0o775)] {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("tool", folder.join("bin/link")).unwrap();
    symlink("../lib/deep", folder.join("bin/up")).unwrap();
    fs::write(folder.join("é space"), b"utf-8").unwrap();
    time(&folder.join("empty"), 1_400_000_001);
    time(&folder.join("bin"), 1_400_000_002);
}

#[test]
fn a_tree_unpacks_as_unzip_does() {
    check_like_unzip(&made_by_zip(&["-y"], fill));
    check_like_unzip(&made_by_zip(&["-y", "-0"], fill));
}

#[test]
fn dos_times_and_zip64_unpack_as_unzip_does() {
    // -X leaves the extended timestamp out, -fz forces zip64.
    check_like_unzip(&made_by_zip(&["-y", "-X"], fill));
    check_like_unzip(&made_by_zip(&["-y", "-fz"], fill));
}

#[test]
fn data_descriptors_unpack_as_unzip_does() {
    // Written to what cannot seek, sizes follow the data.
    let mut writer = ZipWriter::new_stream(Vec::new());
    for number in 0..5 {
        writer.start_file(number.to_string(), options()).unwrap();
        writer.write_all(&noise(70_000, number)).unwrap();
    }
    check_like_unzip(&writer.finish().unwrap().into_inner());
}

fn made(entries: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    entries(&mut writer);
    writer.finish().unwrap().into_inner()
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(0o644)
}

fn file(writer: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, content: &[u8]) {
    writer.start_file(name, options()).unwrap();
    writer.write_all(content).unwrap();
}

#[test]
fn a_link_is_one_wherever_it_was_made_as_for_unzip() {
    let mut archive = made(|writer| {
        file(writer, "a", b"content");
        writer.add_symlink("link", "a", options()).unwrap();
    });
    check_like_unzip(&archive);
    let is_entry = |at: &usize| archive[*at..].starts_with(b"PK\x01\x02");
    let entries: Vec<usize> = (0..archive.len()).filter(is_entry).collect();
    for at in entries {
        archive[at + 5] = 0; // Made on DOS.
    }
    check_like_unzip(&archive);
}

#[test]
fn a_dos_time_is_utc() {
    let place = Place::new();
    let time = DateTime::from_date_and_time(2024, 2, 29, 12, 34, 56).unwrap();
    let archive = made(|writer| {
        let options = options().last_modified_time(time);
        writer.start_file("leap", options).unwrap();
    });
    place.bytes(UnpackMethod::Zip, &archive).unwrap();
    let found = listing(&place.destination());
    assert_eq!(found[&at("leap")].mtime_ns, 1_709_210_096_000_000_000);
}

#[test]
fn the_later_of_two_spellings_wins() {
    let archive = made(|writer| {
        file(writer, "a", b"first");
        file(writer, "./a", b"second");
        file(writer, "b//c", b"first");
        writer.add_symlink("b/c", "../a", options()).unwrap();
    });
    let place = Place::new();
    let summary = place.bytes(UnpackMethod::Zip, &archive).unwrap();
    let found = listing(&place.destination());
    assert_eq!(found[&at("a")].content, Some(b"second".to_vec()));
    assert_eq!(found[&at("b/c")].target, Some(at("../a")));
    check_summary(&summary, &place.destination());
}

#[test]
fn entries_out_of_the_tree_are_unsafe() {
    type Fill = fn(&mut ZipWriter<Cursor<Vec<u8>>>);
    let archives: [Fill; 5] = [
        |w| file(w, "../evil", b""),
        |w| file(w, "/evil", b""),
        |w| file(w, "a/../../evil", b""),
        |w| w.add_symlink("l", "/etc/passwd", options()).unwrap(),
        |w| w.add_symlink("d/l", "../../evil", options()).unwrap(),
    ];
    for (number, fill) in archives.into_iter().enumerate() {
        let archive = made(|writer| {
            file(writer, "good", b"good");
            fill(writer);
        });
        let kind = Place::new().refused_kind(UnpackMethod::Zip, &archive);
        assert_eq!(kind, Kind::ArchiveUnsafe, "number {number}");
    }
}

#[test]
fn entries_that_share_bytes_are_unsafe() {
    let mut archive = made(|writer| {
        file(writer, "a", &noise(1000, 1));
        file(writer, "b", &noise(1000, 1));
    });
    // The second directory entry is pointed at the first one's header (APPNOTE 4.3.12).
    let second = archive
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    archive[second + 42..second + 46].fill(0);
    let kind = Place::new().refused_kind(UnpackMethod::Zip, &archive);
    assert_eq!(kind, Kind::ArchiveUnsafe);
}

#[test]
fn what_is_cut_off_or_changed_is_corrupt() {
    let archive = made(|writer| {
        file(writer, "a", &noise(5000, 1));
        file(writer, "b", &noise(5000, 2));
    });
    for length in [10, 3000, archive.len() - 10] {
        let kind = Place::new().refused_kind(UnpackMethod::Zip, &archive[..length]);
        assert_eq!(kind, Kind::ArchiveCorrupt, "{length}");
    }
    for position in [100, 4000, 7000] {
        let mut changed = archive.clone();
        changed[position] ^= 0x10;
        let kind = Place::new().refused_kind(UnpackMethod::Zip, &changed);
        assert_eq!(kind, Kind::ArchiveCorrupt, "{position}");
    }
}

#[test]
fn what_is_encrypted_or_compressed_otherwise_is_not_supported() {
    let encrypted = made_by_zip(&["-P", "secret"], |folder| {
        fs::write(folder.join("a"), b"a").unwrap();
    });
    let kind = Place::new().refused_kind(UnpackMethod::Zip, &encrypted);
    assert_eq!(kind, Kind::ArchiveUnsupported);
    let mut other = made(|writer| file(writer, "a", &noise(100, 1)));
    // The method in both headers is set to LZMA, number 14.
    for (start, offset) in [(&b"PK\x03\x04"[..], 8), (&b"PK\x01\x02"[..], 10)] {
        let header = other.windows(4).position(|bytes| bytes == start).unwrap();
        other[header + offset] = 14;
    }
    let kind = Place::new().refused_kind(UnpackMethod::Zip, &other);
    assert_eq!(kind, Kind::ArchiveUnsupported);
}

#[test]
fn caps_count_what_is_really_unpacked() {
    let archive = made(|writer| {
        for number in 0..100 {
            file(writer, &number.to_string(), &[0; 10_000]);
        }
    });
    let mut place = Place::new();
    place.caps = UnpackCaps {
        max_bytes: Some(999_999),
        ..CAPS
    };
    let kind = place.refused_kind(UnpackMethod::Zip, &archive);
    assert_eq!(kind, Kind::ArchiveTooLarge);
    place.caps = UnpackCaps {
        max_entries: 99,
        ..CAPS
    };
    let kind = place.refused_kind(UnpackMethod::Zip, &archive);
    assert_eq!(kind, Kind::ArchiveTooLarge);
    place.caps = CAPS;
    place.cancel.store(true, Ordering::Relaxed);
    let kind = place.refused_kind(UnpackMethod::Zip, &archive);
    assert_eq!(kind, Kind::Cancelled);
}
