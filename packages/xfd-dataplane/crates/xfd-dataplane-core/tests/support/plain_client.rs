//! Requests without TLS, to put things into emulators.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// Status and body of an answer; None where there is none.
pub async fn send(request: http::Request<Full<Bytes>>) -> Option<(u16, Bytes)> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.ok()?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some((status, body))
}

/// The same, for a thread without a runtime.
pub fn send_now(request: http::Request<Full<Bytes>>) -> Option<(u16, Bytes)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(send(request))
}

/// A request without headers of its own.
pub fn request(method: &str, url: &str, body: impl Into<Bytes>) -> http::Request<Full<Bytes>> {
    let request = http::Request::builder().method(method).uri(url);
    request.body(Full::new(body.into())).unwrap()
}
