//! How a store works.

use std::sync::Arc;

use crate::model::{Durability, NodeId};
use crate::stats::Stats;

/// How a store works.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Identity written into lock files.
    pub node: NodeId,
    /// Whether files are synced before they get their names.
    pub durability: Durability,
    /// Compare SHA-256 or MD5 over the finished file, if the store has only that.
    pub verify_whole: bool,
    /// Counters of the swarm.
    pub stats: Arc<Stats>,
}
