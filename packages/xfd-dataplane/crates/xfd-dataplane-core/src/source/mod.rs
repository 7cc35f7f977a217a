//! Origins with one trait: S3, a local directory and a web server.
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
mod document;
mod file;
mod http;
mod pin;
mod plain;
mod redirect;
mod refusal;
mod s3;
mod trust;

use std::fmt::Debug;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;

pub use self::client::ConnectOptions;
pub use self::file::FileOrigin;
pub use self::http::HttpOrigin;
pub use self::s3::S3Origin;
use crate::error::Result;
use crate::model::{Checksum, FoundObject, StoreConfig};

/// The bytes of an object or of a range of it, in order.
pub struct Body {
    bytes: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
    /// Of the whole object, if the body is all of it and the answer has one. The reader of the body
    /// compares.
    pub checksum: Option<Checksum>,
}

impl Body {
    /// A body without a checksum.
    #[must_use]
    pub fn new(bytes: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self {
            bytes: Box::pin(bytes),
            checksum: None,
        }
    }

    /// The same, with the checksum that came along.
    #[must_use]
    pub fn with_checksum(self, checksum: Option<Checksum>) -> Self {
        Self { checksum, ..self }
    }
}

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.bytes.as_mut().poll_next(cx)
    }
}

/// One GET.
#[derive(Clone, Debug)]
pub struct Get<'a> {
    /// Named by the uri; None for the store's own.
    pub bucket: Option<&'a str>,
    /// The whole key.
    pub key: &'a str,
    /// Bytes wanted; None for all of it, sent without a Range header.
    pub range: Option<Range<u64>>,
    /// Sent as If-Match.
    pub etag: Option<&'a str>,
    /// The object's size as it was found; an answer about another one is an error. None where
    /// nobody knows it yet.
    pub size: Option<u64>,
}

impl<'a> Get<'a> {
    /// Of a whole object of the store's own bucket, whatever its version.
    pub(crate) fn of(key: &'a str) -> Self {
        Self {
            bucket: None,
            key,
            range: None,
            etag: None,
            size: None,
        }
    }
}

/// A place where objects come from.
pub trait Origin: Send + Sync + Debug {
    /// What the origin says of one object.
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>>;

    /// Every object under a prefix. `prefix` has no slash at its end; empty is everything.
    fn list<'a>(
        &'a self,
        bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>>;

    /// The bytes of one object or range.
    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>>;

    /// Whether a HEAD may have a checksum that a list does not.
    fn keeps_checksums(&self) -> bool {
        true
    }
}

/// Makes the origin of a store's description. No request is sent yet.
///
/// # Errors
/// `InvalidRequest` for a description that makes no sense.
pub async fn connect(config: &StoreConfig, options: &ConnectOptions) -> Result<Arc<dyn Origin>> {
    Ok(match config {
        StoreConfig::S3(config) => Arc::new(S3Origin::connect(config, options).await?),
        StoreConfig::Local { directory } => Arc::new(FileOrigin::new(directory)),
        StoreConfig::Http { base_url } => Arc::new(HttpOrigin::new(&base_url.0, options)?),
    })
}

/// An error and what caused it, in one sentence.
fn text_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        let said = said.lines().map(str::trim).collect::<Vec<_>>().join("; ");
        if words.last().is_none_or(|last| !last.contains(&said)) {
            words.push(said);
        }
        next = error.source();
    }
    words.join(": ")
}
