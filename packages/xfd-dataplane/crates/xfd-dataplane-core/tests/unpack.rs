//! Archives become trees: as GNU tar and unzip make them, or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "tests"
)]

#[path = "unpack/support.rs"]
mod support;

#[path = "unpack/conda.rs"]
mod conda;
#[path = "unpack/destination.rs"]
mod destination;
#[path = "unpack/dialects.rs"]
mod dialects;
#[path = "unpack/filter.rs"]
mod filter;
#[path = "unpack/hostile.rs"]
mod hostile;
#[path = "unpack/links.rs"]
mod links;
#[path = "unpack/memory.rs"]
mod memory;
#[path = "unpack/streams.rs"]
mod streams;
#[path = "unpack/tar.rs"]
mod tar_trees;
#[path = "unpack/threads.rs"]
mod threads;
#[path = "support/users.rs"]
mod users;
#[path = "unpack/zip_directory.rs"]
mod zip_directory;
#[path = "unpack/zip.rs"]
mod zip_trees;
