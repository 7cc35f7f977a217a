//! A small web server over objects in memory, as able or as limited as a test wants it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server can do.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    pub ranges: bool,
    pub head: bool,
    pub etags: bool,
    /// Looks at If-Match and If-Unmodified-Since.
    pub preconditions: bool,
}

impl Abilities {
    pub const ALL: Self = Self {
        ranges: true,
        head: true,
        etags: true,
        preconditions: true,
    };
    /// A date and whole answers, no more.
    pub const FEW: Self = Self {
        ranges: false,
        head: false,
        etags: false,
        preconditions: false,
    };
}

pub type Answer = Response<Full<Bytes>>;

/// A fixed answer, for the paths that tests have special wishes for.
pub type Special = fn(&Request<Bytes>) -> Option<Answer>;

#[derive(Debug, Default)]
struct Objects {
    by_path: BTreeMap<String, (Bytes, u64)>,
    writes: u64,
    requests: Vec<(Method, String)>,
    connections: usize,
}

/// A running server; ends when it is dropped.
#[derive(Debug)]
pub struct WebServer {
    pub url: String,
    objects: Arc<Mutex<Objects>>,
    task: JoinHandle<()>,
}

impl WebServer {
    pub async fn start(abilities: Abilities, special: Special) -> Self {
        Self::start_with(abilities, special, None).await
    }

    /// With TLS, and the certificate of [`super::tls`].
    pub async fn start_tls(abilities: Abilities, special: Special) -> Self {
        Self::start_with(abilities, special, Some(super::tls::acceptor())).await
    }

    async fn start_with(abilities: Abilities, special: Special, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let objects = Arc::<Mutex<Objects>>::default();
        let shared = Arc::clone(&objects);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request: Request<Incoming>| {
                    let shared = Arc::clone(&shared);
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.map(|body| body.to_bytes());
                        let request = Request::from_parts(head, body.unwrap_or_default());
                        let response = special(&request)
                            .unwrap_or_else(|| answer(&request, abilities, &shared));
                        let line = (request.method().clone(), request.uri().to_string());
                        shared.lock().unwrap().requests.push(line);
                        Ok::<_, Infallible>(response)
                    }
                });
                let server = hyper::server::conn::http1::Builder::new();
                let tls = tls.clone();
                tokio::spawn(async move {
                    // A client that does not trust the certificate hangs up: nothing to serve.
                    match tls {
                        None => server.serve_connection(TokioIo::new(socket), service).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => {
                                server.serve_connection(TokioIo::new(socket), service).await
                            }
                            Err(_) => Ok(()),
                        },
                    }
                });
            }
        });
        Self { url, objects, task }
    }

    /// Writes an object at a path without a slash at its start.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let mut objects = self.objects.lock().unwrap();
        objects.writes += 1;
        let value = (Bytes::copy_from_slice(bytes), objects.writes);
        objects.by_path.insert(path.to_owned(), value);
    }

    /// Method and URI of every request so far.
    pub fn requests(&self) -> Vec<(Method, String)> {
        self.objects.lock().unwrap().requests.clone()
    }

    /// Number of connections so far.
    pub fn connections(&self) -> usize {
        self.objects.lock().unwrap().connections
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn status(status: u16) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn answer(request: &Request<Bytes>, can: Abilities, objects: &Mutex<Objects>) -> Answer {
    let path = request.uri().path().trim_start_matches('/');
    let path = percent_decode_str(path).decode_utf8().unwrap();
    let objects = objects.lock().unwrap();
    let Some((bytes, write)) = objects.by_path.get(path.as_ref()) else {
        return status(404);
    };
    if request.method() == Method::HEAD && !can.head {
        return status(405);
    }
    let etag = format!("\"write-{write}\"");
    // A second apart, as coarse as the dates of HTTP are.
    let date = format!(
        "Mon, 05 Jan 2026 10:{:02}:{:02} GMT",
        write / 60,
        write % 60
    );
    let headers = request.headers();
    if can.preconditions && !holds(headers, &etag, &date) {
        return status(412);
    }
    let whole = 0..bytes.len();
    let range = match headers.get("range").filter(|_| can.ranges) {
        None => None,
        Some(range) => {
            let (first, last) = range.to_str().unwrap()["bytes=".len()..]
                .split_once('-')
                .unwrap();
            let range = first.parse::<usize>().unwrap()..last.parse::<usize>().unwrap() + 1;
            if !whole.contains(&range.start) {
                let mut response = status(416);
                let value = format!("bytes */{}", whole.end).parse().unwrap();
                response.headers_mut().insert("content-range", value);
                return response;
            }
            Some(range.start..range.end.min(whole.end))
        }
    };
    let mut response = Response::builder().header("last-modified", date);
    if can.etags {
        response = response.header("etag", etag);
    }
    if let Some(range) = &range {
        let value = format!("bytes {}-{}/{}", range.start, range.end - 1, whole.end);
        response = response.status(206).header("content-range", value);
    }
    let body = bytes.slice(range.unwrap_or(whole));
    response.body(Full::new(body)).unwrap()
}

fn holds(headers: &HeaderMap, etag: &str, date: &str) -> bool {
    let same = |name, value: &str| headers.get(name).is_none_or(|given| given == value);
    same("if-match", etag) && same("if-unmodified-since", date)
}
