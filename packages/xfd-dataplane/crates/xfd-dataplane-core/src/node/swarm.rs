//! One swarm on this node: its secrets, its store, its orders, its events.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::events::Events;
use super::group::TaskGroup;
use super::neighbours::Neighbours;
use super::obstacles::Obstacles;
use super::orders::{Begin, Orders};
use super::trees::Trees;
use crate::decides::checksums::Checksums;
use crate::decides::queue::QueuedOrder;
use crate::decides::stalled::TypicalPace;
use crate::model::{
    ChunkIndex, Durability, ObjectIndex, OrderId, Secret, Source, Stores, SwarmTicket,
};
use crate::server::Served;
use crate::stats::Stats;
use crate::store::{Disk, Store, StoreOptions};
use crate::threads::{Mutex, MutexGuard, locked};
use crate::tls::PeerTls;

pub(crate) struct NodeSwarm {
    /// What it shares with the node's other swarms.
    pub(crate) node: Arc<Context>,
    /// The first half of its orders' keys.
    pub(crate) number: u32,
    pub(crate) id: String,
    pub(crate) token: Secret,
    /// None for a swarm whose peers speak in plain text.
    pub(crate) tls: Option<PeerTls>,
    pub(crate) durability: Durability,
    pub(crate) store: Store,
    pub(crate) stats: Arc<Stats>,
    pub(crate) events: Events,
    /// Cancelled when the node leaves the swarm.
    pub(crate) left: CancellationToken,
    /// Tasks that fetch or land.
    pub(crate) fetching: TaskGroup,
    /// Tasks that unpack.
    pub(crate) unpacking: TaskGroup,
    pub(crate) trees: Trees,
    pub(crate) neighbours: Neighbours,
    pub(crate) obstacles: Obstacles,
    checksums: Mutex<Checksums>,
    /// Of streams from origins.
    typical_pace: Mutex<TypicalPace>,
    orders: Mutex<Orders>,
    /// Object stores of all catalogs so far.
    stores: Mutex<Arc<Stores>>,
    /// Read-locked while a chunk is committed and reported.
    reporting: RwLock<()>,
    /// See [`NodeSwarm::giving_up`].
    giving_up: Mutex<()>,
    /// Sends whole objects to be landed.
    whole: mpsc::UnboundedSender<ObjectIndex>,
    /// Whole objects that were sent and have not landed yet.
    landing: Mutex<HashSet<ObjectIndex>>,
    /// Whole objects that were reported with suspect chunks and have all of them still.
    suspects: Mutex<HashSet<ObjectIndex>>,
}

impl NodeSwarm {
    pub(crate) fn new(
        node: Arc<Context>,
        number: u32,
        ticket: SwarmTicket,
        tls: Option<PeerTls>,
        disk: Arc<dyn Disk>,
        whole: mpsc::UnboundedSender<ObjectIndex>,
    ) -> Self {
        let stats = Arc::new(Stats::default());
        let options = StoreOptions {
            node: node.id.clone(),
            durability: ticket.durability,
            verify_whole: node.settings.verify_whole,
            stats: Arc::clone(&stats),
        };
        Self {
            node,
            number,
            id: ticket.swarm,
            token: ticket.token,
            tls,
            durability: ticket.durability,
            store: Store::with_disk(options, disk),
            stats,
            events: Events::default(),
            left: CancellationToken::new(),
            fetching: TaskGroup::new(),
            unpacking: TaskGroup::new(),
            trees: Trees::default(),
            neighbours: Neighbours::default(),
            obstacles: Obstacles::default(),
            checksums: Mutex::default(),
            typical_pace: Mutex::default(),
            orders: Mutex::default(),
            stores: Mutex::default(),
            reporting: RwLock::default(),
            giving_up: Mutex::default(),
            whole,
            landing: Mutex::default(),
            suspects: Mutex::default(),
        }
    }

    pub(crate) fn checksums(&self) -> MutexGuard<'_, Checksums> {
        locked(&self.checksums)
    }

    pub(crate) fn typical_pace(&self) -> MutexGuard<'_, TypicalPace> {
        locked(&self.typical_pace)
    }

    pub(crate) fn orders(&self) -> MutexGuard<'_, Orders> {
        locked(&self.orders)
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

    /// Held from before an object is given up until its reason is reported, and while a failed order
    /// is: orders that end because of it are reported after the reason.
    pub(crate) fn giving_up(&self) -> MutexGuard<'_, ()> {
        locked(&self.giving_up)
    }

    /// What the peer server needs of the swarm.
    pub(crate) fn served(&self) -> Served {
        Served {
            token: self.token.clone(),
            is_tls: self.tls.is_some(),
            store: self.store.clone(),
            stats: Arc::clone(&self.stats),
            left: self.left.clone(),
        }
    }

    /// Adds the object stores of a catalog. Those of earlier catalogs stay, unless they have the
    /// same name.
    pub(crate) fn add_stores(&self, stores: &Stores) {
        let mut known = locked(&self.stores);
        let mut all = stores.clone();
        for (name, config) in known.iter() {
            if !all.iter().any(|(other, _)| other == name) {
                all.push((name.clone(), config.clone()));
            }
        }
        *known = Arc::new(all);
    }

    pub(crate) fn stores(&self) -> Arc<Stores> {
        Arc::clone(&locked(&self.stores))
    }

    /// Accepts an order and queues it. An order whose number is in use is ignored.
    pub(crate) fn queue_order(
        &self,
        order: OrderId,
        chunk: ChunkIndex,
        source: &Source,
        priority: i32,
    ) {
        if self.orders().accept(order, chunk) {
            self.node.slots.push(QueuedOrder {
                key: (self.number, order),
                chunk,
                source: source.clone(),
                priority,
                arrival: None,
            });
        }
    }

    /// An order has a slot. If it was cancelled, or follows another order for its chunk, it gives
    /// the slot back here: the end of that other order queues it again, and the queue ignores an
    /// order that has a slot still.
    pub(crate) fn begin(&self, order: &QueuedOrder) -> Begin {
        let mut orders = self.orders();
        let begin = orders.begin(order, &self.left);
        if !matches!(begin, Begin::Fetch(_)) {
            self.node.slots.done(order.key);
        }
        begin
    }

    /// The objects that have bytes in a chunk.
    pub(crate) fn objects_of(&self, chunk: ChunkIndex) -> Vec<ObjectIndex> {
        let chunk = self.store.chunk(chunk);
        chunk.map_or_else(Vec::new, |chunk| {
            chunk.spans.iter().map(|span| span.object).collect()
        })
    }

    /// Has a whole object landed, unless that is under way.
    pub(crate) fn land(&self, object: ObjectIndex) {
        if locked(&self.landing).insert(object) {
            self.retry_landing(object);
        }
    }

    /// Has an object landed that a landing left waiting for its checksum.
    pub(crate) fn retry_landing(&self, object: ObjectIndex) {
        // The receiver is gone only when the swarm is left.
        self.whole.send(object).ok();
    }

    /// The landing of an object has ended, with success or without.
    pub(crate) fn end_landing(&self, object: ObjectIndex) {
        locked(&self.landing).remove(&object);
    }

    /// Whether an object is whole only by chunks of which one is bad.
    pub(crate) fn is_suspect(&self, object: ObjectIndex) -> bool {
        locked(&self.suspects).contains(&object)
    }

    pub(crate) fn set_suspect(&self, object: ObjectIndex, is_suspect: bool) {
        let mut suspects = locked(&self.suspects);
        match is_suspect {
            true => suspects.insert(object),
            false => suspects.remove(&object),
        };
    }
}
