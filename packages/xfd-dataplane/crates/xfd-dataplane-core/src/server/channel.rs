//! Whether a new connection speaks TLS, and for which swarm.

use std::io;

use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, TlsStream};

use super::handshakes::Handshakes;
use super::served::{Served, Swarms};
use super::socket::Outgoing;
use super::strangers::Neighbour;
use crate::model::SwarmId;
use crate::tls::Stream;

/// The first byte of TLS (RFC 8446, section 5.1). No method of HTTP begins with it.
const HANDSHAKE: u8 = 22;

/// What is known of a connection before its first request.
pub(crate) enum Channel {
    /// Files may go to its socket as they are.
    Plain(Outgoing),
    /// It is encrypted, between nodes of this swarm.
    Tls(SwarmId),
}

impl Channel {
    /// Whether requests of this swarm may come by this connection.
    pub(crate) fn admits(&self, swarm: &str, served: &Served) -> bool {
        match self {
            Self::Plain(_) => !served.is_tls,
            Self::Tls(of) => of == swarm,
        }
    }
}

/// Makes sure by TLS, if the other side begins with that, that it is of the swarm that it names.
/// Until the name is known, nothing is computed for a stranger; then it is one of `handshakes`.
///
/// # Errors
/// The other side is gone, is no node of the swarm, or names none that is here.
pub(crate) async fn opened(
    stream: TcpStream,
    from: Neighbour,
    swarms: &dyn Swarms,
    handshakes: &Handshakes,
) -> io::Result<(Stream, Channel)> {
    let mut first = [0];
    let is_tls = stream.peek(&mut first).await? == 1 && first == [HANDSHAKE];
    if !is_tls {
        return Ok((Stream::Plain(stream), Channel::Plain(Outgoing::default())));
    }
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let named = hello.client_hello().server_name().map(str::to_owned);
    let (swarm, config) = named
        .and_then(|name| swarms.named(&name))
        .ok_or_else(|| io::Error::other("no swarm here has that name"))?;
    handshakes.begin(from).await;
    let stream = hello.into_stream(config).await?;
    handshakes.give_back(from);
    let stream = Stream::Tls(Box::new(TlsStream::from(stream)));
    Ok((stream, Channel::Tls(swarm)))
}
