//! Google Cloud Storage, by its JSON API.
//!
//! An object is pinned to its generation, which names one content for ever: the API's ETag changes
//! with an object's metadata too. `FoundObject::etag` is the generation in quotes.

mod credentials;
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::source) mod fuzz;
mod items;

use std::fmt;

use self::credentials::Credentials;
use self::items::{Page, item_of, reason_of};
use super::super::connect_options::ConnectOptions;
use super::super::document::Bounds;
use super::super::listing::{Listing, folder_of};
use super::super::origin::{Body, Get};
use super::address::{base_of, escape};
use super::checksums::of_google;
use super::credentials::variable;
use super::store::CloudStore;
use super::transport::{Transport, Unsigned, range_of, request};

use crate::error::{Error, Kind, Result};
use crate::model::{FoundObject, GcsConfig};

const ENDPOINT: &str = "https://storage.googleapis.com";
/// An emulator's address, as Google's own clients read it.
const EMULATOR: &str = "STORAGE_EMULATOR_HOST";
/// What is asked for of an object.
const FIELDS: &str = "name,size,generation,timeCreated,md5Hash,crc32c";
/// Without this, the store decompresses objects that are kept compressed, and ignores ranges.
const AS_STORED: (&str, &str) = ("accept-encoding", "gzip");

/// One store with its credentials; other buckets than its own are read with the same ones.
pub struct GcsOrigin {
    bucket: String,
    base: String,
    credentials: Credentials,
    transport: Transport,
}

impl fmt::Debug for GcsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("GcsOrigin");
        debug.field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl GcsOrigin {
    /// Sends nothing yet, and reads no credentials.
    ///
    /// # Errors
    /// `InvalidRequest` for an endpoint or a certificate bundle that cannot be used.
    pub fn connect(config: &GcsConfig, options: &ConnectOptions) -> Result<Self> {
        let emulator = variable(EMULATOR).map(|host| match host.contains("://") {
            true => host,
            false => format!("http://{host}"),
        });
        let is_emulator = config.endpoint.is_none() && emulator.is_some();
        let endpoint = config.endpoint.clone().or(emulator);
        let transport = Transport::new(options)?;
        Ok(Self {
            bucket: config.bucket.clone(),
            base: base_of(endpoint.as_deref().unwrap_or(ENDPOINT))?,
            credentials: Credentials::new(config, is_emulator, &transport),
            transport,
        })
    }

    async fn request(&self, url: &str, headers: &[(&'static str, &str)]) -> Result<Unsigned> {
        let mut request = request("GET", url, headers)?;
        if let Some(bearer) = self.credentials.bearer().await? {
            request.headers_mut().insert("authorization", bearer);
        }
        Ok(request)
    }

    fn object_url(&self, bucket: &str, key: &str) -> String {
        let (bucket, key) = (escape(bucket), escape(key));
        format!("{}/storage/v1/b/{bucket}/o/{key}", self.base)
    }
}

impl CloudStore for GcsOrigin {
    const SCHEME: &'static str = "gs";

    fn own_bucket(&self) -> &str {
        &self.bucket
    }

    async fn head_object(&self, bucket: &str, key: &str) -> Result<FoundObject> {
        let url = format!("{}?fields={FIELDS}", self.object_url(bucket, key));
        let request = self.request(&url, &[]).await?;
        let bounds = Bounds::of_refusal(self.transport.read_timeout);
        let document = self.transport.document(request, bounds, reason_of).await?;
        let found = item_of(&document)?;
        match found.key == key {
            true => Ok(found),
            false => Err(Error::new(
                Kind::OriginAnswer,
                format!("The origin answers with the object {:?}", found.key),
            )),
        }
    }

    async fn list_prefix(&self, bucket: &str, prefix: &str) -> Result<Vec<FoundObject>> {
        let folder = folder_of(prefix);
        let bounds = Bounds::of_page(self.transport.read_timeout);
        let first = format!(
            "{}/storage/v1/b/{}/o?prefix={}&fields=nextPageToken,items({FIELDS})",
            self.base,
            escape(bucket),
            escape(&folder)
        );
        let mut url = first.clone();
        let mut listing = Listing::new(&folder);
        loop {
            let request = self.request(&url, &[]).await?;
            let document = self.transport.document(request, bounds, reason_of).await?;
            let page = Page::read(&document)?;
            listing.take(page.objects)?;
            let Some(token) = page.next else {
                return Ok(listing.finish());
            };
            url = format!("{first}&pageToken={}", escape(&token));
            listing.go_on(&token)?;
        }
    }

    async fn get_object(&self, bucket: &str, get: &Get<'_>, object: &str) -> Result<Body> {
        let mut url = format!("{}?alt=media", self.object_url(bucket, get.key));
        if let Some(generation) = get.etag.and_then(generation_of) {
            url = format!("{url}&ifGenerationMatch={generation}");
        }
        let range = range_of(get);
        let mut headers = vec![AS_STORED];
        headers.extend(range.as_ref().map(|(name, value)| (*name, value.as_str())));
        let request = self.request(&url, &headers).await?;
        let response = self.transport.send(request).await?;
        if !matches!(response.status().as_u16(), 200 | 206) {
            let refused = self.transport.refused(response, Some(get), reason_of);
            return Err(refused.await);
        }
        let generation = response
            .headers()
            .get("x-goog-generation")
            .map(str::to_owned);
        let checksum = of_google(response.headers());
        let object = object.to_owned();
        self.transport
            .body_of(get, response, object, generation.as_deref(), checksum)
    }
}

/// The generation that an object is pinned to.
fn generation_of(etag: &str) -> Option<&str> {
    let number = etag.trim_matches('"');
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_generation_or_none() {
        assert_eq!(generation_of("\"1700\""), Some("1700"));
        assert_eq!(generation_of("\"CJizkffBsJUDEAE=\""), None);
        assert_eq!(generation_of("\"\""), None);
    }
}
