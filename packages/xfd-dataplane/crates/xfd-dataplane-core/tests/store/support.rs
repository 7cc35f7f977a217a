//! A catalog in a temporary folder, and short ways to play a node's part.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use xfd_dataplane_core::model::{
    Catalog, CatalogObject, Chunk, ChunkIndex, Durability, FoundObject, Inventory, ObjectIndex,
    Span,
};
use xfd_dataplane_core::stats::Stats;
use xfd_dataplane_core::store::{ChunkRead, ChunkReader, Committed, Store, StoreOptions};

/// Long enough for a busy machine; no test waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Names in a folder, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        names(&self.path(folder))
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub fn options(node: &str) -> StoreOptions {
    StoreOptions {
        node: node.into(),
        durability: Durability::Object,
        verify_whole: false,
        stats: Arc::new(Stats::default()),
    }
}

pub fn store() -> Store {
    Store::new(options("node-a"))
}

/// Bytes that differ from place to place and from seed to seed.
pub fn content(length: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}

pub fn object(index: ObjectIndex, destination: PathBuf, size: usize) -> CatalogObject {
    CatalogObject {
        index,
        profile_name: None,
        bucket: None,
        found: FoundObject {
            key: format!("models/{}", destination.file_name().unwrap().display()),
            size: size as u64,
            etag: Some("\"one\"".into()),
            last_modified_ns: Some(1_700_000_000_000_000_000),
            checksum: None,
            refused: None,
            location: None,
        },
        destination,
        group: None,
        is_directory: false,
        cache: true,
        unpack: None,
        priority: 0,
        blob: None,
        pin: None,
    }
}

/// The objects, each cut into chunks of `chunk` bytes.
pub fn cut(objects: Vec<CatalogObject>, chunk: u64) -> Catalog {
    let mut chunks = Vec::new();
    for object in objects.iter().filter(|object| !object.is_directory) {
        let size = object.found.size;
        let mut offset = 0;
        while offset < size || (size == 0 && offset == 0) {
            let length = chunk.min(size - offset);
            chunks.push(Chunk {
                index: u32::try_from(chunks.len()).unwrap(),
                spans: vec![Span {
                    object: object.index,
                    offset,
                    length,
                }],
                size: length,
            });
            offset += length.max(1);
        }
    }
    Catalog {
        objects,
        chunks,
        first_object: 0,
        first_chunk: 0,
    }
}

/// The objects in one pack.
pub fn pack(objects: Vec<CatalogObject>) -> Catalog {
    let span = |object: &CatalogObject| Span {
        object: object.index,
        offset: 0,
        length: object.found.size,
    };
    let spans: Vec<Span> = objects.iter().map(span).collect();
    Catalog {
        chunks: vec![Chunk {
            index: 0,
            size: spans.iter().map(|span| span.length).sum(),
            spans,
        }],
        objects,
        first_object: 0,
        first_chunk: 0,
    }
}

/// Writes a chunk in two pieces and commits it.
pub fn fill(store: &Store, chunk: ChunkIndex, bytes: &[u8]) -> Committed {
    let mut lease = store.lease(chunk).unwrap().unwrap();
    let (one, two) = bytes.split_at(bytes.len() / 3);
    lease.write(one).unwrap();
    lease.write(two).unwrap();
    lease.commit(None).unwrap()
}

/// Fills all chunks of an object that is cut in `chunk` bytes, from chunk `first` on.
pub fn fill_all(store: &Store, first: ChunkIndex, bytes: &[u8], chunk: usize) {
    for (index, bytes) in (first..).zip(bytes.chunks(chunk)) {
        fill(store, index, bytes);
    }
}

/// Fetches and lands one object of a catalog of its own, and leaves.
pub fn fetch(catalog: Catalog, bytes: &[u8], chunk: usize) {
    let store = store();
    store.extend(catalog).unwrap();
    fill_all(&store, 0, bytes, chunk);
    store.land(0).unwrap();
    store.leave();
}

/// Indexes of the chunks that an inventory names.
pub fn held(inventory: &Inventory) -> Vec<ChunkIndex> {
    let run = |first: ChunkIndex, len: usize| first..first + u32::try_from(len).unwrap();
    let runs = inventory.held.iter();
    runs.flat_map(|it| run(it.first_chunk, it.crcs.len()))
        .collect()
}

/// Everything that a reader gives: the bytes, and the checksum unless it was aborted.
pub async fn read_all(mut reader: ChunkReader) -> (Vec<u8>, Option<u64>) {
    let mut bytes = Vec::new();
    loop {
        match reader.next(1000, PATIENCE).await.unwrap() {
            ChunkRead::Bytes(piece) => {
                assert!(!piece.is_empty() && piece.len() <= 1000);
                bytes.extend_from_slice(&piece);
            }
            ChunkRead::End(crc) => return (bytes, Some(crc)),
            ChunkRead::Aborted => return (bytes, None),
        }
    }
}

pub fn read(store: &Store, chunk: ChunkIndex) -> (Vec<u8>, Option<u64>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(read_all(store.reader(chunk).unwrap()))
}

/// Flips a byte of a file without a trace in its times.
pub fn rot(path: &Path, at: u64) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let before = file.metadata().unwrap().modified().unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
    file.set_modified(before).unwrap();
}
