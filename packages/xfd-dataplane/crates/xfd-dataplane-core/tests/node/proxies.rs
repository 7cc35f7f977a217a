//! Nodes of a cluster reach each other without the proxy that leads to the origin.

use std::process::Command;
use std::sync::Arc;

use crate::memory::MemoryOrigin;
use xfd_dataplane_core::model::Source;

use crate::support::{Host, MIB, fetch, one_object, wanted};

/// The part that runs in a process with other environment variables.
#[test]
#[ignore = "run by the other test of this file"]
fn one_passes_an_object_on() {
    let (origin, found, bytes) = one_object(MIB);
    let mut a = Host::new("a", origin);
    let mut b = Host::new("b", Arc::new(MemoryOrigin::new()));
    for host in [&a, &b] {
        host.extend(wanted(host, &found));
    }
    b.meet(&a);
    a.submit(vec![fetch(0, 0..1, Source::Origin)]);
    b.submit(vec![fetch(0, 0..1, a.as_source())]);
    a.until_landed(1);
    b.until_landed(1);
    assert_eq!(std::fs::read(b.path("big")).unwrap(), bytes);
}

#[test]
fn peers_are_never_asked_through_a_proxy() {
    let dead_proxy = "http://127.0.0.1:1";
    let names = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ];
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["proxies::one_passes_an_object_on", "--exact", "--ignored"])
        .envs(names.map(|name| (name, dead_proxy)))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("1 passed"), "{said}");
}
