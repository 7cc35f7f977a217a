//! A tar stream becomes a tree.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::finisher::{self, Begun, Finisher};
use super::members::{Kind, Member, Members};
use super::pump::Piped;
use super::source::corrupt;
use super::sparse::Map;
use super::tree::{Tree, write_failed};
use crate::decides::archive::What;
use crate::error::{Error, Kind as ErrorKind, Result};

/// Permission bits that an archive may set; set-id and sticky bits are not among them.
const PERMISSIONS: u32 = 0o777;

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
    let mode = member.mode & PERMISSIONS & !tree.maker.umask();
    let mtime = Some(member.mtime);
    match &member.kind {
        Kind::Folder => {
            let place = tree.place(&member.path, What::Folder)?;
            tree.folder(&place, Some(mode), mtime)
        }
        Kind::File(map) => {
            let place = tree.place(&member.path, What::File)?;
            tree.filter.grow(map.size)?;
            let file = tree.maker.file(&place.path, mode)?;
            if map.is_whole() && map.size <= finisher::MAX_BYTES {
                return finisher.take(Begun {
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
        Kind::Link(target) => {
            let place = tree.place(&member.path, What::Link(target))?;
            tree.link(&place, target, mtime)
        }
        Kind::HardLink(target) => {
            let place = tree.place(&member.path, What::HardLink(target))?;
            tree.hard_link(&place)
        }
        Kind::Special => tree.place(&member.path, What::Special).map(|_| ()),
        Kind::Unsupported(flag) => Err(Error::new(
            ErrorKind::ArchiveUnsupported,
            format!(
                "The archive's entry '{}' is of the kind '{}'",
                String::from_utf8_lossy(&member.path).escape_debug(),
                flag.escape_ascii()
            ),
        )),
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
