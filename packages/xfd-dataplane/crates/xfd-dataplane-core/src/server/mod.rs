//! Serves chunks to peers: one route, read only, to a swarm's token. See [`crate::wire`].
//!
//! Bounded in every direction: connections, size and time of a request's head, uploads at once and
//! waiting for their turn, and one piece of memory for each upload. A request that waits for a
//! chunk to arrive takes no upload slot until its first bytes are here.

mod body;
mod congestion;
mod pieces;
mod route;
mod socket;

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::model::{NodeSettings, Secret};
use crate::server::socket::{Outgoing, Socket};
use crate::stats::Stats;
use crate::store::Store;
use crate::wire::{self, SERVER_IDLE};

const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 32;

/// Connections for each upload slot: most of them are idle or wait for a relay.
const CONNECTIONS_PER_UPLOAD: usize = 16;

/// What the server needs of one swarm.
#[derive(Clone)]
pub struct Served {
    /// Compared in constant time.
    pub token: Secret,
    /// Where its chunks are.
    pub store: Store,
    /// Its counters.
    pub stats: Arc<Stats>,
    /// Cancelled when the swarm is left.
    pub left: CancellationToken,
}

/// The swarms of a node, by name.
pub trait Swarms: Send + Sync + 'static {
    /// The swarm of this name, while the node is in it.
    fn served(&self, swarm: &str) -> Option<Served>;
}

pub(crate) struct Server {
    pub(crate) swarms: Arc<dyn Swarms>,
    pub(crate) limits: Limits,
    pub(crate) relay_wait: Duration,
}

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
    });
    let connections = Arc::new(Semaphore::new(
        settings.max_uploads * CONNECTIONS_PER_UPLOAD,
    ));
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
    connections: &Arc<Semaphore>,
    closed: &CancellationToken,
) {
    loop {
        let Ok(permit) = Arc::clone(connections).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, or the other side was gone at once.
                tracing::warn!(%error, "peer_accept_failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        wire::tune(&stream, wire::SERVER_SILENCE);
        let server = Arc::clone(server);
        let closed = closed.clone();
        tokio::spawn(async move {
            let outgoing = Outgoing::default();
            let service = service_fn(|request| route::answer(&server, &outgoing, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(SERVER_IDLE)
                .max_headers(HEADERS)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(Socket::new(stream, outgoing.clone()), service);
            tokio::select! {
                () = closed.cancelled() => {}
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "peer_connection_ended");
                }
            }
            drop(permit);
        });
    }
}
