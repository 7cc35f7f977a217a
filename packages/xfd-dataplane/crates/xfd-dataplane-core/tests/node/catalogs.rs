//! Objects, and the catalogs that name them.

use std::path::Path;
use std::sync::Arc;

use crate::memory::MemoryOrigin;
use xfd_dataplane_core::model::{
    Catalog, CatalogObject, Chunk, FoundObject, Links, ObjectIndex, Span, Unpack, UnpackMethod,
};

pub fn random_bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes
}

/// An origin with one object, `big`.
pub fn one_object(length: usize) -> (Arc<MemoryOrigin>, FoundObject, Vec<u8>) {
    let origin = Arc::new(MemoryOrigin::new());
    let bytes = random_bytes(length, 7);
    let found = origin.put("big", bytes.clone());
    (origin, found, bytes)
}

/// A catalog of objects with destinations under `root`, by their keys, in chunks of this size.
pub fn catalog(root: &Path, found: &[FoundObject], chunk: u64) -> Catalog {
    let mut catalog = Catalog::default();
    for (index, found) in (0..).zip(found) {
        catalog.objects.push(object(root, index, found));
        let mut offset = 0;
        while offset < found.size {
            let length = chunk.min(found.size - offset);
            catalog.chunks.push(Chunk {
                index: catalog.chunks.len() as u32,
                spans: vec![Span {
                    object: index,
                    offset,
                    length,
                }],
                size: length,
            });
            offset += length;
        }
    }
    catalog
}

/// A catalog of small objects in one pack.
pub fn pack(root: &Path, found: &[FoundObject]) -> Catalog {
    let spans: Vec<Span> = (0..)
        .zip(found)
        .map(|(object, found)| Span {
            object,
            offset: 0,
            length: found.size,
        })
        .collect();
    let objects = (0..).zip(found);
    Catalog {
        objects: objects.map(|(index, it)| object(root, index, it)).collect(),
        chunks: vec![Chunk {
            index: 0,
            size: spans.iter().map(|span| span.length).sum(),
            spans,
        }],
        first_object: 0,
        first_chunk: 0,
    }
}

/// A catalog of one archive that is unpacked to `tree` under `root`.
pub fn archive(root: &Path, found: &FoundObject, method: UnpackMethod, chunk: u64) -> Catalog {
    let mut catalog = catalog(root, std::slice::from_ref(found), chunk);
    catalog.objects[0].unpack = Some(Unpack {
        destination: root.join("tree"),
        method,
        keep_archive: true,
        links: Links::Safe,
        conda_unpack: false,
    });
    catalog
}

fn object(root: &Path, index: ObjectIndex, found: &FoundObject) -> CatalogObject {
    CatalogObject {
        index,
        profile_name: None,
        bucket: None,
        found: found.clone(),
        destination: root.join(&found.key),
        group: None,
        is_directory: false,
        cache: true,
        unpack: None,
        priority: 0,
        blob: None,
        pin: None,
    }
}
