//! Other users, other kinds of files, and mounts of a test's own.

#![allow(dead_code, reason = "no test binary uses all of it")]

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A user that owns nothing.
pub const STRANGER: u32 = 65534;

/// Whether the test may act for other users; says what is left out where it may not.
pub fn is_root(what: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped, needs root: {what}");
    }
    is_root
}

pub fn give_to_stranger(path: &Path) {
    std::os::unix::fs::lchown(path, Some(STRANGER), Some(STRANGER)).unwrap();
}

/// Runs in a thread that belongs to another user: on Linux each thread has an identity of its own.
pub fn as_stranger<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: plain system calls without pointers that outlive them; they change the
            // calling thread alone, where libc's functions of these names would change all.
            unsafe {
                let none: *const libc::gid_t = std::ptr::null();
                assert_eq!(libc::syscall(libc::SYS_setgroups, 0, none), 0);
                assert_eq!(
                    libc::syscall(libc::SYS_setresgid, STRANGER, STRANGER, STRANGER),
                    0
                );
                assert_eq!(
                    libc::syscall(libc::SYS_setresuid, STRANGER, STRANGER, STRANGER),
                    0
                );
            }
            run()
        });
        thread.join().unwrap()
    })
}

/// Runs in a thread that has mounts of its own, with a small disk in memory at `place`; None where
/// the system does not allow that.
pub fn with_a_disk_at<T: Send>(place: &Path, run: impl FnOnce() -> T + Send) -> Option<T> {
    let place = CString::new(place.as_os_str().as_bytes()).unwrap();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: the strings end in NUL and live longer than the calls; unshare changes the
            // calling thread alone.
            let mounted = unsafe {
                libc::unshare(libc::CLONE_NEWNS) == 0
                    && libc::mount(
                        std::ptr::null(),
                        c"/".as_ptr(),
                        std::ptr::null(),
                        libc::MS_REC | libc::MS_PRIVATE,
                        std::ptr::null(),
                    ) == 0
                    && libc::mount(
                        c"xfd".as_ptr(),
                        place.as_ptr(),
                        c"tmpfs".as_ptr(),
                        0,
                        c"size=8m,mode=755".as_ptr().cast(),
                    ) == 0
            };
            mounted.then(run)
        });
        thread.join().unwrap()
    })
}

/// What may lie where a file is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    Fifo,
    Socket,
    Device,
    Folder,
    DanglingLink,
    LinkToFile,
    LinkToDevice,
    LinkToFifo,
    LinkToFolder,
    LinkToHuge,
    HardLink,
    Strangers,
}

pub const ODD: [Odd; 12] = [
    Odd::Fifo,
    Odd::Socket,
    Odd::Device,
    Odd::Folder,
    Odd::DanglingLink,
    Odd::LinkToFile,
    Odd::LinkToDevice,
    Odd::LinkToFifo,
    Odd::LinkToFolder,
    Odd::LinkToHuge,
    Odd::HardLink,
    Odd::Strangers,
];

/// Puts such a thing at `path`; links lead to `aside`, a folder. False where that is not allowed.
pub fn put(odd: Odd, path: &Path, aside: &Path) -> bool {
    use std::os::unix::fs::symlink;
    let node = |path: &Path, kind, device| {
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, device).is_ok()
    };
    let null = rustix::fs::makedev(1, 3);
    let target = aside.join("target");
    match odd {
        Odd::Fifo => node(path, rustix::fs::FileType::Fifo, 0),
        Odd::Socket => std::os::unix::net::UnixListener::bind(path).is_ok(),
        Odd::Device => node(path, rustix::fs::FileType::CharacterDevice, null),
        Odd::Folder => std::fs::create_dir(path).is_ok(),
        Odd::DanglingLink => symlink(aside.join("nothing"), path).is_ok(),
        Odd::LinkToFile => {
            std::fs::write(&target, b"kept").unwrap();
            symlink(&target, path).is_ok()
        }
        Odd::LinkToDevice => {
            node(&target, rustix::fs::FileType::CharacterDevice, null)
                && symlink(&target, path).is_ok()
        }
        Odd::LinkToFifo => {
            node(&target, rustix::fs::FileType::Fifo, 0) && symlink(&target, path).is_ok()
        }
        Odd::LinkToFolder => symlink(aside, path).is_ok(),
        Odd::LinkToHuge => {
            let huge = std::fs::File::create(&target).unwrap();
            huge.set_len(1 << 40).is_ok() && symlink(&target, path).is_ok()
        }
        Odd::HardLink => {
            std::fs::write(&target, b"kept").unwrap();
            std::fs::hard_link(&target, path).is_ok()
        }
        Odd::Strangers => {
            std::fs::write(path, b"theirs").unwrap();
            is_root("a file of another user")
                .then(|| give_to_stranger(path))
                .is_some()
        }
    }
}

/// Whether what such a thing leads to is as it was put there.
pub fn is_untouched(odd: Odd, aside: &Path) -> bool {
    let target = aside.join("target");
    match odd {
        Odd::LinkToFile | Odd::HardLink => std::fs::read(target).unwrap() == b"kept",
        Odd::LinkToHuge => target.metadata().unwrap().len() == 1 << 40,
        Odd::DanglingLink => !aside.join("nothing").exists(),
        Odd::LinkToFolder => std::fs::read_dir(aside).unwrap().next().is_none(),
        _ => true,
    }
}
