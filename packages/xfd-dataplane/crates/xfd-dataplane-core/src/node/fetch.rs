//! One order being carried out: its chunk is leased, fetched and committed.

use std::sync::Arc;
use std::time::Duration;

use super::checksums;
use super::from_origin::OriginFetch;
use super::from_peer::PeerFetch;
use super::lane::Lane;
use super::outcome::{Blame, Failure, Held, Outcome, Times};
use super::pins;
use super::swarm::NodeSwarm;
use super::unpacking;
use crate::decides::queue::QueuedOrder;
use crate::error::{Error, Kind};
use crate::model::{Chunk, Source, UnpackMethod};
use crate::store::{ChunkRead, Lease, Refusal};

/// Wait for a fetch that was just cancelled to give its lease back.
const LEASE_WAIT: Duration = Duration::from_millis(5);

/// Bytes read at a time when a chunk is read only for its checksum.
const READ_BYTES: usize = 1024 * 1024;

/// An order that has a slot.
pub(crate) struct Fetch<'a> {
    pub(crate) swarm: &'a Arc<NodeSwarm>,
    pub(crate) order: &'a QueuedOrder,
}

/// What a fetch came to, before it is committed.
pub(crate) enum Fetched {
    /// The chunk was held already.
    AlreadyHeld(Held),
    /// All bytes are written; the checksum is still to be compared.
    Written(Box<Written>),
}

/// See [`Fetched::Written`].
pub(crate) struct Written {
    lease: Lease,
    /// As the peer gave it.
    crc: Option<u64>,
    times: Times,
    blame: Blame,
}

impl Fetch<'_> {
    /// Fetches the chunk. Dropped, it gives its lease back.
    pub(crate) async fn run(&self, lane: &mut Lane) -> Outcome<Fetched> {
        let mut times = Times::now();
        let mut lease = loop {
            // Some file systems take their time to make a part file.
            let leased = tokio::task::block_in_place(|| self.swarm.store.lease(self.order.chunk));
            match leased {
                Ok(Ok(lease)) => break lease,
                Ok(Err(error)) => return Err(Failure::of_node(error)),
                Err(Refusal::Held(Some(crc))) => return Ok(self.already_held(crc, &times)),
                Err(Refusal::Held(None)) => {
                    if let Some(crc) = self.read_held().await? {
                        return Ok(self.already_held(crc, &times));
                    }
                }
                Err(Refusal::Leased) => tokio::time::sleep(LEASE_WAIT).await,
                Err(Refusal::Unwanted) => {
                    let what = "The chunk's object is no longer wanted";
                    return Err(Failure::of_node(Error::new(Kind::Cancelled, what)));
                }
            }
        };
        self.start_unpacking(lease.chunk());
        self.swarm.obstacles.asked(&self.order.source);
        let stats = &self.swarm.stats;
        let (crc, blame): (_, Blame) = match &self.order.source {
            Source::Origin => {
                let _active = stats.active_origin.active();
                lease.set_resumable(true);
                OriginFetch { swarm: self.swarm }
                    .fill(&mut lease, lane, &mut times)
                    .await?;
                match lease.resumed_at() {
                    0 => (None, Failure::of_origin),
                    _ => (None, Failure::of_resumed_origin),
                }
            }
            Source::Peer(peer) => {
                let _active = stats.active_peer.active();
                if let [span] = lease.chunk().spans[..] {
                    checksums::part_is_coming(self.swarm, span, &self.order.source);
                }
                let fetch = PeerFetch {
                    swarm: self.swarm,
                    order: self.order,
                };
                fetch.fill(peer, &mut lease, &mut times).await?
            }
        };
        Ok(Fetched::Written(Box::new(Written {
            lease,
            crc,
            times,
            blame,
        })))
    }

    /// Commits what was fetched. Waits for nothing but the disk.
    pub(crate) fn commit(&self, fetched: Fetched) -> Outcome<Held> {
        let Written {
            lease,
            crc,
            times,
            blame,
        } = match fetched {
            Fetched::AlreadyHeld(held) => return Ok(held),
            Fetched::Written(written) => *written,
        };
        let resumed_at = lease.resumed_at();
        let committed = lease.commit(crc).map_err(|error| match error.kind {
            Kind::ChecksumMismatch => blame(error),
            _ => Failure::of_node(error),
        })?;
        if let Some(unsynced) = self.swarm.store.unsynced(self.order.chunk) {
            self.swarm.node.runtime.spawn_blocking(|| unsynced.sync());
        }
        pins::hash_arrived(self.swarm, self.order.chunk);
        match self.order.source {
            Source::Origin => self.swarm.stats.chunks_from_origin.add(1),
            Source::Peer(_) => self.swarm.stats.chunks_from_peers.add(1),
        }
        let size = self.chunk_size();
        let transfer = times
            .first_byte
            .map_or(0.0, |it| it.elapsed().as_secs_f64());
        Ok(Held {
            crc: committed.crc,
            size,
            seconds: times.started.elapsed().as_secs_f64(),
            transfer_seconds: match size - resumed_at {
                0 => 0.0,
                moved => transfer * size as f64 / moved as f64,
            },
            whole: committed.whole,
        })
    }

    fn chunk_size(&self) -> u64 {
        let chunk = self.swarm.store.chunk(self.order.chunk);
        chunk.map_or(0, |chunk| chunk.size)
    }

    /// Nothing was moved, so no time counts as transfer.
    fn already_held(&self, crc: u64, times: &Times) -> Fetched {
        Fetched::AlreadyHeld(Held {
            crc,
            size: self.chunk_size(),
            seconds: times.started.elapsed().as_secs_f64(),
            transfer_seconds: 0.0,
            whole: Vec::new(),
        })
    }

    /// Reads a held chunk for its checksum; None if it is damaged.
    async fn read_held(&self) -> Outcome<Option<u64>> {
        let Some(mut reader) = self.swarm.store.reader(self.order.chunk) else {
            return Ok(None);
        };
        loop {
            let wait = self.swarm.node.settings.relay_wait;
            match reader.next(READ_BYTES, wait).await {
                // A held chunk never makes its reader wait, so other tasks get the thread here.
                Ok(ChunkRead::Bytes(_)) => tokio::task::yield_now().await,
                Ok(ChunkRead::End(crc)) => return Ok(Some(crc)),
                Ok(ChunkRead::Aborted) => return Ok(None),
                Err(error) => return Err(Failure::of_node(error)),
            }
        }
    }

    /// Unpacks a stream archive while it arrives.
    fn start_unpacking(&self, chunk: &Chunk) {
        let [span] = chunk.spans.as_slice() else {
            return;
        };
        let Some(object) = self.swarm.store.object(span.object) else {
            return;
        };
        if let Some(unpack) = &object.unpack
            && unpack.method != UnpackMethod::Zip
        {
            unpacking::unpack_stream(self.swarm, &object);
        }
    }
}
