//! Plain structs for what crosses the border to Python, one for each dataclass of `xfd_api`.
//!
//! Each has the fields of its dataclass, whose docstrings say what they mean. The pyo3 crate builds
//! them from Python's attributes, in `from_python.rs`.

mod catalog;
mod ids;
mod objects;
mod orders;
mod reports;
mod secret;
mod settings;
mod stores;
mod trees;

pub use catalog::{BlobPlace, Catalog, CatalogObject, Chunk, Span};
pub use ids::{ChunkIndex, NodeId, ObjectIndex, OrderId, SwarmId};
pub use objects::{Checksum, ChecksumAlgorithm, FoundObject, Lookup};
pub use orders::{Order, Source};
pub use reports::{Fault, HeldRun, Inventory, NodeEvent, Stall, SurveyedObject};
pub use secret::{Secret, SecretBytes};
pub use settings::{Durability, NodeSettings, PeerIdentity, SwarmTicket, UnpackCaps};
pub use stores::{
    AddressingStyle, AzureAccess, AzureConfig, GcsAccess, GcsConfig, HttpAccess, HttpConfig,
    HubAccess, HubConfig, S3Config, StoreConfig, Stores,
};
pub use trees::{LeftOut, Links, TreeEntry, Unpack, UnpackMethod};
