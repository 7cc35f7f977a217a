//! GETs to an origin: one request and its body, and the pause before the next try.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::origins::{Connected, OriginPermit};
use super::outcome::{Failure, Outcome};
use super::swarm::NodeSwarm;
use crate::decides::flow::{self, Flow};
use crate::decides::retry::{Retry, RetryPolicy, is_for_all_nodes};
use crate::error::{Error, Kind, Result};
use crate::limits::Receiving;
use crate::model::{CatalogObject, ObjectIndex, Source, Span};
use crate::source::{Body, Get};

/// A body that has not come to its end.
pub(crate) struct OriginBody {
    pub(crate) object: ObjectIndex,
    /// Where its next byte belongs in the object.
    pub(crate) at: u64,
    /// Bytes that arrived with the last ones of the chunk before.
    pub(crate) ahead: Bytes,
    body: Body,
    receiving: Receiving,
    #[expect(dead_code, reason = "its drop ends the request for the origin's limit")]
    permit: OriginPermit,
}

impl OriginBody {
    /// Sends a GET for a range and waits for its answer to start. The inner error is the origin's.
    pub(crate) async fn open(
        swarm: &NodeSwarm,
        object: &CatalogObject,
        range: Range<u64>,
    ) -> Outcome<Result<Self>> {
        let node = &swarm.node;
        let profile = object.profile_name.as_deref();
        let connected = node.origins.of(&swarm.stores(), profile).await;
        let connected = connected.map_err(Failure::of_origin)?;
        let permit = match connected.permit_of_order().await {
            Ok(permit) => permit,
            Err(error) => return Ok(Err(error)),
        };
        let at = range.start;
        Ok(match get(swarm, &connected, &permit, object, range).await {
            Ok((mut body, after)) => {
                permit.answered(after);
                if let Some(checksum) = body.checksum.take() {
                    swarm.store.learn_checksum(object.index, checksum);
                }
                let window = Flow::window_of(node.settings.read_timeout);
                Ok(Self {
                    object: object.index,
                    at,
                    ahead: Bytes::new(),
                    body,
                    receiving: node.limits.bodies.one(window),
                    permit,
                })
            }
            Err(error) => Err(permit.failed(error)),
        })
    }

    /// The next bytes from the socket; None at the end of the body.
    pub(crate) async fn next(&mut self, swarm: &NodeSwarm) -> Result<Option<Bytes>> {
        let asked = Instant::now();
        let bytes = timeout(swarm.node.settings.read_timeout, self.body.next()).await;
        let bytes = bytes.map_err(|_| stopped_answering())?.transpose()?;
        if let Some(bytes) = &bytes {
            swarm.stats.origin_bytes.add(bytes.len() as u64);
            let flows = self.receiving.came(bytes.len(), asked.elapsed());
            flows.map_err(|drip| Error::new(Kind::OriginTimeout, format!("The origin {drip}")))?;
        }
        Ok(bytes)
    }
}

/// Sends one GET, and once more if the answer takes far longer than others; its body, and how long
/// the answer took to start.
async fn get(
    swarm: &NodeSwarm,
    connected: &Connected,
    permit: &OriginPermit,
    object: &CatalogObject,
    range: Range<u64>,
) -> Result<(Body, Duration)> {
    let settings = &swarm.node.settings;
    let is_all = range == (0..object.found.size);
    let mut sent = Instant::now();
    let send = || {
        connected.origin.get(Get {
            bucket: object.bucket.as_deref(),
            key: &object.found.key,
            location: object.found.location.as_deref(),
            range: (!is_all).then_some(range.clone()),
            etag: object.found.etag.as_deref(),
            size: Some(object.found.size),
        })
    };
    let longest = settings.connect_timeout + settings.read_timeout;
    let before = swarm.stats.origin_bytes.get();
    let mut asking = send();
    let mut answer = timeout(permit.patience().unwrap_or(longest), &mut asking).await;
    if answer.is_err() && sent.elapsed() < longest {
        // If nothing comes at all, another request is no help.
        if swarm.stats.origin_bytes.get() != before {
            swarm.stats.retries.add(1);
            tracing::debug!(key = %object.found.key, "origin_answer_abandoned");
            sent = Instant::now();
            asking = send();
        }
        answer = timeout(longest.saturating_sub(sent.elapsed()), asking).await;
    }
    let body = answer.unwrap_or_else(|_| Err(stopped_answering()));
    swarm.stats.count_answer(&body);
    Ok((body?, sent.elapsed()))
}

/// The tries of one body.
pub(crate) struct Tries<'a> {
    swarm: &'a NodeSwarm,
    retry: Retry,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(swarm: &'a NodeSwarm) -> Self {
        let policy = RetryPolicy::new(swarm.node.settings.attempts);
        Self {
            swarm,
            retry: Retry::new(policy),
        }
    }

    /// Waits after a try that failed, or gives the order up.
    pub(crate) async fn pause(
        &mut self,
        error: Error,
        received: u64,
        started: Instant,
    ) -> Outcome<()> {
        self.swarm.obstacles.failed(&Source::Origin, &error);
        let bodies = self.swarm.node.limits.bodies.count();
        let is_progress = flow::is_progress(received, started.elapsed(), bodies);
        if is_for_all_nodes(&error) {
            return Err(Failure::of_origin(error));
        }
        let Some(wait) = self.retry.after(&error, is_progress, fastrand::f64()) else {
            return Err(Failure::of_origin(error));
        };
        self.swarm.stats.retries.add(1);
        tracing::debug!(%error, ?wait, "origin_request_retried");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Counts bytes from an origin, and waits until the rate limits allow the next ones.
pub(crate) async fn pass(swarm: &NodeSwarm, bytes: usize) {
    swarm.node.limits.origin.pass(bytes).await;
    swarm.node.limits.download.pass(bytes).await;
}

/// The object of a span.
pub(crate) fn object_of(swarm: &NodeSwarm, span: Span) -> Outcome<Arc<CatalogObject>> {
    swarm.store.object(span.object).ok_or_else(|| {
        let what = format!("Object {} is not in the catalog", span.object);
        Failure::of_node(Error::new(Kind::Internal, what))
    })
}

fn stopped_answering() -> Error {
    Error::new(Kind::OriginTimeout, "The origin stopped answering")
}

pub(crate) fn too_long(bytes: u64) -> Error {
    let what = format!("The origin's body goes on after the {bytes} bytes that were asked for");
    Error::new(Kind::OriginAnswer, what)
}

pub(crate) fn ended_early() -> Error {
    Error::new(Kind::OriginUnreachable, "The origin's body ended early")
}
