//! Names of nodes, swarms, objects, chunks and orders.

/// `xfd_api.ids.NodeId`.
pub type NodeId = String;
/// `xfd_api.ids.SwarmId`.
pub type SwarmId = String;
/// `xfd_api.ids.ObjectIndex`.
pub type ObjectIndex = u32;
/// `xfd_api.ids.ChunkIndex`.
pub type ChunkIndex = u32;
/// `xfd_api.ids.OrderId`.
pub type OrderId = u64;
