//! The primitives of [`crate::threads`]. The models of `xfd-dataplane-models` put those of shuttle in
//! their place.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread::scope;
