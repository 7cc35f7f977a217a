//! What the node finds at an origin that it connects to by itself.

use std::time::Duration;

use tempfile::TempDir;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{
    Durability, Lookup, NodeEvent, Secret, Source, StoreConfig, Stores, SwarmTicket,
};
use xfd_dataplane_core::node::Node;

use crate::support::{MIB, SWARM, TOKEN, catalog, fetch, random_bytes, settings};

fn lookup(profile_name: Option<&str>, key: &str, is_prefix: bool) -> Lookup {
    Lookup {
        profile_name: profile_name.map(str::to_owned),
        bucket: None,
        key: key.to_owned(),
        is_prefix,
    }
}

#[test]
fn objects_are_found_and_fetched_from_a_directory() {
    let (store, root) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let bytes = random_bytes(3 * MIB, 1);
    std::fs::create_dir(store.path().join("models")).unwrap();
    std::fs::write(store.path().join("models/big"), &bytes).unwrap();
    std::fs::write(store.path().join("models/small"), "x").unwrap();
    let directory = store.path().to_path_buf();
    let stores: Stores = vec![(Some("local".into()), StoreConfig::Local { directory })];
    let node = Node::new("n".into(), settings()).unwrap();
    let lookups = [
        lookup(Some("local"), "models", true),
        lookup(Some("local"), "models/big", false),
        lookup(Some("local"), "nothing", true),
    ];
    let found = node.find_objects(&lookups, &stores).unwrap();
    let keys = |found: &[xfd_dataplane_core::model::FoundObject]| {
        found.iter().map(|it| it.key.clone()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&found[0]), ["models/big", "models/small"]);
    assert_eq!(keys(&found[1]), ["models/big"]);
    assert!(found[2].is_empty());
    node.join(SwarmTicket {
        swarm: SWARM.into(),
        token: Secret(TOKEN.into()),
        durability: Durability::Object,
    })
    .unwrap();
    let mut wanted = catalog(root.path(), &found[1], MIB as u64);
    wanted.objects[0].profile_name = Some("local".into());
    node.extend(SWARM, wanted, &stores).unwrap();
    node.submit(SWARM, vec![fetch(0, 0..3, Source::Origin)])
        .unwrap();
    let mut events = Vec::new();
    while !events.contains(&NodeEvent::ObjectLanded { object: 0 }) {
        let more = node.poll(SWARM, Duration::from_secs(20)).unwrap();
        assert!(!more.is_empty(), "{events:?}");
        events.extend(more);
    }
    assert_eq!(
        std::fs::read(root.path().join("models/big")).unwrap(),
        bytes
    );
}

#[test]
fn what_is_not_there_is_named() {
    let store = TempDir::new().unwrap();
    let directory = store.path().to_path_buf();
    let stores: Stores = vec![(None, StoreConfig::Local { directory })];
    let node = Node::new("n".into(), settings()).unwrap();
    let error = node
        .find_objects(&[lookup(None, "missing", false)], &stores)
        .unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
    assert_eq!(error.object.as_deref(), Some("missing"));
    let error = node
        .find_objects(&[lookup(Some("other"), "missing", false)], &stores)
        .unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
}
