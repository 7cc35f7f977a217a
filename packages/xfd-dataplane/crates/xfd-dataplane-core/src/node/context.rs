//! What all swarms of a node share: settings, limits, connections, slots.
//!
//! It imports nothing that knows of swarms or orders' fates, so that every part of a node may use
//! it.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::obstacles::LookupFailures;
use super::origins::Origins;
use super::slots::Slots;
use crate::limits::Limits;
use crate::model::{NodeId, NodeSettings};
use crate::peer::Peers;
use crate::stats::Stats;

pub(crate) struct Context {
    pub(crate) id: NodeId,
    /// As the node was made. `limits`, `slots` and `origins` have what was changed since.
    pub(crate) settings: NodeSettings,
    pub(crate) limits: Limits,
    pub(crate) slots: Slots,
    pub(crate) peers: Peers,
    pub(crate) origins: Origins,
    pub(crate) runtime: Handle,
    /// Permits for archives that are unpacked at once: one for each core.
    pub(crate) unpackers: Arc<Semaphore>,
    /// Permits for objects that are hashed at once: one for each core.
    pub(crate) hashers: Arc<Semaphore>,
    /// Cancelled when the node is closed.
    pub(crate) closed: CancellationToken,
    /// Counts requests that belong to no swarm: those that look for objects.
    pub(crate) lookups: Stats,
    pub(crate) lookup_failures: LookupFailures,
}

impl Context {
    pub(crate) fn new(
        id: NodeId,
        settings: NodeSettings,
        slots: Slots,
        origins: Origins,
        runtime: Handle,
        cores: usize,
    ) -> Self {
        Self {
            id,
            limits: Limits::new(&settings),
            slots,
            peers: Peers::new(&settings),
            origins,
            runtime,
            unpackers: Arc::new(Semaphore::new(cores)),
            hashers: Arc::new(Semaphore::new(cores)),
            closed: CancellationToken::new(),
            lookups: Stats::default(),
            lookup_failures: LookupFailures::default(),
            settings,
        }
    }
}
