//! Panics become errors: a bug costs the order or object that it occurs in, and nothing waits for
//! it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Kind, Result};

/// Runs a function; a panic in it becomes an `Internal` error. What it works on has to stay usable:
/// see [`crate::threads::locked`].
pub(crate) fn catch<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(error_of(what, panic.as_ref())))
}

/// The error that a panic becomes.
pub(crate) fn error_of(what: &str, panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let said = said.unwrap_or("no message");
    tracing::error!(what, said, "panicked");
    Error::new(Kind::Internal, format!("{what} panicked: {said}"))
}
