//! The rules of the module `source`, on every origin there is.

use xfd_dataplane_core::error::Kind;

use crate::places::{self, Place, bytes_of, get, pattern};

/// One test per story and place; a place without its server is skipped.
macro_rules! on_every_place {
    ($($story:ident),+ $(,)?) => {
        on_every_place!(@place memory: $($story),+);
        on_every_place!(@place faulty: $($story),+);
        on_every_place!(@place directory: $($story),+);
        on_every_place!(@place web: $($story),+);
        on_every_place!(@place simple_web: $($story),+);
        on_every_place!(@place hub: $($story),+);
        on_every_place!(@place seaweed: $($story),+);
        on_every_place!(@place rclone: $($story),+);
        on_every_place!(@place s3s_fs: $($story),+);
        on_every_place!(@place google: $($story),+);
        on_every_place!(@place azure: $($story),+);
    };
    (@place $place:ident: $($story:ident),+) => {
        mod $place {
            $(
                #[tokio::test]
                async fn $story() {
                    if let Some(place) = super::places::$place().await {
                        super::$story(&place).await;
                    }
                }
            )+
        }
    };
}

on_every_place!(
    head_tells_what_is_there,
    what_is_not_there_is_not_found,
    a_body_is_the_whole_object_or_the_range,
    empty_objects_are_read,
    an_overwritten_object_is_noticed,
    keys_may_hold_anything,
    a_range_beyond_the_end_is_refused,
    a_prefix_means_whole_segments,
    lists_are_whole_and_in_order,
);

const KIB: usize = 1024;

async fn head_tells_what_is_there(place: &Place) {
    place.put("head/object", &pattern(1000)).await;
    let found = place.origin.head(None, "head/object").await.unwrap();
    assert_eq!((found.key.as_str(), found.size), ("head/object", 1000));
    assert!(found.etag.is_some());
    assert_eq!(found.last_modified_ns.is_some(), place.has_times);
    if place.can_list {
        let listed = place.origin.list(None, "head").await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].size, 1000);
        assert!(listed[0].last_modified_ns.is_some());
        if place.lists_etags {
            assert_eq!(listed[0].etag, found.etag);
        }
    }
}

async fn what_is_not_there_is_not_found(place: &Place) {
    let error = place.origin.head(None, "gone/object").await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
    assert!(error.object.unwrap().ends_with("gone/object"));
    let body = place.origin.get(get("gone/object", None, None)).await;
    let error = bytes_of(body).await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
    assert!(error.object.unwrap().ends_with("gone/object"));
    if place.can_list {
        assert_eq!(place.origin.list(None, "gone").await, Ok(vec![]));
    }
}

async fn a_body_is_the_whole_object_or_the_range(place: &Place) {
    // More than one piece of every origin, and than one part of the S3 server's own files.
    let bytes = pattern(5 * KIB * KIB + 17);
    let size = bytes.len();
    place.put("body/object", &bytes).await;
    let etag = place.origin.head(None, "body/object").await.unwrap().etag;
    for range in [
        0..size,
        0..1,
        1..KIB,
        700_000..2_000_001,
        4 * KIB * KIB - 1..4 * KIB * KIB + 1,
        size - 1..size,
    ] {
        let asked = Some(range.start as u64..range.end as u64);
        let body = place.origin.get(get("body/object", asked, etag.as_deref()));
        let read = bytes_of(body.await).await.unwrap();
        assert!(read == bytes[range.clone()], "range {range:?}");
    }
    let body = place.origin.get(get("body/object", None, etag.as_deref()));
    assert!(bytes_of(body.await).await.unwrap() == bytes);
}

async fn empty_objects_are_read(place: &Place) {
    place.put("empty/object", b"").await;
    let found = place.origin.head(None, "empty/object").await.unwrap();
    assert_eq!(found.size, 0);
    for range in [None, Some(0..0)] {
        let body = place
            .origin
            .get(get("empty/object", range, found.etag.as_deref()));
        assert_eq!(bytes_of(body.await).await, Ok(vec![]));
    }
}

async fn an_overwritten_object_is_noticed(place: &Place) {
    place.put("pinned/object", b"first words").await;
    let etag = place.origin.head(None, "pinned/object").await.unwrap().etag;
    place.put("pinned/object", b"second words, and more").await;
    for range in [None, Some(0..5), Some(6..11)] {
        let body = place
            .origin
            .get(get("pinned/object", range, etag.as_deref()));
        let error = bytes_of(body.await).await.unwrap_err();
        assert_eq!(error.kind, Kind::ObjectChanged);
        assert!(error.object.unwrap().ends_with("pinned/object"));
    }
    let body = place.origin.get(get("pinned/object", Some(0..6), None));
    assert_eq!(bytes_of(body.await).await, Ok(b"second".to_vec()));
}

async fn keys_may_hold_anything(place: &Place) {
    let keys = [
        "odd/100%.bin",
        "odd/a b/c d",
        "odd/a%20b",
        "odd/plus+plus",
        "odd/q?uery&x=y#z",
        "odd/quote'\"(1)!*",
        "odd/tilde~-_.",
        "odd/über/日本語",
    ];
    for key in keys {
        place.put(key, key.as_bytes()).await;
    }
    for key in keys {
        let found = place.origin.head(None, key).await.unwrap();
        assert_eq!(found.key, key);
        let body = place
            .origin
            .get(get(key, Some(0..found.size), found.etag.as_deref()));
        assert_eq!(bytes_of(body.await).await, Ok(key.as_bytes().to_vec()));
    }
    if place.can_list {
        let listed = place.origin.list(None, "odd").await.unwrap();
        let listed: Vec<_> = listed.iter().map(|found| found.key.as_str()).collect();
        assert_eq!(listed, keys);
        let listed = place.origin.list(None, "odd/a b").await.unwrap();
        assert_eq!(listed.len(), 1);
    }
}

async fn a_range_beyond_the_end_is_refused(place: &Place) {
    place.put("short/object", b"0123456789").await;
    for range in [5..11, 10..11, 20..30] {
        let body = place
            .origin
            .get(get("short/object", Some(range.clone()), None));
        let error = bytes_of(body.await).await.unwrap_err();
        assert_eq!(error.kind, Kind::OriginAnswer, "range {range:?}");
    }
}

async fn a_prefix_means_whole_segments(place: &Place) {
    if !place.can_list {
        let error = place.origin.list(None, "seg").await.unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest);
        return;
    }
    for key in [
        "seg/tok/a",
        "seg/tok/b/c",
        "seg/tokenizer/d",
        "seg/tok.json",
        "seg/to",
    ] {
        place.put(key, b"x").await;
    }
    let keys = async |prefix| {
        let listed = place.origin.list(None, prefix).await.unwrap();
        listed
            .into_iter()
            .map(|found| found.key)
            .collect::<Vec<_>>()
    };
    assert_eq!(keys("seg/tok").await, ["seg/tok/a", "seg/tok/b/c"]);
    assert_eq!(keys("seg/tok.json").await, [""; 0]);
    assert_eq!(keys("seg/t").await, [""; 0]);
    assert_eq!(keys("seg").await.len(), 5);
    assert!(keys("").await.contains(&"seg/to".to_owned()));
}

async fn lists_are_whole_and_in_order(place: &Place) {
    if !place.can_list {
        return;
    }
    // S3 gives a thousand keys a page.
    let mut keys: Vec<_> = (0..1100)
        .map(|number| format!("many/{}/{number}", number % 7))
        .collect();
    for some in keys.chunks(50) {
        futures_util::future::join_all(some.iter().map(|key| place.put(key, b"x"))).await;
    }
    keys.sort();
    let listed = place.origin.list(None, "many").await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|found| found.key).collect();
    assert_eq!(listed, keys);
}
