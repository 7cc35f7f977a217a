//! Names and passwords of the file .netrc, as curl and Python's `requests` read it.
//!
//! * The file is the one of `NETRC`, else `~/.netrc`. Its mode does not matter, as for both.
//! * The first entry of the host counts; `default` is the entry of every host. If the URL names a
//!   user, the entry has to be that user's.
//! * Words are separated by white space. One in double quotes may hold any character, with `\"`,
//!   `\\`, `\n`, `\r` and `\t`. Where a keyword may stand, `#` begins a comment.
//! * `macdef` names a macro, which goes up to the next empty line.
//!
//! A store asks for it by name, so a file that is missing or broken is an error.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::model::Secret;

/// Longest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// A name and its password.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) name: Vec<u8>,
    pub(super) password: Vec<u8>,
}

/// The value of the Authorization header for a host, from this node's file; `user` is the one that
/// the URL names.
///
/// # Errors
/// `Credentials`, with the file's path and the line.
pub(in crate::source) fn credential_of_netrc(
    host: &str,
    user: Option<&[u8]>,
) -> Result<Option<Secret>> {
    let path = path(
        std::env::var_os("NETRC").map(PathBuf::from),
        std::env::home_dir(),
    )?;
    let login = find(&read(&path)?, host, user).map_err(|line| {
        let what = format!("Line {line} of the file is no line of a .netrc file");
        Error::new(Kind::Credentials, what)
            .with_path(&path)
            .with_remedy("Write it as: machine HOST login NAME password PASSWORD")
    })?;
    Ok(login.map(|login| basic(&login.name, &login.password)))
}

/// RFC 7617, 2.
pub(in crate::source) fn basic(name: &[u8], password: &[u8]) -> Secret {
    let plain = [name, b":", password].concat();
    Secret(format!("Basic {}", aws_smithy_types::base64::encode(plain)))
}

fn path(variable: Option<PathBuf>, home: Option<PathBuf>) -> Result<PathBuf> {
    match (variable.filter(|path| !path.as_os_str().is_empty()), home) {
        (Some(path), home) => Ok(match (path.strip_prefix("~"), home) {
            (Ok(below), Some(home)) => home.join(below),
            _ => path,
        }),
        (None, Some(home)) => Ok(home.join(".netrc")),
        (None, None) => Err(Error::new(Kind::Credentials, "There is no home directory")
            .with_remedy("Set NETRC to the file's path")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let refused = |why: String| {
        Error::new(Kind::Credentials, format!("The file of passwords {why}"))
            .with_path(path)
            .with_remedy("Put it there on every node, or set NETRC, or drop netrc=True")
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| refused(format!("is not read: {error}")));
    let read = file?.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| refused(format!("is not read: {error}")))?;
    match bytes.len() as u64 > MAX_BYTES {
        true => Err(refused("is longer than 1 MiB".to_owned())),
        false => Ok(bytes),
    }
}

/// The login of a host; the line of what cannot be read is the error.
pub(super) fn find(
    text: &[u8],
    host: &str,
    user: Option<&[u8]>,
) -> std::result::Result<Option<Login>, usize> {
    let mut words = Words {
        rest: text,
        line: 1,
    };
    let mut entry: Option<(bool, Login)> = None;
    let mut found = None;
    let take = |entry: &mut Option<(bool, Login)>, found: &mut Option<Login>| {
        if let Some((is_ours, login)) = entry.take()
            && is_ours
            && user.is_none_or(|user| user == login.name)
        {
            found.get_or_insert(login);
        }
    };
    while let Some(keyword) = words.keyword()? {
        let line = words.line;
        match (keyword.as_slice(), &mut entry) {
            (b"machine", _) => {
                take(&mut entry, &mut found);
                let name = words.value()?;
                entry = Some((name.eq_ignore_ascii_case(host.as_bytes()), Login::default()));
            }
            (b"default", _) => {
                take(&mut entry, &mut found);
                entry = Some((true, Login::default()));
            }
            (b"login" | b"user", Some((_, login))) => login.name = words.value()?,
            (b"password", Some((_, login))) => login.password = words.value()?,
            (b"account", Some(_)) => drop(words.value()?),
            (b"macdef", _) => words.skip_macro(),
            _ => return Err(line),
        }
    }
    take(&mut entry, &mut found);
    Ok(found.filter(|login| *login != Login::default()))
}

struct Words<'a> {
    rest: &'a [u8],
    line: usize,
}

impl Words<'_> {
    /// The next word, past comments; None at the end.
    fn keyword(&mut self) -> std::result::Result<Option<Vec<u8>>, usize> {
        loop {
            self.skip_blanks();
            match self.rest.first() {
                None => return Ok(None),
                Some(b'#') => self.skip_line(),
                Some(_) => return self.word().map(Some),
            }
        }
    }

    /// The word that a keyword needs.
    fn value(&mut self) -> std::result::Result<Vec<u8>, usize> {
        self.skip_blanks();
        match self.rest.is_empty() {
            true => Err(self.line),
            false => self.word(),
        }
    }

    fn word(&mut self) -> std::result::Result<Vec<u8>, usize> {
        let line = self.line;
        if self.rest.first() != Some(&b'"') {
            let length = self.rest.iter().position(u8::is_ascii_whitespace);
            let (word, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
            self.rest = rest;
            return Ok(word.to_owned());
        }
        self.next();
        let mut word = Vec::new();
        loop {
            match self.next().ok_or(line)? {
                b'"' => return Ok(word),
                b'\\' => word.push(match self.next().ok_or(line)? {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => other,
                }),
                byte => word.push(byte),
            }
        }
    }

    /// Up to an empty line.
    fn skip_macro(&mut self) {
        self.skip_line();
        while !self.rest.is_empty() {
            let before = self.rest;
            self.skip_line();
            let line = &before[..before.len() - self.rest.len()];
            if line.trim_ascii().is_empty() {
                return;
            }
        }
    }

    fn skip_line(&mut self) {
        while self.next().is_some_and(|byte| byte != b'\n') {}
    }

    fn skip_blanks(&mut self) {
        while self.rest.first().is_some_and(u8::is_ascii_whitespace) {
            self.next();
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.line += usize::from(*first == b'\n');
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(text: &str, host: &str, user: Option<&str>) -> std::result::Result<String, usize> {
        let found = find(text.as_bytes(), host, user.map(str::as_bytes))?;
        Ok(found.map_or("none".to_owned(), |login| {
            let text = |bytes| String::from_utf8(bytes).unwrap();
            format!("{}:{}", text(login.name), text(login.password))
        }))
    }

    #[test]
    fn the_first_entry_of_the_host_counts() {
        for (text, host, found) in [
            ("machine a login u password p", "a", "u:p"),
            ("machine A login u password p", "a", "u:p"),
            ("machine a\n\tlogin u\n\tpassword p\r\n", "a", "u:p"),
            ("machine a password p login u", "a", "u:p"),
            ("machine a user u password p", "a", "u:p"),
            ("machine a login u account x password p", "a", "u:p"),
            (
                "machine a login u password p machine a login v password q",
                "a",
                "u:p",
            ),
            (
                "machine b login v password q machine a login u password p",
                "a",
                "u:p",
            ),
            (
                "machine b login v password q default login u password p",
                "a",
                "u:p",
            ),
            (
                "default login u password p machine a login v password q",
                "a",
                "u:p",
            ),
            ("machine a login u", "a", "u:"),
            ("machine a password p", "a", ":p"),
            ("machine a", "a", "none"),
            ("machine b login u password p", "a", "none"),
            ("machine sub.a login u password p", "a", "none"),
            ("machine ::1 login u password p", "::1", "u:p"),
            ("", "a", "none"),
        ] {
            assert_eq!(login(text, host, None), Ok(found.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn words_may_be_quoted_and_lines_be_comments() {
        for (text, found) in [
            (
                r#"machine a login "u v" password "p \"q\" \\ \t#""#,
                "u v:p \"q\" \\ \t#",
            ),
            (r#"machine "a" login u password """#, "u:"),
            ("# machine a login v\nmachine a login u password p", "u:p"),
            (
                "machine a # the host\nlogin u # me\n password p# # secret\n",
                "u:p#",
            ),
            ("machine a login u password #p", "u:#p"),
            ("machine a login u password machine", "u:machine"),
            (
                "macdef init\ncd machine a login v\n\nmachine a login u password p",
                "u:p",
            ),
            (
                "machine a login u password p\nmacdef init\nput x\n  \ndefault login v",
                "u:p",
            ),
            ("macdef init\nno end", "none"),
        ] {
            assert_eq!(login(text, "a", None), Ok(found.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn the_user_of_the_url_chooses_the_entry() {
        let text = "machine a login u password p\nmachine a login v password q\ndefault login w";
        for (user, found) in [
            (None, "u:p"),
            (Some("v"), "v:q"),
            (Some("w"), "w:"),
            (Some("x"), "none"),
        ] {
            assert_eq!(login(text, "a", user), Ok(found.to_owned()), "{user:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line() {
        for (text, line) in [
            ("hello", 1),
            ("login u", 1),
            ("machine a login u password p\nsecret word", 2),
            ("machine", 1),
            ("machine a\nlogin", 2),
            ("\n\nmachine a login \"u", 3),
            ("machine a login u\npassword \"p\\", 2),
        ] {
            assert_eq!(login(text, "a", None), Err(line), "{text:?}");
        }
    }

    #[test]
    fn the_file_is_that_of_the_variable_or_of_the_home() {
        let home = || Some(PathBuf::from("/home/me"));
        let path = |variable: Option<&str>, home| path(variable.map(PathBuf::from), home).ok();
        assert_eq!(path(None, home()), Some("/home/me/.netrc".into()));
        assert_eq!(path(Some(""), home()), Some("/home/me/.netrc".into()));
        assert_eq!(path(Some("/etc/n"), home()), Some("/etc/n".into()));
        assert_eq!(path(Some("~/n"), home()), Some("/home/me/n".into()));
        assert_eq!(path(None, None), None);
    }

    #[test]
    fn a_file_that_is_not_there_or_too_long_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let long = folder.path().join("long");
        std::fs::write(&long, vec![b'#'; (MAX_BYTES + 1) as usize]).unwrap();
        for path in [missing, long, folder.path().to_owned(), "/dev/zero".into()] {
            let error = read(&path).unwrap_err();
            assert_eq!(error.kind, Kind::Credentials, "{error}");
            assert_eq!(error.path, Some(path));
        }
    }
}
