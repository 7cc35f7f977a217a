//! Every origin, held to the same rules, and each one's own ways to fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod aws;
mod cloud;
mod cloud_credentials;
mod conformance;
mod credentials;
mod direct;
mod documents;
mod environment;
mod faults;
mod http;
mod hub;
mod local;
mod places;
mod s3;
mod s3_dialects;
