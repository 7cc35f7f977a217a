//! From a request to its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, HeaderValue, RANGE, RETRY_AFTER,
    TRAILER,
};
use hyper::{Method, Request, Response, StatusCode};
use subtle::ConstantTimeEq;
use tokio::time::timeout;

use crate::limits::Share;
use crate::model::{ChunkIndex, Secret};
use crate::server::body::{self, AnswerBody, Serving, Upload};
use crate::server::channel::Channel;
use crate::server::connections::Place;
use crate::server::pieces::Pieces;
use crate::server::served::{Served, Server};
use crate::store::{ChunkRead, ChunkReader};
use crate::wire::{CHECK_HEADER, CRC_HEADER, ORDER_SKEW, UPLOAD_QUEUE_WAIT, crc_text};

type Answer = Response<AnswerBody>;

/// Between two looks for an order that is on its way here.
const ORDER_LOOK: Duration = Duration::from_millis(10);

pub(crate) async fn answer(
    server: &Server,
    channel: &Channel,
    place: &Arc<Place>,
    request: Request<Incoming>,
) -> std::result::Result<Answer, Infallible> {
    Ok(match serve(server, channel, place, &request).await {
        Ok(answer) => answer,
        Err(status) => {
            tracing::debug!(%status, "peer_request_refused");
            refusal(status)
        }
    })
}

async fn serve(
    server: &Server,
    channel: &Channel,
    connection: &Arc<Place>,
    request: &Request<Incoming>,
) -> std::result::Result<Answer, StatusCode> {
    if request.method() != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let (swarm, chunk) = place(request.uri().path()).ok_or(StatusCode::NOT_FOUND)?;
    let given = request.headers().get(AUTHORIZATION);
    // An unknown swarm is answered like a wrong token: a stranger learns of neither.
    let served = server
        .swarms
        .served(swarm)
        .filter(|served| channel.admits(swarm, served) && is_bearer(given, &served.token))
        .ok_or(StatusCode::UNAUTHORIZED)?;
    if !connection.shown_token() {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let from = match request.headers().get(RANGE) {
        None => 0,
        Some(range) => first_byte(range).ok_or(StatusCode::RANGE_NOT_SATISFIABLE)?,
    };
    let reader = reader(server, &served, chunk)
        .await
        .ok_or(StatusCode::NOT_FOUND)?;
    // A part of a chunk is asked for after a body was cut, perhaps for a fault of this disk.
    let is_checked = from > 0 || request.headers().contains_key(CHECK_HEADER);
    let reader = match channel {
        Channel::Plain(outgoing) if !is_checked && reader.is_verified_or_in_flight() => {
            Pieces::Unread(reader, outgoing.clone())
        }
        _ => Pieces::Read(reader),
    };
    upload(server, served, connection, chunk, from, reader).await
}

async fn upload(
    server: &Server,
    served: Served,
    connection: &Arc<Place>,
    chunk: ChunkIndex,
    from: u64,
    mut pieces: Pieces,
) -> std::result::Result<Answer, StatusCode> {
    let reader = pieces.reader();
    let size = reader.size();
    // Of a chunk in flight even a pinned checksum is no promise: only its end is the verdict.
    let known = reader.crc().filter(|_| !reader.is_in_flight());
    if from > size {
        return Err(StatusCode::RANGE_NOT_SATISFIABLE);
    }
    let asked = Instant::now();
    let first = tokio::select! {
        () = served.left.cancelled() => return Err(StatusCode::NOT_FOUND),
        first = pieces.skip_to(from, server.relay_wait) => first,
    };
    let first = match first {
        Ok(ChunkRead::Aborted) if asked.elapsed() >= server.relay_wait => {
            return Err(StatusCode::REQUEST_TIMEOUT);
        }
        Ok(ChunkRead::Aborted) => return Err(StatusCode::NOT_FOUND),
        Ok(first) => first,
        Err(error) => {
            tracing::warn!(chunk, %error, "chunk_read_failed");
            return Err(StatusCode::INTERNAL_SERVER_ERROR);
        }
    };
    let slot = slot(server).await?;
    let mut response = Response::new(body::empty());
    let crc = match &first {
        ChunkRead::End(crc) => Some(*crc),
        _ => known,
    };
    let headers = response.headers_mut();
    match crc {
        Some(crc) => {
            headers.insert(CRC_HEADER, value(&crc_text(crc))?);
            headers.insert(CONTENT_LENGTH, HeaderValue::from(size - from));
        }
        None => {
            headers.insert(TRAILER, HeaderValue::from_name(CRC_HEADER));
        }
    }
    if from > 0 {
        let last = size.saturating_sub(1);
        headers.insert(
            CONTENT_RANGE,
            value(&format!("bytes {from}-{last}/{size}"))?,
        );
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    *response.body_mut() = body::stream(Upload {
        pieces,
        first: Some(first),
        rate: server.limits.upload.clone(),
        wait: server.relay_wait,
        with_trailer: crc.is_none(),
        active: served.stats.uploading(),
        left: served.left,
        slot,
        serving: Serving(Arc::clone(connection)),
    });
    Ok(response)
}

/// A reader of the chunk. A peer's order may reach it before this node's own order for the chunk
/// arrives here, so one that is known and not expected yet is given a moment.
async fn reader(server: &Server, served: &Served, chunk: ChunkIndex) -> Option<ChunkReader> {
    let asked = Instant::now();
    let patience = ORDER_SKEW.min(server.relay_wait);
    loop {
        if let Some(reader) = served.store.reader(chunk) {
            return Some(reader);
        }
        let is_over = asked.elapsed() >= patience || served.left.is_cancelled();
        if is_over || served.store.chunk(chunk).is_none() {
            return None;
        }
        tokio::time::sleep(ORDER_LOOK).await;
    }
}

/// An upload slot, waited for in a short queue.
async fn slot(server: &Server) -> std::result::Result<Share, StatusCode> {
    let limits = &server.limits;
    if let Some(slot) = limits.uploads.try_take(1) {
        return Ok(slot);
    }
    let busy = StatusCode::SERVICE_UNAVAILABLE;
    let _place = limits.upload_queue.try_take(1).ok_or(busy)?;
    let slot = timeout(UPLOAD_QUEUE_WAIT, limits.uploads.take(1)).await;
    slot.map_err(|_| busy)
}

/// Swarm and chunk that a path names.
fn place(path: &str) -> Option<(&str, ChunkIndex)> {
    let (swarm, rest) = path.strip_prefix("/v1/")?.split_once('/')?;
    let index = digits(rest.strip_prefix("chunks/")?)?;
    Some((swarm, index.parse().ok()?))
}

fn is_bearer(given: Option<&HeaderValue>, token: &Secret) -> bool {
    given
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .is_some_and(|given| given.ct_eq(token.0.as_bytes()).into())
}

/// N of `bytes=N-`; None for any other range.
fn first_byte(range: &HeaderValue) -> Option<u64> {
    let from = range.to_str().ok()?.strip_prefix("bytes=")?;
    digits(from.strip_suffix('-')?)?.parse().ok()
}

/// The text, if it is digits and nothing else: parsing a number takes a sign too.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

fn value(text: &str) -> std::result::Result<HeaderValue, StatusCode> {
    HeaderValue::from_str(text).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// An answer without a body, after which the connection is closed: it has cost the peer that sent
/// the request no token, and a peer asks another one next.
fn refusal(status: StatusCode) -> Answer {
    let mut response = Response::new(body::empty());
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::{first_byte, is_bearer, place};
    use crate::model::Secret;

    #[test]
    fn only_a_chunk_of_a_swarm_is_a_place() {
        assert_eq!(place("/v1/abc/chunks/12"), Some(("abc", 12)));
        for path in [
            "/",
            "/v1/abc/chunks/",
            "/v1/abc/chunks/+1",
            "/v1/abc/chunks/1/",
            "/v1/abc/chunks/4294967296",
            "/v1/abc/files/../../etc/passwd",
            "/v2/abc/chunks/1",
        ] {
            assert_eq!(place(path), None, "{path}");
        }
    }

    #[test]
    fn the_token_is_all_of_it_or_nothing() {
        let token = Secret("0123".into());
        let given = |text: &'static str| HeaderValue::from_static(text);
        assert!(is_bearer(Some(&given("Bearer 0123")), &token));
        for wrong in [
            "Bearer 012",
            "Bearer 01234",
            "0123",
            "Basic 0123",
            "Bearer ",
        ] {
            assert!(!is_bearer(Some(&given(wrong)), &token), "{wrong}");
        }
        assert!(!is_bearer(None, &token));
    }

    #[test]
    fn a_range_has_a_start_alone() {
        let given = |text: &'static str| first_byte(&HeaderValue::from_static(text));
        assert_eq!(given("bytes=5-"), Some(5));
        for wrong in ["bytes=-5", "bytes=1-2", "bytes=1-,3-", "bytes=+5-", "5-"] {
            assert_eq!(given(wrong), None, "{wrong}");
        }
    }
}
