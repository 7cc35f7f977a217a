//! Records of the files of a prefix.

use crate::packs::{catalog, landed_before};
use crate::support::{Place, content, fill, object, pack, store};

#[test]
fn a_manifest_torn_in_its_last_line_keeps_the_others() {
    let place = Place::new();
    let (catalog, bytes) = landed_before(&place);
    let manifest = place.path(".tree.xfd");
    // The empty file is recorded as it lands, after those with bytes.
    let text = std::fs::read_to_string(&manifest).unwrap();
    let (before, _) = text.trim_end().rsplit_once('\n').unwrap();
    std::fs::write(&manifest, &before[..before.len() - 20]).unwrap();

    let second = store();
    let inventory = second.extend(catalog.clone()).unwrap();
    assert_eq!(inventory.landed, [0, 2, 3]);
    fill(&second, 0, &bytes);
    assert_eq!(second.ready(), [1, 4]);
    second.land_many(&[1, 4]);
    second.leave();
    assert_eq!(store().extend(catalog).unwrap().landed.len(), 5);
}

#[test]
fn the_manifest_costs_less_than_a_hundredth_of_small_files() {
    const SIZE: usize = 16 * 1024;
    let place = Place::new();
    let objects = (0..100).map(|index| {
        let path = place.path(&format!("tree/part-{index:05}.bin"));
        let mut small = object(index, path, SIZE);
        small.group = Some(place.path("tree").into());
        small.found.etag = Some(format!("\"{:032x}\"", u128::MAX - u128::from(index)));
        small
    });
    let store = store();
    store.extend(pack(objects.collect())).unwrap();
    let whole = fill(&store, 0, &content(100 * SIZE, 7)).whole;
    store.land_many(&whole);
    assert_eq!(place.names(""), [".tree.xfd", ".tree.xfd-lock", "tree"]);
    store.leave();
    let manifest = place.path(".tree.xfd").metadata().unwrap().len();
    assert!(manifest * 100 < (100 * SIZE) as u64, "{manifest}");
}

#[test]
fn a_file_that_failed_is_not_recorded() {
    let place = Place::new();
    let (catalog, bytes) = catalog(&place);
    let store = store();
    store.extend(catalog).unwrap();
    let whole = fill(&store, 0, &bytes).whole;
    assert!(store.fail(2));
    store.land_many(&whole);
    store.leave();
    let manifest = std::fs::read_to_string(place.path(".tree.xfd")).unwrap();
    assert!(
        manifest.contains("\"1/1\"") && !manifest.contains("\"0/2\""),
        "{manifest}"
    );
}
