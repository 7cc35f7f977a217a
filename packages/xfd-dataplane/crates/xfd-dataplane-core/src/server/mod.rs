//! Serves chunks to peers: one route, read only, to a swarm's token. See [`crate::wire`].
//!
//! Bounded in every direction: connections before and after they have shown a token
//! (`connections`), handshakes of TLS (`handshakes`), size and time of a request's head, uploads at once and waiting for their
//! turn, one piece of memory for each upload, and the time for which its receiver may take nothing.
//! A request that waits for a chunk to arrive takes no upload slot until its first bytes are here.
//! A connection whose request was refused is closed with the answer.

mod body;
mod channel;
mod congestion;
mod connections;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod handshakes;
mod pieces;
mod route;
mod served;
mod socket;
mod strangers;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::model::NodeSettings;
use crate::server::channel::Channel;
use crate::server::connections::{Connections, Place};
use crate::server::handshakes::Handshakes;
use crate::server::served::Server;
pub use crate::server::served::{Served, Swarms};
use crate::server::socket::{Outgoing, Socket};
use crate::wire::{self, SERVER_IDLE};

const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 32;

/// Connections that the kernel keeps until they are taken in.
const BACKLOG: i32 = 1024;

/// After the system refused a connection for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Between two log events about such refusals.
const ACCEPT_LOG: Duration = Duration::from_secs(60);

/// How long a connection that makes room may take to close.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// Listens on `host` alone, at a free port or the first free one of a range (both ends included).
///
/// # Errors
/// `PeerPort`: none is free, or the host is not this node's.
pub fn bind(host: &str, ports: Option<(u16, u16)>) -> Result<TcpListener> {
    let (first, last) = ports.unwrap_or((0, 0));
    let mut why = format!("{first} to {last} is no range of ports");
    for port in first..=last {
        let bound = (host, port)
            .to_socket_addrs()
            .and_then(|addresses| TcpListener::bind(addresses.collect::<Vec<_>>().as_slice()));
        match bound {
            Ok(listener) => {
                congestion::share_evenly(&listener);
                // More than the standard library asks for; a kernel that refuses keeps its own.
                rustix::net::listen(&listener, BACKLOG).ok();
                listener
                    .set_nonblocking(true)
                    .map_err(|error| Error::new(Kind::PeerPort, error.to_string()))?;
                return Ok(listener);
            }
            Err(error) => why = error.to_string(),
        }
    }
    let place = match ports {
        Some((first, last)) => format!("ports {first} to {last} of {host}"),
        None => host.to_owned(),
    };
    Err(Error::new(
        Kind::PeerPort,
        format!("The peer server could not listen on {place}: {why}"),
    ))
}

/// Serves until `closed` is cancelled. Called inside a runtime.
///
/// # Errors
/// `PeerPort` if the listener is refused by the runtime.
pub fn start(
    listener: TcpListener,
    swarms: Arc<dyn Swarms>,
    settings: &NodeSettings,
    limits: Limits,
    closed: CancellationToken,
) -> Result<SocketAddr> {
    let of_port = |error: std::io::Error| Error::new(Kind::PeerPort, error.to_string());
    let listener = tokio::net::TcpListener::from_std(listener).map_err(of_port)?;
    let address = listener.local_addr().map_err(of_port)?;
    let server = Arc::new(Server {
        swarms,
        limits,
        relay_wait: settings.relay_wait,
        handshakes: Handshakes::default(),
    });
    let connections = Connections::new(server.limits.uploads.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = closed.cancelled() => {}
            () = accept(&listener, &server, &connections, &closed) => {}
        }
    });
    tracing::info!(%address, "peer_server_started");
    Ok(address)
}

async fn accept(
    listener: &tokio::net::TcpListener,
    server: &Arc<Server>,
    connections: &Arc<Connections>,
    closed: &CancellationToken,
) {
    let mut last_logged: Option<Instant> = None;
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(taken) => taken,
            Err(error) if is_of_connection(&error) => continue,
            Err(error) => {
                let has_room = connections.make_room();
                if last_logged.is_none_or(|it| it.elapsed() >= ACCEPT_LOG) {
                    last_logged = Some(Instant::now());
                    tracing::warn!(%error, has_room, "peer_accept_failed");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (place, is_crowded) = connections.enter(address.ip().into());
        tokio::spawn(serve(
            stream,
            Arc::clone(server),
            Arc::new(place),
            closed.clone(),
        ));
        if is_crowded {
            // So that the one that made room ends before the next one comes.
            tokio::task::yield_now().await;
        }
    }
}

/// Whether it was only the one connection that failed: the other side was gone at once.
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// How requests are read.
fn protocol() -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(SERVER_IDLE)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES);
    protocol
}

/// Serves one connection to its end.
async fn serve(
    stream: TcpStream,
    server: Arc<Server>,
    place: Arc<Place>,
    closed: CancellationToken,
) {
    wire::tune(&stream, wire::SERVER_SILENCE);
    let opened = tokio::select! {
        biased;
        () = closed.cancelled() => return,
        opened = channel::opened(stream, place.from(), &*server.swarms, &server.handshakes) => opened,
        () = place.ended() => return tracing::debug!(is_peer = false, "peer_connection_evicted"),
    };
    let (stream, channel) = match opened {
        Ok(opened) => opened,
        Err(error) => return tracing::debug!(%error, "peer_connection_ended"),
    };
    let outgoing = match &channel {
        Channel::Plain(outgoing) => outgoing.clone(),
        Channel::Tls(_) => Outgoing::default(),
    };
    let service = service_fn(|request| route::answer(&server, &channel, &place, request));
    let connection =
        protocol().serve_connection(Socket::new(stream, outgoing, wire::SERVER_SILENCE), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // In this order: on a busy machine a head may be read only when its time is over.
        biased;
        () = closed.cancelled() => return,
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "peer_connection_ended");
            }
            return;
        }
        () = place.ended() => {}
    }
    tracing::debug!(is_peer = place.is_peer(), "peer_connection_evicted");
    if place.is_peer() {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            () = closed.cancelled() => {}
            _ = timeout(CLOSE_WAIT, connection) => {}
        }
    }
}
