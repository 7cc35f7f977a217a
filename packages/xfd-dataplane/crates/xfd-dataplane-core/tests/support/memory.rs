//! An origin that keeps objects in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, future, stream};

use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::{Checksum, ChecksumAlgorithm, FoundObject};
use xfd_dataplane_core::source::{Body, Get, Origin};

/// Largest piece of a body, about what a socket delivers at once.
const PIECE: usize = 64 * 1024;

/// A bucket and a key.
type Name = (Option<String>, String);

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryOrigin {
    objects: Mutex<BTreeMap<Name, (FoundObject, Bytes)>>,
    writes: AtomicU64,
}

impl MemoryOrigin {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes an object of the store's own bucket, over whatever has its key.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) -> FoundObject {
        self.put_in(None, key, bytes)
    }

    /// Writes an object of a bucket.
    pub fn put_in(&self, bucket: Option<&str>, key: &str, bytes: impl Into<Bytes>) -> FoundObject {
        let bytes = bytes.into();
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let found = FoundObject {
            key: key.to_owned(),
            size: bytes.len() as u64,
            etag: Some(format!("\"{write}\"")),
            last_modified_ns: i64::try_from(write).ok().map(|write| write * 1_000_000_000),
            checksum: Some(Checksum {
                algorithm: ChecksumAlgorithm::Crc64Nvme,
                value: format!("{:016x}", crc64(&bytes)),
            }),
            refused: None,
            location: None,
        };
        self.objects()
            .insert(name(bucket, key), (found.clone(), bytes));
        found
    }

    /// Removes an object of the store's own bucket.
    pub fn remove(&self, key: &str) {
        self.objects().remove(&name(None, key));
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<Name, (FoundObject, Bytes)>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, bucket: Option<&str>, key: &str) -> Result<(FoundObject, Bytes)> {
        let missing = || Error::new(Kind::ObjectNotFound, "No such object").with_object(key);
        self.objects()
            .get(&name(bucket, key))
            .cloned()
            .ok_or_else(missing)
    }

    fn read(&self, get: &Get<'_>) -> Result<Body> {
        let (found, bytes) = self.find(get.bucket, get.key)?;
        let refused = |kind, what: String| Err(Error::new(kind, what).with_object(get.key));
        if get.etag.is_some() && get.etag != found.etag.as_deref() {
            return refused(
                Kind::ObjectChanged,
                "The object has another ETag".to_owned(),
            );
        }
        if get.size.is_some_and(|size| size != found.size) {
            return refused(Kind::OriginAnswer, format!("It has {} bytes", found.size));
        }
        let is_all = get.range.is_none();
        let range = get.range.clone().unwrap_or(0..found.size);
        if range.end > found.size {
            let what = format!("The object ends before byte {}", range.end);
            return refused(Kind::OriginAnswer, what);
        }
        let bytes = bytes.slice(range.start as usize..range.end as usize);
        let pieces = (0..bytes.len())
            .step_by(PIECE)
            .map(move |start| Ok(bytes.slice(start..bytes.len().min(start + PIECE))));
        let checksum = found.checksum.filter(|_| is_all);
        Ok(Body::new(stream::iter(pieces)).with_checksum(checksum))
    }
}

impl Origin for MemoryOrigin {
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        future::ready(self.find(bucket, key).map(|(found, _)| found)).boxed()
    }

    fn list<'a>(
        &'a self,
        bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        let objects = self.objects();
        let found = objects
            .iter()
            .filter(|((of, key), _)| of.as_deref() == bucket && is_under(key, prefix))
            .map(|(_, (found, _))| found.clone())
            .collect();
        future::ready(Ok(found)).boxed()
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        future::ready(self.read(&get)).boxed()
    }
}

/// Whether a key lies under a prefix of whole segments.
fn is_under(key: &str, prefix: &str) -> bool {
    let rest = key.strip_prefix(prefix);
    prefix.is_empty() || rest.is_some_and(|rest| rest.starts_with('/'))
}

fn name(bucket: Option<&str>, key: &str) -> Name {
    (bucket.map(str::to_owned), key.to_owned())
}
