//! Requests without TLS and without a proxy, sent by hyper itself: the SDK's own connector does not
//! let the size of its read buffers be chosen, and reads so much ahead of a slow disk that a
//! download's memory grows by one or two megabytes a connection.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::connect_options::{ConnectOptions, KEPT_CONNECTIONS, KEPT_FOR};
use super::resolver::Resolver;

/// Most that is read from a connection at once. There may be three such pieces of each body: one
/// being written, one waiting for that, one being read.
const READ_BYTES: usize = 192 * 1024;

/// One client with its pool.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    client: Client<connect::HttpConnector<Resolver>, SdkBody>,
    /// Until an answer begins.
    patience: Duration,
}

impl Plain {
    pub(super) fn new(options: &ConnectOptions, resolver: Resolver) -> Self {
        let mut connector = connect::HttpConnector::new_with_resolver(resolver);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(options.connect_timeout));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT_FOR)
            .pool_max_idle_per_host(KEPT_CONNECTIONS)
            .http1_max_buf_size(READ_BYTES)
            .build(connector);
        Self {
            client,
            patience: options.connect_timeout + options.read_timeout,
        }
    }
}

impl HttpConnector for Plain {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let answer = timeout(self.patience, self.client.request(request));
        HttpConnectorFuture::new(async move {
            let answer = answer
                .await
                .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?;
            let response = answer.map_err(|error| error_of(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Whether a connection was too slow, the request was wrong, or the connection broke.
fn error_of(error: Box<dyn StdError + Send + Sync>) -> ConnectorError {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error.as_ref());
    while let Some(cause) = next {
        let io = cause.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) {
            return ConnectorError::timeout(error);
        }
        let http = cause.downcast_ref::<hyper::Error>();
        if http.is_some_and(hyper::Error::is_user) {
            return ConnectorError::user(error);
        }
        next = cause.source();
    }
    ConnectorError::io(error)
}
