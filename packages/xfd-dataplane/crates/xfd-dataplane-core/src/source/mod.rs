//! Origins behind one trait: S3, a local directory, a web server, memory and a faulty wrapper.
//!
//! One conformance suite (`tests/origins.rs`) holds them all to the same rules:
//!
//! * [`Origin::head`] tells size, ETag, time and checksum of one object, or `ObjectNotFound`.
//! * [`Origin::list`] gives every key under a prefix of whole segments, in the order of their
//!   bytes, page by page inside; an unknown prefix is an empty list.
//! * [`Origin::get`] answers with exactly the bytes of the range, or fails: a body that ends early
//!   is an error of its last poll, a pinned ETag that no longer matches is `ObjectChanged`.
//! * Nothing is retried in here: one call is one request. Retries belong to the caller, who knows
//!   how many bytes are already down (`fetch.rs`, `decides::retry`).

use std::fmt::Debug;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;

use crate::error::Result;
use crate::model::FoundObject;

/// The bytes of an object or of a range of it, in order.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

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
}
