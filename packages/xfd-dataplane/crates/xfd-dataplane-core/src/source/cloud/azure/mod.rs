//! Azure Blob Storage.
//!
//! An object is pinned to its ETag. Keys that an address cannot name are refused by name: one with a
//! segment `.` or `..` becomes another address on its way to the store, which takes a backslash for
//! a slash.

mod credentials;
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::source) mod fuzz;
mod page;
mod settings;

use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use percent_encoding::utf8_percent_encode;

use self::credentials::Credentials;
use self::page::{Page, reason_of};
use self::settings::Settings;
use super::super::connect_options::ConnectOptions;
use super::super::document::Bounds;
use super::super::listing::{Listing, folder_of};
use super::super::origin::{Body, Get};
use super::super::pin::{canonical, precondition};
use super::address::{ESCAPED_PATH, escape};
use super::checksums::of_azure;
use super::credentials::variable;
use super::store::CloudStore;
use super::transport::{Transport, Unsigned, range_of, request, time_of};
use crate::error::{Error, Kind, Result};
use crate::model::{AzureConfig, FoundObject};

/// What a page is asked for with; the store allows no more.
const KEYS_PER_PAGE: u64 = 5_000;

/// One account with its credentials; other containers than its own are read with the same ones.
pub struct AzureOrigin {
    container: String,
    settings: Settings,
    credentials: Credentials,
    transport: Transport,
}

impl fmt::Debug for AzureOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureOrigin")
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}

impl AzureOrigin {
    /// Reads the environment; sends nothing yet.
    ///
    /// # Errors
    /// `InvalidRequest` for an account that is not known, and for an endpoint or a certificate
    /// bundle that cannot be used.
    pub fn connect(config: &AzureConfig, options: &ConnectOptions) -> Result<Self> {
        let settings = Settings::of(config, variable)?;
        let transport = Transport::new(options)?;
        Ok(Self {
            container: config.bucket.clone(),
            credentials: Credentials::new(&settings, &transport),
            settings,
            transport,
        })
    }

    async fn request(
        &self,
        method: &str,
        url: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Unsigned> {
        let mut request = request(method, url, headers)?;
        self.credentials.sign(&mut request).await?;
        Ok(request)
    }

    fn object_url(&self, container: &str, key: &str) -> Result<String> {
        check_key(key)?;
        let key = utf8_percent_encode(key, ESCAPED_PATH);
        let endpoint = &self.settings.endpoint;
        Ok(format!("{endpoint}/{}/{key}", escape(container)))
    }

    async fn refused(&self, response: HttpResponse, get: Option<&Get<'_>>) -> Error {
        let is_archived = response.headers().get("x-ms-error-code") == Some("BlobArchived");
        let error = self.transport.refused(response, get, reason_of).await;
        match is_archived {
            true => error.with_remedy("Move the blob out of the archive tier first"),
            false => error,
        }
    }
}

impl CloudStore for AzureOrigin {
    const SCHEME: &'static str = "az";

    fn own_bucket(&self) -> &str {
        &self.container
    }

    async fn head_object(&self, container: &str, key: &str) -> Result<FoundObject> {
        let url = self.object_url(container, key)?;
        let request = self.request("HEAD", &url, &[]).await?;
        let response = self.transport.send(request).await?;
        if response.status().as_u16() != 200 {
            return Err(self.refused(response, None).await);
        }
        let headers = response.headers();
        let length = headers.get("content-length").map(|it| it.trim().parse());
        let Some(Ok(size)) = length else {
            return Err(Error::new(
                Kind::OriginAnswer,
                "The origin does not say the size",
            ));
        };
        Ok(FoundObject {
            key: key.to_owned(),
            size,
            etag: headers.get("etag").and_then(canonical),
            last_modified_ns: time_of(headers),
            checksum: of_azure(headers),
            refused: None,
            location: None,
        })
    }

    async fn list_prefix(&self, container: &str, prefix: &str) -> Result<Vec<FoundObject>> {
        let folder = folder_of(prefix);
        let page = Bounds::of_page(self.transport.read_timeout);
        let bounds = Bounds {
            bytes: page.bytes * KEYS_PER_PAGE / 1_000,
            ..page
        };
        let first = format!(
            "{}/{}?restype=container&comp=list&maxresults={KEYS_PER_PAGE}&prefix={}",
            self.settings.endpoint,
            escape(container),
            escape(&folder)
        );
        let mut url = first.clone();
        let mut listing = Listing::new(&folder);
        loop {
            let request = self.request("GET", &url, &[]).await?;
            let document = self.transport.document(request, bounds, reason_of).await?;
            let page = Page::read(&document)?;
            let objects = page.objects.into_iter().map(|mut found| {
                let refused = check_key(&found.key).err();
                found.refused = refused.map(|error| Box::new(error.with_object(&found.key)));
                found
            });
            // The folder itself, in an account with folders.
            listing.take(objects.filter(|found| found.key != folder))?;
            let Some(marker) = page.next else {
                return Ok(listing.finish());
            };
            url = format!("{first}&marker={}", escape(&marker));
            listing.go_on(&marker)?;
        }
    }

    async fn get_object(&self, container: &str, get: &Get<'_>, object: &str) -> Result<Body> {
        let url = self.object_url(container, get.key)?;
        let range = range_of(get);
        let mut headers: Vec<_> = get.etag.and_then(precondition).into_iter().collect();
        headers.extend(range.as_ref().map(|(name, value)| (*name, value.as_str())));
        let request = self.request("GET", &url, &headers).await?;
        let response = self.transport.send(request).await?;
        if !matches!(response.status().as_u16(), 200 | 206) {
            return Err(self.refused(response, Some(get)).await);
        }
        let etag = response.headers().get("etag").map(str::to_owned);
        let checksum = of_azure(response.headers());
        let object = object.to_owned();
        self.transport
            .body_of(get, response, object, etag.as_deref(), checksum)
    }
}

/// # Errors
/// `InvalidRequest` for a key that no address stands for.
fn check_key(key: &str) -> Result<()> {
    let has_dots = key.split('/').any(|segment| matches!(segment, "." | ".."));
    if !has_dots && !key.contains('\\') {
        return Ok(());
    }
    let what = "The key has a backslash, or a segment . or .., which no address of Azure can have";
    Err(Error::new(Kind::InvalidRequest, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_an_address_would_change_is_refused() {
        for key in [".", "..", "a/./b", "a/../b", "../a", "a/..", "a\\b"] {
            assert!(check_key(key).is_err(), "{key}");
        }
        for key in [
            "a",
            "/a",
            "a\u{2216}b",
            "a//b",
            "a/",
            "...",
            "a/.b",
            "a./b",
            ".a",
        ] {
            assert!(check_key(key).is_ok(), "{key}");
        }
    }
}
