//! The core's errors as the classes of `xfd_api.errors`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use xfd_dataplane_core::error::{Error, Kind};

/// The class of `xfd_api.errors` for each kind.
const fn class_name(kind: Kind) -> &'static str {
    match kind {
        Kind::InvalidRequest => "InvalidRequestError",
        Kind::UnsafePath => "UnsafePathError",
        Kind::DestinationConflict => "DestinationConflictError",
        Kind::ObjectNotFound => "ObjectNotFoundError",
        Kind::AccessDenied => "AccessDeniedError",
        Kind::Credentials => "CredentialsError",
        Kind::OriginUnreachable => "OriginUnreachableError",
        Kind::OriginTimeout => "OriginTimeoutError",
        Kind::OriginThrottled => "OriginThrottledError",
        Kind::OriginAnswer => "OriginAnswerError",
        Kind::ObjectChanged => "ObjectChangedError",
        Kind::ChecksumMismatch => "ChecksumMismatchError",
        Kind::PinMismatch => "PinMismatchError",
        Kind::DestinationNotWritable => "DestinationNotWritableError",
        Kind::DestinationNotEmpty => "DestinationNotEmptyError",
        Kind::Destination => "DestinationError",
        Kind::DiskFull => "DiskFullError",
        Kind::DestinationBusy => "DestinationBusyError",
        Kind::ArchiveCorrupt => "ArchiveCorruptError",
        Kind::ArchiveUnsafe => "ArchiveUnsafeError",
        Kind::ArchiveTooLarge => "ArchiveTooLargeError",
        Kind::ArchiveUnsupported => "ArchiveUnsupportedError",
        Kind::CondaUnpack => "CondaUnpackError",
        Kind::Peer => "PeerError",
        Kind::PeerPort => "PeerPortError",
        Kind::Cancelled => "DownloadCancelledError",
        Kind::Internal => "InternalError",
    }
}

/// The exception itself, not raised. `node` is where it happened.
pub(crate) fn instance<'py>(
    py: Python<'py>,
    error: &Error,
    node: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("object", error.object.as_deref())?;
    fields.set_item("node", node)?;
    let path = error.path.as_deref().map(|path| path.to_string_lossy());
    fields.set_item("path", path)?;
    fields.set_item("remedy", error.remedy.as_deref())?;
    py.import("xfd_api.errors")?
        .getattr(class_name(error.kind))?
        .call((&error.what,), Some(&fields))
}

/// The exception to be raised.
pub(crate) fn raised(py: Python<'_>, error: &Error, node: Option<&str>) -> PyErr {
    match instance(py, error, node) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}
