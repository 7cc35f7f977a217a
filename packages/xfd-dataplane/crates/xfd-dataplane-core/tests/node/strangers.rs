//! Connections without the swarm's token do not harm a node that serves.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use crate::memory::MemoryOrigin;
use xfd_dataplane_core::model::Source;

use crate::support::{Host, MIB, SWARM, TOKEN, failed, fetch, one_object, wanted};

/// The server ends strangers' connections after 3 s; some more for a busy machine.
const AN_END: Duration = Duration::from_secs(8);

/// A node that holds an object of eight chunks, and one that has none of it.
fn holder_and_peer() -> (Host, Host, Vec<u8>) {
    let (origin, found, bytes) = one_object(8 * MIB);
    let mut holder = Host::new("a", origin);
    let peer = Host::new("b", Arc::new(MemoryOrigin::new()));
    for host in [&holder, &peer] {
        host.extend(wanted(host, &found));
    }
    holder.submit(vec![fetch(0, 0..8, Source::Origin)]);
    holder.until_landed(1);
    peer.meet(&holder);
    (holder, peer, bytes)
}

fn get(swarm: &str, token: &str) -> String {
    format!("GET /v1/{swarm}/chunks/0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// What one stranger does on a new connection.
type Stranger = fn(&mut TcpStream) -> std::io::Result<()>;

fn say(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes())
}

const KINDS: [(&str, Stranger); 14] = [
    ("idle", |_| Ok(())),
    ("a byte of a head every 0.1 s", |stream| {
        for byte in get(SWARM, TOKEN).bytes().cycle() {
            stream.write_all(&[byte])?;
            thread::sleep(Duration::from_millis(100));
            if byte == b'\n' {
                // The head never ends.
                say(stream, "X-More: 1")?;
            }
        }
        Ok(())
    }),
    ("half a head", |stream| {
        say(stream, &get(SWARM, TOKEN)[..40])
    }),
    ("wrong tokens on one connection", |stream| {
        (0..100).try_for_each(|_| say(stream, &get(SWARM, "5eed5eee")))
    }),
    ("a wrong token, then nothing", |stream| {
        say(stream, &get(SWARM, "x"))
    }),
    ("no token", |stream| {
        say(
            stream,
            &format!("GET /v1/{SWARM}/chunks/0 HTTP/1.1\r\nHost: x\r\n\r\n"),
        )
    }),
    ("a swarm that is not here", |stream| {
        say(stream, &get("ffff", TOKEN))
    }),
    ("another path", |stream| {
        say(stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    }),
    ("HEAD", |stream| {
        say(stream, &get(SWARM, TOKEN).replace("GET", "HEAD"))
    }),
    ("POST with a body that never comes", |stream| {
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
        say(stream, head)
    }),
    ("POST with a body without end", |stream| {
        say(
            stream,
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        loop {
            say(stream, &format!("1000\r\n{}\r\n", "x".repeat(0x1000)))?;
        }
    }),
    ("no HTTP", |stream| {
        say(stream, "\u{16}\u{3}\u{1}\0\0\r\n\r\n")
    }),
    ("the head of a TLS record that never comes", |stream| {
        stream.write_all(&[22, 3, 1, 2, 0, 1])
    }),
    ("half closed", |stream| stream.shutdown(Shutdown::Write)),
];

#[test]
fn a_connection_without_the_token_is_over_soon_whatever_it_does() {
    let (holder, ..) = holder_and_peer();
    let over = |act: Stranger| {
        let address = holder.address.clone();
        thread::spawn(move || {
            let started = Instant::now();
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(2 * AN_END)).unwrap();
            let mut reading = stream.try_clone().unwrap();
            // Either side of the socket may report the end.
            let reader = thread::spawn(move || reading.read_to_end(&mut Vec::new()));
            let acted = act(&mut stream);
            let read = reader.join().unwrap();
            let timed_out = read
                .as_ref()
                .is_err_and(|it| it.kind() == std::io::ErrorKind::WouldBlock);
            assert!(!timed_out, "it stays open: {acted:?}");
            started.elapsed()
        })
    };
    let all: Vec<_> = KINDS.iter().map(|(name, act)| (name, over(*act))).collect();
    for (name, ended) in all {
        let took = ended.join().unwrap();
        assert!(took < AN_END, "{name}: {took:?}");
    }
    assert_eq!(holder.node.counters(None).served_bytes, 0);
}

/// Each answer that is not a chunk ends its connection, also if the request has the token.
#[test]
fn a_refusal_closes_the_connection() {
    let (holder, ..) = holder_and_peer();
    let unknown = get(SWARM, TOKEN).replace("chunks/0", "chunks/99");
    let long =
        get(SWARM, TOKEN).replace("Host", &format!("X-Long: {}\r\nHost", "x".repeat(20_000)));
    let many = get(SWARM, TOKEN).replace("Host", &format!("{}Host", "X-A: 1\r\n".repeat(40)));
    let rows = [
        ("401", get(SWARM, "no")),
        ("401", get("no", TOKEN)),
        ("404", unknown),
        ("404", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()),
        ("405", get(SWARM, TOKEN).replace("GET", "PUT")),
        (
            "416",
            get(SWARM, TOKEN).replace("Host", "Range: bytes=1-2\r\nHost"),
        ),
        ("400", "GET\r\n\r\n".to_owned()),
        ("431", long),
        ("431", many),
    ];
    for (status, request) in rows {
        let mut stream = TcpStream::connect(&holder.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        say(&mut stream, &request).unwrap();
        let mut answer = Vec::new();
        // With an unread rest of the head, the system may end it with a reset.
        let read = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{status}: {answer}{read:?}"
        );
        assert!(
            !read.is_err_and(|it| it.kind() == std::io::ErrorKind::WouldBlock),
            "{status}: the connection stays open"
        );
    }
}

#[test]
fn a_peer_s_connection_is_kept_between_its_requests() {
    let (holder, ..) = holder_and_peer();
    let mut stream = TcpStream::connect(&holder.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut room = vec![0; MIB];
    let mut chunk = |stream: &mut TcpStream| {
        say(stream, &get(SWARM, TOKEN)).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 200"));
        stream.read_exact(&mut room).unwrap();
    };
    chunk(&mut stream);
    // For longer than a stranger may stay.
    thread::sleep(Duration::from_secs(4));
    chunk(&mut stream);
}

#[test]
fn a_peer_is_served_beside_700_idle_strangers_and_1000_that_come_and_go() {
    let (holder, mut peer, bytes) = holder_and_peer();
    let idle: Vec<TcpStream> = (0..700)
        .map(|_| TcpStream::connect(&holder.address).unwrap())
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let churning: Vec<_> = (0..4)
        .map(|_| {
            let (address, stop) = (holder.address.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                let mut made = 0;
                while made < 250 || !stop.load(Ordering::SeqCst) {
                    if let Ok(mut stream) = TcpStream::connect(&address) {
                        stream
                            .set_read_timeout(Some(Duration::from_secs(1)))
                            .unwrap();
                        say(&mut stream, &get(SWARM, "5eed5eee")).ok();
                        let _some = stream.read(&mut [0; 64]);
                        made += 1;
                    }
                }
            })
        })
        .collect();
    let started = Instant::now();
    peer.submit(vec![fetch(0, 0..8, holder.as_source())]);
    peer.until_landed(1);
    let took = started.elapsed();
    stop.store(true, Ordering::SeqCst);
    for thread in churning {
        thread.join().unwrap();
    }
    assert!(failed(&peer.events).is_empty(), "{:#?}", peer.events);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(std::fs::read(peer.path("big")).unwrap(), bytes);
    drop(idle);
}

/// A connection from another address of the loopback than the peers have.
pub fn connect_from(last: u8, host: &Host) -> TcpStream {
    let to: SocketAddr = host.address.parse().unwrap();
    let from = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0);
    let made = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&made, &from).unwrap();
    connect(&made, &to).unwrap();
    made.into()
}

/// A stranger's place is out of the reach of another address, whatever number comes from there.
#[test]
fn the_crowd_of_one_address_pushes_out_its_own() {
    let (holder, ..) = holder_and_peer();
    // A busy machine may take longer than a stranger may stay; then once more.
    let is_served = || {
        let mut lone = TcpStream::connect(&holder.address).unwrap();
        let _crowd: Vec<TcpStream> = (0..400).map(|_| connect_from(9, &holder)).collect();
        lone.set_read_timeout(Some(2 * AN_END)).unwrap();
        let mut start = [0; 12];
        say(&mut lone, &get(SWARM, TOKEN)).is_ok()
            && lone.read_exact(&mut start).is_ok()
            && start == *b"HTTP/1.1 200"
    };
    assert!((0..5).any(|_| is_served()), "it was pushed out each time");
}

#[test]
fn a_peer_is_served_beside_10_000_connections() {
    let (holder, mut peer, bytes) = holder_and_peer();
    let mut open = VecDeque::new();
    for number in 0..10_000_u32 {
        open.push_back(connect_from(
            u8::try_from(2 + number % 20).unwrap(),
            &holder,
        ));
        if open.len() > 1000 {
            open.pop_front();
        }
        if number == 5000 {
            peer.submit(vec![fetch(0, 0..8, holder.as_source())]);
        }
    }
    peer.until_landed(1);
    assert!(failed(&peer.events).is_empty(), "{:#?}", peer.events);
    assert_eq!(std::fs::read(peer.path("big")).unwrap(), bytes);
}
