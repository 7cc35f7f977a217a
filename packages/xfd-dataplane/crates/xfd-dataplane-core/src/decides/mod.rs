//! Decisions without effects: no tokio, no file system, no clock.
//!
//! Time and random numbers are arguments, so that each decision is tested by itself.

pub mod archive;
pub mod bucket;
pub mod cache;
pub mod checksums;
pub mod concurrency;
pub mod flow;
pub mod ledger;
pub mod pace;
pub mod queue;
pub mod retry;
pub mod silence;
pub mod stalled;
