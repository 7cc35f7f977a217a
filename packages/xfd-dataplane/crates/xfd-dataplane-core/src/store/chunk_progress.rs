//! How far the writer of a chunk is, and how it ended, for the readers that follow it.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::Notify;

use super::handshake::Handshake;

/// How the writing of a chunk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The chunk is held, with this checksum.
    Held(u64),
    /// The chunk was bad, or its order is gone.
    Aborted,
}

/// Shared by one writer, which may be still to come, and any number of readers.
#[derive(Debug, Default)]
pub(crate) struct ChunkProgress {
    handshake: Handshake,
    outcome: OnceLock<Outcome>,
    moved: Notify,
}

impl ChunkProgress {
    /// Shows readers the chunk up to this position.
    pub(crate) fn advance(&self, position: u64) {
        if self.handshake.advance(position) {
            self.moved.notify_waiters();
        }
    }

    /// Ends the chunk; only the first call counts.
    pub(crate) fn end(&self, outcome: Outcome) {
        if self.outcome.set(outcome).is_ok() && self.handshake.end() {
            self.moved.notify_waiters();
        }
    }

    /// Bytes of the chunk that are in the file.
    pub(crate) fn position(&self) -> u64 {
        self.handshake.position()
    }

    /// How it ended, if it has.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.outcome.get().copied()
    }

    /// Waits until the position is past `seen` or the chunk has ended. False after `wait`.
    pub(crate) async fn follow(&self, seen: u64, wait: Duration) -> bool {
        let _waiting = Waiting::new(&self.handshake);
        let moved = async {
            loop {
                let moved = self.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if self.handshake.has_news(seen) {
                    return;
                }
                moved.await;
            }
        };
        tokio::time::timeout(wait, moved).await.is_ok()
    }
}

struct Waiting<'a>(&'a Handshake);

impl<'a> Waiting<'a> {
    fn new(handshake: &'a Handshake) -> Self {
        handshake.begin_to_wait();
        Self(handshake)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.cease_to_wait();
    }
}
