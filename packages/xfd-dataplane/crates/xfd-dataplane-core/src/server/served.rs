//! What the peer server needs of a node and of each of its swarms.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use super::handshakes::Handshakes;
use crate::limits::Limits;
use crate::model::{Secret, SwarmId};
use crate::stats::Stats;
use crate::store::Store;

/// What the server needs of one swarm.
#[derive(Clone)]
pub struct Served {
    /// Compared in constant time.
    pub token: Secret,
    /// Whether only peers with a certificate of the swarm are served.
    pub is_tls: bool,
    /// Where its chunks are.
    pub store: Store,
    /// Its counters.
    pub stats: Arc<Stats>,
    /// Cancelled when the swarm is left.
    pub left: CancellationToken,
}

/// The swarms of a node, by name.
pub trait Swarms: Send + Sync + 'static {
    /// The swarm of this name, while the node is in it.
    fn served(&self, swarm: &str) -> Option<Served>;

    /// The swarm in which this node has this name, and how it speaks TLS there; see [`crate::tls`].
    fn named(&self, name: &str) -> Option<(SwarmId, Arc<ServerConfig>)>;
}

pub(crate) struct Server {
    pub(crate) swarms: Arc<dyn Swarms>,
    pub(crate) limits: Limits,
    pub(crate) relay_wait: Duration,
    pub(crate) handshakes: Handshakes,
}
