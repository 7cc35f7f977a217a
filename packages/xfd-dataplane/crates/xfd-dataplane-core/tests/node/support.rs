//! Nodes, catalogs and waits for the tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tempfile::TempDir;
use xfd_dataplane_core::error::Result;
use xfd_dataplane_core::model::{
    Catalog, Durability, FoundObject, Inventory, NodeEvent, NodeSettings, Order, OrderId,
    PeerIdentity, Secret, Source, StoreConfig, Stores, SwarmTicket, UnpackCaps,
};
use xfd_dataplane_core::node::{Connect, Node};
use xfd_dataplane_core::source::Origin;
use xfd_dataplane_core::store::Disk;
use xfd_dataplane_core::tls::Authority;

pub use crate::catalogs::{archive, catalog, one_object, pack, random_bytes};
pub use crate::events::{Refused, failed, held, landed, refused};

pub const SWARM: &str = "00112233445566778899";
pub const TOKEN: &str = "5eed5eed";
pub const MIB: usize = 1 << 20;

const PATIENCE: Duration = Duration::from_secs(20);

/// Gives every store the same origin.
struct Given(Arc<dyn Origin>);

impl Connect for Given {
    fn connect<'a>(&'a self, _: &'a StoreConfig) -> BoxFuture<'a, Result<Arc<dyn Origin>>> {
        Box::pin(std::future::ready(Ok(Arc::clone(&self.0))))
    }
}

pub fn settings() -> NodeSettings {
    NodeSettings {
        node_parallelism: 4,
        max_uploads: 8,
        memory_budget_bytes: 16 * MIB,
        origin_bytes_per_s: None,
        download_bytes_per_s: None,
        upload_bytes_per_s: None,
        connect_timeout: Duration::from_secs(2),
        read_timeout: Duration::from_secs(2),
        attempts: 4,
        relay_wait: Duration::from_secs(5),
        unpack_caps: UnpackCaps {
            max_entries: 1000,
            max_bytes: None,
            max_ratio: 250.0,
        },
        verify_whole: false,
    }
}

pub fn stores() -> Stores {
    let directory = PathBuf::from("/nowhere");
    vec![(None, StoreConfig::Local { directory })]
}

/// A catalog of one object, in chunks of 1 MiB.
pub fn wanted(host: &Host, found: &FoundObject) -> Catalog {
    catalog(host.root.path(), std::slice::from_ref(found), MIB as u64)
}

/// Each chunk by an order of its own from the origin.
pub fn each(chunks: std::ops::Range<u32>) -> Vec<Order> {
    let order = |chunk| fetch(OrderId::from(chunk), chunk..chunk + 1, Source::Origin);
    chunks.map(order).collect()
}

pub fn fetch(first_order: OrderId, chunks: std::ops::Range<u32>, source: Source) -> Order {
    Order::Fetch {
        first_order,
        first_chunk: chunks.start,
        count: chunks.end - chunks.start,
        source,
        priority: 0,
    }
}

/// A node with a folder, a peer server, and its events so far.
pub struct Host {
    pub node: Node,
    pub name: &'static str,
    pub root: Arc<TempDir>,
    pub address: String,
    pub events: Vec<NodeEvent>,
}

impl Host {
    pub fn new(name: &'static str, origin: Arc<dyn Origin>) -> Self {
        Self::with(name, origin, settings())
    }

    pub fn with(name: &'static str, origin: Arc<dyn Origin>, settings: NodeSettings) -> Self {
        Self::at(name, origin, settings, Arc::new(TempDir::new().unwrap()))
    }

    pub fn at(
        name: &'static str,
        origin: Arc<dyn Origin>,
        settings: NodeSettings,
        root: Arc<TempDir>,
    ) -> Self {
        let node = Node::with_origins(name.into(), settings, Arc::new(Given(origin))).unwrap();
        Self::of(name, node, root, Durability::None, None)
    }

    /// One that speaks TLS, with a certificate of this authority.
    pub fn in_tls(name: &'static str, origin: Arc<dyn Origin>, authority: &Authority) -> Self {
        let node = Node::with_origins(name.into(), settings(), Arc::new(Given(origin))).unwrap();
        let identity = authority.issue(name).unwrap();
        let root = Arc::new(TempDir::new().unwrap());
        Self::of(name, node, root, Durability::None, Some(identity))
    }

    /// One that syncs to `disk`.
    pub fn on_disk(name: &'static str, origin: Arc<dyn Origin>, disk: Arc<dyn Disk>) -> Self {
        let node = Node::with_origins(name.into(), settings(), Arc::new(Given(origin))).unwrap();
        let root = Arc::new(TempDir::new().unwrap());
        Self::of(name, node.on_disk(disk), root, Durability::Object, None)
    }

    fn of(
        name: &'static str,
        node: Node,
        root: Arc<TempDir>,
        durability: Durability,
        identity: Option<PeerIdentity>,
    ) -> Self {
        let address = node.serve("127.0.0.1", None).unwrap().to_string();
        let host = Self {
            node,
            name,
            root,
            address,
            events: Vec::new(),
        };
        host.node
            .join(SwarmTicket {
                swarm: SWARM.into(),
                token: Secret(TOKEN.into()),
                durability,
                identity,
            })
            .unwrap();
        host
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn extend(&self, catalog: Catalog) -> Inventory {
        self.node.extend(SWARM, catalog, &stores()).unwrap()
    }

    pub fn submit(&self, orders: Vec<Order>) {
        self.node.submit(SWARM, orders).unwrap();
    }

    pub fn meet(&self, other: &Host) {
        let address = (other.name.to_owned(), other.address.clone());
        self.submit(vec![Order::MeetPeers {
            addresses: vec![address],
        }]);
    }

    pub fn as_source(&self) -> Source {
        Source::Peer(self.name.into())
    }

    /// Polls until the events so far satisfy a condition.
    pub fn until(&mut self, what: &str, is_so: impl Fn(&[NodeEvent]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.events) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{}: waited in vain until {what}; so far {:#?}; {:?}",
                self.name,
                self.events,
                self.node.counters(Some(SWARM)),
            );
            let wait = left.min(Duration::from_millis(500));
            self.events.extend(self.node.poll(SWARM, wait).unwrap());
        }
    }

    pub fn until_landed(&mut self, count: usize) {
        self.until("everything landed", |events| landed(events) >= count);
        assert!(
            !self
                .events
                .iter()
                .any(|event| matches!(event, NodeEvent::ObjectFailed { .. })),
            "{:#?}",
            self.events
        );
    }

    /// Adds the events that came meanwhile.
    pub fn drain(&mut self, wait: Duration) {
        self.events.extend(self.node.poll(SWARM, wait).unwrap());
    }

    pub fn has_written_only(&self, names: &[&str]) -> bool {
        let found: Vec<String> = std::fs::read_dir(self.root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".xfd-lock"))
            .collect();
        found.iter().all(|name| names.contains(&name.as_str()))
    }
}

/// Every path below a folder, in order.
pub fn file_names(root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            names.push(name.to_owned());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    names.sort_unstable();
    names
}

/// Waits for a condition that no event reports.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
