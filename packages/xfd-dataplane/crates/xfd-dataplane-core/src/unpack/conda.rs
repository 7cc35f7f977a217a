//! Gives an environment that conda-pack packed its prefix, by the `conda-unpack` that it contains.
//!
//! Scripts and libraries of a conda environment name the folder that it was made in. conda-pack
//! adds `bin/conda-unpack`, which replaces that name by the folder that the script lies in. Here
//! that folder is the staged one, and a tree may have its final name only when it is complete. So
//! the functions of the script are called with the final name instead, by the tree's own
//! interpreter. What they changed is noted before the tree gets its place: a cached tree is one
//! that is as `conda-unpack` left it, and a killed run leaves a staged tree, which no record names.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use super::source;
use super::staging::Staging;
use super::task::Summary;
use super::tree;
use crate::error::{Error, Kind, Result};

const INTERPRETER: &str = "bin/python";
const SCRIPT: &str = "bin/conda-unpack";

/// Bytes of the child's complaint that are shown at most.
const SHOWN_BYTES: u64 = 500;

/// How often the end of the child is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

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
    let mut child = Command::new(root.join(INTERPRETER))
        .args(["-I", "-B", "-c", CALLER])
        .args([root.as_path(), staging.shown()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("Its {INTERPRETER} does not start: {error}")))?;
    let ended = wait(&mut child, cancel);
    let status = match ended {
        Ok(Some(status)) => status,
        Ok(None) => {
            let _ = child.kill();
            let _ = child.wait();
            return source::check(cancel);
        }
        Err(error) => return Err(failed(format!("Its {SCRIPT} was lost: {error}"))),
    };
    if !status.success() {
        let said = complaint(&mut child);
        let why = match (status.signal(), said.is_empty()) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, true) => status.to_string(),
            (None, false) => said,
        };
        return Err(failed(format!("Its {SCRIPT} failed: {why}")));
    }
    tree::look_again(staging.root(), staging.shown(), summary)
}

/// None if it is to stop.
fn wait(
    child: &mut Child,
    cancel: &AtomicBool,
) -> std::io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if source::check(cancel).is_err() {
            return Ok(None);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// The last line that the child wrote.
fn complaint(child: &mut Child) -> String {
    let mut said = Vec::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = stderr.take(SHOWN_BYTES).read_to_end(&mut said);
    }
    let said = String::from_utf8_lossy(&said);
    said.trim().lines().last().unwrap_or_default().to_owned()
}
