//! One node's hands: takes orders, carries them out within its budgets, says what happened.
#![expect(missing_docs, clippy::todo, unused_variables, reason = "a skeleton")]

use std::net::SocketAddr;
use std::time::Duration;

use crate::error::Result;
use crate::model::{
    Catalog, FoundObject, Inventory, Lookup, NodeEvent, NodeId, NodeSettings, Order, Stores,
    SwarmTicket,
};
use crate::stats::Counters;

/// Methods block the calling thread (the node has a runtime of its own); all take `&self` and may
/// be called from several threads. Documented at `xfd_api.ports.DataPlane` and `ObjectFinder`.
pub struct Node;

impl Node {
    pub fn new(id: NodeId, settings: NodeSettings) -> Result<Self> {
        todo!()
    }

    pub fn find_objects(
        &self,
        lookups: &[Lookup],
        stores: &Stores,
    ) -> Result<Vec<Vec<FoundObject>>> {
        todo!()
    }

    pub fn serve(&self, host: &str, ports: Option<(u16, u16)>) -> Result<SocketAddr> {
        todo!()
    }

    pub fn join(&self, ticket: SwarmTicket) -> Result<()> {
        todo!()
    }

    pub fn extend(&self, swarm: &str, catalog: Catalog, stores: &Stores) -> Result<Inventory> {
        todo!()
    }

    pub fn submit(&self, swarm: &str, orders: Vec<Order>) -> Result<()> {
        todo!()
    }

    pub fn poll(&self, swarm: &str, timeout: Duration) -> Result<Vec<NodeEvent>> {
        todo!()
    }

    pub fn leave(&self, swarm: &str) -> Result<()> {
        todo!()
    }

    #[must_use]
    pub fn counters(&self, swarm: Option<&str>) -> Counters {
        todo!()
    }

    pub fn close(&self) {
        todo!()
    }
}
