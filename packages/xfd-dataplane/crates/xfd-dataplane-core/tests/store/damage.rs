//! Held chunks that are damaged on the disk.

use crate::support::{Place, content, cut, fill, fill_all, object, read, rot, store};

#[tokio::test]
async fn a_held_chunk_that_rots_is_lost_and_fetched_again_alone() {
    let place = Place::new();
    let bytes = content(3000, 1);
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 3000)], 1000))
        .unwrap();
    fill_all(&store, 0, &bytes[..2000], 1000);
    rot(&place.path(".a.xfd-part"), 500);
    let lost = tokio::spawn({
        let store = store.clone();
        async move { store.lost_chunks().await }
    });
    let other = store.clone();
    tokio::task::spawn_blocking(move || assert_eq!(read(&other, 0).1, None))
        .await
        .unwrap();
    assert_eq!(lost.await.unwrap(), [0]);
    assert!(store.reader(0).is_none());
    fill(&store, 0, &bytes[..1000]);
    fill(&store, 2, &bytes[2000..]);
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
}

#[test]
fn a_cached_file_that_is_cut_short_while_it_is_served_is_fetched_again() {
    let place = Place::new();
    let bytes = content(3000, 1);
    let store = store();
    store
        .extend(cut(vec![object(0, place.path("a"), 3000)], 1000))
        .unwrap();
    fill_all(&store, 0, &bytes, 1000);
    store.land(0).unwrap();
    std::fs::write(place.path("a"), b"short").unwrap();
    assert_eq!(read(&store, 2).1, None);
    assert_eq!(store.take_lost_chunks(), [0, 1, 2]);
    fill_all(&store, 0, &bytes, 1000);
    store.land(0).unwrap();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
}
