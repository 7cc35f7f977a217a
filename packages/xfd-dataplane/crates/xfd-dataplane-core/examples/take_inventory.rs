//! Times how long a store takes stock of many small files: none here, then all of them valid.
//!
//! `stock FOLDER [FILES]`; the folder is to be empty and is left filled.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::{Catalog, CatalogObject, Chunk, Durability, FoundObject, Span};
use xfd_dataplane_core::stats::Stats;
use xfd_dataplane_core::store::{Store, StoreOptions};

const SIZE: u64 = 4096;
const PACK: u32 = 4096;
const FOLDERS: u32 = 100;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "stock".to_owned()));
    let files = arguments.next().and_then(|it| it.parse().ok());
    let catalog = catalog(&folder, files.unwrap_or(20_000));

    let first = store();
    timed("nothing here", || first.extend(catalog.clone()))?;
    timed("fetch and land", || fill(&first, &catalog))?;
    timed("leave", || {
        first.leave();
        Ok(())
    })?;
    let second = store();
    let landed = timed("all valid", || second.extend(catalog.clone()))?.landed;
    println!("{} landed", landed.len());
    second.leave();
    Ok(())
}

fn store() -> Store {
    Store::new(StoreOptions {
        node: "one".into(),
        durability: Durability::None,
        verify_whole: false,
        stats: Arc::new(Stats::default()),
    })
}

fn timed<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let result = run();
    println!("{what}: {:.3} s", started.elapsed().as_secs_f64());
    result
}

fn fill(store: &Store, catalog: &Catalog) -> Result<()> {
    let bytes = vec![7; 1 << 20];
    for chunk in &catalog.chunks {
        let refused = |_| Error::new(Kind::Internal, "The folder was not empty");
        let mut lease = store.lease(chunk.index).map_err(refused)??;
        while lease.position() < chunk.size {
            let left = usize::try_from(chunk.size - lease.position()).unwrap_or(usize::MAX);
            lease.write(&bytes[..left.min(bytes.len())])?;
        }
        for (_, outcome) in store.land_many(&lease.commit(None)?.whole) {
            outcome?;
        }
    }
    Ok(())
}

fn catalog(folder: &Path, files: u32) -> Catalog {
    let object = |index: u32| {
        let name = format!("{:02}/file-{index:06}.bin", index % FOLDERS);
        CatalogObject {
            index,
            profile_name: None,
            bucket: None,
            destination: folder.join("tree").join(&name),
            found: FoundObject {
                key: format!("datasets/shards/{name}"),
                size: SIZE,
                etag: Some(format!("\"{index:032x}\"")),
                last_modified_ns: Some(1_700_000_000_000_000_000),
                checksum: None,
                refused: None,
                location: None,
            },
            group: Some(folder.join("tree").into()),
            is_directory: false,
            cache: true,
            unpack: None,
            priority: 0,
            blob: None,
            pin: None,
        }
    };
    let objects: Vec<CatalogObject> = (0..files).map(object).collect();
    let mut catalog = Catalog::default();
    for (index, of) in (0..).zip(objects.chunks(PACK as usize)) {
        let span = |object: &CatalogObject| Span {
            object: object.index,
            offset: 0,
            length: SIZE,
        };
        catalog.chunks.push(Chunk {
            index,
            spans: of.iter().map(span).collect(),
            size: SIZE * of.len() as u64,
        });
    }
    catalog.objects = objects;
    catalog
}
