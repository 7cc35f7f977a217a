//! Blobs that are there without a record: their names say what they should be.

use std::collections::VecDeque;

use crate::model::{Checksum, ChecksumAlgorithm};
use crate::store::blob_place::Stamp;
use crate::store::boot;
use crate::store::checks::compare_whole;
use crate::store::inner::Inner;
use crate::store::opening::open_destination;
use crate::store::plan::{Inspected, Plan};
use crate::store::record::Record;
use crate::store::recording;
use crate::store::slot::Slot;
use crate::threads::{Mutex, locked, scope};

/// Threads that read blobs.
const THREADS: usize = 4;

/// The checksum that a blob's name is: SHA-256, or git's SHA-1; None for another name.
fn checksum_in(name: &str) -> Option<Checksum> {
    let algorithm = match name.len() {
        64 => ChecksumAlgorithm::Sha256,
        40 => ChecksumAlgorithm::GitSha1,
        _ => return None,
    };
    let is_hex = name.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| Checksum {
        algorithm,
        value: name.to_owned(),
    })
}

/// Reads the blobs that are there without a record, and takes those whose content is what their
/// name says. They have a record from then on.
pub(crate) fn settle(inner: &Inner, inspected: &mut [Inspected]) {
    let is_unknown = |one: &&mut Inspected| {
        one.slot.object.blob.is_some()
            && one.slot.object.cache
            && matches!(one.plan, Plan::Fetch(_))
            && stamp_if_whole(one).is_some()
    };
    let mut work: VecDeque<&mut Inspected> = inspected.iter_mut().filter(is_unknown).collect();
    if work.is_empty() {
        return;
    }
    // The largest first, so that no thread ends with one alone.
    work.make_contiguous()
        .sort_by_key(|one| std::cmp::Reverse(one.slot.object.found.size));
    let threads = THREADS.min(work.len());
    let work = Mutex::new(work);
    let right = Mutex::new(Vec::new());
    scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = locked(&work).pop_front();
                    let Some(one) = next else { return };
                    let stamp = stamp_if_whole(one);
                    if let Some(stamp) = stamp.filter(|stamp| is_right(inner, &one.slot, *stamp)) {
                        one.inspection.has_file = true;
                        one.plan = plan_of_right(&one.slot);
                        locked(&right).push((one.slot.clone(), stamp));
                    }
                }
            });
        }
    });
    let right = right.into_inner().unwrap_or_default();
    let plain = right
        .iter()
        .filter(|(slot, _)| slot.object.unpack.is_none());
    let records = plain.map(|(slot, stamp)| (slot.as_ref(), record(slot, *stamp)));
    if let Err(error) = recording::append_all(records) {
        tracing::warn!(%error, "record_not_written");
    }
}

fn record(slot: &Slot, (size, mtime_ns, inode): Stamp) -> Record {
    let mut record = Record::new(slot.version.clone(), Some((size, mtime_ns)), &[]);
    // Nobody knows whether the tool that left it has synced it.
    record.unsynced = slot.dir().ok().and_then(|dir| boot::mark(dir.fd()));
    record
        .with_pin(checksum_named(slot).as_ref())
        .of_blob(true, Some(inode))
}

/// What is to be done about an object whose blob is right.
fn plan_of_right(slot: &Slot) -> Plan {
    let is_named = |pin| checksum_named(slot).as_ref() == Some(pin);
    match (&slot.object.pin, &slot.object.unpack) {
        (Some(pin), _) if !is_named(pin) => Plan::Hash,
        (_, Some(_)) => Plan::Unpack,
        (_, None) => Plan::Landed { has_file: true },
    }
}

fn checksum_named(slot: &Slot) -> Option<Checksum> {
    let name = slot.object.destination.file_name()?.to_str()?;
    checksum_in(name)
}

/// The file at the destination, if it has the blob's size.
fn stamp_if_whole(one: &Inspected) -> Option<Stamp> {
    let stamp = one.inspection.blob?;
    (stamp.0 == one.slot.object.found.size).then_some(stamp)
}

/// Whether a blob is what its name says. A file that cannot be read, or that changes meanwhile, is
/// not.
fn is_right(inner: &Inner, slot: &Slot, stamp: Stamp) -> bool {
    let path = &slot.object.destination;
    if let Some((known, is_right)) = locked(&inner.known_blobs).get(path)
        && *known == stamp
    {
        return *is_right;
    }
    let Some(checksum) = checksum_named(slot) else {
        return false;
    };
    let compare = || -> crate::error::Result<bool> {
        let dir = slot.dir()?;
        let opened = open_destination(slot, &dir);
        let file = opened.map_err(|error| crate::error::Error::of_path(&error, "read", path))?;
        compare_whole(&slot.object, &checksum, &file)?;
        let now = dir.look_through(path)?;
        Ok(now.is_some_and(|(now, inode)| (now.size, now.mtime_ns, inode) == stamp))
    };
    let is_right = compare().unwrap_or_else(|error| {
        tracing::info!(path = %path.display(), %error, "blob_not_taken");
        false
    });
    locked(&inner.known_blobs).insert(path.clone(), (stamp, is_right));
    is_right
}

#[cfg(test)]
mod tests {
    use super::checksum_in;
    use crate::model::ChecksumAlgorithm;

    #[test]
    fn a_name_is_the_checksum_that_has_as_many_digits() {
        let algorithm = |name: &str| checksum_in(name).map(|it| it.algorithm);
        assert_eq!(algorithm(&"a1".repeat(32)), Some(ChecksumAlgorithm::Sha256));
        assert_eq!(
            algorithm(&"a1".repeat(20)),
            Some(ChecksumAlgorithm::GitSha1)
        );
        for other in ["", "a1", &"g".repeat(40), &"a1".repeat(31), "a-multipart-7"] {
            assert_eq!(algorithm(other), None, "{other}");
        }
    }
}
