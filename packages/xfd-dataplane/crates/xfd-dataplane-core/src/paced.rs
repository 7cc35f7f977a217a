//! Reads a peer's connection in few, large pieces; see [`crate::decides::pace`] for when.
//!
//! A read that is to gather waits for the next tick. If bytes were there by then, the kernel is
//! asked to wake nobody for less than [`HELD_BACK_BYTES`] from then on (SO_RCVLOWAT), and ticks
//! alone lead to reads. After [`EMPTY_TICKS`] without a byte that is taken back, so that an idle
//! connection costs nothing. The end of a connection wakes always.

use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::decides::pace::Pace;
use crate::ticks::Ticks;
use crate::tls::Stream;

/// Bytes that wake a reader before its tick.
const HELD_BACK_BYTES: libc::c_int = 128 * 1024;

/// A slow stream may bring nothing for this many ticks and still be one.
const EMPTY_TICKS: u32 = 3;

/// One connection that chunks come by.
pub(crate) struct Paced {
    stream: Stream,
    ticks: Ticks,
    began: Instant,
    pace: Pace,
    next: Next,
    /// Whether the kernel wakes nobody for a few bytes.
    holds_back: bool,
    empty: u32,
}

/// When the next read is.
#[derive(Clone, Copy)]
enum Next {
    /// As soon as tokio knows of bytes.
    AsTheyCome,
    /// At once: the last read left some.
    AtOnce,
    /// At the first tick after this one.
    After(u64),
}

impl Paced {
    pub(crate) fn new(stream: Stream, ticks: Ticks) -> Self {
        Self {
            stream,
            ticks,
            began: Instant::now(),
            pace: Pace::default(),
            next: Next::AsTheyCome,
            holds_back: false,
            empty: 0,
        }
    }

    /// Bytes were read: all that there were, or as many as there was room for.
    fn came(&mut self, read: usize, is_all: bool, was_tick: bool) {
        self.empty = 0;
        let gathers = self.pace.came(read as u64, self.began.elapsed()) && read > 0;
        self.next = match (gathers, is_all) {
            (false, _) => Next::AsTheyCome,
            (true, true) => Next::After(self.ticks.count()),
            (true, false) => Next::AtOnce,
        };
        if !gathers || was_tick {
            self.hold_back(gathers);
        }
    }

    fn hold_back(&mut self, holds_back: bool) {
        if holds_back != self.holds_back
            && let Stream::Plain(stream) = &self.stream
        {
            self.holds_back = holds_back;
            wake_from(stream, if holds_back { HELD_BACK_BYTES } else { 1 });
        }
    }

    /// Reads if the tick has come, or enough bytes before it. False for a tick that brought none.
    fn poll_gathered(
        &mut self,
        next: Next,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let Stream::Plain(stream) = &self.stream else {
            return Poll::Ready(Ok(false));
        };
        let room = buf.remaining();
        let is_tick = match next {
            Next::After(tick) => self.ticks.poll_after(tick, cx).is_ready(),
            Next::AsTheyCome | Next::AtOnce => true,
        };
        let received = loop {
            if is_tick {
                // tokio knows nothing of bytes that woke nobody, so the socket itself is asked.
                break receive(stream, buf);
            }
            if !self.holds_back {
                return Poll::Pending;
            }
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_io(Interest::READABLE, || receive(stream, buf)) {
                // The readiness was gone already, and is waited for anew.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => break received,
            }
        };
        match received {
            Ok(()) => {
                let read = room - buf.remaining();
                self.came(read, read < room, is_tick);
                Poll::Ready(Ok(true))
            }
            Err(error) if is_no_failure(&error) => Poll::Ready(Ok(false)),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

fn is_no_failure(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

impl AsyncRead for Paced {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !matches!(this.next, Next::AsTheyCome) {
            let next = this.next;
            if ready!(this.poll_gathered(next, cx, buf))? {
                return Poll::Ready(Ok(()));
            }
            this.empty += 1;
            if this.holds_back && this.empty <= EMPTY_TICKS {
                this.next = Next::After(this.ticks.count());
            } else {
                this.next = Next::AsTheyCome;
                // Bytes that came meanwhile wake by this call.
                this.hold_back(false);
            }
        }
        let room = buf.remaining();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let read = room - buf.remaining();
        if matches!(this.stream, Stream::Plain(_)) {
            this.came(read, read < room, false);
        }
        Poll::Ready(Ok(()))
    }
}

/// Reads what is there, without waiting.
fn receive(stream: &TcpStream, buf: &mut ReadBuf<'_>) -> io::Result<()> {
    // SAFETY: nothing is made uninitialised: the kernel writes into it, and nobody else.
    let spare = unsafe { buf.unfilled_mut() };
    let ((read, _), _) = rustix::net::recv(stream, spare, RecvFlags::DONTWAIT)?;
    let read = read.len();
    // SAFETY: the call above has written the first `read` bytes.
    unsafe { buf.assume_init(read) };
    buf.advance(read);
    Ok(())
}

/// Has the kernel wake readers for no fewer bytes. A kernel that refuses wakes for each.
fn wake_from(stream: &TcpStream, bytes: libc::c_int) {
    // SAFETY: the option's value is an int, and the descriptor is open as long as `stream` lives.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.pace.asked();
        Pin::new(&mut this.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.pace.asked();
        Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::decides::pace::{PIECE_BYTES, TICK};

    const PATIENCE: Duration = Duration::from_secs(30);
    const PACKET: usize = 2896;

    /// A reader, and the other side, which has been asked for something.
    async fn pair() -> (Paced, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let mut reader = Paced::new(Stream::Plain(stream.unwrap()), Ticks::default());
        let (mut sender, _) = listener.accept().await.unwrap();
        reader.write_all(b"GET").await.unwrap();
        sender.read_exact(&mut [0; 3]).await.unwrap();
        (reader, sender)
    }

    /// Sends so many packets, a few in each tick: a slow stream, however slow the machine is.
    async fn trickle(sender: &mut TcpStream, packets: usize) {
        for place in 0..packets {
            sender.write_all(&[place as u8; PACKET]).await.unwrap();
            if place % 4 == 0 {
                sleep(TICK / 2).await;
            }
        }
    }

    #[tokio::test]
    async fn a_slow_stream_arrives_whole_and_its_end_is_seen() {
        let (mut reader, mut sender) = pair().await;
        let packets = 3 * PIECE_BYTES as usize / PACKET;
        tokio::spawn(async move { trickle(&mut sender, packets).await });
        let mut all = Vec::new();
        let read = timeout(PATIENCE, reader.read_to_end(&mut all)).await;
        assert_eq!(read.unwrap().unwrap(), packets * PACKET);
        let is_in_order = |(place, packet): (usize, &[u8])| packet == [place as u8; PACKET];
        assert!(all.chunks(PACKET).enumerate().all(is_in_order));
    }

    #[tokio::test]
    async fn a_few_last_bytes_arrive_while_the_connection_stays() {
        let (mut reader, mut sender) = pair().await;
        let packets = 3 * PIECE_BYTES as usize / PACKET;
        let sending = tokio::spawn(async move {
            trickle(&mut sender, packets).await;
            // Longer than a slow stream may be silent and still be taken for one.
            sleep(TICK * (EMPTY_TICKS + 4)).await;
            sender.write_all(b"end").await.unwrap();
            sender
        });
        let mut all = vec![0; packets * PACKET + 3];
        let read = timeout(PATIENCE, reader.read_exact(&mut all)).await;
        read.unwrap().unwrap();
        assert!(all.ends_with(b"end"));
        drop(sending.await.unwrap());
    }
}
