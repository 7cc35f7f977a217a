//! What taking an inventory decided about each object, and what follows from it.

use std::sync::Arc;

use super::checks::Sums;
use super::facts::Location;
use super::inspect::Inspection;
use super::recording;
use super::room::Needs;
use super::slot::Slot;
use crate::decides::cache::Verdict;
use crate::model::{LeftOut, NodeId, ObjectIndex};

/// What is to be done about one object.
pub(crate) enum Plan {
    /// Nothing: it is valid. Without `has_file` its archive is gone, and only its tree is here.
    Landed { has_file: bool },
    /// Its file is valid, and is to be compared with its pin.
    Hash,
    /// Its file is valid; its tree is to be made.
    Unpack,
    /// Nothing: another writer has its lock.
    LockedByOther(Option<NodeId>),
    /// Fetch it, except for these chunks.
    Fetch(Vec<ResumedChunk>),
}

/// A chunk that an earlier run left, by its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResumedChunk {
    pub(crate) offset: u64,
    pub(crate) sums: Sums,
    /// It was read again, and is right.
    pub(crate) verified: bool,
}

/// One object with what was found of it.
pub(crate) struct Inspected {
    pub(crate) slot: Arc<Slot>,
    pub(crate) inspection: Inspection,
    pub(crate) plan: Plan,
    /// It has no part file and no journal.
    pub(crate) is_blank: bool,
}

/// All objects of an inventory.
#[derive(Default)]
pub(crate) struct Examined {
    /// Those that are new, or not as they were left.
    pub(crate) objects: Vec<Inspected>,
    /// What the trees of the others lack.
    pub(crate) left_out: Vec<(ObjectIndex, LeftOut)>,
}

/// Bytes that are still to be written. An archive's tree is assumed to need as much as its last
/// one, and at least the size of the archive.
pub(crate) fn needs(inspected: &[Inspected]) -> Needs {
    let mut needs = Needs::default();
    for one in inspected {
        let object = &one.slot.object;
        if !object.is_directory && matches!(one.plan, Plan::Fetch(_)) {
            let path = one.slot.part_path();
            let allocated = match one.is_blank {
                true => 0,
                false => match one.slot.parts_dir_if_there() {
                    Ok(Some(dir)) => dir.allocated(&path),
                    _ => 0,
                },
            };
            needs.add(&path, object.found.size.saturating_sub(allocated));
        }
        if let (Plan::Fetch(_) | Plan::Hash | Plan::Unpack, Some(unpack)) =
            (&one.plan, &object.unpack)
        {
            let known = one.inspection.tree_bytes.unwrap_or(0);
            needs.add(&unpack.destination, known.max(object.found.size));
        }
    }
    needs
}

/// The plan that follows from an inspection, before locks and journals are looked at.
pub(crate) fn plan(slot: &Slot, inspection: &Inspection) -> Plan {
    if slot.object.is_directory {
        return Plan::Landed { has_file: true };
    }
    match inspection.verdict {
        Verdict::Valid => Plan::Landed {
            has_file: inspection.has_file,
        },
        Verdict::Hash => Plan::Hash,
        Verdict::Unpack => Plan::Unpack,
        Verdict::Absent | Verdict::Stale(_) | Verdict::Foreign => Plan::Fetch(Vec::new()),
    }
}

/// Applies a plan to the object's slot. The ledger follows in [`super::inventory`].
pub(crate) fn apply(one: &Inspected) {
    if let (Plan::Landed { .. } | Plan::Hash | Plan::Unpack, Some(record)) =
        (&one.plan, &one.inspection.elsewhere)
        && let Err(error) = recording::write(&one.slot, Some(record.clone()))
    {
        // A disk that may only be read: the record is found elsewhere the next time, too.
        tracing::debug!(%error, "record_not_copied");
    }
    let mut facts = one.slot.facts();
    facts.tree_is_ours = one.inspection.tree_is_ours;
    match &one.plan {
        Plan::Landed { has_file: true } | Plan::Hash | Plan::Unpack => {
            facts.location = Location::Destination;
            facts.file_done = !matches!(one.plan, Plan::Hash);
            facts.sums = one.inspection.sums().into_iter().collect();
        }
        Plan::Landed { has_file: false } => facts.file_done = true,
        Plan::Fetch(resumed) => {
            facts.location = Location::Part;
            facts.file_done = false;
            facts.part = None;
            facts.sums = resumed
                .iter()
                .map(|chunk| (chunk.offset, chunk.sums))
                .collect();
        }
        Plan::LockedByOther(_) => {}
    }
    if let Plan::Fetch(resumed) = &one.plan
        && resumed.is_empty()
    {
        drop(facts);
        match one.is_blank {
            true => one.slot.forget_part(),
            false => one.slot.drop_part(),
        }
        // The old record stays until the new one is written: it says how much room the tree needs,
        // and that the tree is ours.
    }
}
