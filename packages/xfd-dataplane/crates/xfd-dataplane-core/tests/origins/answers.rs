//! Answers that do not hold what was asked for, row by row: from S3, by the SDK's request and by
//! ours, from Google, Azure and a web server. An object of 18 bytes was found, and its version with it.

use std::ops::Range;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::{AzureConfig, HttpConfig, StoreConfig};
use xfd_dataplane_core::source::{ConnectOptions, Get, connect};

use crate::places::{
    anonymous, answering, azure_config, bytes_of, connect_within, gcs_config, get,
};
use crate::support::raw::{Answer, RawServer, Step};

const BYTES: &str = "0123456789abcdefgh";
const PATIENCE: Duration = Duration::from_millis(400);

/// How the GET reaches its server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Web,
    Sdk,
    Direct,
    Google,
    Azure,
}

const WAYS: [Way; 5] = [Way::Web, Way::Sdk, Way::Direct, Way::Google, Way::Azure];

fn send(text: impl Into<String>) -> Answer {
    vec![Step::Send(text.into())]
}

fn whole() -> Answer {
    send(format!(
        "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 18\r\n\r\n{BYTES}"
    ))
}

/// The bytes or the error that a GET of the object leads to.
async fn read(way: Way, range: Option<Range<u64>>, answer: Answer) -> Result<Vec<u8>> {
    let server = answering(whole(), answer).await;
    let config = match way {
        Way::Web => StoreConfig::Http(HttpConfig::of(&server.url)),
        Way::Sdk | Way::Direct => anonymous(&server),
        Way::Google => StoreConfig::Gcs(gcs_config(&server.url)),
        Way::Azure => StoreConfig::Azure(AzureConfig {
            anonymous: true,
            ..azure_config(&server.url)
        }),
    };
    let origin = connect_within(&config, PATIENCE).await;
    if way == Way::Direct {
        // The SDK shows the way with a bucket's first one.
        bytes_of(origin.get(get("first", None, None)).await)
            .await
            .unwrap();
    }
    let asked = Get {
        size: Some(18),
        ..get("object", range, Some("\"e\""))
    };
    let reading = async { bytes_of(origin.get(asked).await).await };
    let read = timeout(Duration::from_secs(10), reading).await;
    read.unwrap_or_else(|_| Err(Error::new(Kind::Internal, "it hangs")))
}

/// What an answer leads to, by all ways, with what the error has to say.
async fn expect(
    range: Option<Range<u64>>,
    answer: Answer,
    expected: std::result::Result<&str, (Kind, &[&str])>,
) {
    for way in WAYS {
        let row = format!("{way:?} {range:?} {answer:?}");
        let read = read(way, range.clone(), answer.clone()).await;
        match (read, expected) {
            (Ok(bytes), Ok(expected)) => {
                assert_eq!(String::from_utf8_lossy(&bytes), expected, "{row}");
            }
            (Err(error), Err((kind, words))) => {
                assert_eq!(error.kind, kind, "{row}: {error}");
                let object = error.object.as_deref().unwrap_or_default();
                assert!(object.ends_with("object"), "{row}: {error:?}");
                for word in words {
                    assert!(error.what.contains(word), "{row}: {error}");
                }
            }
            (read, _) => panic!("{row}: {read:?}"),
        }
    }
}

fn part(status: &str, headers: &str, body: &str) -> Answer {
    send(format!(
        "HTTP/1.1 {status}\r\nETag: \"e\"\r\n{headers}\r\n{body}"
    ))
}

#[tokio::test]
async fn what_holds_the_bytes_is_taken() {
    for (range, answer, expected) in [
        (None, whole(), BYTES),
        (None, part("200 OK", "", BYTES), BYTES),
        (
            None,
            part(
                "200 OK",
                "Transfer-Encoding: chunked\r\n",
                "2\r\n01\r\n10\r\n23456789abcdefgh\r\n0\r\n\r\n",
            ),
            BYTES,
        ),
        // As it is stored, whatever it holds.
        (
            None,
            part(
                "200 OK",
                "Content-Encoding: gzip\r\nContent-Length: 18\r\n",
                BYTES,
            ),
            BYTES,
        ),
        (
            Some(4..8),
            part(
                "206 Partial Content",
                "Content-Range: bytes 4-7/18\r\nContent-Length: 4\r\n",
                "4567",
            ),
            "4567",
        ),
        (
            Some(4..8),
            part(
                "206 Partial Content",
                "Content-Range: bytes 4-7/*\r\n",
                "4567",
            ),
            "4567",
        ),
        // Ranges are not known.
        (Some(4..8), whole(), "4567"),
        (Some(14..18), whole(), "efgh"),
        (Some(14..18), part("200 OK", "", BYTES), "efgh"),
    ] {
        expect(range, answer, Ok(expected)).await;
    }
}

#[tokio::test]
async fn another_size_than_was_found_is_an_error_that_names_both() {
    let twice = format!("{BYTES}{BYTES}");
    let both: &[&str] = &["18", "36"];
    for (range, answer, words) in [
        (
            Some(4..8),
            part(
                "206 Partial Content",
                "Content-Range: bytes 4-7/36\r\nContent-Length: 4\r\n",
                "4567",
            ),
            both,
        ),
        (
            Some(4..8),
            part("200 OK", "Content-Length: 36\r\n", &twice),
            both,
        ),
        (None, part("200 OK", "Content-Length: 36\r\n", &twice), both),
        (
            None,
            part("200 OK", "Content-Length: 5\r\n", "Sorry"),
            &["18", " 5"],
        ),
        (
            Some(4..8),
            part("200 OK", "Content-Length: 5\r\n", "Sorry"),
            &["18", " 5"],
        ),
        (
            None,
            part(
                "200 OK",
                "Content-Encoding: gzip\r\nContent-Length: 36\r\n",
                &twice,
            ),
            &["18", "36", "gzip"],
        ),
        // Bodies of unknown length.
        (None, part("200 OK", "", &twice), both),
        (Some(14..18), part("200 OK", "", &twice), both_of_slice()),
        (
            None,
            part(
                "200 OK",
                "Transfer-Encoding: chunked\r\n",
                "12\r\n0123456789abcdefgh\r\n1\r\n!\r\n0\r\n\r\n",
            ),
            &["18", "19"],
        ),
        (
            Some(4..8),
            part(
                "206 Partial Content",
                "Content-Range: bytes 4-7/18\r\n",
                "45678",
            ),
            &["4", "5"],
        ),
    ] {
        expect(range, answer, Err((Kind::OriginAnswer, words))).await;
    }
}

/// The bytes of the slice, and how far the body went.
fn both_of_slice() -> &'static [&'static str] {
    &[" 4 ", "22"]
}

#[tokio::test]
async fn a_body_without_end_is_an_error_at_the_first_byte_too_many() {
    let head = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\n";
    let endless = |headers: &str, piece: &str| {
        vec![
            Step::Send(format!("{head}{headers}\r\n")),
            Step::SendForEver(piece.to_owned()),
        ]
    };
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    for answer in [
        endless("", &"x".repeat(1024)),
        endless("Transfer-Encoding: chunked\r\n", &chunk),
        endless("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n"),
    ] {
        for range in [None, Some(14..18)] {
            expect(
                range,
                answer.clone(),
                Err((Kind::OriginAnswer, &["goes on"])),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn a_body_that_ends_early_or_stalls_is_an_error_that_says_where() {
    let early: &[&str] = &["5 of its 18"];
    for (answer, kind, words) in [
        (part("200 OK", "", "01234"), Kind::OriginUnreachable, early),
        (
            part(
                "200 OK",
                "Transfer-Encoding: chunked\r\n",
                "5\r\n01234\r\n0\r\n\r\n",
            ),
            Kind::OriginUnreachable,
            early,
        ),
        (
            part("200 OK", "Content-Length: 18\r\n", "01234"),
            Kind::OriginUnreachable,
            &["broke"],
        ),
    ] {
        expect(None, answer, Err((kind, words))).await;
    }
    // All of its bytes came, and nothing says whether more would.
    let head = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in ["5\r\n01234\r\n", "12\r\n0123456789abcdefgh\r\n"] {
        let answer = vec![Step::Send(format!("{head}{body}")), Step::FallSilent];
        expect(None, answer, Err((Kind::OriginTimeout, &["nothing for"]))).await;
    }
}

#[tokio::test]
async fn a_part_that_was_not_asked_for_is_an_error() {
    let partial = "206 Partial Content";
    for (range, answer, words) in [
        (
            Some(4..8),
            part(
                partial,
                "Content-Range: bytes 5-8/18\r\nContent-Length: 4\r\n",
                "5678",
            ),
            &["5 to 9", "4 to 8"] as &[&str],
        ),
        (
            Some(4..8),
            part(partial, "Content-Length: 4\r\n", "4567"),
            &["Content-Range"],
        ),
        (
            Some(4..8),
            part(
                partial,
                "Content-Type: multipart/byteranges; boundary=x\r\nContent-Length: 4\r\n",
                "4567",
            ),
            &["multipart/byteranges"],
        ),
        (
            None,
            part(
                partial,
                "Content-Range: bytes 0-17/18\r\nContent-Length: 18\r\n",
                BYTES,
            ),
            &["where all was asked for"],
        ),
        (
            None,
            part("203 Transformed", "Content-Length: 18\r\n", BYTES),
            &["203"],
        ),
    ] {
        expect(range, answer, Err((Kind::OriginAnswer, words))).await;
    }
}

#[tokio::test]
async fn another_version_is_an_error_whatever_its_size() {
    let other =
        "HTTP/1.1 200 OK\r\nETag: \"f\"\r\nX-Goog-Generation: f\r\nContent-Length: 18\r\n\r\n";
    let changed = Kind::ObjectChanged;
    expect(
        None,
        send(format!("{other}{BYTES}")),
        Err((changed, &["\"e\"", "\"f\""])),
    )
    .await;
    let gone = "HTTP/1.1 416 No\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n\r\n";
    expect(Some(14..18), send(gone), Err((changed, &["416"]))).await;
}

#[tokio::test]
async fn a_head_of_an_answer_without_end_or_that_stalls_is_an_error() {
    let began = Instant::now();
    let stalls = vec![
        Step::Send("HTTP/1.1 200 OK\r\nETag".to_owned()),
        Step::FallSilent,
    ];
    expect(None, stalls, Err((Kind::OriginTimeout, &[]))).await;
    let informs = vec![Step::SendForEver(
        "HTTP/1.1 100 Continue\r\n\r\n".to_owned(),
    )];
    let headers = vec![
        Step::Send("HTTP/1.1 200 OK\r\n".to_owned()),
        Step::SendForEver("X-Header: 0123456789\r\n".to_owned()),
    ];
    let header = vec![
        Step::Send("HTTP/1.1 200 OK\r\nX-Header: ".to_owned()),
        Step::SendForEver("0123456789".to_owned()),
    ];
    for answer in [informs, headers, header] {
        for way in WAYS {
            let error = read(way, None, answer.clone()).await.unwrap_err();
            assert!(error.is_transient(), "{way:?} {answer:?}: {error:?}");
        }
    }
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_web_server_s_head_that_tells_nothing_of_the_size_is_not_believed() {
    let ok = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
    let first = "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-0/18\r\nContent-Length: 1\r\n\r\n0";
    let refused = |headers: &str| format!("HTTP/1.1 416 No\r\n{headers}Content-Length: 0\r\n\r\n");
    for (head, get, size) in [
        (ok("Content-Length: 18\r\n"), String::new(), Ok(18)),
        (ok(""), first.to_owned(), Ok(18)),
        (ok("Content-Length: 0\r\n"), first.to_owned(), Ok(18)),
        (
            ok("Content-Length: 0\r\n"),
            ok("Content-Length: 0\r\n"),
            Ok(0),
        ),
        (
            ok("Content-Length: 0\r\n"),
            refused("Content-Range: bytes */0\r\n"),
            Ok(0),
        ),
        (ok("Content-Length: 0\r\n"), refused(""), Ok(0)),
        (
            ok("Content-Length: 0\r\n"),
            refused("Content-Range: bytes */18\r\n"),
            Err(Kind::OriginAnswer),
        ),
        (ok(""), ok(""), Err(Kind::OriginAnswer)),
    ] {
        let row = format!("{head:?} {get:?}");
        let server = RawServer::start(move |request| {
            assert!(request.to_lowercase().contains("accept-encoding: identity"));
            match request.starts_with("HEAD") {
                true => send(head.clone()),
                false => send(get.clone()),
            }
        })
        .await;
        let config = StoreConfig::Http(HttpConfig::of(&server.url));
        let origin = connect(&config, &ConnectOptions::default()).await.unwrap();
        let found = origin.head(None, "object").await;
        let found = found.map(|found| found.size).map_err(|error| error.kind);
        assert_eq!(found, size, "{row}");
    }
}
