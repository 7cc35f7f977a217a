//! What is on a node's disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "tests"
)]
#![allow(missing_docs)]

mod beside;
mod cache;
mod damage;
mod elsewhere;
mod hub_cache;
mod landing;
mod leases;
mod ledger;
mod manifests;
mod other_users;
mod packs;
mod paths;
mod pins;
mod power_loss;
mod readers;
mod removed;
mod resume;
mod room;
mod sharing;
mod support;
mod trees;
mod twins;
#[path = "../support/users.rs"]
mod users;
mod write_behind;
