//! The stream of one answer: exactly the bytes wanted, or an error at the end of it.
//!
//! Frames are handed on as the connection delivers them, without a copy. Only the last one waits
//! until the body has ended with it, so that bytes which turn out too many are never taken for all.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures_util::Stream;
use http_body::Body as _;
use tokio::time::{Instant, Sleep};

use super::answer::{OTHER_SIZE, Window};
use super::text::text_of;
use crate::error::{Error, Kind, Result};

/// See the module.
pub(super) struct Incoming {
    body: SdkBody,
    skip: u64,
    left: Option<u64>,
    is_all: bool,
    /// Number of the wanted bytes.
    wanted: Option<u64>,
    /// The last wanted bytes, until the body has ended.
    last: Option<Bytes>,
    read_timeout: Duration,
    /// Set anew only when it goes off: a body that flows costs a look at the clock, not a timer.
    timer: Pin<Box<Sleep>>,
    /// Since when the connection is waited for; None while it delivers.
    waiting_since: Option<Instant>,
    is_over: bool,
    object: String,
}

impl Incoming {
    pub(super) fn new(
        body: SdkBody,
        window: Window,
        read_timeout: Duration,
        object: String,
    ) -> Self {
        Self {
            body,
            skip: window.skip,
            left: window.take,
            is_all: window.is_all,
            wanted: window.take,
            last: None,
            read_timeout,
            timer: Box::pin(tokio::time::sleep(read_timeout)),
            waiting_since: None,
            is_over: false,
            object,
        }
    }

    /// The next bytes off the connection, or the end of it, within the read time-out.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => {
                    self.waiting_since = None;
                    match frame {
                        None => return Poll::Ready(None),
                        Some(Ok(frame)) => match frame.into_data() {
                            Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                            Err(_trailers) => {}
                        },
                        Some(Err(error)) => {
                            let what = format!("The connection broke: {}", text_of(error.as_ref()));
                            return Poll::Ready(Some(Err(Error::new(
                                Kind::OriginUnreachable,
                                what,
                            ))));
                        }
                    }
                }
                Poll::Pending => {
                    ready!(self.poll_silence(cx));
                    let seconds = self.read_timeout.as_secs_f64();
                    return Poll::Ready(Some(Err(Error::new(
                        Kind::OriginTimeout,
                        format!("The origin sent nothing for {seconds} s"),
                    ))));
                }
            }
        }
    }

    /// Ready once the connection has been waited for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let deadline = since + self.read_timeout;
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline);
        }
    }

    /// The wanted part of some bytes.
    fn cut(&mut self, mut bytes: Bytes) -> Result<Bytes> {
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        let mut bytes = bytes.split_off(skipped as usize);
        if let Some(left) = &mut self.left {
            if bytes.len() as u64 > *left {
                if self.is_all {
                    let wanted = self.wanted.unwrap_or_default();
                    let came = wanted - *left + bytes.len() as u64;
                    let what = format!("The body goes on after {wanted} bytes, to {came} at least");
                    return Err(Error::new(Kind::OriginAnswer, what).with_remedy(OTHER_SIZE));
                }
                bytes.truncate(*left as usize);
            }
            *left -= bytes.len() as u64;
        }
        Ok(bytes)
    }

    fn poll_wanted(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            // What follows a slice is not wanted. The end of a whole body is: reading it gives the
            // connection back to the pool, and shows a body that is too long.
            if self.left == Some(0) && !self.is_all {
                return Poll::Ready(None);
            }
            let bytes = match ready!(self.poll_bytes(cx)) {
                Some(Ok(bytes)) => self.cut(bytes),
                None => return Poll::Ready(self.end()),
                error => return Poll::Ready(error),
            };
            match bytes {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) if self.is_last() => self.last = Some(bytes),
                bytes => return Poll::Ready(Some(bytes)),
            }
        }
    }

    /// Whether nothing but the end of the body is to come, and it has not come yet.
    fn is_last(&self) -> bool {
        self.left == Some(0) && self.is_all && !self.body.is_end_stream()
    }

    /// The body has ended.
    fn end(&mut self) -> Option<Result<Bytes>> {
        let left = self.left.unwrap_or_default();
        if left == 0 {
            return self.last.take().map(Ok);
        }
        let wanted = self.wanted.unwrap_or_default();
        let came = wanted - left;
        let what = format!("The body ended after {came} of its {wanted} bytes");
        Some(Err(Error::new(Kind::OriginUnreachable, what)))
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let item = ready!(self.poll_wanted(cx));
        let item = item.map(|item| item.map_err(|error| error.with_object(self.object.clone())));
        self.is_over = !matches!(item, Some(Ok(_)));
        Poll::Ready(item)
    }
}
