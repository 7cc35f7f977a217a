//! One object's place on the disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use crc_fast::CrcAlgorithm;
use rustix::fs::OFlags;

use super::checks::{Sums, second_algorithm};
use super::disk::preallocate;
use super::journal::Journal;
use super::manifest::Manifest;
use super::paths::{JOURNAL, LOCK, PART, beside};
use super::record::{self, Record};
use crate::beside::{Anchor, Dir};
use crate::decides::cache::Pin;
use crate::error::{Error, Kind, Result, is_absent};
use crate::model::{CatalogObject, Checksum, Unpack};

/// Locks a mutex; what it guards stays usable after a panic elsewhere.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where an object's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// In the part file, as far as there are any.
    Part,
    /// At the destination.
    Destination,
}

/// What changes about an object while it is fetched.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) whereabouts: Whereabouts,
    /// Sums of its bytes in each chunk, by offset, as far as they are known.
    pub(crate) sums: BTreeMap<u64, Sums>,
    /// Its file passed all checks and is synced; without a tree to come it is at its destination.
    pub(crate) file_done: bool,
    /// A tree that lies where its own is wanted is of our making.
    pub(crate) tree_is_ours: bool,
    /// There may be a journal of its own: files of a pack have none.
    pub(crate) has_journal: bool,
    /// Device and inode of the part file that was opened last.
    pub(crate) part: Option<(u64, u64)>,
    /// The part file has its size and blocks.
    preallocated: bool,
    /// How often the part file was thrown away.
    pub(crate) begun_anew: u32,
    /// Bytes committed since its part file was last given to be synced.
    pub(crate) unsynced: u64,
    /// Somebody syncs the part file.
    pub(crate) is_syncing: bool,
}

/// A part file that somebody writes, and its journal.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) file: File,
    pub(crate) journal: Journal,
    /// The kernel lets one write to a file at a time, and threads that wait for that spin: they
    /// would take the processor from those who have something to do.
    writing: Mutex<()>,
}

impl Part {
    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        let _alone = locked(&self.writing);
        self.file.write_all_at(bytes, offset)
    }
}

/// An open file with the object's bytes.
pub(crate) enum Handle {
    Part(Arc<Part>),
    File(File),
}

impl Handle {
    pub(crate) fn file(&self) -> &File {
        match self {
            Self::Part(part) => &part.file,
            Self::File(file) => file,
        }
    }
}

/// One object of the catalog, on this disk.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) object: Arc<CatalogObject>,
    pub(crate) pin: Pin,
    pub(crate) manifest: Option<Arc<Mutex<Manifest>>>,
    /// The folder that a user named, once it is there, and the way from it to the object's.
    anchor: Mutex<Option<Arc<Anchor>>>,
    pub(crate) relative: PathBuf,
    /// Open only while somebody writes it, so that thousands of objects need no descriptor each.
    part: Mutex<Weak<Part>>,
    /// Held while its bytes are synced; what went wrong with that, see [`super::behind`].
    pub(crate) sync_failure: Mutex<Option<Error>>,
    facts: Mutex<Facts>,
    /// The store's checksum, told after the object was found.
    pub(crate) told: OnceLock<Checksum>,
}

impl Slot {
    pub(crate) fn new(object: Arc<CatalogObject>, manifest: Option<Arc<Mutex<Manifest>>>) -> Self {
        let folder = object.destination.parent().unwrap_or(Path::new("/"));
        let relative = folder.strip_prefix(base(&object));
        let relative = relative.map(PathBuf::from).unwrap_or_default();
        Self {
            pin: Pin::from(&object.found),
            anchor: Mutex::default(),
            relative,
            object,
            manifest,
            part: Mutex::default(),
            sync_failure: Mutex::default(),
            facts: Mutex::new(Facts {
                whereabouts: Whereabouts::Part,
                sums: BTreeMap::new(),
                file_done: false,
                tree_is_ours: false,
                has_journal: true,
                part: None,
                preallocated: false,
                begun_anew: 0,
                unsynced: 0,
                is_syncing: false,
            }),
            told: OnceLock::new(),
        }
    }

    /// The store's checksum of the whole object, as far as it is known.
    pub(crate) fn checksum(&self) -> Option<&Checksum> {
        self.object
            .found
            .checksum
            .as_ref()
            .or_else(|| self.told.get())
    }

    /// See [`second_algorithm`].
    pub(crate) fn second_algorithm(&self) -> Option<CrcAlgorithm> {
        second_algorithm(self.checksum())
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        locked(&self.facts)
    }

    pub(crate) fn part_path(&self) -> PathBuf {
        beside(&self.object.destination, PART)
    }

    pub(crate) fn journal_path(&self) -> PathBuf {
        beside(&self.object.destination, JOURNAL)
    }

    /// The lock that writers of this object need: one for a whole group.
    pub(crate) fn lock_path(&self) -> PathBuf {
        if let Some(manifest) = &self.manifest
            && let Some(home) = locked(manifest).home()
        {
            return home.lock.clone();
        }
        let of = self.object.group.as_ref();
        beside(of.unwrap_or(&self.object.destination), LOCK)
    }

    /// The folder that the lock is in.
    pub(crate) fn lock_dir(&self) -> Result<Dir> {
        let home = match &self.manifest {
            Some(manifest) => locked(manifest).home().cloned(),
            None => None,
        };
        match home {
            Some(home) => home.dir(),
            None => self.dir(),
        }
    }

    /// # Errors
    /// `DestinationNotWritable` where one of its files beside the destination could not be written.
    pub(crate) fn check_own_names(&self) -> Result<()> {
        let dir = self.dir()?;
        let kinds = match self.manifest {
            Some(_) => &[PART, JOURNAL][..],
            None => &[PART, JOURNAL, super::paths::RECORD][..],
        };
        kinds
            .iter()
            .try_for_each(|kind| dir.check_replaceable(&beside(&self.object.destination, kind)))
    }

    pub(crate) fn set_anchor(&self, anchor: Option<Arc<Anchor>>) {
        *locked(&self.anchor) = anchor;
    }

    pub(crate) fn anchor(&self) -> Option<Arc<Anchor>> {
        locked(&self.anchor).clone()
    }

    /// The object's folder.
    pub(crate) fn dir(&self) -> Result<Dir> {
        let anchor = self.anchor().ok_or_else(|| {
            let absent = std::io::ErrorKind::NotFound.into();
            Error::of_path(&absent, "open the folder", base(&self.object))
        })?;
        anchor.dir(&self.relative)
    }

    /// The same; None where there is none.
    pub(crate) fn dir_if_there(&self) -> Result<Option<Dir>> {
        match self.anchor() {
            Some(anchor) => anchor.dir_if_there(&self.relative),
            None => Ok(None),
        }
    }

    /// Whether an archive is thrown away once its tree is there.
    pub(crate) fn is_archive_dropped(&self) -> bool {
        matches!(
            self.object.unpack,
            Some(Unpack {
                keep_archive: false,
                ..
            })
        )
    }

    /// The part file and journal, for writing; made, with its blocks, where there is none.
    pub(crate) fn open_part(&self) -> Result<Arc<Part>> {
        let mut shared = locked(&self.part);
        if let Some(part) = shared.upgrade() {
            return Ok(part);
        }
        let (path, dir) = (self.part_path(), self.dir()?);
        // One that has chunks already is opened again; else a new one takes the place of whatever
        // lies there.
        let (is_begun, known) = {
            let facts = self.facts();
            (!facts.sums.is_empty(), facts.part)
        };
        let file = match is_begun {
            true => self.reopen_part(&dir, &path, known)?,
            false => {
                self.facts().preallocated = false;
                dir.create(&path, OFlags::empty())?
            }
        };
        if !self.facts().preallocated {
            preallocate(&file, self.object.found.size, &path)?;
            self.facts().preallocated = true;
        }
        let found = file.metadata();
        let found = found.map_err(|error| Error::of_path(&error, "open the part file", &path))?;
        self.facts().part = Some((found.dev(), found.ino()));
        self.facts().has_journal = true;
        let journal = Journal::open(&dir, &self.journal_path(), &self.pin, !is_begun)?;
        let part = Arc::new(Part {
            file,
            journal,
            writing: Mutex::default(),
        });
        *shared = Arc::downgrade(&part);
        Ok(part)
    }

    fn reopen_part(&self, dir: &Dir, path: &Path, known: Option<(u64, u64)>) -> Result<File> {
        let opened = dir.open(path, OFlags::RDWR, u64::MAX);
        let opened = opened.map_err(|error| Error::of_path(&error, "open the part file", path))?;
        let is_known = |file: &File| {
            let found = file.metadata().map(|found| (found.dev(), found.ino()));
            known.is_none() || found.ok() == known
        };
        opened.filter(is_known).ok_or_else(|| replaced(path))
    }

    /// The part file that somebody writes just now.
    pub(crate) fn shared_part(&self) -> Option<Arc<Part>> {
        locked(&self.part).upgrade()
    }

    /// The object's bytes, for reading. A rename between the two looks is why there are two.
    pub(crate) fn open_for_reading(&self) -> Result<Handle> {
        if let Some(part) = self.shared_part() {
            return Ok(Handle::Part(part));
        }
        let paths = match self.facts().whereabouts {
            Whereabouts::Part => [self.part_path(), self.object.destination.clone()],
            Whereabouts::Destination => [self.object.destination.clone(), self.part_path()],
        };
        let dir = self.dir()?;
        let mut outcome = Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        for path in &paths {
            outcome = dir.open_data(path);
            if !outcome.as_ref().is_err_and(is_absent) {
                break;
            }
        }
        outcome.map(Handle::File).map_err(|error| {
            Error::of_path(&error, "read the object", &self.object.destination)
                .with_object(&self.object.found.key)
        })
    }

    /// What earlier runs left of it. Blocking.
    pub(crate) fn record(&self) -> Result<Option<Record>> {
        match &self.manifest {
            Some(manifest) => Ok(locked(manifest).get(&self.object.destination).cloned()),
            None => match self.dir_if_there()? {
                Some(dir) => record::read(&dir, &self.object.destination),
                None => Ok(None),
            },
        }
    }

    /// Records it, or takes its record back.
    pub(crate) fn set_record(&self, record: Option<Record>) -> Result<()> {
        let destination = &self.object.destination;
        match (&self.manifest, record) {
            (Some(manifest), record) => locked(manifest).append([(destination.clone(), record)]),
            (None, Some(record)) => record::write(&self.dir()?, destination, &record),
            (None, None) => {
                self.dir()?
                    .remove(&beside(destination, super::paths::RECORD));
                Ok(())
            }
        }
    }

    /// A chunk of it is missing again, in the journal too if there is one. A small file's record is
    /// its journal.
    pub(crate) fn take_back(&self, offset: u64, length: u64) {
        {
            let mut facts = self.facts();
            facts.sums.remove(&offset);
            facts.file_done = false;
        }
        let path = self.journal_path();
        let in_journal = |dir: Dir| match dir.look(&path)? {
            Some(_) => Journal::open(&dir, &path, &self.pin, false).and_then(|journal| {
                let failed = |error| Error::of_path(&error, "write the journal", &path);
                journal.remove(offset, length).map_err(failed)
            }),
            None => self.take_record_back(),
        };
        let taken = self.dir().and_then(in_journal);
        if let Err(error) = taken {
            tracing::warn!(%error, "chunk_not_taken_back");
        }
    }

    /// Takes back a line of the manifest that does not tell of what lies at the destination.
    pub(crate) fn take_record_back(&self) -> Result<()> {
        let Some(manifest) = &self.manifest else {
            return Ok(());
        };
        let destination = &self.object.destination;
        let lies = match self.dir_if_there()? {
            Some(dir) => dir.look(destination)?,
            None => None,
        };
        let lies = lies.map(|found| (found.size, found.mtime_ns));
        let mut manifest = locked(manifest);
        match manifest.get(destination) {
            Some(record) if record.tree.is_none() && record.file != lies => {
                manifest.append([(destination.clone(), None)])
            }
            _ => Ok(()),
        }
    }

    /// Starts over with nothing: the part file and journal go.
    pub(crate) fn drop_part(&self) {
        self.forget_part();
        if let Ok(Some(dir)) = self.dir_if_there() {
            dir.remove(&self.part_path());
            dir.remove(&self.journal_path());
        }
    }

    /// Starts over where there is no part file and no journal.
    pub(crate) fn forget_part(&self) {
        *locked(&self.part) = Weak::new();
        *locked(&self.sync_failure) = None;
        let mut facts = self.facts();
        facts.part = None;
        facts.preallocated = false;
        facts.begun_anew += 1;
        facts.file_done = false;
        facts.sums.clear();
        facts.whereabouts = Whereabouts::Part;
        facts.has_journal = false;
    }

    /// The part file got its name: nobody opens it as a part any more.
    pub(crate) fn close_part(&self) {
        *locked(&self.part) = Weak::new();
    }
}

/// The folder that the user named: a group's own, or the one that an object lies in.
pub(crate) fn base(object: &CatalogObject) -> &Path {
    let parent = object.destination.parent().unwrap_or(Path::new("/"));
    let group = object.group.as_deref();
    group
        .filter(|group| parent.starts_with(group))
        .unwrap_or(parent)
}

/// What lies at a part file's place is not what was written there.
pub(crate) fn replaced(path: &Path) -> Error {
    let what = "Somebody has put another file in the place of the part file";
    Error::new(Kind::Destination, what)
        .with_path(path)
        .with_remedy("See who else may write to the folder, and run this again")
}
