//! Destinations in the node's hub cache: `hf-cache:REPOSITORY/blobs/NAME`, see
//! `xfd_api.paths.HUB_CACHE`.

use std::path::{Path, PathBuf};

use xfd_dataplane_core::crc::crc64;
use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::{BlobPlace, CatalogObject};

const HUB_CACHE: &str = "hf-cache:";

/// The folder below a node's root with the records of blobs. A cache is named by its path's
/// checksum, since a root may have seen several.
const RECORDS: &str = ".xfd-hub";

/// Puts an object in the hub cache if its destination says so, and returns whether it does. All
/// blobs of a repository are one group.
///
/// # Errors
/// `UnsafePath` for any other path than a blob's; `InvalidRequest` if the node has no hub cache.
pub(crate) fn place(object: &mut CatalogObject, root: &Path, cache: &Path) -> Result<bool> {
    let Some(path) = in_cache(&object.destination) else {
        return Ok(false);
    };
    let refused = |kind, what: &str| {
        let key = object.found.key.clone();
        Error::new(kind, what)
            .with_object(key)
            .with_path(&object.destination)
    };
    if !cache.is_absolute() {
        let what = "The node's hub cache has no absolute path";
        return Err(refused(Kind::InvalidRequest, what));
    }
    let [repository, "blobs", name] = path.split('/').collect::<Vec<_>>()[..] else {
        return Err(refused(
            Kind::UnsafePath,
            "The destination is no blob of a hub cache",
        ));
    };
    if !is_name(repository) || !is_name(name) {
        return Err(refused(
            Kind::UnsafePath,
            "A blob's path would leave the hub cache",
        ));
    }
    let folder = cache.join(repository).join("blobs");
    object.blob = Some(Box::new(BlobPlace {
        cache: cache.to_owned(),
        repository: repository.to_owned(),
        records: records_of(root, cache, repository),
    }));
    object.destination = folder.join(name);
    object.group = Some(folder.into());
    Ok(true)
}

/// The folder with the records of a repository's blobs.
fn records_of(root: &Path, cache: &Path, repository: &str) -> PathBuf {
    let of_cache = format!("{:016x}", crc64(cache.as_os_str().as_encoded_bytes()));
    root.join(RECORDS).join(of_cache).join(repository)
}

/// The folder with the records of a blob's repository; None for any other file.
pub(crate) fn records_of_blob(root: &Path, cache: &Path, path: &Path) -> Option<PathBuf> {
    let relative = path.strip_prefix(cache).ok()?;
    let parts: Vec<_> = relative.iter().map(|part| part.to_str()).collect();
    match parts[..] {
        [Some(repository), Some("blobs"), Some(_)] => Some(records_of(root, cache, repository)),
        _ => None,
    }
}

fn in_cache(destination: &Path) -> Option<String> {
    let path = destination.to_str()?.strip_prefix(HUB_CACHE)?;
    Some(path.to_owned())
}

/// Whether a name can only be a file or folder right there, and is none of ours.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('\0')
}

/// The hub cache of a node; empty if its settings name none.
pub(crate) fn of_settings(settings: &pyo3::Bound<'_, pyo3::PyAny>) -> pyo3::PyResult<PathBuf> {
    use pyo3::types::PyAnyMethods;
    crate::read::Read::read(&settings.getattr("hub_cache")?)
}
