//! A connection on which parts of a body go from a file to the socket, by sendfile.
//!
//! hyper frames an answer and asks for nothing but writes of slices. So a body that has a span to
//! send puts it into [`Outgoing`], and gives hyper as many bytes of [`BLANK`] in its place. The
//! socket knows them by where they are in memory, and sends the span instead. Both sides keep their
//! order, and one connection has one answer at a time.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::limits::PIECE_BYTES;
use crate::store::FileSpan;

/// What stands for bytes that are in a file; never sent, never read.
static BLANK: [u8; PIECE_BYTES] = [0; PIECE_BYTES];

/// Spans on their way to one socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing(Arc<Mutex<VecDeque<FileSpan>>>);

impl Outgoing {
    /// Takes a span of at most [`PIECE_BYTES`]; what hyper is to be given in its place.
    pub(crate) fn push(&self, span: FileSpan) -> Bytes {
        let length = usize::try_from(span.length()).unwrap_or(PIECE_BYTES);
        self.spans().push_back(span);
        Bytes::from_static(&BLANK[..length.min(PIECE_BYTES)])
    }

    fn spans(&self) -> MutexGuard<'_, VecDeque<FileSpan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One peer's connection.
pub(crate) struct Socket {
    io: TokioIo<TcpStream>,
    outgoing: Outgoing,
    /// The span is read and written where its file system knows no sendfile.
    room: Option<BytesMut>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, outgoing: Outgoing) -> Self {
        Self {
            io: TokioIo::new(stream),
            outgoing,
            room: None,
        }
    }

    /// Sends of the first span, at most `max` bytes.
    fn poll_send(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>> {
        let mut spans = self.outgoing.spans();
        let Some(span) = spans.front_mut() else {
            return Poll::Ready(Err(io::Error::other("bytes without a file")));
        };
        let stream = self.io.inner();
        let sent = loop {
            ready!(stream.poll_write_ready(cx))?;
            let room = &mut self.room;
            let sent = stream.try_io(Interest::WRITABLE, || match room {
                None => span.send(stream, max),
                Some(room) => copy(span, room, stream, max),
            });
            match sent {
                Ok(sent) => break sent,
                Err(error) => match Errno::from_io_error(&error) {
                    // The readiness was gone already, and is waited for anew.
                    Some(Errno::WOULDBLOCK | Errno::INTR) => {}
                    Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if self.room.is_none() => {
                        self.room = Some(BytesMut::new());
                    }
                    _ if error.kind() == io::ErrorKind::WouldBlock => {}
                    _ => return Poll::Ready(Err(error)),
                },
            }
        };
        if span.length() == 0 {
            spans.pop_front();
        }
        Poll::Ready(Ok(sent))
    }
}

fn copy(
    span: &mut FileSpan,
    room: &mut BytesMut,
    socket: &TcpStream,
    max: usize,
) -> io::Result<usize> {
    let bytes = span.read(room).map_err(io::Error::other)?;
    let bytes = &bytes[..bytes.len().min(max)];
    let sent = rustix::net::send(socket, bytes, rustix::net::SendFlags::NOSIGNAL)?;
    span.advance(sent);
    Ok(sent)
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = &bufs[bufs.iter().take_while(|it| it.is_empty()).count()..];
        match bufs.first() {
            Some(first) if is_blank(first) => self.poll_send(cx, first.len()),
            _ => {
                let before_blank = bufs.iter().take_while(|it| !is_blank(it)).count();
                Pin::new(&mut self.io).poll_write_vectored(cx, &bufs[..before_blank])
            }
        }
    }

    /// So that hyper hands slices on as they are, and copies none.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn is_blank(slice: &[u8]) -> bool {
    BLANK.as_ptr_range().contains(&slice.as_ptr())
}
