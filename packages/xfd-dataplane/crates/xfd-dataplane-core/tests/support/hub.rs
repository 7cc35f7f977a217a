//! A small Hugging Face hub in memory: one repository, `org/name`, whose files named `*.bin` are
//! behind a redirect to signed addresses of a second server.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::web::{Answer, status};

/// The bucket of a catalog's objects.
pub const BUCKET: &str = "models/org/name";

/// One request that a server got.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub authorization: Option<String>,
}

type Files = BTreeMap<String, Bytes>;

#[derive(Debug)]
struct State {
    commits: Vec<Files>,
    hub: Vec<Seen>,
    store: Vec<Seen>,
    hub_answers: VecDeque<Response<()>>,
    store_answers: VecDeque<Response<()>>,
    lifetime: Duration,
    /// Signed addresses of earlier ones are refused.
    generation: u64,
    store_url: String,
    linked_size: Option<u64>,
}

/// The running servers; they end when this is dropped.
#[derive(Debug)]
pub struct HubServer {
    pub url: String,
    state: Arc<Mutex<State>>,
    tasks: [JoinHandle<()>; 2],
}

impl HubServer {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            commits: vec![Files::new()],
            hub: Vec::new(),
            store: Vec::new(),
            hub_answers: VecDeque::new(),
            store_answers: VecDeque::new(),
            lifetime: Duration::from_secs(600),
            generation: 0,
            store_url: String::new(),
            linked_size: None,
        }));
        let (store_url, store) = serve(Arc::clone(&state), answer_of_store).await;
        locked(&state).store_url = store_url;
        let (url, hub) = serve(Arc::clone(&state), answer_of_hub).await;
        Self {
            url,
            state,
            tasks: [hub, store],
        }
    }

    /// Commits one file; its location.
    pub fn put(&self, path: &str, bytes: &[u8]) -> String {
        let mut state = self.state();
        let mut files = state.commits.last().unwrap().clone();
        files.insert(path.to_owned(), Bytes::copy_from_slice(bytes));
        state.commits.push(files);
        format!("{}/{path}", commit_id(state.commits.len() - 1))
    }

    /// The next request to the hub is answered like this.
    pub fn hub_answers(&self, answer: Response<()>) {
        self.state().hub_answers.push_back(answer);
    }

    /// The next request to the signed addresses is answered like this.
    pub fn store_answers(&self, answer: Response<()>) {
        self.state().store_answers.push_back(answer);
    }

    /// Ends the signed addresses that are out.
    pub fn revoke(&self) {
        self.state().generation += 1;
    }

    /// How long new signed addresses last.
    pub fn signs_for(&self, lifetime: Duration) {
        self.state().lifetime = lifetime;
    }

    /// What the hub says of the size of files that lie elsewhere, in place of the truth.
    pub fn says_size(&self, size: u64) {
        self.state().linked_size = Some(size);
    }

    /// Requests to the hub, and to the signed addresses.
    pub fn seen(&self) -> (Vec<Seen>, Vec<Seen>) {
        let state = self.state();
        (state.hub.clone(), state.store.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl Drop for HubServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// An answer without a body.
pub fn refusal(status: u16, headers: &[(&str, &str)]) -> Response<()> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap()
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

type Answering = fn(&mut State, &Request<()>) -> Answer;

async fn serve(state: Arc<Mutex<State>>, answer: Answering) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let state = Arc::clone(&state);
            let service = service_fn(move |request: Request<Incoming>| {
                let request = request.map(|_| ());
                let answer = answer(&mut locked(&state), &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(socket), service));
        }
    });
    (url, task)
}

fn answer_of_hub(state: &mut State, request: &Request<()>) -> Answer {
    state.hub.push(seen(request));
    if let Some(answer) = state.hub_answers.pop_front() {
        return answer.map(|()| Full::default());
    }
    let path = request.uri().path();
    // A small file is behind a redirect to another path of the hub.
    let (rest, is_cached) = match path.strip_prefix("/api/resolve-cache/models/org/name/") {
        Some(rest) => (rest, true),
        None => match path.strip_prefix("/org/name/resolve/") {
            Some(rest) => (rest, false),
            None => return refused("RepoNotFound"),
        },
    };
    let Some((revision, path)) = rest.split_once('/') else {
        return status(404);
    };
    let number = match revision {
        "main" => Some(state.commits.len() - 1),
        commit => u64::from_str_radix(commit, 16).ok().map(|it| it as usize),
    };
    let Some((number, files)) = number.and_then(|it| Some((it, state.commits.get(it)?))) else {
        return refused("RevisionNotFound");
    };
    let decoded = percent_decode_str(path).decode_utf8().unwrap();
    let Some(bytes) = files.get(decoded.as_ref()) else {
        return refused("EntryNotFound");
    };
    let commit = commit_id(number);
    let blob = blob_id(bytes);
    if is_cached {
        let mut answer = part(bytes, request);
        answer
            .headers_mut()
            .insert("etag", header(&format!("\"{blob}\"")));
        answer
            .headers_mut()
            .insert("x-repo-commit", header(&commit));
        return answer;
    }
    let is_large = path.ends_with(".bin");
    let location = match is_large {
        false => format!("/api/resolve-cache/models/org/name/{commit}/{path}"),
        true => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let expires = (now + state.lifetime).as_secs();
            let generation = state.generation;
            let store = &state.store_url;
            format!("{store}/{number}/{path}?Expires={expires}&Signature={generation}")
        }
    };
    let size = state.linked_size.unwrap_or(bytes.len() as u64);
    Response::builder()
        .status(if is_large { 302 } else { 307 })
        .header("location", location)
        .header("x-linked-etag", format!("\"{blob}\""))
        .header("x-linked-size", size)
        .header("x-repo-commit", commit)
        .body(Full::default())
        .unwrap()
}

fn answer_of_store(state: &mut State, request: &Request<()>) -> Answer {
    state.store.push(seen(request));
    if let Some(answer) = state.store_answers.pop_front() {
        return answer.map(|()| Full::default());
    }
    let signed = format!("Signature={}", state.generation);
    if !request.uri().query().unwrap_or_default().ends_with(&signed) {
        return status(403);
    }
    let path = request.uri().path().trim_start_matches('/');
    let (number, path) = path.split_once('/').unwrap();
    let path = percent_decode_str(path).decode_utf8().unwrap();
    let files = &state.commits[number.parse::<usize>().unwrap()];
    let mut answer = part(&files[path.as_ref()], request);
    // Of its own, as the stores behind the hub have them.
    answer
        .headers_mut()
        .insert("etag", header("\"of-the-store\""));
    answer
}

fn seen(request: &Request<()>) -> Seen {
    let authorization = request.headers().get("authorization");
    Seen {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        authorization: authorization.map(|it| it.to_str().unwrap().to_owned()),
    }
}

fn refused(code: &str) -> Answer {
    refusal(404, &[("x-error-code", code)]).map(|()| Full::default())
}

/// A file, or the range of it that is asked for.
fn part(bytes: &Bytes, request: &Request<()>) -> Answer {
    let Some(range) = request.headers().get("range") else {
        return Response::new(Full::new(bytes.clone()));
    };
    let range = range.to_str().unwrap()["bytes=".len()..]
        .split_once('-')
        .unwrap();
    let (first, last): (usize, usize) = (range.0.parse().unwrap(), range.1.parse().unwrap());
    let size = bytes.len();
    let response = Response::builder();
    if first >= size {
        let response = response
            .status(416)
            .header("content-range", format!("bytes */{size}"));
        return response.body(Full::default()).unwrap();
    }
    let end = (last + 1).min(size);
    response
        .status(206)
        .header("content-range", format!("bytes {first}-{}/{size}", end - 1))
        .body(Full::new(bytes.slice(first..end)))
        .unwrap()
}

fn commit_id(number: usize) -> String {
    format!("{number:040x}")
}

pub fn blob_id(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header(value: &str) -> http::HeaderValue {
    value.parse().unwrap()
}
