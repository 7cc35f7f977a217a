//! The async runtime of a node.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Kind, Result};

/// Runtime threads at most. Blocking work has threads of its own.
///
/// There is one thread for two cores: the kernel's part of a transfer (interrupts, page cache)
/// takes the others, and one thread moves more than 2 GiB/s. On two cores a second thread waits for
/// the first one's writes to the same file, and costs 7 % more processor time.
const MAX_THREADS: usize = 4;

/// How long a thread for blocking work waits for more of it. A hundred of them may have been at work,
/// each with a heap of its own.
const IDLE_THREAD: Duration = Duration::from_secs(1);

/// A runtime for a machine with this number of cores.
///
/// # Errors
/// `Internal` if the system gives no threads.
pub(crate) fn start(cores: usize) -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads((cores / 2).clamp(1, MAX_THREADS))
        .thread_name("xfd")
        .thread_keep_alive(IDLE_THREAD)
        .enable_all()
        .on_thread_start(block_sigpipe)
        .build()
        .map_err(|error| Error::new(Kind::Internal, format!("No threads: {error}")))
}

/// Keeps sendfile to a peer that is gone from ending the process.
///
/// Unlike send, sendfile has no flag for that, and whether the process ignores the signal is the
/// process's own choice. The signal stays pending on the thread; the call fails with EPIPE anyway.
fn block_sigpipe() {
    // SAFETY: the set is initialised by the first call, and only this thread's mask is changed.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}
