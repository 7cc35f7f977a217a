//! The outcome of an order: a chunk that is held, or a failure with its cause.

use std::time::Instant;

use crate::error::{Error, Kind};
use crate::model::{Fault, ObjectIndex};

/// The result of a part of an order.
pub(crate) type Outcome<T> = std::result::Result<T, Failure>;

/// The chunk is here.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) crc: u64,
    /// Of the chunk, in bytes.
    pub(crate) size: u64,
    /// From the start of the order.
    pub(crate) seconds: f64,
    /// From the first byte, for all of the chunk at the pace of what was moved.
    pub(crate) transfer_seconds: f64,
    /// Objects that have no chunk missing now.
    pub(crate) whole: Vec<ObjectIndex>,
}

/// The order is given up.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Box<Error>,
    /// The side that caused it.
    pub(crate) fault: Fault,
    /// The source served bytes that differ from their checksum.
    pub(crate) bad_bytes: bool,
    /// No source can help.
    pub(crate) is_final: bool,
}

/// Makes a failure of a wrong checksum, with the cause that the fetch knows.
pub(crate) type Blame = fn(Error) -> Failure;

impl Failure {
    pub(crate) fn of_origin(error: Error) -> Self {
        Self {
            fault: Fault::Origin,
            bad_bytes: error.kind == Kind::ChecksumMismatch,
            is_final: !error.is_transient() && error.kind != Kind::ChecksumMismatch,
            error: Box::new(error),
        }
    }

    pub(crate) fn of_peer(error: Error) -> Self {
        Self {
            fault: Fault::Peer,
            bad_bytes: error.kind == Kind::ChecksumMismatch,
            is_final: false,
            error: Box::new(error),
        }
    }

    /// The body broke and a later request resumed it. If the peer fetched the chunk again in
    /// between, because its disk had gone bad, the two parts do not match although both were right.
    pub(crate) fn of_resumed_peer(error: Error) -> Self {
        Self {
            bad_bytes: false,
            ..Self::of_peer(error)
        }
    }

    /// An earlier order wrote the start of the chunk: the wrong bytes may be that one's.
    pub(crate) fn of_resumed_origin(error: Error) -> Self {
        Self {
            bad_bytes: false,
            ..Self::of_origin(error)
        }
    }

    pub(crate) fn of_node(error: Error) -> Self {
        Self {
            fault: Fault::Node,
            bad_bytes: false,
            is_final: matches!(
                error.kind,
                Kind::DiskFull | Kind::DestinationNotWritable | Kind::Cancelled
            ),
            error: Box::new(error),
        }
    }
}

/// When a fetch started and when its first byte came.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) started: Instant,
    pub(crate) first_byte: Option<Instant>,
}

impl Times {
    pub(crate) fn now() -> Self {
        Self {
            started: Instant::now(),
            first_byte: None,
        }
    }
}
