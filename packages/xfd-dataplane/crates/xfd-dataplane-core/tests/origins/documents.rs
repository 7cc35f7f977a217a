//! Lists and error documents that stall, drip or never end: each is an error soon, by what its
//! status says where it says something.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};
use xfd_dataplane_core::error::{Error, Kind};

use crate::places::{anonymous, answering, bytes_of, connect_within, get};
use crate::support::raw::{Answer, Step};

const PATIENCE: Duration = Duration::from_millis(300);

/// Errors of a list, a GET by the SDK and one by ourselves, and the longest that one of them took.
async fn errors(answer: Answer) -> ([Error; 3], Duration) {
    let first = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let server = answering(vec![Step::Send(first.to_owned())], answer).await;
    let origin = connect_within(&anonymous(&server), PATIENCE).await;
    let longest = Duration::from_secs(20);
    let mut took = [Instant::now(); 4];
    let list = timeout(longest, origin.list(None, "p")).await;
    took[1] = Instant::now();
    let by_sdk = timeout(longest, origin.get(get("object", None, None))).await;
    took[2] = Instant::now();
    bytes_of(origin.get(get("first", None, None)).await)
        .await
        .unwrap();
    let direct = timeout(longest, origin.get(get("object", None, None))).await;
    took[3] = Instant::now();
    let errors = [
        list.expect("the list hangs").unwrap_err(),
        by_sdk.expect("the SDK hangs").map(drop).unwrap_err(),
        direct.expect("it hangs").map(drop).unwrap_err(),
    ];
    let took = took.windows(2).map(|it| it[1] - it[0]).max().unwrap();
    (errors, took)
}

fn head(status: &str) -> Step {
    Step::Send(format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
    ))
}

fn started(document: &str) -> Step {
    Step::Send(format!("{:x}\r\n{document}\r\n", document.len()))
}

/// The ways in which a document does not end.
fn endless(status: &str) -> [Answer; 4] {
    let contents = "<Contents><Key>p/k</Key><Size>1</Size></Contents>".repeat(40);
    let chunk = format!("{:x}\r\n{contents}\r\n", contents.len());
    [
        vec![head(status), Step::FallSilent],
        vec![
            head(status),
            started("<ListBucketResult>"),
            Step::FallSilent,
        ],
        vec![
            head(status),
            Step::Drip("1\r\n<\r\n".repeat(2000), Duration::from_millis(20)),
        ],
        vec![
            head(status),
            started("<ListBucketResult>"),
            Step::SendForEver(chunk),
        ],
    ]
}

#[tokio::test]
async fn an_error_document_without_end_is_what_its_status_says() {
    for (status, kind) in [
        ("503 Slow Down", Kind::OriginThrottled),
        ("404 Not Found", Kind::ObjectNotFound),
        ("403 Forbidden", Kind::AccessDenied),
        ("500 Internal", Kind::OriginUnreachable),
    ] {
        // At once, since they all wait.
        for (row, (errors, took)) in join_all(endless(status).map(errors))
            .await
            .into_iter()
            .enumerate()
        {
            for error in errors {
                assert_eq!(error.kind, kind, "{status}, row {row}: {error}");
            }
            assert!(
                took < Duration::from_secs(5),
                "{status}, row {row}: {took:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_list_without_end_is_an_error() {
    let [silent, started, dripping, endless] = endless("200 OK");
    for (answer, kind, words) in [
        (silent, Kind::OriginTimeout, "nothing for"),
        (started, Kind::OriginTimeout, "nothing for"),
        (dripping, Kind::OriginTimeout, "did not end"),
        (endless, Kind::OriginAnswer, "goes on after 8388608 bytes"),
    ] {
        let first = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let server = answering(vec![Step::Send(first.to_owned())], answer).await;
        let origin = connect_within(&anonymous(&server), PATIENCE).await;
        let began = Instant::now();
        let error = origin.list(None, "p").await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.what.contains(words), "{error}");
        assert!(error.object.unwrap().ends_with("/p"));
        assert!(began.elapsed() < Duration::from_secs(15));
    }
}
