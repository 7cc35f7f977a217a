//! Credentials: asked for once, for the SDK's requests and for those that are signed without it.
//!
//! Temporary ones are asked for anew a minute before they expire, or after half of their life where
//! that is shorter: a process that gives keys for seconds is not run for each request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::identity::Identity;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::super::text::text_of;
use super::clock::StoreClock;
use crate::error::{Error, Kind, Result};

/// A credential process or single sign-on may take a while.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(30);

/// Temporary keys are asked for anew so long before they expire.
const BEFORE_EXPIRY: Duration = Duration::from_secs(60);

/// Keys as their provider gave them, until they are about to expire. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    provider: SharedCredentialsProvider,
    clock: StoreClock,
    kept: Arc<Mutex<Option<Kept>>>,
}

#[derive(Clone, Debug)]
struct Kept {
    keys: Credentials,
    identity: Arc<Identity>,
    until: Option<SystemTime>,
}

impl Keys {
    pub(super) fn new(provider: SharedCredentialsProvider, clock: StoreClock) -> Self {
        Self {
            provider,
            clock,
            kept: Arc::default(),
        }
    }

    /// Keys that are good at `now`.
    ///
    /// # Errors
    /// `Credentials` where the provider has none.
    pub(super) async fn at(&self, now: SystemTime) -> Result<Arc<Identity>> {
        let kept = self.kept_at(now).await;
        let missing = |error| {
            let what = format!("There are no credentials: {}", text_of(&error));
            Error::new(Kind::Credentials, what)
        };
        Ok(kept.map_err(missing)?.identity)
    }

    async fn kept_at(&self, now: SystemTime) -> std::result::Result<Kept, CredentialsError> {
        let mut place = self.kept.lock().await;
        if let Some(kept) = &*place
            && kept.until.is_none_or(|until| now < until)
        {
            return Ok(kept.clone());
        }
        let given = timeout(CREDENTIALS_TIMEOUT, self.provider.provide_credentials()).await;
        let keys =
            given.map_err(|_| CredentialsError::provider_timed_out(CREDENTIALS_TIMEOUT))??;
        let kept = Kept {
            identity: Arc::new(Identity::from(keys.clone())),
            until: keys.expiry().map(|expiry| good_until(now, expiry)),
            keys,
        };
        *place = Some(kept.clone());
        Ok(kept)
    }
}

impl ProvideCredentials for Keys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let kept = self.kept_at(self.clock.now()).await?;
            Ok(kept.keys)
        })
    }
}

/// Until when keys that were given at `now` are used.
fn good_until(now: SystemTime, expiry: SystemTime) -> SystemTime {
    let life = expiry.duration_since(now).unwrap_or_default();
    now + life.saturating_sub(BEFORE_EXPIRY.min(life / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_used_until_shortly_before_they_expire() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        for (life, used) in [(3600, 3540), (120, 60), (60, 30), (30, 15), (0, 0)] {
            let until = good_until(now, now + Duration::from_secs(life));
            assert_eq!(until, now + Duration::from_secs(used), "{life}");
        }
        assert_eq!(good_until(now, SystemTime::UNIX_EPOCH), now);
    }
}
