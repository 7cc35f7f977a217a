//! Lands whole objects, in this order:
//!
//! ```text
//!   1 each object is checked against its store's checksum
//!   2 the records are written
//!   3 the part files and the records are synced
//!   4 the part files get their names, and the folders are synced
//! ```
//!
//! The record comes before the rename. A run that is killed between the two leaves a part file with
//! its journal, and a record that does not match the destination; the next run resumes. If the
//! record came after the rename, such a run would leave an unknown file that has to be fetched
//! again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;

use super::facts::Location;
use super::hub_cache;
use super::inner::Inner;
use super::naming;
use super::opening::open_for_reading;
use super::part::Handle;
use super::placing;
use super::postponed::lacks_chunks;
use super::record::Record;
use super::recording;
use super::slot::{Slot, replaced};
use super::whole_object;
use super::write_behind;
use crate::decides::cache::FileKind;
use crate::error::{Error, Kind, Result};
use crate::model::{Durability, ObjectIndex};
use crate::threads::{locked, scope};

/// From this many files on, the whole file system is synced once instead of each file. That writes
/// out the data of all other programs too, so it is not worth it for fewer.
const MIN_FILES_FOR_SYNCFS: usize = 64;

/// Files that are synced at once: the file system commits their changes together.
const SYNCS_AT_ONCE: usize = 8;

/// A part file that is right, with the record to be written.
struct Ready {
    slot: Arc<Slot>,
    /// Its generation when the landing started.
    started: u32,
    record: Option<Record>,
}

/// See [`super::Store::land_many`].
pub(crate) fn land_many(inner: &Inner, objects: &[ObjectIndex]) -> Vec<(ObjectIndex, Result<()>)> {
    let mut outcomes: BTreeMap<ObjectIndex, Result<()>> = BTreeMap::new();
    let mut ready = Vec::new();
    let started: Vec<_> = objects
        .iter()
        .map(|it| placing::start(inner, *it))
        .collect();
    for (object, started) in objects.iter().zip(&started) {
        match whole_object::check(inner, *object) {
            Ok(Some(slot)) if slot.facts().location == Location::Destination => {
                outcomes.insert(*object, land_cached(inner, &slot, *started));
            }
            Ok(Some(slot)) => ready.push(Ready {
                slot,
                started: *started,
                record: None,
            }),
            Ok(None) => drop(outcomes.insert(*object, end_again(inner, *object, *started))),
            Err(error) => drop(outcomes.insert(*object, Err(error))),
        }
    }
    let _active = (!ready.is_empty()).then(|| inner.options.stats.active_landings.active());
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
    let synced_by_file = sync && ready.len() < MIN_FILES_FOR_SYNCFS;
    let mut devices: BTreeMap<u64, Handle> = BTreeMap::new();
    ready = keep(ready, &mut |one| {
        let device = measure(one)?;
        if sync && !synced_by_file && !devices.contains_key(&device) {
            devices.insert(device, open_for_reading(&one.slot)?);
        }
        Ok(())
    });
    // Files land in the folder that was found, if its path still names that folder.
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
    // Now, so that one commit of the file system may take both.
    let mut synced = match synced_by_file {
        true => sync_each(inner, &ready),
        false => sync_systems(inner, &ready, &devices),
    }
    .into_iter();
    ready = keep(ready, &mut |one| {
        let synced = synced.next().unwrap_or(Ok(()));
        if synced.is_err() && one.slot.object.unpack.is_none() {
            recording::forget(&one.slot);
        }
        synced
    });
    ready = keep(ready, &mut |one| {
        placing::place(inner, &one.slot, one.started)
    });
    if sync {
        let mut synced = BTreeSet::new();
        for one in &ready {
            if synced.insert(one.slot.object.destination.parent()) {
                naming::sync_folder_of(&one.slot);
            }
        }
    }
    ready = keep(ready, &mut |one| {
        placing::end(inner, &one.slot, one.started)
    });
    outcomes.extend(ready.iter().map(|one| (one.slot.object.index, Ok(()))));
    hub_cache::release_idle(inner, objects);
    for (object, started) in objects.iter().zip(started) {
        if let Some(Err(error)) = outcomes.get_mut(object) {
            *error = placing::why_not(inner, *object, started, error.clone());
        }
    }
    outcomes.into_iter().collect()
}

/// The file of an object is done. If it has its name, and an earlier landing did not come to its end
/// or is about to, the object has landed too.
fn end_again(inner: &Inner, object: ObjectIndex, started: u32) -> Result<()> {
    let slot = inner.state().slots.get(&object).cloned();
    match slot {
        Some(slot) if inner.is_open(object) && slot.object.unpack.is_none() => {
            if inner.options.durability == Durability::Object {
                naming::sync_folder_of(&slot);
            }
            placing::end(inner, &slot, started)
        }
        _ => Ok(()),
    }
}

/// A cached file turned out to be the one that its pin names: adds the pin to its record.
fn land_cached(inner: &Inner, slot: &Slot, started: u32) -> Result<()> {
    let _alone = slot.placing();
    placing::check_same(inner, slot.object.index, started)?;
    let record = recording::read(slot)?;
    let record = record.map(|record| record.with_pin(slot.object.pin.as_ref()));
    recording::write(slot, record)?;
    slot.facts().file_done = true;
    if slot.object.unpack.is_none() {
        inner.options.stats.objects_cached.add(1);
        let size = slot.object.found.size;
        inner.options.stats.cached_bytes.add(size);
        naming::set_landed(inner, slot);
    }
    Ok(())
}

/// Syncs the bytes of each part file, and meanwhile the records.
fn sync_each(inner: &Inner, ready: &[Ready]) -> Vec<Result<()>> {
    let sync = |one: &Ready| write_behind::sync(inner, &one.slot);
    let share = ready.len().div_ceil(SYNCS_AT_ONCE).max(1);
    scope(|scope| {
        scope.spawn(|| recording::sync_all(ready.iter().map(|one| one.slot.as_ref())));
        if let [one] = ready {
            return vec![sync(one)];
        }
        let sync_all = |part| scope.spawn(move || Vec::from_iter(<[_]>::iter(part).map(sync)));
        let threads = Vec::from_iter(ready.chunks(share).map(sync_all));
        let outcomes = threads.into_iter().map(|thread| thread.join());
        outcomes
            .flat_map(|outcome| outcome.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

/// Syncs these file systems, with all that was written there. None of them: nothing is synced.
fn sync_systems(
    inner: &Inner,
    ready: &[Ready],
    devices: &BTreeMap<u64, Handle>,
) -> Vec<Result<()>> {
    let synced = devices.values().try_for_each(|handle| {
        let failed = |error| Error::of_path(&error, "sync the file system", "");
        inner.disk.sync_all_of(handle.file()).map_err(failed)
    });
    let of_one = |one: &Ready| {
        let failed_before = locked(&one.slot.sync_failure).clone();
        failed_before.map_or_else(|| synced.clone(), |error| Err(*error))
    };
    ready.iter().map(of_one).collect()
}

/// Makes the record of a part file from its size and time; returns its device.
fn measure(one: &mut Ready) -> Result<u64> {
    let slot = &one.slot;
    let path = slot.part_path();
    let failed = |error| Error::of_path(&error, "finish the part file", &path);
    let (id, found) = slot.parts_dir()?.identity(&path).map_err(failed)?;
    let (was_replaced, parts) = {
        let mut facts = slot.facts();
        if facts.generation != one.started {
            return Err(lacks_chunks());
        }
        let was_replaced = facts.part.is_some_and(|part| part != id);
        if !was_replaced {
            facts.part = Some(id);
        }
        (was_replaced, Vec::from_iter(facts.sums.values().copied()))
    };
    if found.kind != FileKind::File || !found.is_ours || was_replaced {
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
    let at = Some((found.size, found.mtime_ns));
    let record = recording::made(slot, at, &parts);
    let record = record.with_pin(slot.object.pin.as_ref());
    one.record = Some(record.of_blob(slot.object.blob.is_some(), Some(id.1)));
    Ok(id.0)
}

/// Writes the records of grouped objects, with one append for each group.
fn record(ready: &mut [Ready]) -> Result<()> {
    let grouped = ready.iter_mut().filter(|one| one.slot.manifest.is_some());
    recording::append_all(grouped.filter_map(|one| Some((one.slot.as_ref(), one.record.take()?))))
}

/// Writes the record beside an object without a group. If a tree is to come, the record waits for
/// it.
fn record_alone(one: &mut Ready) -> Result<()> {
    match one.record.take() {
        Some(record) if one.slot.manifest.is_none() && one.slot.object.unpack.is_none() => {
            recording::write(&one.slot, Some(record))
        }
        _ => Ok(()),
    }
}
