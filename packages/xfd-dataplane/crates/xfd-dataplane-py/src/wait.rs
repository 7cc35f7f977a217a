//! Long waits that let go of the interpreter and still hear Ctrl-C.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How long a wait stays away from the interpreter: a Ctrl-C is acted on within this time.
const SLICE: Duration = Duration::from_millis(100);

/// How long a wait of at most `longest` may stay away from the interpreter. Signals are handled in the
/// main thread alone, so one in another thread need not wake up for them.
pub fn slice(py: Python<'_>, longest: Duration) -> PyResult<Duration> {
    let threading = py.import("threading")?;
    let current = threading.call_method0("current_thread")?;
    let is_main = current.is(&threading.call_method0("main_thread")?);
    Ok(if is_main { SLICE } else { longest })
}

/// Does blocking work in a thread of its own and returns its result. When a signal handler raises,
/// the exception is passed on at once and the work is left to end by itself.
pub fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (tell, mut told) = channel();
    thread::Builder::new()
        .name("xfd-call".into())
        .spawn(move || {
            // Nobody listens any more after a signal; the result is dropped then.
            let _ = tell.send(work());
        })?;
    loop {
        let told = &mut told;
        match py.detach(move || told.recv_timeout(SLICE)) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the data plane's thread panicked"));
            }
        }
    }
}
