//! Answers that are read whole before they are understood: lists, error documents, credentials.
//!
//! Each has a bound on its bytes and on the time that it takes, from its head on. The SDK has
//! neither: it would read a list without end until the memory is full, and wait for one that stalls
//! for ever.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_sdk_s3::config::ConfigBag;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use crate::error::{Error, Kind};

/// What a document may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub bytes: u64,
    pub time: Duration,
    /// Without a byte.
    pub silence: Duration,
}

impl Bounds {
    /// Of a page of a list. It has 1,000 keys of 1,024 bytes at most, some of which XML writes in
    /// 6.
    pub(super) fn of_page(read_timeout: Duration) -> Self {
        Self {
            bytes: 8 * 1024 * 1024,
            time: 3 * read_timeout,
            silence: read_timeout,
        }
    }

    /// Of an error document, which S3 writes in some hundred bytes. Its status says most of it.
    pub(super) fn of_refusal(read_timeout: Duration) -> Self {
        let time = read_timeout.min(REFUSAL_TIME);
        Self {
            bytes: 64 * 1024,
            time,
            silence: time,
        }
    }

    /// Of what gives out credentials.
    pub(super) fn of_credentials(read_timeout: Duration) -> Self {
        Self {
            bytes: 1024 * 1024,
            ..Self::of_page(read_timeout)
        }
    }
}

const REFUSAL_TIME: Duration = Duration::from_secs(5);

/// Gives an answer a body that fails at its bounds: `OriginAnswer`, or `OriginTimeout`.
pub(super) fn bound(response: &mut HttpResponse, bounds: Bounds) {
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let now = Instant::now();
    let document = Document {
        body,
        bounds,
        came: 0,
        end: now + bounds.time,
        timer: Box::pin(tokio::time::sleep_until(now + bounds.silence)),
    };
    *response.body_mut() = SdkBody::from_body_1_x(document);
}

struct Document {
    body: SdkBody,
    bounds: Bounds,
    came: u64,
    end: Instant,
    /// Until the end, or until the silence has lasted too long.
    timer: Pin<Box<Sleep>>,
}

impl Body for Document {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        // First, so that one that drips is seen as well.
        if self.timer.as_mut().poll(cx).is_ready() {
            let what = match Instant::now() < self.end {
                true => format!("sent nothing for {:?}", self.bounds.silence),
                false => format!("did not end its answer within {:?}", self.bounds.time),
            };
            let error = Error::new(Kind::OriginTimeout, format!("The origin {what}"));
            return Poll::Ready(Some(Err(error.into())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let until = self.end.min(Instant::now() + self.bounds.silence);
        self.timer.as_mut().reset(until);
        if let Some(Ok(frame)) = &frame {
            self.came += frame.data_ref().map_or(0, |data| data.len() as u64);
            if self.came > self.bounds.bytes {
                let most = self.bounds.bytes;
                let what = format!("The origin's answer goes on after {most} bytes");
                let error = Error::new(Kind::OriginAnswer, what);
                return Poll::Ready(Some(Err(error.into())));
            }
        }
        Poll::Ready(frame)
    }
}

/// Bounds answers on their way through the SDK: those that are a success, or those that are none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounding {
    pub of_successes: bool,
    pub bounds: Bounds,
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Bounding {
    fn name(&self) -> &'static str {
        "Bounding"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if response.status().is_success() == self.of_successes {
            bound(response, self.bounds);
        }
        Ok(())
    }
}

/// A connector whose answers are all documents: that of the services that give out credentials.
#[derive(Debug)]
pub(super) struct Documents {
    pub connector: SharedHttpConnector,
    pub read_timeout: Duration,
}

impl HttpConnector for Documents {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.connector.call(request);
        let bounds = Bounds::of_credentials(self.read_timeout);
        HttpConnectorFuture::new(async move {
            let mut response = answer.await?;
            bound(&mut response, bounds);
            Ok(response)
        })
    }
}
