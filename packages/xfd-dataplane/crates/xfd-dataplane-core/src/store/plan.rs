//! What taking stock decided about each object, and what follows from it.

use std::sync::Arc;

use super::inspect::Finding;
use super::resume::Resumed;
use super::room::Needs;
use super::slot::{Slot, Whereabouts};
use crate::model::NodeId;

/// What is going to be done about one object.
pub(crate) enum Plan {
    /// Valid; false: its archive is gone, only its tree is here.
    Landed { has_file: bool },
    /// The file is valid, its tree is to be made.
    Unpack,
    /// Another writer is busy with it.
    Elsewhere(Option<NodeId>),
    /// To be fetched, but for these chunks.
    Fetch(Vec<Resumed>),
}

/// One object with what was found of it.
pub(crate) struct Looked {
    pub(crate) slot: Arc<Slot>,
    pub(crate) finding: Finding,
    pub(crate) plan: Plan,
    /// There is no part file and no journal of it.
    pub(crate) is_blank: bool,
}

/// Bytes that are still to be written. An archive's tree is taken for as large as it was the last
/// time, or for at least the archive's own size.
pub(crate) fn needs(looked: &[Looked]) -> Needs {
    let mut needs = Needs::default();
    for one in looked {
        let object = &one.slot.object;
        if !object.is_directory && matches!(one.plan, Plan::Fetch(_)) {
            let path = one.slot.part_path();
            let there = match one.is_blank {
                true => 0,
                false => match one.slot.dir_if_there() {
                    Ok(Some(dir)) => dir.allocated(&path),
                    _ => 0,
                },
            };
            needs.add(&path, object.found.size.saturating_sub(there));
        }
        if let (Plan::Fetch(_) | Plan::Unpack, Some(unpack)) = (&one.plan, &object.unpack) {
            let known = one.finding.tree_bytes.unwrap_or(0);
            needs.add(&unpack.destination, known.max(object.found.size));
        }
    }
    needs
}

impl Finding {
    /// What the verdict means for an object, before locks and journals have their say.
    pub(crate) fn plan(&self, slot: &Slot) -> Plan {
        use crate::decides::cache::Verdict;
        if slot.object.is_directory {
            return Plan::Landed { has_file: true };
        }
        match self.verdict {
            Verdict::Valid => Plan::Landed {
                has_file: self.has_file,
            },
            Verdict::Unpack => Plan::Unpack,
            Verdict::Absent | Verdict::Stale(_) | Verdict::Foreign => Plan::Fetch(Vec::new()),
        }
    }
}

/// Applies a plan to the object's slot; the account follows in `inventory`.
pub(crate) fn settle(one: &Looked) {
    let mut facts = one.slot.facts();
    facts.tree_is_ours = one.finding.tree_is_ours;
    match &one.plan {
        Plan::Landed { has_file: true } | Plan::Unpack => {
            facts.whereabouts = Whereabouts::Destination;
            facts.file_done = true;
            facts.sums = one.finding.sums();
        }
        Plan::Landed { has_file: false } => facts.file_done = true,
        Plan::Fetch(resumed) => {
            facts.part = None;
            facts.sums = resumed
                .iter()
                .map(|chunk| (chunk.offset, chunk.sums))
                .collect();
        }
        Plan::Elsewhere(_) => {}
    }
    if let Plan::Fetch(resumed) = &one.plan
        && resumed.is_empty()
    {
        drop(facts);
        match one.is_blank {
            true => one.slot.forget_part(),
            false => one.slot.drop_part(),
        }
        // What the record says of an object that is about to be replaced is of no more use but for
        // the room of its tree and whose that is; it stays until the new one is written.
    }
}
