//! Environments of conda-pack; `tests/test_conda_unpack.py` unpacks those of the real one.

use std::fs;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::UnpackMethod;

use super::support::{Place, below};

/// An archive whose interpreter is this shell script.
fn packed(interpreter: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in [("bin/conda-unpack", ""), ("bin/python", interpreter)] {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content.as_bytes())
            .unwrap();
    }
    tar.into_inner().unwrap()
}

fn place() -> Place {
    let mut place = Place::new();
    place.conda_unpack = true;
    place
}

#[test]
fn what_the_script_changes_and_removes_is_noted() {
    let place = place();
    // Arguments: -I -B -c, the caller, the tree, and its prefix.
    let script = "#!/bin/sh\nprintf %s \"$6\" > \"$5/bin/conda-unpack\"\nrm \"$5/bin/python\"\n";
    let summary = place.tar(&packed(script)).unwrap();
    let prefix = place.destination().display().to_string();
    assert_eq!(
        fs::read_to_string(place.destination().join("bin/conda-unpack")).unwrap(),
        prefix
    );
    let files: Vec<_> = summary.entries.iter().filter(|e| e.kind == 'f').collect();
    assert_eq!(files.len(), 1);
    assert_eq!(&*files[0].path, b"bin/conda-unpack");
    assert_eq!(files[0].size, prefix.len() as u64);
    assert_eq!(summary.bytes, prefix.len() as u64);
}

#[test]
fn a_script_that_hangs_is_stopped_with_its_run() {
    let place = place();
    let started = place.home.path().join("started");
    let script = format!("#!/bin/sh\ntouch {}\nexec sleep 1000\n", started.display());
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            while !started.exists() {
                thread::sleep(Duration::from_millis(2));
            }
            place.cancel.store(true, Ordering::Relaxed);
        });
        place.bytes(UnpackMethod::Tar, &packed(&script))
    });
    assert_eq!(error.expect_err("stopped").kind, Kind::Cancelled);
    fs::remove_file(&started).unwrap();
    assert!(below(place.home.path()).is_empty());
}

#[test]
fn a_script_that_says_much_ends_and_the_end_of_it_is_shown() {
    let flood = "#!/bin/sh\nyes no | head -c 1000000 >&2\necho the last word >&2\nexit 3\n";
    let error = place().tar(&packed(flood)).expect_err("failed");
    assert_eq!(error.kind, Kind::CondaUnpack);
    assert!(error.to_string().contains("the last word"), "{error}");
}

/// It has the script's standard error, and could write to the tree when it has its place.
#[test]
fn what_the_script_has_started_ends_with_it() {
    let started = Instant::now();
    for status in [0, 3] {
        let place = place();
        let pid = place.home.path().join("pid");
        let script = format!(
            "#!/bin/sh\nsleep 1000 &\necho $! > {}\nexit {status}\n",
            pid.display()
        );
        assert_eq!(place.tar(&packed(&script)).is_ok(), status == 0);
        let pid = fs::read_to_string(pid).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        // A signal takes a moment; then the system's first process may not have reaped it yet.
        while fs::read_to_string(&stat).is_ok_and(|it| !it.contains(") Z")) {
            assert!(started.elapsed() < Duration::from_secs(20), "{status}");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn the_script_has_no_environment_of_ours() {
    let place = place();
    let script = "#!/bin/sh\nenv > \"$5/bin/conda-unpack\"\n";
    place.tar(&packed(script)).unwrap();
    let seen = fs::read_to_string(place.destination().join("bin/conda-unpack")).unwrap();
    let names: Vec<&str> = seen
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        // The shell's own.
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    assert_eq!(names, ["PATH"]);
}
