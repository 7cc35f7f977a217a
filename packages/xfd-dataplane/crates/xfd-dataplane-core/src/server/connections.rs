//! Which peers are connected, and which connection has to make room.
//!
//! ```text
//!                shown_token             rests (its answer is over)
//!   Stranger ───────────────► Serving ◄────────────────────────► Resting
//!      │ 3 s, or it is one too many of its address                   │ another peer needs the place
//!      ▼                                                             ▼
//!    Ended                                                         Ended
//! ```
//! A *stranger* has not shown a swarm's token yet. Strangers have a budget of their own: a new one
//! always gets a place, if need be that of the oldest of the address that has most
//! ([`super::strangers`]). A *peer* has shown a token; its place is out
//! of every stranger's reach. If all places of peers are taken, the one that has rested longest
//! makes room; while none rests, a new peer is asked to come back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::strangers::{Neighbour, Strangers};
use crate::capacity::Capacity;
use crate::threads::{Mutex, MutexGuard, locked};

/// Connections that have not shown a token. A peer shows its token within a round trip, so it is
/// pushed out only by this many newcomers of its own address within that time.
const STRANGERS: usize = 256;

/// How long a connection may take to show a token: to be taken in, and to send one head.
pub(crate) const FIRST_HEAD: Duration = Duration::from_secs(3);

/// Places for peers for each upload slot: most of them rest or wait for a relay.
const PEERS_PER_UPLOAD: u64 = 16;

/// One that has rested for less may be about to ask again, and its last bytes may be on their way.
const LEAST_REST: Duration = Duration::from_secs(1);

/// The connections of one peer server.
#[derive(Debug)]
pub(crate) struct Connections {
    uploads: Capacity,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    strangers: Strangers,
    /// By the moment since which they rest, oldest first.
    resting: BTreeMap<(Instant, u64), CancellationToken>,
    serving: usize,
}

/// A connection's place in the table, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    of: Arc<Connections>,
    number: u64,
    from: Neighbour,
    state: Mutex<State>,
    ended: CancellationToken,
    /// When a stranger has had its time.
    patience: tokio::time::Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Stranger,
    Serving,
    Resting(Instant),
    Ended,
}

impl Connections {
    pub(crate) fn new(uploads: Capacity) -> Arc<Self> {
        Arc::new(Self {
            uploads,
            table: Mutex::default(),
        })
    }

    /// A place for a stranger from there, and whether another one had to make room for it.
    pub(crate) fn enter(self: &Arc<Self>, from: Neighbour) -> (Place, bool) {
        let mut table = self.table();
        let is_crowded = table.strangers.len() >= STRANGERS;
        if is_crowded {
            table.strangers.end_one();
        }
        let number = table.next;
        table.next += 1;
        let ended = CancellationToken::new();
        table.strangers.insert(from, number, ended.clone());
        drop(table);
        let place = Place {
            of: Arc::clone(self),
            number,
            from,
            state: Mutex::new(State::Stranger),
            ended,
            patience: tokio::time::Instant::now() + FIRST_HEAD,
        };
        (place, is_crowded)
    }

    /// Ends the connection that is worth least, for its file descriptor: a stranger, else the peer
    /// that has rested longest. False if there is neither.
    pub(crate) fn make_room(&self) -> bool {
        let mut table = self.table();
        table.strangers.end_one() || table.end_longest_rest(Instant::now())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        locked(&self.table)
    }
}

impl Table {
    fn end_longest_rest(&mut self, now: Instant) -> bool {
        let first = self.resting.first_entry();
        let rested = first.filter(|it| now.saturating_duration_since(it.key().0) >= LEAST_REST);
        rested.map(|it| it.remove().cancel()).is_some()
    }
}

impl Place {
    /// The connection has shown a token, and has a request served. False if there is no place for
    /// it, or it was ended at this moment.
    pub(crate) fn shown_token(&self) -> bool {
        let mut table = self.of.table();
        let mut state = self.state();
        let is_in = match *state {
            State::Serving => return true,
            State::Resting(since) => table.resting.remove(&(since, self.number)).is_some(),
            State::Stranger => {
                let places = self.of.uploads.total() * PEERS_PER_UPLOAD;
                let taken = (table.serving + table.resting.len()) as u64;
                let has_room = taken < places || table.end_longest_rest(Instant::now());
                table.strangers.remove(self.from, self.number) && has_room
            }
            State::Ended => false,
        };
        *state = if is_in { State::Serving } else { State::Ended };
        table.serving += usize::from(is_in);
        is_in
    }

    /// Its answer is over.
    pub(crate) fn rests(&self) {
        let mut table = self.of.table();
        let mut state = self.state();
        if *state == State::Serving {
            let now = Instant::now();
            table.serving -= 1;
            table.resting.insert((now, self.number), self.ended.clone());
            *state = State::Resting(now);
        }
    }

    /// Where its connection comes from.
    pub(crate) fn from(&self) -> Neighbour {
        self.from
    }

    /// Whether it has shown a token.
    pub(crate) fn is_peer(&self) -> bool {
        matches!(*self.state(), State::Serving | State::Resting(_))
    }

    /// Returns when the connection is to be ended: it makes room, or is a stranger for too long.
    pub(crate) async fn ended(&self) {
        if tokio::time::timeout_at(self.patience, self.ended.cancelled())
            .await
            .is_err()
            && self.is_peer()
        {
            self.ended.cancelled().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.of.table();
        match *self.state() {
            State::Stranger => drop(table.strangers.remove(self.from, self.number)),
            State::Serving => table.serving -= 1,
            State::Resting(since) => drop(table.resting.remove(&(since, self.number))),
            State::Ended => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::{Connections, LEAST_REST, PEERS_PER_UPLOAD, Place, STRANGERS};
    use crate::capacity::Capacity;

    fn connections() -> Arc<Connections> {
        Connections::new(Capacity::new(1))
    }

    fn stranger(connections: &Arc<Connections>) -> Place {
        stranger_from(1, connections)
    }

    fn stranger_from(last: u8, connections: &Arc<Connections>) -> Place {
        connections.enter(IpAddr::from([10, 0, 0, last]).into()).0
    }

    fn peers(connections: &Arc<Connections>) -> Vec<Place> {
        let peer = |_| {
            let place = stranger(connections);
            assert!(place.shown_token());
            place
        };
        (0..PEERS_PER_UPLOAD).map(peer).collect()
    }

    #[test]
    fn the_oldest_stranger_makes_room_for_the_newest() {
        let all = connections();
        let first: Vec<Place> = (0..STRANGERS).map(|_| stranger(&all)).collect();
        let (_new, is_crowded) = all.enter(IpAddr::from([10, 0, 0, 1]).into());
        assert!(is_crowded);
        assert!(first[0].ended.is_cancelled() && !first[1].ended.is_cancelled());
        assert!(!first[0].shown_token(), "its place is gone");
        assert!(first[1].shown_token());
    }

    #[test]
    fn a_stranger_from_elsewhere_keeps_its_place_whatever_number_comes_from_one_address() {
        let all = connections();
        let lone = stranger_from(2, &all);
        let _others: Vec<Place> = (0..5 * STRANGERS).map(|_| stranger(&all)).collect();
        assert!(!lone.ended.is_cancelled() && lone.shown_token());
    }

    #[test]
    fn no_number_of_strangers_ends_a_peer() {
        let all = connections();
        let peers = peers(&all);
        let _strangers: Vec<Place> = (0..5 * STRANGERS).map(|_| stranger(&all)).collect();
        assert!(
            peers
                .iter()
                .all(|it| !it.ended.is_cancelled() && it.is_peer())
        );
        assert_eq!(all.table().strangers.len(), STRANGERS);
    }

    #[test]
    fn a_peer_without_a_place_comes_back_until_one_has_rested() {
        let all = connections();
        let peers = peers(&all);
        assert!(!stranger(&all).shown_token(), "all are served");
        peers[0].rests();
        assert!(
            !stranger(&all).shown_token(),
            "one has only started to rest"
        );
        std::thread::sleep(LEAST_REST);
        assert!(stranger(&all).shown_token());
        assert!(peers[0].ended.is_cancelled());
        assert!(!peers[0].shown_token(), "its place is another's");
        assert!(peers[1].shown_token(), "an answer is followed by the next");
    }

    #[test]
    fn every_place_is_free_again_when_its_connection_is_over() {
        let all = connections();
        let mut peers = peers(&all);
        peers[0].rests();
        peers.push(stranger(&all));
        drop(peers);
        let table = all.table();
        let left = (table.strangers.len(), table.resting.len(), table.serving);
        assert_eq!(left, (0, 0, 0));
    }

    #[test]
    fn room_is_made_by_strangers_before_peers_that_rest() {
        let all = connections();
        let peer = stranger(&all);
        assert!(peer.shown_token());
        assert!(!all.make_room(), "one that is served stays");
        peer.rests();
        std::thread::sleep(LEAST_REST);
        let stranger = stranger(&all);
        assert!(all.make_room());
        assert!(stranger.ended.is_cancelled() && !peer.ended.is_cancelled());
        assert!(all.make_room());
        assert!(peer.ended.is_cancelled());
        assert!(!all.make_room());
    }
}
