//! The members of a tar stream: ustar, GNU and PAX headers put together.
//!
//! The headers' fields are read by the crate `tar`; its iterator over entries is not used, as it
//! cuts PAX values at line breaks and does not read PAX sparse files.

mod blocks;

use std::io::{self, BufRead};

use rustix::fs::Timespec;
use tar::{EntryType, GnuExtSparseHeader, Header};

use super::pax::Pax;
use super::pump::Piped;
use super::sparse::{self, Map};

const BLOCK: usize = 512;

/// Type flag of a PAX header in Solaris' archives.
const SOLARIS_PAX: u8 = b'X';

/// Type flag of GNU tar's label for a whole archive.
const VOLUME_LABEL: u8 = b'V';

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
    /// All bits.
    pub(super) mode: u32,
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
        self.skip(self.left + self.padding)?;
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
            match header.entry_type() {
                EntryType::GNULongName => ahead.path = Some(self.long(&header)?),
                EntryType::GNULongLink => ahead.link = Some(self.long(&header)?),
                EntryType::XGlobalHeader => {
                    let bytes = self.extension(&header)?;
                    self.global.apply(&bytes)?;
                }
                kind if matches!(kind.as_byte(), b'x' | SOLARIS_PAX) => {
                    let bytes = self.extension(&header)?;
                    let mut pax = self.global.clone();
                    pax.apply(&bytes)?;
                    ahead.pax = Some(pax);
                }
                kind if kind.as_byte() == VOLUME_LABEL => {
                    let size = header.entry_size()?;
                    self.skip(size + padding(size))?;
                }
                kind => return self.member(&header, kind, ahead).map(Some),
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

    fn member(&mut self, header: &Header, kind: EntryType, ahead: Ahead) -> io::Result<Member> {
        let pax = ahead.pax.unwrap_or_else(|| self.global.clone());
        let path = (pax.sparse.as_ref().and_then(|sparse| sparse.name.clone()))
            .or(pax.path.clone())
            .or(ahead.path)
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let link = || {
            pax.linkpath
                .clone()
                .or(ahead.link.clone())
                .or_else(|| header.link_name_bytes().map(|name| name.into_owned()))
                .unwrap_or_default()
        };
        // Only files have data; GNU tar too goes by that and not by the size field of others.
        let kind = match kind {
            // Before ustar, a folder was a file with a slash at its name's end.
            EntryType::Regular if path.ends_with(b"/") => Kind::Folder,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                Kind::File(self.file(header, kind, &pax)?)
            }
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink => Kind::Link(link()),
            EntryType::Link => Kind::HardLink(link()),
            EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Special,
            other => Kind::Unsupported(other.as_byte()),
        };
        Ok(Member {
            path,
            kind,
            mode: header.mode()?,
            mtime: match pax.mtime {
                Some(mtime) => mtime,
                None => Timespec {
                    // GNU's base-256 fields hold times before the epoch as two's complement.
                    tv_sec: header.mtime()?.cast_signed(),
                    tv_nsec: 0,
                },
            },
        })
    }

    fn file(&mut self, header: &Header, kind: EntryType, pax: &Pax) -> io::Result<Map> {
        let size = match pax.size {
            Some(size) => size,
            None => header.entry_size()?,
        };
        let map = if kind == EntryType::GNUSparse {
            self.old_map(header, size)?
        } else if let Some(sparse) = &pax.sparse {
            let real = sparse.size.ok_or_else(sparse::malformed)?;
            match (sparse.major, sparse.minor) {
                (1, 0) => {
                    let (pieces, taken) = sparse::read(|| self.block())?;
                    let data = size.checked_sub(taken).ok_or_else(sparse::malformed)?;
                    let map = Map::new(pieces, real, data)?;
                    (self.left, self.padding) = (data, padding(data));
                    return Ok(map);
                }
                (0, _) => Map::new(sparse::pairs(&sparse.map)?, real, size)?,
                _ => return Err(sparse::malformed()),
            }
        } else {
            Map::whole(size)
        };
        (self.left, self.padding) = (size, padding(size));
        Ok(map)
    }

    fn old_map(&mut self, header: &Header, size: u64) -> io::Result<Map> {
        let gnu = header.as_gnu().ok_or_else(sparse::malformed)?;
        let mut pieces = Vec::new();
        let mut take = |headers: &[tar::GnuSparseHeader]| {
            for header in headers.iter().filter(|header| !header.is_empty()) {
                pieces.push((header.offset()?, header.length()?));
            }
            if pieces.len() > sparse::MAX_PIECES {
                return Err(sparse::malformed());
            }
            Ok(())
        };
        take(&gnu.sparse)?;
        let mut more = gnu.is_extended();
        while more {
            let mut extended = GnuExtSparseHeader::new();
            *extended.as_mut_bytes() = self.block()?;
            take(extended.sparse())?;
            more = extended.is_extended();
        }
        Map::new(pieces, gnu.real_size()?, size)
    }
}

/// Bytes from a member's end to the next block.
fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
