//! What several test binaries share: real servers to run against.
//!
//! Use it with `#[path = "../support/mod.rs"] mod support;` (or `mod support;` from a single file).
#![allow(dead_code, reason = "no test binary uses all of it")]

pub mod ports;
pub mod s3;
pub mod web;
pub mod weed;
