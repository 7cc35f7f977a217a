//! Archives become trees while they arrive, or from their finished file.
//!
//! An object with a tree lands when its file is right and its tree is made; the two go on side by
//! side and the later one puts both in their places ([`super::trees`]), so that an archive that
//! cannot be unpacked leaves nothing behind. An unpacker waits only for verified bytes, never for
//! another unpacker's place, so a bound on their number stops nobody for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Kind, Result};
use crate::model::{CatalogObject, Durability, NodeEvent, Unpack};
use crate::node::caught::caught;
use crate::node::landing;
use crate::node::shared::Shared;
use crate::node::swarm::Swarm;
use crate::node::trees::{Next, State};
use crate::unpack::{Archive, Staged, Task, stage};

impl Shared {
    /// Unpacks behind the download, unless that was begun.
    pub(crate) fn unpack_stream(self: &Arc<Self>, swarm: &Arc<Swarm>, object: &Arc<CatalogObject>) {
        self.unpack(swarm, object, true);
    }

    /// The archive's file is right.
    pub(crate) fn archive_is_right(
        self: &Arc<Self>,
        swarm: &Arc<Swarm>,
        object: &Arc<CatalogObject>,
    ) {
        let next = swarm.trees.has_file(object.index);
        self.go_on(swarm, object, next);
    }

    fn go_on(self: &Arc<Self>, swarm: &Arc<Swarm>, object: &Arc<CatalogObject>, next: Next) {
        match next {
            Next::Nothing => {}
            Next::UnpackFile => self.unpack(swarm, object, false),
            Next::Place(staged) => place(swarm, object, staged),
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
                let outcome = caught("Unpacking", || run(&node, &swarm, &object, behind, &stop));
                drop(place);
                node.unpacked(&swarm, &object, &stop, outcome, behind);
                drop(guard);
            });
        });
    }

    fn unpacked(
        self: &Arc<Self>,
        swarm: &Arc<Swarm>,
        object: &Arc<CatalogObject>,
        stop: &Arc<AtomicBool>,
        outcome: Result<Staged>,
        behind: bool,
    ) {
        if swarm.left.is_cancelled() {
            return;
        }
        let state = match outcome {
            Ok(staged) => State::Made(staged),
            // Told to stop, whatever the reader then met: the download goes on, or was released.
            Err(_) if stop.load(Ordering::Relaxed) => State::Failed,
            // The stream ended for another reason than the archive: whoever ended it says so, and
            // the tree is made from the file if that is right.
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
        let next = swarm.trees.ended(object.index, stop, state);
        self.go_on(swarm, object, next);
    }
}

/// Puts archive and tree in their places.
fn place(swarm: &Swarm, object: &CatalogObject, staged: Staged) {
    let Some(_guard) = swarm.fetching.enter() else {
        return;
    };
    let summary = staged.summary();
    let (entries, bytes) = (summary.entries.len() as u64, summary.bytes);
    let left_out = summary.left_out.clone();
    let placed = caught("Landing a tree", || {
        let store = &swarm.store;
        store.land_with_tree(object.index, || staged.put_in_place())
    });
    swarm.trees.forget(&[object.index]);
    match placed {
        Ok(()) => {
            swarm.stats.unpacked_entries.add(entries);
            swarm.stats.unpacked_bytes.add(bytes);
            swarm.events.push(NodeEvent::ObjectLanded {
                object: object.index,
                left_out,
            });
        }
        Err(error) if error.kind == Kind::Cancelled => {}
        Err(error) => landing::fail(swarm, object.index, error),
    }
}

fn run(
    node: &Shared,
    swarm: &Swarm,
    object: &CatalogObject,
    behind: bool,
    stop: &AtomicBool,
) -> Result<Staged> {
    let Some(Unpack {
        destination,
        method,
        links,
        ..
    }) = &object.unpack
    else {
        let what = format!("Object {} has no tree", object.index);
        return Err(Error::new(Kind::Internal, what));
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
    stage(Task {
        method: *method,
        archive,
        archive_bytes: object.found.size,
        key: &object.found.key,
        destination,
        replace: swarm.store.may_replace_tree(object.index),
        caps: node.settings.unpack_caps,
        links: *links,
        sync: swarm.durability == Durability::Object,
        cancel: stop,
    })
}
