//! A connection on which parts of a body go from a file to the socket, by sendfile.
//!
//! hyper frames an answer and asks for nothing but writes of slices. So a body that has a span to
//! send puts it into [`Outgoing`], and gives hyper as many bytes of [`BLANK`] in its place. The
//! socket knows them by where they are in memory, and sends the span instead. Both sides keep their
//! order, and one connection has one answer at a time.
//!
//! A relay sends what it has, piece by piece, each with a line of framing before and after it. The
//! socket is corked from an answer's first piece to its end, so that all of it leaves in full
//! packets, whatever the pieces.
//!
//! A receiver that takes nothing while there is something to send ends the connection after
//! `patience`: it would keep an upload slot from others. The kernel's own limit knows only
//! receivers that do not answer at all, and starts anew with each byte. Here one that reads a byte
//! now and then gains nothing by it: the socket takes more only once a third of its buffer is free.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::limits::PIECE_BYTES;
use crate::store::FileSpan;
use crate::threads::{Mutex, MutexGuard, locked};
use crate::tls::Stream;

/// What stands for bytes that are in a file; never sent, never read.
static BLANK: [u8; PIECE_BYTES] = [0; PIECE_BYTES];

/// Spans on their way to one socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    spans: VecDeque<FileSpan>,
    /// Whether more of the answer follows.
    is_open: bool,
}

impl Outgoing {
    /// Takes a span of at most [`PIECE_BYTES`]; what hyper is to be given in its place.
    pub(crate) fn push(&self, span: FileSpan) -> Bytes {
        let length = usize::try_from(span.length()).unwrap_or(PIECE_BYTES);
        self.queue().spans.push_back(span);
        Bytes::from_static(&BLANK[..length.min(PIECE_BYTES)])
    }

    /// An answer begins, or goes on.
    pub(crate) fn begin(&self) {
        self.queue().is_open = true;
    }

    /// The answer is over.
    pub(crate) fn end(&self) {
        self.queue().is_open = false;
    }

    fn is_open(&self) -> bool {
        self.queue().is_open
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        locked(&self.0)
    }
}

/// One peer's connection.
pub(crate) struct Socket {
    io: TokioIo<Stream>,
    outgoing: Outgoing,
    patience: Duration,
    /// Runs while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether the kernel keeps packets that are not full.
    is_corked: bool,
    /// The span is read and written where its file system knows no sendfile.
    room: Option<BytesMut>,
}

impl Socket {
    pub(crate) fn new(stream: Stream, outgoing: Outgoing, patience: Duration) -> Self {
        Self {
            io: TokioIo::new(stream),
            outgoing,
            patience,
            stalled: None,
            is_corked: false,
            room: None,
        }
    }

    /// Passes on what a write came to, unless it has been pending for too long.
    fn patiently<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        let what = format!("the receiver took nothing for {patience:?}");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)))
    }

    /// Has the kernel send full packets only while an answer has more to come, and all it has when
    /// the answer is over.
    fn cork(&mut self, is_corked: bool) {
        if self.is_corked != is_corked
            && let Stream::Plain(stream) = self.io.inner()
        {
            rustix::net::sockopt::set_tcp_cork(stream, is_corked).ok();
            self.is_corked = is_corked;
        }
    }

    /// Sends of the first span, at most `max` bytes.
    fn poll_send(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>> {
        let mut queue = self.outgoing.queue();
        let Some(span) = queue.spans.front_mut() else {
            return Poll::Ready(Err(io::Error::other("bytes without a file")));
        };
        let Stream::Plain(stream) = self.io.inner() else {
            return Poll::Ready(Err(io::Error::other("a file cannot be encrypted unread")));
        };
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
            queue.spans.pop_front();
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
        if !self.is_corked && self.outgoing.is_open() {
            self.cork(true);
        }
        let written = match bufs.first() {
            Some(first) if is_blank(first) => self.poll_send(cx, first.len()),
            _ => {
                let before_blank = bufs.iter().take_while(|it| !is_blank(it)).count();
                Pin::new(&mut self.io).poll_write_vectored(cx, &bufs[..before_blank])
            }
        };
        self.patiently(cx, written)
    }

    /// So that hyper hands slices on as they are, and copies none.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS keeps what the socket has not taken.
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if self.is_corked && !self.outgoing.is_open() {
            self.cork(false);
        }
        self.patiently(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.patiently(cx, shut)
    }
}

fn is_blank(slice: &[u8]) -> bool {
    BLANK.as_ptr_range().contains(&slice.as_ptr())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::ErrorKind;
    use std::pin::Pin;
    use std::task::Poll;
    use std::time::{Duration, Instant};

    use hyper::rt::Write;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;
    use tokio_rustls::TlsAcceptor;

    use super::{Outgoing, Socket, Stream};
    use crate::tls::{Authority, PeerTls};

    const PATIENCE: Duration = Duration::from_millis(300);

    async fn write(socket: &mut Socket, bytes: &[u8]) -> std::io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *socket).poll_write(cx, bytes)).await
    }

    /// A socket whose other side reads by this much at a time, and rests in between.
    async fn written_to(at_a_time: usize, rest: Duration, most: usize) -> std::io::Result<usize> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut reader = TcpStream::connect(listener.local_addr()?).await?;
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut room = vec![0; at_a_time];
            while reader.read(&mut room).await.is_ok_and(|read| read > 0) {
                tokio::time::sleep(rest).await;
            }
        });
        let mut socket = Socket::new(Stream::Plain(stream), Outgoing::default(), PATIENCE);
        let bytes = vec![0; 64 * 1024];
        let mut written = 0;
        while written < most {
            written += write(&mut socket, &bytes).await?;
        }
        Ok(written)
    }

    #[tokio::test]
    async fn a_receiver_that_takes_next_to_nothing_is_left_soon() {
        let started = Instant::now();
        let error = written_to(1, PATIENCE / 6, usize::MAX).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        assert!(started.elapsed() < 20 * PATIENCE, "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn what_tls_holds_back_is_not_kept_for_longer() {
        let authority = Authority::new("s".into()).unwrap();
        let side = |node: &str| {
            let identity = authority.issue(node).unwrap();
            PeerTls::new(node, &"s".into(), &identity).unwrap()
        };
        let (sender, receiver) = (side("a"), side("b"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(sender.acceptor);
        let (accepted, _idle) =
            tokio::join!(acceptor.accept(accepted), receiver.connect("a", stream));
        let stream = Stream::Tls(Box::new(accepted.unwrap().into()));
        let mut socket = Socket::new(stream, Outgoing::default(), PATIENCE);
        let bytes = vec![0; 64 * 1024];
        let mut is_full = false;
        while !is_full {
            let written = poll_fn(|cx| Poll::Ready(Pin::new(&mut socket).poll_write(cx, &bytes)));
            is_full = written.await.is_pending();
        }
        let flushed = poll_fn(|cx| Pin::new(&mut socket).poll_flush(cx));
        let error = timeout(20 * PATIENCE, flushed).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    }

    #[tokio::test]
    async fn a_slow_one_is_waited_for() {
        let most = 16 * 1024 * 1024;
        let written = written_to(512 * 1024, PATIENCE / 20, most).await;
        assert!(written.is_ok_and(|it| it >= most));
    }
}
