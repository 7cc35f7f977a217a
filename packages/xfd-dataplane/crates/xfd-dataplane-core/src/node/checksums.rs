//! Asks origins for checksums that their lists do not have: the effects around
//! [`crate::decides::checksums`].

use std::sync::Arc;

use super::swarm::NodeSwarm;
use crate::error::Result;
use crate::model::{CatalogObject, Checksum, ObjectIndex, Source, Span};

/// A part of an object is on its way from `source`. Asks for the checksum if the origin's answer
/// does not carry it.
pub(crate) fn part_is_coming(swarm: &Arc<NodeSwarm>, span: Span, source: &Source) {
    let object = swarm.store.object(span.object);
    let Some(object) = object.filter(|object| lacks_checksum(object, span)) else {
        return;
    };
    if *source != Source::Origin {
        swarm.checksums().on_peer_bytes(object.index);
    } else if swarm.checksums().ask(object.index, false) {
        ask(swarm, object);
    }
}

/// Whether a whole object may land now. Chunks of an earlier run count as the origin's.
pub(crate) fn may_land(swarm: &Arc<NodeSwarm>, object: ObjectIndex) -> bool {
    if !swarm.store.lacks_checksum(object) || swarm.checksums().may_land(object) {
        return true;
    }
    if swarm.checksums().ask(object, true)
        && let Some(object) = swarm.store.object(object)
    {
        ask(swarm, object);
    }
    false
}

/// Whether a span is a part of an object without a checksum in the catalog.
fn lacks_checksum(object: &CatalogObject, span: Span) -> bool {
    object.found.checksum.is_none() && span.length < object.found.size
}

fn ask(swarm: &Arc<NodeSwarm>, object: Arc<CatalogObject>) {
    let Some(guard) = swarm.fetching.enter() else {
        return;
    };
    let swarm = Arc::clone(swarm);
    swarm.node.runtime.clone().spawn(async move {
        tokio::select! {
            () = swarm.left.cancelled() => return,
            answer = head(&swarm, &object) => match answer {
                Ok(None) => {}
                Ok(Some(checksum)) => swarm.store.learn_checksum(object.index, checksum),
                // The object lands without it: each chunk has a checksum of its own.
                Err(error) => tracing::warn!(%error, "checksum_lookup_failed"),
            },
        }
        if swarm.checksums().answer(object.index) {
            swarm.retry_landing(object.index);
        }
        drop(guard);
    });
}

/// The checksum that the origin keeps; None if it keeps none, or has another version by now.
async fn head(swarm: &NodeSwarm, object: &CatalogObject) -> Result<Option<Checksum>> {
    let node = &swarm.node;
    let profile = object.profile_name.as_deref();
    let connected = node.origins.of(&swarm.stores(), profile).await?;
    if !connected.origin.keeps_checksums() {
        return Ok(None);
    }
    let _share = node.limits.heads.take(1).await;
    let (bucket, key) = (object.bucket.as_deref(), &object.found.key);
    let found = connected.ask(node.settings.attempts, || async {
        let head = connected.origin.head(bucket, key).await;
        swarm.stats.count_answer(&head);
        head
    });
    let found = found.await?;
    let is_same = found.etag == object.found.etag;
    Ok(found.checksum.filter(|_| is_same))
}
