//! How far the writer of a chunk is, and how it ended, for the readers that follow it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// How the writing of a chunk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The chunk is held, with this checksum.
    Held(u64),
    /// The chunk was bad, or its order is gone.
    Aborted,
}

/// Shared by one writer, which may be still to come, and any number of readers.
///
/// The writer pays for a wake-up only if a reader waits. Both sides use sequentially consistent
/// operations: the reader counts itself before it looks at the position, and the writer moves the
/// position before it looks at the count. So either the reader sees the new position, or the writer
/// sees the reader.
#[derive(Debug, Default)]
pub(crate) struct ChunkProgress {
    position: AtomicU64,
    outcome: OnceLock<Outcome>,
    /// Readers that wait.
    waiting: AtomicUsize,
    moved: Notify,
}

impl ChunkProgress {
    /// Shows readers the chunk up to this position.
    pub(crate) fn advance(&self, position: u64) {
        self.position.store(position, Ordering::SeqCst);
        self.wake();
    }

    /// Ends the chunk; only the first call counts.
    pub(crate) fn end(&self, outcome: Outcome) {
        if self.outcome.set(outcome).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.moved.notify_waiters();
        }
    }

    /// Bytes of the chunk that are in the file.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::SeqCst)
    }

    /// How it ended, if it has.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.outcome.get().copied()
    }

    /// Waits until the position is past `seen` or the chunk has ended. False after `wait`.
    pub(crate) async fn follow(&self, seen: u64, wait: Duration) -> bool {
        let _counted = Counted::new(&self.waiting);
        let moved = async {
            loop {
                let moved = self.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if self.outcome.get().is_some() || self.position() > seen {
                    return;
                }
                moved.await;
            }
        };
        tokio::time::timeout(wait, moved).await.is_ok()
    }
}

struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
