//! Paths of entries and targets of links: cleaning, splitting, and the errors that name them.

use crate::error::{Error, Kind, Result};
use crate::model::Links;

/// Longest path that Linux takes, in bytes.
pub(super) const MAX_PATH_BYTES: usize = 4095;

/// Longest name of one file or folder that Linux takes, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Remedy for a refusal that does not apply to a trusted archive.
const TRUST_REMEDY: &str = "If you trust the archive, unpack it with UnpackOptions(links=\"keep\") \
                     (xfd-get: --links keep)";

/// The path without `.`, doubled and trailing slashes. In a trusted archive a slash at its start is
/// dropped, as with GNU tar.
///
/// # Errors
/// `ArchiveUnsafe` for a path that is not below the tree; `ArchiveUnsupported` for one that is too
/// long.
pub(super) fn clean(path: &[u8], links: Links) -> Result<Vec<u8>> {
    if path.is_empty() || path.contains(&0) {
        return Err(refused(path, "has no proper path"));
    }
    if path.first() == Some(&b'/') && links == Links::Safe {
        return Err(refused(path, "has an absolute path").with_remedy(TRUST_REMEDY));
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
    if clean.len() > MAX_PATH_BYTES {
        return Err(too_long(path));
    }
    Ok(clean)
}

pub(super) fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
}

/// The folder of a clean path.
pub(super) fn parent(clean: &[u8]) -> &[u8] {
    split(clean).0
}

/// The folder of a clean path, and its last name.
pub(super) fn split(clean: &[u8]) -> (&[u8], &[u8]) {
    match clean.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&clean[..slash], &clean[slash + 1..]),
        None => (&[], clean),
    }
}

/// A clean path of a name in a folder.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder.is_empty() {
        true => name.to_vec(),
        false => [folder, b"/", name].concat(),
    }
}

pub(super) fn climbs_after_a_name(target: &[u8]) -> bool {
    components(target)
        .skip_while(|part| *part == b"..")
        .any(|part| part == b"..")
}

/// An entry that could do harm.
pub(super) fn refused(path: &[u8], why: &str) -> Error {
    Error::new(Kind::ArchiveUnsafe, about(path, why))
}

/// An entry that could do harm, and is accepted from a trusted archive.
pub(super) fn refused_unless_trusted(path: &[u8], why: &str) -> Error {
    refused(path, why).with_remedy(TRUST_REMEDY)
}

pub(super) fn unsupported(path: &[u8], flag: u8) -> Error {
    let why = format!("is of the kind '{}'", flag.escape_ascii());
    Error::new(Kind::ArchiveUnsupported, about(path, &why)).with_remedy(TRUST_REMEDY)
}

pub(super) fn too_long(path: &[u8]) -> Error {
    let why = format!(
        "has a name or a target of more than {MAX_PATH_BYTES} bytes, which Linux does not take"
    );
    Error::new(Kind::ArchiveUnsupported, about(path, &why))
}

/// Refuses a place that has a name in it which Linux does not take; `path` is the entry's own.
///
/// # Errors
/// `ArchiveUnsupported`.
pub(super) fn check_names(place: &[u8], path: &[u8]) -> Result<()> {
    match components(place).all(|name| name.len() <= MAX_NAME_BYTES) {
        true => Ok(()),
        false => {
            let why = format!(
                "has a name of more than {MAX_NAME_BYTES} bytes in its path, which Linux does not \
                 take"
            );
            Err(Error::new(Kind::ArchiveUnsupported, about(path, &why)))
        }
    }
}

pub(super) fn contradiction(path: &[u8]) -> Error {
    Error::new(
        Kind::ArchiveCorrupt,
        format!(
            "The archive has '{}' as a folder with entries and as something else",
            shown(path)
        ),
    )
}

fn about(path: &[u8], why: &str) -> String {
    format!("The archive's entry '{}' {why}", shown(path))
}

/// A path for an error message: bounded, and without control characters.
fn shown(path: &[u8]) -> String {
    const MAX_BYTES: usize = 256;
    let start = &path[..path.len().min(MAX_BYTES)];
    let text = String::from_utf8_lossy(start).escape_debug().to_string();
    match start.len() < path.len() {
        true => text + "…",
        false => text,
    }
}
