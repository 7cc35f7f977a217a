//! What a power loss leaves: files without their bytes, and records that end anywhere.

use std::os::unix::fs::FileExt;
use std::path::Path;

use xfd_dataplane_core::model::{Durability, Inventory};
use xfd_dataplane_core::store::{Store, StoreOptions};

use crate::packs::{catalog, landed_before};
use crate::support::{Place, content, cut, fetch, fill, fill_all, held, object, options, store};

/// A store that syncs nothing.
fn unsynced() -> Store {
    Store::new(StoreOptions {
        durability: Durability::None,
        ..options("node-a")
    })
}

/// Has a record or a manifest say that the machine has started anew since it was written. False on
/// a file system that may be another machine's, whose records do not say it.
fn start_anew(record: &Path) -> bool {
    const MARK: &str = "\"unsynced\":\"";
    let text = std::fs::read_to_string(record).unwrap();
    std::fs::write(record, text.replace(MARK, &format!("{MARK}other-"))).unwrap();
    text.contains(MARK)
}

/// Leaves zeros in a part of a file, with its size and time as they were.
fn lose(path: &Path, from: u64, bytes: usize) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let before = file.metadata().unwrap().modified().unwrap();
    file.write_all_at(&vec![0; bytes], from).unwrap();
    file.set_modified(before).unwrap();
}

#[test]
fn a_file_that_was_not_synced_is_read_again_once_the_machine_has_started_anew() {
    let place = Place::new();
    let bytes = content(3000, 1);
    let wanted = || cut(vec![object(0, place.path("a"), 3000)], 1000);
    let first = unsynced();
    first.extend(wanted()).unwrap();
    fill_all(&first, 0, &bytes, 1000);
    first.land(0).unwrap();
    first.leave();
    assert_eq!(unsynced().extend(wanted()).unwrap().landed, [0]);
    if !start_anew(&place.path(".a.xfd")) {
        return;
    }
    lose(&place.path("a"), 1500, 700);

    let second = unsynced();
    let inventory = second.extend(wanted()).unwrap();
    assert_eq!((inventory.landed.len(), held(&inventory)), (0, vec![0]));
    fill(&second, 1, &bytes[1000..2000]);
    fill(&second, 2, &bytes[2000..]);
    second.land(0).unwrap();
    second.leave();
    assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
    assert_eq!(place.names(""), [".a.xfd", "a"]);
    assert_eq!(store().extend(wanted()).unwrap().landed, [0]);
}

#[test]
fn a_file_that_kept_its_bytes_is_not_fetched_again() {
    let place = Place::new();
    let bytes = content(3000, 2);
    let wanted = || cut(vec![object(0, place.path("a"), 3000)], 1000);
    let first = unsynced();
    first.extend(wanted()).unwrap();
    fill_all(&first, 0, &bytes, 1000);
    first.land(0).unwrap();
    first.leave();
    start_anew(&place.path(".a.xfd"));
    let second = store();
    let inventory = second.extend(wanted()).unwrap();
    if inventory.landed.is_empty() {
        assert_eq!(held(&inventory), [0, 1, 2]);
        second.land(0).unwrap();
    }
    second.leave();
    // It was synced now, so its record holds whenever the machine starts.
    start_anew(&place.path(".a.xfd"));
    assert_eq!(store().extend(wanted()).unwrap().landed, [0]);
    assert_eq!(std::fs::read(place.path("a")).unwrap(), bytes);
}

#[test]
fn small_files_that_were_not_synced_are_read_again_too() {
    let place = Place::new();
    let (catalog, bytes) = catalog(&place);
    let first = unsynced();
    first.extend(catalog.clone()).unwrap();
    let whole = fill(&first, 0, &bytes).whole;
    first.land_many(&[whole, first.ready()].concat());
    first.leave();
    let before = unsynced().extend(catalog.clone()).unwrap().landed.len();
    if !start_anew(&place.path(".tree.xfd")) {
        return;
    }
    let lost = &catalog.objects[0];
    lose(&lost.destination, 0, 1);
    let sound = std::fs::read(&catalog.objects[2].destination).unwrap();

    let second = unsynced();
    second.extend(catalog.clone()).unwrap();
    fill(&second, 0, &bytes);
    let ready = second.ready();
    assert!(second.land_many(&ready).iter().all(|(_, it)| it.is_ok()));
    second.leave();
    let size = lost.found.size as usize;
    assert_eq!(std::fs::read(&lost.destination).unwrap(), bytes[..size]);
    assert_eq!(
        std::fs::read(&catalog.objects[2].destination).unwrap(),
        sound
    );
    assert_eq!(unsynced().extend(catalog).unwrap().landed.len(), before);
}

/// Calls `check` with the file cut to each of its lengths, and with what it had.
fn cut_anywhere(path: &Path, mut check: impl FnMut(&[u8], usize)) {
    let whole = std::fs::read(path).unwrap();
    for length in 0..=whole.len() {
        std::fs::write(path, &whole[..length]).unwrap();
        check(&whole, length);
    }
}

#[test]
fn a_record_that_ends_anywhere_is_none() {
    let place = Place::new();
    let wanted = || cut(vec![object(0, place.path("a"), 2500)], 1000);
    fetch(wanted(), &content(2500, 3), 1000);
    cut_anywhere(&place.path(".a.xfd"), |whole, length| {
        let inventory = store().extend(wanted()).unwrap();
        match length == whole.len() {
            true => assert_eq!(inventory.landed, [0]),
            false => assert_eq!(inventory, Inventory::default(), "{length}"),
        }
    });
}

#[test]
fn a_journal_that_ends_anywhere_names_only_chunks_that_are_right() {
    let place = Place::new();
    let bytes = content(3000, 4);
    let wanted = || cut(vec![object(0, place.path("a"), 3000)], 1000);
    let first = store();
    first.extend(wanted()).unwrap();
    fill(&first, 0, &bytes[..1000]);
    fill(&first, 1, &bytes[1000..2000]);
    first.leave();
    let part = place.path(".a.xfd-part");
    // The second chunk did not reach the disk.
    for lost in [0, 1000] {
        let journal = std::fs::read(place.path(".a.xfd-journal")).unwrap();
        let kept = std::fs::read(&part).unwrap();
        lose(&part, 1000, lost);
        let mut most = 0;
        cut_anywhere(&place.path(".a.xfd-journal"), |whole, length| {
            let lines = whole[..length].split_inclusive(|it| *it == b'\n');
            let is_chunk = |line: &&[u8]| line.starts_with(b"+") && line.ends_with(b"\n");
            let chunks = lines.filter(is_chunk).count() as u32;
            let inventory = store().extend(wanted()).unwrap();
            let right: Vec<u32> = (0..chunks).filter(|it| *it == 0 || lost == 0).collect();
            assert_eq!(held(&inventory), right, "{length}");
            most = most.max(right.len());
            std::fs::write(&part, &kept).unwrap();
            lose(&part, 1000, lost);
        });
        assert_eq!(most, if lost == 0 { 2 } else { 1 });
        std::fs::write(&part, &kept).unwrap();
        std::fs::write(place.path(".a.xfd-journal"), journal).unwrap();
    }
}

#[test]
fn a_manifest_that_ends_anywhere_has_the_files_of_its_whole_lines() {
    let place = Place::new();
    let (catalog, _) = landed_before(&place);
    let manifest = place.path(".tree.xfd");
    let all = store().extend(catalog.clone()).unwrap().landed.len();
    let mut seen = Vec::new();
    cut_anywhere(&manifest, |whole, length| {
        let text = &whole[..length];
        let lines = text.split(|it| *it == b'\n').filter(|it| !it.is_empty());
        let is_whole = |line: &&[u8]| whole.split(|it| *it == b'\n').any(|it| it == *line);
        let expected = lines.filter(is_whole).count();
        let landed = store().extend(catalog.clone()).unwrap().landed.len();
        assert_eq!(landed, expected, "{length}");
        seen.push(landed);
    });
    assert_eq!(seen.last(), Some(&all));
}
