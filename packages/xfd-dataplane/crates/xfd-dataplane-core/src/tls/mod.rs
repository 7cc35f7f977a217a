//! TLS 1.3 between the peers of a swarm.
//!
//! Each swarm has an authority of its own ([`Authority`]), in the memory of the coordinator. It
//! gives each node a certificate for the name of this node in this swarm, and a key. Both go to the
//! node by method call, and are gone with the swarm.
//!
//! ```text
//! receiver                                    sender, on the port that serves plain swarms too
//!   hello, with the sender's name (SNI) ────►   no such name here: closed, nothing is signed
//!   ◄──────────── certificate for that name     of the swarm's authority, or the receiver ends
//!   certificate of a node of the swarm ─────►   of the same authority, or the sender ends
//!   requests of this swarm, with its token ─►   another swarm's token is refused here
//! ```
//! The names are hashes: a hello is not encrypted. Nothing is resumed, so a node that has left and
//! lost its key is not known by a ticket either. Certificates carry no dates that could be over: the
//! clocks of nodes may be wrong, and an authority is believed as long as its swarm lasts.

mod authority;
mod config;
mod lone;
mod name;
mod stream;

pub use authority::Authority;
pub(crate) use config::PeerTls;
pub use name::of_node as node_name;
pub(crate) use stream::Stream;
