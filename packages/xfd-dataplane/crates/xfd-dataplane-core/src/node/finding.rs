//! Many lookups at once, each retried and at its origin's pace.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::decides::retry::{Retry, RetryPolicy};
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
    let mut retry = Retry::new(RetryPolicy::new(node.settings.attempts));
    loop {
        let turn = connected.turn().await;
        let found = match lookup.is_prefix {
            true => connected.origin.list(bucket, &lookup.key).await,
            false => {
                let head = connected.origin.head(bucket, &lookup.key).await;
                head.map(|found| vec![found])
            }
        };
        let Err(error) = found else { return found };
        turn.failed(&error);
        drop(turn);
        match retry.after(&error, 0, fastrand::f64()) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(error.with_object(&lookup.key)),
        }
    }
}
