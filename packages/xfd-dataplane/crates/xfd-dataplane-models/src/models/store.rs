//! Threads of one store: writers of the same chunks, a reader, and one that disturbs them.

use std::io::Read;
use std::sync::Arc;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use super::in_orders;
use super::scene::{BIG, CHUNKS, OBJECTS, Scene, content};
use crate::error::{Error, Kind};
use crate::model::{ChunkIndex, ObjectIndex};
use crate::store::Store;
use crate::threads::locked;

/// What happens while the writers are at work.
#[derive(Clone, Copy, Debug)]
pub enum Disturbance {
    /// Nothing.
    None,
    /// A chunk is written with bad bytes, and turns out to be bad later.
    BadChunk,
    /// An object is given up.
    Fail,
    /// An object is no longer wanted.
    Release,
    /// Another call wants the same.
    Extend,
    /// The swarm ends.
    Leave,
}

/// Two writers and a reader that unpacks, and what disturbs them: all of them end, a reader that
/// comes to the end has read right bytes, and who goes on afterwards, with this store or the next one of the
/// folder, lands all objects.
pub fn nothing_is_lost_by(disturbance: Disturbance) {
    in_orders(move || {
        let scene = Arc::new(Scene::new());
        let (store, _) = scene.store();
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let (scene, store) = (scene.clone(), store.clone());
                thread::spawn(move || write(&scene, &store, true))
            })
            .collect();
        let reader = {
            let store = store.clone();
            thread::spawn(move || read(&store, !matches!(disturbance, Disturbance::BadChunk)))
        };
        if !matches!(disturbance, Disturbance::Leave) {
            disturb(disturbance, &scene, &store);
        }
        for writer in writers {
            writer.join().expect("a writer");
        }
        if !matches!(disturbance, Disturbance::Leave) {
            finish(&scene, &store);
            reader.join().expect("the reader");
            // It may have read a chunk before that was written again, and called it damaged.
            finish(&scene, &store);
            store.leave();
            scene.check_files();
        } else {
            store.leave();
            reader.join().expect("the reader");
        }
        let (next, inventory) = scene.store();
        if !matches!(disturbance, Disturbance::Leave) {
            assert_eq!(
                inventory.landed, OBJECTS,
                "the next store believes what is there"
            );
        }
        finish(&scene, &next);
        next.leave();
        scene.check_files();
    });
}

/// Takes what it can of the chunks, in an order of its own. One in four is given up in its middle,
/// to be resumed or not.
fn write(scene: &Scene, store: &Store, gives_up: bool) {
    let mut chunks = CHUNKS;
    for last in (1..chunks.len()).rev() {
        chunks.swap(last, thread_rng().gen_range(0..=last));
    }
    for chunk in chunks {
        let Ok(leased) = store.lease(chunk) else {
            continue;
        };
        let mut lease = match leased {
            Ok(lease) => lease,
            Err(error) => {
                check_error(&error);
                continue;
            }
        };
        let bytes = scene.bytes(chunk);
        let rest = &bytes[usize::try_from(lease.position()).expect("small")..];
        let (one, two) = rest.split_at(rest.len() / 2);
        let mut written = lease.write(one);
        if gives_up && thread_rng().gen_ratio(1, 4) {
            lease.set_resumable(thread_rng().gen_ratio(1, 2));
            continue;
        }
        written = written.and_then(|()| lease.write(two));
        match written.and_then(|()| lease.commit(None)) {
            Ok(committed) => committed
                .whole
                .iter()
                .for_each(|it| land(scene, store, *it)),
            Err(error) => check_error(&error),
        }
    }
}

/// Lands an object, unless another thread does, and again as long as it is ready: as a node does.
fn land(scene: &Scene, store: &Store, object: ObjectIndex) {
    while locked(&scene.landing).insert(object) {
        let landed = store.land(object);
        locked(&scene.landing).remove(&object);
        match landed {
            Ok(()) => return,
            Err(error) => check_error(&error),
        }
        if !store.ready().contains(&object) {
            return;
        }
    }
}

/// An order may fail because others have changed what it was about, and for no other reason.
fn check_error(error: &Error) {
    let is_expected =
        error.kind == Kind::Cancelled || error.what == "The part file was started over meanwhile";
    assert!(is_expected, "{:?}: {error}", error.kind);
}

/// One time in two, another call wants the same right after that.
fn disturb(how: Disturbance, scene: &Scene, store: &Store) {
    let chunk: ChunkIndex = thread_rng().gen_range(CHUNKS[0]..=CHUNKS[3]);
    let object: ObjectIndex = thread_rng().gen_range(OBJECTS[0]..=OBJECTS[2]);
    match how {
        Disturbance::None => {}
        Disturbance::BadChunk => lie(scene, store, chunk),
        Disturbance::Fail => drop(store.fail(object)),
        Disturbance::Release => store.release(&[object]),
        Disturbance::Extend => drop(store.extend(scene.catalog.clone()).expect("an inventory")),
        Disturbance::Leave => {}
    }
    if thread_rng().gen_ratio(1, 2) {
        drop(store.extend(scene.catalog.clone()).expect("an inventory"));
    }
}

/// Writes bad bytes, as a peer sends them whose checksum is not known yet, and takes them back.
fn lie(scene: &Scene, store: &Store, chunk: ChunkIndex) {
    if let Ok(Ok(mut lease)) = store.lease(chunk) {
        let bytes = scene.bytes(chunk);
        let bad: Vec<u8> = bytes.iter().map(|it| !it).collect();
        let rest = &bad[usize::try_from(lease.position()).expect("small")..];
        match lease.write(rest).and_then(|()| lease.commit(None)) {
            Ok(committed) => committed
                .whole
                .iter()
                .for_each(|it| land(scene, store, *it)),
            Err(error) => check_error(&error),
        }
    }
    store.discard(chunk);
}

/// Reads the big object as one that unpacks does. What it is given may be of a chunk that is given
/// up at that moment. If it is given the end, all was right, unless a chunk is bad.
fn read(store: &Store, is_right: bool) {
    let Some(mut reader) = store.in_order(BIG) else {
        return;
    };
    let (mut bytes, mut buffer) = (Vec::new(), [0; 3]);
    while let Ok(read) = reader.read(&mut buffer) {
        if read == 0 {
            assert!(!is_right || bytes == content(BIG), "{bytes:?}");
            return;
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// What a node does until all objects have landed, those that were given up too.
fn finish(scene: &Scene, store: &Store) {
    for _ in 0..3 {
        store.extend(scene.catalog.clone()).expect("an inventory");
        store
            .ready()
            .into_iter()
            .for_each(|it| land(scene, store, it));
        write(scene, store, false);
    }
}
