//! Credentials for requests that are signed without the SDK's whole operation.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::identity::Identity;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::super::text_of;
use super::connect::CREDENTIALS_TIMEOUT;
use crate::error::{Error, Kind, Result};

/// Temporary keys are asked for anew so long before they expire.
const BEFORE_EXPIRY: Duration = Duration::from_secs(60);

/// Keys as their provider gave them, until they are about to expire.
#[derive(Debug)]
pub(super) struct Keys {
    provider: SharedCredentialsProvider,
    kept: Mutex<Option<(Arc<Identity>, Option<SystemTime>)>>,
}

impl Keys {
    pub(super) fn new(provider: SharedCredentialsProvider) -> Self {
        Self {
            provider,
            kept: Mutex::default(),
        }
    }

    /// Keys that are good at `now`.
    ///
    /// # Errors
    /// `Credentials` where the provider has none.
    pub(super) async fn at(&self, now: SystemTime) -> Result<Arc<Identity>> {
        let mut kept = self.kept.lock().await;
        if let Some((keys, expiry)) = &*kept
            && expiry.is_none_or(|expiry| now + BEFORE_EXPIRY < expiry)
        {
            return Ok(Arc::clone(keys));
        }
        let given = timeout(CREDENTIALS_TIMEOUT, self.provider.provide_credentials()).await;
        let missing = |what: &str| {
            Error::new(
                Kind::Credentials,
                format!("There are no credentials: {what}"),
            )
        };
        let given: Credentials = given
            .map_err(|_| missing("their provider does not answer"))?
            .map_err(|error| missing(&text_of(&error)))?;
        let expiry = given.expiry();
        let keys = Arc::new(Identity::from(given));
        *kept = Some((Arc::clone(&keys), expiry));
        Ok(keys)
    }
}
