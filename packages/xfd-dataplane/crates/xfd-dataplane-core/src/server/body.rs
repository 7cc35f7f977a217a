//! The body of an answer: pieces of a chunk, then its verdict.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body::{Body, Frame, SizeHint};
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::limits::{Rate, Share};
use crate::server::connections::Place;
use crate::server::pieces::Pieces;
use crate::stats::Uploading;
use crate::store::ChunkRead;
use crate::wire::{CRC_HEADER, crc_text};

/// The chunk was taken back: the connection is cut before its body's end.
#[derive(Debug, thiserror::Error)]
#[error("the chunk was taken back")]
pub(crate) struct TakenBack;

type Frames = Pin<Box<dyn Stream<Item = std::result::Result<Frame<Bytes>, TakenBack>> + Send>>;

/// Nothing, or the frames of an upload.
pub(crate) struct AnswerBody(Option<Frames>);

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = TakenBack;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, TakenBack>>> {
        match &mut self.0 {
            Some(frames) => frames.as_mut().poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.0 {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

/// No bytes.
pub(crate) fn empty() -> AnswerBody {
    AnswerBody(None)
}

/// Held while a connection's answer is under way.
pub(crate) struct Serving(pub(crate) Arc<Place>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.rests();
    }
}

/// One chunk on its way to a peer; gives its slot back when it is dropped.
pub(crate) struct Upload {
    pub(crate) pieces: Pieces,
    pub(crate) first: Option<ChunkRead>,
    pub(crate) rate: Rate,
    pub(crate) wait: Duration,
    /// Whether the checksum follows the bytes.
    pub(crate) with_trailer: bool,
    pub(crate) active: Uploading,
    pub(crate) left: CancellationToken,
    pub(crate) slot: Share,
    #[expect(dead_code, reason = "its drop says that the answer is over")]
    pub(crate) serving: Serving,
}

/// The upload's frames.
pub(crate) fn stream(upload: Upload) -> AnswerBody {
    AnswerBody(Some(Box::pin(stream::unfold(Some(upload), step))))
}

async fn step(
    upload: Option<Upload>,
) -> Option<(std::result::Result<Frame<Bytes>, TakenBack>, Option<Upload>)> {
    let mut upload = upload?;
    match upload.follow().await {
        Ok(ChunkRead::Bytes(bytes)) => {
            upload.rate.pass(bytes.len()).await;
            upload.active.stats().served_bytes.add(bytes.len() as u64);
            Some((Ok(Frame::data(bytes)), Some(upload)))
        }
        Ok(ChunkRead::End(crc)) => {
            upload.active.stats().chunks_served.add(1);
            drop(upload.slot);
            if !upload.with_trailer {
                return None;
            }
            let mut trailers = HeaderMap::with_capacity(1);
            trailers.insert(CRC_HEADER, HeaderValue::from_str(&crc_text(crc)).ok()?);
            Some((Ok(Frame::trailers(trailers)), None))
        }
        Ok(ChunkRead::Aborted) => Some((Err(TakenBack), None)),
        Err(error) => {
            tracing::warn!(%error, "chunk_read_failed");
            Some((Err(TakenBack), None))
        }
    }
}

impl Upload {
    async fn follow(&mut self) -> Result<ChunkRead> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        tokio::select! {
            () = self.left.cancelled() => Ok(ChunkRead::Aborted),
            follow = self.pieces.next(self.wait) => follow,
        }
    }
}
