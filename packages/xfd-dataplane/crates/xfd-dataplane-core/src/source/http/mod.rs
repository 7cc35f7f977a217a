//! A web server. A key is a path below its base URL; there is no listing.
//!
//! The base URL may hold a password or a signed query, so no error shows an URL: keys only.

mod url;

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use ::url::Url;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, future};

use self::url::BaseUrl;
use super::answer::{Asked, Head, parse_content_range, range_header};
use super::body::Incoming;
use super::client::make_connector;
use super::connect_options::ConnectOptions;
use super::origin::{Body, Get, Origin};
use super::pin;
use super::redirect::{Zones, follow};
use super::refusal::Refusal;
use super::s3::errors::error_of_connector;
use super::trust::Trust;
use crate::error::{Error, Kind, Result};
use crate::model::FoundObject;

const REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("xfd/", env!("CARGO_PKG_VERSION"));

/// See the module.
pub struct HttpOrigin {
    base: BaseUrl,
    options: ConnectOptions,
    connector: SharedHttpConnector,
    zones: Zones,
    /// Whether a GET cannot be held to an ETag by the server.
    knows_no_conditions: AtomicBool,
}

impl fmt::Debug for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOrigin").finish_non_exhaustive()
    }
}

impl HttpOrigin {
    /// Of a base URL, with or without a slash at its end. Sends nothing yet.
    ///
    /// # Errors
    /// `InvalidRequest` for what is no URL of a web server.
    pub fn new(base_url: &str, options: &ConnectOptions) -> Result<Self> {
        Ok(Self {
            base: BaseUrl::parse(base_url)?,
            options: *options,
            connector: make_connector(options, Trust::of_web()?),
            zones: Zones::default(),
            knows_no_conditions: AtomicBool::new(false),
        })
    }

    /// One request, sent on where the server redirects. Never to another place with our password.
    async fn send(
        &self,
        method: &str,
        key: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<HttpResponse> {
        let mut url = self.base.join(key);
        for _ in 0..=REDIRECTS {
            let request = self.request(method, &url, headers)?;
            let response = self
                .connector
                .call(request)
                .await
                .map_err(|error| error_of_connector(&error))?;
            let status = response.status().as_u16();
            let location = response.headers().get("location");
            match location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) {
                Some(location) => {
                    let next = follow(&url, location)?;
                    self.zones.check(&self.base.url, &next).await?;
                    url = next;
                }
                None => return Ok(response),
            }
        }
        Err(Error::new(
            Kind::OriginAnswer,
            format!("The origin redirected more than {REDIRECTS} times"),
        ))
    }

    fn request(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&'static str, &str)],
    ) -> Result<HttpRequest> {
        let invalid = || Error::new(Kind::InvalidRequest, "The key or its ETag cannot be sent");
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method(method).map_err(|_| invalid())?;
        request.set_uri(url.as_str()).map_err(|_| invalid())?;
        request.headers_mut().insert("user-agent", USER_AGENT);
        // The bytes as they are stored: without this, a server may choose (RFC 9110, 12.5.3).
        request.headers_mut().insert("accept-encoding", "identity");
        if let Some(value) = self.base.authorization_at(url) {
            let value = value.to_owned();
            request.headers_mut().insert("authorization", value);
        }
        for (name, value) in headers {
            request
                .headers_mut()
                .try_insert(*name, (*value).to_owned())
                .map_err(|_| invalid())?;
        }
        Ok(request)
    }

    async fn head_object(&self, key: &str) -> Result<FoundObject> {
        let response = self.send("HEAD", key, &[]).await?;
        let length = number(response.headers().get("content-length"));
        match (response.status().as_u16(), length) {
            (200, Some(size)) if size > 0 => Ok(found(key, size, &response)),
            (404 | 410 | 429 | 500 | 503, _) => Err(refused(&response, None)),
            // Some servers know no HEAD, give no size in it, give that of the answer itself, which
            // is empty, or sign URLs for GET alone.
            _ => self.head_by_get(key).await,
        }
    }

    async fn head_by_get(&self, key: &str) -> Result<FoundObject> {
        let response = self.send("GET", key, &[("range", "bytes=0-0")]).await?;
        let headers = response.headers();
        let size = match response.status().as_u16() {
            200 => number(headers.get("content-length")),
            206 => match headers.get("content-range") {
                Some(range) => parse_content_range(range)?.1,
                None => None,
            },
            // Of an empty object, no first byte can be asked for.
            416 if matches!(headers.get("content-range"), None | Some("bytes */0")) => Some(0),
            _ => return Err(refused(&response, None)),
        };
        let Some(size) = size else {
            return Err(Error::new(
                Kind::OriginAnswer,
                "The origin does not say the size",
            ));
        };
        Ok(found(key, size, &response))
    }

    async fn get_object(&self, get: &Get<'_>) -> Result<Body> {
        let range = range_header(get.range.as_ref());
        let mut headers: Vec<_> = get.etag.and_then(pin::precondition).into_iter().collect();
        headers.extend(range.as_deref().map(|range| ("range", range)));
        let response = self.send("GET", get.key, &headers).await?;
        if !response.status().is_success() {
            return Err(refused(&response, Some(get)));
        }
        let headers = response.headers();
        pin::check(get.etag, headers.get("etag"), headers.get("last-modified"))?;
        let window = Head::of(response.status().as_u16(), headers)?.window(Asked {
            range: get.range.as_ref(),
            size: get.size,
        })?;
        let timeout = self.options.read_timeout;
        let object = get.key.to_owned();
        Ok(Body::new(Incoming::new(
            response.into_body(),
            window,
            timeout,
            object,
        )))
    }
}

impl Origin for HttpOrigin {
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        async move {
            refuse_bucket(bucket)?;
            let found = self.head_object(key).await;
            found.map_err(|error| error.with_object(key))
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        _bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        let error = Error::new(
            Kind::InvalidRequest,
            "A web server's prefixes cannot be listed",
        );
        future::ready(Err(error.with_object(prefix))).boxed()
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        async move {
            refuse_bucket(get.bucket)?;
            let compares = self.knows_no_conditions.load(Relaxed);
            let get = &get;
            let held = pin::hold(get.etag, compares, |etag| async move {
                let get = Get {
                    etag: etag.as_deref(),
                    ..get.clone()
                };
                self.get_object(&get).await
            });
            let (body, has_compared) = held.await.map_err(|error| error.with_object(get.key))?;
            self.knows_no_conditions.store(has_compared, Relaxed);
            Ok(body)
        }
        .boxed()
    }

    fn keeps_checksums(&self) -> bool {
        false
    }
}

fn refuse_bucket(bucket: Option<&str>) -> Result<()> {
    match bucket {
        None => Ok(()),
        Some(bucket) => Err(Error::new(
            Kind::InvalidRequest,
            format!("A web server has no bucket {bucket:?}"),
        )),
    }
}

fn found(key: &str, size: u64, response: &HttpResponse) -> FoundObject {
    let headers = response.headers();
    let last_modified = headers.get("last-modified");
    FoundObject {
        key: key.to_owned(),
        size,
        etag: pin::pin_of(headers.get("etag"), last_modified),
        last_modified_ns: last_modified
            .and_then(|date| DateTime::from_str(date, Format::HttpDate).ok())
            .and_then(|date| i64::try_from(date.as_nanos()).ok()),
        checksum: None,
        refused: None,
    }
}

fn refused(response: &HttpResponse, get: Option<&Get<'_>>) -> Error {
    Refusal {
        pinned: get.is_some_and(|get| get.etag.is_some()),
        found: get.and_then(|get| get.size),
        ..Refusal::of(response)
    }
    .to_error()
}

fn number(header: Option<&str>) -> Option<u64> {
    header.and_then(|value| value.trim().parse().ok())
}
