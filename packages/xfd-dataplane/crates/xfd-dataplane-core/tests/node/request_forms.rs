//! Requests in forms that two readers of HTTP could take for different requests, paths and ranges
//! that lie, and other protocols on the same port. Each has the swarm's token, so that nothing but
//! its form stands between it and a chunk.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use xfd_dataplane_core::model::Source;

use crate::support::{Host, MIB, SWARM, TOKEN, fetch, one_object, wanted};

/// Comes after each form. It is answered only if the connection is still open, and the form was
/// taken for whole requests.
const LAST: &str = "GET /last HTTP/1.1\r\nHost: x\r\n\r\n";

fn holder() -> (Host, Vec<u8>) {
    let (origin, found, bytes) = one_object(2 * MIB);
    let mut host = Host::new("a", origin);
    host.extend(wanted(&host, &found));
    host.submit(vec![fetch(0, 0..2, Source::Origin)]);
    host.until_landed(1);
    (host, bytes)
}

/// A GET of the first chunk; `more` is further lines of its head.
fn get(more: &str) -> String {
    of(&format!("/v1/{SWARM}/chunks/0"), more)
}

fn of(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{more}\r\n")
}

/// Status and body of one answer; None at the end.
fn answer(reader: &mut impl BufRead) -> Option<(u16, Vec<u8>)> {
    let mut length = 0;
    let mut status = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        status = status.or_else(|| line.split(' ').nth(1)?.parse().ok());
        if let Some(given) = line.strip_prefix("content-length:") {
            length = given.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((status?, body))
}

/// The answers until the connection is over, which it is within the server's limits.
fn answers(host: &Host, sent: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(&host.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // A refusal may end the connection before all was sent.
    stream
        .write_all(sent)
        .and_then(|()| stream.write_all(LAST.as_bytes()))
        .ok();
    let mut reader = BufReader::new(stream);
    let all = std::iter::from_fn(|| answer(&mut reader)).collect();
    let end = reader.read(&mut [0]);
    assert!(
        !end.is_err_and(|it| it.kind() == std::io::ErrorKind::WouldBlock),
        "the connection stays open"
    );
    all
}

fn statuses(host: &Host, sent: &[u8]) -> Vec<u16> {
    answers(host, sent)
        .iter()
        .map(|(status, _)| *status)
        .collect()
}

/// What no strict reader takes for a request, or not for the same one as another.
fn ambiguous() -> Vec<(&'static str, String)> {
    let smuggled = get("");
    let chunked = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    let length = format!("Content-Length: {}\r\n", smuggled.len());
    vec![
        (
            "a length and chunks",
            get(&format!("{length}Transfer-Encoding: chunked\r\n")) + &chunked,
        ),
        (
            "chunks and a length",
            get(&format!("Transfer-Encoding: chunked\r\n{length}")) + &chunked,
        ),
        (
            "two lengths",
            get(&format!("Content-Length: 0\r\n{length}")) + &smuggled,
        ),
        (
            "a list of lengths",
            get("Content-Length: 0, 5\r\n") + "12345",
        ),
        ("a signed length", get("Content-Length: +5\r\n") + "12345"),
        ("a negative length", get("Content-Length: -1\r\n")),
        (
            "a length beyond 64 bits",
            get("Content-Length: 18446744073709551616\r\n"),
        ),
        (
            "an encoding that is not the last",
            get("Transfer-Encoding: chunked, identity\r\n") + &chunked,
        ),
        (
            "an unknown encoding",
            get("Transfer-Encoding: xchunked\r\n") + &chunked,
        ),
        (
            "a space before the colon",
            get("Transfer-Encoding : chunked\r\n") + &chunked,
        ),
        ("a folded line", get("X-A: 1\r\n Content-Length: 5\r\n")),
        ("a CR alone", get("X-A: 1\rContent-Length: 5\r\n")),
        ("a NUL", get("X-A: 1\0b\r\n")),
        ("a name with a space", get("X A: 1\r\n")),
        ("a line without a colon", get("Nothing\r\n")),
        ("no version", format!("GET /v1/{SWARM}/chunks/0\r\n\r\n")),
        (
            "an unknown version",
            get("").replace("HTTP/1.1", "HTTP/1.7"),
        ),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("a space in the path", of("/v1/a b/chunks/0", "")),
        (
            "a CR in the path",
            of(&format!("/v1/{SWARM}/chunks/0\r/x"), ""),
        ),
    ]
}

#[test]
fn a_form_that_readers_could_differ_about_gets_no_chunk_of_a_second_request() {
    let (host, _) = holder();
    for (what, sent) in ambiguous() {
        let found = statuses(&host, sent.as_bytes());
        let served = found.iter().filter(|it| **it == 200).count();
        assert!(found.len() <= 1 && served <= 1, "{what}: {found:?}");
        assert!(found != [404], "{what}: a part was taken for a request");
    }
}

/// What is one request for every reader, in an unusual form, and what it is answered.
#[test]
fn a_path_or_a_method_that_is_not_the_one_of_a_chunk_gets_none() {
    let (host, _) = holder();
    let path = format!("/v1/{SWARM}/chunks/0");
    let rows = [
        (404, of("/", "")),
        (404, of("//", "")),
        (404, of(&format!("/{path}"), "")),
        (404, of(&format!("{path}/"), "")),
        (404, of(&format!("{path}/../1"), "")),
        (404, of(&format!("/x/..{path}"), "")),
        (404, of(&format!("/v1/{SWARM}/chunks/%30"), "")),
        (404, of(&format!("/v1/{SWARM}%2fchunks%2f0"), "")),
        (404, of(&format!("/v1/{SWARM}/chunks/-1"), "")),
        (404, of(&format!("/v1/{SWARM}/chunks/0x0"), "")),
        (404, of(&format!("/v1/{SWARM}/chunks/\u{664}"), "")),
        (404, of(&format!("/v1/{SWARM}/chunks/99999999999"), "")),
        (404, of(&format!("/v1/{SWARM}/chunks/2"), "")),
        (404, of(&format!("/v1/{SWARM}/files/../../etc/passwd"), "")),
        (404, of("/metrics", "")),
        (401, of("/v1/../chunks/0", "")),
        (401, of("/v1//chunks/0", "")),
        (405, get("").replace("GET", "HEAD")),
        (405, get("").replace("GET", "PUT")),
        (405, get("").replace("GET", "DELETE")),
        (405, get("").replace("GET", "TRACE")),
        (405, get("").replace("GET", "get")),
        (
            405,
            format!("OPTIONS * HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"),
        ),
        (
            405,
            format!("CONNECT x:80 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"),
        ),
    ];
    for (status, sent) in rows {
        assert_eq!(statuses(&host, sent.as_bytes()), [status], "{sent}");
    }
    assert_eq!(host.node.counters(None).served_bytes, 0);
}

#[test]
fn a_range_that_lies_gets_nothing_beyond_the_chunk() {
    let (host, bytes) = holder();
    let refused = [
        "bytes=0-0",
        "bytes=-1",
        "bytes=5-2",
        "bytes=1-,3-",
        "bytes=-",
        "bytes=+1-",
        "bytes= 1-",
        "bytes=1048577-",
        "bytes=18446744073709551616-",
        "items=1-",
        "1-",
        "",
    ];
    for range in refused {
        let found = statuses(&host, get(&format!("Range: {range}\r\n")).as_bytes());
        assert_eq!(found, [416], "{range:?}");
    }
    for (from, status) in [(0, 200), (1, 206), (MIB - 1, 206), (MIB, 206)] {
        let found = answers(&host, get(&format!("Range: bytes={from}-\r\n")).as_bytes());
        let expected = (status, bytes[from..MIB].to_vec());
        assert!(found.first() == Some(&expected), "from {from}");
    }
}

/// Many requests at once are answered one by one, in their order; no upgrade is taken up.
#[test]
fn pipelined_requests_and_upgrades_are_plain_requests() {
    let (host, bytes) = holder();
    let second = of(&format!("/v1/{SWARM}/chunks/1"), "");
    let found = answers(&host, (get("") + &second + &get("")).as_bytes());
    let bodies: Vec<&[u8]> = found.iter().map(|(_, body)| body.as_slice()).collect();
    let (first, second) = (&bytes[..MIB], &bytes[MIB..]);
    assert!(bodies == [first, second, first, b"".as_slice()]);
    let h2c =
        get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n");
    let websocket =
        get("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    for sent in [h2c, websocket] {
        assert_eq!(statuses(&host, sent.as_bytes()), [200, 404], "{sent}");
    }
}

/// One GB of a head, of a body and of a trailer: the connection is over after a few buffers of it.
#[test]
fn what_has_no_end_is_not_read_to_it() {
    let (host, _) = holder();
    let endless = [
        ("a target", "GET /".to_owned(), "a".to_owned()),
        (
            "a name",
            get("").trim_end().to_owned() + "\r\n",
            "a".to_owned(),
        ),
        (
            "lines",
            get("").trim_end().to_owned() + "\r\n",
            "X-A: 1\r\n".to_owned(),
        ),
        ("empty lines", String::new(), "\r\n".to_owned()),
        (
            "a length's body",
            get("Content-Length: 1073741824\r\n"),
            "a".to_owned(),
        ),
        (
            "chunks",
            get("Transfer-Encoding: chunked\r\n"),
            "1\r\na\r\n".to_owned(),
        ),
        (
            "a chunk's extension",
            get("Transfer-Encoding: chunked\r\n") + "1;",
            "a".to_owned(),
        ),
        (
            "trailers",
            get("Transfer-Encoding: chunked\r\n") + "0\r\n",
            "X-A: 1\r\n".to_owned(),
        ),
    ];
    for (what, start, part) in endless {
        let mut stream = TcpStream::connect(&host.address).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_write_timeout(patience).unwrap();
        let mut reading = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || std::io::copy(&mut reading, &mut std::io::sink()));
        let part = part.repeat(64 * 1024 / part.len());
        let mut written = 0;
        stream.write_all(start.as_bytes()).unwrap();
        let error = loop {
            match stream.write(part.as_bytes()) {
                Ok(bytes) => written += bytes,
                Err(error) => break error,
            }
            assert!(written < 1 << 30, "{what}: all of it was taken");
        };
        assert!(
            error.kind() != std::io::ErrorKind::WouldBlock,
            "{what}: the connection stays open"
        );
        assert!(written < 64 * MIB, "{what}: {written} bytes were taken");
        reader.join().unwrap().ok();
    }
}
