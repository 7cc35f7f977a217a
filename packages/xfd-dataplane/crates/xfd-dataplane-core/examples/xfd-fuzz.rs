//! One fuzz target of `xfd_dataplane_core::fuzzing` under libFuzzer; `XFD_FUZZ_TARGET` names it.
//!
//! `nox -s fuzz` builds it with counters of covered branches in the crates of this workspace, which
//! the stable compiler has (`covered.sh`), and runs every target.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use xfd_dataplane_core::fuzzing::{TARGETS, Target};

static TARGET: OnceLock<&Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("XFD_FUZZ_TARGET").unwrap_or_default();
        match TARGETS.iter().find(|target| target.name == name) {
            Some(target) => drop(TARGET.set(target)),
            None => {
                let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
                eprintln!("Set XFD_FUZZ_TARGET to one of: {}", names.join(", "));
                std::process::exit(2);
            }
        }
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            (target.check)(data);
        }
    }
);
