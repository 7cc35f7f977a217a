//! Which objects wait for a checksum that their store keeps and its lists do not have.
//!
//! The answer to a GET of a whole object carries the checksum; answers to ranged GETs do not. So a
//! node asks once, by a HEAD, for each object of which it reads a range from the origin. Until the
//! answer is here the object does not land. A node that has an object from peers alone does not
//! ask: its peers have compared what they hold.
//!
//! ```text
//!               peer bytes                    ask               answer
//!   (unknown) ───────────────▶ FromPeers ─────────────▶ Asking ──────────▶ Answered
//!       │                                                 ▲                    ▲
//!       ├──────────────────── ask ────────────────────────┘                    │
//!       └──────────────────── whole body ──────────────────────────────────────┘
//! ```
//!
//! Invariants: an object is asked for at most once, and lands only in `FromPeers` or `Answered`. An
//! object that became whole while its question was open is landed by the answer.

use std::collections::HashMap;

use crate::model::ObjectIndex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Some bytes came from a peer, and none in a range from the origin.
    FromPeers,
    /// The origin was asked. `is_whole`: the object waits for the answer to land.
    Asking { is_whole: bool },
    /// The origin has said what it knows.
    Answered,
}

/// Of one swarm, the objects without a checksum in the catalog.
#[derive(Clone, Debug, Default)]
pub struct Checksums {
    states: HashMap<ObjectIndex, State>,
}

impl Checksums {
    /// Some bytes of an object come from a peer.
    pub fn on_peer_bytes(&mut self, object: ObjectIndex) {
        self.states.entry(object).or_insert(State::FromPeers);
    }

    /// The body of a GET brings all of an object; the answer's head had the checksum, if there is
    /// one.
    pub fn on_whole_body(&mut self, object: ObjectIndex) {
        self.states.entry(object).or_insert(State::Answered);
    }

    /// True if the caller is to ask the origin. `is_whole` says that the object waits for the
    /// answer.
    pub fn ask(&mut self, object: ObjectIndex, is_whole: bool) -> bool {
        let state = self.states.entry(object).or_insert(State::FromPeers);
        if *state != State::FromPeers {
            return false;
        }
        *state = State::Asking { is_whole };
        true
    }

    /// The origin's answer is here, or will never be. True if the object waits for it to land.
    pub fn answer(&mut self, object: ObjectIndex) -> bool {
        let before = self.states.insert(object, State::Answered);
        before == Some(State::Asking { is_whole: true })
    }

    /// An object is whole: whether it may land now. If its question is open, the answer lands it.
    pub fn may_land(&mut self, object: ObjectIndex) -> bool {
        match self.states.get_mut(&object) {
            None => false,
            Some(State::Asking { is_whole }) => {
                *is_whole = true;
                false
            }
            Some(State::FromPeers | State::Answered) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_object_from_peers_alone_lands_without_a_question() {
        let mut checksums = Checksums::default();
        checksums.on_peer_bytes(1);
        assert!(checksums.may_land(1));
    }

    #[test]
    fn an_object_from_one_get_lands_without_a_question() {
        let mut checksums = Checksums::default();
        checksums.on_whole_body(1);
        assert!(!checksums.ask(1, false));
        assert!(checksums.may_land(1));
    }

    #[test]
    fn a_range_from_the_origin_asks_once_also_after_bytes_from_peers() {
        for from_peer_first in [false, true] {
            let mut checksums = Checksums::default();
            if from_peer_first {
                checksums.on_peer_bytes(1);
            }
            assert!(checksums.ask(1, false));
            checksums.on_peer_bytes(1);
            assert!(!checksums.ask(1, false) && !checksums.ask(1, true));
        }
    }

    #[test]
    fn the_answer_lands_an_object_that_became_whole_before_it() {
        let mut checksums = Checksums::default();
        assert!(checksums.ask(1, false));
        assert!(!checksums.may_land(1));
        assert!(checksums.answer(1));
        assert!(checksums.may_land(1));
    }

    #[test]
    fn an_answer_before_the_last_chunk_lands_nothing() {
        let mut checksums = Checksums::default();
        assert!(checksums.ask(1, false));
        assert!(!checksums.answer(1));
        assert!(checksums.may_land(1));
    }

    #[test]
    fn an_object_of_an_earlier_run_asks_when_it_is_whole() {
        let mut checksums = Checksums::default();
        assert!(!checksums.may_land(1));
        assert!(checksums.ask(1, true));
        assert!(checksums.answer(1));
    }

    proptest! {
        #[test]
        fn an_object_is_asked_for_at_most_once_and_lands_after_its_answer(
            events in prop::collection::vec(0u8..5, 0..40),
        ) {
            let mut checksums = Checksums::default();
            let (mut asked, mut is_open) = (0, false);
            for event in events {
                match event {
                    0 => checksums.on_peer_bytes(1),
                    1 => checksums.on_whole_body(1),
                    2 | 3 => if checksums.ask(1, event == 3) {
                        asked += 1;
                        is_open = true;
                    },
                    _ => if is_open {
                        checksums.answer(1);
                        is_open = false;
                    },
                }
                if is_open {
                    prop_assert!(!checksums.may_land(1));
                }
            }
            prop_assert!(asked <= 1);
        }
    }
}
