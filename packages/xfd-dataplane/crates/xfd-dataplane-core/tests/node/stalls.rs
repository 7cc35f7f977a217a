//! What a node says when it receives nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::faulty::{Fault as Script, FaultyOrigin};
use crate::memory::MemoryOrigin;
use xfd_dataplane_core::decides::silence::SILENT_AFTER;
use xfd_dataplane_core::model::Source;

use crate::support::{Host, MIB, SWARM, catalog, eventually, fetch, one_object, settings};

/// Origin ─✗─ a ◀─ b: a is throttled, b waits for it.
#[test]
fn a_node_without_bytes_says_why_until_they_come() {
    let (origin, found, _) = one_object(MIB);
    let mut faulty = FaultyOrigin::new(origin);
    for get in 0..4 {
        faulty = faulty.on_get(get, Script::Throttle(Some(Duration::from_secs(2))));
    }
    let mut patient = settings();
    patient.attempts = 8;
    patient.relay_wait = Duration::from_secs(60);
    let mut a = Host::with("a", Arc::new(faulty), patient.clone());
    let mut b = Host::with("b", Arc::new(MemoryOrigin::new()), patient);
    for host in [&a, &b] {
        let found = std::slice::from_ref(&found);
        host.extend(catalog(host.root.path(), found, MIB as u64));
    }
    b.meet(&a);
    let started = Instant::now();
    b.submit(vec![fetch(0, 0..1, a.as_source())]);
    a.submit(vec![fetch(0, 0..1, Source::Origin)]);
    assert_eq!(a.node.stall(Some(SWARM)), None);

    for (host, source, failure) in [
        (&a, Source::Origin, "Slow down, says the script"),
        (&b, a.as_source(), ""),
    ] {
        // Whoever polls is woken by it.
        let events = host.node.poll(SWARM, Duration::from_secs(60)).unwrap();
        assert!(events.is_empty(), "{events:?}");
        let stall = host.node.stall(Some(SWARM)).expect("it is silent");
        assert_eq!((stall.source, stall.failure.as_str()), (source, failure));
        // It looks once a second.
        let longest = started.elapsed() + Duration::from_secs(1);
        assert!(stall.idle >= SILENT_AFTER && stall.idle <= longest);
    }

    for host in [&mut a, &mut b] {
        host.until_landed(1);
        eventually("it is silent no longer", || {
            host.node.stall(Some(SWARM)).is_none()
        });
    }
}
