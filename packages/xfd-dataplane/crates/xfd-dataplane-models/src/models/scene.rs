//! A folder, a catalog of three small objects, and the store of one node that wants them.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use crate::model::{
    Catalog, CatalogObject, Chunk, ChunkIndex, Durability, FoundObject, Inventory, ObjectIndex,
    Span,
};
use crate::stats::Stats;
use crate::store::{Store, StoreOptions};
use crate::threads::Mutex;

/// The first object has three chunks, and the two others share one.
const SIZES: [u64; 3] = [10, 3, 2];
const CHUNK: u64 = 4;
pub(super) const BIG: ObjectIndex = 0;
pub(super) const OBJECTS: [ObjectIndex; 3] = [BIG, 1, 2];
pub(super) const CHUNKS: [ChunkIndex; 4] = [0, 1, 2, 3];

pub(super) struct Scene {
    folder: TempDir,
    pub(super) catalog: Catalog,
    /// What a thread lands: one at a time does.
    pub(super) landing: Mutex<HashSet<ObjectIndex>>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let objects: Vec<_> = OBJECTS.map(|index| object(&folder, index)).into();
        let span = |object, offset, length| Span {
            object,
            offset,
            length,
        };
        let spans = [
            vec![span(BIG, 0, CHUNK)],
            vec![span(BIG, CHUNK, CHUNK)],
            vec![span(BIG, 2 * CHUNK, SIZES[0] - 2 * CHUNK)],
            vec![span(1, 0, SIZES[1]), span(2, 0, SIZES[2])],
        ];
        let chunk = |(index, spans): (ChunkIndex, Vec<Span>)| Chunk {
            index,
            size: spans.iter().map(|it| it.length).sum(),
            spans,
        };
        let catalog = Catalog {
            objects,
            chunks: CHUNKS.into_iter().zip(spans).map(chunk).collect(),
            first_object: 0,
            first_chunk: 0,
        };
        Self {
            folder,
            catalog,
            landing: Mutex::default(),
        }
    }

    /// A store of this folder, with an inventory of the catalog.
    pub(super) fn store(&self) -> (Store, Inventory) {
        let store = Store::new(StoreOptions {
            node: "node".into(),
            // Syncs would run on threads that are not the model's.
            durability: Durability::None,
            verify_whole: false,
            stats: Arc::new(Stats::default()),
        });
        let inventory = store.extend(self.catalog.clone()).expect("an inventory");
        (store, inventory)
    }

    /// The bytes of a chunk.
    pub(super) fn bytes(&self, chunk: ChunkIndex) -> Vec<u8> {
        let spans = &self.catalog.chunks[chunk as usize].spans;
        let each = spans.iter().flat_map(|span| {
            let from = usize::try_from(span.offset).expect("small");
            let length = usize::try_from(span.length).expect("small");
            content(span.object)[from..from + length].to_vec()
        });
        each.collect()
    }

    /// Fails unless all objects are there, whole, with nothing half written beside them.
    pub(super) fn check_files(&self) {
        for object in OBJECTS {
            let path = &self.catalog.objects[object as usize].destination;
            let found = std::fs::read(path).unwrap_or_default();
            assert_eq!(found, content(object), "{}", path.display());
        }
        for folder in [
            self.folder.path().to_owned(),
            self.folder.path().join("group"),
        ] {
            for entry in std::fs::read_dir(folder).expect("the folder").flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_left = ["-part", "-journal"].iter().any(|it| name.ends_with(it));
                assert!(!is_left, "{name} is left");
            }
        }
    }
}

/// The bytes of an object.
pub(super) fn content(object: ObjectIndex) -> Vec<u8> {
    let first = u8::try_from(object).expect("small") * 50;
    (first..).take(SIZES[object as usize] as usize).collect()
}

/// The big object stands alone, and the others are of one group.
fn object(folder: &TempDir, index: ObjectIndex) -> CatalogObject {
    let group = folder.path().join("group");
    let is_alone = index == BIG;
    let destination: PathBuf = match is_alone {
        true => folder.path().join("big"),
        false => group.join(format!("small-{index}")),
    };
    CatalogObject {
        index,
        profile_name: None,
        bucket: None,
        found: FoundObject {
            key: format!("object-{index}"),
            size: SIZES[index as usize],
            etag: Some("\"one\"".into()),
            last_modified_ns: Some(1_700_000_000_000_000_000),
            checksum: None,
            refused: None,
            location: None,
        },
        destination,
        group: (!is_alone).then(|| group.into()),
        is_directory: false,
        cache: true,
        unpack: None,
        priority: 0,
        pin: None,
        blob: None,
    }
}
