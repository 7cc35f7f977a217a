//! GETs: through the SDK, or in the pattern of one that went through it ([`super::direct`]).

use std::sync::Arc;

use aws_sdk_s3::config::ConfigBag;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;

use super::super::answer::{Window, range_header};
use super::super::body::Incoming;
use super::super::origin::{Body, Get};
use super::super::pin::{check_pin, precondition};
use super::S3Origin;
use super::additions::split_version;
use super::checksum::find_checksum;
use super::customer_key::CustomerKey;
use super::direct::{self, Pattern};
use crate::error::Result;
use crate::threads::{Mutex, locked};

/// Status and headers of an answer that the SDK has read.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<(u16, Headers)>>);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Seen {
    fn name(&self) -> &'static str {
        "Seen"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let response = context.response();
        let mut seen = locked(&self.0);
        *seen = (response.status().as_u16(), response.headers().clone());
        Ok(())
    }
}

impl S3Origin {
    pub(super) async fn get_object(
        &self,
        bucket: &str,
        get: &Get<'_>,
        object: String,
    ) -> Result<Body> {
        if let Some(pattern) = self.shortcuts.of(bucket) {
            let read_timeout = self.options.read_timeout;
            match direct::get(&self.connection, &pattern, get, read_timeout).await? {
                Some(mut response) => {
                    let body = response.take_body();
                    let status = response.status().as_u16();
                    return self.body_of(get, object, status, response.headers(), body);
                }
                None => self.shortcuts.refuse(bucket, &pattern),
            }
        }
        self.get_by_sdk(bucket, get, object).await
    }

    /// The bytes that were asked for, out of an answer.
    fn body_of(
        &self,
        get: &Get<'_>,
        object: String,
        status: u16,
        headers: &Headers,
        body: SdkBody,
    ) -> Result<Body> {
        check_pin(get.etag, headers.get("etag"))?;
        let window = Window::of(get, status, headers)?;
        let checksum = match get.range {
            Some(_) => None,
            None => find_checksum(headers),
        };
        let body = Incoming::new(body, window, self.options.read_timeout, object);
        Ok(Body::new(body).with_checksum(checksum))
    }

    /// The pattern of the request becomes that of the GETs that follow.
    async fn get_by_sdk(&self, bucket: &str, get: &Get<'_>, object: String) -> Result<Body> {
        let address = Arc::new(Mutex::new(String::new()));
        let seen = Seen::default();
        let mut answer = self
            .send(bucket, get.etag.is_some(), |client| {
                let request = client
                    .get_object()
                    .bucket(split_version(bucket).0)
                    .key(get.key)
                    .set_range(range_header(get.range.as_ref()))
                    .set_sse_customer_algorithm(self.key_algorithm())
                    .set_sse_customer_key(self.customer_key(CustomerKey::key))
                    .set_sse_customer_key_md5(self.customer_key(CustomerKey::md5))
                    .set_if_match(
                        get.etag
                            .and_then(precondition)
                            .map(|(_, etag)| etag.to_owned()),
                    );
                let is_all = get.range.is_none();
                let (address, shortcuts) = (Arc::clone(&address), Arc::clone(&self.shortcuts));
                let (bucket, key) = (bucket.to_owned(), get.key.to_owned());
                let region = client.config().region().map(ToString::to_string);
                let look = move |request: &mut HttpRequest| {
                    if is_all {
                        ask_for_checksum(request);
                    }
                    let uri = request.uri();
                    let pattern = || Pattern::of(uri, &bucket, &key, region.as_deref()?);
                    shortcuts.try_out(&bucket, pattern);
                    let mut address = locked(&address);
                    uri.clone_into(&mut address);
                };
                let request = request.customize().mutate_request(look);
                request.interceptor(seen.clone()).send()
            })
            .await?;
        self.shortcuts.prove(bucket, || {
            let address = locked(&address);
            Pattern::of(&address, bucket, get.key, &self.region_of(bucket)?)
        });
        let body = std::mem::replace(&mut answer.body, SdkBody::empty().into());
        let (status, headers) = {
            let mut seen = locked(&seen.0);
            std::mem::take(&mut *seen)
        };
        self.body_of(get, object, status, &headers, body.into_inner())
    }

    fn region_of(&self, bucket: &str) -> Option<String> {
        let client = self.kept_client(bucket)?;
        client.config().region().map(ToString::to_string)
    }
}

/// As a header of its own: asked for by the SDK's setting, the SDK would read the bytes for it once
/// more. Stores send it with a whole object, and with a range only in the bounds of its parts.
fn ask_for_checksum(request: &mut HttpRequest) {
    let headers = request.headers_mut();
    headers.insert("x-amz-checksum-mode", "ENABLED");
}
