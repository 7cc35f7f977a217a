//! No reader of a chunk waits for a writer that does not wake it: loom tries every order of both, and
//! every value that memory may show them.

// Not all of it is used here.
#[allow(dead_code, unreachable_pub)]
#[path = "../../xfd-dataplane-core/src/store/handshake.rs"]
mod handshake;

/// What `handshake` finds as `super::atomics`.
mod atomics {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
}

use std::panic::catch_unwind;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use handshake::Handshake;

/// A reader that has to wait is woken: `writes` says whether it wakes, `looks` whether there is news.
fn nobody_is_forgotten<T: Default + Send + Sync + 'static>(
    writes: fn(&T) -> bool,
    looks: fn(&T) -> bool,
) {
    loom::model(move || {
        let shared = Arc::new(T::default());
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || writes(&shared))
        };
        let has_news = looks(&shared);
        let wakes = writer.join().unwrap();
        assert!(has_news || wakes, "the reader waits, and nobody wakes it");
    });
}

fn look(shared: &Handshake) -> bool {
    shared.begin_to_wait();
    shared.has_news(0)
}

#[test]
fn a_reader_sees_the_bytes_or_is_woken_by_them() {
    nobody_is_forgotten(|shared: &Handshake| shared.advance(1), look);
}

#[test]
fn a_reader_sees_the_end_or_is_woken_by_it() {
    nobody_is_forgotten(Handshake::end, look);
}

#[test]
fn each_of_two_readers_sees_the_end_or_is_woken_by_it() {
    let mut model = loom::model::Builder::new();
    // All orders take minutes; with two switches at most, a second.
    model.preemption_bound = Some(2);
    model.check(|| {
        let shared = Arc::new(Handshake::default());
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || look(&shared))
            })
            .collect();
        let wakes = shared.end();
        let saw = readers.into_iter().all(|reader| reader.join().unwrap());
        assert!(saw || wakes, "a reader waits, and nobody wakes it");
    });
}

/// What a reader was shown is there: an end is seen with all bytes before it.
#[test]
fn an_end_is_not_seen_before_the_bytes() {
    loom::model(|| {
        let shared = Arc::new(Handshake::default());
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.advance(5);
                shared.end();
            })
        };
        if shared.has_news(5) {
            assert_eq!(shared.position(), 5);
        }
        writer.join().unwrap();
    });
}

/// The model finds a race that is there: a reader that looks before it counts itself.
#[test]
fn a_reader_that_looks_too_early_is_found() {
    let early = |shared: &Handshake| {
        let has_news = shared.has_news(0);
        shared.begin_to_wait();
        has_news
    };
    let found = catch_unwind(|| nobody_is_forgotten(Handshake::end, early));
    assert!(found.is_err());
}

/// And one that only memory makes: the order is right, and a fence is missing.
#[test]
fn a_missing_fence_is_found() {
    #[derive(Default)]
    struct Unfenced {
        has_ended: AtomicBool,
        waiting: AtomicUsize,
    }
    let end = |shared: &Unfenced| {
        shared.has_ended.store(true, Ordering::Release);
        shared.waiting.load(Ordering::Acquire) > 0
    };
    let look = |shared: &Unfenced| {
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        shared.has_ended.load(Ordering::Acquire)
    };
    let found = catch_unwind(|| nobody_is_forgotten(end, look));
    assert!(found.is_err());
}
