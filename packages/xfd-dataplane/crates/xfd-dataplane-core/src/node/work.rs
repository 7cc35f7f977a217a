//! One order being carried out: leased, fetched, settled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::decides::queue::Entry;
use crate::error::{Error, Kind};
use crate::model::{Chunk, Fault, ObjectIndex, Source, UnpackMethod};
use crate::node::lane::Lane;
use crate::node::shared::Shared;
use crate::node::swarm::Swarm;
use crate::store::{Follow, Lease, Refusal};

/// How long the end of a fetch that was just cancelled may take to give its lease back.
const LEASE_WAIT: Duration = Duration::from_millis(5);

/// Bytes at a time where a chunk is read only for its checksum.
const READ_BYTES: usize = 1024 * 1024;

/// What one order works with.
pub(crate) struct Work<'a> {
    pub(crate) node: &'a Arc<Shared>,
    pub(crate) swarm: &'a Arc<Swarm>,
    pub(crate) entry: &'a Entry,
}

/// The chunk is here.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) crc: u64,
    pub(crate) size: u64,
    pub(crate) seconds: f64,
    pub(crate) transfer_seconds: f64,
    /// Objects that have no chunk missing now.
    pub(crate) whole: Vec<ObjectIndex>,
}

/// The order is given up.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Box<Error>,
    pub(crate) fault: Fault,
    pub(crate) bad_bytes: bool,
    pub(crate) is_final: bool,
}

/// What a fetch came to, before it is settled.
pub(crate) enum Fetched {
    /// The chunk was held already.
    Already(Held),
    /// All of its bytes are written; its verdict is to come.
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

/// Whose fault a wrong checksum is.
pub(crate) type Blame = fn(Error) -> Failure;

pub(crate) type Outcome<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn of_origin(error: Error) -> Self {
        Self {
            fault: Fault::Origin,
            bad_bytes: error.kind == Kind::ChecksumMismatch,
            is_final: !error.is_transient() && error.kind != Kind::ChecksumMismatch,
            error: Box::new(error),
        }
    }

    pub(crate) fn of_peer(error: Error) -> Self {
        Self {
            fault: Fault::Peer,
            bad_bytes: error.kind == Kind::ChecksumMismatch,
            is_final: false,
            error: Box::new(error),
        }
    }

    /// The body was cut and went on from a later request. Where the peer fetched the chunk anew in
    /// between, since its disk had gone bad, the two do not belong together; nobody served bad bytes.
    pub(crate) fn of_mended_peer(error: Error) -> Self {
        Self {
            bad_bytes: false,
            ..Self::of_peer(error)
        }
    }

    /// The chunk was begun by an order before this one: it may be that one's bytes that are wrong.
    pub(crate) fn of_resumed_origin(error: Error) -> Self {
        Self {
            bad_bytes: false,
            ..Self::of_origin(error)
        }
    }

    pub(crate) fn of_node(error: Error) -> Self {
        Self {
            fault: Fault::Node,
            bad_bytes: false,
            is_final: matches!(
                error.kind,
                Kind::DiskFull | Kind::DestinationNotWritable | Kind::Cancelled
            ),
            error: Box::new(error),
        }
    }
}

/// When a fetch began and when its first byte came.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) begun: Instant,
    pub(crate) first_byte: Option<Instant>,
}

impl Work<'_> {
    /// Fetches the chunk. Dropped, it gives its lease back.
    pub(crate) async fn run(&self, lane: &mut Lane) -> Outcome<Fetched> {
        let mut times = Times {
            begun: Instant::now(),
            first_byte: None,
        };
        let mut lease = loop {
            // Making a part file may take its time on some file systems.
            let leased = tokio::task::block_in_place(|| self.swarm.store.lease(self.entry.chunk));
            match leased {
                Ok(Ok(lease)) => break lease,
                Ok(Err(error)) => return Err(Failure::of_node(error)),
                Err(Refusal::Held(Some(crc))) => return Ok(self.held_already(crc, &times)),
                Err(Refusal::Held(None)) => {
                    if let Some(crc) = self.read_through().await? {
                        return Ok(self.held_already(crc, &times));
                    }
                }
                Err(Refusal::Leased) => tokio::time::sleep(LEASE_WAIT).await,
                Err(Refusal::Unwanted) => {
                    let what = "The chunk's object is no longer wanted";
                    return Err(Failure::of_node(Error::new(Kind::Cancelled, what)));
                }
            }
        };
        self.begin_unpacking(lease.chunk());
        let stats = &self.swarm.stats;
        let (crc, blame): (_, Blame) = match &self.entry.source {
            Source::Origin => {
                let _active = stats.active_origin.active();
                lease.set_resumable(true);
                self.read_origin(&mut lease, lane, &mut times).await?;
                match lease.begun_at() {
                    0 => (None, Failure::of_origin),
                    _ => (None, Failure::of_resumed_origin),
                }
            }
            Source::Peer(peer) => {
                let _active = stats.active_peer.active();
                if let [span] = lease.chunk().spans[..] {
                    self.node.is_coming(self.swarm, span, &self.entry.source);
                }
                self.read_peer(peer, &mut lease, &mut times).await?
            }
        };
        Ok(Fetched::Written(Box::new(Written {
            lease,
            crc,
            times,
            blame,
        })))
    }

    /// Commits what was fetched. Does not wait for anything but the disk.
    pub(crate) fn settle(&self, fetched: Fetched) -> Outcome<Held> {
        let Written {
            lease,
            crc,
            times,
            blame,
        } = match fetched {
            Fetched::Already(held) => return Ok(held),
            Fetched::Written(written) => *written,
        };
        let begun_at = lease.begun_at();
        let committed = lease.commit(crc).map_err(|error| match error.kind {
            Kind::ChecksumMismatch => blame(error),
            _ => Failure::of_node(error),
        })?;
        if let Some(unsynced) = self.swarm.store.unsynced(self.entry.chunk) {
            self.node.runtime.spawn_blocking(|| unsynced.sync());
        }
        match self.entry.source {
            Source::Origin => self.swarm.stats.chunks_from_origin.add(1),
            Source::Peer(_) => self.swarm.stats.chunks_from_peers.add(1),
        }
        let size = self.size();
        let transfer = times
            .first_byte
            .map_or(0.0, |it| it.elapsed().as_secs_f64());
        Ok(Held {
            crc: committed.crc,
            size,
            seconds: times.begun.elapsed().as_secs_f64(),
            // As if all of it had come at the pace of what came now.
            transfer_seconds: match size - begun_at {
                0 => 0.0,
                came => transfer * size as f64 / came as f64,
            },
            whole: committed.whole,
        })
    }

    fn size(&self) -> u64 {
        let chunk = self.swarm.store.chunk(self.entry.chunk);
        chunk.map_or(0, |chunk| chunk.size)
    }

    /// Nothing was moved: no time was spent on moving it.
    fn held_already(&self, crc: u64, times: &Times) -> Fetched {
        Fetched::Already(Held {
            crc,
            size: self.size(),
            seconds: times.begun.elapsed().as_secs_f64(),
            transfer_seconds: 0.0,
            whole: Vec::new(),
        })
    }

    /// Reads a held chunk for its checksum; None if it turned out damaged.
    async fn read_through(&self) -> Outcome<Option<u64>> {
        let Some(mut reader) = self.swarm.store.reader(self.entry.chunk) else {
            return Ok(None);
        };
        loop {
            let wait = self.node.settings.relay_wait;
            match reader.next(READ_BYTES, wait).await {
                // A held chunk never lets its reader wait, and others want the thread too.
                Ok(Follow::Bytes(_)) => tokio::task::yield_now().await,
                Ok(Follow::End(crc)) => return Ok(Some(crc)),
                Ok(Follow::Aborted) => return Ok(None),
                Err(error) => return Err(Failure::of_node(error)),
            }
        }
    }

    fn begin_unpacking(&self, chunk: &Chunk) {
        let [span] = chunk.spans.as_slice() else {
            return;
        };
        let Some(object) = self.swarm.store.object(span.object) else {
            return;
        };
        if let Some(unpack) = &object.unpack
            && unpack.method != UnpackMethod::Zip
        {
            self.node.unpack_stream(self.swarm, &object);
        }
    }
}
