//! The allocator of the extension.

use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Requests and answers are many small values of several threads. With small objects the system's
/// allocator took a sixth of the time, and it gives the buffers of large ones from fresh pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Longer than the runtime keeps a thread without work. Each thread has a heap of its own.
const THREADS_HAVE_ENDED: Duration = Duration::from_secs(3);

/// When memory is given back next. While it is known, one thread waits for that.
static NEXT: Mutex<Option<Instant>> = Mutex::new(None);

/// Gives what is free back to the system, now and once the threads of the work have ended.
///
/// The allocator does so by itself a second after memory became free, but only when something is
/// allocated. An idle node would keep what its last swarm took, and the next swarm would add to it.
pub(crate) fn give_back() {
    collect();
    let is_waited_for = next()
        .replace(Instant::now() + THREADS_HAVE_ENDED)
        .is_some();
    if is_waited_for {
        return;
    }
    let waiting = Builder::new().name("xfd-memory".into());
    if waiting.spawn(collect_later).is_err() {
        // Without a thread more memory stays until the next time.
        *next() = None;
    }
}

/// Waits until no swarm was left for a while.
fn collect_later() {
    while let Some(left) = time_left() {
        thread::sleep(left);
    }
    collect();
}

/// How long to wait still; None once that is over, and the next one who leaves starts a thread.
fn time_left() -> Option<Duration> {
    let mut next = next();
    let left = next.map(|at| at.saturating_duration_since(Instant::now()));
    let left = left.filter(|left| !left.is_zero());
    if left.is_none() {
        *next = None;
    }
    left
}

fn next() -> MutexGuard<'static, Option<Instant>> {
    NEXT.lock().unwrap_or_else(PoisonError::into_inner)
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
