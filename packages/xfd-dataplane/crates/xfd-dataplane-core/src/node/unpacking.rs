//! Archives become trees while they arrive, or from their finished file.
//!
//! An object with a tree has landed when both its file has (whichever way it is kept) and its tree
//! is recorded; the two go on side by side and the later one reports. An unpacker waits only for
//! verified bytes, never for another unpacker's place, so a bound on their number stops nobody for
//! good.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Kind, Result};
use crate::model::{CatalogObject, Durability, NodeEvent, ObjectIndex, Unpack};
use crate::node::landing;
use crate::node::shared::Shared;
use crate::node::swarm::Swarm;
use crate::unpack::{Archive, Summary, Task, unpack};

/// How far the trees of a swarm are.
#[derive(Default)]
pub(crate) struct Trees(Mutex<HashMap<ObjectIndex, Tree>>);

#[derive(Default)]
struct Tree {
    state: State,
    has_landed: bool,
}

#[derive(Default)]
enum State {
    #[default]
    Absent,
    /// Being made; set to stop it.
    Working(Arc<AtomicBool>),
    Made,
    Failed,
}

/// What the end of one of the two sides asks for.
enum Next {
    Nothing,
    Report,
    UnpackFile,
}

impl Trees {
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectIndex, Tree>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a tree, unless it was begun; gives the flag that stops it.
    fn begin(&self, object: ObjectIndex) -> Option<Arc<AtomicBool>> {
        let mut trees = self.lock();
        let tree = trees.entry(object).or_default();
        if !matches!(tree.state, State::Absent) {
            return None;
        }
        let stop = Arc::new(AtomicBool::new(false));
        tree.state = State::Working(Arc::clone(&stop));
        Some(stop)
    }

    fn landed(&self, object: ObjectIndex) -> Next {
        let mut trees = self.lock();
        let tree = trees.entry(object).or_default();
        tree.has_landed = true;
        match tree.state {
            State::Absent => Next::UnpackFile,
            State::Made => Next::Report,
            State::Working(_) | State::Failed => Next::Nothing,
        }
    }

    fn ended(&self, object: ObjectIndex, state: State) -> Next {
        let mut trees = self.lock();
        let tree = trees.entry(object).or_default();
        tree.state = state;
        match tree.state {
            State::Made if tree.has_landed => Next::Report,
            State::Absent if tree.has_landed => Next::UnpackFile,
            _ => Next::Nothing,
        }
    }

    /// The objects are open again, or nobody wants them: what is being made of them stops.
    pub(crate) fn forget(&self, objects: &[ObjectIndex]) {
        let mut trees = self.lock();
        for object in objects {
            if let Some(Tree {
                state: State::Working(stop),
                ..
            }) = trees.remove(object)
            {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Stops everything.
    pub(crate) fn stop(&self) {
        for tree in self.lock().values() {
            if let State::Working(stop) = &tree.state {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Shared {
    /// Unpacks behind the download, unless that was begun.
    pub(crate) fn unpack_stream(self: &Arc<Self>, swarm: &Arc<Swarm>, object: &Arc<CatalogObject>) {
        self.unpack(swarm, object, true);
    }

    /// The archive has landed.
    pub(crate) fn archive_landed(
        self: &Arc<Self>,
        swarm: &Arc<Swarm>,
        object: &Arc<CatalogObject>,
    ) {
        let next = swarm.trees.landed(object.index);
        self.go_on(swarm, object, next);
    }

    fn go_on(self: &Arc<Self>, swarm: &Arc<Swarm>, object: &Arc<CatalogObject>, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Report => swarm.events.push(NodeEvent::ObjectLanded {
                object: object.index,
            }),
            Next::UnpackFile => self.unpack(swarm, object, false),
        }
    }

    fn unpack(self: &Arc<Self>, swarm: &Arc<Swarm>, object: &Arc<CatalogObject>, behind: bool) {
        let Some(stop) = swarm.trees.begin(object.index) else {
            return;
        };
        let Some(guard) = swarm.unpacking.enter() else {
            return;
        };
        let (node, swarm, object) = (Arc::clone(self), Arc::clone(swarm), Arc::clone(object));
        self.runtime.spawn(async move {
            let unpackers = Arc::clone(&node.unpackers);
            let place = tokio::select! {
                () = swarm.left.cancelled() => return,
                place = unpackers.acquire_owned() => place,
            };
            let runtime = node.runtime.clone();
            runtime.spawn_blocking(move || {
                // Archives are strangers' work: a decoder that panics costs the archive alone.
                let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
                    run(&node, &swarm, &object, behind, &stop)
                }));
                let outcome = outcome.unwrap_or_else(|_| {
                    let error = Error::new(Kind::Internal, "Unpacking panicked");
                    Err(error.with_object(&object.found.key))
                });
                drop(place);
                node.unpacked(&swarm, &object, outcome, behind);
                drop(guard);
            });
        });
    }

    fn unpacked(
        self: &Arc<Self>,
        swarm: &Arc<Swarm>,
        object: &Arc<CatalogObject>,
        outcome: Result<Summary>,
        behind: bool,
    ) {
        if swarm.left.is_cancelled() {
            return;
        }
        let recorded = outcome.and_then(|summary| {
            let stats = &swarm.stats;
            stats.unpacked_entries.add(summary.entries.len() as u64);
            stats.unpacked_bytes.add(summary.bytes);
            swarm.store.unpacked(object.index, &summary)
        });
        let state = match recorded {
            Ok(()) => State::Made,
            // The stream ended for another reason than the archive: whoever ended it says so, and
            // the tree is made from the file if that lands.
            Err(error)
                if behind && matches!(error.kind, Kind::Cancelled | Kind::ChecksumMismatch) =>
            {
                State::Absent
            }
            Err(error) if error.kind == Kind::Cancelled => State::Failed,
            Err(error) => {
                landing::fail(swarm, object.index, error);
                State::Failed
            }
        };
        let next = swarm.trees.ended(object.index, state);
        self.go_on(swarm, object, next);
    }
}

fn run(
    node: &Shared,
    swarm: &Swarm,
    object: &CatalogObject,
    behind: bool,
    stop: &AtomicBool,
) -> Result<Summary> {
    let Some(Unpack {
        destination,
        method,
        ..
    }) = &object.unpack
    else {
        return Ok(Summary::default());
    };
    let _active = swarm.stats.active_unpacks.active();
    let stream = match behind {
        true => swarm.store.in_order(object.index),
        false => None,
    };
    let path;
    let archive = match stream {
        Some(stream) => Archive::Stream(Box::new(stream)),
        None => {
            path = swarm.store.archive_path(object.index)?;
            Archive::File(&path)
        }
    };
    unpack(Task {
        method: *method,
        archive,
        archive_bytes: object.found.size,
        key: &object.found.key,
        destination,
        replace: swarm.store.may_replace_tree(object.index),
        caps: node.settings.unpack_caps,
        sync: swarm.durability == Durability::Object,
        cancel: stop,
    })
}
