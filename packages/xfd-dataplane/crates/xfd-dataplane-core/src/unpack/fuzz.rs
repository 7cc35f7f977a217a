//! Archives of strangers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::{Archive, Summary, Task};
use crate::error::{Kind, Result};
use crate::model::{Links, UnpackCaps, UnpackMethod};

const CAPS: UnpackCaps = UnpackCaps {
    max_entries: 64,
    max_bytes: Some(1 << 20),
    max_ratio: 250.0,
};

thread_local!(static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap());

/// What a tree has at a path: a folder, a link's target, a file's bytes.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Folder,
    Link(OsString),
    File(Vec<u8>),
}

fn look(root: &Path, below: &Path, found: &mut BTreeMap<OsString, Found>) {
    for entry in std::fs::read_dir(root.join(below)).unwrap() {
        let path = below.join(entry.unwrap().file_name());
        let full = root.join(&path);
        let meta = std::fs::symlink_metadata(&full).unwrap();
        let kind = match () {
            () if meta.is_dir() => Found::Folder,
            () if meta.is_symlink() => Found::Link(std::fs::read_link(&full).unwrap().into()),
            () => {
                use std::os::unix::fs::PermissionsExt;
                assert!(meta.is_file(), "a device was made");
                let mode = meta.permissions().mode();
                assert_eq!(mode & 0o7000, 0, "a set-id bit was set");
                std::fs::set_permissions(&full, PermissionsExt::from_mode(0o600)).unwrap();
                Found::File(std::fs::read(&full).unwrap())
            }
        };
        if kind == Found::Folder {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&full, PermissionsExt::from_mode(0o700)).unwrap();
            look(root, &path, found);
        }
        found.insert(path.into_os_string(), kind);
    }
}

/// Unpacks. Nothing is made outside of the tree, and nothing is left where it fails.
fn unpacked(
    method: UnpackMethod,
    data: &[u8],
    links: Links,
) -> Result<(Summary, BTreeMap<OsString, Found>)> {
    FOLDER.with(|folder| {
        let home = folder.path().join("home");
        std::fs::remove_dir_all(&home).ok();
        std::fs::create_dir(&home).unwrap();
        let (tree, file) = (home.join("tree"), folder.path().join("archive"));
        let archive = match method {
            UnpackMethod::Zip => {
                std::fs::write(&file, data).unwrap();
                Archive::File(&file)
            }
            _ => Archive::Stream(Box::new(data)),
        };
        let made = super::unpack(Task {
            method,
            archive,
            archive_bytes: data.len() as u64,
            key: "key.gz",
            destination: &tree,
            replace: false,
            caps: CAPS,
            links,
            conda_unpack: false,
            sync: false,
            cancel: &AtomicBool::new(false),
        });
        let is_there = made.is_ok();
        let names = std::fs::read_dir(&home).unwrap().count();
        assert_eq!(names, usize::from(is_there), "only the tree is made");
        let summary = made?;
        let mut found = BTreeMap::new();
        look(&tree, Path::new(""), &mut found);
        Ok((summary, found))
    })
}

/// The summary is what is on the disk, and within the caps.
fn check(summary: &Summary, found: &BTreeMap<OsString, Found>, links: Links) {
    assert_eq!(summary.entries.len(), found.len());
    let mut bytes = 0;
    for entry in &summary.entries {
        let on_disk = &found[OsStr::from_bytes(&entry.path)];
        match (entry.kind, on_disk) {
            ('d', Found::Folder) => {}
            ('l', Found::Link(target)) if links == Links::Safe => check_target(&entry.path, target),
            ('l', Found::Link(_)) | ('h', Found::File(_)) => {}
            ('f', Found::File(content)) => {
                assert_eq!(content.len() as u64, entry.size);
                bytes += entry.size;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(summary.bytes, bytes);
    assert!(bytes <= CAPS.max_bytes.unwrap());
}

/// Counted name by name from its folder, a target does not leave the tree.
fn check_target(path: &[u8], target: &OsStr) {
    assert!(!target.as_bytes().starts_with(b"/"), "absolute");
    let above = path.iter().filter(|byte| **byte == b'/').count();
    let mut depth = i64::try_from(above).unwrap();
    for part in target.as_bytes().split(|byte| *byte == b'/') {
        depth += match part {
            b"" | b"." => 0,
            b".." => -1,
            _ => 1,
        };
        assert!(depth >= 0, "a link leaves the tree");
    }
}

/// Refusals are of these kinds: an archive is not to blame the disk for what it has.
fn check_refusal(kind: Kind) {
    use Kind::{ArchiveCorrupt, ArchiveTooLarge, ArchiveUnsafe, ArchiveUnsupported};
    assert!(
        matches!(
            kind,
            ArchiveCorrupt | ArchiveTooLarge | ArchiveUnsafe | ArchiveUnsupported
        ),
        "{kind:?}"
    );
}

fn both(method: UnpackMethod, data: &[u8]) -> Option<BTreeMap<OsString, Found>> {
    let mut safe = None;
    for links in [Links::Keep, Links::Safe] {
        match unpacked(method, data, links) {
            Ok((summary, found)) => {
                check(&summary, &found, links);
                if links == Links::Safe {
                    safe = Some(found);
                }
            }
            Err(error) => check_refusal(error.kind),
        }
    }
    safe
}

/// Gives every header of an archive the checksum that it should have: a fuzzer finds none.
fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut archive = data.to_vec();
    archive.resize(data.len().next_multiple_of(512) + 1024, 0);
    let mut at = 0;
    while let Some(block) = archive.get_mut(at..at + 512) {
        at += 512;
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = std::str::from_utf8(&block[124..135]).ok();
        let size = size.and_then(|size| u64::from_str_radix(size.trim(), 8).ok());
        let size = usize::try_from(size.unwrap_or_default()).unwrap();
        at = at.saturating_add(size.next_multiple_of(512));
    }
    archive
}

/// A tar archive whose headers have the checksums that they should have.
pub(crate) fn tar(data: &[u8]) {
    let archive = with_checksums(data);
    if let Some(found) = both(UnpackMethod::Tar, &archive) {
        check_tar(&archive, &found);
    }
}

/// A tar archive as it is.
pub(crate) fn tar_raw(data: &[u8]) {
    if let Some(found) = both(UnpackMethod::Tar, data) {
        check_tar(data, &found);
    }
}

/// The crate `tar` reads the same files, where it reads the archive to its end.
fn check_tar(data: &[u8], found: &BTreeMap<OsString, Found>) {
    let mut theirs: BTreeMap<OsString, Vec<u8>> = BTreeMap::new();
    let mut archive = tar::Archive::new(data);
    let Ok(entries) = archive.entries() else {
        return;
    };
    for entry in entries {
        let Ok(mut entry) = entry else { return };
        let Ok(path) = entry.path() else { return };
        // Of a version that is not "00" it leaves out the prefix, which GNU tar reads.
        let magic = &entry.header().as_bytes()[257..265];
        if magic.starts_with(b"ustar\0") && magic != b"ustar\x0000" {
            return;
        }
        // It takes more than what stands before a NUL.
        if path.as_os_str().as_bytes().contains(&0) {
            return;
        }
        let names = path.components().filter(|it| *it != Component::CurDir);
        let path: OsString = names.collect::<PathBuf>().into();
        // It knows neither maps of PAX, nor that a name with a slash at its end is a folder's.
        let is_plain = entry.header().entry_type() == tar::EntryType::Regular
            && !entry.path_bytes().ends_with(b"/");
        let is_sparse = entry.pax_extensions().ok().flatten().is_some();
        if is_sparse {
            return;
        }
        theirs.remove(&path);
        if is_plain {
            let mut content = Vec::new();
            if entry.read_to_end(&mut content).is_err() {
                return;
            }
            theirs.insert(path, content);
        } else if !matches!(
            entry.header().entry_type(),
            tar::EntryType::Directory | tar::EntryType::Regular
        ) {
            // Links move what comes after them.
            return;
        }
    }
    for (path, content) in theirs {
        assert_eq!(found.get(&path), Some(&Found::File(content)), "{path:?}");
    }
}

/// A zip archive; the crate `zip` reads the same files.
pub(crate) fn zip(data: &[u8]) {
    let Some(found) = both(UnpackMethod::Zip, data) else {
        return;
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(data)).expect("what we read is a zip");
    // Links move what comes after them, and the crate knows those of Unix only.
    if found.values().any(|it| matches!(it, Found::Link(_))) {
        return;
    }
    let mut theirs: BTreeMap<OsString, Vec<u8>> = BTreeMap::new();
    for index in 0..archive.len() {
        let Ok(mut entry) = archive.by_index(index) else {
            return;
        };
        let Some(path) = entry.enclosed_name() else {
            return;
        };
        if entry.is_dir()
            || entry
                .unix_mode()
                .is_some_and(|mode| mode & 0o170_000 == 0o040_000)
        {
            continue;
        }
        let mut content = Vec::new();
        if entry.read_to_end(&mut content).is_err() {
            return;
        }
        theirs.insert(path.into_os_string(), content);
    }
    let ours = found.values().filter(|it| matches!(it, Found::File(_)));
    assert_eq!(ours.count(), theirs.len());
    for (path, content) in theirs {
        // Names in other code pages are decoded in ways of one's own.
        if path.as_bytes().is_ascii() {
            assert_eq!(found.get(&path), Some(&Found::File(content)), "{path:?}");
        }
    }
}

/// A compressed stream; the first byte says by what.
pub(crate) fn stream(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let methods = [UnpackMethod::Gz, UnpackMethod::TarGz, UnpackMethod::TarZst];
    let method = methods[usize::from(*first) % methods.len()];
    let found = both(method, rest);
    if let (UnpackMethod::Gz, Some(found)) = (method, found) {
        let mut content = Vec::new();
        let mut decoder = flate2::read::MultiGzDecoder::new(rest);
        // It takes zeros behind a member for a broken one.
        let is_all = decoder.read_to_end(&mut content).is_ok();
        let Some(Found::File(ours)) = found.get(OsStr::new("key")) else {
            panic!("a file is made");
        };
        assert!(ours.starts_with(&content));
        assert!(!is_all || ours.len() == content.len());
    }
}
