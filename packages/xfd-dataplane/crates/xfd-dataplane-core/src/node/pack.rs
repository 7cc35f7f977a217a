//! Fetches a pack from its origin: one GET for each small object, many at once.
//!
//! A pack starts over with its next order. So a pack that has some objects waits for the reset of
//! the origin's rate limit where it is: a pack may need more requests than are left in one window.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};

use super::origin_body::{OriginBody, Tries, ended_early, object_of, pass, too_long};
use super::outcome::{Failure, Outcome, Times};
use super::swarm::NodeSwarm;
use crate::decides::retry::is_for_all_nodes;
use crate::error::Result;
use crate::limits::Share;
use crate::model::{CatalogObject, Span};
use crate::store::Lease;

/// Requests for one pack's objects at once: with few packs left, they take the room of those that
/// have ended.
const REQUESTS_PER_PACK: usize = 64;

/// The same for a node with peers, which ask the origin for other packs at the same time.
const REQUESTS_PER_PACK_WITH_PEERS: usize = 16;

/// Pieces of a body below this size are copied together when they are kept.
const SMALL_PIECE_BYTES: usize = 4 * 1024;

/// Fills the lease with the objects in their order.
pub(crate) async fn fill(
    swarm: &Arc<NodeSwarm>,
    lease: &mut Lease,
    times: &mut Times,
) -> Outcome<()> {
    let spans = lease.chunk().spans.iter().copied();
    let spans: Vec<Span> = spans.filter(|span| span.length > 0).collect();
    let at_once = match swarm.neighbours.is_empty() {
        true => REQUESTS_PER_PACK,
        false => REQUESTS_PER_PACK_WITH_PEERS,
    };
    let arrived = &AtomicUsize::new(0);
    let mut bodies = stream::iter(spans)
        // Budget is taken in the objects' order, so that the first of them never waits for later
        // ones.
        .then(|span| async move { (span, swarm.node.limits.budget.take(span.length).await) })
        .map(|(span, budget)| fetch(swarm, span, budget, arrived))
        .buffered(at_once)
        .boxed();
    while let Some(body) = bodies.next().await {
        let (pieces, budget) = body?;
        times.first_byte.get_or_insert_with(Instant::now);
        for bytes in pieces {
            lease.write(&bytes).map_err(Failure::of_node)?;
        }
        drop(budget);
    }
    Ok(())
}

/// The bytes of one object, with their share of the byte budget. `arrived` counts the objects of the
/// pack that have arrived: without a new one between two resets, the pack is given up.
async fn fetch(
    swarm: &NodeSwarm,
    span: Span,
    budget: Share,
    arrived: &AtomicUsize,
) -> Outcome<(Vec<Bytes>, Share)> {
    let object = object_of(swarm, span)?;
    let mut tries = Tries::new(swarm);
    let mut pieces = Vec::new();
    let mut received = 0;
    let mut arrived_before = 0;
    loop {
        let (before, started) = (received, Instant::now());
        let error = match collect(swarm, &object, span, &mut pieces, &mut received).await? {
            Ok(()) => {
                arrived.fetch_add(1, Relaxed);
                return Ok((pieces, budget));
            }
            Err(error) => error.with_object(&object.found.key),
        };
        if let Some(reset) = error.retry_after
            && is_for_all_nodes(&error)
            && arrived.load(Relaxed) > arrived_before
        {
            arrived_before = arrived.load(Relaxed);
            let _waiting = swarm.stats.active_resets.active();
            tokio::time::sleep(reset).await;
            continue;
        }
        tries.pause(error, received - before, started).await?;
    }
}

/// Adds one body to `pieces`. The inner error is the origin's.
async fn collect(
    swarm: &NodeSwarm,
    object: &CatalogObject,
    span: Span,
    pieces: &mut Vec<Bytes>,
    received: &mut u64,
) -> Outcome<Result<()>> {
    let range = span.offset + *received..span.offset + span.length;
    let mut body = match OriginBody::open(swarm, object, range).await? {
        Ok(body) => body,
        Err(error) => return Ok(Err(error)),
    };
    loop {
        match body.next(swarm).await {
            Ok(Some(bytes)) if *received + bytes.len() as u64 > span.length => {
                return Ok(Err(too_long(span.length)));
            }
            Ok(Some(bytes)) => {
                *received += bytes.len() as u64;
                pass(swarm, bytes.len()).await;
                keep(pieces, bytes);
            }
            Ok(None) if *received < span.length => return Ok(Err(ended_early())),
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Adds a piece. Small ones are copied together: each would keep a buffer of the connection, and a
/// server that sends single bytes would take many times their memory.
fn keep(pieces: &mut Vec<Bytes>, bytes: Bytes) {
    let is_small = |bytes: &[u8]| bytes.len() < SMALL_PIECE_BYTES;
    let last = pieces.pop_if(|last| is_small(last) && is_small(&bytes));
    let Some(last) = last else {
        return pieces.push(bytes);
    };
    let mut joined = last.try_into_mut().unwrap_or_else(|last| {
        let mut joined = BytesMut::with_capacity(2 * SMALL_PIECE_BYTES);
        joined.extend_from_slice(&last);
        joined
    });
    joined.extend_from_slice(&bytes);
    pieces.push(joined.freeze());
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{SMALL_PIECE_BYTES, keep};

    #[test]
    fn small_pieces_are_kept_together_and_large_ones_as_they_came() {
        let (mut pieces, mut sent) = (Vec::new(), Vec::new());
        let lengths = [1; 20_000]
            .into_iter()
            .chain([50_000, 3, 50_000, 4096, 7, 9]);
        for (at, length) in lengths.enumerate() {
            let bytes = vec![at as u8; length];
            sent.extend_from_slice(&bytes);
            keep(&mut pieces, Bytes::from(bytes));
        }
        assert!(pieces.concat() == sent);
        assert!(
            pieces.len() <= 20_000 / SMALL_PIECE_BYTES + 6,
            "{}",
            pieces.len()
        );
    }
}
