//! What a cloud's store does for its origin, and the origin that follows from it.

use std::fmt::Debug;
use std::future::Future;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};

use super::super::origin::{Body, Get, Origin};
use crate::error::Result;
use crate::model::FoundObject;

/// One store of a cloud; each of its methods is told the bucket.
pub(super) trait CloudStore: Debug + Send + Sync {
    /// Of its uris, without the colon.
    const SCHEME: &'static str;

    /// The bucket of keys that name none.
    fn own_bucket(&self) -> &str;

    fn head_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> impl Future<Output = Result<FoundObject>> + Send;

    fn list_prefix(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<FoundObject>>> + Send;

    fn get_object(
        &self,
        bucket: &str,
        get: &Get<'_>,
        object: &str,
    ) -> impl Future<Output = Result<Body>> + Send;
}

impl<S: CloudStore> Origin for S {
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        let bucket = bucket.unwrap_or(self.own_bucket());
        self.head_object(bucket, key)
            .map_err(move |error| error.with_object(uri::<S>(bucket, key)))
            .boxed()
    }

    fn list<'a>(
        &'a self,
        bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        let bucket = bucket.unwrap_or(self.own_bucket());
        self.list_prefix(bucket, prefix)
            .map_err(move |error| error.with_object(uri::<S>(bucket, prefix)))
            .boxed()
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        let bucket = get.bucket.unwrap_or(self.own_bucket());
        async move {
            let object = uri::<S>(bucket, get.key);
            let body = self.get_object(bucket, &get, &object).await;
            body.map_err(|error| error.with_object(object))
        }
        .boxed()
    }
}

fn uri<S: CloudStore>(bucket: &str, key: &str) -> String {
    format!("{}://{bucket}/{key}", S::SCHEME)
}
