//! Servers as child processes: one per test binary, ended by the kernel with it.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts a server that lives as long as this process; None where there is none to start.
///
/// The kernel ends a child with the thread that made it, and a test's thread ends with the test:
/// the thread that makes this one stays.
pub fn keep<T: Send + 'static>(
    start: impl FnOnce() -> Option<(T, Child)> + Send + 'static,
) -> Option<T> {
    let (started, wait) = mpsc::channel();
    std::thread::spawn(move || match start() {
        None => started.send(None).unwrap(),
        Some((server, mut child)) => {
            started.send(Some(server)).unwrap();
            child.wait().unwrap();
        }
    });
    wait.recv().expect("a server that is there should start")
}

/// Says that a server's tests are skipped, where nobody has named its binary. One that is named has
/// to be there: the caller of the tests relies on it.
pub fn note_absence(server: &str, variable: &str, is_there: bool) {
    if is_there {
        return;
    }
    let named = std::env::var_os(variable);
    assert!(
        named.is_none(),
        "{variable} names {named:?}, which is not there"
    );
    eprintln!("skipped: there is no {server} (set {variable})");
}

/// Runs a command in a directory, with its output in a file there, until it is ready; None where
/// there is no such binary.
pub fn spawn(
    command: &mut Command,
    directory: &Path,
    is_ready: impl Fn() -> bool,
) -> Option<Child> {
    let log = std::fs::File::create(directory.join("log")).unwrap();
    command
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    end_with_this_thread(command);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{command:?} cannot be started: {error}"),
    };
    let deadline = Instant::now() + START_TIMEOUT;
    while !is_ready() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{command:?} ended: {ended:?}");
        assert!(Instant::now() < deadline, "{command:?} does not get ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(child)
}

/// An empty directory in the build's own folder; those of processes that are gone are removed.
pub fn fresh_directory(server: &str) -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let prefix = format!("{server}-");
    for entry in std::fs::read_dir(all).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if let Some(process) = name.strip_prefix(&prefix)
            && !Path::new("/proc").join(process).exists()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let directory = all.join(format!("{prefix}{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn end_with_this_thread(command: &mut Command) {
    let ask = || {
        let signal = rustix::process::Signal::KILL;
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        Ok(())
    };
    // SAFETY: one system call between fork and exec; nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(ask) };
}
