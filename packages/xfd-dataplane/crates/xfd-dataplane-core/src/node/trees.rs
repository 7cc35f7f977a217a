//! The trees of a swarm, from the start of their unpacking to their place.
//!
//! A tree is made from its archive's bytes while they arrive, or from the archive's file. It gets
//! its place when both it and the file are right, by whichever of the two is later.
//!
//! ```text
//!              start                end                   end or file_is_right
//!   Absent ────────────▶ Working ────────▶ Made ─────────────────────────────▶ Placing
//!      ▲                    │
//!      └── stream ended ────┴────────────▶ Failed
//! ```

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::ObjectIndex;
use crate::threads::{Mutex, locked};
use crate::unpack::Staged;

#[derive(Default)]
pub(crate) struct Trees(Mutex<HashMap<ObjectIndex, Tree>>);

#[derive(Default)]
struct Tree {
    state: TreeState,
    /// The archive's file has passed its checks.
    has_file: bool,
}

#[derive(Default)]
pub(crate) enum TreeState {
    #[default]
    Absent,
    /// Being made; the flag stops it.
    Working(Arc<AtomicBool>),
    /// Beside its place.
    Made(Staged),
    /// On its way to its place.
    Placing,
    Failed,
}

/// What the end of one of the two sides asks for.
pub(crate) enum NextStep {
    Nothing,
    UnpackFile,
    Place(Staged),
}

impl Tree {
    fn next(&mut self) -> NextStep {
        if !self.has_file {
            return NextStep::Nothing;
        }
        match mem::take(&mut self.state) {
            TreeState::Absent => NextStep::UnpackFile,
            TreeState::Made(staged) => {
                self.state = TreeState::Placing;
                NextStep::Place(staged)
            }
            other => {
                self.state = other;
                NextStep::Nothing
            }
        }
    }

    /// Whether the unpacking that this flag stops is the one that makes the tree.
    fn is_made_with(&self, stop: &Arc<AtomicBool>) -> bool {
        matches!(&self.state, TreeState::Working(flag) if Arc::ptr_eq(flag, stop))
    }

    fn stop(&self) {
        if let TreeState::Working(stop) = &self.state {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Trees {
    /// Starts a tree that is absent; returns the flag that stops it.
    pub(crate) fn start(&self, object: ObjectIndex) -> Option<Arc<AtomicBool>> {
        let mut trees = locked(&self.0);
        let tree = trees.entry(object).or_default();
        if !matches!(tree.state, TreeState::Absent) {
            return None;
        }
        let stop = Arc::new(AtomicBool::new(false));
        tree.state = TreeState::Working(Arc::clone(&stop));
        Some(stop)
    }

    /// The archive's file has passed its checks.
    pub(crate) fn file_is_right(&self, object: ObjectIndex) -> NextStep {
        let mut trees = locked(&self.0);
        let tree = trees.entry(object).or_default();
        tree.has_file = true;
        tree.next()
    }

    /// The unpacking that has this flag ended. If the tree was forgotten meanwhile, its outcome
    /// does not count.
    pub(crate) fn end(
        &self,
        object: ObjectIndex,
        stop: &Arc<AtomicBool>,
        state: TreeState,
    ) -> NextStep {
        // Dropping a staged tree removes it from the disk, so this is dropped after the lock.
        let _forgotten;
        let mut trees = locked(&self.0);
        match trees.get_mut(&object) {
            Some(tree) if tree.is_made_with(stop) => {
                tree.state = state;
                tree.next()
            }
            _ => {
                _forgotten = state;
                NextStep::Nothing
            }
        }
    }

    /// Stops what is being made of these objects and removes what was made. They are open again, or
    /// released, or in their place.
    pub(crate) fn forget(&self, objects: &[ObjectIndex]) {
        let mut forgotten = Vec::new();
        let mut trees = locked(&self.0);
        for object in objects {
            forgotten.extend(trees.remove(object));
        }
        drop(trees);
        forgotten.iter().for_each(Tree::stop);
    }

    /// Forgets all trees.
    pub(crate) fn stop(&self) {
        let forgotten = mem::take(&mut *locked(&self.0));
        forgotten.values().for_each(Tree::stop);
    }
}
