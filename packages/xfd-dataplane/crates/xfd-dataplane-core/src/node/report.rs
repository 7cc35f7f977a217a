//! Reports of orders and objects that have ended, and what a failure means for the objects.

use std::time::Duration;

use super::neighbours::FIRST_REPAIR_ORDER;
use super::outcome::{Failure, Held};
use super::swarm::NodeSwarm;
use crate::decides::queue::QueuedOrder;
use crate::error::{Error, Kind};
use crate::model::{NodeEvent, ObjectIndex, Source};

/// The order's chunk is held.
pub(crate) fn order_held(swarm: &NodeSwarm, order: &QueuedOrder, held: &Held) {
    let number = order.key.1;
    if number >= FIRST_REPAIR_ORDER {
        swarm.neighbours.end_repair(number);
        return;
    }
    swarm.events.push(NodeEvent::ChunkHeld {
        order: number,
        chunk: order.chunk,
        crc: held.crc,
        source: order.source.clone(),
        size: held.size,
        seconds: held.seconds,
        transfer_seconds: held.transfer_seconds,
    });
}

/// The order was given up. [`NodeSwarm::giving_up`] is held.
pub(crate) fn order_failed(
    swarm: &NodeSwarm,
    order: &QueuedOrder,
    failure: Failure,
    took: Duration,
) {
    let Failure {
        error,
        fault,
        bad_bytes,
        is_final,
    } = failure;
    tracing::info!(chunk = order.chunk, ?fault, bad_bytes, is_final, %error, "order_failed");
    if order.key.1 >= FIRST_REPAIR_ORDER {
        if !is_final && !swarm.neighbours.is_empty() {
            // The scheduler has the report of the loss and knows every holder of the chunk; this
            // node has tried only some peers.
            return;
        }
        for object in swarm.objects_of(order.chunk) {
            drop_and_report(swarm, object, (*error).clone());
        }
        return;
    }
    if !is_final && error.kind != Kind::Cancelled {
        swarm.stats.retries.add(1); // The scheduler has it tried again, here or elsewhere.
    }
    swarm.events.push(NodeEvent::OrderFailed {
        order: order.key.1,
        chunk: order.chunk,
        source: order.source.clone(),
        error: *error,
        fault,
        bad_bytes,
        is_final,
        seconds: took.as_secs_f64(),
    });
}

/// Drops what is here of an object that was overwritten at its origin during its download.
pub(crate) fn drop_changed(swarm: &NodeSwarm, order: &QueuedOrder, failure: &Failure) {
    if order.source != Source::Origin || failure.error.kind != Kind::ObjectChanged {
        return;
    }
    for object in swarm.objects_of(order.chunk) {
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

/// An object cannot land. If the whole differs from its checksum, its chunks stay until the
/// scheduler knows which of them is bad.
pub(crate) fn object_failed(swarm: &NodeSwarm, object: ObjectIndex, error: Error) {
    if error.kind != Kind::ChecksumMismatch {
        give_up(swarm, object, error);
        return;
    }
    tracing::info!(object, %error, "object_chunks_suspect");
    swarm.set_suspect(object, true);
    swarm.events.push(NodeEvent::ObjectFailed {
        object,
        error,
        chunks_suspect: true,
    });
}

/// Drops all of an object and reports that, once.
fn give_up(swarm: &NodeSwarm, object: ObjectIndex, error: Error) {
    let _giving_up = swarm.giving_up();
    drop_and_report(swarm, object, error);
}

/// The same while [`NodeSwarm::giving_up`] is held.
fn drop_and_report(swarm: &NodeSwarm, object: ObjectIndex, error: Error) {
    if !swarm.store.fail(object) {
        return;
    }
    swarm.trees.forget(&[object]);
    tracing::info!(object, %error, "object_failed");
    swarm.events.push(NodeEvent::ObjectFailed {
        object,
        error,
        chunks_suspect: false,
    });
}
