//! The members of a tar stream: ustar, GNU and PAX headers put together.
//!
//! Member by member, the last word on a name or a size is PAX's, then GNU's, then the header's.

mod blocks;

use std::io::{self, BufRead};

use rustix::fs::Timespec;

use super::header::{BLOCK, Header, more_pieces};
use super::pax::Pax;
use super::pump::Piped;
use super::sparse::{self, Map};

/// Type flags, as POSIX and the manual of GNU tar have them.
mod flag {
    pub(super) const FILE: u8 = b'0';
    pub(super) const OLD_FILE: u8 = 0;
    pub(super) const HARD_LINK: u8 = b'1';
    pub(super) const LINK: u8 = b'2';
    pub(super) const CHARACTER_DEVICE: u8 = b'3';
    pub(super) const BLOCK_DEVICE: u8 = b'4';
    pub(super) const FOLDER: u8 = b'5';
    pub(super) const FIFO: u8 = b'6';
    pub(super) const CONTIGUOUS: u8 = b'7';
    pub(super) const PAX: u8 = b'x';
    pub(super) const SOLARIS_PAX: u8 = b'X';
    pub(super) const GLOBAL_PAX: u8 = b'g';
    pub(super) const LONG_NAME: u8 = b'L';
    pub(super) const LONG_LINK: u8 = b'K';
    pub(super) const SPARSE: u8 = b'S';
    /// A folder with the list of what was in it, for incremental archives.
    pub(super) const DUMPED_FOLDER: u8 = b'D';
    /// A label for the whole archive.
    pub(super) const VOLUME_LABEL: u8 = b'V';
}

/// What a member is.
#[derive(Debug)]
pub(super) enum Kind {
    Folder,
    File(Map),
    Link(Vec<u8>),
    HardLink(Vec<u8>),
    Special,
    /// A kind that this does not unpack, with its type flag.
    Unsupported(u8),
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    /// All bits; None where the header has none.
    pub(super) mode: Option<u32>,
    pub(super) mtime: Timespec,
}

/// Reads members one after the other.
pub(super) struct Members<'p> {
    pub(super) piped: &'p mut Piped,
    /// Bytes of the current member's data that were not read, and its padding.
    left: u64,
    padding: u64,
    global: Pax,
    any: bool,
}

/// What extension headers said of the member to come.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Option<Pax>,
}

impl<'p> Members<'p> {
    pub(super) fn new(piped: &'p mut Piped) -> Self {
        Self {
            piped,
            left: 0,
            padding: 0,
            global: Pax::default(),
            any: false,
        }
    }

    /// The next member; None after the end marker, with the stream read to its end.
    pub(super) fn next(&mut self) -> io::Result<Option<Member>> {
        self.skip(self.left.saturating_add(self.padding))?;
        (self.left, self.padding) = (0, 0);
        let mut ahead = Ahead::default();
        loop {
            let header = self.header()?;
            let Some(header) = header else {
                if ahead.path.is_some() || ahead.link.is_some() || ahead.pax.is_some() {
                    return Err(invalid("an extension header at the end describes nothing"));
                }
                self.drain()?;
                return Ok(None);
            };
            match header.kind() {
                flag::LONG_NAME => ahead.path = Some(self.long(&header)?),
                flag::LONG_LINK => ahead.link = Some(self.long(&header)?),
                flag::GLOBAL_PAX => {
                    let bytes = self.extension(&header)?;
                    self.global.apply(&bytes)?;
                    // A map is one file's.
                    if self.global.sparse.is_some() {
                        return Err(sparse::malformed());
                    }
                }
                flag::PAX | flag::SOLARIS_PAX => {
                    let bytes = self.extension(&header)?;
                    let mut pax = self.global.clone();
                    pax.apply(&bytes)?;
                    ahead.pax = Some(pax);
                }
                flag::VOLUME_LABEL => {
                    let size = header.size()?;
                    self.skip(size.saturating_add(padding(size)))?;
                }
                _ => return self.member(&header, ahead).map(Some),
            }
        }
    }

    /// The current member's data as it comes, at most `most` bytes of it; consume by `took`.
    pub(super) fn data(&mut self, most: u64) -> io::Result<&[u8]> {
        let most = usize::try_from(most.min(self.left)).unwrap_or(usize::MAX);
        let bytes = self.piped.fill_buf()?;
        if bytes.is_empty() && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(&bytes[..bytes.len().min(most)])
    }

    pub(super) fn took(&mut self, bytes: usize) {
        self.piped.consume(bytes);
        self.left -= bytes as u64;
    }

    fn member(&mut self, header: &Header, ahead: Ahead) -> io::Result<Member> {
        let pax = ahead.pax.unwrap_or_else(|| self.global.clone());
        let path = (pax.sparse.as_ref().and_then(|sparse| sparse.name.clone()))
            .or_else(|| pax.path.clone())
            .or(ahead.path)
            .unwrap_or_else(|| header.path());
        let link = || {
            pax.linkpath
                .clone()
                .or_else(|| ahead.link.clone())
                .unwrap_or_else(|| header.link().to_vec())
        };
        let kind = match header.kind() {
            // Before ustar, a folder was a file with a slash at its name's end.
            flag::FILE | flag::OLD_FILE if path.ends_with(b"/") => Kind::Folder,
            flag::FILE | flag::OLD_FILE | flag::CONTIGUOUS | flag::SPARSE => {
                Kind::File(self.file(header, &pax)?)
            }
            // These have no data, whatever their size field says; GNU tar goes by that too.
            flag::FOLDER => Kind::Folder,
            flag::LINK => Kind::Link(link()),
            flag::HARD_LINK => Kind::HardLink(link()),
            flag::CHARACTER_DEVICE | flag::BLOCK_DEVICE | flag::FIFO => Kind::Special,
            flag::DUMPED_FOLDER => {
                self.has_data(pax.size.map_or_else(|| header.size(), Ok)?);
                Kind::Folder
            }
            other => {
                self.has_data(pax.size.map_or_else(|| header.size(), Ok)?);
                Kind::Unsupported(other)
            }
        };
        Ok(Member {
            path,
            kind,
            mode: header.mode(),
            mtime: pax.mtime.unwrap_or_else(|| Timespec {
                tv_sec: header.mtime(),
                tv_nsec: 0,
            }),
        })
    }

    fn has_data(&mut self, size: u64) {
        (self.left, self.padding) = (size, padding(size));
    }

    fn file(&mut self, header: &Header, pax: &Pax) -> io::Result<Map> {
        let size = match pax.size {
            Some(size) => size,
            None => header.size()?,
        };
        let map = if header.kind() == flag::SPARSE {
            self.old_map(header, size)?
        } else if let Some(sparse) = &pax.sparse {
            let real = sparse.size.ok_or_else(sparse::malformed)?;
            match (sparse.major, sparse.minor) {
                (1, 0) => {
                    let (pieces, taken) = sparse::read(|| self.block())?;
                    let data = size.checked_sub(taken).ok_or_else(sparse::malformed)?;
                    let map = Map::new(pieces, real, data)?;
                    self.has_data(data);
                    return Ok(map);
                }
                (0, _) => Map::new(sparse.map.pieces()?.to_vec(), real, size)?,
                _ => return Err(sparse::malformed()),
            }
        } else {
            Map::whole(size)
        };
        self.has_data(size);
        Ok(map)
    }

    fn old_map(&mut self, header: &Header, size: u64) -> io::Result<Map> {
        let (mut pieces, mut is_extended) = header.pieces()?;
        while is_extended {
            let more;
            (more, is_extended) = more_pieces(&self.block()?)?;
            pieces.extend(more);
            if pieces.len() > sparse::MAX_PIECES {
                return Err(sparse::malformed());
            }
        }
        Map::new(pieces, header.real_size()?, size)
    }
}

/// Bytes from a member's end to the next block.
fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
