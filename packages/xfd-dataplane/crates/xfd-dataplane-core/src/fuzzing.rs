//! Fuzz targets: everything that reads bytes from outside, and what holds whatever they are.
//!
//! A target asserts more than that nothing panics: round trips, agreement with a second reader,
//! bounds, and nothing outside of a destination. Each is in the `fuzz.rs` of the room that it tests.
//! libFuzzer finds inputs that reach new branches (`examples/xfd-fuzz.rs`). A few dozen for each
//! target are in `tests/corpora`; the tests replay all of them.

use crate::{server, source, store, unpack};

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Also of its folder in `tests/corpora`.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub check: fn(&[u8]),
}

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check }
}

/// All of them.
pub const TARGETS: [Target; 16] = [
    target("request_heads", server::fuzz::request_heads),
    target("journal", store::fuzz::journal),
    target("manifest", store::fuzz::manifest),
    target("record", store::fuzz::record),
    target("tar", unpack::fuzz::tar),
    target("tar_raw", unpack::fuzz::tar_raw),
    target("zip", unpack::fuzz::zip),
    target("stream", unpack::fuzz::stream),
    target("s3_list", source::fuzz::s3_list),
    target("azure_list", source::fuzz::azure_list),
    target("google_list", source::fuzz::google_list),
    target("answer", source::fuzz::answer),
    target("headers", source::fuzz::headers),
    target("redirect", source::fuzz::redirect),
    target("hub", source::fuzz::hub),
    target("netrc", source::fuzz::netrc),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::TARGETS;

    /// Also that each target has some inputs, and none is left of a target that is gone.
    #[test]
    fn every_target_holds_on_its_corpus() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora");
        let folders = std::fs::read_dir(&corpora).unwrap();
        let named = |it: std::io::Result<std::fs::DirEntry>| it.unwrap().file_name();
        let folders: BTreeSet<_> = folders.map(named).collect();
        let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name.into()).collect();
        assert_eq!(folders, names);
        for target in TARGETS {
            let inputs: Vec<_> = std::fs::read_dir(corpora.join(target.name))
                .unwrap()
                .map(|file| file.unwrap().path())
                .collect();
            assert!(inputs.len() >= 5, "{}", target.name);
            for input in inputs {
                // Shown where the check fails.
                println!("{}", input.display());
                (target.check)(&std::fs::read(&input).unwrap());
            }
        }
    }
}
