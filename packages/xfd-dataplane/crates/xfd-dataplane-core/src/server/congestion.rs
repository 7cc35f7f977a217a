//! Which congestion control the kernel is to use for what a node sends to its peers.
//!
//! A node sends to many peers at once, over one link that they fill. Streams under BBR share such a
//! link unevenly, and for tens of seconds: each keeps the part that it measured for itself (Hock et
//! al., Experimental Evaluation of BBR Congestion Control, 2017). Nobody can pass on a chunk sooner
//! than it arrives, so one starved stream holds up all nodes below it. If the host's choice is BBR,
//! peers are sent to under CUBIC, which evens out within seconds. Any other choice, as DCTCP in a
//! datacenter that is made for it, is left as it is.

use std::os::fd::AsFd;

use rustix::net::sockopt;

/// Sets it for all connections that the listener will take. A kernel without CUBIC, or that
/// refuses it, leaves the host's choice.
pub(super) fn share_evenly(listener: impl AsFd) {
    let listener = listener.as_fd();
    let Ok(chosen) = sockopt::tcp_congestion(listener) else {
        return;
    };
    if let Some(other) = instead_of(&chosen) {
        let is_set = sockopt::set_tcp_congestion(listener, other).is_ok();
        tracing::info!(%chosen, other, is_set, "peer_congestion_control");
    }
}

/// What to use in place of the host's choice; None to keep that. Later versions have names of their
/// own: bbr2, bbr3.
fn instead_of(chosen: &str) -> Option<&'static str> {
    chosen.starts_with("bbr").then_some("cubic")
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn only_bbr_is_replaced() {
        assert_eq!(instead_of("bbr"), Some("cubic"));
        assert_eq!(instead_of("bbr3"), Some("cubic"));
        assert_eq!(instead_of("dctcp"), None);
        assert_eq!(instead_of("cubic"), None);
    }

    #[test]
    fn a_connection_has_what_its_listener_was_given() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Every kernel has reno; it is allowed everywhere.
        sockopt::set_tcp_congestion(&listener, "reno").unwrap();
        share_evenly(&listener);
        assert_eq!(of_a_connection(&listener), "reno");
        // Not every kernel has both of these.
        let has_both =
            ["cubic", "bbr"].map(|it| sockopt::set_tcp_congestion(&listener, it).is_ok());
        if has_both == [true, true] {
            share_evenly(&listener);
            assert_eq!(of_a_connection(&listener), "cubic");
        }
    }

    fn of_a_connection(listener: &TcpListener) -> String {
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, _) = listener.accept().unwrap();
        sockopt::tcp_congestion(&served).unwrap()
    }
}
