//! The data plane of xfd: fetches chunks from origins and peers, verifies them, writes each byte
//! once, serves them to peers, and unpacks archives.
//!
//! It has no Python: `cargo test` needs none. [`decides`] has the decisions (which bytes are
//! missing, whether a cached file is valid, when to try again, which archive entry is safe),
//! without tokio, file systems and clocks. The other modules carry them out, and [`node`] uses them
//! all.
//!
//! ```text
//!   node ── orders in, events out, within limits
//!    ├─ source ── origins: S3, directory, HTTP
//!    ├─ peer, server ── chunks between nodes
//!    │    └─ tls ── between nodes of one swarm only
//!    ├─ store ── part files, journals, records, leases of chunks and their readers
//!    │    └─ decides::ledger, decides::cache
//!    └─ unpack ── tar, zip, gz, while the bytes arrive
//! ```

#[cfg(not(target_os = "linux"))]
compile_error!("xfd runs on Linux only");

pub mod beside;
mod bytes_text;
pub mod capacity;
pub mod crc;
pub mod decides;
pub mod digest;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod limits;
pub mod log;
pub mod model;
pub mod node;
mod paced;
pub mod peer;
mod primitives;
pub mod server;
pub mod source;
pub mod stats;
pub mod store;
mod threads;
mod ticks;
pub mod tls;
pub mod unpack;
pub mod wire;
mod writeback;
