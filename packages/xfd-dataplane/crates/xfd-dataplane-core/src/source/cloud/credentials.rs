//! Credentials by `object_store`: its requests over our connections, its errors as ours.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, RetryConfig};
use tokio::time::timeout;

use super::super::client::is_metadata;
use super::super::document::{Bounds, bound};
use super::super::s3::errors::error_of_connector;
use super::super::text::text_of;
use crate::error::{Error, Kind, Result};

/// A command that gives out tokens may take a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends what `object_store` asks for credentials over the connections of an origin.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub connector: SharedHttpConnector,
    pub read_timeout: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        // Nothing listens there outside of its cloud, now or later.
        let is_metadata = is_metadata(&request.uri().to_string());
        let request = request.map(|body| {
            let bytes = body.as_bytes().cloned().unwrap_or_default();
            SdkBody::from(bytes)
        });
        let request = orchestrator::HttpRequest::try_from(request)
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let mut response = self.connector.call(request).await.map_err(|error| {
            let kind = match (is_metadata, error.is_timeout()) {
                (true, _) => HttpErrorKind::Unknown,
                (false, true) => HttpErrorKind::Timeout,
                (false, false) => HttpErrorKind::Connect,
            };
            HttpError::new(kind, error_of_connector(&error))
        })?;
        bound(&mut response, Bounds::of_credentials(self.read_timeout));
        let response = response
            .try_into_http1x()
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let (parts, body) = response.into_parts();
        let body: Bytes = match body.collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) => return Err(HttpError::new_boxed(HttpErrorKind::Interrupted, error)),
        };
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

/// Services that give out tokens fail for a moment now and then.
pub(super) fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 3,
        retry_timeout: Duration::from_secs(10),
    }
}

/// What a provider gives, within our patience.
///
/// # Errors
/// `Credentials`.
pub(super) async fn ask<T>(provider: &dyn CredentialProvider<Credential = T>) -> Result<Arc<T>> {
    match timeout(PATIENCE, provider.get_credential()).await {
        Ok(given) => given.map_err(|error| missing(&text_of(&error))),
        Err(_) => Err(missing(&format!("none came within {PATIENCE:?}"))),
    }
}

/// That there are no credentials, and why.
pub(super) fn missing(why: &str) -> Error {
    let what = format!("There are no credentials: {why}");
    Error::new(Kind::Credentials, what)
}

/// A variable that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
