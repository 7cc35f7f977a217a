//! Every profile's origin, and the answers to many lookups at once.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;

use super::client::ConnectOptions;
use super::{Origin, connect};
use crate::error::{Error, Kind, Result};
use crate::model::{FoundObject, Lookup, StoreConfig, Stores};

/// Enough to hide a store's latency, few enough not to be throttled for it.
const LOOKUPS_AT_ONCE: usize = 64;

/// The origins of all profiles. Each is connected when it is first asked for, and kept.
#[derive(Debug)]
pub struct Origins {
    options: ConnectOptions,
    by_profile: HashMap<Option<String>, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// None where an origin was given instead of a description.
    config: Option<StoreConfig>,
    origin: OnceCell<Arc<dyn Origin>>,
}

impl Origins {
    /// Of these stores; connects to none yet.
    #[must_use]
    pub fn new(stores: &Stores, options: ConnectOptions) -> Self {
        let entry = |config: &StoreConfig| Entry {
            config: Some(config.clone()),
            origin: OnceCell::new(),
        };
        Self {
            options,
            by_profile: stores
                .iter()
                .map(|(name, config)| (name.clone(), entry(config)))
                .collect(),
        }
    }

    /// The same, with an origin that is there already, for callers with one of their own.
    #[must_use]
    pub fn with(mut self, profile_name: Option<&str>, origin: Arc<dyn Origin>) -> Self {
        let entry = Entry {
            config: None,
            origin: OnceCell::new_with(Some(origin)),
        };
        let name = profile_name.map(str::to_owned);
        self.by_profile.insert(name, entry);
        self
    }

    /// The origin of one profile.
    ///
    /// # Errors
    /// `InvalidRequest` for a profile that is not there, or a description that makes no sense.
    pub async fn get(&self, profile_name: Option<&str>) -> Result<Arc<dyn Origin>> {
        let unknown = || {
            let what = match profile_name {
                Some(name) => format!("There is no profile {name:?}"),
                None => "There is no profile without a name".to_owned(),
            };
            Error::new(Kind::InvalidRequest, what)
        };
        let name = profile_name.map(str::to_owned);
        let entry = self.by_profile.get(&name).ok_or_else(unknown)?;
        let make = || async {
            let config = entry.config.as_ref().ok_or_else(unknown)?;
            connect(config, &self.options).await
        };
        entry.origin.get_or_try_init(make).await.cloned()
    }
}

/// The answers to the lookups, in their order; an empty list where nothing is under a prefix.
///
/// # Errors
/// The error of the first lookup, in their order, that failed.
pub async fn find_objects(origins: &Origins, lookups: &[Lookup]) -> Result<Vec<Vec<FoundObject>>> {
    stream::iter(lookups)
        .map(|lookup| find(origins, lookup))
        .buffered(LOOKUPS_AT_ONCE)
        .try_collect()
        .await
}

async fn find(origins: &Origins, lookup: &Lookup) -> Result<Vec<FoundObject>> {
    let origin = origins.get(lookup.profile_name.as_deref()).await?;
    let bucket = lookup.bucket.as_deref();
    if lookup.is_prefix {
        return origin.list(bucket, &lookup.key).await;
    }
    Ok(vec![origin.head(bucket, &lookup.key).await?])
}
