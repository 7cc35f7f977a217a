//! Files of passwords.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use super::netrc::find;

/// A file is read, or its line is named. What is written from a name and a password is read again.
pub(crate) fn netrc(data: &[u8]) {
    let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
    for host in ["a", "host", ""] {
        for user in [None, Some(&b"u"[..])] {
            if let Err(line) = find(data, host, user) {
                assert!((1..=lines).contains(&line), "{line}");
            }
        }
    }
    let (name, password) = data.split_at(data.len() / 2);
    let quoted = |word: &[u8]| {
        let escaped = word.iter().flat_map(|byte| match byte {
            b'"' | b'\\' => vec![b'\\', *byte],
            other => vec![*other],
        });
        [b"\"".to_vec(), escaped.collect(), b"\"".to_vec()].concat()
    };
    let (name_text, password_text) = (quoted(name), quoted(password));
    let head: &[u8] = b"# comment\nmachine host login ";
    let written = [head, &name_text, b" password ", &password_text].concat();
    let login = find(&written, "host", None).expect("it is a file of passwords");
    let read = login.map(|it| (it.name, it.password)).unwrap_or_default();
    assert_eq!(read, (name.to_vec(), password.to_vec()));
}
