//! Whole objects get their names: large ones each by itself, small ones gathered for one sync.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::error::{Error, Kind, Result};
use crate::model::{NodeEvent, ObjectIndex};
use crate::node::shared::Shared;
use crate::node::swarm::Swarm;

/// Objects below this size share a sync.
const SMALL_BYTES: u64 = 2 * 1024 * 1024;

/// How long the first small object of a batch waits for others.
const GATHER: Duration = Duration::from_millis(4);

/// Objects of one batch at most.
const BATCH: usize = 4096;

impl Shared {
    /// Lands what is whole until the swarm is left.
    pub(crate) async fn land_all(
        self: Arc<Self>,
        swarm: Arc<Swarm>,
        mut whole: UnboundedReceiver<ObjectIndex>,
    ) {
        let mut objects = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = swarm.left.cancelled() => return,
                received = whole.recv_many(&mut objects, BATCH) => if received == 0 { return },
            }
            let is_small = |object: &ObjectIndex| {
                let found = swarm.store.object(*object);
                found.is_some_and(|it| it.found.size < SMALL_BYTES && it.unpack.is_none())
            };
            if objects.iter().any(is_small) {
                tokio::time::sleep(GATHER).await;
                while objects.len() < BATCH
                    && let Ok(object) = whole.try_recv()
                {
                    objects.push(object);
                }
            }
            let (small, large): (Vec<_>, Vec<_>) = objects.drain(..).partition(is_small);
            for object in large {
                self.land(&swarm, vec![object]);
            }
            // While a batch is synced the next one gathers.
            if let Some(batch) = self.land(&swarm, small) {
                batch.await.ok();
            }
        }
    }

    fn land(
        self: &Arc<Self>,
        swarm: &Arc<Swarm>,
        objects: Vec<ObjectIndex>,
    ) -> Option<tokio::task::JoinHandle<()>> {
        if objects.is_empty() {
            return None;
        }
        let guard = swarm.fetching.enter()?;
        let (node, swarm) = (Arc::clone(self), Arc::clone(swarm));
        Some(self.runtime.spawn_blocking(move || {
            for (object, outcome) in swarm.store.land_many(&objects) {
                node.landed(&swarm, object, outcome);
            }
            drop(guard);
        }))
    }

    fn landed(self: &Arc<Self>, swarm: &Arc<Swarm>, object: ObjectIndex, outcome: Result<()>) {
        swarm.has_landed(object);
        swarm.let_chunks_report();
        match outcome {
            Ok(()) => {
                let found = swarm.store.object(object);
                match found.filter(|found| found.unpack.is_some()) {
                    Some(found) => self.archive_landed(swarm, &found),
                    None => swarm.events.push(NodeEvent::ObjectLanded { object }),
                }
            }
            // Nobody wants it, or its chunks are on their way again; they may even be here.
            Err(error) if error.kind == Kind::Cancelled => {
                if swarm.store.ready().contains(&object) {
                    swarm.land(object);
                }
            }
            Err(error) => fail(swarm, object, error),
        }
    }
}

/// The object cannot land. Where its chunks are suspect they are kept until it is known which.
pub(crate) fn fail(swarm: &Swarm, object: ObjectIndex, error: Error) {
    let chunks_suspect = error.kind == Kind::ChecksumMismatch;
    if !chunks_suspect {
        swarm.store.fail(object);
    }
    tracing::info!(object, chunks_suspect, %error, "object_failed");
    swarm.events.push(NodeEvent::ObjectFailed {
        object,
        error,
        chunks_suspect,
    });
}
