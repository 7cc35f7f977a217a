//! A GET without the SDK's whole operation, which costs a millisecond of processor time a request:
//! as much as all the rest that a small object takes.
//!
//! The first GET of a bucket goes through the SDK, and its address is the pattern of those that
//! follow ([`super::shortcuts`]): the SDK's own signer signs them, and the same connector sends
//! them. What such a request cannot deal with (another region, refused keys) is left to the SDK.

use std::time::Duration;

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::answer::range_header;
use super::super::document::{Bounds, bound};
use super::super::origin::Get;
use super::super::pin::precondition;
use super::super::refusal::Refusal;
use super::additions::PAYER;
use super::connect::Connection;
use super::customer_key::CustomerKey;
use super::errors::{error_of_connector, error_of_refusal};
use super::success::brings_it;
use crate::error::{Error, Kind, Result};

/// What a key's bytes may stand for themselves in an address (RFC 3986, 2.3), and its slashes.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// Directory buckets have sessions of their own instead of keys.
const DIRECTORY_BUCKET: &str = "--x-s3";

/// What the addresses of a bucket's objects have in common.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    before: String,
    after: String,
    region: String,
}

impl Pattern {
    /// Out of the address that the SDK made for a key; None for what it does in a way of its own.
    pub(super) fn of(address: &str, bucket: &str, key: &str, region: &str) -> Option<Self> {
        if bucket.ends_with(DIRECTORY_BUCKET) || bucket.starts_with("arn:") {
            return None;
        }
        let (path, after) = match address.find('?') {
            Some(at) => address.split_at(at),
            None => (address, ""),
        };
        let encoded = utf8_percent_encode(key, KEY).to_string();
        let before = path.strip_suffix(encoded.as_str())?;
        before.ends_with('/').then(|| Self {
            before: before.to_owned(),
            after: after.to_owned(),
            region: region.to_owned(),
        })
    }

    fn address(&self, key: &str) -> String {
        let key = utf8_percent_encode(key, KEY);
        format!("{}{key}{}", self.before, self.after)
    }
}

/// Sends the GET. None if the SDK is to be asked instead.
///
/// # Errors
/// Those of [`super::super::Origin::get`].
pub(super) async fn get(
    connection: &Connection,
    pattern: &Pattern,
    get: &Get<'_>,
    read_timeout: Duration,
) -> Result<Option<HttpResponse>> {
    let mut request = HttpRequest::new(SdkBody::empty());
    let invalid = |_| Error::new(Kind::InvalidRequest, "The request cannot be made");
    request.set_method("GET").map_err(invalid)?;
    request.set_uri(pattern.address(get.key)).map_err(invalid)?;
    let headers = request.headers_mut();
    headers.insert("user-agent", concat!("xfd/", env!("CARGO_PKG_VERSION")));
    if let Some((name, value)) = get.etag.and_then(precondition) {
        headers.insert(name, value.to_owned());
    }
    if let Some(payer) = &connection.payer {
        headers.insert(PAYER, payer.clone());
    }
    for (name, value) in connection
        .customer_key
        .iter()
        .flat_map(CustomerKey::headers)
    {
        headers.insert(name, value.to_owned());
    }
    match range_header(get.range.as_ref()) {
        Some(range) => headers.insert("range", range),
        None => headers.insert("x-amz-checksum-mode", "ENABLED"),
    };
    sign_it(connection, pattern, &mut request).await?;
    let response = connection.connector.call(request).await;
    let response = response.map_err(|error| error_of_connector(&error))?;
    match response.status().as_u16() {
        status if brings_it(status, get.range.is_some()) => Ok(Some(response)),
        404 | 412 | 416 | 429 | 500.. => Err(refusal(response, get, read_timeout).await),
        _ => Ok(None),
    }
}

async fn sign_it(
    connection: &Connection,
    pattern: &Pattern,
    request: &mut HttpRequest,
) -> Result<()> {
    let Some(keys) = &connection.keys else {
        return Ok(());
    };
    let now = connection.clock.now();
    let identity = keys.at(now).await?;
    let mut settings = SigningSettings::default();
    // What S3 asks for (S3 API reference, "Signature Calculations for the Authorization Header").
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let unsigned = |what: &dyn std::fmt::Display| {
        Error::new(
            Kind::InvalidRequest,
            format!("The request cannot be signed: {what}"),
        )
    };
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&pattern.region)
        .name("s3")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| unsigned(&error))?
        .into();
    let signable = SignableRequest::new(
        "GET",
        request.uri(),
        request.headers().iter(),
        SignableBody::Bytes(&[]),
    );
    let signed = signable.and_then(|it| sign(it, &params));
    let (instructions, _) = signed.map_err(|error| unsigned(&error))?.into_parts();
    let (headers, _) = instructions.into_parts();
    for header in headers {
        let value = header.value().to_owned();
        request.headers_mut().insert(header.name(), value);
    }
    Ok(())
}

/// The error of an answer that is none of the object's bytes.
async fn refusal(mut response: HttpResponse, get: &Get<'_>, read_timeout: Duration) -> Error {
    bound(&mut response, Bounds::of_refusal(read_timeout));
    let bytes = match response.take_body().collect().await {
        Ok(collected) => collected.to_bytes(),
        // The status says enough.
        Err(_) => bytes::Bytes::new(),
    };
    let refusal = Refusal {
        pinned: get.etag.is_some(),
        found: get.size,
        ..Refusal::of(&response)
    };
    error_of_refusal(refusal, &bytes)
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn address_of(address: &str, key: &str, other: &str) -> Option<String> {
        Pattern::of(address, "b", key, "r").map(|pattern| pattern.address(other))
    }

    #[test]
    fn an_address_is_that_of_the_first_key_with_another_one() {
        assert_eq!(
            address_of("http://h:1/b/a%20b/c?x-id=GetObject", "a b/c", "d+e/ü").as_deref(),
            Some("http://h:1/b/d%2Be/%C3%BC?x-id=GetObject")
        );
        assert_eq!(
            address_of("https://b.s3.amazonaws.com/k", "k", "l").as_deref(),
            Some("https://b.s3.amazonaws.com/l")
        );
    }

    #[test]
    fn what_the_sdk_does_otherwise_is_left_to_it() {
        assert_eq!(address_of("https://h/b/escaped", "other", "l"), None);
        assert_eq!(address_of("https://h/bk", "k", "l"), None);
        let express = Pattern::of("https://h/b/k", "b--usw2-az1--x-s3", "k", "r");
        assert_eq!(express, None);
    }
}
