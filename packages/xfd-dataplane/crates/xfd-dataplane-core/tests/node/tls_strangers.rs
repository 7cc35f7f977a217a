//! Connections that speak TLS, and show no token, do not harm a node that serves.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::Stream;

use crate::memory::MemoryOrigin;
use crate::strangers::connect_from;
use crate::support::{Host, failed, fetch, wanted};
use crate::tls::{authority, holder};
use crate::tls_client::{Client, connected, request};

/// The server ends strangers' connections after 3 s; some more for a busy machine.
const AN_END: Duration = Duration::from_secs(8);

/// What one stranger does on a new connection.
type Act = fn(&Client, &mut TcpStream) -> std::io::Result<()>;

/// Of one record: its head has 5 bytes.
fn hello(client: &Client) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.side().write_tls(&mut bytes).unwrap();
    bytes
}

/// A record of a handshake.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[22, 3, 1], &length[..], bytes].concat()
}

const KINDS: [(&str, Act); 8] = [
    ("a hello, then nothing", |client, stream| {
        stream.write_all(&hello(client))
    }),
    ("a hello in records of a byte, slowly", |client, stream| {
        for byte in hello(client).split_off(5) {
            stream.write_all(&record(&[byte]))?;
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }),
    ("a hello of 16 MiB", |_, stream| {
        stream.write_all(&record(&[1, 255, 255, 255]))?;
        loop {
            stream.write_all(&record(&[0; 1 << 14]))?;
        }
    }),
    (
        "the longest hello, slowly, and never its end",
        |_, stream| {
            stream.write_all(&record(&[1, 0, 255, 255]))?;
            (0..3).try_for_each(|_| stream.write_all(&record(&[0; 1 << 14])))?;
            loop {
                stream.write_all(&record(&[0]))?;
                thread::sleep(Duration::from_millis(100));
            }
        },
    ),
    ("empty records", |_, stream| {
        loop {
            stream.write_all(&record(&[]))?;
        }
    }),
    ("a hello, then noise", |client, stream| {
        stream.write_all(&hello(client))?;
        loop {
            let noise = [&[23, 3, 3, 64, 0], &[7; 1 << 14][..]].concat();
            stream.write_all(&noise)?;
        }
    }),
    ("a whole handshake, then nothing", |client, stream| {
        let mut side = client.side();
        while side.is_handshaking() {
            side.complete_io(stream)?;
        }
        Ok(())
    }),
    ("a whole handshake, and no token", |client, stream| {
        let mut side = client.side();
        let wrong = request("none").replace("close", "keep-alive");
        Stream::new(&mut side, stream).write_all(wrong.as_bytes())
    }),
];

/// Whether the other side has ended the connection, and after which time.
fn ended(host: &Host, client: &Client, act: Act) -> (bool, Duration) {
    let started = Instant::now();
    let mut stream = connected(host);
    let acted = act(client, &mut stream);
    // One that could not go on writing has met the end already.
    let read = acted.and_then(|()| stream.read_to_end(&mut Vec::new()).map(drop));
    stream.shutdown(Shutdown::Both).ok();
    let stays = read.is_err_and(|it| it.kind() == std::io::ErrorKind::WouldBlock);
    (!stays, started.elapsed())
}

#[test]
fn a_connection_in_tls_without_the_token_is_over_soon_whatever_it_does() {
    let authority = authority();
    let (holder, ..) = holder(&authority);
    let client = Client::of(&holder, Some(&authority.issue("b").unwrap()));
    thread::scope(|scope| {
        let all = KINDS.map(|(name, act)| {
            let (holder, client) = (&holder, &client);
            (name, scope.spawn(move || ended(holder, client, act)))
        });
        for (name, thread) in all {
            let (is_ended, took) = thread.join().unwrap();
            assert!(is_ended && took < AN_END, "{name}: {took:?}");
        }
    });
    assert_eq!(holder.node.counters(None).served_bytes, 0);
}

/// Who knows a node's name, which is no secret, has that node sign for him. Only so often.
#[test]
fn handshakes_that_prove_nothing_are_few_for_each_address_and_delay_no_peer() {
    let authority = authority();
    let (holder, found, bytes) = holder(&authority);
    let client = Client::of(&holder, None);
    let started = Instant::now();
    let crowd: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = connect_from(9, &holder);
            stream.write_all(&hello(&client)).unwrap();
            stream
        })
        .collect();
    let mut peer = Host::in_tls("b", Arc::new(MemoryOrigin::new()), &authority);
    peer.extend(wanted(&peer, &found));
    peer.meet(&holder);
    peer.submit(vec![fetch(0, 0..4, holder.as_source())]);
    peer.until_landed(1);
    assert!(failed(&peer.events).is_empty(), "{:#?}", peer.events);
    assert_eq!(std::fs::read(peer.path("big")).unwrap(), bytes);
    let answered = crowd.iter().filter(|stream| {
        stream.set_nonblocking(true).unwrap();
        stream.peek(&mut [0]).is_ok_and(|read| read > 0)
    });
    let answered = answered.count();
    // A burst, and some for each second since.
    let most = 64 + 32 * (usize::try_from(started.elapsed().as_secs()).unwrap() + 1);
    assert!(answered <= most, "{answered} of {most}");
}
