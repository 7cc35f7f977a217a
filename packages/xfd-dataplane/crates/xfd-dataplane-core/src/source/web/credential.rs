//! The value of the Authorization header: a fixed one, or one that a file of this node holds.
//!
//! A file is read again after a minute, and after an answer that refuses what it held: a user who
//! logs in, or corrects a password, need not start the node's worker anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::access::can_be_sent;
use crate::error::{Error, Kind, Result};
use crate::model::Secret;
use crate::threads::{Mutex, locked};

/// How long what a file held is used.
const KEPT_FOR: Duration = Duration::from_secs(60);

type Read = Arc<dyn Fn() -> Result<Option<Secret>> + Send + Sync>;

/// See the module. It has no `Debug`.
pub(in crate::source) struct Credential {
    read: Option<Read>,
    known: Mutex<Option<(Option<Instant>, Option<Secret>)>>,
}

impl Credential {
    /// This value, or none.
    pub(in crate::source) fn fixed(value: Option<Secret>) -> Self {
        Self {
            read: None,
            known: Mutex::new(Some((None, value))),
        }
    }

    /// What `read` returns; it may block.
    pub(in crate::source) fn read_by(
        read: impl Fn() -> Result<Option<Secret>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            read: Some(Arc::new(read)),
            known: Mutex::default(),
        }
    }

    /// The header's value.
    ///
    /// # Errors
    /// `Credentials` for a file that cannot be read.
    pub(in crate::source) async fn header(&self) -> Result<Option<Secret>> {
        if let Some((read_at, value)) = &*locked(&self.known)
            && read_at.is_none_or(|at| at.elapsed() < KEPT_FOR)
        {
            return Ok(value.clone());
        }
        let Some(read) = self.read.clone() else {
            return Ok(None);
        };
        let value = tokio::task::spawn_blocking(move || read()).await;
        let value = value.map_err(|error| Error::new(Kind::Internal, error.to_string()))??;
        *locked(&self.known) = Some((Some(Instant::now()), value.clone()));
        Ok(value)
    }

    /// An answer refused it.
    pub(super) fn was_refused(&self) {
        if self.read.is_some() {
            *locked(&self.known) = None;
        }
    }
}

/// The header's value for a bearer token (RFC 6750, 2.1); `name` says where the token is from.
///
/// # Errors
/// `Credentials` for a token that cannot be sent.
pub(in crate::source) fn bearer(token: &str, name: &str) -> Result<Secret> {
    if token.is_empty() || token.contains(char::is_whitespace) || !can_be_sent(token) {
        let what = format!("{name} holds characters that no token has");
        return Err(Error::new(Kind::Credentials, what).with_remedy("Copy the token again"));
    }
    Ok(Secret(format!("Bearer {token}")))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[tokio::test]
    async fn a_file_is_read_once_and_again_after_a_refusal() {
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reads);
        let credential = Credential::read_by(move || {
            let read = counted.fetch_add(1, Relaxed);
            Ok(Some(Secret(read.to_string())))
        });
        for expected in ["0", "0"] {
            let value = credential.header().await.unwrap();
            assert_eq!(value, Some(Secret(expected.to_owned())));
        }
        credential.was_refused();
        let value = credential.header().await.unwrap();
        assert_eq!(value, Some(Secret("1".to_owned())));
        assert_eq!(reads.load(Relaxed), 2);
    }

    #[tokio::test]
    async fn a_fixed_value_stays_and_a_file_that_fails_is_read_again() {
        let fixed = Credential::fixed(Some(Secret("it".to_owned())));
        fixed.was_refused();
        assert_eq!(fixed.header().await.unwrap(), Some(Secret("it".to_owned())));
        let broken = Credential::read_by(|| Err(Error::new(Kind::Credentials, "unreadable")));
        for _ in 0..2 {
            assert_eq!(broken.header().await.unwrap_err().kind, Kind::Credentials);
        }
    }

    #[test]
    fn a_token_is_one_printable_word() {
        assert_eq!(
            bearer("hf_abc", "It").unwrap(),
            Secret("Bearer hf_abc".to_owned())
        );
        for token in ["", "a b", "a\nb", "é", "a\0"] {
            let error = bearer(token, "HF_TOKEN").unwrap_err();
            assert_eq!(error.kind, Kind::Credentials, "{token:?}");
            assert!(error.what.starts_with("HF_TOKEN"), "{error}");
        }
    }
}
