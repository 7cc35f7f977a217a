//! Whole nodes over real sockets and real files, as a scheduler sees them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod archives;
mod bad_archives;
mod catalogs;
mod checksums;
mod drips;
mod events;
#[path = "../support/faulty.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod faulty;
mod gate;
mod lanes;
mod lifecycle;
mod limits;
mod lookups;
mod lost;
#[path = "../support/memory.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod memory;
mod moved;
mod origin;
mod proxies;
#[path = "../support/raw.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod raw;
mod reconfigured;
mod refusals;
mod relay;
mod request_forms;
mod serving;
mod stalls;
mod strangers;
mod support;
mod tls;
mod tls_client;
mod tls_strangers;
