//! A tar stream becomes a tree.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::finisher::{self, Finisher, Unfinished};
use super::members::{Kind, Member, Members};
use super::pump::Piped;
use super::source::corrupt;
use super::sparse::Map;
use super::tree::{Tree, write_failed};
use crate::decides::archive::EntryKind;
use crate::error::Result;

/// Permission bits that an archive may set; set-id and sticky bits are not among them.
const PERMISSIONS: u32 = 0o777;

/// Those of an entry whose header has none, before the umask.
const USUAL_OF_FILES: u32 = 0o666;
const USUAL_OF_FOLDERS: u32 = 0o777;

/// Unpacks the whole stream and reads it to its end.
pub(super) fn unpack(piped: &mut Piped, tree: &mut Tree<'_>) -> Result<()> {
    let mut members = Members::new(piped);
    let maker = tree.maker.again();
    let finished = finisher::with(&maker, |finisher| {
        while let Some(member) = members.next().map_err(corrupt)? {
            one(&member, &mut members, tree, finisher)?;
        }
        Ok(())
    })?;
    tree.finished(finished);
    Ok(())
}

fn one(
    member: &Member,
    members: &mut Members<'_>,
    tree: &mut Tree<'_>,
    finisher: &mut Finisher,
) -> Result<()> {
    let what = match &member.kind {
        Kind::Folder => EntryKind::Folder,
        Kind::File(_) => EntryKind::File,
        Kind::Link(target) => EntryKind::Link(target),
        Kind::HardLink(target) => EntryKind::HardLink(target),
        Kind::Special => EntryKind::Special,
        Kind::Unsupported(flag) => EntryKind::Unknown(*flag),
    };
    let Some(place) = tree.place(&member.path, what)? else {
        return Ok(());
    };
    let umask = tree.maker.umask();
    let mode = |usual| member.mode.unwrap_or(usual) & PERMISSIONS & !umask;
    let mtime = Some(member.mtime);
    match &member.kind {
        Kind::Folder => tree.folder(&place, Some(mode(USUAL_OF_FOLDERS)), mtime),
        Kind::File(map) => {
            let stored = map.stored();
            tree.filter.grow(stored)?;
            tree.filter.grow_hole(map.size - stored)?;
            let file = tree.maker.file(&place.path, mode(USUAL_OF_FILES))?;
            if map.is_whole() && map.size <= finisher::MAX_BYTES {
                return finisher.take(Unfinished {
                    entry: tree.begin_file(&place.path),
                    path: place.path,
                    file,
                    bytes: bytes_of(map, members)?,
                    mtime,
                });
            }
            write(&file, &place.path, map, members, tree)?;
            tree.end_file(&place.path, &file, mtime)
        }
        Kind::Link(target) => tree.link(&place, target, mtime),
        Kind::HardLink(_) => tree.hard_link(&place),
        // The filter has refused it or left it out.
        Kind::Special | Kind::Unsupported(_) => Ok(()),
    }
}

/// All bytes of a small file without holes.
fn bytes_of(map: &Map, members: &mut Members<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(map.size).unwrap_or_default());
    while (bytes.len() as u64) < map.size {
        let more = members
            .data(map.size - bytes.len() as u64)
            .map_err(corrupt)?;
        bytes.extend_from_slice(more);
        let taken = more.len();
        members.took(taken);
    }
    Ok(bytes)
}

/// Writes a file's pieces; what lies between them stays a hole.
fn write(
    file: &File,
    path: &[u8],
    map: &Map,
    members: &mut Members<'_>,
    tree: &Tree<'_>,
) -> Result<()> {
    let failed = |error| write_failed(&tree.maker, path, error);
    let mut end = 0;
    // GNU tar marks a hole at a file's end by an empty piece there.
    for (offset, length) in map.pieces.iter().filter(|(_, length)| *length > 0) {
        end = *offset;
        let mut left = *length;
        while left > 0 {
            let bytes = members.data(left).map_err(corrupt)?;
            file.write_all_at(bytes, end).map_err(failed)?;
            let taken = bytes.len();
            members.took(taken);
            left -= taken as u64;
            tree.maker.wrote(file, end, end + taken as u64);
            end += taken as u64;
        }
    }
    if end < map.size {
        file.set_len(map.size).map_err(failed)?;
    }
    Ok(())
}
