//! A bug costs what it was met in, and nothing waits for it for ever.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Kind, Result};

/// Runs something; a panic in it becomes an error that says so. What it works on has to be usable
/// afterwards: mutexes here are entered even when poisoned.
pub(crate) fn caught<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(what, panic.as_ref())))
}

/// The error that a panic becomes.
pub(crate) fn panicked(what: &str, panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let said = said.unwrap_or("no message");
    tracing::error!(what, said, "panicked");
    Error::new(Kind::Internal, format!("{what} panicked: {said}"))
}
