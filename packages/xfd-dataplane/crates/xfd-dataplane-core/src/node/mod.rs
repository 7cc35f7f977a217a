//! One node's hands: takes orders, carries them out within its budgets, says what happened.
//!
//! ```text
//!   submit ─► orders (one swarm's) ─► decides::queue (the node's) ─► work: a task per running order
//!                                                                     ├─ from_origin (lane), from_peer
//!   poll ◄─ events ◄───────────────── landing, unpacking ◄─────────── committed chunks
//! ```
//!
//! Rules that hold between the parts:
//!
//! * An order is reported once or cancelled, never both ([`orders`]).
//! * An object is reported after its chunks ([`swarm`], `reporting`).
//! * No lock is held across an await, and none but `reporting` while another one is taken.
//! * A body in flight holds a share of the byte budget only once its first byte has come, so nodes
//!   that relay to each other never wait in a circle.
//! * Leaving a swarm first stops fetches and landings, then the store, which wakes the unpackers.

mod caught;
mod checksums;
mod events;
mod finding;
mod from_origin;
mod from_peer;
mod group;
mod landing;
mod lane;
mod leaving;
mod orders;
mod origins;
mod own_orders;
mod reporting;
mod shared;
mod submit;
mod swarm;
mod trees;
mod unpacking;
mod work;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub use self::origins::Connect;
use self::origins::{Origins, Real};
use self::shared::Shared;
use self::swarm::Swarm;
use crate::error::{Error, Kind, Result};
use crate::model::{
    Catalog, FoundObject, Here, Inventory, Lookup, NodeEvent, NodeId, NodeSettings, Order, Stores,
    SwarmTicket,
};
use crate::server;
use crate::source::ConnectOptions;
use crate::stats::Counters;
use crate::store::{Disk, StatVfs};

/// Runtime threads at most; what blocks has threads of its own.
///
/// There is one for each two cores. The kernel's share of a transfer (interrupts, page cache) takes
/// the others, and one thread moves more than 2 GiB a second: on two cores a second thread only
/// waits for the first one's writes to the same file, and costs a fourteenth more processor time.
const WORKERS: usize = 4;

/// How long leaving a swarm waits for what cannot be called off.
const LEAVE_WAIT: Duration = Duration::from_millis(750);

/// Methods block the calling thread (the node has a runtime of its own); all take `&self` and may
/// be called from several threads, but not from a task of an async runtime. Documented at
/// `xfd_api.ports.DataPlane` and `ObjectFinder`.
pub struct Node {
    shared: Arc<Shared>,
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
        Self::with_origins(id, settings, Arc::new(Real(options)))
    }

    /// The same, with origins that the caller makes.
    ///
    /// # Errors
    /// As [`Node::new`].
    pub fn with_origins(
        id: NodeId,
        settings: NodeSettings,
        connect: Arc<dyn Connect>,
    ) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads((cores / 2).clamp(1, WORKERS))
            .thread_name("xfd")
            .enable_all()
            .on_thread_start(outlive_broken_pipes)
            .build()
            .map_err(|error| Error::new(Kind::Internal, format!("No threads: {error}")))?;
        let origins = Origins::new(connect, &settings);
        let handle = runtime.handle().clone();
        Ok(Self {
            shared: Arc::new(Shared::new(id, settings, origins, handle, cores)),
            runtime: Mutex::new(Some(runtime)),
            disk: Arc::new(StatVfs),
        })
    }

    /// The same node, asking `disk` for room and syncs.
    #[must_use]
    pub fn on_disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// The answers of the origins, in the lookups' order.
    ///
    /// # Errors
    /// That of the first lookup that failed for good.
    pub fn find_objects(
        &self,
        lookups: &[Lookup],
        stores: &Stores,
    ) -> Result<Vec<Vec<FoundObject>>> {
        self.check_open()?;
        let all = finding::find_all(&self.shared, lookups, stores);
        self.shared.runtime.block_on(async {
            tokio::select! {
                () = self.shared.closed.cancelled() => Err(closed()),
                found = all => found,
            }
        })
    }

    /// Starts the peer server. Each call starts one more.
    ///
    /// # Errors
    /// `PeerPort`.
    pub fn serve(&self, host: &str, ports: Option<(u16, u16)>) -> Result<SocketAddr> {
        self.check_open()?;
        let listener = server::bind(host, ports)?;
        let _inside = self.shared.runtime.enter();
        server::start(
            listener,
            Arc::clone(&self.shared) as Arc<dyn server::Swarms>,
            &self.shared.settings,
            self.shared.limits.clone(),
            self.shared.closed.child_token(),
        )
    }

    /// Works by other settings from now on: slots, uploads, memory, rates. Orders that run, run on.
    ///
    /// # Errors
    /// `InvalidRequest`, and nothing changed, if they differ in something that a running node
    /// cannot change.
    pub fn reconfigure(&self, settings: &NodeSettings) -> Result<()> {
        self.check_open()?;
        let shared = &self.shared;
        let fixed = shared.settings.fixed_that_differ(settings);
        if !fixed.is_empty() {
            let what = format!("A running node cannot change {}", fixed.join(", "));
            return Err(Error::new(Kind::InvalidRequest, what));
        }
        shared.limits.change(settings);
        shared.origins.change(settings);
        shared.queue().set_slots(settings.node_parallelism);
        shared.pump();
        tracing::info!(
            node_parallelism = settings.node_parallelism,
            max_uploads = settings.max_uploads,
            "node_reconfigured"
        );
        Ok(())
    }

    /// Enters a swarm.
    ///
    /// # Errors
    /// `InvalidRequest` if the node is in it already.
    pub fn join(&self, ticket: SwarmTicket) -> Result<()> {
        self.check_open()?;
        let (sender, whole) = mpsc::unbounded_channel();
        let shared = &self.shared;
        let swarm = {
            let mut members = shared.members();
            if members.by_id.contains_key(&ticket.swarm) {
                let what = format!("The node is in swarm {} already", ticket.swarm);
                return Err(Error::new(Kind::InvalidRequest, what));
            }
            members.joined += 1;
            let number = members.joined;
            let id = ticket.swarm.clone();
            let verify = shared.settings.verify_whole;
            let swarm = Arc::new(Swarm::new(
                number,
                ticket,
                shared.id.clone(),
                verify,
                Arc::clone(&self.disk),
                sender,
            ));
            members.by_id.insert(id, Arc::clone(&swarm));
            members.by_number.insert(number, Arc::clone(&swarm));
            swarm
        };
        tracing::info!(swarm = swarm.id(), "swarm_joined");
        shared
            .runtime
            .spawn(Arc::clone(shared).land_all(Arc::clone(&swarm), whole));
        shared
            .runtime
            .spawn(Arc::clone(shared).fetch_lost_again(swarm));
        Ok(())
    }

    /// Adds to the catalog and says what of it is here.
    ///
    /// # Errors
    /// Those of [`crate::store::Store::extend`].
    pub fn extend(&self, swarm: &str, catalog: Catalog, stores: &Stores) -> Result<Inventory> {
        let swarm = self.swarm(swarm)?;
        swarm.add_stores(stores);
        let inventory = swarm.store.extend(catalog)?;
        for object in swarm.store.ready() {
            // One with a bad chunk would only fail once more; it lands when a chunk came anew.
            if !swarm.is_suspect(object) {
                swarm.land(object);
            }
        }
        Ok(inventory)
    }

    /// What of a catalog is here, without a trace: see [`crate::store::Store::survey`].
    ///
    /// # Errors
    /// `InvalidRequest` for a swarm that the node is not in; those of the store.
    pub fn survey(&self, swarm: &str, catalog: &Catalog) -> Result<Vec<Here>> {
        self.swarm(swarm)?.store.survey(catalog)
    }

    /// Takes orders in.
    ///
    /// # Errors
    /// `InvalidRequest` for a swarm that the node is not in.
    pub fn submit(&self, swarm: &str, orders: Vec<Order>) -> Result<()> {
        let swarm = self.swarm(swarm)?;
        self.shared.submit(&swarm, orders);
        Ok(())
    }

    /// What happened since the last poll; waits for the first event.
    ///
    /// # Errors
    /// `InvalidRequest` for a swarm that the node is not in.
    pub fn poll(&self, swarm: &str, timeout: Duration) -> Result<Vec<NodeEvent>> {
        Ok(self.swarm(swarm)?.events.drain(timeout))
    }

    /// Ends the swarm here. Leaving one that the node is not in does nothing.
    ///
    /// A landing that is being synced cannot be called off: after a moment it is left to end by
    /// itself, as if the node had been killed, and the destinations stay locked until it has.
    ///
    /// # Errors
    /// None; the result keeps the border's shape.
    pub fn leave(&self, swarm: &str) -> Result<()> {
        let found = self.shared.members().by_id.remove(swarm);
        let Some(swarm) = found else { return Ok(()) };
        swarm.left.cancel();
        swarm.events.close();
        self.shared.queue().cancel_swarm(swarm.number);
        let runtime = &self.shared.runtime;
        let ended = runtime.spawn(Arc::clone(&self.shared).end_swarm(Arc::clone(&swarm)));
        let in_time = runtime.block_on(async { timeout(LEAVE_WAIT, ended).await.is_ok() });
        tracing::info!(swarm = swarm.id(), in_time, "swarm_left");
        Ok(())
    }

    /// Counters of one swarm, or of all there were; zeros for a swarm that the node is not in.
    #[must_use]
    pub fn counters(&self, swarm: Option<&str>) -> Counters {
        let members = self.shared.members();
        match swarm {
            Some(id) => members
                .by_id
                .get(id)
                .map(|swarm| swarm.stats.read())
                .unwrap_or_default(),
            None => members
                .by_number
                .values()
                .fold(members.past, |mut sum, swarm| {
                    sum += swarm.stats.read();
                    sum
                }),
        }
    }

    /// Leaves every swarm and stops the peer server. Closing twice does nothing.
    pub fn close(&self) {
        self.shared.closed.cancel();
        let swarms: Vec<String> = self.shared.members().by_id.keys().cloned().collect();
        for swarm in swarms {
            // Fails for nobody: see there.
            self.leave(&swarm).ok();
        }
        let runtime = self
            .runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }

    fn swarm(&self, id: &str) -> Result<Arc<Swarm>> {
        self.check_open()?;
        self.shared.members().by_id.get(id).cloned().ok_or_else(|| {
            Error::new(
                Kind::InvalidRequest,
                format!("The node is not in swarm {id}"),
            )
        })
    }

    fn check_open(&self) -> Result<()> {
        if self.shared.closed.is_cancelled() {
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

/// Keeps sendfile to a peer that is gone from ending the process: unlike send, it takes no flag
/// that says so, and whether the signal is ignored is the process's own choice. The signal stays
/// pending on the thread; what the call returns tells the same.
fn outlive_broken_pipes() {
    // SAFETY: the set is initialised by the first call, and only this thread's mask is changed.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}
