//! One swarm on this node: its secrets, its disk, its orders, its events.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::decides::crawl::Usual;
use crate::model::{Durability, NodeId, ObjectIndex, OrderId, Secret, Stores, SwarmTicket};
use crate::node::checksums::Checksums;
use crate::node::events::Events;
use crate::node::group::Group;
use crate::node::orders::Orders;
use crate::node::trees::Trees;
use crate::server::Served;
use crate::stats::Stats;
use crate::store::{Disk, Store, StoreOptions};

/// Orders from here on are the node's own and are not reported.
pub(crate) const OWN_ORDERS: OrderId = 1 << 63;

pub(crate) struct Swarm {
    /// The first half of its orders' keys.
    pub(crate) number: u32,
    pub(crate) durability: Durability,
    token: Secret,
    id: String,
    pub(crate) store: Store,
    pub(crate) stats: Arc<Stats>,
    pub(crate) events: Events,
    /// Cancelled when the node leaves the swarm.
    pub(crate) left: CancellationToken,
    /// Fetches and landings.
    pub(crate) fetching: Group,
    pub(crate) unpacking: Group,
    pub(crate) trees: Trees,
    pub(crate) checksums: Checksums,
    /// Of streams from origins.
    usual: Mutex<Usual>,
    orders: Mutex<Orders>,
    /// Read while a chunk is committed and reported.
    reporting: RwLock<()>,
    known: Mutex<Known>,
    /// Objects that are whole.
    pub(crate) whole: mpsc::UnboundedSender<ObjectIndex>,
    /// Of these, the ones that are on their way to their place.
    landing: Mutex<HashSet<ObjectIndex>>,
    /// Whole objects that were reported with suspect chunks and have all of them still.
    suspects: Mutex<HashSet<ObjectIndex>>,
}

#[derive(Default)]
struct Known {
    stores: Arc<Stores>,
    addresses: HashMap<NodeId, String>,
    own_orders: u64,
    /// Who is asked next, of those that are alive.
    asked_next: HashMap<OrderId, Vec<NodeId>>,
}

impl Swarm {
    pub(crate) fn new(
        number: u32,
        ticket: SwarmTicket,
        node: NodeId,
        verify_whole: bool,
        disk: Arc<dyn Disk>,
        whole: mpsc::UnboundedSender<ObjectIndex>,
    ) -> Self {
        let stats = Arc::new(Stats::default());
        let options = StoreOptions {
            node,
            durability: ticket.durability,
            verify_whole,
            stats: Arc::clone(&stats),
        };
        let store = Store::with_disk(options, disk);
        Self {
            number,
            durability: ticket.durability,
            token: ticket.token,
            id: ticket.swarm,
            store,
            stats,
            events: Events::default(),
            left: CancellationToken::new(),
            fetching: Group::new(),
            unpacking: Group::new(),
            trees: Trees::default(),
            checksums: Checksums::default(),
            usual: Mutex::default(),
            orders: Mutex::default(),
            reporting: RwLock::default(),
            known: Mutex::default(),
            whole,
            landing: Mutex::default(),
            suspects: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> &String {
        &self.id
    }

    pub(crate) fn token(&self) -> &Secret {
        &self.token
    }

    pub(crate) fn usual(&self) -> MutexGuard<'_, Usual> {
        self.usual.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held from before a chunk is committed until it is reported.
    pub(crate) fn reporting(&self) -> RwLockReadGuard<'_, ()> {
        self.reporting
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every chunk that is committed now is reported too, so that an object is never
    /// reported before its chunks.
    pub(crate) fn let_chunks_report(&self) {
        drop(
            self.reporting
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    pub(crate) fn served(&self) -> Served {
        Served {
            token: self.token.clone(),
            store: self.store.clone(),
            stats: Arc::clone(&self.stats),
            left: self.left.clone(),
        }
    }

    /// The stores of the last catalog; those of earlier ones stay known.
    pub(crate) fn add_stores(&self, stores: &Stores) {
        let mut known = self.known();
        let mut all = stores.clone();
        for (name, config) in known.stores.iter() {
            if !all.iter().any(|(other, _)| other == name) {
                all.push((name.clone(), config.clone()));
            }
        }
        known.stores = Arc::new(all);
    }

    pub(crate) fn stores(&self) -> Arc<Stores> {
        Arc::clone(&self.known().stores)
    }

    pub(crate) fn meet(&self, addresses: Vec<(NodeId, String)>) {
        self.known().addresses.extend(addresses);
    }

    pub(crate) fn address(&self, peer: &NodeId) -> Option<String> {
        self.known().addresses.get(peer).cloned()
    }

    /// Whether no peer is known.
    pub(crate) fn is_alone(&self) -> bool {
        self.known().addresses.is_empty()
    }

    /// Some peers other than this node, in no order.
    pub(crate) fn some_peers(&self, but: &NodeId, most: usize) -> Vec<NodeId> {
        let known = self.known();
        let peers = known.addresses.keys().filter(|peer| *peer != but);
        fastrand::choose_multiple(peers, most)
            .into_iter()
            .cloned()
            .collect()
    }

    /// A number for an order of the node itself, and whom to ask if it fails.
    pub(crate) fn own_order(&self, asked_next: Vec<NodeId>) -> OrderId {
        let mut known = self.known();
        known.own_orders += 1;
        let order = OWN_ORDERS + known.own_orders;
        known.asked_next.insert(order, asked_next);
        order
    }

    /// The order has ended; whom to ask next.
    pub(crate) fn forget_own_order(&self, order: OrderId) -> Vec<NodeId> {
        self.known().asked_next.remove(&order).unwrap_or_default()
    }

    /// Sends an object to its place, unless it is on its way there.
    pub(crate) fn land(&self, object: ObjectIndex) {
        if self.landing().insert(object) {
            // The receiver is gone only when the swarm is left.
            self.whole.send(object).ok();
        }
    }

    /// Whether an object is whole only by chunks one of which is bad.
    pub(crate) fn is_suspect(&self, object: ObjectIndex) -> bool {
        self.suspects().contains(&object)
    }

    pub(crate) fn set_suspect(&self, object: ObjectIndex, is_suspect: bool) {
        let mut suspects = self.suspects();
        match is_suspect {
            true => suspects.insert(object),
            false => suspects.remove(&object),
        };
    }

    fn suspects(&self) -> MutexGuard<'_, HashSet<ObjectIndex>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_landed(&self, object: ObjectIndex) {
        self.landing().remove(&object);
    }

    fn landing(&self) -> MutexGuard<'_, HashSet<ObjectIndex>> {
        self.landing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
