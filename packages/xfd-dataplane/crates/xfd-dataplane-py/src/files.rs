//! Files that have landed and their records, for `verify`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;

use xfd_dataplane_core::crc::Crc64;
use xfd_dataplane_core::digest::WholeDigest;
use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::ChecksumAlgorithm;

use crate::errors;
use crate::read::Read;
use crate::wait::interruptible;

const BUFFER_BYTES: usize = 1 << 20;

/// Where the record of a file, or the manifest of a prefix's folder, is.
#[pyfunction]
pub(crate) fn record_path(destination: PathBuf) -> PathBuf {
    xfd_dataplane_core::store::record_path(&destination)
}

/// The content of a file's record; None with the reason if there is one that is not believed.
#[pyfunction]
pub(crate) fn record_text(
    py: Python<'_>,
    destination: PathBuf,
) -> PyResult<(Option<Vec<u8>>, Option<String>)> {
    let found = py.detach(|| xfd_dataplane_core::store::record_text(&destination));
    found.map_err(|error| errors::raised(py, &error, None))
}

/// The contents of the manifests of a prefix's folder. Later ones take precedence.
#[pyfunction]
pub(crate) fn manifest_texts(py: Python<'_>, folder: PathBuf) -> PyResult<Vec<Vec<u8>>> {
    let found = py.detach(|| xfd_dataplane_core::store::manifest_texts(&folder));
    found.map_err(|error| errors::raised(py, &error, None))
}

/// The owner of a file, in words, if it belongs to neither this user nor root.
#[pyfunction]
pub(crate) fn owner_doubted(py: Python<'_>, path: PathBuf) -> PyResult<Option<String>> {
    let found = py.detach(|| xfd_dataplane_core::beside::owner_doubted(&path));
    found.map_err(|error| errors::raised(py, &error, None))
}

/// Size, CRC-64/NVME of each part, and checksums of the whole.
type Sums = (u64, Vec<u64>, Vec<String>);

/// Reads a file once. Bytes after the last part count for the size and the whole only.
fn sums(path: &Path, parts: &[u64], algorithms: &[ChecksumAlgorithm]) -> Result<Sums> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::Destination, format!("Could not read: {error}")).with_path(path)
    };
    let mut file = xfd_dataplane_core::beside::open_regular(path).map_err(failed)?;
    let whole_bytes = file.metadata().map_err(failed)?.len();
    let new = |each: &ChecksumAlgorithm| WholeDigest::new(*each, whole_bytes);
    let mut running: Vec<_> = algorithms.iter().map(new).collect();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut crcs = Vec::with_capacity(parts.len());
    let mut size = 0;
    for part in parts.iter().copied().chain([u64::MAX]) {
        let mut crc = Crc64::new();
        let mut left = part;
        while left > 0 {
            let most = usize::try_from(left).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
            let count = file.read(&mut buffer[..most]).map_err(failed)?;
            if count == 0 {
                break;
            }
            let bytes = &buffer[..count];
            crc.update(bytes);
            for checksum in &mut running {
                checksum.update(bytes);
            }
            size += count as u64;
            left -= count as u64;
        }
        if crcs.len() < parts.len() {
            crcs.push(crc.value());
        }
    }
    let whole = running.into_iter().map(WholeDigest::finish).collect();
    Ok((size, crcs, whole))
}

/// Reads a file once: its size, the CRC-64/NVME of each of its `parts` (lengths in bytes, in their
/// order), and checksums of the whole in hexadecimal.
#[pyfunction]
pub(crate) fn checksums(
    py: Python<'_>,
    path: PathBuf,
    parts: Vec<u64>,
    algorithms: &Bound<'_, PyAny>,
) -> PyResult<Sums> {
    let algorithms = Vec::<ChecksumAlgorithm>::read(algorithms)?;
    interruptible(py, move || sums(&path, &parts, &algorithms))?
        .map_err(|error| errors::raised(py, &error, None))
}
