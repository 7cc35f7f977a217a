//! One node of a swarm: takes orders, carries them out within its limits, reports what happened.
//!
//! ```text
//!   submit ─► orders (one swarm's) ─► slots (the node's) ─► dispatch: a task for each order
//!                                                            ├─ fetch ── from_origin (lane, pack)
//!                                                            │       └── from_peer
//!   poll ◄─ events ◄───────── landing, unpacking ◄───────────┴─ report
//! ```
//!
//! Modules import each other in one direction: `context` has what all swarms of the node share,
//! `swarm` adds what belongs to one of them, and the others work on a swarm.
//!
//! Invariants:
//!
//! * An order is reported once or cancelled, never both (`orders`).
//! * An object is reported after its chunks (`swarm`, `reporting`).
//! * The reason why an object is given up is reported before the orders that end because of it
//!   (`swarm`, `giving_up`).
//! * No lock is held across an await, and none but these two while another one is taken.
//! * A body in flight holds a share of the byte budget only once its first byte has come, so nodes
//!   that relay to each other never wait in a circle.
//! * Leaving a swarm first stops fetches and landings, then the store, which wakes the unpackers.

mod checksums;
mod context;
mod dispatch;
mod events;
mod fetch;
mod from_origin;
mod from_peer;
mod group;
mod landing;
mod lane;
mod leave;
mod lookup;
mod neighbours;
mod obstacles;
mod orders;
mod origin_body;
mod origins;
mod outcome;
mod pack;
mod panics;
mod pins;
mod registry;
mod report;
mod runtime;
mod self_repair;
mod slots;
mod stall;
mod submit;
mod swarm;
mod trees;
mod unpacking;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::context::Context;
pub use self::origins::Connect;
use self::origins::{ConnectToStores, Origins};
use self::registry::SwarmRegistry;
use self::slots::Slots;
use self::swarm::NodeSwarm;
use crate::error::{Error, Kind, Result};
use crate::model::{
    Catalog, FoundObject, Inventory, Lookup, NodeEvent, NodeId, NodeSettings, Order, Stall, Stores,
    SurveyedObject, SwarmTicket,
};
use crate::server;
use crate::source::ConnectOptions;
use crate::stats::Counters;
use crate::store::{Disk, FindTwins, NoTwins, StatVfs};
use crate::threads::{Mutex, locked};
use crate::tls::PeerTls;

/// How long leaving a swarm waits for tasks that cannot be cancelled.
const LEAVE_WAIT: Duration = Duration::from_millis(750);

/// A node. `xfd_api.ports.DataPlane` and `ObjectFinder` document its methods.
///
/// Methods block the calling thread: the node has a runtime of its own. All take `&self` and may be
/// called from several threads, but not from a task of an async runtime.
pub struct Node {
    context: Arc<Context>,
    swarms: Arc<SwarmRegistry>,
    runtime: Mutex<Option<Runtime>>,
    disk: Arc<dyn Disk>,
}

impl Node {
    /// A node that is in no swarm.
    ///
    /// # Errors
    /// `Internal` if the system gives no threads.
    pub fn new(id: NodeId, settings: NodeSettings) -> Result<Self> {
        let options = ConnectOptions::from(&settings);
        Self::with_origins(id, settings, Arc::new(ConnectToStores(options)))
    }

    /// A node whose origins `connect` makes.
    ///
    /// # Errors
    /// As [`Node::new`].
    pub fn with_origins(
        id: NodeId,
        settings: NodeSettings,
        connect: Arc<dyn Connect>,
    ) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = runtime::start(cores)?;
        let origins = Origins::new(connect, &settings);
        let handle = runtime.handle().clone();
        let swarms = Arc::new(SwarmRegistry::default());
        // Weak, because a swarm of the registry has the context and so the slots.
        let registry = Arc::downgrade(&swarms);
        let start = move |order| match registry.upgrade() {
            Some(swarms) => dispatch::start(&swarms, order),
            None => false,
        };
        let slots = Slots::new(settings.node_parallelism, Box::new(start));
        Ok(Self {
            context: Arc::new(Context::new(id, settings, slots, origins, handle, cores)),
            swarms,
            runtime: Mutex::new(Some(runtime)),
            disk: Arc::new(StatVfs),
        })
    }

    /// The same node with another disk: it says how much room there is, and syncs.
    #[must_use]
    pub fn on_disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// Looks objects up at their origins; the answers are in the lookups' order.
    ///
    /// # Errors
    /// That of the first lookup that failed after its last retry.
    pub fn find_objects(
        &self,
        lookups: &[Lookup],
        stores: &Stores,
    ) -> Result<Vec<Vec<FoundObject>>> {
        self.check_open()?;
        let all = lookup::find_all(&self.context, lookups, stores);
        let found = self.context.runtime.block_on(async {
            tokio::select! {
                () = self.context.closed.cancelled() => Err(closed()),
                found = all => found,
            }
        });
        self.context.lookup_failures.clear();
        found
    }

    /// Starts a peer server, one more with each call; its address.
    ///
    /// # Errors
    /// `PeerPort` if no port of the range is free.
    pub fn serve(&self, host: &str, ports: Option<(u16, u16)>) -> Result<SocketAddr> {
        self.check_open()?;
        let listener = server::bind(host, ports)?;
        let _inside = self.context.runtime.enter();
        server::start(
            listener,
            Arc::clone(&self.swarms) as Arc<dyn server::Swarms>,
            &self.context.settings,
            self.context.limits.clone(),
            self.context.closed.child_token(),
        )
    }

    /// Changes slots, uploads, memory and rates. Orders that are running go on.
    ///
    /// # Errors
    /// `InvalidRequest` if another setting differs. Nothing has changed then.
    pub fn reconfigure(&self, settings: &NodeSettings) -> Result<()> {
        self.check_open()?;
        let node = &self.context;
        let fixed = node.settings.fixed_that_differ(settings);
        if !fixed.is_empty() {
            let what = format!("A running node cannot change {}", fixed.join(", "));
            return Err(Error::new(Kind::InvalidRequest, what));
        }
        node.limits.change(settings);
        node.origins.change(settings);
        node.slots.resize(settings.node_parallelism);
        tracing::info!(
            node_parallelism = settings.node_parallelism,
            max_uploads = settings.max_uploads,
            "node_reconfigured"
        );
        Ok(())
    }

    /// Joins a swarm.
    ///
    /// # Errors
    /// `InvalidRequest` if the node is in it already.
    pub fn join(&self, ticket: SwarmTicket) -> Result<()> {
        self.check_open()?;
        let (sender, whole) = mpsc::unbounded_channel();
        let id = ticket.swarm.clone();
        let tls = ticket
            .identity
            .as_ref()
            .map(|identity| PeerTls::new(&self.context.id, &id, identity))
            .transpose()?;
        let swarm = self.swarms.add(&id, |number| {
            let node = Arc::clone(&self.context);
            NodeSwarm::new(node, number, ticket, tls, Arc::clone(&self.disk), sender)
        });
        let Some(swarm) = swarm else {
            let what = format!("The node is in swarm {id} already");
            return Err(Error::new(Kind::InvalidRequest, what));
        };
        tracing::info!(swarm = id, "swarm_joined");
        let runtime = &self.context.runtime;
        runtime.spawn(landing::land_all(Arc::clone(&swarm), whole));
        runtime.spawn(stall::watch(Arc::clone(&swarm)));
        runtime.spawn(self_repair::refetch_damaged(swarm));
        Ok(())
    }

    /// Adds to the catalog; the inventory says what of it is on the disk.
    ///
    /// # Errors
    /// Those of [`crate::store::Store::extend`].
    pub fn extend(&self, swarm: &str, catalog: Catalog, stores: &Stores) -> Result<Inventory> {
        self.extend_with(swarm, catalog, stores, &NoTwins)
    }

    /// The same, and takes objects that are elsewhere on this node from there.
    ///
    /// # Errors
    /// Those of [`crate::store::Store::extend`].
    pub fn extend_with(
        &self,
        swarm: &str,
        catalog: Catalog,
        stores: &Stores,
        twins: &dyn FindTwins,
    ) -> Result<Inventory> {
        let swarm = self.swarm(swarm)?;
        swarm.add_stores(stores);
        let inventory = swarm.store.extend_with(catalog, twins)?;
        for object in swarm.store.ready() {
            // A suspect object would fail again. It lands when one of its chunks was fetched again.
            if !swarm.is_suspect(object) {
                swarm.land(object);
            }
        }
        Ok(inventory)
    }

    /// What of a catalog is on the disk; changes nothing. See [`crate::store::Store::survey`].
    ///
    /// # Errors
    /// `InvalidRequest` for a swarm that the node is not in; those of the store.
    pub fn survey(&self, swarm: &str, catalog: &Catalog) -> Result<Vec<SurveyedObject>> {
        self.swarm(swarm)?.store.survey(catalog)
    }

    /// Accepts orders.
    ///
    /// # Errors
    /// `InvalidRequest` for a swarm that the node is not in.
    pub fn submit(&self, swarm: &str, orders: Vec<Order>) -> Result<()> {
        let swarm = self.swarm(swarm)?;
        submit::submit(&swarm, orders);
        Ok(())
    }

    /// The events since the last poll; waits up to `timeout` for the first one, or until
    /// [`Node::stall`] or what is done with the files changes.
    ///
    /// # Errors
    /// `InvalidRequest` for a swarm that the node is not in.
    pub fn poll(&self, swarm: &str, timeout: Duration) -> Result<Vec<NodeEvent>> {
        Ok(self.swarm(swarm)?.events.drain(timeout))
    }

    /// Leaves a swarm. Does nothing if the node is not in it.
    ///
    /// A landing that is being synced cannot be cancelled. After 750 ms it is left to end by
    /// itself, as if the node had been killed; its destinations stay locked until then.
    pub fn leave(&self, swarm: &str) {
        let Some(swarm) = self.swarms.remove_id(swarm) else {
            return;
        };
        swarm.left.cancel();
        swarm.events.close();
        self.context.slots.cancel_swarm(swarm.number);
        let runtime = &self.context.runtime;
        let end = leave::end_swarm(Arc::clone(&self.swarms), Arc::clone(&swarm));
        let ended = runtime.spawn(end);
        let in_time = runtime.block_on(async { timeout(LEAVE_WAIT, ended).await.is_ok() });
        tracing::info!(swarm = swarm.id, in_time, "swarm_left");
    }

    /// Counters of one swarm, or of the node; zeros for a swarm that the node is not in.
    #[must_use]
    pub fn counters(&self, swarm: Option<&str>) -> Counters {
        let Some(id) = swarm else {
            let mut sum = self.swarms.counters();
            sum += self.context.lookups.read();
            return sum;
        };
        let swarm = self.swarms.get(id);
        swarm.map(|swarm| swarm.stats.read()).unwrap_or_default()
    }

    /// Why no byte comes in a swarm, if none does although it has orders. Without a swarm: why
    /// lookups bring nothing.
    #[must_use]
    pub fn stall(&self, swarm: Option<&str>) -> Option<Stall> {
        match swarm {
            Some(id) => self.swarms.get(id)?.obstacles.stall(),
            None => self.context.lookup_failures.stall(),
        }
    }

    /// Leaves every swarm and stops the peer server. Closing twice does nothing.
    pub fn close(&self) {
        self.context.closed.cancel();
        for swarm in self.swarms.ids() {
            self.leave(&swarm);
        }
        let runtime = locked(&self.runtime).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }

    fn swarm(&self, id: &str) -> Result<Arc<NodeSwarm>> {
        self.check_open()?;
        self.swarms.get(id).ok_or_else(|| {
            Error::new(
                Kind::InvalidRequest,
                format!("The node is not in swarm {id}"),
            )
        })
    }

    fn check_open(&self) -> Result<()> {
        if self.context.closed.is_cancelled() {
            return Err(closed());
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.close();
    }
}

fn closed() -> Error {
    Error::new(Kind::Cancelled, "The node is closed")
}
