//! A chunk, piece by piece, for an answer's body.

use std::time::Duration;

use bytes::{Buf, BytesMut};

use crate::error::Result;
use crate::limits::PIECE_BYTES;
use crate::server::socket::Outgoing;
use crate::store::{ChunkRead, ChunkReader};

/// A span that is shorter is copied: that takes no more than naming its place to the kernel, and
/// packs of small files do not become as many small packets.
const LEAST_SPAN: u64 = 16 * 1024;

/// Where an answer's bytes come from.
pub(crate) enum Pieces {
    /// Read and compared with the chunk's checksum.
    Read(ChunkReader),
    /// Sent from the file unread, but for short pieces.
    Unread(ChunkReader, Outgoing),
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if let Self::Unread(_, outgoing) = self {
            outgoing.end();
        }
    }
}

impl Pieces {
    pub(crate) fn reader(&self) -> &ChunkReader {
        match self {
            Self::Read(reader) | Self::Unread(reader, _) => reader,
        }
    }

    /// The next piece as hyper is to be given it. `wait` bounds the wait for the chunk's writer.
    pub(crate) async fn next(&mut self, wait: Duration) -> Result<ChunkRead> {
        let (reader, outgoing) = match self {
            Self::Read(reader) => return reader.next(PIECE_BYTES, wait).await,
            Self::Unread(reader, outgoing) => (reader, outgoing),
        };
        let next = reader.next_span(PIECE_BYTES, wait).await?;
        outgoing.begin();
        Ok(match next {
            ChunkRead::Bytes(span) if span.length() < LEAST_SPAN => {
                ChunkRead::Bytes(span.read_all(&mut BytesMut::new())?)
            }
            ChunkRead::Bytes(span) => ChunkRead::Bytes(outgoing.push(span)),
            ChunkRead::End(crc) => ChunkRead::End(crc),
            ChunkRead::Aborted => ChunkRead::Aborted,
        })
    }

    /// What comes at byte `from` of the chunk, which only one that is read has other than zero.
    pub(crate) async fn skip_to(&mut self, from: u64, wait: Duration) -> Result<ChunkRead> {
        let mut left = from;
        loop {
            match self.next(wait).await? {
                ChunkRead::Bytes(bytes) if left > 0 && left >= bytes.len() as u64 => {
                    left -= bytes.len() as u64;
                    // Nothing in here waits for a chunk that is held, and others want the thread.
                    tokio::task::yield_now().await;
                }
                ChunkRead::Bytes(mut bytes) => {
                    bytes.advance(usize::try_from(left).unwrap_or(usize::MAX));
                    return Ok(ChunkRead::Bytes(bytes));
                }
                other => return Ok(other),
            }
        }
    }
}
