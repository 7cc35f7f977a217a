//! The swarms that a node is in.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::ServerConfig;

use super::swarm::NodeSwarm;
use crate::model::SwarmId;
use crate::server::{Served, Swarms};
use crate::stats::Counters;
use crate::threads::{Mutex, locked};

/// Swarms by id, for calls and peers, and by number, for orders in the queue.
///
/// A swarm that is being left has lost its id at once and its number when its last task has ended.
#[derive(Default)]
pub(crate) struct SwarmRegistry(Mutex<Registered>);

#[derive(Default)]
struct Registered {
    by_id: HashMap<String, Arc<NodeSwarm>>,
    by_number: HashMap<u32, Arc<NodeSwarm>>,
    joined: u32,
    /// Counters of swarms that were left.
    past: Counters,
}

impl SwarmRegistry {
    /// Adds the swarm that `make` builds from its number. None if the id is taken.
    pub(crate) fn add(
        &self,
        id: &str,
        make: impl FnOnce(u32) -> NodeSwarm,
    ) -> Option<Arc<NodeSwarm>> {
        let mut registered = locked(&self.0);
        if registered.by_id.contains_key(id) {
            return None;
        }
        registered.joined += 1;
        let number = registered.joined;
        let swarm = Arc::new(make(number));
        registered.by_id.insert(id.to_owned(), Arc::clone(&swarm));
        registered.by_number.insert(number, Arc::clone(&swarm));
        Some(swarm)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<NodeSwarm>> {
        locked(&self.0).by_id.get(id).cloned()
    }

    pub(crate) fn get_by_number(&self, number: u32) -> Option<Arc<NodeSwarm>> {
        locked(&self.0).by_number.get(&number).cloned()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        locked(&self.0).by_id.keys().cloned().collect()
    }

    /// Takes a swarm's id away, so that calls and peers no longer find it.
    pub(crate) fn remove_id(&self, id: &str) -> Option<Arc<NodeSwarm>> {
        locked(&self.0).by_id.remove(id)
    }

    /// Forgets a swarm whose last task has ended, and keeps its counters.
    pub(crate) fn forget(&self, swarm: &NodeSwarm) {
        let mut registered = locked(&self.0);
        registered.by_number.remove(&swarm.number);
        registered.past += without_active(swarm.stats.read());
    }

    /// Counters of all swarms, those that were left included.
    pub(crate) fn counters(&self) -> Counters {
        let registered = locked(&self.0);
        let mut sum = registered.past;
        for swarm in registered.by_number.values() {
            sum += swarm.stats.read();
        }
        sum
    }
}

impl Swarms for SwarmRegistry {
    fn served(&self, swarm: &str) -> Option<Served> {
        self.get(swarm).map(|swarm| swarm.served())
    }

    fn named(&self, name: &str) -> Option<(SwarmId, Arc<ServerConfig>)> {
        locked(&self.0).by_id.values().find_map(|swarm| {
            let tls = swarm.tls.as_ref().filter(|tls| tls.name == name)?;
            Some((swarm.id.clone(), Arc::clone(&tls.acceptor)))
        })
    }
}

/// What stays of a swarm's counters: nothing is active in it any more.
fn without_active(mut counters: Counters) -> Counters {
    counters.active_origin = 0;
    counters.active_peer = 0;
    counters.active_served = 0;
    counters.active_unpacks = 0;
    counters.active_verifications = 0;
    counters.active_landings = 0;
    counters.active_resets = 0;
    counters
}
