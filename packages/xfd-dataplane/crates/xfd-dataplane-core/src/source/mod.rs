//! Origins with one trait: S3, Google, Azure, a local directory, a web server and the Hugging Face
//! hub.
//!
//! One conformance suite (`tests/origins`) holds them all to the same rules:
//!
//! * [`Origin::head`] gives the size, ETag, time and checksum of one object, or `ObjectNotFound`.
//! * [`Origin::list`] gives every key under a prefix of whole segments, in the order of their
//!   bytes, page by page inside; an unknown prefix is an empty list.
//! * [`Origin::get`] answers with exactly the bytes of the range, or fails: a body that ends early
//!   is an error of its last poll, a pinned ETag that no longer matches is `ObjectChanged`, an
//!   object of another size than the one that was found is `OriginAnswer`. No body is longer than
//!   what was asked for, whatever comes.
//! * Nothing is retried in here: one call is one request. Retries belong to the caller, which knows
//!   how many bytes are already down (`node`, `decides::retry`).

mod answer;
mod body;
mod bypass;
mod client;
mod cloud;
mod connect_options;
mod document;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz_checks;
mod http;
mod hub;
mod listing;
mod origin;
mod pin;
mod plain;
mod proxies;
mod rate_limit;
mod redirect;
mod refusal;
mod resolver;
mod s3;
mod text;
mod trust;
mod web;
mod xml;

use std::sync::Arc;

pub use self::cloud::{AzureOrigin, GcsOrigin};
pub use self::connect_options::ConnectOptions;
pub use self::file::FileOrigin;
pub use self::http::HttpOrigin;
pub use self::hub::HubOrigin;
pub use self::origin::{Body, Get, Origin};
pub use self::s3::S3Origin;
use crate::error::Result;
use crate::model::StoreConfig;

/// Makes the origin of a store's description. No request is sent yet.
///
/// # Errors
/// `InvalidRequest` for a description that makes no sense.
pub async fn connect(config: &StoreConfig, options: &ConnectOptions) -> Result<Arc<dyn Origin>> {
    Ok(match config {
        StoreConfig::S3(config) => Arc::new(S3Origin::connect(config, options).await?),
        StoreConfig::Gcs(config) => Arc::new(GcsOrigin::connect(config, options)?),
        StoreConfig::Azure(config) => Arc::new(AzureOrigin::connect(config, options)?),
        StoreConfig::Local { directory } => Arc::new(FileOrigin::new(directory)),
        StoreConfig::Http(config) => Arc::new(HttpOrigin::new(config, options)?),
        StoreConfig::Hub(config) => Arc::new(HubOrigin::new(config, options)?),
    })
}
