//! Files beside a destination, which a killed run, a full disk or another user may have left in any
//! state.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use std::path::{Path, PathBuf};

use super::checks::Sums;
use super::manifest::Manifest;
use super::record::{FORMAT, Record};
use super::{journal as chunks, paths, record as records};
use crate::beside::{Dir, Opened, folder_of};
use crate::decides::cache::ObjectVersion;
use crate::model::LeftOut;

thread_local!(static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap());

fn version() -> ObjectVersion {
    ObjectVersion {
        size: 1000,
        etag: Some("\"e\"".into()),
        last_modified_ns: Some(7),
    }
}

/// An empty folder below this thread's own, and its `Dir`.
fn fresh() -> (PathBuf, Dir) {
    let folder = FOLDER.with(|it| it.path().join("fresh"));
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir(&folder).unwrap();
    let dir = folder_of(&folder.join("name")).unwrap().unwrap();
    (folder, dir)
}

/// What is read is what a journal of exactly these chunks says. A line that is added counts,
/// whatever torn text is before it, and one that takes a chunk back does too.
pub(crate) fn journal(data: &[u8]) {
    let (folder, dir) = fresh();
    let (path, copy) = (folder.join("journal"), folder.join("copy"));
    let head = serde_json::to_vec(&version()).unwrap();
    // Half of the inputs have the right head already.
    let text = match data.split_first() {
        Some((first, rest)) if first & 1 == 1 => [&head, b"\n".as_slice(), rest].concat(),
        Some((_, rest)) => rest.to_vec(),
        None => Vec::new(),
    };
    std::fs::write(&path, &text).unwrap();
    let Some(found) = chunks::read(&dir, &path, &version()).unwrap() else {
        return;
    };
    let written = chunks::Journal::open(&dir, &copy, &version(), true).unwrap();
    for (offset, sums) in &found {
        written.add(*offset, *sums).unwrap();
    }
    let again = chunks::read(&dir, &copy, &version()).unwrap();
    assert_eq!(again.as_ref(), Some(&found));
    assert!(found.len() <= text.len() / 8, "a line has eight bytes");
    let sums = Sums {
        length: 10,
        crc: u64::MAX,
        second: Some(1),
    };
    let opened = chunks::Journal::open(&dir, &path, &version(), false).unwrap();
    opened.add(990, sums).unwrap();
    let mut expected = found;
    expected.insert(990, sums);
    // The torn line has become a whole one, and may say something of its own.
    let more = chunks::read(&dir, &path, &version()).unwrap().unwrap();
    assert_eq!(more.get(&990), Some(&sums));
    if text.ends_with(b"\n") {
        assert_eq!(more, expected);
    }
    opened.remove(990, 10).unwrap();
    let less = chunks::read(&dir, &path, &version()).unwrap().unwrap();
    assert!(!less.contains_key(&990));
}

fn manifest_of(folder: &Path) -> Manifest {
    Manifest::read(&Opened::new(), folder, None).unwrap()
}

/// The last line of a path counts, as a second reader has it. Rewritten, a manifest says the same,
/// and a record that is added counts whatever torn text is before it.
pub(crate) fn manifest(data: &[u8]) {
    let (above, _) = fresh();
    let folder = above.join("group");
    std::fs::create_dir(&folder).unwrap();
    let file = above.join(".group.xfd");
    std::fs::write(&file, data).unwrap();
    let mut manifest = manifest_of(&folder);
    let lines: Vec<serde_json::Value> = data
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let paths: Vec<PathBuf> = lines
        .iter()
        .filter_map(|line| line.get(0).or_else(|| line.get("path"))?.as_str())
        .map(PathBuf::from)
        .collect();
    let all = |of: &Manifest| -> Vec<Option<Record>> {
        let record = |path: &PathBuf| of.get(&folder.join(path));
        paths.iter().map(record).collect()
    };
    let before = all(&manifest);
    for record in before.iter().flatten() {
        assert_eq!(record.format, FORMAT);
    }
    let added = Record::new(version(), Some((1000, 5)), &[]);
    let at = folder.join("added");
    manifest
        .append([(at.clone(), Some(added.clone()))])
        .unwrap();
    let again = manifest_of(&folder);
    assert_eq!(
        again.get(&at).as_ref(),
        Some(&added),
        "an added line counts"
    );
    manifest.tidy().unwrap();
    let mut tidied = manifest_of(&folder);
    assert_eq!(tidied.get(&at).as_ref(), Some(&added));
    if !paths.iter().any(|path| folder.join(path) == at) {
        assert_eq!(all(&manifest), before);
        assert_eq!(all(&tidied), before);
    }
    let length = std::fs::metadata(&file).unwrap().len();
    tidied.tidy().unwrap();
    assert_eq!(
        std::fs::metadata(&file).unwrap().len(),
        length,
        "it is tidy"
    );
    tidied.append([(at.clone(), None)]).unwrap();
    assert_eq!(manifest_of(&folder).get(&at), None, "it is taken back");
}

/// A record that counts survives being written.
pub(crate) fn record(data: &[u8]) {
    let (folder, dir) = fresh();
    let destination = folder.join("name");
    std::fs::write(paths::beside(&destination, paths::RECORD), data).unwrap();
    let Some(mut record) = records::read(&dir, &destination).unwrap() else {
        return;
    };
    // Names of nothing are not written.
    for tree in record
        .tree
        .iter_mut()
        .filter(|tree| tree.left_out.is_empty())
    {
        tree.left_out = LeftOut::default();
    }
    records::write(&dir, &destination, &record).unwrap();
    assert_eq!(records::read(&dir, &destination).unwrap(), Some(record));
}
