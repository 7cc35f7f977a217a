//! Gives an environment that conda-pack packed its prefix, by the `conda-unpack` that it contains.
//!
//! Scripts and libraries of a conda environment name the folder that it was made in. conda-pack
//! adds `bin/conda-unpack`, which replaces that name by the folder that the script lies in. Here
//! that folder is the staged one, and a tree may have its final name only when it is complete. So
//! the functions of the script are called with the final name instead, by the tree's own
//! interpreter. What they changed is noted before the tree gets its place: a cached tree is one
//! that is as `conda-unpack` left it, and a killed run leaves a staged tree, which no record names.
//!
//! The interpreter runs as this process's user, so one asks for this only if one trusts the archive.
//! It has neither this process's environment nor its group: what it has started ends with it. What
//! it says is read while it runs, or it would wait for that. It has a time of its own: one that
//! hangs would hold a call without a deadline, and all other objects of it, for ever.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::source;
use super::staging::Staging;
use super::task::Summary;
use super::tree;
use crate::error::{Error, Kind, Result};

const INTERPRETER: &str = "bin/python";
const SCRIPT: &str = "bin/conda-unpack";

/// Where the child finds programs of the system.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Bytes of the child's complaint that are shown at most: the last ones.
const SHOWN_BYTES: usize = 500;

/// Parts of the complaint, of so many bytes, that are read at a look. It may have no end.
const PARTS: usize = 16;
const PART_BYTES: usize = 8 * 1024;

/// How often the end of the child is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long the script of a small environment may run.
const LEAST_TIME: Duration = Duration::from_secs(600);

/// A larger one has a second more for each so many bytes: it may read and write all of them, on a
/// slow network disk.
const BYTES_PER_S: u64 = 10_000_000;

/// How often a busy interpreter is tried again: for 2 seconds.
const BUSY_LOOKS: u32 = 400;

/// Runs with the staged tree and the prefix as arguments. Compiled modules whose source changes are
/// removed: an interpreter would write them anew, and the tree would no longer be as it was left.
const CALLER: &str = r#"
import importlib.util, os, sys
tree, prefix = sys.argv[1:]
script = os.path.join(tree, "bin", "conda-unpack")
sys.path.insert(0, os.path.dirname(script))
names = {"__name__": "conda_unpack", "__file__": script}
try:
    with open(script, encoding="utf-8") as text:
        exec(compile(text.read(), script, "exec"), names)
    for path, placeholder, mode in names["_prefix_records"]:
        path = os.path.join(tree, path)
        names["update_prefix"](path, prefix, placeholder, mode=mode)
        if path.endswith(".py"):
            compiled = importlib.util.cache_from_source(path)
            if os.path.exists(compiled):
                os.remove(compiled)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}".replace(tree, prefix))
"#;

/// Gives the staged tree its prefix, and notes in `summary` what changed.
///
/// # Errors
/// `CondaUnpack` if this is no tree of conda-pack, or its script fails; `Cancelled`.
pub(super) fn unpack(staging: &Staging, summary: &mut Summary, cancel: &AtomicBool) -> Result<()> {
    let root = staging.path();
    let failed = |what: String| Error::new(Kind::CondaUnpack, what).with_path(staging.shown());
    for name in [SCRIPT, INTERPRETER] {
        if !root.join(name).is_file() {
            return Err(failed(format!("The archive has no {name}")));
        }
    }
    let mut child = start(
        Command::new(root.join(INTERPRETER))
            .args(["-I", "-B", "-c", CALLER])
            .args([root.as_path(), staging.shown()])
            .env_clear()
            .env("PATH", PATH)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped()),
        BUSY_LOOKS,
    )
    .map_err(|error| failed(format!("Its {INTERPRETER} does not start: {error}")))?;
    if let Some(stderr) = &child.stderr {
        let _ = ioctl_fionbio(stderr, true);
    }
    let mut said = Vec::new();
    let time = time_for(summary.bytes);
    let ended = wait(&mut child, &mut said, cancel, Instant::now() + time);
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let status = child.wait();
    if !ended? {
        let minutes = time.as_secs() / 60;
        return Err(failed(format!(
            "Its {SCRIPT} did not end within {minutes} minutes"
        )));
    }
    let status = status.map_err(|error| failed(format!("Its {SCRIPT} was lost: {error}")))?;
    listen(&mut child, &mut said);
    if !status.success() {
        let said = last_line(&said);
        let why = match (status.signal(), said.is_empty()) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, true) => status.to_string(),
            (None, false) => said,
        };
        return Err(failed(format!("Its {SCRIPT} failed: {why}")));
    }
    tree::look_again(staging.root(), staging.shown(), summary)
}

/// Starts the child. A program that was just written is busy while a child of another thread, which
/// has not become its own program yet, still has the open file.
fn start(command: &mut Command, looks: u32) -> io::Result<Child> {
    for _ in 0..looks {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(LOOK_EVERY);
            }
            started => return started,
        }
    }
    command.spawn()
}

/// How long the script may run in a tree of so many bytes.
fn time_for(bytes: u64) -> Duration {
    LEAST_TIME + Duration::from_secs(bytes / BYTES_PER_S)
}

/// Whether the child has ended until then. It is not reaped yet, so its group's number is its own
/// still.
fn wait(
    child: &mut Child,
    said: &mut Vec<u8>,
    cancel: &AtomicBool,
    until: Instant,
) -> Result<bool> {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    // An error is met again where the child is reaped.
    while let Ok(None) = waitid(WaitId::Pid(Pid::from_child(child)), look) {
        source::check(cancel)?;
        if Instant::now() >= until {
            return Ok(false);
        }
        listen(child, said);
        thread::sleep(LOOK_EVERY);
    }
    Ok(true)
}

/// Reads what the child has said since, and keeps the end of it all.
fn listen(child: &mut Child, said: &mut Vec<u8>) {
    let Some(stderr) = &mut child.stderr else {
        return;
    };
    let mut part = [0; PART_BYTES];
    for _ in 0..PARTS {
        let Ok(read @ 1..) = stderr.read(&mut part) else {
            return;
        };
        said.extend_from_slice(&part[..read]);
        said.drain(..said.len().saturating_sub(SHOWN_BYTES));
    }
}

fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.trim().lines().last().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_program_that_is_open_for_writing_is_started_when_it_is_closed() {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("program");
        fs::write(&program, "#!/bin/sh\nexit 3\n").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let open = OpenOptions::new().append(true).open(&program).unwrap();
        let mut command = Command::new(&program);
        let busy = start(&mut command, 2).unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::ExecutableFileBusy);
        let mut child = thread::scope(|scope| {
            let started = scope.spawn(|| start(&mut command, u32::MAX));
            drop(open);
            started.join().unwrap().unwrap()
        });
        assert_eq!(child.wait().unwrap().code(), Some(3));
    }

    #[test]
    fn a_script_that_hangs_is_left_when_its_time_is_over() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let until = Instant::now() + Duration::from_millis(50);
        let ended = wait(&mut child, &mut Vec::new(), &AtomicBool::new(false), until);
        assert!(!ended.unwrap() && Instant::now() >= until);
        child.kill().unwrap();
        child.wait().unwrap();
        let much = time_for(36_000_000_000);
        assert_eq!((time_for(0), much), (LEAST_TIME, Duration::from_secs(4200)));
    }
}
