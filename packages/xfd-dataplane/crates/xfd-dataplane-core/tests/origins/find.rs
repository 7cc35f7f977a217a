//! Many lookups over several profiles.

use std::sync::Arc;

use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{Lookup, StoreConfig};
use xfd_dataplane_core::source::{
    ConnectOptions, Fault, FaultyOrigin, MemoryOrigin, Origins, find_objects,
};

fn lookup(profile_name: Option<&str>, key: &str, is_prefix: bool) -> Lookup {
    Lookup {
        profile_name: profile_name.map(str::to_owned),
        bucket: None,
        key: key.to_owned(),
        is_prefix,
    }
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_lookups() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "12").unwrap();
    let stores = vec![(
        Some("local".to_owned()),
        StoreConfig::Local {
            directory: directory.path().to_owned(),
        },
    )];
    let memory = MemoryOrigin::new();
    memory.put("a/1", "x");
    memory.put("a/2", "xyz");
    let origins = Origins::new(&stores, ConnectOptions::default()).with(None, Arc::new(memory));
    let lookups = [
        lookup(Some("local"), "file", false),
        lookup(None, "a", true),
        lookup(None, "b", true),
        lookup(None, "a/2", false),
    ];
    let found = find_objects(&origins, &lookups).await.unwrap();
    let found: Vec<Vec<_>> = found
        .iter()
        .map(|answer| {
            answer
                .iter()
                .map(|found| (found.key.as_str(), found.size))
                .collect()
        })
        .collect();
    let expected: [&[_]; 4] = [
        &[("file", 2)],
        &[("a/1", 1), ("a/2", 3)],
        &[],
        &[("a/2", 3)],
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_first_failure_in_their_order_wins() {
    let memory = MemoryOrigin::new();
    memory.put("here", "x");
    let denied = Error::new(Kind::AccessDenied, "no");
    let faulty = FaultyOrigin::new(Arc::new(memory)).on_call(2, Fault::Fail(denied));
    let origins = Origins::new(&Vec::new(), ConnectOptions::default()).with(None, Arc::new(faulty));
    let lookups = [
        lookup(None, "here", false),
        lookup(None, "missing", false),
        lookup(None, "here", false),
        lookup(Some("unknown"), "here", false),
    ];
    let error = find_objects(&origins, &lookups).await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
    let error = find_objects(&origins, &lookups[3..]).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
}
