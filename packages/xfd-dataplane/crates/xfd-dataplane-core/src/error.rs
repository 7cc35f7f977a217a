//! The errors of the data plane: values with fields, one variant for each class of
//! `xfd_api.errors` that can be raised here. The pyo3 skin maps them by one exhaustive match.

use std::path::PathBuf;

/// What kind of error: names the Python class (see `xfd_api.errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each is documented at the Python class of the same name"
)]
pub enum Kind {
    InvalidRequest,
    UnsafePath,
    DestinationConflict,
    ObjectNotFound,
    AccessDenied,
    Credentials,
    OriginUnreachable,
    OriginTimeout,
    OriginThrottled,
    OriginAnswer,
    ObjectChanged,
    ChecksumMismatch,
    PinMismatch,
    DestinationNotWritable,
    DestinationNotEmpty,
    Destination,
    DiskFull,
    DestinationBusy,
    ArchiveCorrupt,
    ArchiveUnsafe,
    ArchiveTooLarge,
    ArchiveUnsupported,
    CondaUnpack,
    Peer,
    PeerPort,
    Cancelled,
    Internal,
}

/// What happened, to which object and path, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Error {
    /// Class of the error.
    pub kind: Kind,
    /// A sentence without a full stop; the underlying error's words are part of it.
    pub what: String,
    /// Key or uri concerned.
    pub object: Option<String>,
    /// Local path concerned.
    pub path: Option<PathBuf>,
    /// Overrides the class's own remedy.
    pub remedy: Option<String>,
    /// How long the other side asked to be left alone.
    pub retry_after: Option<std::time::Duration>,
    /// What the system said is that there is no such path.
    is_of_absent_path: bool,
}

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of a kind, with fields to be filled by the `with_*` functions.
    #[must_use]
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            object: None,
            path: None,
            remedy: None,
            retry_after: None,
            is_of_absent_path: false,
        }
    }

    /// The same, naming the object.
    #[must_use]
    pub fn with_object(mut self, object: impl Into<String>) -> Self {
        self.object.get_or_insert_with(|| object.into());
        self
    }

    /// The same, naming the path.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path.get_or_insert_with(|| path.into());
        self
    }

    /// The same, with a remedy of its own.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same, asking for patience.
    #[must_use]
    pub fn with_retry_after(mut self, wait: std::time::Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// What a file system said of a local path, as the kind a user can act on.
    #[must_use]
    pub fn of_path(error: &std::io::Error, doing: &str, path: impl Into<PathBuf>) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                Kind::DestinationNotWritable
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Kind::DiskFull,
            _ => Kind::Destination,
        };
        let mut made = Self::new(kind, format!("Could not {doing}: {error}")).with_path(path);
        made.is_of_absent_path = is_absent(error);
        made
    }

    /// The same error, as another kind.
    pub(crate) fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The same as a kind, unless the disk is full.
    pub(crate) fn into_kind(mut self, kind: Kind) -> Self {
        if self.kind != Kind::DiskFull {
            self.kind = kind;
        }
        self
    }

    /// Whether a file system said that there is no such path.
    #[must_use]
    pub fn is_of_absent_path(&self) -> bool {
        self.is_of_absent_path
    }

    /// Whether the same request may well succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            Kind::OriginUnreachable | Kind::OriginTimeout | Kind::OriginThrottled | Kind::Peer
        )
    }
}

/// Whether an error says that there is no such path.
pub(crate) fn is_absent(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
    )
}
