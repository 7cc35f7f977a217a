//! Chunks whose lease ended before their last byte: the next lease goes on there.
//!
//! Their bytes are in the part file and are not verified, as with a body that broke and was
//! resumed. Only the whole chunk is verified. If it turns out wrong it starts over, and no source
//! is blamed, because several wrote it.

use std::sync::Arc;

use super::checks::Summing;
use super::slot::Slot;
use super::target::Target;
use crate::decides::ledger::Ledger;

/// A chunk of one object, as far as it is written.
pub(crate) struct Resumable {
    pub(crate) target: Target,
    pub(crate) position: u64,
    pub(crate) summing: Summing,
}

impl Resumable {
    /// Whether what was written is still in the object's part file.
    pub(crate) fn is_there(&self, ledger: &Ledger, slots: &[Arc<Slot>]) -> bool {
        matches!(self.target, Target::Shared(_)) && !self.target.was_replaced(ledger, slots)
    }
}
