//! Files that were not synced before the machine started anew: each becomes a part file again.
//!
//! Their records name their chunks, so they are gone on with like what a killed run has left: each
//! chunk is read again before it counts, and those that lost their bytes are fetched.

use super::plan::{Inspected, Plan, ResumedChunk};
use super::twins::write_journal;
use crate::decides::cache::{StaleReason, Verdict};
use crate::error::{Error, Result};

/// Makes a part file of the destination, if it is one of these and its chunks were cut as in
/// `layout` (offset, length).
pub(crate) fn put_back(one: &mut Inspected, layout: &[(u64, u64)]) -> Result<()> {
    let is_unsure = one.inspection.verdict == Verdict::Stale(StaleReason::NotSynced)
        && matches!(one.plan, Plan::Fetch(_))
        && one.inspection.has_file;
    if !is_unsure || layout.is_empty() {
        return Ok(());
    }
    one.inspection.forget_other_layout(layout);
    let sums = one.inspection.sums();
    if sums.is_empty() {
        return Ok(());
    }
    let slot = &one.slot;
    let destination = &slot.object.destination;
    let failed = |error| Error::of_path(&error, "read the file again", destination);
    slot.drop_part();
    slot.dir()?
        .rename(destination, &slot.part_path())
        .map_err(failed)?;
    one.is_blank = false;
    let chunks: Vec<_> = sums
        .into_iter()
        .map(|(offset, sums)| ResumedChunk {
            offset,
            sums,
            verified: false,
        })
        .collect();
    slot.facts().has_journal = true;
    write_journal(slot, &chunks)
}
