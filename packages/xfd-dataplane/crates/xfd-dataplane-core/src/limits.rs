//! What a node may use at once: rates, and bytes in flight.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::decides::bucket::Bucket;
use crate::error::{Error, Kind, Result};
use crate::model::NodeSettings;

/// Bytes that a body in flight is counted with: what its socket's buffer may grow to.
pub const BODY_BYTES: u64 = 512 * 1024;

/// Size of a piece that is served to a peer.
pub const PIECE_BYTES: usize = 256 * 1024;

/// A rate limit shared by everything that passes it; without a rate it is free.
#[derive(Clone, Debug)]
pub struct Rate {
    since: Instant,
    bucket: Option<Arc<Mutex<Bucket>>>,
}

impl Rate {
    /// A limit of so many bytes a second.
    #[must_use]
    pub fn new(bytes_per_s: Option<u64>) -> Self {
        let since = Instant::now();
        let bucket =
            bytes_per_s.map(|rate| Arc::new(Mutex::new(Bucket::new(rate, since.elapsed()))));
        Self { since, bucket }
    }

    /// Counts bytes that have passed, and waits until the next ones may.
    pub async fn pass(&self, bytes: usize) {
        let Some(bucket) = &self.bucket else { return };
        let wait = bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(bytes as u64, self.since.elapsed());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

/// Bytes in flight between sockets and files.
///
/// Who holds a part of it and waits for more of it waits only behind its own earlier parts (a
/// pack takes its objects' bytes in their order), so the earliest holder always gets on.
#[derive(Clone, Debug)]
pub struct Budget {
    bytes: Arc<Semaphore>,
    total: u32,
}

impl Budget {
    /// A budget of so many bytes, at least one body's.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let total = u32::try_from(bytes.max(BODY_BYTES)).unwrap_or(u32::MAX);
        Self {
            bytes: Arc::new(Semaphore::new(total as usize)),
            total,
        }
    }

    /// Waits for room for so many bytes; what is larger than the budget gets all of it.
    ///
    /// # Errors
    /// `Cancelled` if the node is closing.
    pub async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit> {
        let share = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.total);
        Arc::clone(&self.bytes)
            .acquire_many_owned(share)
            .await
            .map_err(|_| Error::new(Kind::Cancelled, "The node is closing"))
    }
}

/// All limits of a node.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For bodies being received. Uploads hold one piece each and are counted off beforehand, so
    /// that no two nodes wait for each other's memory.
    pub budget: Budget,
    /// Reading from origins.
    pub origin: Rate,
    /// Receiving at all.
    pub download: Rate,
    /// Serving.
    pub upload: Rate,
}

impl Limits {
    /// As the settings say.
    #[must_use]
    pub fn new(settings: &NodeSettings) -> Self {
        let uploads = settings.max_uploads * PIECE_BYTES;
        Self {
            budget: Budget::new(settings.memory_budget_bytes.saturating_sub(uploads) as u64),
            origin: Rate::new(settings.origin_bytes_per_s),
            download: Rate::new(settings.download_bytes_per_s),
            upload: Rate::new(settings.upload_bytes_per_s),
        }
    }
}
