//! The ledger against a reference model that keeps everything in plain sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use xfd_dataplane_core::decides::ledger::{ChunkState, CommitRefusal, Ledger, ObjectState};
use xfd_dataplane_core::store::Refusal;

/// Objects 0 and 1 have chunks of their own; 2, 3 and 4 share chunk 5.
const CHUNKS: [(u32, &[u32]); 6] = [
    (0, &[0]),
    (1, &[0]),
    (2, &[0]),
    (3, &[1]),
    (4, &[1]),
    (5, &[2, 3, 4]),
];

#[derive(Clone, Debug)]
enum Step {
    Lease(u32),
    GiveBack(u32),
    Commit(u32, u64),
    Lose(u32),
    Pin(u32, u64),
    Expect(u32, bool),
    Land(u32),
    Fail(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let chunk = 0..7_u32;
    let crc = 0..2_u64;
    prop::collection::vec(
        prop_oneof![
            4 => chunk.clone().prop_map(Step::Lease),
            1 => chunk.clone().prop_map(Step::GiveBack),
            6 => (chunk.clone(), crc.clone()).prop_map(|(a, b)| Step::Commit(a, b)),
            1 => chunk.clone().prop_map(Step::Lose),
            1 => (chunk.clone(), crc).prop_map(|(a, b)| Step::Pin(a, b)),
            1 => (chunk, any::<bool>()).prop_map(|(a, b)| Step::Expect(a, b)),
            3 => (0..5_u32).prop_map(Step::Land),
            1 => (0..5_u32).prop_map(Step::Fail),
        ],
        0..80,
    )
}

#[derive(Default)]
struct Model {
    leased: BTreeSet<u32>,
    held: BTreeMap<u32, u64>,
    pins: BTreeMap<u32, u64>,
    closed: BTreeMap<u32, ObjectState>,
}

impl Model {
    fn objects(chunk: u32) -> &'static [u32] {
        CHUNKS.get(chunk as usize).map_or(&[], |(_, of)| of)
    }

    fn is_whole(&self, object: u32) -> bool {
        let mut of = CHUNKS.iter().filter(|(_, of)| of.contains(&object));
        of.all(|(chunk, _)| self.held.contains_key(chunk))
    }

    fn is_wanted(&self, chunk: u32) -> bool {
        let mut of = Self::objects(chunk).iter();
        of.any(|object| !self.closed.contains_key(object))
    }

    fn lose(&mut self, chunk: u32) -> BTreeSet<u32> {
        if !self.held.contains_key(&chunk) {
            return BTreeSet::new();
        }
        let mut lost = BTreeSet::from([chunk]);
        for object in Self::objects(chunk) {
            if self.closed.get(object) == Some(&ObjectState::Landed) {
                self.closed.remove(object);
                let of = CHUNKS.iter().filter(|(_, of)| of.contains(object));
                lost.extend(of.map(|(chunk, _)| chunk));
            }
        }
        lost.retain(|chunk| self.held.remove(chunk).is_some());
        lost
    }
}

fn apply(ledger: &mut Ledger, model: &mut Model, step: &Step) {
    match *step {
        Step::Lease(chunk) => {
            let expected = if let Some(crc) = model.held.get(&chunk) {
                Err(Refusal::Held(Some(*crc)))
            } else if !model.is_wanted(chunk) {
                Err(Refusal::Unwanted)
            } else if !model.leased.insert(chunk) {
                Err(Refusal::Leased)
            } else {
                Ok(())
            };
            assert_eq!(ledger.lease(chunk), expected);
        }
        Step::GiveBack(chunk) => {
            ledger.give_back(chunk);
            model.leased.remove(&chunk);
        }
        Step::Commit(chunk, crc) => {
            let before: BTreeSet<u32> = (0..5).filter(|it| model.is_whole(*it)).collect();
            let expected = if !model.leased.contains(&chunk) || !model.is_wanted(chunk) {
                Err(CommitRefusal::Unwanted)
            } else if let Some(pin) = model.pins.get(&chunk).filter(|pin| **pin != crc) {
                Err(CommitRefusal::Pinned(*pin))
            } else {
                model.leased.remove(&chunk);
                model.held.insert(chunk, crc);
                let is_new = |object: &u32| {
                    model.is_whole(*object)
                        && !before.contains(object)
                        && !model.closed.contains_key(object)
                };
                Ok((0..5).filter(is_new).collect::<Vec<_>>())
            };
            assert_eq!(ledger.commit(chunk, crc), expected);
        }
        Step::Lose(chunk) => {
            let lost: Vec<u32> = model.lose(chunk).into_iter().collect();
            assert_eq!(ledger.lose(chunk), lost);
        }
        Step::Pin(chunk, crc) => {
            let clashes = model.held.get(&chunk).is_some_and(|is| *is != crc);
            if !clashes && chunk < 6 {
                model.pins.insert(chunk, crc);
            }
            assert_eq!(ledger.pin(chunk, crc), clashes);
        }
        Step::Expect(chunk, expected) => {
            ledger.set_expected(chunk, expected);
            let takes = expected && chunk < 6 && !model.held.contains_key(&chunk);
            assert_eq!(ledger.is_expected(chunk), takes);
        }
        Step::Land(object) => {
            if model.is_whole(object) && !model.closed.contains_key(&object) {
                ledger.set_object(object, ObjectState::Landed);
                model.closed.insert(object, ObjectState::Landed);
            }
        }
        Step::Fail(object) => {
            model.closed.entry(object).or_insert_with(|| {
                ledger.set_object(object, ObjectState::Failed);
                ObjectState::Failed
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_ledger_agrees_with_its_model(steps in steps()) {
        let mut ledger = Ledger::default();
        (0..5).for_each(|object| ledger.add_object(object));
        for (chunk, of) in CHUNKS {
            ledger.add_chunk(chunk, of.iter().copied());
        }
        let mut model = Model::default();
        for step in &steps {
            apply(&mut ledger, &mut model, step);
            prop_assert_eq!(ledger.check(), Ok(()));
            for (chunk, _) in CHUNKS {
                let state = match model.held.get(&chunk) {
                    Some(crc) => ChunkState::Held { crc: Some(*crc), verified: true },
                    None if model.leased.contains(&chunk) => ChunkState::Leased,
                    None => ChunkState::Missing,
                };
                prop_assert_eq!(ledger.chunk(chunk), Some(state));
            }
            for object in 0..5 {
                prop_assert_eq!(ledger.is_whole(object), model.is_whole(object));
            }
        }
    }
}
