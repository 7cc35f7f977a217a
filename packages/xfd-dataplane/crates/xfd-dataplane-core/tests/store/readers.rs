//! Readers that follow a writer.

use std::io::Read;
use std::time::Duration;

use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::store::ChunkRead;

use crate::support::{PATIENCE, Place, content, cut, fill, object, pack, read, read_all, store};

#[tokio::test]
async fn a_reader_sees_bytes_as_they_are_written_and_the_verdict_last() {
    let place = Place::new();
    let bytes = content(1000, 1);
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 1000)], 1000))
        .unwrap();
    assert!(store.reader(0).is_none(), "no order for it was accepted");
    store.expect(0..1);
    let mut reader = store.reader(0).unwrap();
    assert_eq!(reader.size(), 1000);
    assert_eq!(reader.crc(), None);

    let mut lease = store.lease(0).unwrap().unwrap();
    lease.write(&bytes[..600]).unwrap();
    for end in [400, 600] {
        let ChunkRead::Bytes(piece) = reader.next(400, PATIENCE).await.unwrap() else {
            panic!("bytes are there");
        };
        assert_eq!(piece, bytes[end - piece.len()..end]);
    }
    let following = tokio::spawn(read_all(reader));
    lease.write(&bytes[600..]).unwrap();
    tokio::task::yield_now().await;
    assert!(!following.is_finished(), "all bytes, and no verdict yet");
    lease.commit(None).unwrap();
    assert_eq!(
        following.await.unwrap(),
        (bytes[600..].to_vec(), Some(crc64(&bytes)))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_follow_a_pack() {
    let place = Place::new();
    let bytes = content(50_000, 1);
    let store = store();
    let small = |index| object(index, place.path(&index.to_string()), 500);
    store.extend(pack((0..100).map(small).collect())).unwrap();
    store.expect(0..1);
    let readers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(read_all(store.reader(0).unwrap())))
        .collect();
    let mut lease = store.lease(0).unwrap().unwrap();
    for piece in bytes.chunks(77) {
        lease.write(piece).unwrap();
        tokio::task::yield_now().await;
    }
    let whole = lease.commit(None).unwrap().whole;
    store.land_many(&whole);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), (bytes.clone(), Some(crc64(&bytes))));
    }
}

#[tokio::test]
async fn a_bad_chunk_ends_its_readers_without_an_end() {
    let place = Place::new();
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 10)], 10))
        .unwrap();
    store.expect(0..1);
    let reader = store.reader(0).unwrap();
    let mut lease = store.lease(0).unwrap().unwrap();
    lease.write(b"0123456789").unwrap();
    let following = tokio::spawn(read_all(reader));
    assert!(lease.commit(Some(1)).is_err());
    assert_eq!(following.await.unwrap().1, None);

    // The order is alive, so the next reader waits for the next attempt.
    let waiting = tokio::spawn(read_all(store.reader(0).unwrap()));
    fill(&store, 0, b"0123456789");
    assert_eq!(waiting.await.unwrap().1, Some(crc64(b"0123456789")));
}

#[tokio::test]
async fn readers_are_aborted_when_a_writer_starts_over_or_goes_away() {
    let place = Place::new();
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 10)], 10))
        .unwrap();
    let mut lease = store.lease(0).unwrap().unwrap();
    lease.write(b"01234").unwrap();
    let first = store.reader(0).unwrap();
    lease.rewind();
    let second = store.reader(0).unwrap();
    lease.write(b"012").unwrap();
    assert_eq!(read_all(first).await, (vec![], None));
    drop(lease);
    assert_eq!(read_all(second).await.1, None);
    assert!(store.reader(0).is_none());
}

#[tokio::test]
async fn readers_are_aborted_when_the_order_is_gone_or_the_swarm_is_left() {
    let place = Place::new();
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 20)], 10))
        .unwrap();
    store.expect(0..2);
    let following: Vec<_> = (0..2)
        .map(|chunk| tokio::spawn(read_all(store.reader(chunk).unwrap())))
        .collect();
    tokio::task::yield_now().await;
    store.unexpect(0);
    assert!(store.reader(0).is_none());
    store.leave();
    assert!(store.reader(1).is_none());
    for reader in following {
        assert_eq!(reader.await.unwrap(), (vec![], None));
    }
}

#[tokio::test]
async fn a_wait_is_bounded() {
    let place = Place::new();
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 10)], 10))
        .unwrap();
    store.expect(0..1);
    let mut reader = store.reader(0).unwrap();
    let next = reader.next(10, Duration::from_millis(1)).await.unwrap();
    assert!(matches!(next, ChunkRead::Aborted));
}

#[test]
fn the_in_order_reader_follows_chunks_that_come_in_any_order() {
    let place = Place::new();
    let bytes = content(30_000, 3);
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 30_000)], 4000))
        .unwrap();
    let mut reader = store.in_order(0).unwrap();
    let following = std::thread::spawn(move || {
        let mut read = Vec::new();
        reader.read_to_end(&mut read).map(|_| read)
    });
    for chunk in [3, 1, 0, 7, 2, 5, 4, 6] {
        let at = chunk as usize * 4000;
        fill(&store, chunk, &bytes[at..bytes.len().min(at + 4000)]);
        if chunk == 4 {
            store.discard(7);
        }
    }
    fill(&store, 7, &bytes[28_000..]);
    store.land(0).unwrap();
    assert_eq!(following.join().unwrap().unwrap(), bytes);
    assert_eq!(read(&store, 7).0, &bytes[28_000..]);
}

#[test]
fn the_in_order_reader_fails_with_its_object() {
    let ends: [fn(&xfd_dataplane_core::store::Store); 3] = [
        |it| assert!(it.fail(0)),
        |it| it.release(&[0]),
        |it| it.leave(),
    ];
    for end in ends {
        let place = Place::new();
        let store = store();
        store
            .extend(cut(vec![object(0, place.path("a"), 20)], 10))
            .unwrap();
        fill(&store, 0, b"0123456789");
        let mut reader = store.in_order(0).unwrap();
        let following = std::thread::spawn(move || reader.read_to_end(&mut Vec::new()));
        end(&store);
        assert!(following.join().unwrap().is_err());
    }
}
