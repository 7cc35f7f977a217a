//! Sends requests over the connections of all origins, and judges what comes back.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::super::answer::{Window, range_header};
use super::super::body::Incoming;
use super::super::client::make_connector;
use super::super::connect_options::ConnectOptions;
use super::super::document::{Bounds, bound};
use super::super::origin::{Body, Get};
use super::super::pin::check_pin;
use super::super::refusal::Refusal;
use super::super::s3::errors::error_of_connector;
use super::super::text::text_of;
use super::super::trust::Trust;
use crate::error::{Error, Kind, Result};
use crate::model::Checksum;

/// A request before it is signed, in the form that `object_store` signs.
pub(super) type Unsigned = object_store::client::HttpRequest;

/// What the body of a refusal says: its code and its words.
pub(super) type Reason = (Option<String>, Option<String>);

/// Connections to one store.
#[derive(Debug)]
pub(super) struct Transport {
    pub connector: SharedHttpConnector,
    pub read_timeout: Duration,
}

impl Transport {
    /// # Errors
    /// `InvalidRequest` for a certificate bundle that cannot be used.
    pub(super) fn new(options: &ConnectOptions) -> Result<Self> {
        Ok(Self {
            connector: make_connector(options, Trust::of_web()?),
            read_timeout: options.read_timeout,
        })
    }

    /// The head of an answer, whatever its status.
    ///
    /// # Errors
    /// `OriginUnreachable`, `OriginTimeout`.
    pub(super) async fn send(&self, request: Unsigned) -> Result<HttpResponse> {
        let request = request.map(|_| SdkBody::empty());
        let request = HttpRequest::try_from(request).map_err(|_| unsendable())?;
        let response = self.connector.call(request).await;
        response.map_err(|error| error_of_connector(&error))
    }

    /// The whole body of an answer with status 200.
    ///
    /// # Errors
    /// Those of [`Self::send`] and [`Self::refused`]; `OriginAnswer` for a body beyond its bounds.
    pub(super) async fn document(
        &self,
        request: Unsigned,
        bounds: Bounds,
        reason: fn(&[u8]) -> Reason,
    ) -> Result<Bytes> {
        let mut response = self.send(request).await?;
        if response.status().as_u16() != 200 {
            return Err(self.refused(response, None, reason).await);
        }
        bound(&mut response, bounds);
        read(response).await
    }

    /// The bytes that were asked for, out of an answer; `version` is the one that it names, and
    /// `checksum` that of all its bytes.
    ///
    /// # Errors
    /// `ObjectChanged` for another version; `OriginAnswer` for other bytes than those of the range.
    pub(super) fn body_of(
        &self,
        get: &Get<'_>,
        response: HttpResponse,
        object: String,
        version: Option<&str>,
        checksum: Option<Checksum>,
    ) -> Result<Body> {
        check_pin(get.etag, version)?;
        let is_all = get.range.is_none();
        let window = Window::of(get, response.status().as_u16(), response.headers())?;
        let body = Incoming::new(response.into_body(), window, self.read_timeout, object);
        Ok(Body::new(body).with_checksum(checksum.filter(|_| is_all)))
    }

    /// The error of an answer that does not bring what was asked for.
    pub(super) async fn refused(
        &self,
        mut response: HttpResponse,
        get: Option<&Get<'_>>,
        reason: fn(&[u8]) -> Reason,
    ) -> Error {
        bound(&mut response, Bounds::of_refusal(self.read_timeout));
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        // Without a body, the status says enough.
        let body = body.collect().await.map(|it| it.to_bytes());
        let (code, message) = reason(&body.unwrap_or_default());
        // Of Azure: an answer to HEAD has no body.
        let named = response.headers().get("x-ms-error-code");
        let code = named.map(str::to_owned).or(code);
        let refusal = Refusal {
            code: code.as_deref(),
            message: message.as_deref(),
            ..Refusal::of_get(&response, get)
        };
        refusal.to_error()
    }
}

/// A request without a body.
///
/// # Errors
/// `InvalidRequest` for what HTTP cannot carry.
pub(super) fn request(
    method: &str,
    url: &str,
    headers: &[(&'static str, &str)],
) -> Result<Unsigned> {
    let builder = http::Request::builder().method(method).uri(url);
    let builder = builder.header("user-agent", concat!("xfd/", env!("CARGO_PKG_VERSION")));
    let builder = headers.iter().fold(builder, |builder, (name, value)| {
        builder.header(*name, *value)
    });
    let body = object_store::client::HttpRequestBody::empty();
    builder.body(body).map_err(|_| unsendable())
}

/// The Range header of a GET, if it has one.
pub(super) fn range_of(get: &Get<'_>) -> Option<(&'static str, String)> {
    range_header(get.range.as_ref()).map(|range| ("range", range))
}

/// The time of a Last-Modified header, in nanoseconds since 1970.
pub(super) fn time_of(headers: &Headers) -> Option<i64> {
    nanoseconds(headers.get("last-modified")?, Format::HttpDate)
}

/// A date in nanoseconds since 1970.
pub(super) fn nanoseconds(date: &str, format: Format) -> Option<i64> {
    let date = DateTime::from_str(date.trim(), format).ok()?;
    i64::try_from(date.as_nanos()).ok()
}

async fn read(mut response: HttpResponse) -> Result<Bytes> {
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        // One of ours, of the bounds of a document.
        Err(error) => Err(match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => Error::new(
                Kind::OriginUnreachable,
                format!("The connection broke: {}", text_of(error.as_ref())),
            ),
        }),
    }
}

fn unsendable() -> Error {
    Error::new(Kind::InvalidRequest, "The request cannot be made")
}
