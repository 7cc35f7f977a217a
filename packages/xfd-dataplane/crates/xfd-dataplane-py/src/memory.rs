//! The allocator of the extension.

use std::panic::resume_unwind;
use std::thread::{self, Builder};
use std::time::Duration;

use pyo3::prelude::*;

/// Requests and answers are many small values of several threads. With small objects the system's
/// allocator took a sixth of the time, and it gives the buffers of large ones from fresh pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Longer than the runtime keeps a thread without work. Each thread has a heap of its own.
const THREADS_HAVE_ENDED: Duration = Duration::from_secs(3);

/// Gives what is free back to the system, now and once the threads of the work have ended.
///
/// The allocator does so by itself a second after memory became free, but only when something is
/// allocated. An idle node would keep what its last swarm took, and the next swarm would add to it.
pub(crate) fn give_back() {
    collect();
    let later = || {
        std::thread::sleep(THREADS_HAVE_ENDED);
        collect();
    };
    // Without a thread more memory stays until the next time.
    drop(Builder::new().name("xfd-memory".into()).spawn(later));
}

fn collect() {
    // SAFETY: it may be called at any time, in any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// Makes what the swarm keeps in a thread that ends then. What is freed later by other threads would
/// stay in the heap of a thread that lives on.
pub(crate) fn made_apart<T: Send>(
    py: Python<'_>,
    make: impl FnOnce(Python<'_>) -> PyResult<T> + Send,
) -> PyResult<T> {
    let apart = || thread::scope(|scope| scope.spawn(|| Python::attach(make)).join());
    py.detach(apart)
        .unwrap_or_else(|panic| resume_unwind(panic))
}
