//! The data plane of xfd: fetches chunks from origins and peers, verifies them, writes each byte
//! once, serves them to peers, and unpacks archives.
//!
//! No Python in here: `cargo test` needs none. What is *decided* (which bytes are missing, whether
//! a cached file is valid, when to try again, which archive entry is safe) lives in [`decides`],
//! free of tokio, file systems and clocks; everything else carries decisions out.
//!
//! ```text
//!   node ── orders in, events out; budgets and limits
//!    ├─ source ── origins: S3, directory, HTTP, memory, faulty
//!    ├─ peer / server ── chunks between nodes
//!    ├─ store ── part files, journal, records, chunk leases and readers
//!    │    └─ decides::ledger, decides::cache
//!    └─ unpack ── tar, zip, gz behind the in-order prefix
//! ```

#[cfg(not(target_os = "linux"))]
compile_error!("xfd runs on Linux only");

pub mod beside;
mod bytes_text;
pub mod capacity;
pub mod crc;
pub mod decides;
pub mod error;
pub mod limits;
mod locked;
pub mod log;
pub mod model;
pub mod node;
pub mod peer;
pub mod server;
pub mod source;
pub mod stats;
pub mod store;
pub mod unpack;
pub mod wire;
mod writeback;
