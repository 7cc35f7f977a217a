//! Checksums that a store keeps and its lists do not tell.
//!
//! The answer to a GET of a whole object tells its checksum, so small objects cost nothing. An object
//! of several chunks comes in ranges, whose answers tell none: every node that reads some of them
//! from the origin asks for it once, by a HEAD beside the first of them, and lands the object when
//! that is answered. Nodes that had all of it from peers do not ask: they hold what the others hold.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::model::{CatalogObject, Checksum, ObjectIndex, Source, Span};
use crate::node::shared::Shared;
use crate::node::swarm::Swarm;

/// Of one swarm, the objects whose checksum is not in the catalog.
#[derive(Default)]
pub(crate) struct Checksums(Mutex<HashMap<ObjectIndex, State>>);

#[derive(Clone, Copy)]
enum State {
    FromPeers,
    Asking { is_whole: bool },
    Answered,
}

impl Checksums {
    fn states(&self) -> MutexGuard<'_, HashMap<ObjectIndex, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some bytes of an object come from a peer.
    pub(crate) fn comes_from_peer(&self, object: ObjectIndex) {
        self.states().entry(object).or_insert(State::FromPeers);
    }

    /// The answer that brings an object's bytes has told what there is to tell.
    pub(crate) fn came_whole(&self, object: ObjectIndex) {
        self.states().entry(object).or_insert(State::Answered);
    }

    /// Whether the caller is to ask, as the first.
    fn begin(&self, object: ObjectIndex, is_whole: bool) -> bool {
        match self.states().entry(object) {
            Entry::Occupied(known) if !matches!(known.get(), State::FromPeers) => false,
            Entry::Occupied(mut known) => {
                known.insert(State::Asking { is_whole });
                true
            }
            Entry::Vacant(unknown) => {
                unknown.insert(State::Asking { is_whole });
                true
            }
        }
    }

    /// Whether the object waits to be landed.
    fn answered(&self, object: ObjectIndex) -> bool {
        let before = self.states().insert(object, State::Answered);
        matches!(before, Some(State::Asking { is_whole: true }))
    }

    /// The object is whole: whether it may land now. If not, it is the answer that lands it.
    fn may_land(&self, object: ObjectIndex) -> bool {
        match self.states().get_mut(&object) {
            None => false,
            Some(State::Asking { is_whole }) => {
                *is_whole = true;
                false
            }
            Some(State::FromPeers | State::Answered) => true,
        }
    }
}

/// Whether a span is a part of an object whose checksum nobody has told.
fn is_untold(object: &CatalogObject, span: Span) -> bool {
    object.found.checksum.is_none() && span.length < object.found.size
}

impl Shared {
    /// A part of an object is on its way from the origin, or from a peer.
    pub(crate) fn is_coming(self: &Arc<Self>, swarm: &Arc<Swarm>, span: Span, source: &Source) {
        let object = swarm.store.object(span.object);
        let Some(object) = object.filter(|object| is_untold(object, span)) else {
            return;
        };
        if *source != Source::Origin {
            swarm.checksums.comes_from_peer(object.index);
        } else if swarm.checksums.begin(object.index, false) {
            self.ask_checksum(swarm, object);
        }
    }

    /// Whether an object that is whole may land now. Chunks of an earlier run count as the origin's.
    pub(crate) fn may_land(self: &Arc<Self>, swarm: &Arc<Swarm>, object: ObjectIndex) -> bool {
        if !swarm.store.lacks_checksum(object) || swarm.checksums.may_land(object) {
            return true;
        }
        if swarm.checksums.begin(object, true)
            && let Some(object) = swarm.store.object(object)
        {
            self.ask_checksum(swarm, object);
        }
        false
    }

    fn ask_checksum(self: &Arc<Self>, swarm: &Arc<Swarm>, object: Arc<CatalogObject>) {
        let Some(guard) = swarm.fetching.enter() else {
            return;
        };
        let (node, swarm) = (Arc::clone(self), Arc::clone(swarm));
        self.runtime.spawn(async move {
            tokio::select! {
                () = swarm.left.cancelled() => return,
                told = node.head_for_checksum(&swarm, &object) => match told {
                    Ok(None) => {}
                    Ok(Some(checksum)) => swarm.store.told(object.index, checksum),
                    // Its bytes are here, each chunk with a checksum of its own.
                    Err(error) => tracing::warn!(%error, "checksum_not_told"),
                },
            }
            if swarm.checksums.answered(object.index) {
                // The receiver is gone only when the swarm is left.
                swarm.whole.send(object.index).ok();
            }
            drop(guard);
        });
    }

    async fn head_for_checksum(
        &self,
        swarm: &Swarm,
        object: &CatalogObject,
    ) -> Result<Option<Checksum>> {
        let profile = object.profile_name.as_deref();
        let connected = self.origins.of(&swarm.stores(), profile).await?;
        if !connected.origin.keeps_checksums() {
            return Ok(None);
        }
        let _one_of_few = self.limits.heads.take(1).await;
        let (bucket, key) = (object.bucket.as_deref(), &object.found.key);
        let found = connected.ask(self.settings.attempts, || async {
            swarm.stats.origin_requests.add(1);
            let head = connected.origin.head(bucket, key).await;
            head.inspect_err(|_| swarm.stats.origin_failures.add(1))
        });
        let found = found.await?;
        // Of another version, it would say nothing about these bytes.
        let is_same = found.etag == object.found.etag;
        Ok(found.checksum.filter(|_| is_same))
    }
}
