//! A chunk from a peer, who has it or is about to.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::decides::flow::Flow;
use crate::error::{Error, Kind, Result};
use crate::limits::BODY_BYTES;
use crate::model::NodeId;
use crate::node::work::{Blame, Failure, Outcome, Times, Work};
use crate::peer::{Ask, PeerBody};
use crate::store::Lease;

/// A peer that has the chunk answers sooner than this inside a cluster.
const PROMPT: Duration = Duration::from_millis(30);

/// Cuts of one chunk's body that are mended by asking for the rest.
const CUTS: u32 = 3;

impl Work<'_> {
    /// Fills the lease; the checksum as the peer gives it, and what it means if it is another.
    pub(crate) async fn read_peer(
        &self,
        peer: &NodeId,
        lease: &mut Lease,
        times: &mut Times,
    ) -> Outcome<(Option<u64>, Blame)> {
        let Some(address) = self.swarm.address(peer) else {
            let what = format!("No address of the peer {peer} is known");
            return Err(Failure::of_peer(Error::new(Kind::Peer, what)));
        };
        let mut cuts = 0;
        let mut is_whole_there = true;
        let mut is_checked = false;
        loop {
            let before = lease.position();
            let mut body = self
                .answer(&address, before, is_checked)
                .await
                .map_err(Failure::of_peer)?;
            self.compare(body.crc())?;
            // A body that ends early may be one that turned out bad on its way.
            is_whole_there &= body.is_whole_there();
            lease.set_resumable(is_whole_there);
            let error = match self.receive(&mut body, lease, times).await? {
                Ok(crc) if crc != lease.crc() && before == 0 && !is_checked => {
                    // A peer passes on what it has without looking. Asked to look, it finds a disk
                    // that went bad, and says so; only what is still wrong then is its word.
                    is_checked = true;
                    self.swarm.stats.verification_failures.add(1);
                    self.swarm.stats.retries.add(1);
                    tracing::warn!(chunk = self.entry.chunk, %peer, "peer_asked_to_check");
                    lease.rewind();
                    continue;
                }
                Ok(crc) if cuts == 0 && lease.begun_at() == 0 => {
                    return Ok((Some(crc), Failure::of_peer));
                }
                Ok(crc) => return Ok((Some(crc), Failure::of_mended_peer)),
                Err(error) => error,
            };
            let is_mendable = body.is_whole_there() && (lease.position() > before || !is_checked);
            // It may be the peer's file that ends early.
            is_checked = true;
            if !is_mendable || cuts == CUTS {
                return Err(Failure::of_peer(error));
            }
            cuts += 1;
            self.swarm.stats.retries.add(1);
            tracing::debug!(%error, "peer_body_resumed");
        }
    }

    /// Asks; while the peer keeps it waiting, the order needs no slot.
    async fn answer(&self, address: &str, from: u64, is_checked: bool) -> Result<PeerBody> {
        let asking = self.node.peers.get(Ask {
            address,
            swarm: self.swarm.id(),
            token: self.swarm.token(),
            chunk: self.entry.chunk,
            from,
            is_checked,
        });
        tokio::pin!(asking);
        if let Ok(body) = timeout(PROMPT, &mut asking).await {
            return body;
        }
        self.node.waits(self.entry.key);
        let body = asking.await?;
        self.node.has_slot_again(self.entry.key).await;
        Ok(body)
    }

    /// A peer whose chunk differs from the pinned one is not worth its bytes.
    fn compare(&self, given: Option<u64>) -> Outcome<()> {
        match (self.swarm.store.pinned(self.entry.chunk), given) {
            (Some(pinned), Some(given)) if pinned != given => {
                self.swarm.stats.verification_failures.add(1);
                let what = format!("The peer's chunk has {given:016x}, not {pinned:016x}");
                Err(Failure::of_peer(Error::new(Kind::ChecksumMismatch, what)))
            }
            _ => Ok(()),
        }
    }

    /// One body into the lease. The inner error is the peer's.
    async fn receive(
        &self,
        body: &mut PeerBody,
        lease: &mut Lease,
        times: &mut Times,
    ) -> Outcome<Result<u64>> {
        let size = lease.chunk().size;
        let _budget = self.node.limits.budget.take(size.min(BODY_BYTES)).await;
        // A peer that is itself receiving the chunk may wait for another source meanwhile.
        let mut silence = self.node.settings.read_timeout;
        if !body.is_whole_there() {
            silence += self.node.settings.relay_wait;
        }
        let mut receiving = self.node.limits.bodies.one(Flow::window_of(silence));
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
                return Err(Failure::of_peer(wrong_length(size)));
            }
            lease.write(&bytes).map_err(Failure::of_node)?;
            let length = bytes.len();
            drop(bytes);
            self.node.limits.download.pass(length).await;
        }
        if lease.position() != size {
            return Err(Failure::of_peer(wrong_length(size)));
        }
        let no_verdict = || Error::new(Kind::Peer, "The peer sent no checksum");
        Ok(body.crc().ok_or_else(no_verdict))
    }
}

fn wrong_length(size: u64) -> Error {
    Error::new(
        Kind::Peer,
        format!("The peer's chunk does not have the {size} bytes that it should"),
    )
}
