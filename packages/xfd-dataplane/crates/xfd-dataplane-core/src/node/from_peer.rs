//! Fetches a chunk from a peer that has it or is receiving it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::outcome::{Blame, Failure, Outcome, Times};
use super::swarm::NodeSwarm;
use crate::decides::flow::Flow;
use crate::decides::queue::QueuedOrder;
use crate::error::{Error, Kind, Result};
use crate::limits::BODY_BYTES;
use crate::model::NodeId;
use crate::peer::{Ask, PeerBody};
use crate::store::Lease;

/// Inside a cluster, a peer that has the chunk answers sooner than this.
const PROMPT_ANSWER: Duration = Duration::from_millis(30);

/// How often a chunk's broken body is resumed by asking for the rest.
const MAX_RESUMES: u32 = 3;

pub(crate) struct PeerFetch<'a> {
    pub(crate) swarm: &'a Arc<NodeSwarm>,
    pub(crate) order: &'a QueuedOrder,
}

impl PeerFetch<'_> {
    /// Fills the lease. Returns the checksum that the peer gave, and the failure that a wrong one
    /// is.
    pub(crate) async fn fill(
        &self,
        peer: &NodeId,
        lease: &mut Lease,
        times: &mut Times,
    ) -> Outcome<(Option<u64>, Blame)> {
        let Some(address) = self.swarm.neighbours.address(peer) else {
            let what = format!("No address of the peer {peer} is known");
            return Err(Failure::of_peer(Error::new(Kind::Peer, what)));
        };
        let mut resumes = 0;
        let mut is_whole_there = true;
        let mut is_checked = false;
        loop {
            let before = lease.position();
            let mut body = self
                .answer(peer, &address, before, is_checked)
                .await
                .map_err(Failure::of_peer)?;
            self.compare_with_pin(body.crc())?;
            // A body that a relay ends early may have turned out bad on its way there.
            is_whole_there &= body.is_whole_there();
            lease.set_resumable(is_whole_there);
            let error = match self.receive(&mut body, lease, times).await? {
                Ok(crc) if crc != lease.crc() && before == 0 && !is_checked => {
                    // A peer sends its file without reading it. Asked to check, it finds out if its
                    // disk went bad, and says so. Bytes that are wrong after that are its fault.
                    is_checked = true;
                    self.swarm.stats.verification_failures.add(1);
                    self.swarm.stats.retries.add(1);
                    tracing::warn!(chunk = self.order.chunk, %peer, "peer_asked_to_check");
                    lease.rewind();
                    continue;
                }
                Ok(crc) if resumes == 0 && lease.resumed_at() == 0 => {
                    return Ok((Some(crc), Failure::of_peer));
                }
                Ok(crc) => return Ok((Some(crc), Failure::of_resumed_peer)),
                Err(error) => error,
            };
            let is_resumable = body.is_whole_there() && (lease.position() > before || !is_checked);
            // The peer's file may be the one that ends early.
            is_checked = true;
            if !is_resumable || resumes == MAX_RESUMES {
                return Err(Failure::of_peer(error));
            }
            resumes += 1;
            self.swarm.stats.retries.add(1);
            tracing::debug!(%error, "peer_body_resumed");
        }
    }

    /// Sends the request. While the peer keeps it waiting, the order gives its slot to others.
    async fn answer(
        &self,
        peer: &NodeId,
        address: &str,
        from: u64,
        is_checked: bool,
    ) -> Result<PeerBody> {
        let node = &self.swarm.node;
        let asking = node.peers.get(Ask {
            peer,
            address,
            tls: self.swarm.tls.as_ref(),
            swarm: &self.swarm.id,
            token: &self.swarm.token,
            chunk: self.order.chunk,
            from,
            is_checked,
        });
        tokio::pin!(asking);
        if let Ok(body) = timeout(PROMPT_ANSWER, &mut asking).await {
            return body;
        }
        node.slots.wait_without_slot(self.order.key);
        let body = asking.await?;
        node.slots.slot_again(self.order.key).await;
        Ok(body)
    }

    /// Refuses a chunk that differs from the pinned checksum before its bytes are received.
    fn compare_with_pin(&self, given: Option<u64>) -> Outcome<()> {
        match (self.swarm.store.pinned(self.order.chunk), given) {
            (Some(pinned), Some(given)) if pinned != given => {
                self.swarm.stats.verification_failures.add(1);
                let what = format!("The peer's chunk has {given:016x}, not {pinned:016x}");
                Err(Failure::of_peer(Error::new(Kind::ChecksumMismatch, what)))
            }
            _ => Ok(()),
        }
    }

    /// Writes one body into the lease. The inner error is the peer's.
    async fn receive(
        &self,
        body: &mut PeerBody,
        lease: &mut Lease,
        times: &mut Times,
    ) -> Outcome<Result<u64>> {
        let (limits, settings) = (&self.swarm.node.limits, &self.swarm.node.settings);
        let size = lease.chunk().size;
        let _budget = limits.budget.take(size.min(BODY_BYTES)).await;
        // A peer that is still receiving the chunk may itself wait for another source.
        let mut silence = settings.read_timeout;
        if !body.is_whole_there() {
            silence += settings.relay_wait;
        }
        let mut receiving = limits.bodies.one(Flow::window_of(silence));
        loop {
            let asked = Instant::now();
            let bytes = match body.next().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            };
            if let Err(drip) = receiving.came(bytes.len(), asked.elapsed()) {
                return Ok(Err(Error::new(Kind::Peer, format!("The peer {drip}"))));
            }
            times.first_byte.get_or_insert_with(Instant::now);
            self.swarm.stats.peer_bytes.add(bytes.len() as u64);
            if lease.position() + bytes.len() as u64 > size {
                return Err(self.wrong_length(size));
            }
            lease.write(&bytes).map_err(Failure::of_node)?;
            let length = bytes.len();
            drop(bytes);
            limits.download.pass(length).await;
        }
        if lease.position() != size {
            return Err(self.wrong_length(size));
        }
        let no_checksum = || Error::new(Kind::Peer, "The peer sent no checksum");
        Ok(body.crc().ok_or_else(no_checksum))
    }

    /// A body that came to its end, or went beyond it: no accident on the way does that.
    fn wrong_length(&self, size: u64) -> Failure {
        self.swarm.stats.verification_failures.add(1);
        let what = format!("The peer's chunk does not have the {size} bytes that it should");
        Failure::of_peer(Error::new(Kind::ChecksumMismatch, what))
    }
}
