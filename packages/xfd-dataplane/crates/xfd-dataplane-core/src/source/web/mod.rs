//! What web servers and the hub share: requests with the user's headers and credentials, and
//! redirects.
//!
//! Headers, tokens and passwords go to the store's own origin only: the same scheme, host and port
//! (RFC 6454). A way that has left it is never trusted again. What another server sends back to the
//! store is a request of that server's making, and gets none of our rights.

mod access;
mod credential;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzz;
mod netrc;

use std::sync::Arc;

use ::url::Url;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

pub(super) use self::access::Headers;
pub(super) use self::credential::{Credential, bearer};
pub(super) use self::netrc::{basic, credential_of_netrc};
use super::client::make_connector_with;
use super::connect_options::ConnectOptions;
use super::redirect::{Zones, follow};
use super::resolver::{Fence, Resolver};
use super::s3::errors::error_of_connector;
use super::trust::Trust;
use crate::error::{Error, Kind, Result};

/// Most redirects that one request follows.
pub(super) const REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("xfd/", env!("CARGO_PKG_VERSION"));

/// A URL that a request is sent to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub url: Url,
    /// Whether the way to it never left the store's own origin.
    pub is_own: bool,
}

impl Place {
    /// Where a redirect from here leads.
    fn leads_to(&self, own: &Url, next: Url) -> Self {
        Self {
            is_own: self.is_own && next.origin() == own.origin(),
            url: next,
        }
    }
}

/// Sends single requests to one store, and follows its redirects.
pub(super) struct WebClient {
    headers: Headers,
    credential: Credential,
    connector: SharedHttpConnector,
    fence: Arc<Fence>,
}

impl WebClient {
    /// Of a store at `base`. Sends nothing yet.
    ///
    /// # Errors
    /// `InvalidRequest` for a certificate bundle that cannot be read.
    pub(super) fn new(
        base: Url,
        headers: Headers,
        credential: Credential,
        options: &ConnectOptions,
    ) -> Result<Self> {
        let zones = Zones::default();
        let fence = Arc::new(Fence { base, zones });
        let resolver = Resolver::within(Arc::clone(&fence));
        Ok(Self {
            headers,
            credential,
            connector: make_connector_with(options, Trust::of_web()?, resolver),
            fence,
        })
    }

    /// A URL of the store itself.
    pub(super) fn place(&self, url: Url) -> Place {
        Place { url, is_own: true }
    }

    /// One request to one place. A redirect is an answer like any other.
    ///
    /// # Errors
    /// `InvalidRequest` for what cannot be sent, `Credentials`, and the connection's errors.
    pub(super) async fn request(
        &self,
        method: &str,
        place: &Place,
        headers: &[(&'static str, &str)],
    ) -> Result<HttpResponse> {
        let invalid = || Error::new(Kind::InvalidRequest, "The key or its ETag cannot be sent");
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method(method).map_err(|_| invalid())?;
        request.set_uri(place.url.as_str()).map_err(|_| invalid())?;
        request.headers_mut().insert("user-agent", USER_AGENT);
        // The bytes as they are stored: without this, a server may choose (RFC 9110, 12.5.3).
        request.headers_mut().insert("accept-encoding", "identity");
        if place.is_own {
            for (name, value) in self.headers.pairs() {
                request
                    .headers_mut()
                    .insert(name.to_owned(), value.to_owned());
            }
            if let Some(value) = self.credential.header().await? {
                request.headers_mut().insert("authorization", value.0);
            }
        }
        for (name, value) in headers {
            request
                .headers_mut()
                .try_insert(*name, (*value).to_owned())
                .map_err(|_| invalid())?;
        }
        let response = self.connector.call(request).await;
        let response = response.map_err(|error| error_of_connector(&error))?;
        if place.is_own && matches!(response.status().as_u16(), 401 | 403) {
            self.credential.was_refused();
        }
        Ok(response)
    }

    /// Where an answer redirects to; None if it does not.
    ///
    /// # Errors
    /// `OriginAnswer` for a way that is not taken (`source::redirect`).
    pub(super) async fn redirect(
        &self,
        place: &Place,
        response: &HttpResponse,
    ) -> Result<Option<Place>> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = response.headers().get("location") else {
            return Ok(None);
        };
        let next = follow(&place.url, location)?;
        let base = &self.fence.base;
        self.fence.zones.check(base, &next).await?;
        Ok(Some(place.leads_to(base, next)))
    }

    /// One request, sent on where servers redirect; the last answer.
    ///
    /// # Errors
    /// Those of [`WebClient::request`] and [`WebClient::redirect`].
    pub(super) async fn follow(
        &self,
        method: &str,
        mut place: Place,
        headers: &[(&'static str, &str)],
    ) -> Result<HttpResponse> {
        for _ in 0..=REDIRECTS {
            let response = self.request(method, &place, headers).await?;
            match self.redirect(&place, &response).await? {
                Some(next) => place = next,
                None => return Ok(response),
            }
        }
        Err(too_many_redirects())
    }
}

pub(super) fn too_many_redirects() -> Error {
    let what = format!("The origin redirected more than {REDIRECTS} times");
    Error::new(Kind::OriginAnswer, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_that_leaves_the_store_is_never_trusted_again() {
        let own = Url::parse("https://host/base").unwrap();
        for (way, is_own) in [
            (&["https://host/other"][..], true),
            (&["https://host:443/other", "https://HOST/x"], true),
            (&["https://host:8443/"], false),
            (&["http://host/"], false),
            (&["https://host.example/"], false),
            (&["https://sub.host/"], false),
            (&["https://third/", "https://host/base"], false),
            (
                &["https://host/a", "https://third/", "https://host/a"],
                false,
            ),
        ] {
            let mut place = Place {
                url: own.clone(),
                is_own: true,
            };
            for step in way {
                place = place.leads_to(&own, Url::parse(step).unwrap());
            }
            assert_eq!(place.is_own, is_own, "{way:?}");
        }
    }
}
