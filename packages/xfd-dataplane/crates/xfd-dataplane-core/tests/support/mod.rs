//! What several test binaries share: real servers to run against.
//!
//! Use it with `#[path = "../support/mod.rs"] mod support;` (or `mod support;` from a single file).
#![allow(dead_code, reason = "no test binary uses all of it")]

pub mod azurite;
pub mod faulty;
pub mod gcs;
pub mod hub;
pub mod memory;
pub mod plain_client;
pub mod ports;
pub mod process;
pub mod raw;
pub mod rclone;
pub mod s3;
pub mod s3s;
pub mod tls;
pub mod web;
pub mod weed;
