//! A directory whose files are the objects.
//!
//! A key is a path below the directory. Symbolic links are followed while they stay inside; one
//! that leads out is refused, because a store is not a way to read the rest of the machine. A list
//! has refused links among the objects, with the reason, because the caller may leave them out.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, stream};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use super::answer::check_size;
use super::origin::{Body, Get, Origin};
use super::pin::check_pin;
use crate::error::{Error, Kind, Result};
use crate::model::FoundObject;

/// Large enough that the hop to a blocking thread is small beside the copy.
const PIECE: u64 = 512 * 1024;

/// See the module.
#[derive(Clone, Debug)]
pub struct FileOrigin {
    directory: Arc<PathBuf>,
}

impl FileOrigin {
    /// Of a directory, which is looked at with each request only.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: Arc::new(directory.into()),
        }
    }
}

impl Origin for FileOrigin {
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        let (directory, owned) = (Arc::clone(&self.directory), key.to_owned());
        async move {
            refuse_bucket(bucket)?;
            blocking(move || {
                let (_, metadata) = open(&directory, &owned)?;
                Ok(found(owned, &metadata))
            })
            .await
            .map_err(|error| error.with_object(key))
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        let (directory, owned) = (Arc::clone(&self.directory), prefix.to_owned());
        async move {
            refuse_bucket(bucket)?;
            blocking(move || list(&directory, &owned))
                .await
                .map_err(|error| error.with_object(prefix))
        }
        .boxed()
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        let directory = Arc::clone(&self.directory);
        async move {
            refuse_bucket(get.bucket)?;
            let key = get.key.to_owned();
            let (file, metadata) = blocking(move || open(&directory, &key))
                .await
                .map_err(|error| error.with_object(get.key))?;
            check_pin(get.etag, Some(&etag_of(&metadata)))
                .map_err(|error| error.with_object(get.key))?;
            let size = metadata.size();
            check_size(Some(size), get.size).map_err(|error| error.with_object(get.key))?;
            let range = get.range.unwrap_or(0..size);
            if range.end > size {
                let what = format!("The file ends at byte {size}, before {}", range.end);
                return Err(Error::new(Kind::OriginAnswer, what).with_object(get.key));
            }
            let reading = Reading {
                file: Arc::new(file),
                etag: etag_of(&metadata),
                next: range.start,
                end: range.end,
                key: get.key.to_owned(),
            };
            Ok(Body::new(stream::try_unfold(reading, Reading::read)))
        }
        .boxed()
    }

    fn keeps_checksums(&self) -> bool {
        false
    }
}

struct Reading {
    file: Arc<File>,
    etag: String,
    next: u64,
    end: u64,
    key: String,
}

impl Reading {
    async fn read(mut self) -> Result<Option<(Bytes, Self)>> {
        if self.next == self.end {
            return Ok(None);
        }
        let length = PIECE.min(self.end - self.next) as usize;
        let (file, offset) = (Arc::clone(&self.file), self.next);
        let is_last = offset + length as u64 == self.end;
        let etag = self.etag.clone();
        let bytes = blocking(move || {
            let bytes = read_at(&file, offset, length)?;
            // A file that is written in place changes its time: the bytes before may be mixed.
            if is_last {
                let now = file.metadata().map_err(|error| unreadable(&error))?;
                check_pin(Some(&etag), Some(&etag_of(&now)))?;
            }
            Ok(bytes)
        })
        .await
        .map_err(|error| error.with_object(self.key.clone()))?;
        self.next += length as u64;
        Ok(Some((bytes, self)))
    }
}

/// Reads without filling the buffer with zeros first.
fn read_at(file: &File, offset: u64, length: usize) -> Result<Bytes> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let at = offset + bytes.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut bytes), at) {
            Ok(0) => return Err(unreadable(&ErrorKind::UnexpectedEof.into())),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(unreadable(&error.into())),
        }
    }
    bytes.truncate(length);
    Ok(bytes.into())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::new(
            Kind::Internal,
            format!("A reading thread failed: {error}"),
        )),
    }
}

fn refuse_bucket(bucket: Option<&str>) -> Result<()> {
    match bucket {
        None => Ok(()),
        Some(bucket) => Err(Error::new(
            Kind::InvalidRequest,
            format!("A directory has no bucket {bucket:?}"),
        )),
    }
}

fn open(directory: &Path, key: &str) -> Result<(File, Metadata)> {
    let path = resolve(directory, key)?;
    let file = File::open(&path).map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(Error::new(
            Kind::ObjectNotFound,
            "The key names a folder or a device, not a file",
        ));
    }
    Ok((file, metadata))
}

/// The real path of a key, which lies inside the directory.
fn resolve(directory: &Path, key: &str) -> Result<PathBuf> {
    let mut segments = Path::new(key).components();
    if !segments.all(|segment| matches!(segment, Component::Normal(_))) {
        return Err(Error::new(
            Kind::UnsafePath,
            "The key climbs out of its store",
        ));
    }
    let root = directory
        .canonicalize()
        .map_err(|error| unreadable(&error).with_path(directory))?;
    let path = root
        .join(key)
        .canonicalize()
        .map_err(|error| unreadable(&error))?;
    if !path.starts_with(&root) {
        return Err(Error::new(
            Kind::UnsafePath,
            "A symbolic link leads out of the store's directory",
        ));
    }
    Ok(path)
}

fn list(directory: &Path, prefix: &str) -> Result<Vec<FoundObject>> {
    // The directory itself has to be there; a prefix below it need not be.
    directory
        .canonicalize()
        .map_err(|error| unreadable(&error).with_path(directory))?;
    let mut objects = Vec::new();
    // Folders still to be read: key, and real paths of the folders it was reached through.
    let mut folders = vec![(prefix.to_owned(), Vec::new())];
    while let Some((key, mut above)) = folders.pop() {
        let path = match resolve(directory, &key) {
            Err(error) if error.kind == Kind::ObjectNotFound && key == prefix => break,
            Err(error) if key != prefix => {
                objects.push(refused(format!("{key}/"), error));
                continue;
            }
            other => other?,
        };
        if !path.is_dir() || above.contains(&path) {
            continue;
        }
        above.push(path.clone());
        let entries = match std::fs::read_dir(&path) {
            Err(error) if key != prefix => {
                objects.push(refused(format!("{key}/"), unreadable(&error)));
                continue;
            }
            entries => entries.map_err(|error| unreadable(&error))?,
        };
        for entry in entries {
            let name = entry.map_err(|error| unreadable(&error))?.file_name();
            let shown = name.to_string_lossy();
            let below = match key.as_str() {
                "" => shown.clone().into_owned(),
                folder => format!("{folder}/{shown}"),
            };
            if name.to_str().is_none() {
                let what = format!("The name {name:?} is not UTF-8");
                let error = Error::new(Kind::UnsafePath, what).with_path(path.join(&name));
                objects.push(refused(below, error));
                continue;
            }
            let metadata = resolve(directory, &below)
                .and_then(|path| path.metadata().map_err(|error| unreadable(&error)));
            match metadata {
                Err(error) => objects.push(refused(below, error)),
                Ok(metadata) if metadata.is_dir() => folders.push((below, above.clone())),
                Ok(metadata) if metadata.is_file() => objects.push(found(below, &metadata)),
                Ok(_) => {}
            }
        }
    }
    objects.sort_by(|one, two| one.key.cmp(&two.key));
    Ok(objects)
}

fn found(key: String, metadata: &Metadata) -> FoundObject {
    FoundObject {
        key,
        size: metadata.size(),
        etag: Some(etag_of(metadata)),
        last_modified_ns: Some(modified_ns(metadata)),
        checksum: None,
        refused: None,
        location: None,
    }
}

fn refused(key: String, error: Error) -> FoundObject {
    FoundObject {
        size: 0,
        etag: None,
        last_modified_ns: None,
        checksum: None,
        refused: Some(Box::new(error.with_object(key.clone()))),
        location: None,
        key,
    }
}

/// Changes whenever the file is replaced, and with every write that falls on another tick of the
/// clock.
fn etag_of(metadata: &Metadata) -> String {
    let (size, inode) = (metadata.size(), metadata.ino());
    format!("\"{size:x}-{:x}-{inode:x}\"", modified_ns(metadata))
}

fn modified_ns(metadata: &Metadata) -> i64 {
    metadata
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(metadata.mtime_nsec())
}

fn unreadable(error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Kind::ObjectNotFound,
        ErrorKind::PermissionDenied => Kind::AccessDenied,
        ErrorKind::UnexpectedEof => Kind::ObjectChanged,
        ErrorKind::InvalidInput | ErrorKind::InvalidFilename => Kind::InvalidRequest,
        _ => Kind::OriginUnreachable,
    };
    Error::new(kind, format!("The store's file cannot be read: {error}"))
}
