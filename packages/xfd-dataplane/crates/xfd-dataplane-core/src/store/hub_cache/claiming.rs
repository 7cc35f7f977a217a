//! The hub's locks of blobs that are to be fetched.
//!
//! The hub takes them to save a second download: its blobs are put in their places in one step, with
//! or without the lock. So are ours. The locks of the largest missing blobs are ours from the
//! inventory on, so that another tool waits and takes what lands. The others are taken while their
//! blobs are put in their places, as each costs a descriptor.

use std::cmp::Reverse;

use super::by_name::settle;
use crate::error::Result;
use crate::store::blob_lock::{Attempt, attempt};
use crate::store::blob_place::make_locks;
use crate::store::elsewhere::Elsewhere;
use crate::store::inner::Inner;
use crate::store::inspect::inspect;
use crate::store::plan::{Inspected, Plan, plan};
use crate::threads::locked;

/// Locks of one inventory that are held while their blobs are fetched.
const HELD_AT_MOST: usize = 64;

/// Takes the hub's locks of the blobs that are to be fetched. A blob that another tool downloads
/// counts as locked by another writer. The lock of each repository is ours.
///
/// # Errors
/// `DestinationNotWritable`, or what else the disk said.
pub(crate) fn claim_all(inner: &Inner, inspected: &mut [Inspected]) -> Result<()> {
    let is_missing =
        |one: &&mut Inspected| one.slot.object.blob.is_some() && matches!(one.plan, Plan::Fetch(_));
    let mut missing: Vec<&mut Inspected> = inspected.iter_mut().filter(is_missing).collect();
    missing.sort_by_key(|one| Reverse(one.slot.object.found.size));
    let mut held = 0;
    for one in missing {
        let slot = one.slot.clone();
        let Some(blob) = &slot.object.blob else {
            continue;
        };
        if locked(&slot.blob_lock).is_some() {
            continue;
        }
        let lock = match attempt(&make_locks(&inner.opened, blob)?, &slot.object.destination)? {
            Attempt::Ours(lock) => Some(lock),
            Attempt::Unknown => None,
            Attempt::Theirs => {
                one.plan = Plan::LockedByOther(None);
                continue;
            }
        };
        // Its last holder may have put it there since it was looked for.
        if !one.inspection.file_is_there && slot.dir()?.look(&slot.object.destination)?.is_some() {
            one.inspection = inspect(
                &inner.opened,
                &slot,
                false,
                false,
                &mut Elsewhere::default(),
            )?;
            one.plan = plan(&slot, &one.inspection);
            settle(inner, std::slice::from_mut(one));
        }
        if held < HELD_AT_MOST && matches!(one.plan, Plan::Fetch(_)) {
            held += 1;
            *locked(&slot.blob_lock) = lock;
        }
    }
    Ok(())
}
