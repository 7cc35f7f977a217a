//! Unpacks archives, while they arrive or from their finished file.
//!
//! An object with a tree lands when its file is right and its tree is made. The two go on side by
//! side, and the later one puts both in their places ([`super::trees`]), so that an archive that
//! cannot be unpacked leaves no file. An unpacker waits for verified bytes and never for
//! another unpacker, so the bound on their number cannot stop them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::panics;
use super::report;
use super::swarm::NodeSwarm;
use super::trees::{NextStep, TreeState};
use crate::error::{Error, Kind, Result};
use crate::model::{CatalogObject, Durability, NodeEvent, Unpack};
use crate::unpack::{Archive, Staged, Task, stage};

/// Where the archive's bytes come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    /// The download, as it arrives.
    Stream,
    /// The finished file.
    File,
}

/// Unpacks an archive while it arrives, unless that was started.
pub(crate) fn unpack_stream(swarm: &Arc<NodeSwarm>, object: &Arc<CatalogObject>) {
    unpack(swarm, object, Input::Stream);
}

/// The archive's file has passed its checks.
pub(crate) fn archive_is_right(swarm: &Arc<NodeSwarm>, object: &Arc<CatalogObject>) {
    let next = swarm.trees.file_is_right(object.index);
    take_step(swarm, object, next);
}

fn take_step(swarm: &Arc<NodeSwarm>, object: &Arc<CatalogObject>, step: NextStep) {
    match step {
        NextStep::Nothing => {}
        NextStep::UnpackFile => unpack(swarm, object, Input::File),
        NextStep::Place(staged) => place(swarm, object, staged),
    }
}

fn unpack(swarm: &Arc<NodeSwarm>, object: &Arc<CatalogObject>, input: Input) {
    let Some(stop) = swarm.trees.start(object.index) else {
        return;
    };
    let Some(guard) = swarm.unpacking.enter() else {
        return;
    };
    let (swarm, object) = (Arc::clone(swarm), Arc::clone(object));
    let runtime = swarm.node.runtime.clone();
    runtime.spawn(async move {
        let unpackers = Arc::clone(&swarm.node.unpackers);
        let permit = tokio::select! {
            () = swarm.left.cancelled() => return,
            permit = unpackers.acquire_owned() => permit,
        };
        let runtime = swarm.node.runtime.clone();
        runtime.spawn_blocking(move || {
            // Archives are untrusted: a decoder that panics costs the archive alone.
            let outcome = panics::catch("Unpacking", || run(&swarm, &object, input, &stop));
            drop(permit);
            end(&swarm, &object, &stop, outcome, input);
            drop(guard);
        });
    });
}

fn run(
    swarm: &NodeSwarm,
    object: &CatalogObject,
    input: Input,
    stop: &AtomicBool,
) -> Result<Staged> {
    let Some(Unpack {
        destination,
        method,
        links,
        conda_unpack,
        ..
    }) = &object.unpack
    else {
        let what = format!("Object {} has no tree", object.index);
        return Err(Error::new(Kind::Internal, what));
    };
    let _active = swarm.stats.active_unpacks.active();
    let stream = match input {
        Input::Stream => swarm.store.in_order(object.index),
        Input::File => None,
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
        caps: swarm.node.settings.unpack_caps,
        links: *links,
        conda_unpack: *conda_unpack,
        sync: swarm.durability == Durability::Object,
        cancel: stop,
    })
}

fn end(
    swarm: &Arc<NodeSwarm>,
    object: &Arc<CatalogObject>,
    stop: &Arc<AtomicBool>,
    outcome: Result<Staged>,
    input: Input,
) {
    if swarm.left.is_cancelled() {
        return;
    }
    let state = match outcome {
        Ok(staged) => TreeState::Made(staged),
        // It was stopped, whatever error its reader met after that.
        Err(_) if stop.load(Ordering::Relaxed) => TreeState::Failed,
        // The stream ended, and the archive is not the reason: that reason is reported elsewhere.
        // If the file turns out right, the tree is made from it.
        Err(error)
            if input == Input::Stream
                && matches!(error.kind, Kind::Cancelled | Kind::ChecksumMismatch) =>
        {
            TreeState::Absent
        }
        Err(error) if error.kind == Kind::Cancelled => TreeState::Failed,
        Err(error) => {
            report::object_failed(swarm, object.index, error);
            TreeState::Failed
        }
    };
    let next = swarm.trees.end(object.index, stop, state);
    take_step(swarm, object, next);
}

/// Puts archive and tree in their places.
fn place(swarm: &NodeSwarm, object: &CatalogObject, staged: Staged) {
    let Some(_guard) = swarm.fetching.enter() else {
        return;
    };
    let summary = staged.summary();
    let (entries, bytes) = (summary.entries.len() as u64, summary.bytes);
    let left_out = summary.left_out.clone();
    let placed = panics::catch("Landing a tree", || {
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
        Err(error) => report::object_failed(swarm, object.index, error),
    }
}
