//! One object's place on the disk.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use crc_fast::CrcAlgorithm;
use rustix::fs::OFlags;

use super::checks::{Sums, second_algorithm};
use super::disk::{open_part, preallocate};
use super::journal::Journal;
use super::manifest::Manifest;
use super::paths::{JOURNAL, LOCK, PART, beside, is_absent, look, remove};
use super::record::{self, Record};
use crate::decides::cache::Pin;
use crate::error::{Error, Result};
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
        Self {
            pin: Pin::from(&object.found),
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
        let of = self.object.group.as_ref();
        beside(of.unwrap_or(&self.object.destination), LOCK)
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
        let path = self.part_path();
        let file = open_part(&path, false)
            .map_err(|error| Error::of_path(&error, "open the part file", &path))?;
        if !self.facts().preallocated {
            preallocate(&file, self.object.found.size, &path)?;
            self.facts().preallocated = true;
        }
        self.facts().has_journal = true;
        let journal = Journal::open(&self.journal_path(), &self.pin)?;
        let part = Arc::new(Part {
            file,
            journal,
            writing: Mutex::default(),
        });
        *shared = Arc::downgrade(&part);
        Ok(part)
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
        let mut outcome = Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        for path in &paths {
            outcome = OpenOptions::new()
                .read(true)
                .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
                .open(path);
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
            None => record::read(&self.object.destination),
        }
    }

    /// Records it, or takes its record back.
    pub(crate) fn set_record(&self, record: Option<Record>) -> Result<()> {
        let destination = &self.object.destination;
        match (&self.manifest, record) {
            (Some(manifest), record) => locked(manifest).append([(destination.clone(), record)]),
            (None, Some(record)) => record::write(destination, &record),
            (None, None) => {
                remove(&beside(destination, super::paths::RECORD));
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
        let taken = if path.exists() {
            Journal::open(&path, &self.pin).and_then(|journal| {
                let failed = |error| Error::of_path(&error, "write the journal", &path);
                journal.remove(offset, length).map_err(failed)
            })
        } else {
            self.take_record_back()
        };
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
        let lies = look(destination)?.map(|found| (found.size, found.mtime_ns));
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
        remove(&self.part_path());
        remove(&self.journal_path());
    }

    /// Starts over where there is no part file and no journal.
    pub(crate) fn forget_part(&self) {
        *locked(&self.part) = Weak::new();
        *locked(&self.sync_failure) = None;
        let mut facts = self.facts();
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
