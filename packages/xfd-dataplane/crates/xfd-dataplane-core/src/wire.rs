//! The words that peer client and peer server share.
//!
//! ```text
//! GET /v1/<swarm>/chunks/<index>        Authorization: Bearer <token>    TE: trailers
//! 200, Content-Length, x-xfd-crc64      the chunk is here and its checksum is known
//! 200, chunked, trailer x-xfd-crc64     the chunk is arriving, or was not verified since an
//!                                       earlier run; the trailer is the verdict
//! 206, Content-Range                    the same, for Range: bytes=N-
//! 401  no such swarm, or not its token  404  the chunk is neither here nor expected soon
//! 408  it was expected and did not come 503  too many uploads; Retry-After
//! ```
//! What is asked for with `x-xfd-check: 1`, or from a later byte, is read and compared with its
//! checksum as it is sent; the rest goes from file to socket unread, with the checksum that it had
//! when it was written. A body that ends before its length or without its terminator is no chunk:
//! its receiver drops all of it.

use std::os::fd::AsFd;
use std::time::Duration;

use hyper::header::HeaderName;
use rustix::net::sockopt;

/// CRC-64/NVME of the whole chunk, 16 hexadecimal digits; a header or a trailer.
pub const CRC_HEADER: HeaderName = HeaderName::from_static("x-xfd-crc64");

/// In a request: the peer is to check what it sends.
pub const CHECK_HEADER: HeaderName = HeaderName::from_static("x-xfd-check");

/// How long a request waits for an upload slot before it is asked to come back.
pub const UPLOAD_QUEUE_WAIT: Duration = Duration::from_secs(5);

/// How much later than its peer a node may receive the order for the same chunk.
pub const ORDER_SKEW: Duration = Duration::from_secs(2);

/// An idle connection is closed by the server after this time, by the client sooner.
pub const SERVER_IDLE: Duration = Duration::from_secs(15);

/// See [`SERVER_IDLE`].
pub const CLIENT_IDLE: Duration = Duration::from_secs(10);

/// The header's text for a checksum.
#[must_use]
pub fn crc_text(crc: u64) -> String {
    format!("{crc:016x}")
}

/// The checksum that a header's value gives; None unless it is 16 hexadecimal digits.
#[must_use]
pub fn crc_of(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

/// How long what a client sent may stay unacknowledged: its requests are small.
pub const CLIENT_SILENCE: Duration = Duration::from_secs(10);

/// The same for a server. The kernel counts the time in which a peer that is well does not read,
/// because it waits for a slot, a disk or its rate limit.
pub const SERVER_SILENCE: Duration = Duration::from_secs(60);

/// No delay for small writes, and a host that vanished is noticed within about ten seconds if
/// nothing is being sent, else within `silence`. A socket that refuses one of these works without.
pub fn tune(socket: impl AsFd, silence: Duration) {
    let socket = socket.as_fd();
    sockopt::set_tcp_nodelay(socket, true).ok();
    sockopt::set_socket_keepalive(socket, true).ok();
    sockopt::set_tcp_keepidle(socket, Duration::from_secs(4)).ok();
    sockopt::set_tcp_keepintvl(socket, Duration::from_secs(2)).ok();
    sockopt::set_tcp_keepcnt(socket, 3).ok();
    let silence = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(socket, silence).ok();
}

#[cfg(test)]
mod tests {
    use super::{crc_of, crc_text};

    #[test]
    fn a_checksum_survives_its_text() {
        assert_eq!(crc_of(crc_text(0xab).as_bytes()), Some(0xab));
        assert_eq!(crc_of(b"+0000000000000ab"), None);
        assert_eq!(crc_of(b"ab"), None);
    }
}
