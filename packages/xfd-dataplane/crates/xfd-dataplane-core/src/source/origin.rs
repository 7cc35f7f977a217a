//! The interface of an origin: one GET, its body, lookups.

use std::fmt::Debug;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;

use crate::error::Result;
use crate::model::{Checksum, FoundObject};

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
    /// Where the origin serves it, if not at its key ([`FoundObject::location`]).
    pub location: Option<&'a str>,
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
            location: None,
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
