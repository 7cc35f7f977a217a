//! The atomics of [`super::handshake`]. The models of `xfd-dataplane-models` put loom's in their
//! place.

pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
