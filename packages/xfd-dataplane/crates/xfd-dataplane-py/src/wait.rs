//! Long waits that release the interpreter and still act on Ctrl-C.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How long a wait does not look for signals: a Ctrl-C acts within this time.
const SLICE: Duration = Duration::from_millis(100);

/// How long a wait of at most `longest` may go without looking for signals. Only the main thread
/// handles signals, so a wait in another thread need not wake up for them.
pub(crate) fn slice(py: Python<'_>, longest: Duration) -> PyResult<Duration> {
    let threading = py.import("threading")?;
    let current = threading.call_method0("current_thread")?;
    let is_main = current.is(&threading.call_method0("main_thread")?);
    Ok(if is_main { SLICE } else { longest })
}

/// Does blocking work in a thread of its own and returns its result. If a signal handler raises,
/// the exception is passed on at once and the work is left to end by itself.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (sender, mut receiver) = channel();
    thread::Builder::new()
        .name("xfd-call".into())
        .spawn(move || {
            // After a signal the receiver is gone, and the result is dropped.
            let _ = sender.send(work());
        })?;
    loop {
        let receiver = &mut receiver;
        match py.detach(move || receiver.recv_timeout(SLICE)) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the data plane's thread panicked"));
            }
        }
    }
}
