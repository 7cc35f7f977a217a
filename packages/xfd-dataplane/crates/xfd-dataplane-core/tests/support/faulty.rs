//! An origin that misbehaves by a script, in front of one that does not.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::FoundObject;
use xfd_dataplane_core::source::{Body, Get, Origin};

/// What goes wrong with one call. Faults of a body do nothing to `head` and `list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails.
    Fail(Error),
    /// The call fails with `OriginThrottled`, asking for so much patience.
    Throttle(Option<Duration>),
    /// The call is never answered.
    Hang,
    /// The body breaks with `OriginUnreachable` after so many bytes.
    CutAfter(u64),
    /// The lowest bit of the body's byte at this place is turned.
    Flip(u64),
    /// The body stops, without an end, after so many bytes.
    StallAfter(u64),
    /// The body comes in pieces of 1 KiB, one in so long.
    Crawl(Duration),
}

/// One GET that was made, answered or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The whole key.
    pub key: String,
    /// The range, as in [`Get`].
    pub range: Option<Range<u64>>,
}

#[derive(Debug, Default)]
struct Script {
    calls: usize,
    of_call: BTreeMap<usize, Fault>,
    of_get: BTreeMap<usize, Fault>,
    asked: Vec<Asked>,
}

/// See the module.
#[derive(Debug)]
pub struct FaultyOrigin {
    inner: Arc<dyn Origin>,
    script: Mutex<Script>,
}

impl FaultyOrigin {
    /// In front of an origin, without a fault so far.
    #[must_use]
    pub fn new(inner: Arc<dyn Origin>) -> Self {
        Self {
            inner,
            script: Mutex::default(),
        }
    }

    /// The call with this number, of any sort, meets a fault. The first call is 0.
    #[must_use]
    pub fn on_call(self, call: usize, fault: Fault) -> Self {
        self.script().of_call.insert(call, fault);
        self
    }

    /// The GET with this number meets a fault. The first GET is 0.
    #[must_use]
    pub fn on_get(self, get: usize, fault: Fault) -> Self {
        self.script().of_get.insert(get, fault);
        self
    }

    /// Number of calls so far, of any sort.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.script().calls
    }

    /// Every GET so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.script().asked.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self, get: Option<&Get<'_>>) -> Option<Fault> {
        let mut script = self.script();
        let call = script.calls;
        script.calls += 1;
        let of_get = get.and_then(|get| {
            script.asked.push(Asked {
                key: get.key.to_owned(),
                range: get.range.clone(),
            });
            let number = script.asked.len() - 1;
            script.of_get.remove(&number)
        });
        of_get.or_else(|| script.of_call.remove(&call))
    }
}

impl Origin for FaultyOrigin {
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        let fault = self.next_fault(None);
        async move {
            fail(fault.as_ref()).await?;
            self.inner.head(bucket, key).await
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        let fault = self.next_fault(None);
        async move {
            fail(fault.as_ref()).await?;
            self.inner.list(bucket, prefix).await
        }
        .boxed()
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        let fault = self.next_fault(Some(&get));
        async move {
            fail(fault.as_ref()).await?;
            let body = self.inner.get(get).await?;
            let checksum = body.checksum.clone();
            let body = match fault {
                Some(Fault::CutAfter(bytes)) => then(body, bytes, Some(cut(bytes))),
                Some(Fault::StallAfter(bytes)) => then(body, bytes, None),
                Some(Fault::Flip(place)) => flip(body, place),
                Some(Fault::Crawl(pause)) => crawl(body, pause),
                _ => body,
            };
            Ok(body.with_checksum(checksum))
        }
        .boxed()
    }

    fn keeps_checksums(&self) -> bool {
        self.inner.keeps_checksums()
    }
}

/// The faults that concern a call before it is answered.
async fn fail(fault: Option<&Fault>) -> Result<()> {
    match fault {
        Some(Fault::Fail(error)) => Err(error.clone()),
        Some(Fault::Throttle(wait)) => {
            let mut error = Error::new(Kind::OriginThrottled, "Slow down, says the script");
            error.retry_after = *wait;
            Err(error)
        }
        Some(Fault::Hang) => std::future::pending().await,
        _ => Ok(()),
    }
}

fn cut(bytes: u64) -> Error {
    let what = format!("The body breaks after {bytes} bytes, says the script");
    Error::new(Kind::OriginUnreachable, what)
}

/// The first bytes of a body, then an error, or silence.
fn then(body: Body, bytes: u64, error: Option<Error>) -> Body {
    let head = body.scan(bytes, |left, item| {
        let item = match item {
            _ if *left == 0 => None,
            Ok(mut piece) => {
                piece.truncate((*left).min(piece.len() as u64) as usize);
                *left -= piece.len() as u64;
                Some(Ok(piece))
            }
            error => Some(error),
        };
        std::future::ready(item)
    });
    match error {
        Some(error) => Body::new(head.chain(stream::iter([Err(error)]))),
        None => Body::new(head.chain(stream::pending())),
    }
}

fn crawl(body: Body, pause: Duration) -> Body {
    let pieces = body.flat_map(|item| {
        let pieces: Vec<Result<Bytes>> = match item {
            Ok(piece) => piece
                .chunks(1024)
                .map(|it| Ok(Bytes::copy_from_slice(it)))
                .collect(),
            error => vec![error],
        };
        stream::iter(pieces)
    });
    Body::new(pieces.then(move |piece| async move {
        tokio::time::sleep(pause).await;
        piece
    }))
}

fn flip(body: Body, place: u64) -> Body {
    Body::new(body.scan(0, move |offset: &mut u64, item| {
        let item = item.map(|piece| {
            let start = *offset;
            *offset += piece.len() as u64;
            if !(start..*offset).contains(&place) {
                return piece;
            }
            let mut bytes = BytesMut::from(piece.as_ref());
            bytes[(place - start) as usize] ^= 1;
            Bytes::from(bytes)
        });
        std::future::ready(Some(item))
    }))
}
