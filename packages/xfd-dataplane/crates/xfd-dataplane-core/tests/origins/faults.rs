//! The scripted faults, as other tests rely on them.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use crate::support::faulty::{Asked, Fault, FaultyOrigin};
use crate::support::memory::MemoryOrigin;
use futures_util::StreamExt;
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::source::Origin;

use crate::places::{bytes_of, get, pattern};

fn store(bytes: &[u8]) -> FaultyOrigin {
    let memory = MemoryOrigin::new();
    memory.put("object", bytes.to_vec());
    FaultyOrigin::new(Arc::new(memory))
}

#[tokio::test]
async fn a_call_fails_once_and_is_counted() {
    let error = Error::new(Kind::AccessDenied, "no");
    let origin = store(b"bytes")
        .on_call(0, Fault::Fail(error.clone()))
        .on_get(1, Fault::Throttle(Some(Duration::from_secs(2))));
    assert_eq!(origin.head(None, "object").await, Err(error));
    assert_eq!(origin.head(None, "object").await.unwrap().size, 5);
    let whole = bytes_of(origin.get(get("object", None, None)).await).await;
    assert_eq!(whole, Ok(b"bytes".to_vec()));
    let throttled = bytes_of(origin.get(get("object", Some(1..3), None)).await).await;
    let error = throttled.unwrap_err();
    assert_eq!(error.kind, Kind::OriginThrottled);
    assert_eq!(error.retry_after, Some(Duration::from_secs(2)));
    assert_eq!(origin.calls(), 4);
    let asked = |range| Asked {
        key: "object".to_owned(),
        range,
    };
    assert_eq!(origin.asked(), [asked(None), asked(Some(1..3))]);
}

#[tokio::test]
async fn a_body_breaks_stalls_or_lies_at_its_byte() {
    let bytes = pattern(200_000);
    let origin = store(&bytes)
        .on_get(0, Fault::CutAfter(100_000))
        .on_get(1, Fault::StallAfter(70_000))
        .on_get(2, Fault::Flip(150_000));

    let mut body = origin.get(get("object", None, None)).await.unwrap();
    let mut read = Vec::new();
    let error = loop {
        match body.next().await.unwrap() {
            Ok(piece) => read.extend_from_slice(&piece),
            Err(error) => break error,
        }
    };
    assert!(read == bytes[..100_000]);
    assert_eq!(error.kind, Kind::OriginUnreachable);

    let mut body = origin.get(get("object", None, None)).await.unwrap();
    let mut length = 0;
    while length < 70_000 {
        length += body.next().await.unwrap().unwrap().len();
    }
    assert_eq!(length, 70_000);
    let mut context = Context::from_waker(Waker::noop());
    assert!(body.poll_next_unpin(&mut context).is_pending());

    let read = bytes_of(origin.get(get("object", None, None)).await).await;
    let read = read.unwrap();
    let wrong: Vec<_> = (0..bytes.len())
        .filter(|&at| read[at] != bytes[at])
        .collect();
    assert_eq!(wrong, [150_000]);
}
