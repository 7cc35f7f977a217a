//! How far the trees of a swarm are: each is made once its archive's bytes come, and gets its place
//! when both it and the archive's file are right, by whichever of the two is later.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::ObjectIndex;
use crate::unpack::Staged;

#[derive(Default)]
pub(crate) struct Trees(Mutex<HashMap<ObjectIndex, Tree>>);

#[derive(Default)]
struct Tree {
    state: State,
    /// The archive's file passed its checks.
    has_file: bool,
}

#[derive(Default)]
pub(crate) enum State {
    #[default]
    Absent,
    /// Being made; set to stop it.
    Working(Arc<AtomicBool>),
    /// Beside its place.
    Made(Staged),
    /// On its way to its place.
    Placing,
    Failed,
}

/// What the end of one of the two sides asks for.
pub(crate) enum Next {
    Nothing,
    UnpackFile,
    Place(Staged),
}

impl Tree {
    fn next(&mut self) -> Next {
        if !self.has_file {
            return Next::Nothing;
        }
        match mem::take(&mut self.state) {
            State::Absent => Next::UnpackFile,
            State::Made(staged) => {
                self.state = State::Placing;
                Next::Place(staged)
            }
            other => {
                self.state = other;
                Next::Nothing
            }
        }
    }

    fn stop(&self) {
        if let State::Working(stop) = &self.state {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Trees {
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectIndex, Tree>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a tree, unless it was begun; gives the flag that stops it.
    pub(crate) fn begin(&self, object: ObjectIndex) -> Option<Arc<AtomicBool>> {
        let mut trees = self.lock();
        let tree = trees.entry(object).or_default();
        if !matches!(tree.state, State::Absent) {
            return None;
        }
        let stop = Arc::new(AtomicBool::new(false));
        tree.state = State::Working(Arc::clone(&stop));
        Some(stop)
    }

    /// The archive's file is right.
    pub(crate) fn has_file(&self, object: ObjectIndex) -> Next {
        let mut trees = self.lock();
        let tree = trees.entry(object).or_default();
        tree.has_file = true;
        tree.next()
    }

    /// The making that has this flag ended. One that was forgotten meanwhile counts for nothing.
    pub(crate) fn ended(&self, object: ObjectIndex, stop: &Arc<AtomicBool>, state: State) -> Next {
        // Dropped only after the lock: what is staged is removed from the disk then.
        let _forgotten;
        let mut trees = self.lock();
        match trees.get_mut(&object) {
            Some(tree) if matches!(&tree.state, State::Working(it) if Arc::ptr_eq(it, stop)) => {
                tree.state = state;
                tree.next()
            }
            _ => {
                _forgotten = state;
                Next::Nothing
            }
        }
    }

    /// The objects are open again, or nobody wants them, or they are in their place: what is being
    /// made of them stops, and what was made goes.
    pub(crate) fn forget(&self, objects: &[ObjectIndex]) {
        let mut forgotten = Vec::new();
        let mut trees = self.lock();
        for object in objects {
            forgotten.extend(trees.remove(object));
        }
        drop(trees);
        forgotten.iter().for_each(Tree::stop);
    }

    /// Forgets everything.
    pub(crate) fn stop(&self) {
        let forgotten = mem::take(&mut *self.lock());
        forgotten.values().for_each(Tree::stop);
    }
}
