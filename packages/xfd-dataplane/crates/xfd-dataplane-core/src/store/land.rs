//! Whole objects get their names.
//!
//! The record is written before the rename: a run that is killed between the two leaves a part
//! file with its journal, and a record that does not fit what lies at the destination. After the
//! rename it would leave a file that nobody knows, to be fetched again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;

use crc_fast::CrcAlgorithm;
use rustix::fs::OFlags;

use super::account::Inner;
use super::behind;
use super::checks::{self, Sums};
use super::manifest;
use super::record::Record;
use super::slot::{Handle, Slot, Whereabouts, locked, replaced};
use crate::decides::cache::FileKind;
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Kind, Result};
use crate::model::{Durability, ObjectIndex};

/// From this many files on, one sync of the file system is taken to be cheaper than one for each
/// file. It writes out what all other programs have written as well, so it has to be worth it.
const FILES_FOR_SYNCFS: usize = 64;

/// Files that are synced at once: the file system commits their changes together.
const SYNCS_AT_ONCE: usize = 8;

/// A part file that is right, with what its record will say.
struct Ready {
    slot: Arc<Slot>,
    record: Option<Record>,
}

/// See [`super::Store::land_many`].
pub(crate) fn land_many(inner: &Inner, objects: &[ObjectIndex]) -> Vec<(ObjectIndex, Result<()>)> {
    let mut outcomes: BTreeMap<ObjectIndex, Result<()>> = BTreeMap::new();
    let mut ready = Vec::new();
    for object in objects {
        match prepare(inner, *object) {
            Ok(Some(slot)) => ready.push(Ready { slot, record: None }),
            Ok(None) => drop(outcomes.insert(*object, Ok(()))),
            Err(error) => drop(outcomes.insert(*object, Err(error))),
        }
    }
    let mut keep = |ready: Vec<Ready>, outcome: &mut dyn FnMut(&mut Ready) -> Result<()>| {
        let mut kept = Vec::with_capacity(ready.len());
        for mut one in ready {
            match outcome(&mut one) {
                Ok(()) => kept.push(one),
                Err(error) => {
                    let error = error.with_object(&one.slot.object.found.key);
                    outcomes.insert(one.slot.object.index, Err(error));
                }
            }
        }
        kept
    };
    let sync = inner.options.durability == Durability::Object;
    let synced_by_file = sync && ready.len() < FILES_FOR_SYNCFS;
    let mut devices: BTreeMap<u64, Handle> = BTreeMap::new();
    ready = keep(ready, &mut |one| {
        let device = measure(one)?;
        if sync && !synced_by_file && !devices.contains_key(&device) {
            devices.insert(device, one.slot.open_for_reading()?);
        }
        Ok(())
    });
    if synced_by_file {
        let mut synced = sync_each(inner, &ready).into_iter();
        ready = keep(ready, &mut |_| synced.next().unwrap_or(Ok(())));
    } else {
        let synced = devices.values().try_for_each(|handle| {
            inner
                .disk
                .sync_all_of(handle.file())
                .map_err(|error| Error::of_path(&error, "sync the file system", ""))
        });
        ready = keep(ready, &mut |one| {
            let failed_before = locked(&one.slot.sync_failure).clone();
            failed_before.map_or_else(|| synced.clone(), Err)
        });
    }
    // Files land in the folder that was found; it should still be the one that its path names.
    let mut named: HashMap<PathBuf, Result<()>> = HashMap::new();
    ready = keep(ready, &mut |one| match one.slot.anchor() {
        Some(anchor) => named
            .entry(anchor.path().join(&one.slot.relative))
            .or_insert_with(|| anchor.check_named(&one.slot.relative))
            .clone(),
        None => Ok(()),
    });
    let recorded = record(&mut ready);
    ready = keep(ready, &mut |one| match &recorded {
        Err(error) if one.slot.manifest.is_some() => Err(error.clone()),
        _ => record_alone(one),
    });
    // An archive keeps the name of its part file until its tree is made: see `tree`.
    ready = keep(ready, &mut |one| match &one.slot.object.unpack {
        Some(_) => Ok(()),
        None => still_whole(inner, &one.slot).and_then(|()| rename(&one.slot)),
    });
    if sync {
        let mut synced = BTreeSet::new();
        for one in &ready {
            if synced.insert(one.slot.object.destination.parent()) {
                sync_folder_of(&one.slot);
            }
        }
    }
    for one in ready {
        done(inner, &one.slot);
        outcomes.insert(one.slot.object.index, Ok(()));
    }
    outcomes.into_iter().collect()
}

/// A chunk of it turned out bad after it was whole: it is fetched again, and lands then.
fn lacks_chunks() -> Error {
    Error::new(Kind::Cancelled, "The object lacks chunks again")
}

/// Looked at once more right before the rename, since checks and syncs take their time.
fn still_whole(inner: &Inner, slot: &Slot) -> Result<()> {
    let state = inner.state();
    match state.ledger.object(slot.object.index) {
        Some(ObjectState::Open) if state.ledger.is_whole(slot.object.index) => Ok(()),
        Some(ObjectState::Open) => Err(lacks_chunks()),
        _ => Err(Error::new(Kind::Cancelled, "Nobody wants the object")),
    }
}

/// Everything that can be wrong with an object before its file gets its name. None: it is there.
fn prepare(inner: &Inner, object: ObjectIndex) -> Result<Option<Arc<Slot>>> {
    let (slot, unverified) = {
        let state = inner.state();
        let slot = state.slots.get(&object).cloned();
        match (slot, state.ledger.object(object)) {
            (Some(_), Some(ObjectState::Landed)) => return Ok(None),
            (Some(slot), Some(ObjectState::Open)) if state.ledger.is_whole(object) => {
                (slot, state.ledger.unverified(object))
            }
            (Some(_), Some(ObjectState::Open)) => {
                return Err(lacks_chunks());
            }
            _ => return Err(Error::new(Kind::Cancelled, "Nobody wants the object")),
        }
    };
    let mut lost = 0;
    for chunk in unverified {
        lost += u32::from(!inner.verify(chunk)?);
    }
    if lost > 0 {
        return Err(Error::new(
            Kind::Cancelled,
            format!("{lost} chunks of an earlier run were damaged on the disk"),
        )
        .with_object(&slot.object.found.key)
        .with_path(slot.part_path()));
    }
    if slot.facts().file_done {
        return Ok(None);
    }
    if slot.object.found.size == 0 {
        slot.dir()?.create(&slot.part_path(), OFlags::empty())?;
    }
    let compared = compare_combined(&slot).and_then(|()| match slot.checksum() {
        Some(checksum) if inner.options.verify_whole => {
            let handle = slot.open_for_reading()?;
            checks::compare_whole(&slot.object, checksum, handle.file())
        }
        _ => Ok(()),
    });
    if compared.is_err() {
        inner.options.stats.verification_failures.add(1);
    }
    compared.map(|()| Some(slot))
}

/// Compares the combined checksums of an object's chunks with the store's, if all are known.
pub(crate) fn compare_combined(slot: &Slot) -> Result<()> {
    let Some(checksum) = slot.checksum() else {
        return Ok(());
    };
    let mut parts: Vec<_> = slot.facts().sums.values().copied().collect();
    let known: u64 = parts.iter().map(|part| part.length).sum();
    if known != slot.object.found.size {
        return Ok(());
    }
    if let Some(second) = slot.second_algorithm() {
        sum_again(slot, second, &mut parts)?;
    }
    checks::compare_combined(&slot.object, checksum, &parts)
}

/// Reads the parts again that were written before it was known which checksum the store has.
fn sum_again(slot: &Slot, second: CrcAlgorithm, parts: &mut [Sums]) -> Result<()> {
    let mut offset = 0;
    for part in parts {
        if part.second.is_none() {
            let handle = slot.open_for_reading()?;
            let read = checks::sum_range(handle.file(), offset, part.length, Some(second));
            let read = read.map_err(|error| {
                Error::of_path(&error, "read the object", &slot.object.destination)
            })?;
            // One that has changed on the disk is left to differ.
            part.second = read.and_then(|read| read.second).or(Some(0));
        }
        offset += part.length;
    }
    Ok(())
}

/// Syncs the bytes of each part file.
fn sync_each(inner: &Inner, ready: &[Ready]) -> Vec<Result<()>> {
    let sync = |one: &Ready| behind::sync(inner, &one.slot);
    if let [one] = ready {
        return vec![sync(one)];
    }
    let share = ready.len().div_ceil(SYNCS_AT_ONCE).max(1);
    std::thread::scope(|scope| {
        let sync_all = |part| scope.spawn(move || Vec::from_iter(<[_]>::iter(part).map(sync)));
        let threads = Vec::from_iter(ready.chunks(share).map(sync_all));
        let outcomes = threads.into_iter().map(|thread| thread.join());
        outcomes
            .flat_map(|outcome| outcome.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

/// Device and inode of the part file, as it was written or measured.
fn has_part(slot: &Slot) -> Option<(u64, u64)> {
    slot.facts().part
}

/// Takes the size and time that the part file's record needs; its device.
fn measure(one: &mut Ready) -> Result<u64> {
    let slot = &one.slot;
    let path = slot.part_path();
    let failed = |error| Error::of_path(&error, "finish the part file", &path);
    let (id, found) = slot.dir()?.identity(&path).map_err(failed)?;
    if found.kind != FileKind::File || !found.is_ours || has_part(slot).is_some_and(|it| it != id) {
        return Err(replaced(&path));
    }
    if found.size != slot.object.found.size {
        return Err(Error::new(
            Kind::Destination,
            format!(
                "The part file has {} bytes instead of {}",
                found.size, slot.object.found.size
            ),
        )
        .with_path(path));
    }
    let parts: Vec<_> = slot.facts().sums.values().copied().collect();
    let at = Some((found.size, found.mtime_ns));
    one.record = Some(Record::new(slot.pin.clone(), at, &parts));
    slot.facts().part = Some(id);
    Ok(id.0)
}

/// One append for all files of each group.
fn record(ready: &mut [Ready]) -> Result<()> {
    let grouped = ready.iter_mut().filter(|one| one.slot.manifest.is_some());
    manifest::append_all(grouped.filter_map(|one| Some((one.slot.as_ref(), one.record.take()?))))
}

/// The record beside an object of its own. With a tree to come, its record waits for that.
fn record_alone(one: &mut Ready) -> Result<()> {
    match one.record.take() {
        Some(record) if one.slot.manifest.is_none() && one.slot.object.unpack.is_none() => {
            one.slot.set_record(Some(record))
        }
        _ => Ok(()),
    }
}

/// The part file gets its name.
pub(crate) fn rename(slot: &Slot) -> Result<()> {
    let destination = &slot.object.destination;
    let dir = slot.dir()?;
    let failed = |error| Error::of_path(&error, "put the file in its place", destination);
    dir.rename(&slot.part_path(), destination).map_err(failed)?;
    let (id, _) = dir.identity(destination).map_err(failed)?;
    if has_part(slot).is_some_and(|part| part != id) {
        return Err(replaced(destination));
    }
    slot.facts().whereabouts = Whereabouts::Destination;
    slot.close_part();
    if slot.facts().has_journal {
        dir.remove(&slot.journal_path());
    }
    Ok(())
}

/// The names are there; that they survive a power loss is all that is left to fail.
pub(crate) fn sync_folder_of(slot: &Slot) {
    if let Err(error) = slot.dir().and_then(|dir| dir.sync()) {
        tracing::warn!(%error, "folder_not_synced");
    }
}

fn done(inner: &Inner, slot: &Slot) {
    slot.facts().file_done = true;
    if slot.object.unpack.is_none() {
        landed(inner, slot);
    }
}

/// The object has landed, unless it was given up meanwhile.
pub(crate) fn landed(inner: &Inner, slot: &Slot) {
    let object = slot.object.index;
    let mut state = inner.state();
    if state.ledger.object(object) == Some(ObjectState::Open) {
        state.ledger.set_object(object, ObjectState::Landed);
        inner.options.stats.objects_landed.add(1);
    }
}
