//! Whole objects get their names: large ones each by itself, small ones gathered for one sync.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::error::{Error, Kind, Result};
use crate::model::{NodeEvent, ObjectIndex};
use crate::node::caught::caught;
use crate::node::shared::Shared;
use crate::node::swarm::Swarm;

/// Objects below this size share a sync.
const SMALL_BYTES: u64 = 2 * 1024 * 1024;

/// How long the first small object of a batch waits for others.
const GATHER: Duration = Duration::from_millis(4);

/// Objects of one batch at most.
const BATCH: usize = 4096;

type Outcomes = Vec<(ObjectIndex, Result<()>)>;

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
            objects.retain(|object| self.may_land(&swarm, *object));
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
            for (object, outcome) in each(&objects, &|objects| swarm.store.land_many(objects)) {
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
                    // One that has landed meanwhile was reported.
                    Some(_) if !swarm.store.awaits_tree(object) => {}
                    Some(found) => self.archive_is_right(swarm, &found),
                    None => swarm.events.push(NodeEvent::landed(object)),
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

/// What landing comes to for each object. Where it panics, each is tried alone, so that only the one
/// that it panics at is given up.
fn each(objects: &[ObjectIndex], land: &dyn Fn(&[ObjectIndex]) -> Outcomes) -> Outcomes {
    match caught("Landing", || Ok(land(objects))) {
        Ok(outcomes) => outcomes,
        Err(error) => match objects {
            [object] => vec![(*object, Err(error))],
            _ => objects
                .iter()
                .flat_map(|object| each(std::slice::from_ref(object), land))
                .collect(),
        },
    }
}

/// The object cannot land. Where its chunks are suspect they are kept until it is known which.
pub(crate) fn fail(swarm: &Swarm, object: ObjectIndex, error: Error) {
    if error.kind != Kind::ChecksumMismatch {
        give_up(swarm, object, error);
        return;
    }
    tracing::info!(object, %error, "object_chunks_suspect");
    swarm.set_suspect(object, true);
    swarm.events.push(NodeEvent::ObjectFailed {
        object,
        error,
        chunks_suspect: true,
    });
}

/// Nothing is left of the object; said once.
pub(crate) fn give_up(swarm: &Swarm, object: ObjectIndex, error: Error) {
    if !swarm.store.fail(object) {
        return;
    }
    swarm.trees.forget(&[object]);
    tracing::info!(object, %error, "object_failed");
    swarm.events.push(NodeEvent::ObjectFailed {
        object,
        error,
        chunks_suspect: false,
    });
}

#[cfg(test)]
mod tests {
    use super::each;
    use crate::error::{Error, Kind};

    #[test]
    fn a_panic_costs_the_object_that_it_comes_from() {
        let outcomes = each(&[1, 2, 3], &|objects| {
            assert!(!objects.contains(&2), "of object 2");
            objects.iter().map(|object| (*object, Ok(()))).collect()
        });
        let error = Error::new(Kind::Internal, "Landing panicked: of object 2");
        assert_eq!(outcomes, [(1, Ok(())), (2, Err(error)), (3, Ok(()))]);
    }
}
