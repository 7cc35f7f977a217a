//! Redirects, passwords and broken answers of web servers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{Secret, StoreConfig};
use xfd_dataplane_core::source::{ConnectOptions, HttpOrigin, Origin};

use crate::places::{bytes_of, get, origin_of};
use crate::support::web::{Abilities, WebServer, status};

fn origin(url: &str) -> HttpOrigin {
    let options = ConnectOptions {
        read_timeout: Duration::from_millis(300),
        ..ConnectOptions::default()
    };
    HttpOrigin::new(url, &options).unwrap()
}

/// A server that gives one fixed answer, then keeps the connection open or closes it.
async fn raw(answer: &'static str, closes: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(answer.as_bytes()).await;
            if !closes {
                open.push(socket);
            }
        }
    });
    url
}

async fn error_of(url: &str, range: Option<std::ops::Range<u64>>) -> Kind {
    let origin = origin(url);
    let body = origin.get(get("object", range, None)).await;
    bytes_of(body).await.unwrap_err().kind
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error() {
    let url = raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", true).await;
    assert_eq!(error_of(&url, None).await, Kind::OriginUnreachable);
    // Without a length, only the range says how much there should be.
    let url = raw("HTTP/1.1 200 OK\r\n\r\n12345", true).await;
    assert_eq!(error_of(&url, Some(0..10)).await, Kind::OriginUnreachable);
}

#[tokio::test]
async fn a_body_that_falls_silent_is_an_error() {
    let url = raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", false).await;
    assert_eq!(error_of(&url, None).await, Kind::OriginTimeout);
}

#[tokio::test]
async fn a_body_longer_than_its_range_is_an_error() {
    let url = raw(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/10\r\n\r\n12345",
        true,
    )
    .await;
    assert_eq!(error_of(&url, Some(0..4)).await, Kind::OriginAnswer);
}

#[tokio::test]
async fn another_range_than_asked_for_is_an_error() {
    let url = raw(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-4/10\r\n\r\n1234",
        true,
    )
    .await;
    assert_eq!(error_of(&url, Some(0..4)).await, Kind::OriginAnswer);
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let url = raw("220 mail.example ESMTP\r\n", true).await;
    let kind = error_of(&url, None).await;
    assert!(matches!(kind, Kind::OriginUnreachable | Kind::OriginAnswer));
}

#[tokio::test]
async fn redirects_are_followed_and_not_for_ever() {
    let server = WebServer::start(Abilities::ALL, |request| {
        let to = match request.uri().path() {
            "/old/object" => "../new/object",
            "/round" => "/round",
            _ => return None,
        };
        let mut response = status(302);
        response
            .headers_mut()
            .insert("location", to.parse().unwrap());
        Some(response)
    })
    .await;
    server.put("new/object", b"moved");
    let origin = origin(&server.url);
    assert_eq!(origin.head(None, "old/object").await.unwrap().size, 5);
    let body = origin.get(get("old/object", Some(1..3), None)).await;
    assert_eq!(bytes_of(body).await, Ok(b"ov".to_vec()));
    let error = origin.head(None, "round").await.unwrap_err();
    assert_eq!(error.kind, Kind::OriginAnswer);
}

#[tokio::test]
async fn a_password_goes_to_its_own_server_only_and_is_never_shown() {
    let other = WebServer::start(Abilities::ALL, |request| {
        request.headers().get("authorization").map(|_| status(400))
    })
    .await;
    other.put("object", b"elsewhere");
    let server = WebServer::start(Abilities::ALL, |request| {
        let Some(given) = request.headers().get("authorization") else {
            return Some(status(401));
        };
        assert_eq!(given, "Basic dXNlcjpoaWRkZW4=");
        let to = request.uri().query()?;
        let mut response = status(307);
        response
            .headers_mut()
            .insert("location", to.parse().unwrap());
        Some(response)
    })
    .await;
    let base = server.url.replace("://", "://user:hidden@");
    let redirecting = origin(&format!("{base}/?{}/object", other.url));
    let body = redirecting.get(get("object", None, None)).await;
    assert_eq!(bytes_of(body).await, Ok(b"elsewhere".to_vec()));

    let origin = origin(&base);
    let error = origin.head(None, "object").await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
    assert!(!format!("{error:?} {origin:?}").contains("hidden"));
    let without = StoreConfig::Http {
        base_url: Secret(server.url.clone()),
    };
    let error = origin_of(&without).await.head(None, "object").await;
    assert_eq!(error.unwrap_err().kind, Kind::AccessDenied);
}

/// `source::redirect` says which ways are refused; here, that every request is held to it.
#[tokio::test]
async fn a_redirect_further_inside_is_refused_before_it_is_followed() {
    let server = WebServer::start(Abilities::ALL, |request| {
        let to = match request.uri().path() {
            "/metadata" => "http://169.254.169.254/latest/meta-data/",
            "/hidden" => "http://metadata.google.internal/computeMetadata/v1/",
            "/mapped" => "http://[::ffff:169.254.169.254]/",
            "/file" => "file:///etc/passwd",
            _ => return None,
        };
        let mut response = status(307);
        let to = to.parse().unwrap();
        response.headers_mut().insert("location", to);
        Some(response)
    })
    .await;
    let origin = origin(&server.url);
    for key in ["metadata", "hidden", "mapped", "file"] {
        let started = std::time::Instant::now();
        let error = origin.head(None, key).await.unwrap_err();
        assert_eq!(error.kind, Kind::OriginAnswer, "{key}: {error}");
        assert!(error.what.contains("redirects to"), "{error}");
        let body = origin.get(get(key, None, None)).await;
        assert_eq!(bytes_of(body).await.unwrap_err().kind, Kind::OriginAnswer);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}
