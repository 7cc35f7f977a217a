//! Locks that stay usable after a panic, and threads.
//!
//! What the models of `xfd-dataplane-models` run (the store, the slots of a node, the places of a
//! server) takes them from here. The models put others in place of [`crate::primitives`], which try
//! one order of threads after another.

use std::sync::PoisonError;

pub(crate) use crate::primitives::{Condvar, Mutex, MutexGuard, scope};

/// Locks a mutex, also one that a panic elsewhere has poisoned: what the mutexes of this crate
/// guard is consistent between any two statements.
pub(crate) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for news, with the lock given back meanwhile.
pub(crate) fn wait_for_change<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
) -> MutexGuard<'a, T> {
    changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
}
