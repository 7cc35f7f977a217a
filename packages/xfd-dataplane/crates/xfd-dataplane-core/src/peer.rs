//! Receives chunks from peers: one GET a chunk over kept HTTP/1 connections, never by a proxy.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, RANGE, RETRY_AFTER, TE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::decides::retry::retry_after_of;
use crate::error::{Error, Kind, Result};
use crate::model::{ChunkIndex, NodeId, NodeSettings, Secret, SwarmId};
use crate::paced::Paced;
use crate::threads::{Mutex, locked};
use crate::ticks::Ticks;
use crate::tls::{PeerTls, Stream};
use crate::wire::{self, CHECK_HEADER, CLIENT_IDLE, CRC_HEADER, UPLOAD_QUEUE_WAIT};

/// Idle connections kept for one peer.
const IDLE_PER_PEER: usize = 16;

/// A connection whose last answer was just read needs a moment before its next request.
const READY_WAIT: Duration = Duration::from_millis(50);

type Sender = SendRequest<Empty<Bytes>>;

/// Kept connections by [`Ask::line`], and since when they are idle.
type Idle = Arc<Mutex<HashMap<String, Vec<(Sender, Instant)>>>>;

/// One GET.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// Whom TLS is to find there.
    pub peer: &'a NodeId,
    /// `host:port`.
    pub address: &'a str,
    /// How the swarm speaks TLS; None for plain text.
    pub(crate) tls: Option<&'a PeerTls>,
    /// Whose catalog the chunk is of.
    pub swarm: &'a SwarmId,
    /// The swarm's.
    pub token: &'a Secret,
    /// Which chunk.
    pub chunk: ChunkIndex,
    /// The first byte wanted.
    pub from: u64,
    /// Whether the peer is to read what it sends, and to compare it with its checksum.
    pub is_checked: bool,
}

impl Ask<'_> {
    /// What one connection serves: an address; with TLS, the peer that was found there in a swarm.
    fn line(&self) -> String {
        match self.tls {
            None => self.address.to_owned(),
            Some(_) => format!("{} {} {}", self.address, self.swarm, self.peer),
        }
    }
}

/// Connections to peers.
#[derive(Debug)]
pub struct Peers {
    idle: Idle,
    ticks: Ticks,
    connect_timeout: Duration,
    read_timeout: Duration,
    relay_wait: Duration,
}

/// A chunk on its way.
#[derive(Debug)]
pub struct PeerBody {
    incoming: Incoming,
    crc: Option<u64>,
    /// Bytes to come; None while the peer itself is receiving them.
    length: Option<u64>,
    patience: Duration,
    back: Option<(Sender, String)>,
    idle: Idle,
}

impl Peers {
    /// No connection yet.
    #[must_use]
    pub fn new(settings: &NodeSettings) -> Self {
        Self {
            idle: Arc::default(),
            ticks: Ticks::default(),
            connect_timeout: settings.connect_timeout,
            read_timeout: settings.read_timeout,
            relay_wait: settings.relay_wait,
        }
    }

    /// Asks for a chunk; returns when its first byte is here or about to be.
    ///
    /// # Errors
    /// `Peer`, with `retry_after` where the peer asked for patience.
    pub(crate) async fn get(&self, ask: Ask<'_>) -> Result<PeerBody> {
        while let Some(mut sender) = self.kept(&ask.line()) {
            // The peer may close a kept connection at any time: that is no failure of it.
            if !matches!(timeout(READY_WAIT, sender.ready()).await, Ok(Ok(()))) {
                continue;
            }
            let sent = Instant::now();
            match self.request(sender, ask).await {
                Ok(answer) => return self.judged(answer, ask),
                Err(error) if sent.elapsed() > self.connect_timeout => return Err(error),
                Err(_) => break,
            }
        }
        self.tidy();
        let sender = self.connect(ask).await?;
        let answer = self.request(sender, ask).await?;
        self.judged(answer, ask)
    }

    fn kept(&self, line: &str) -> Option<Sender> {
        let mut idle = locked(&self.idle);
        let senders = idle.get_mut(line)?;
        senders.retain(is_of_use);
        senders.pop().map(|(sender, _)| sender)
    }

    /// Forgets connections that are over, those of swarms that were left among them.
    fn tidy(&self) {
        let mut idle = locked(&self.idle);
        idle.retain(|_, senders| {
            senders.retain(is_of_use);
            !senders.is_empty()
        });
    }

    async fn connect(&self, ask: Ask<'_>) -> Result<Sender> {
        let address = ask.address;
        let connecting = async {
            let stream = TcpStream::connect(address).await?;
            wire::tune(&stream, wire::CLIENT_SILENCE);
            let stream = match ask.tls {
                None => Stream::Plain(stream),
                Some(tls) => tls.connect(ask.peer, stream).await?,
            };
            let (sender, connection) = http1::Builder::new()
                .handshake(TokioIo::new(Paced::new(stream, self.ticks.clone())))
                .await
                .map_err(std::io::Error::other)?;
            tokio::spawn(connection);
            std::io::Result::Ok(sender)
        };
        match timeout(self.connect_timeout, connecting).await {
            Ok(Ok(sender)) => Ok(sender),
            Ok(Err(error)) => Err(of_peer(format!("Could not connect to {address}: {error}"))),
            Err(_) => Err(of_peer(format!(
                "No connection to {address} within {:?}",
                self.connect_timeout
            ))),
        }
    }

    async fn request(
        &self,
        mut sender: Sender,
        ask: Ask<'_>,
    ) -> Result<(Response<Incoming>, Sender)> {
        let mut request = Request::get(format!("/v1/{}/chunks/{}", ask.swarm, ask.chunk))
            .header(HOST, ask.address)
            .header(AUTHORIZATION, format!("Bearer {}", ask.token.0))
            .header(TE, "trailers");
        if ask.from > 0 {
            request = request.header(RANGE, format!("bytes={}-", ask.from));
        }
        if ask.is_checked {
            request = request.header(CHECK_HEADER, "1");
        }
        let request = request
            .body(Empty::new())
            .map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
        let patience = self.relay_wait + UPLOAD_QUEUE_WAIT + self.connect_timeout;
        match timeout(patience, sender.send_request(request)).await {
            Ok(Ok(response)) => Ok((response, sender)),
            Ok(Err(error)) => Err(of_peer(format!("{} broke off: {error}", ask.address))),
            Err(_) => Err(of_peer(format!("{} did not answer", ask.address))),
        }
    }

    fn judged(&self, answer: (Response<Incoming>, Sender), ask: Ask<'_>) -> Result<PeerBody> {
        let (response, sender) = answer;
        let status = response.status();
        let header = |name: HeaderName| response.headers().get(name);
        let crc = header(CRC_HEADER).and_then(|value| wire::crc_of(value.as_bytes()));
        let wanted = match ask.from {
            0 => StatusCode::OK,
            _ => StatusCode::PARTIAL_CONTENT,
        };
        if status != wanted {
            let error = of_peer(match status {
                StatusCode::UNAUTHORIZED => "The peer refused the swarm's token".to_owned(),
                StatusCode::NOT_FOUND => "The peer does not hold the chunk".to_owned(),
                StatusCode::REQUEST_TIMEOUT => "The peer's own source kept it waiting".to_owned(),
                StatusCode::SERVICE_UNAVAILABLE => "The peer serves too many already".to_owned(),
                other => format!("The peer answered {other}"),
            });
            let patience =
                header(RETRY_AFTER).and_then(|value| retry_after_of(value.to_str().ok()?));
            return Err(match patience {
                Some(wait) => error.with_retry_after(wait),
                None => error,
            });
        }
        let length = header(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let patience = match length {
            Some(_) if crc.is_some() => self.read_timeout,
            // The peer may itself be waiting for its source.
            _ => self.relay_wait + self.read_timeout,
        };
        Ok(PeerBody {
            incoming: response.into_body(),
            crc,
            length,
            patience,
            back: Some((sender, ask.line())),
            idle: Arc::clone(&self.idle),
        })
    }
}

impl PeerBody {
    /// The chunk's checksum as the peer gives it: at once, or after the last byte.
    #[must_use]
    pub fn crc(&self) -> Option<u64> {
        self.crc
    }

    /// Whether the peer has all of it, so that a cut may be mended by asking for the rest.
    #[must_use]
    pub fn is_whole_there(&self) -> bool {
        self.length.is_some()
    }

    /// The next bytes; None after the last one.
    ///
    /// # Errors
    /// `Peer`: the connection broke, the peer took it back, or was silent for too long.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let frame = match timeout(self.patience, self.incoming.frame()).await {
                Err(_) => return Err(of_peer("The peer fell silent".to_owned())),
                Ok(Some(Err(error))) => {
                    return Err(of_peer(format!("The peer's body broke off: {error}")));
                }
                Ok(None) => {
                    self.keep();
                    return Ok(None);
                }
                Ok(Some(Ok(frame))) => frame,
            };
            match frame.into_data() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                Err(frame) => {
                    if let Some(value) = frame.trailers_ref().and_then(|map| map.get(CRC_HEADER)) {
                        self.crc = wire::crc_of(value.as_bytes());
                    }
                }
            }
        }
    }

    fn keep(&mut self) {
        let Some((sender, line)) = self.back.take() else {
            return;
        };
        let mut idle = locked(&self.idle);
        let senders = idle.entry(line).or_default();
        if senders.len() < IDLE_PER_PEER {
            senders.push((sender, Instant::now()));
        }
    }
}

fn is_of_use((sender, since): &(Sender, Instant)) -> bool {
    !sender.is_closed() && since.elapsed() < CLIENT_IDLE
}

fn of_peer(what: String) -> Error {
    Error::new(Kind::Peer, what)
}
