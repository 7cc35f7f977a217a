//! Redirects, passwords and broken answers of web servers.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{HttpAccess, HttpConfig, Secret, StoreConfig};
use xfd_dataplane_core::source::{ConnectOptions, HttpOrigin, Origin};

use crate::places::{bytes_of, get, origin_of};
use crate::support::web::{Abilities, WebServer, status};

fn origin(url: &str) -> HttpOrigin {
    let options = ConnectOptions {
        read_timeout: Duration::from_millis(300),
        ..ConnectOptions::default()
    };
    HttpOrigin::new(&HttpConfig::of(url), &options).unwrap()
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
    let without = StoreConfig::Http(HttpConfig::of(&server.url));
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

fn with_access(url: &str, access: HttpAccess) -> Result<HttpOrigin, Error> {
    let config = HttpConfig {
        http: Some(access),
        ..HttpConfig::of(url)
    };
    HttpOrigin::new(&config, &ConnectOptions::default())
}

fn secret(text: &str) -> Secret {
    Secret(text.to_owned())
}

/// A server behind a password, a token or a key, by the path, which redirects as its query says.
async fn guarded() -> WebServer {
    let server = WebServer::start(Abilities::ALL, |request| {
        let given = |name| request.headers().get(name).and_then(|it| it.to_str().ok());
        let is_allowed = match request.uri().path() {
            "/token" => given("authorization") == Some("Bearer hidden"),
            "/key" => given("x-api-key") == Some("hidden"),
            "/netrc" => given("authorization") == Some("Basic dTpoaWRkZW4="),
            _ => given("authorization").or(given("x-api-key")).is_none(),
        };
        if !is_allowed {
            return Some(status(403));
        }
        let mut response = status(307);
        let to = request.uri().query()?.parse().unwrap();
        response.headers_mut().insert("location", to);
        Some(response)
    })
    .await;
    for path in ["token", "key", "netrc", "open"] {
        server.put(path, path.as_bytes());
    }
    server
}

/// A process has one environment, so this test binary runs again with one of its own.
#[test]
fn headers_and_tokens_go_to_their_own_server_only() {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "http::with_a_netrc_of_its_own"])
        .env("NETRC", folder.path().join("netrc"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "run by the test before it"]
async fn with_a_netrc_of_its_own() {
    let Some(netrc) = std::env::var_os("NETRC").map(PathBuf::from) else {
        return;
    };
    std::fs::write(&netrc, "machine 127.0.0.1 login u password hidden").unwrap();
    let key = ("X-Api-Key".to_owned(), secret("hidden"));
    for (path, access) in [
        (
            "token",
            HttpAccess {
                bearer: Some(secret("hidden")),
                ..HttpAccess::default()
            },
        ),
        (
            "key",
            HttpAccess {
                headers: vec![key],
                ..HttpAccess::default()
            },
        ),
        (
            "netrc",
            HttpAccess {
                netrc: true,
                ..HttpAccess::default()
            },
        ),
    ] {
        let (server, other) = (guarded().await, guarded().await);
        let origin = with_access(&server.url, access.clone()).unwrap();
        let body = origin.get(get(path, None, None)).await;
        assert_eq!(bytes_of(body).await, Ok(path.as_bytes().to_vec()));
        assert!(!format!("{origin:?} {access:?}").contains("hidden"));
        // Elsewhere, and back again: the other server, not we, asks for the second way.
        let open = format!("{}/open", other.url);
        let back = format!("{}/open?{}/{path}", other.url, server.url);
        for (way, expected) in [(open, Ok("open")), (back, Err(Kind::AccessDenied))] {
            let origin = with_access(&format!("{}/?{way}", server.url), access.clone()).unwrap();
            let body = origin.get(get(path, None, None)).await;
            let read = bytes_of(body).await.map_err(|error| error.kind);
            let expected = expected.map(|text| text.as_bytes().to_vec());
            assert_eq!(read, expected, "{way}");
        }
        let none = with_access(&server.url, HttpAccess::default()).unwrap();
        let error = none.head(None, path).await.unwrap_err();
        assert_eq!(error.kind, Kind::AccessDenied);
    }
    // A password that is corrected counts at the next request.
    std::fs::write(&netrc, "machine 127.0.0.1 login u password wrong").unwrap();
    let server = guarded().await;
    let access = HttpAccess {
        netrc: true,
        ..HttpAccess::default()
    };
    let origin = with_access(&server.url, access).unwrap();
    let error = origin.head(None, "netrc").await.unwrap_err();
    assert_eq!(error.kind, Kind::AccessDenied);
    std::fs::write(&netrc, "machine 127.0.0.1 login u password hidden").unwrap();
    assert_eq!(origin.head(None, "netrc").await.unwrap().size, 5);
    std::fs::remove_file(&netrc).unwrap();
    let gone = with_access(
        &server.url,
        HttpAccess {
            netrc: true,
            ..HttpAccess::default()
        },
    );
    let error = gone.unwrap().head(None, "netrc").await.unwrap_err();
    assert_eq!((error.kind, error.path), (Kind::Credentials, Some(netrc)));
}

#[test]
fn access_that_makes_no_sense_is_refused_before_anything_is_sent() {
    let header = |name: &str| vec![(name.to_owned(), secret("hidden"))];
    for (headers, bearer, kind) in [
        (header("Host"), None, Kind::InvalidRequest),
        (header("a b"), None, Kind::InvalidRequest),
        (
            header("authorization"),
            Some("hidden"),
            Kind::InvalidRequest,
        ),
        (Vec::new(), Some("hidden\n"), Kind::Credentials),
    ] {
        let access = HttpAccess {
            headers,
            bearer: bearer.map(secret),
            netrc: false,
        };
        let error = with_access("https://host/", access).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(!format!("{error:?}").contains("hidden"));
    }
}
