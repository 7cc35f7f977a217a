//! GETs: through the SDK, or in the pattern of one that went through it ([`super::direct`]).

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;

use super::super::answer::{find_window, range_header};
use super::super::body::Incoming;
use super::super::pin::precondition;
use super::super::{Body, Get, check_pin};
use super::additions::split_version;
use super::checksum::{Told, find_checksum};
use super::direct::{self, Pattern};
use super::{S3Origin, size_of};
use crate::error::{Error, Kind, Result};

/// What an answer says of the bytes that it brings.
struct Answer<'a> {
    etag: Option<&'a str>,
    content_range: Option<&'a str>,
    length: Option<u64>,
    told: Told<'a>,
}

impl<'a> Answer<'a> {
    fn of(headers: &'a Headers) -> Result<Self> {
        let unreadable = |_| Error::new(Kind::OriginAnswer, "The origin's size is no number");
        let length = headers.get("content-length").map(str::parse).transpose();
        Ok(Self {
            etag: headers.get("etag"),
            content_range: headers.get("content-range"),
            length: length.map_err(unreadable)?,
            told: Told::from(headers),
        })
    }
}

impl S3Origin {
    pub(super) async fn get_object(
        &self,
        bucket: &str,
        get: &Get<'_>,
        object: String,
    ) -> Result<Body> {
        let known = self.pattern(bucket);
        if let Some(Some(pattern)) = &known {
            match direct::get(&self.connection, pattern, get).await? {
                Some(mut response) => {
                    let body = response.take_body();
                    let answer = Answer::of(response.headers())?;
                    return self.body_of(get, object, answer, body);
                }
                None => self.keep_pattern(bucket, None),
            }
        }
        self.get_by_sdk(bucket, get, object, known.is_none()).await
    }

    /// None for a bucket that nothing was read from yet.
    #[expect(
        clippy::option_option,
        reason = "not known, and known to have none, differ"
    )]
    fn pattern(&self, bucket: &str) -> Option<Option<Arc<Pattern>>> {
        let patterns = self.patterns.read().unwrap_or_else(PoisonError::into_inner);
        patterns.get(bucket).cloned()
    }

    pub(super) fn keep_pattern(&self, bucket: &str, pattern: Option<Pattern>) {
        let mut patterns = self
            .patterns
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        patterns.insert(bucket.to_owned(), pattern.map(Arc::new));
    }

    /// The bytes that were asked for, out of an answer.
    fn body_of(
        &self,
        get: &Get<'_>,
        object: String,
        answer: Answer<'_>,
        body: SdkBody,
    ) -> Result<Body> {
        check_pin(get.etag, answer.etag)?;
        let window = find_window(get.range.as_ref(), answer.content_range, answer.length)?;
        let checksum = match get.range {
            Some(_) => None,
            None => find_checksum(answer.told),
        };
        let body = Incoming::new(body, window, self.options.read_timeout, object);
        Ok(Body::new(body).with_checksum(checksum))
    }

    /// Learns the pattern on the way, if `learns`.
    async fn get_by_sdk(
        &self,
        bucket: &str,
        get: &Get<'_>,
        object: String,
        learns: bool,
    ) -> Result<Body> {
        let address = Arc::new(Mutex::new(String::new()));
        let mut answer = self
            .send(bucket, get.etag.is_some(), |client| {
                let request = client
                    .get_object()
                    .bucket(split_version(bucket).0)
                    .key(get.key)
                    .set_range(range_header(get.range.as_ref()))
                    .set_if_match(
                        get.etag
                            .and_then(precondition)
                            .map(|(_, etag)| etag.to_owned()),
                    );
                let is_all = get.range.is_none();
                let address = Arc::clone(&address);
                let look = move |request: &mut HttpRequest| {
                    if is_all {
                        ask_for_checksum(request);
                    }
                    let mut address = address.lock().unwrap_or_else(PoisonError::into_inner);
                    request.uri().clone_into(&mut address);
                };
                async move { request.customize().mutate_request(look).send().await }
            })
            .await?;
        // Not from a redirect, which need not hold for other keys.
        let learns = learns && self.pattern(bucket).is_none();
        if learns && let Some(region) = self.region_of(bucket) {
            let address = address.lock().unwrap_or_else(PoisonError::into_inner);
            self.keep_pattern(bucket, Pattern::of(&address, bucket, get.key, &region));
        }
        let body = std::mem::replace(&mut answer.body, SdkBody::empty().into());
        let length = match answer.content_length() {
            None => None,
            told => Some(size_of(told)?),
        };
        let told = Answer {
            etag: answer.e_tag(),
            content_range: answer.content_range(),
            length,
            told: Told::from(&answer),
        };
        self.body_of(get, object, told, body.into_inner())
    }

    fn region_of(&self, bucket: &str) -> Option<String> {
        let client = self.kept_client(bucket)?;
        client.config().region().map(ToString::to_string)
    }
}

/// As a header of its own: asked for by the SDK's setting, the SDK would read the bytes for it once
/// more. Stores tell it with a whole object, and with a range only in the bounds of its parts.
fn ask_for_checksum(request: &mut HttpRequest) {
    let headers = request.headers_mut();
    headers.insert("x-amz-checksum-mode", "ENABLED");
}
