//! Neighbouring chunks that one GET brings still are orders of their own.

use std::sync::Arc;
use std::time::Duration;

use crate::faulty::{Fault as Script, FaultyOrigin};
use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::model::{NodeSettings, Order, Source};

use crate::support::{Host, MIB, catalog, failed, fetch, held, one_object, settings};

const CHUNKS: u32 = 8;

fn one_slot() -> NodeSettings {
    NodeSettings {
        node_parallelism: 1,
        ..settings()
    }
}

/// The first body stops in its second chunk, so that orders may come while the lane runs.
fn stalled() -> Story {
    let settings = NodeSettings {
        read_timeout: Duration::from_secs(1),
        ..one_slot()
    };
    let mut story = Story::new(settings, Some(Script::StallAfter(MIB as u64 + 5)));
    story.host.submit(vec![all()]);
    story.host.until("it runs", |events| held(events) == [0]);
    story
}

struct Story {
    host: Host,
    origin: Arc<FaultyOrigin>,
    bytes: Vec<u8>,
}

impl Story {
    /// A node with one slot that is about to fetch eight chunks.
    fn new(settings: NodeSettings, script: Option<Script>) -> Self {
        let (origin, found, bytes) = one_object(CHUNKS as usize * MIB);
        let origin = FaultyOrigin::new(origin);
        let origin = Arc::new(match script {
            Some(script) => origin.on_get(0, script),
            None => origin,
        });
        let host = Host::with("a", origin.clone(), settings);
        host.extend(catalog(host.root.path(), &[found], MIB as u64));
        Self {
            host,
            origin,
            bytes,
        }
    }

    fn lands(&mut self) {
        self.host.until_landed(1);
        assert_eq!(std::fs::read(self.host.path("big")).unwrap(), self.bytes);
    }
}

fn all() -> Order {
    fetch(0, 0..CHUNKS, Source::Origin)
}

#[test]
fn one_request_brings_many_chunks() {
    let mut story = Story::new(one_slot(), None);
    story.host.submit(vec![all()]);
    story.lands();
    assert_eq!(held(&story.host.events), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(
        story.origin.asked().len() <= 3,
        "{:?}",
        story.origin.asked()
    );
    let counters = story.host.node.counters(None);
    assert_eq!(counters.origin_bytes, story.bytes.len() as u64);
    assert_eq!(counters.chunks_from_origin, u64::from(CHUNKS));
}

#[test]
fn a_body_that_breaks_goes_on_at_its_byte() {
    let cut = Script::CutAfter(2 * MIB as u64 + 5);
    let mut story = Story::new(one_slot(), Some(cut));
    story.host.submit(vec![all()]);
    story.lands();
    let counters = story.host.node.counters(None);
    assert_eq!(counters.origin_bytes, story.bytes.len() as u64);
    assert_eq!(failed(&story.host.events), [0; 0]);
}

#[test]
fn a_bad_chunk_fails_alone() {
    let mut story = Story::new(one_slot(), Some(Script::Flip(2 * MIB as u64 + 5)));
    let crcs = (0..).zip(story.bytes.chunks(MIB).map(crc64)).collect();
    story.host.submit(vec![Order::Pin { crcs }, all()]);
    story.host.until("all orders have ended", |events| {
        held(events).len() + failed(events).len() == CHUNKS as usize
    });
    assert_eq!(failed(&story.host.events), [2]);
    story.host.submit(vec![fetch(20, 2..3, Source::Origin)]);
    story.lands();
}

#[test]
fn an_order_that_is_cancelled_leaves_the_others() {
    let mut story = stalled();
    story.host.submit(vec![Order::Cancel {
        first_order: 4,
        count: 2,
    }]);
    story.host.until("the others are held", |events| {
        held(events).len() == CHUNKS as usize - 2
    });
    assert_eq!(held(&story.host.events), [0, 1, 2, 3, 6, 7]);
    story.host.submit(vec![fetch(20, 4..6, Source::Origin)]);
    story.lands();
}

#[test]
fn a_more_urgent_order_does_not_wait_for_the_lane() {
    let mut story = stalled();
    story.host.submit(vec![Order::Fetch {
        first_order: 20,
        first_chunk: 7,
        count: 1,
        source: Source::Origin,
        priority: -1,
    }]);
    story.host.until("all orders have ended", |events| {
        held(events).len() == CHUNKS as usize + 1
    });
    story.lands();
    let order = held(&story.host.events);
    let urgent = order.iter().position(|order| *order == 20).unwrap();
    assert!(urgent <= 3, "{order:?}");
}

#[test]
fn leaving_ends_a_lane() {
    let story = stalled();
    story.host.node.leave(crate::support::SWARM);
    assert!(story.host.path(".big.xfd-part").exists());
}

#[test]
fn under_a_rate_limit_no_request_goes_beyond_its_chunk() {
    let settings = NodeSettings {
        download_bytes_per_s: Some(64 * MIB as u64),
        ..one_slot()
    };
    let mut story = Story::new(settings, None);
    story.host.submit(vec![all()]);
    story.lands();
    assert_eq!(story.origin.asked().len(), CHUNKS as usize);
}
