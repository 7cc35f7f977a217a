//! One object's place on the disk: its paths, its folder, and what is known of its files.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, Weak};

use crc_fast::CrcAlgorithm;

use super::blob_lock::BlobLock;
use super::blob_place;
use super::boot;
use super::checks::second_algorithm;
use super::facts::{Facts, Location};
use super::hashing::Hashing;
use super::manifest::Manifest;
use super::part::Part;
use super::paths::{JOURNAL, LOCK, PART, beside, dot_name};
use crate::beside::{Anchor, Dir, Opened};
use crate::decides::cache::ObjectVersion;
use crate::error::{Error, Kind, Result};
use crate::model::{CatalogObject, Checksum, Durability, Unpack};
use crate::threads::{Mutex, MutexGuard, locked};

/// One object of the catalog, on this disk. There may be a hundred thousand: what few of them have
/// is boxed.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) object: Arc<CatalogObject>,
    pub(crate) version: ObjectVersion,
    pub(crate) manifest: Option<Arc<Mutex<Manifest>>>,
    durability: Durability,
    /// The folder that a user named, once it exists.
    anchor: Mutex<Option<Arc<Anchor>>>,
    /// The path from the anchor to the object's folder.
    pub(crate) relative: PathBuf,
    /// Open only while it is written, so that thousands of objects do not need a descriptor each.
    part: Mutex<Weak<Part>>,
    /// Held while its bytes are synced. The first failure of a sync, see [`super::write_behind`].
    pub(crate) sync_failure: Mutex<Option<Box<Error>>>,
    facts: Mutex<Facts>,
    /// See [`Slot::placing`].
    placing: Mutex<()>,
    /// Of a pinned object that is fetched.
    pub(crate) hashing: Mutex<Option<Box<Hashing>>>,
    /// A thread hashes what has arrived.
    pub(crate) is_hashing: AtomicBool,
    /// The store's checksum, if it came after the object was found.
    pub(crate) learned_checksum: OnceLock<Box<Checksum>>,
    /// The folder of a blob's part file, once it exists. Other part files are beside their
    /// destination.
    parts: Mutex<Option<Box<Dir>>>,
    /// The hub's lock of a blob, while it is ours.
    pub(crate) blob_lock: Mutex<Option<BlobLock>>,
}

impl Slot {
    pub(crate) fn new(
        object: Arc<CatalogObject>,
        manifest: Option<Arc<Mutex<Manifest>>>,
        durability: Durability,
    ) -> Self {
        let folder = object.destination.parent().unwrap_or(Path::new("/"));
        let relative = folder.strip_prefix(base(&object));
        let relative = relative.map(PathBuf::from).unwrap_or_default();
        Self {
            version: ObjectVersion::from(&object.found),
            anchor: Mutex::default(),
            relative,
            object,
            manifest,
            durability,
            part: Mutex::default(),
            sync_failure: Mutex::default(),
            facts: Mutex::default(),
            placing: Mutex::default(),
            hashing: Mutex::default(),
            is_hashing: AtomicBool::new(false),
            learned_checksum: OnceLock::new(),
            parts: Mutex::default(),
            blob_lock: Mutex::default(),
        }
    }

    /// The store's checksum of the whole object, if it is known.
    pub(crate) fn checksum(&self) -> Option<&Checksum> {
        self.object
            .found
            .checksum
            .as_ref()
            .or_else(|| self.learned_checksum.get().map(Box::as_ref))
    }

    /// See [`second_algorithm`].
    pub(crate) fn second_algorithm(&self) -> Option<CrcAlgorithm> {
        second_algorithm(self.checksum())
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        locked(&self.facts)
    }

    /// Held while its file gets its name, is given up or released, is opened again, or is entered by
    /// an inventory: one comes after the other, with what the ledger says of it. It is taken before
    /// the lock of the ledger, and several in the order of their objects. Files are touched under
    /// it, so it may take as long as a tree is removed.
    pub(crate) fn placing(&self) -> MutexGuard<'_, ()> {
        locked(&self.placing)
    }

    pub(crate) fn part_path(&self) -> PathBuf {
        self.path_of(PART)
    }

    pub(crate) fn journal_path(&self) -> PathBuf {
        self.path_of(JOURNAL)
    }

    fn path_of(&self, suffix: &str) -> PathBuf {
        let destination = &self.object.destination;
        let Some(blob) = &self.object.blob else {
            return beside(destination, suffix);
        };
        let name = dot_name(destination.file_name().unwrap_or_default(), suffix);
        match &*locked(&self.parts) {
            Some(parts) => parts.path().join(name),
            None => blob.parts_folder().join(name),
        }
    }

    /// The lock that writers of this object need. A group has one for all of its objects, and a
    /// repository one for all of its blobs.
    pub(crate) fn lock_path(&self) -> PathBuf {
        if let Some(blob) = &self.object.blob {
            return blob_place::lock_path(blob);
        }
        if let Some(manifest) = &self.manifest
            && let Some(home) = locked(manifest).home()
        {
            return home.lock.clone();
        }
        let of = self.object.group.as_deref();
        beside(of.unwrap_or(&self.object.destination), LOCK)
    }

    /// The folder that the lock is in.
    pub(crate) fn lock_dir(&self) -> Result<Dir> {
        if let Some(blob) = &self.object.blob {
            return blob_place::make_locks(&self.opened()?, blob);
        }
        let home = match &self.manifest {
            Some(manifest) => locked(manifest).home().cloned(),
            None => None,
        };
        match home {
            Some(home) => home.dir(),
            None => self.dir(),
        }
    }

    pub(crate) fn set_anchor(&self, anchor: Option<Arc<Anchor>>) {
        *locked(&self.anchor) = anchor;
    }

    pub(crate) fn anchor(&self) -> Option<Arc<Anchor>> {
        locked(&self.anchor).clone()
    }

    /// The object's folder, as it was found.
    fn found_anchor(&self) -> Result<Arc<Anchor>> {
        self.anchor().ok_or_else(|| {
            let absent = std::io::ErrorKind::NotFound.into();
            Error::of_path(&absent, "open the folder", base(&self.object))
        })
    }

    /// The folders that are open in the object's store.
    pub(crate) fn opened(&self) -> Result<Arc<Opened>> {
        Ok(self.found_anchor()?.opened().clone())
    }

    /// The object's folder.
    pub(crate) fn dir(&self) -> Result<Dir> {
        self.found_anchor()?.dir(&self.relative)
    }

    /// The object's folder; None if there is none.
    pub(crate) fn dir_if_there(&self) -> Result<Option<Dir>> {
        match self.anchor() {
            Some(anchor) => anchor.dir_if_there(&self.relative),
            None => Ok(None),
        }
    }

    /// The folder of the part file and its journal.
    pub(crate) fn parts_dir(&self) -> Result<Dir> {
        if self.object.blob.is_none() {
            return self.dir();
        }
        locked(&self.parts).as_deref().cloned().ok_or_else(|| {
            let absent = std::io::ErrorKind::NotFound.into();
            Error::of_path(&absent, "open the folder of part files", self.part_path())
        })
    }

    /// The folder of the part file and its journal; None if there is none.
    pub(crate) fn parts_dir_if_there(&self) -> Result<Option<Dir>> {
        match self.object.blob {
            None => self.dir_if_there(),
            Some(_) => Ok(locked(&self.parts).as_deref().cloned()),
        }
    }

    pub(crate) fn set_parts(&self, parts: Option<Dir>) {
        *locked(&self.parts) = parts.map(Box::new);
    }

    /// What the record of its file says if that is not synced, see [`boot::mark`].
    pub(crate) fn unsynced_mark(&self) -> Option<String> {
        match self.durability {
            Durability::Object => None,
            Durability::None => boot::mark(self.parts_dir().ok()?.fd()),
        }
    }

    /// Whether an archive is removed once its tree is in its place.
    pub(crate) fn is_archive_dropped(&self) -> bool {
        matches!(
            self.object.unpack,
            Some(Unpack {
                keep_archive: false,
                ..
            })
        )
    }

    /// The part file, locked while it is opened.
    pub(crate) fn lock_part(&self) -> MutexGuard<'_, Weak<Part>> {
        locked(&self.part)
    }

    /// The part file, if it is being written.
    pub(crate) fn shared_part(&self) -> Option<Arc<Part>> {
        locked(&self.part).upgrade()
    }

    /// Starts over: removes the part file and the journal.
    pub(crate) fn drop_part(&self) {
        self.forget_part();
        if let Ok(Some(dir)) = self.parts_dir_if_there() {
            dir.remove(&self.part_path());
            dir.remove(&self.journal_path());
        }
    }

    /// Starts over when there is no part file and no journal.
    pub(crate) fn forget_part(&self) {
        *locked(&self.sync_failure) = None;
        self.start_over();
        self.facts().has_journal = false;
    }

    /// Starts over where the file has its name. What an earlier run may have left of a part file
    /// and a journal stays until they are made anew, so this does not wait for a sync.
    pub(crate) fn start_over(&self) {
        // A sync that is under way is of the file that has its name.
        if let Ok(mut failure) = self.sync_failure.try_lock() {
            *failure = None;
        }
        *locked(&self.part) = Weak::new();
        self.facts().start_over();
    }

    /// The chunk that starts there was lost. A file that has its name already is written again as a
    /// whole.
    pub(crate) fn forget_chunk(&self, offset: u64) {
        if self.facts().location == Location::Destination {
            self.start_over();
        }
        let mut facts = self.facts();
        facts.sums.remove(offset);
        facts.file_done = false;
        facts.generation += 1;
    }

    /// The part file has got its name and is not opened as a part file any more.
    pub(crate) fn close_part(&self) {
        *locked(&self.part) = Weak::new();
    }
}

/// The folder that the user named: a group's own, or else the object's.
pub(crate) fn base(object: &CatalogObject) -> &Path {
    let parent = object.destination.parent().unwrap_or(Path::new("/"));
    let group = object.group.as_deref();
    group
        .filter(|group| parent.starts_with(group))
        .unwrap_or(parent)
}

/// The file at the part file's path is not the one that was written.
pub(crate) fn replaced(path: &Path) -> Error {
    let what = "Another process has replaced the part file";
    Error::new(Kind::Destination, what)
        .with_path(path)
        .with_remedy("See who else may write to the folder, and run this again")
}
