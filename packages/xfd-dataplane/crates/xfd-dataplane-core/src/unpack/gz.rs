//! A bare gzip file becomes one file in the destination, named as the key without `.gz`.

use std::io::{BufRead, Write};

use super::pump::Piped;
use super::source::corrupt;
use super::tree::{Tree, write_failed};
use crate::decides::archive::EntryKind;
use crate::error::Result;

/// Permission bits before the umask.
const MODE: u32 = 0o666;

/// Unpacks the whole stream.
///
/// The file has the time of its unpacking: gzip's own header is mostly without one.
pub(super) fn unpack(piped: &mut Piped, key: &str, tree: &mut Tree<'_>) -> Result<()> {
    let name = name(key);
    // No file is left out.
    let Some(place) = tree.place(name.as_bytes(), EntryKind::File)? else {
        return Ok(());
    };
    let mode = MODE & !tree.maker.umask();
    let mut file = tree.maker.file(&place.path, mode)?;
    let mut end: u64 = 0;
    loop {
        let bytes = piped.fill_buf().map_err(corrupt)?;
        if bytes.is_empty() {
            break;
        }
        tree.filter.grow(bytes.len() as u64)?;
        file.write_all(bytes)
            .map_err(|e| write_failed(&tree.maker, &place.path, e))?;
        let length = bytes.len();
        piped.consume(length);
        tree.maker.wrote(&file, end, end + length as u64);
        end += length as u64;
    }
    tree.end_file(&place.path, &file, None)
}

/// The key's last part without `.gz`, in any case; all of it where nothing else is left.
fn name(key: &str) -> &str {
    let last = key.rsplit('/').find(|part| !part.is_empty()).unwrap_or(key);
    let cut = last.len().saturating_sub(3);
    match last.split_at_checked(cut) {
        Some((stem, suffix)) if !stem.is_empty() && suffix.eq_ignore_ascii_case(".gz") => stem,
        _ => last,
    }
}
