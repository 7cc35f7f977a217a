//! The modules of xfd-dataplane-core whose threads share state, compiled with shuttle's locks, and
//! models of them: small programs of several threads that shuttle runs in one order after another.

// The modules are those of another crate, which lints them, and not all of them is used here.
#![allow(dead_code, missing_docs, unexpected_cfgs, unreachable_pub, unused_imports)]

#[path = "../../xfd-dataplane-core/src/beside/mod.rs"]
mod beside;
#[path = "../../xfd-dataplane-core/src/bytes_text.rs"]
mod bytes_text;
#[path = "../../xfd-dataplane-core/src/capacity.rs"]
mod capacity;
#[path = "../../xfd-dataplane-core/src/crc.rs"]
mod crc;
#[path = "../../xfd-dataplane-core/src/decides/mod.rs"]
mod decides;
#[path = "../../xfd-dataplane-core/src/digest.rs"]
mod digest;
#[path = "../../xfd-dataplane-core/src/error.rs"]
mod error;
#[path = "../../xfd-dataplane-core/src/model/mod.rs"]
mod model;
mod primitives;
#[path = "../../xfd-dataplane-core/src/stats.rs"]
mod stats;
#[path = "../../xfd-dataplane-core/src/store/mod.rs"]
mod store;
#[path = "../../xfd-dataplane-core/src/threads.rs"]
mod threads;
#[path = "../../xfd-dataplane-core/src/unpack/mod.rs"]
mod unpack;
#[path = "../../xfd-dataplane-core/src/writeback.rs"]
mod writeback;

#[path = "../../xfd-dataplane-core/src/server/connections.rs"]
mod connections;
#[path = "../../xfd-dataplane-core/src/node/group.rs"]
mod group;
#[path = "../../xfd-dataplane-core/src/node/slots.rs"]
mod slots;
#[path = "../../xfd-dataplane-core/src/server/strangers.rs"]
mod strangers;

pub mod models;
