//! The names of entries and the targets of links, taken apart.

use crate::error::{Error, Kind, Result};

/// The path without `.`, doubled and trailing slashes; an error for one that is not below here.
pub(super) fn clean(path: &[u8]) -> Result<Vec<u8>> {
    if path.is_empty() || path.contains(&0) {
        return Err(refused(path, "has no proper path"));
    }
    if path.first() == Some(&b'/') {
        return Err(refused(path, "has an absolute path"));
    }
    let mut clean = Vec::with_capacity(path.len());
    for part in components(path) {
        if part == b".." {
            return Err(refused(path, "has a path with '..'"));
        }
        if !clean.is_empty() {
            clean.push(b'/');
        }
        clean.extend_from_slice(part);
    }
    Ok(clean)
}

pub(super) fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
}

/// The folder of a clean path.
pub(super) fn parent(clean: &[u8]) -> &[u8] {
    clean
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(&[], |slash| &clean[..slash])
}

pub(super) fn climbs_after_a_name(target: &[u8]) -> bool {
    components(target)
        .skip_while(|part| *part == b"..")
        .any(|part| part == b"..")
}

pub(super) fn refused(path: &[u8], why: &str) -> Error {
    Error::new(
        Kind::ArchiveUnsafe,
        format!(
            "The archive's entry '{}' {why}",
            String::from_utf8_lossy(path).escape_debug()
        ),
    )
}

pub(super) fn contradiction(path: &[u8]) -> Error {
    Error::new(
        Kind::ArchiveCorrupt,
        format!(
            "The archive has '{}' as a folder with entries and as something else",
            String::from_utf8_lossy(path).escape_debug()
        ),
    )
}
