//! Which files are believed, and what a file is in words.

use rustix::fs::{FileType, Stat};

use crate::decides::cache::{FileKind, OnDisk};

/// Why what lies somewhere is not believed as a file of ours; None if it is.
pub(crate) fn doubt(found: &Stat, is_ours: bool, most: u64) -> Option<String> {
    if let Some(what) = odd_kind(found) {
        return Some(format!("it is {what}"));
    }
    if !is_ours {
        return Some(format!("it belongs to user {}", found.st_uid));
    }
    if found.st_nlink > 1 {
        return Some(format!("it has {} names", found.st_nlink));
    }
    let size = size_of(found);
    (size > most).then(|| format!("it has {size} bytes"))
}

/// What something is that is no regular file.
pub(crate) fn odd_kind(found: &Stat) -> Option<&'static str> {
    Some(match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => return None,
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of an unknown kind",
    })
}

/// What the file system says of a file, in the words of the verdict.
pub(crate) fn on_disk(found: &Stat, is_ours: bool) -> OnDisk {
    let kind = match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    };
    OnDisk {
        kind,
        size: size_of(found),
        mtime_ns: mtime_ns(found),
        is_ours,
    }
}

fn size_of(found: &Stat) -> u64 {
    u64::try_from(found.st_size).unwrap_or_default()
}

#[allow(
    clippy::useless_conversion,
    reason = "field types differ by architecture"
)]
fn mtime_ns(found: &Stat) -> i64 {
    let seconds = i64::try_from(found.st_mtime).unwrap_or_default();
    let nanoseconds = i64::try_from(found.st_mtime_nsec).unwrap_or_default();
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}
