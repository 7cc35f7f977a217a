//! A web server. A key is a path below its base URL; there is no listing.
//!
//! The base URL may hold a password or a signed query, so no error shows an URL: keys only.

mod url;

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, future};

use self::url::BaseUrl;
use super::answer::{Window, parse_content_range, range_header};
use super::body::Incoming;
use super::connect_options::ConnectOptions;
use super::origin::{Body, Get, Origin};
use super::pin;
use super::refusal::Refusal;
use super::web::{Credential, Headers, WebClient, basic, bearer, credential_of_netrc};
use crate::error::{Error, Kind, Result};
use crate::model::{FoundObject, HttpAccess, HttpConfig};

/// See the module.
pub struct HttpOrigin {
    base: BaseUrl,
    options: ConnectOptions,
    client: WebClient,
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
    /// `InvalidRequest` for what is no URL of a web server, and for headers that cannot be sent;
    /// `Credentials` for a token that cannot be.
    pub fn new(config: &HttpConfig, options: &ConnectOptions) -> Result<Self> {
        let base = BaseUrl::parse(&config.base_url.0)?;
        let access = config.http.clone().unwrap_or_default();
        let headers = Headers::of(&access.headers)?;
        let credential = credential(&base, &headers, &access)?;
        Ok(Self {
            client: WebClient::new(base.url.clone(), headers, credential, options)?,
            base,
            options: *options,
            knows_no_conditions: AtomicBool::new(false),
        })
    }

    async fn send(
        &self,
        method: &str,
        key: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<HttpResponse> {
        let place = self.client.place(self.base.join(key));
        self.client.follow(method, place, headers).await
    }

    async fn head_object(&self, key: &str) -> Result<FoundObject> {
        let response = self.send("HEAD", key, &[]).await?;
        let length = number(response.headers().get("content-length"));
        match (response.status().as_u16(), length) {
            (200, Some(size)) if size > 0 => Ok(found(key, size, &response)),
            (404 | 410 | 429 | 500 | 503, _) => Err(Refusal::of(&response).to_error()),
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
            _ => return Err(Refusal::of(&response).to_error()),
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
            return Err(Refusal::of_get(&response, Some(get)).to_error());
        }
        let headers = response.headers();
        pin::check(get.etag, headers.get("etag"), headers.get("last-modified"))?;
        let object = get.key.to_owned();
        let window = Window::of(get, response.status().as_u16(), response.headers())?;
        let timeout = self.options.read_timeout;
        let body = Incoming::new(response.into_body(), window, timeout, object);
        Ok(Body::new(body))
    }
}

/// What goes into the Authorization header, unless the user's own headers have it: the token, else
/// the URL's password, else that of .netrc.
fn credential(base: &BaseUrl, headers: &Headers, access: &HttpAccess) -> Result<Credential> {
    if let Some(token) = &access.bearer {
        if headers.has("authorization") {
            let what = "A bearer token and the header authorization are given";
            return Err(Error::new(Kind::InvalidRequest, what).with_remedy("Give one of them"));
        }
        return Ok(Credential::fixed(Some(bearer(&token.0, "bearer")?)));
    }
    if headers.has("authorization") {
        return Ok(Credential::fixed(None));
    }
    if base.password.is_none() && access.netrc {
        let host = base.url.host_str().unwrap_or_default();
        let host = host.trim_matches(['[', ']']).to_owned();
        let user = base.user.clone();
        let read = move || credential_of_netrc(&host, user.as_deref());
        return Ok(Credential::read_by(read));
    }
    let is_named = base.user.is_some() || base.password.is_some();
    let name = base.user.as_deref().unwrap_or_default();
    let password = base.password.as_deref().unwrap_or_default();
    let value = is_named.then(|| basic(name, password));
    Ok(Credential::fixed(value))
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
        location: None,
    }
}

fn number(header: Option<&str>) -> Option<u64> {
    header.and_then(|value| value.trim().parse().ok())
}
