//! The Hugging Face hub: bytes of repositories. Lists and revisions are the finder's
//! (`xfd_dataplane.hub`).
//!
//! A bucket is a repository with a revision, such as `models/ORG/NAME@REV`; a key is a path in it,
//! and a location `COMMIT/path`. A large file is behind a redirect to a signed address of another
//! server. The hub counts requests, so a redirect serves all readers of a file on this node
//! ([`targets`]). The token goes to the hub alone.

mod address;
mod environment;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzz;
mod lifetime;
mod refusal;
mod targets;

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use ::url::Url;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, future};

use self::address::{File, endpoint_of, file_of};
use self::environment::Environment;
use self::lifetime::lifetime;
use self::refusal::{refused, refused_behind};
use self::targets::{Target, Targets, Turn};
use super::answer::{Window, range_header};
use super::body::Incoming;
use super::connect_options::ConnectOptions;
use super::origin::{Body, Get, Origin};
use super::pin;
use super::refusal::Refusal;
use super::web::{Credential, Headers, Place, REDIRECTS, WebClient, bearer, too_many_redirects};
use crate::error::{Error, Kind, Result};
use crate::model::{FoundObject, HubConfig};

/// What a location's file is named by: the object that its key is a reference to.
const LINKED_ETAG: &str = "x-linked-etag";
const LINKED_SIZE: &str = "x-linked-size";
const COMMIT: &str = "x-repo-commit";

/// See the module.
pub struct HubOrigin {
    endpoint: Url,
    options: ConnectOptions,
    client: WebClient,
    targets: Targets,
}

impl fmt::Debug for HubOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOrigin").finish_non_exhaustive()
    }
}

impl HubOrigin {
    /// Of a hub. What the configuration leaves out is that of this node's environment. Sends
    /// nothing yet.
    ///
    /// # Errors
    /// `InvalidRequest` for an endpoint that is no URL, and on a node that is set to be offline;
    /// `Credentials` for a token that cannot be sent.
    pub fn new(config: &HubConfig, options: &ConnectOptions) -> Result<Self> {
        let environment = Environment::of_process();
        environment.check_online()?;
        let endpoint = match &config.endpoint {
            Some(endpoint) => endpoint_of(endpoint)?,
            None => endpoint_of(&environment.endpoint())?,
        };
        let token = config.hub.as_ref().and_then(|access| access.token.as_ref());
        let credential = match token {
            Some(token) => Credential::fixed(Some(bearer(&token.0, "The token of the hub")?)),
            None => Credential::read_by(move || environment.token()),
        };
        Ok(Self {
            client: WebClient::new(endpoint.clone(), Headers::default(), credential, options)?,
            endpoint,
            options: *options,
            targets: Targets::default(),
        })
    }

    async fn head_object(&self, file: &File) -> Result<FoundObject> {
        let mut place = self.client.place(file.url(&self.endpoint));
        for _ in 0..=REDIRECTS {
            let response = self.client.request("HEAD", &place, &[]).await?;
            let next = self.client.redirect(&place, &response).await?;
            let headers = response.headers();
            let linked = headers.get(LINKED_SIZE);
            match next {
                // A redirect of the hub says all of the file that it leads to.
                Some(next) if linked.is_none() => place = next,
                None if !response.status().is_success() => {
                    return Err(self.refusal(file, &response, None, true));
                }
                next => {
                    let size = linked.or_else(|| match next {
                        None => headers.get("content-length"),
                        Some(_) => None,
                    });
                    return found(file, size, &response);
                }
            }
        }
        Err(too_many_redirects())
    }

    async fn get_object(&self, file: &File, get: &Get<'_>) -> Result<Body> {
        let range = range_header(get.range.as_ref());
        let headers: Vec<_> = range.iter().map(|it| ("range", it.as_str())).collect();
        let response = match self.answer(file, get, &headers).await? {
            Answer::Good(response) => response,
            // The address may be an old one: the hub is asked for another, once.
            Answer::Stale(_) => match self.answer(file, get, &headers).await? {
                Answer::Good(response) => response,
                Answer::Stale(error) => return Err(error),
            },
        };
        let object = get.key.to_owned();
        let window = Window::of(get, response.status().as_u16(), response.headers())?;
        let timeout = self.options.read_timeout;
        let body = Incoming::new(response.into_body(), window, timeout, object);
        Ok(Body::new(body))
    }

    /// The answer to a GET, from the address that is known or that the hub names.
    async fn answer(
        &self,
        file: &File,
        get: &Get<'_>,
        headers: &[(&'static str, &str)],
    ) -> Result<Answer> {
        let turn = match get.location {
            Some(_) => self.targets.of(&file.name).await?,
            // What a branch is at may move.
            None => Turn::Ask(None),
        };
        let target = match turn {
            Turn::Go(target) => target,
            Turn::Ask(asking) => match self.ask(file, get, headers).await {
                Ok((target, response)) => {
                    if let Some(asking) = asking {
                        asking.found(&target);
                    }
                    match response {
                        Some(response) => return Ok(Answer::Good(response)),
                        None => target,
                    }
                }
                Err(error) => {
                    if let Some(asking) = asking {
                        asking.failed(&error);
                    }
                    return Err(error);
                }
            },
        };
        let is_own = target.place.is_own;
        let error = match self
            .client
            .follow("GET", target.place.clone(), headers)
            .await
        {
            Ok(response) if response.status().is_success() => {
                check(get, &response, false)?;
                return Ok(Answer::Good(response));
            }
            Ok(response) => {
                let error = self.refusal(file, &response, Some(get), is_own);
                match response.status().as_u16() {
                    400 | 401 | 403 | 404 | 410 | 500.. => error,
                    _ => return Err(error),
                }
            }
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error),
        };
        self.targets.forget(&file.name, &target);
        Ok(Answer::Stale(error))
    }

    /// Asks the hub where a file is; with the answer, if the hub serves the file itself.
    async fn ask(
        &self,
        file: &File,
        get: &Get<'_>,
        headers: &[(&'static str, &str)],
    ) -> Result<(Arc<Target>, Option<HttpResponse>)> {
        let mut place = self.client.place(file.url(&self.endpoint));
        for _ in 0..=REDIRECTS {
            let response = self.client.request("GET", &place, headers).await?;
            let next = self.client.redirect(&place, &response).await?;
            if next.is_none() && !response.status().is_success() {
                return Err(self.refusal(file, &response, Some(get), true));
            }
            check(get, &response, true)?;
            match next {
                Some(next) if next.is_own => place = next,
                Some(next) => return Ok((target_of(next, &response), None)),
                None => return Ok((target_of(place, &response), Some(response))),
            }
        }
        Err(too_many_redirects())
    }

    fn refusal(
        &self,
        file: &File,
        response: &HttpResponse,
        get: Option<&Get<'_>>,
        is_own: bool,
    ) -> Error {
        let refusal = Refusal::of_get(response, get);
        match is_own {
            true => refused(refusal, response.headers(), file, &self.endpoint),
            false => refused_behind(refusal, file, &self.endpoint),
        }
    }
}

/// What a GET leads to.
enum Answer {
    Good(HttpResponse),
    /// The address that was used may be one that has ended.
    Stale(Error),
}

fn target_of(place: Place, response: &HttpResponse) -> Arc<Target> {
    let lifetime = lifetime(&place.url, response.headers(), SystemTime::now());
    let until = Instant::now() + lifetime;
    Arc::new(Target { place, until })
}

/// Compares what the hub says of a file with what was found.
///
/// # Errors
/// `ObjectChanged`.
fn check(get: &Get<'_>, response: &HttpResponse, is_hub: bool) -> Result<()> {
    let headers = response.headers();
    let size = headers
        .get(LINKED_SIZE)
        .and_then(|size| size.trim().parse::<u64>().ok());
    if let (Some(size), Some(found)) = (size, get.size)
        && size != found
    {
        let what = format!("The hub's file has {size} bytes, and was found with {found}");
        return Err(Error::new(Kind::ObjectChanged, what));
    }
    match headers.get(LINKED_ETAG) {
        Some(linked) => pin::check_pin(get.etag, Some(linked)),
        // A commit pins its files, and a mirror may have ETags of its own.
        None if is_hub && get.location.is_none() && response.status().is_success() => {
            pin::check_pin(get.etag, headers.get("etag"))
        }
        None => Ok(()),
    }
}

fn found(file: &File, size: Option<&str>, response: &HttpResponse) -> Result<FoundObject> {
    let headers = response.headers();
    let Some(size) = size.and_then(|size| size.trim().parse().ok()) else {
        let what = "The hub does not say the file's size";
        return Err(Error::new(Kind::OriginAnswer, what));
    };
    let etag = headers.get(LINKED_ETAG).or_else(|| headers.get("etag"));
    Ok(FoundObject {
        key: file.path.clone(),
        size,
        etag: etag.and_then(pin::canonical),
        last_modified_ns: None,
        checksum: None,
        refused: None,
        location: headers
            .get(COMMIT)
            .map(|commit| format!("{commit}/{}", file.path)),
    })
}

impl Origin for HubOrigin {
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        async move {
            let file = file_of(bucket, key, None)?;
            let found = self.head_object(&file).await;
            found.map_err(|error| error.with_object(key))
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        _bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        let what = "Repositories of the hub are listed by huggingface_hub";
        let error = Error::new(Kind::InvalidRequest, what);
        future::ready(Err(error.with_object(prefix))).boxed()
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        async move {
            let file = file_of(get.bucket, get.key, get.location)?;
            let body = self.get_object(&file, &get).await;
            body.map_err(|error| error.with_object(get.key))
        }
        .boxed()
    }

    fn keeps_checksums(&self) -> bool {
        false
    }
}
