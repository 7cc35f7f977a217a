//! The locks and threads of xfd-dataplane-core, those of shuttle: it chooses who goes on at each.

pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use shuttle::thread::scope;
