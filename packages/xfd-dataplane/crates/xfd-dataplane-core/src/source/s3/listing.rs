//! The list of a prefix, sent by the SDK and read by [`super::page`].

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::ConfigBag;
use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::types::EncodingType;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::super::document::{Bounding, Bounds};
use super::super::listing::folder_of;
use super::super::refusal::Refusal;
use super::S3Origin;
use super::additions::split_version;
use super::errors::error_of_refusal;
use super::page::{NoPage, Page};
use super::pages::{Ask, Pages};
use crate::error::{Error, Kind, Result};
use crate::model::FoundObject;
use crate::threads::{Mutex, locked};

impl S3Origin {
    pub(super) async fn list_prefix(&self, bucket: &str, prefix: &str) -> Result<Vec<FoundObject>> {
        if split_version(bucket).1.is_some() {
            return Err(Error::new(
                Kind::InvalidRequest,
                "A version is one of an object, not of a prefix",
            ));
        }
        let prefix = folder_of(prefix);
        let mut pages = Pages::new(&prefix);
        let mut ask = Ask::First;
        let mut encoding = None;
        loop {
            let page = self.page(bucket, &prefix, &ask, encoding.as_ref()).await;
            // XML has no place for some characters that keys may have: the page is no XML then, or
            // the server has put others there.
            let is_garbled = match &page {
                Ok(page) => page.is_garbled(),
                Err(error) => error.kind == Kind::OriginAnswer,
            };
            if is_garbled && encoding.is_none() {
                encoding = Some(EncodingType::Url);
                continue;
            }
            match pages.take(&ask, &page?)? {
                Some(next) => ask = next,
                None => return Ok(pages.finish()),
            }
        }
    }

    async fn page(
        &self,
        bucket: &str,
        prefix: &str,
        ask: &Ask,
        encoding: Option<&EncodingType>,
    ) -> Result<Page> {
        let prefix = (!prefix.is_empty()).then_some(prefix);
        let answer = Answer::default();
        let bounding = Bounding {
            of_successes: true,
            bounds: Bounds::of_page(self.options.read_timeout),
        };
        let sent = match ask {
            Ask::Marker(marker) => {
                let request = |client: Client| {
                    let list = client
                        .list_objects()
                        .bucket(bucket)
                        .set_prefix(prefix.map(str::to_owned))
                        .marker(marker)
                        .set_encoding_type(encoding.cloned());
                    let list = list.customize().interceptor(answer.clone());
                    list.interceptor(bounding).send()
                };
                self.send(bucket, false, request).await.map(drop)
            }
            Ask::First | Ask::Token(_) => {
                let token = match ask {
                    Ask::Token(token) => Some(token.clone()),
                    _ => None,
                };
                let request = |client: Client| {
                    let list = client
                        .list_objects_v2()
                        .bucket(bucket)
                        .set_prefix(prefix.map(str::to_owned))
                        .set_continuation_token(token.clone())
                        .set_encoding_type(encoding.cloned());
                    let list = list.customize().interceptor(answer.clone());
                    list.interceptor(bounding).send()
                };
                self.send(bucket, false, request).await.map(drop)
            }
        };
        match (answer.take(), sent) {
            (Some(page), _) => page,
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(Error::new(
                Kind::Internal,
                "An answer of the store was lost on its way through the SDK",
            )),
        }
    }
}

/// The page of a successful answer, out of the bytes that the SDK has read for itself.
#[derive(Clone, Debug, Default)]
struct Answer(Arc<Mutex<Option<Result<Page>>>>);

impl Answer {
    fn take(&self) -> Option<Result<Page>> {
        locked(&self.0).take()
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Answer {
    fn name(&self) -> &'static str {
        "Answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let response = context.response();
        if response.status().is_success()
            && let Some(body) = response.body().bytes()
        {
            let page = Page::read(body).map_err(|error| error_of(error, body));
            *locked(&self.0) = Some(page);
        }
        Ok(())
    }
}

fn error_of(error: NoPage, body: &[u8]) -> Error {
    match error {
        NoPage::Broken(why) => Error::new(
            Kind::OriginAnswer,
            format!("The origin's list cannot be read: {why}"),
        ),
        // Long answers begin before their outcome is known.
        NoPage::Other(root) if root == "Error" => error_of_refusal(
            Refusal {
                status: 200,
                ..Refusal::default()
            },
            body,
        ),
        NoPage::Other(root) => Error::new(
            Kind::OriginAnswer,
            format!("The origin answered a list with a document of the kind {root:?}"),
        ),
    }
}
