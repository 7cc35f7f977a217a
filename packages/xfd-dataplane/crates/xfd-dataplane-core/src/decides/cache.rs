//! Whether the file or tree at a destination is what the origin has.
//!
//! It is if all of these hold; if not, it is fetched again:
//!
//! 1. The destination exists.
//! 2. Size, ETag and time in its record equal the store's.
//! 3. It is on the disk as xfd left it.
//! 4. No power loss can have taken its bytes: it was synced, or the machine has not started anew.
//!    If one can, it is read again.
//! 5. Its record has the pin of the request, if there is one. If not, the file is hashed.
//!
//! *As xfd left it* means the same size and modification time in nanoseconds. Writing into a file
//! or touching it changes that time. Another user can set it at will, so a file that belongs to
//! neither this user nor root never counts.
//!
//! Two other marks were considered. The change time would notice an edit whose time was set back,
//! but `chmod`, `chown` and a hard link change it too, and each would cost a whole download. The
//! inode would make it impossible to copy a cache to another disk with its times. Bytes that go bad
//! in place are found by their checksums when the file is served or verified.

use crate::model::{Checksum, FoundObject, TreeEntry};

/// The kind of a path, without following a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FileKind {
    File,
    Folder,
    Link,
    Other,
}

/// What `lstat` says of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnDisk {
    /// Its kind.
    pub kind: FileKind,
    /// In bytes.
    pub size: u64,
    /// In nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// It belongs to this user, or it belongs to root and this user may read it.
    pub is_ours: bool,
}

/// The version of an object at its store. Records, journals and GETs are pinned to one.
///
/// Two are equal if size, ETag and time are. Beside an ETag the time counts in whole seconds: a list
/// may say it more finely than the answer about one object, whose `Last-Modified` has no parts of a
/// second (RFC 9110, 5.6.7). `xfd_api.identity.found_version` compares by the same.
#[derive(Clone, Debug, Eq, serde::Serialize, serde::Deserialize)]
pub struct ObjectVersion {
    /// In bytes.
    pub size: u64,
    /// As the store gave it.
    pub etag: Option<String>,
    /// In nanoseconds since the epoch.
    pub last_modified_ns: Option<i64>,
}

/// In nanoseconds.
const SECOND: i64 = 1_000_000_000;

impl PartialEq for ObjectVersion {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl ObjectVersion {
    fn key(&self) -> (u64, Option<&str>, Option<i64>) {
        let unit = if self.etag.is_some() { SECOND } else { 1 };
        let time = self.last_modified_ns.map(|time| time.div_euclid(unit));
        (self.size, self.etag.as_deref(), time)
    }

    /// Whether another version of the same size would differ from this one. Some web servers send
    /// neither ETag nor time.
    #[must_use]
    pub fn identifies(&self) -> bool {
        self.etag.is_some() || self.last_modified_ns.is_some()
    }
}

impl From<&FoundObject> for ObjectVersion {
    fn from(found: &FoundObject) -> Self {
        Self {
            size: found.size,
            etag: found.etag.clone(),
            last_modified_ns: found.last_modified_ns,
        }
    }
}

/// The part of a record that the verdict needs.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// The object at its store.
    pub version: &'a ObjectVersion,
    /// Size and modification time of the file that xfd left; None if no file was kept.
    pub file: Option<(u64, i64)>,
    /// Checksums of the whole file that it was compared with.
    pub pins: &'a [Checksum],
    /// It was synced, or has been written since the machine started.
    pub is_sure: bool,
    /// The entries of the tree that xfd left, if it was unpacked to the place that is wanted now.
    pub tree: Option<&'a [TreeEntry]>,
}

/// What is on the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// The destination.
    pub file: Option<OnDisk>,
    /// The tree's folder, if a tree is wanted.
    pub folder: Option<OnDisk>,
    /// One for each recorded entry, in the record's order.
    pub entries: &'a [Option<OnDisk>],
}

/// What the request wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The object at its store now.
    pub version: &'a ObjectVersion,
    /// Whether a cached file may be used.
    pub cache: bool,
    /// The checksum of the whole file that the request names.
    pub pin: Option<&'a Checksum>,
    /// None for an object without a tree; else whether the archive is wanted beside the tree.
    pub keep_archive: Option<bool>,
}

/// Why a cached object is outdated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleReason {
    /// The request refuses the cache.
    Refused,
    /// The store has another object now.
    ChangedAtOrigin,
    /// The file or tree on the disk was changed, or lacks something.
    ChangedOnDisk,
    /// The machine has started anew since it was written, and it was not synced before.
    NotSynced,
    /// Only the tree is here, and its archive was not compared with the pin.
    NotPinned,
}

/// What to do about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do: all of it is here.
    Valid,
    /// Hash it: its file is here, and was not compared with the pin yet.
    Hash,
    /// Unpack it again: the archive is here, its tree is not.
    Unpack,
    /// Fetch it: nothing is here.
    Absent,
    /// Fetch it: what is here is xfd's, and outdated.
    Stale(StaleReason),
    /// Fetch it, and replace a file that xfd did not write.
    Foreign,
}

/// The verdict on one object.
#[must_use]
pub fn verdict(wanted: Wanted<'_>, recorded: Option<Recorded<'_>>, seen: Seen<'_>) -> Verdict {
    let Some(recorded) = recorded else {
        return match seen.file {
            Some(_) => Verdict::Foreign,
            None => Verdict::Absent,
        };
    };
    if seen.file.is_none() && seen.folder.is_none() {
        return Verdict::Absent;
    }
    if !wanted.cache {
        return Verdict::Stale(StaleReason::Refused);
    }
    if recorded.version != wanted.version || !wanted.version.identifies() {
        return Verdict::Stale(StaleReason::ChangedAtOrigin);
    }
    match verdict_on_disk(wanted, recorded, seen) {
        Verdict::Valid | Verdict::Hash | Verdict::Unpack if !recorded.is_sure => {
            Verdict::Stale(StaleReason::NotSynced)
        }
        found => found,
    }
}

/// Whether what landed in this run is still on the disk as it was left.
#[must_use]
pub fn is_still_there(wanted: Wanted<'_>, recorded: Option<Recorded<'_>>, seen: Seen<'_>) -> bool {
    let as_landed = Wanted {
        pin: None,
        ..wanted
    };
    recorded.is_some_and(|recorded| {
        recorded.version == wanted.version
            && verdict_on_disk(as_landed, recorded, seen) == Verdict::Valid
    })
}

fn verdict_on_disk(wanted: Wanted<'_>, recorded: Recorded<'_>, seen: Seen<'_>) -> Verdict {
    let file = is_as_left(recorded.file, seen.file);
    let is_pinned = wanted.pin.is_none_or(|pin| recorded.pins.contains(pin));
    let Some(keep_archive) = wanted.keep_archive else {
        return match (seen.file, file) {
            (_, true) if is_pinned => Verdict::Valid,
            (_, true) => Verdict::Hash,
            (None, false) => Verdict::Absent,
            (Some(_), false) => Verdict::Stale(StaleReason::ChangedOnDisk),
        };
    };
    let tree = recorded
        .tree
        .is_some_and(|entries| is_tree_as_left(entries, seen));
    match (tree, file, keep_archive) {
        (true, true, _) | (true, _, false) if is_pinned => Verdict::Valid,
        (_, true, _) if !is_pinned => Verdict::Hash,
        (true, false, false) => Verdict::Stale(StaleReason::NotPinned),
        (_, true, _) => Verdict::Unpack,
        (_, false, _) => Verdict::Stale(StaleReason::ChangedOnDisk),
    }
}

fn is_as_left(recorded: Option<(u64, i64)>, seen: Option<OnDisk>) -> bool {
    match (recorded, seen) {
        (Some((size, mtime_ns)), Some(seen)) => {
            seen.kind == FileKind::File
                && seen.is_ours
                && seen.size == size
                && seen.mtime_ns == mtime_ns
        }
        _ => false,
    }
}

/// Of folders only the kind counts. Their time changes when a program adds a file of its own, such
/// as `__pycache__`, which does no harm to what was unpacked.
fn is_tree_as_left(entries: &[TreeEntry], seen: Seen<'_>) -> bool {
    let same = |(entry, on_disk): (&TreeEntry, &Option<OnDisk>)| {
        on_disk.is_some_and(|on_disk| match entry.kind {
            'f' => is_as_left(Some((entry.size, entry.mtime_ns)), Some(on_disk)),
            'd' => on_disk.kind == FileKind::Folder,
            'l' => on_disk.kind == FileKind::Link && on_disk.is_ours,
            'h' => on_disk.kind == FileKind::File && on_disk.is_ours,
            _ => false,
        })
    };
    seen.folder.is_some_and(|it| it.kind == FileKind::Folder)
        && entries.len() == seen.entries.len()
        && entries.iter().zip(seen.entries).all(same)
}
