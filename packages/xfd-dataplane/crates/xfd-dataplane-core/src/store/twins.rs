//! Objects that this node has under another destination already: their bytes are taken from there
//! and not fetched.
//!
//! Whoever keeps an index says where a twin may be; nothing of that is believed. A twin is a file
//! that is as its record left it, of the version that is wanted, or with the checksum that is. It
//! becomes the part file: a clone that shares its blocks (`FICLONE`) where the file system can, else
//! a copy. Never a hard link: whoever edits one file in place would change the other. What was
//! cloned or copied is read again and compared with the checksums of the record before it lands, so
//! a twin that changes meanwhile does no harm.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::checks::Sums;
use super::inner::Inner;
use super::journal::Journal;
use super::land;
use super::manifest::Manifest;
use super::plan::{Inspected, Plan, ResumedChunk};
use super::record::{self, Record};
use super::slot::Slot;
use super::twin_bytes::{Taken, fill, stamp};
use crate::beside::{Dir, folder_of};
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Result};
use crate::model::{ChecksumAlgorithm, ObjectIndex};

/// A file that may have the bytes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// The object that is missing.
    pub object: ObjectIndex,
    /// The file.
    pub path: PathBuf,
    /// The folder of its prefix, if it landed with one.
    pub group: Option<PathBuf>,
    /// The folder with the records of its group, if that is a repository of a hub cache.
    pub records: Option<PathBuf>,
}

/// Knows what else is on this node.
pub trait FindTwins: Send + Sync {
    /// Files that may have the bytes of these objects, the better ones of an object first.
    fn find(&self, missing: &[ObjectIndex]) -> Vec<Twin>;
}

/// Knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTwins;

impl FindTwins for NoTwins {
    fn find(&self, _: &[ObjectIndex]) -> Vec<Twin> {
        Vec::new()
    }
}

/// Makes part files of twins. Returns the objects that are whole then and have no tree to be made.
pub(crate) fn take<'a>(
    inner: &Inner,
    inspected: &mut [Inspected],
    layout_of: impl Fn(ObjectIndex) -> &'a [(u64, u64)],
    twins: &dyn FindTwins,
) -> Vec<ObjectIndex> {
    let missing: Vec<ObjectIndex> = inspected
        .iter()
        .filter(|one| is_missing(one))
        .map(|one| one.slot.object.index)
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let mut found: HashMap<ObjectIndex, Vec<Twin>> = HashMap::new();
    for twin in twins.find(&missing) {
        found.entry(twin.object).or_default().push(twin);
    }
    let mut known = Known::default();
    let mut whole = Vec::new();
    for one in inspected.iter_mut().filter(|one| is_missing(one)) {
        let slot = one.slot.clone();
        let _alone = slot.placing();
        if inner.is_open(slot.object.index) {
            continue;
        }
        for twin in found.remove(&slot.object.index).unwrap_or_default() {
            match take_one(inner, one, layout_of(twin.object), &twin, &mut known) {
                Ok(Some(chunks)) => {
                    one.plan = Plan::Fetch(chunks);
                    one.is_blank = false;
                    if slot.object.unpack.is_none() {
                        whole.push(slot.object.index);
                    }
                    break;
                }
                Ok(None) => {}
                Err(error) => {
                    slot.drop_part();
                    tracing::info!(path = %twin.path.display(), %error, "twin_not_taken");
                }
            }
        }
    }
    whole
}

/// Whether all of an object is to be fetched, and a file of the same version would do. Where an
/// earlier run has left a part of it, that is gone on with.
fn is_missing(one: &Inspected) -> bool {
    let object = &one.slot.object;

    object.cache
        && object.found.size > 0
        && matches!(&one.plan, Plan::Fetch(chunks) if chunks.is_empty())
}

/// The chunks of a part file with the twin's bytes, by the twin's record; None if it is no twin.
fn take_one(
    inner: &Inner,
    one: &Inspected,
    layout: &[(u64, u64)],
    twin: &Twin,
    known: &mut Known,
) -> Result<Option<Vec<ResumedChunk>>> {
    let slot = &one.slot;
    if twin.path == slot.object.destination {
        return Ok(None);
    }
    let Some(record) = known.record(inner, twin)? else {
        return Ok(None);
    };
    if !is_same(slot, &record) || !record.chunks.iter().map(|it| it.0).eq(lengths(layout)) {
        return Ok(None);
    }
    let failed = |error: io::Error| Error::of_path(&error, "read the same object", &twin.path);
    let Some(dir) = known.folder(&twin.path)? else {
        return Ok(None);
    };
    let mut source = dir.open_data(&twin.path).map_err(failed)?;
    if stamp(&source).map_err(failed)? != record.file {
        return Ok(None);
    }
    if !one.is_blank {
        slot.drop_part();
    }
    let mut part = slot
        .parts_dir()?
        .create(&slot.part_path(), OFlags::empty())?;
    let taken = fill(
        inner,
        slot,
        &mut source,
        &mut part,
        &record,
        &mut known.clones_fail,
    )?;
    if taken == Taken::Not {
        slot.drop_part();
        return Ok(None);
    }
    let chunk = |((offset, length), (_, crc)): (&(u64, u64), &(u64, u64))| ResumedChunk {
        offset: *offset,
        sums: Sums {
            length: *length,
            crc: *crc,
            second: None,
        },
        verified: taken == Taken::AndCompared,
    };
    let chunks: Vec<_> = layout.iter().zip(&record.chunks).map(chunk).collect();
    slot.facts().has_journal = chunks.len() > 1;
    if chunks.len() > 1 {
        write_journal(slot, &chunks)?;
    }
    Ok(Some(chunks))
}

/// A part file of several chunks has a journal, from which bad chunks are taken back.
pub(crate) fn write_journal(slot: &Slot, chunks: &[ResumedChunk]) -> Result<()> {
    let path = slot.journal_path();
    let failed = |error| Error::of_path(&error, "write the journal", &path);
    let journal = Journal::open(&slot.parts_dir()?, &path, &slot.version, true)?;
    chunks
        .iter()
        .try_for_each(|chunk| journal.add(chunk.offset, chunk.sums))
        .map_err(failed)
}

fn lengths(layout: &[(u64, u64)]) -> impl Iterator<Item = u64> {
    layout.iter().map(|(_, length)| *length)
}

/// Whether a record is of the object's content: of the same version, or with a checksum that no
/// stranger could make another content for.
fn is_same(slot: &Slot, record: &Record) -> bool {
    let is_version = slot.version.identifies() && record.version == slot.version;
    let is_strong = |algorithm| {
        matches!(
            algorithm,
            ChecksumAlgorithm::Sha256 | ChecksumAlgorithm::GitSha1
        )
    };
    let object = &slot.object;
    let mut known = object.pin.iter().chain(&object.found.checksum);
    let is_content = known.any(|it| is_strong(it.algorithm) && record.pins.contains(it));
    (is_version || is_content) && record.version.size == object.found.size
}

/// What is known of the places of twins.
#[derive(Default)]
struct Known {
    /// Manifests by their group's folder.
    manifests: HashMap<PathBuf, Manifest>,
    folders: HashMap<PathBuf, Option<Dir>>,
    /// A file system cannot share blocks.
    clones_fail: bool,
}

impl Known {
    fn record(&mut self, inner: &Inner, twin: &Twin) -> Result<Option<Record>> {
        let Some(group) = &twin.group else {
            return match self.folder(&twin.path)? {
                Some(dir) => record::read(&dir, &twin.path),
                None => Ok(None),
            };
        };
        if !self.manifests.contains_key(group) {
            let manifest = Manifest::read(&inner.opened, group, twin.records.as_deref())?;
            self.manifests.insert(group.clone(), manifest);
        }
        let manifest = self.manifests.get(group);
        Ok(manifest.and_then(|it| it.get(&twin.path)))
    }

    fn folder(&mut self, path: &Path) -> Result<Option<Dir>> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        if let Some(known) = self.folders.get(folder) {
            return Ok(known.clone());
        }
        if self.folders.len() >= FOLDERS_AT_MOST {
            self.folders.clear();
        }
        let found = folder_of(path)?;
        self.folders.insert(folder.to_owned(), found.clone());
        Ok(found)
    }
}

/// Folders of twins that are open at once.
const FOLDERS_AT_MOST: usize = 64;

/// Lands what was taken whole. What turns out wrong stays open, and is fetched.
pub(crate) fn land(inner: &Inner, whole: &[ObjectIndex]) {
    if whole.is_empty() {
        return;
    }
    for (object, outcome) in land::land_many(inner, whole) {
        let state = inner.state();
        match (outcome, state.slots.get(&object)) {
            (Ok(()), Some(slot)) if state.ledger.object(object) == Some(ObjectState::Landed) => {
                inner.options.stats.objects_cached.add(1);
                let size = slot.object.found.size;
                inner.options.stats.cached_bytes.add(size);
            }
            (Err(error), _) => tracing::info!(object, %error, "twin_not_landed"),
            _ => {}
        }
    }
}
