//! Lookups at origins that the node connects to by itself.

use std::sync::Arc;
use std::time::Duration;

use crate::faulty::{Fault, FaultyOrigin};
use crate::memory::MemoryOrigin;
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use xfd_dataplane_core::decides::silence::SILENT_AFTER;
use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::{
    Durability, FoundObject, HttpConfig, Lookup, NodeEvent, Secret, Source, StoreConfig, Stores,
    SwarmTicket,
};
use xfd_dataplane_core::node::{Connect, Node};
use xfd_dataplane_core::source::{FileOrigin, Origin};

use crate::support::{MIB, SWARM, TOKEN, catalog, eventually, fetch, random_bytes, settings};

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
    let keys = |found: &[FoundObject]| found.iter().map(|it| it.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&found[0]), ["models/big", "models/small"]);
    assert_eq!(keys(&found[1]), ["models/big"]);
    assert!(found[2].is_empty());
    node.join(SwarmTicket {
        swarm: SWARM.into(),
        token: Secret(TOKEN.into()),
        durability: Durability::Object,
        identity: None,
    })
    .unwrap();
    let mut wanted = catalog(root.path(), &found[1], MIB as u64);
    wanted.objects[0].profile_name = Some("local".into());
    node.extend(SWARM, wanted, &stores).unwrap();
    node.submit(SWARM, vec![fetch(0, 0..3, Source::Origin)])
        .unwrap();
    let mut events = Vec::new();
    while !events.contains(&NodeEvent::landed(0)) {
        let more = node.poll(SWARM, Duration::from_secs(20)).unwrap();
        assert!(!more.is_empty(), "{events:?}");
        events.extend(more);
    }
    assert_eq!(
        std::fs::read(root.path().join("models/big")).unwrap(),
        bytes
    );
}

/// Gives the local profile a directory, and the one without a name an origin in memory.
struct Given(Arc<dyn Origin>);

impl Connect for Given {
    fn connect<'a>(&'a self, config: &'a StoreConfig) -> BoxFuture<'a, Result<Arc<dyn Origin>>> {
        let origin: Arc<dyn Origin> = match config {
            StoreConfig::Local { directory } => Arc::new(FileOrigin::new(directory)),
            _ => Arc::clone(&self.0),
        };
        Box::pin(std::future::ready(Ok(origin)))
    }
}

fn memory() -> StoreConfig {
    StoreConfig::Http(HttpConfig::of("http://nowhere"))
}

#[test]
fn answers_come_in_the_order_of_the_lookups() {
    let store = TempDir::new().unwrap();
    std::fs::write(store.path().join("file"), "12").unwrap();
    let directory = store.path().to_path_buf();
    let stores: Stores = vec![
        (Some("local".into()), StoreConfig::Local { directory }),
        (None, memory()),
    ];
    let origin = MemoryOrigin::new();
    origin.put("a/1", "x");
    origin.put("a/2", "xyz");
    let connect = Arc::new(Given(Arc::new(origin)));
    let node = Node::with_origins("n".into(), settings(), connect).unwrap();
    let lookups = [
        lookup(Some("local"), "file", false),
        lookup(None, "a", true),
        lookup(None, "b", true),
        lookup(None, "a/2", false),
    ];
    let found = node.find_objects(&lookups, &stores).unwrap();
    let sizes = |found: &Vec<FoundObject>| {
        let named = found.iter().map(|it| format!("{} {}", it.key, it.size));
        named.collect::<Vec<_>>()
    };
    let found: Vec<_> = found.iter().map(sizes).collect();
    let expected: [&[&str]; 4] = [&["file 2"], &["a/1 1", "a/2 3"], &[], &["a/2 3"]];
    assert_eq!(found, expected);
}

#[test]
fn the_first_failure_in_their_order_wins() {
    let origin = MemoryOrigin::new();
    origin.put("here", "x");
    let denied = Error::new(Kind::AccessDenied, "no");
    let faulty = FaultyOrigin::new(Arc::new(origin)).on_call(2, Fault::Fail(denied));
    let connect = Arc::new(Given(Arc::new(faulty)));
    let node = Node::with_origins("n".into(), settings(), connect).unwrap();
    let stores: Stores = vec![(None, memory())];
    let lookups = [
        lookup(None, "here", false),
        lookup(None, "missing", false),
        lookup(None, "here", false),
        lookup(Some("unknown"), "here", false),
    ];
    let error = node.find_objects(&lookups, &stores).unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
    assert_eq!(error.object.as_deref(), Some("missing"));
    let error = node.find_objects(&lookups[3..], &stores).unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
}

#[test]
fn a_node_says_how_lookups_fail_while_they_do() {
    let origin = MemoryOrigin::new();
    origin.put("here", "x");
    let mut faulty = FaultyOrigin::new(Arc::new(origin));
    for call in 0..4 {
        faulty = faulty.on_call(call, Fault::Throttle(Some(Duration::from_secs(2))));
    }
    let mut patient = settings();
    patient.attempts = 8;
    let connect = Arc::new(Given(Arc::new(faulty)));
    let node = Node::with_origins("n".into(), patient, connect).unwrap();
    let stores: Stores = vec![(None, memory())];
    let lookups = [lookup(None, "here", false)];
    std::thread::scope(|scope| {
        let finding = scope.spawn(|| node.find_objects(&lookups, &stores).map(|it| it.len()));
        assert_eq!(node.stall(None), None);
        eventually("it says so", || node.stall(None).is_some());
        let stall = node.stall(None).unwrap();
        assert_eq!(stall.failure, "Slow down, says the script");
        assert!(stall.idle >= SILENT_AFTER);
        assert_eq!(finding.join().unwrap(), Ok(1));
    });
    assert_eq!(node.stall(None), None);
}
