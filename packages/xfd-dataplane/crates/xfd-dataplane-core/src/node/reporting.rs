//! What is said of an order that has ended, and what else its end means for its objects.

use std::sync::Arc;

use crate::decides::queue::Entry;
use crate::error::Kind;
use crate::model::{NodeEvent, ObjectIndex, Source};
use crate::node::landing::give_up;
use crate::node::swarm::{OWN_ORDERS, Swarm};
use crate::node::work::{Failure, Held};

pub(crate) fn report_held(swarm: &Swarm, entry: &Entry, held: &Held) {
    if entry.key.1 >= OWN_ORDERS {
        swarm.forget_own_order(entry.key.1);
        return;
    }
    swarm.events.push(NodeEvent::ChunkHeld {
        order: entry.key.1,
        chunk: entry.chunk,
        crc: held.crc,
        source: entry.source.clone(),
        size: held.size,
        seconds: held.seconds,
        transfer_seconds: held.transfer_seconds,
    });
}

pub(crate) fn report_failed(swarm: &Arc<Swarm>, entry: &Entry, failure: Failure) {
    let Failure {
        error,
        fault,
        bad_bytes,
        is_final,
    } = failure;
    tracing::info!(chunk = entry.chunk, ?fault, bad_bytes, is_final, %error, "order_failed");
    if entry.key.1 >= OWN_ORDERS {
        if !is_final && !swarm.is_alone() {
            // The scheduler was told that the chunk is lost: it knows who has it, and this node
            // has asked only some peers.
            return;
        }
        for object in objects_of(swarm, entry) {
            give_up(swarm, object, (*error).clone());
        }
        return;
    }
    swarm.events.push(NodeEvent::OrderFailed {
        order: entry.key.1,
        chunk: entry.chunk,
        source: entry.source.clone(),
        error: *error,
        fault,
        bad_bytes,
        is_final,
    });
}

/// Nothing is kept of an object that was overwritten in the middle of its download.
pub(crate) fn give_up_changed(swarm: &Swarm, entry: &Entry, failure: &Failure) {
    if entry.source != Source::Origin || failure.error.kind != Kind::ObjectChanged {
        return;
    }
    for object in objects_of(swarm, entry) {
        let is_named = swarm.store.object(object).is_some_and(|it| {
            let named = failure.error.object.as_deref().unwrap_or_default();
            // An S3 origin names the whole uri, others the key.
            let before = named.strip_suffix(it.found.key.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        });
        if is_named {
            swarm.store.fail(object);
        }
    }
}

fn objects_of(swarm: &Swarm, entry: &Entry) -> Vec<ObjectIndex> {
    let chunk = swarm.store.chunk(entry.chunk);
    chunk.map_or_else(Vec::new, |chunk| {
        chunk.spans.iter().map(|span| span.object).collect()
    })
}
