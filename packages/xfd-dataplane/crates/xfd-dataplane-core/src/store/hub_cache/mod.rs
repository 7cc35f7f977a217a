//! Blobs of a hub cache, the folder that `huggingface_hub` and xfd share.
//!
//! ```text
//! CACHE/REPOSITORY/blobs/NAME                the blob; its name says its content
//! CACHE/.locks/REPOSITORY/NAME.lock          the hub's lock of it, which other tools hold too
//! CACHE/.locks/REPOSITORY/.xfd-lock          our lock of the repository, while it is written
//! CACHE/REPOSITORY/.xfd/.NAME.xfd-part       the file being written, and its journal
//! RECORDS/.xfd                               the records, below the node's root
//! ```
//!
//! Nothing of ours is in `blobs`, and nothing at all is left when all blobs have landed. A blob that
//! another tool has put there is compared with its name once ([`by_name`]), and then has a record
//! like our own.

mod by_name;
mod claiming;
mod idle;

pub(crate) use by_name::settle;
pub(crate) use claiming::claim_all;
pub(crate) use idle::{release_idle, tidy};
