//! Links, folders and odd files of a directory.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::source::{FileOrigin, Origin};

use crate::places::{bytes_of, get};

#[tokio::test]
async fn links_are_followed_inside_and_refused_outside() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("private"), "mine").unwrap();
    let store = tempfile::tempdir().unwrap();
    let root = store.path();
    fs::create_dir_all(root.join("blobs")).unwrap();
    fs::create_dir_all(root.join("tree/sub")).unwrap();
    fs::write(root.join("blobs/a"), "weights").unwrap();
    symlink("../blobs/a", root.join("tree/model")).unwrap();
    symlink("..", root.join("tree/sub/round")).unwrap();
    let origin = FileOrigin::new(root);

    let body = origin.get(get("tree/model", None, None)).await;
    assert_eq!(bytes_of(body).await, Ok(b"weights".to_vec()));
    let listed = origin.list(None, "tree").await.unwrap();
    let listed: Vec<_> = listed.iter().map(|found| found.key.as_str()).collect();
    assert_eq!(listed, ["tree/model"]);

    symlink(outside.path(), root.join("tree/out")).unwrap();
    for key in ["tree/out/private", "tree/../../etc/passwd", "/etc/passwd"] {
        let body = origin.get(get(key, None, None)).await;
        assert_eq!(bytes_of(body).await.unwrap_err().kind, Kind::UnsafePath);
    }
    symlink("nowhere", root.join("tree/dangling")).unwrap();
    fs::write(root.join("tree").join(OsStr::from_bytes(b"n\xff")), "x").unwrap();
    let listed = origin.list(None, "tree").await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|found| {
            let refused = found.refused.as_ref().map(|error| error.kind);
            (found.key.as_str(), refused)
        })
        .collect();
    // The caller may leave them out.
    let expected = [
        ("tree/dangling", Some(Kind::ObjectNotFound)),
        ("tree/model", None),
        ("tree/n\u{fffd}", Some(Kind::UnsafePath)),
        ("tree/out", Some(Kind::UnsafePath)),
    ];
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn only_files_are_objects() {
    let store = tempfile::tempdir().unwrap();
    fs::create_dir_all(store.path().join("folder/empty")).unwrap();
    let origin = FileOrigin::new(store.path());
    let error = origin.head(None, "folder").await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
    assert_eq!(origin.list(None, "folder").await, Ok(vec![]));
    let error = origin.head(Some("bucket"), "folder").await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
}

#[tokio::test]
async fn a_store_without_its_directory_is_not_an_empty_store() {
    let origin = FileOrigin::new("/no/such/directory");
    let error = origin.list(None, "").await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
}
