//! Many lookups at once, each retried and at its origin's pace.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::error::Result;
use crate::model::{FoundObject, Lookup, Stores};
use crate::node::shared::Shared;

/// Lookups that are asked at once.
const LOOKUPS: usize = 64;

/// The answers in the lookups' order, or the error of the first that failed.
pub(crate) async fn find_all(
    node: &Shared,
    lookups: &[Lookup],
    stores: &Stores,
) -> Result<Vec<Vec<FoundObject>>> {
    stream::iter(lookups)
        .map(|lookup| find(node, lookup, stores))
        .buffered(LOOKUPS)
        .try_collect()
        .await
}

async fn find(node: &Shared, lookup: &Lookup, stores: &Stores) -> Result<Vec<FoundObject>> {
    let profile = lookup.profile_name.as_deref();
    let connected = node.origins.of(stores, profile).await?;
    let bucket = lookup.bucket.as_deref();
    let found = connected.ask(node.settings.attempts, || async {
        node.members().past.origin_requests += 1;
        let answer = match lookup.is_prefix {
            true => connected.origin.list(bucket, &lookup.key).await,
            false => {
                let head = connected.origin.head(bucket, &lookup.key).await;
                head.map(|found| vec![found])
            }
        };
        answer.inspect_err(|_| node.members().past.origin_failures += 1)
    });
    found.await.map_err(|error| error.with_object(&lookup.key))
}
