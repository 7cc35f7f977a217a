//! Chunks that were begun and given up: the next lease goes on where the last one stopped.
//!
//! Their bytes are in the part file and have not been verified, like those of a body that broke and
//! went on. Only the chunk as a whole is, so a chunk that turns out wrong starts over, and none of
//! its sources is to blame for certain.

use std::sync::Arc;

use super::account::State;
use super::checks::Summing;
use super::slot::Slot;
use super::target::Target;

/// A chunk of one object, as far as it was written.
pub(crate) struct Begun {
    pub(crate) target: Target,
    pub(crate) position: u64,
    pub(crate) summing: Summing,
}

impl Begun {
    /// Whether what was written is still where it belongs.
    pub(crate) fn is_there(&self, state: &State, slots: &[Arc<Slot>]) -> bool {
        matches!(self.target, Target::Shared(_)) && !self.target.was_replaced(state, slots)
    }
}
