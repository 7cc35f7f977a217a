//! Gives whole objects their names: large ones each by itself, small ones in batches with one sync.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::swarm::NodeSwarm;
use super::{checksums, panics, report, unpacking};
use crate::error::{Kind, Result};
use crate::model::{NodeEvent, ObjectIndex};

/// Objects below this size share a sync.
const SMALL_OBJECT_BYTES: u64 = 2 * 1024 * 1024;

/// How long the first small object of a batch waits for others.
const BATCH_WAIT: Duration = Duration::from_millis(4);

/// Objects of one batch at most.
const MAX_BATCH: usize = 4096;

type Outcomes = Vec<(ObjectIndex, Result<()>)>;

/// Lands the objects that come in until the swarm is left.
pub(crate) async fn land_all(swarm: Arc<NodeSwarm>, mut whole: UnboundedReceiver<ObjectIndex>) {
    let mut objects = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = swarm.left.cancelled() => return,
            received = whole.recv_many(&mut objects, MAX_BATCH) => if received == 0 { return },
        }
        let is_small = |object: &ObjectIndex| {
            let found = swarm.store.object(*object);
            found.is_some_and(|it| it.found.size < SMALL_OBJECT_BYTES && it.unpack.is_none())
        };
        if objects.iter().any(is_small) {
            tokio::time::sleep(BATCH_WAIT).await;
            while objects.len() < MAX_BATCH
                && let Ok(object) = whole.try_recv()
            {
                objects.push(object);
            }
        }
        objects.retain(|object| checksums::may_land(&swarm, *object));
        let (small, large): (Vec<_>, Vec<_>) = objects.drain(..).partition(is_small);
        for object in large {
            land(&swarm, vec![object]);
        }
        // The next batch gathers while this one is synced.
        if let Some(batch) = land(&swarm, small) {
            batch.await.ok();
        }
    }
}

fn land(swarm: &Arc<NodeSwarm>, objects: Vec<ObjectIndex>) -> Option<tokio::task::JoinHandle<()>> {
    if objects.is_empty() {
        return None;
    }
    let guard = swarm.fetching.enter()?;
    let swarm = Arc::clone(swarm);
    let runtime = swarm.node.runtime.clone();
    Some(runtime.spawn_blocking(move || {
        for (object, outcome) in land_each(&objects, &|objects| swarm.store.land_many(objects)) {
            end(&swarm, object, outcome);
        }
        drop(guard);
    }))
}

/// A landing has ended: reports it, or goes on with the object's tree.
fn end(swarm: &Arc<NodeSwarm>, object: ObjectIndex, outcome: Result<()>) {
    swarm.end_landing(object);
    swarm.let_chunks_report();
    match outcome {
        Ok(()) => {
            let found = swarm.store.object(object);
            match found.filter(|found| found.unpack.is_some()) {
                // An object that has landed with its tree meanwhile was reported then.
                Some(_) if !swarm.store.awaits_tree(object) => {}
                Some(found) => unpacking::archive_is_right(swarm, &found),
                None => swarm.events.push(NodeEvent::landed(object)),
            }
        }
        // No one wants it, or its chunks are on their way again. They may even be here.
        Err(error) if error.kind == Kind::Cancelled => {
            if swarm.store.ready().contains(&object) {
                swarm.land(object);
            }
        }
        Err(error) => report::object_failed(swarm, object, error),
    }
}

/// Lands objects together. If that panics, lands each alone, so that only the object that causes
/// the panic fails.
fn land_each(objects: &[ObjectIndex], land: &dyn Fn(&[ObjectIndex]) -> Outcomes) -> Outcomes {
    match panics::catch("Landing", || Ok(land(objects))) {
        Ok(outcomes) => outcomes,
        Err(error) => match objects {
            [object] => vec![(*object, Err(error))],
            _ => objects
                .iter()
                .flat_map(|object| land_each(std::slice::from_ref(object), land))
                .collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::land_each;
    use crate::error::{Error, Kind};

    #[test]
    fn a_panic_costs_the_object_that_it_comes_from() {
        let outcomes = land_each(&[1, 2, 3], &|objects| {
            assert!(!objects.contains(&2), "of object 2");
            objects.iter().map(|object| (*object, Ok(()))).collect()
        });
        let error = Error::new(Kind::Internal, "Landing panicked: of object 2");
        assert_eq!(outcomes, [(1, Ok(())), (2, Err(error)), (3, Ok(()))]);
    }
}
