//! Places of connections, and shares of a capacity, that threads take and give back.

use std::net::IpAddr;
use std::sync::Arc;

use shuttle::{future::block_on, thread};

use super::in_orders;
use crate::capacity::Capacity;
use crate::connections::{Connections, Place};

/// Places of a server that answers one request at a time.
const PEERS: usize = 16;

/// Peers come, ask, rest and go while room is made for others: no place is lost, and none is given
/// out twice.
pub fn every_place_is_given_back() {
    in_orders(|| {
        let all = Connections::new(Capacity::new(1));
        let peers: Vec<_> = (0..2)
            .map(|_| {
                let all = all.clone();
                thread::spawn(move || {
                    let place = stranger(&all);
                    if place.shown_token() {
                        place.rests();
                        place.shown_token();
                        assert!(place.is_peer(), "one that is served stays");
                    }
                })
            })
            .collect();
        let gone = stranger(&all);
        all.make_room();
        gone.shown_token();
        drop(gone);
        for peer in peers {
            peer.join().expect("a peer");
        }
        let places: Vec<_> = (0..PEERS).map(|_| stranger(&all)).collect();
        assert!(places.iter().all(Place::shown_token));
        assert!(!stranger(&all).shown_token(), "all places are taken");
        assert!(!all.make_room(), "no stranger is left");
    });
}

fn stranger(all: &Arc<Connections>) -> Place {
    all.enter(IpAddr::from([10, 0, 0, 1]).into()).0
}

/// Shares are taken while the capacity shrinks and grows: each taker gets one, and in the end all
/// of it is free.
pub fn every_share_is_given_back() {
    in_orders(|| {
        let capacity = Capacity::new(2);
        let takers: Vec<_> = [1, 2, 5]
            .map(|amount| {
                let capacity = capacity.clone();
                thread::spawn(move || {
                    let share = block_on(capacity.take(amount));
                    thread::yield_now();
                    drop(share);
                })
            })
            .into();
        capacity.resize(1);
        capacity.resize(3);
        for taker in takers {
            taker.join().expect("a taker");
        }
        let _all = capacity.try_take(3).expect("all of it");
        assert!(capacity.try_take(1).is_none());
    });
}
