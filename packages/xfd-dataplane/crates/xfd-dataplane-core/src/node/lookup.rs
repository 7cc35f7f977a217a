//! Looks objects up at their origins: many at once, each with retries and within its origin's
//! limit.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::context::Context;
use crate::error::Result;
use crate::model::{FoundObject, Lookup, Stores};

/// Lookups under way at once.
const LOOKUPS_AT_ONCE: usize = 64;

/// The answers in the lookups' order, or the error of the first that failed.
pub(crate) async fn find_all(
    node: &Context,
    lookups: &[Lookup],
    stores: &Stores,
) -> Result<Vec<Vec<FoundObject>>> {
    stream::iter(lookups)
        .map(|lookup| find(node, lookup, stores))
        .buffered(LOOKUPS_AT_ONCE)
        .try_collect()
        .await
}

async fn find(node: &Context, lookup: &Lookup, stores: &Stores) -> Result<Vec<FoundObject>> {
    let profile = lookup.profile_name.as_deref();
    let connected = node.origins.of(stores, profile).await?;
    let bucket = lookup.bucket.as_deref();
    let found = connected.ask(node.settings.attempts, || async {
        let answer = match lookup.is_prefix {
            true => connected.origin.list(bucket, &lookup.key).await,
            false => {
                let head = connected.origin.head(bucket, &lookup.key).await;
                head.map(|found| vec![found])
            }
        };
        node.lookups.count_answer(&answer);
        node.lookup_failures.note(&answer);
        answer
    });
    found.await.map_err(|error| error.with_object(&lookup.key))
}
