//! Decisions without effects: no tokio, no file system, no clock. Time and random numbers come in
//! as arguments, so every one of them can be tested by itself.

pub mod archive;
pub mod bucket;
pub mod cache;
pub mod crawl;
pub mod flow;
pub mod ledger;
pub mod pace;
pub mod queue;
pub mod retry;
