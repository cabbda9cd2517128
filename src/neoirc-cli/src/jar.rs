//! The cookie jar: one file a server, for its owner's eyes only.
//!
//! It holds what grants the session and how far its messages were read, so that
//! the next start goes on where this one stopped. A file belongs to one server; the
//! cookie in it is never shown to another. While a program uses it, no second one
//! does: they would overwrite each other's place.
//!
//! The file is replaced, never written over, so that a crash leaves the old or the
//! new one, whole. It is created with mode 0600.

use crate::failure::Failure;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    fs::{self, File, TryLockError},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

/// The cookie's names: behind TLS, and without.
const NAMES: [&str; 2] = ["__Host-neoirc_auth", "neoirc_auth"];

/// The longest file that is read, in bytes.
const LONGEST_FILE: u64 = 64 * 1024;

/// What grants a session: 64 hexadecimal digits. Never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Cookie(String);

impl Cookie {
    /// The cookie that a `Set-Cookie` line sets, if it is ours.
    pub(crate) fn from_set_cookie(line: &str) -> Option<Self> {
        let (name, value) = line.split(';').next()?.trim().split_once('=')?;
        if NAMES.contains(&name) { value.parse().ok() } else { None }
    }

    /// The value of the `Cookie` header. The server reads it under either name.
    pub(crate) fn header(&self) -> String {
        format!("{}={}", NAMES[1], self.0)
    }
}

impl FromStr for Cookie {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a cookie is 64 hexadecimal digits".to_owned())
        }
    }
}

impl TryFrom<String> for Cookie {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Cookie> for String {
    fn from(cookie: Cookie) -> Self {
        cookie.0
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(…)")
    }
}

/// A session and how far its messages were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) cookie: Cookie,
    /// The number of the last message that was shown.
    pub(crate) last_id: u64,
}

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    server: String,
    cookie: Cookie,
    last_id: u64,
}

/// An open jar; the only one on its file.
#[derive(Debug)]
pub(crate) struct Jar {
    path: PathBuf,
    server: String,
    place: Option<Place>,
    /// Locked until the jar is dropped.
    _lock: File,
}

impl Jar {
    /// Where the jar of a server is if nobody says otherwise.
    ///
    /// # Errors
    /// [`Failure`] where there is no home directory.
    pub(crate) fn usual_path(server: &str) -> Result<PathBuf, Failure> {
        let strategy = etcetera::choose_base_strategy()
            .map_err(|_| Failure::cookie_file("there is no home directory: name a file with --cookie-file"))?;
        let directory = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
        Ok(directory.join("neoirc-cli").join(file_name(server)))
    }

    /// Opens the jar at `path` for `server`, and reads it if there is one.
    ///
    /// # Errors
    /// [`Failure`] if it is in use, cannot be read, or is another server's.
    pub(crate) fn open(path: PathBuf, server: String) -> Result<Self, Failure> {
        let unusable = |error: std::io::Error| {
            Failure::cookie_file(format!("the cookie file {} cannot be used: {error}", path.display()))
        };
        let directory = directory_of(&path);
        create_private(directory).map_err(unusable)?;
        let mut lock_path = path.clone().into_os_string();
        lock_path.push(".lock");
        let lock = File::options().create(true).truncate(false).write(true).open(lock_path).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::cookie_file(format!(
                    "another neoirc-cli is using {}: name another file with --cookie-file for a second session",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let place = match fs::metadata(&path) {
            Ok(metadata) if LONGEST_FILE < metadata.len() => return Err(not_a_jar(&path)),
            Ok(_) => {
                let text = fs::read(&path).map_err(unusable)?;
                let contents: Contents = serde_json::from_slice(&text).map_err(|_| not_a_jar(&path))?;
                if contents.server != server {
                    return Err(Failure::cookie_file(format!(
                        "the cookie file {} belongs to {}, not to {server}",
                        path.display(),
                        contents.server
                    )));
                }
                Some(Place { cookie: contents.cookie, last_id: contents.last_id })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(error)),
        };
        Ok(Self { path, server, place, _lock: lock })
    }

    /// The session, if there is one.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place.clone()
    }

    /// Keeps a session, or how far one was read.
    ///
    /// # Errors
    /// [`Failure`] if the file cannot be written.
    pub(crate) fn keep(&mut self, place: Place) -> Result<(), Failure> {
        if self.place.as_ref() == Some(&place) {
            return Ok(());
        }
        let Place { cookie, last_id } = place.clone();
        let contents = Contents { server: self.server.clone(), cookie, last_id };
        self.place = Some(place);
        self.write(&contents).map_err(|error| {
            Failure::cookie_file(format!("the cookie file {} cannot be written: {error}", self.path.display()))
        })
    }

    /// Forgets the session.
    pub(crate) fn empty(&mut self) {
        self.place = None;
        // What cannot be deleted is worthless all the same: the server forgot it first.
        let _ = fs::remove_file(&self.path);
    }

    fn write(&self, contents: &Contents) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(contents)?;
        text.push(b'\n');
        // Created with mode 0600 where files have modes.
        let mut file = tempfile::NamedTempFile::new_in(directory_of(&self.path))?;
        file.write_all(&text)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

fn not_a_jar(path: &Path) -> Failure {
    Failure::cookie_file(format!("{} is no cookie file of neoirc-cli", path.display()))
}

/// The server's URL with nothing that means something to a file system.
fn file_name(server: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
    format!("{}.json", server.chars().map(plain).collect::<String>())
}

#[cfg(unix)]
fn create_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn create_private(directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "http://127.0.0.1:8000";

    fn place(digit: &str, last_id: u64) -> Place {
        Place { cookie: digit.repeat(64).parse().unwrap(), last_id }
    }

    fn open(path: &Path, server: &str) -> Result<Jar, Failure> {
        Jar::open(path.to_owned(), server.to_owned())
    }

    #[test]
    fn what_is_kept_is_found_again_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/er/jar.json");
        let mut jar = open(&path, SERVER).unwrap();
        assert_eq!(jar.place(), None);
        jar.keep(place("a", 0)).unwrap();
        jar.keep(place("a", 17)).unwrap();
        drop(jar);
        let mut jar = open(&path, SERVER).unwrap();
        assert_eq!(jar.place(), Some(place("a", 17)));
        jar.empty();
        drop(jar);
        assert_eq!(open(&path, SERVER).unwrap().place(), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_even_if_it_was_not() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/jar.json");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let mut jar = open(&path, SERVER).unwrap();
        jar.keep(place("a", 1)).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        jar.keep(place("a", 2)).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_jar_is_one_programs_and_one_servers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jar.json");
        let mut jar = open(&path, SERVER).unwrap();
        jar.keep(place("a", 1)).unwrap();
        assert!(open(&path, SERVER).unwrap_err().to_string().contains("another neoirc-cli is using"));
        drop(jar);
        let error = open(&path, "https://evil.example").unwrap_err().to_string();
        assert!(error.contains("belongs to http://127.0.0.1:8000, not to https://evil.example"), "{error}");
        fs::write(&path, "{}").unwrap();
        assert!(open(&path, SERVER).unwrap_err().to_string().contains("is no cookie file"));
    }

    #[test]
    fn only_our_cookie_is_taken_and_it_is_never_shown() {
        let value = "0a".repeat(32);
        let cookie = Cookie::from_set_cookie(&format!("neoirc_auth={value}; Path=/; HttpOnly")).unwrap();
        assert_eq!(cookie.header(), format!("neoirc_auth={value}"));
        let behind_tls = Cookie::from_set_cookie(&format!("__Host-neoirc_auth={value}; Path=/; Secure"));
        assert_eq!(behind_tls, Some(cookie.clone()));
        assert!(!format!("{cookie:?}").contains("0a"));
        for line in ["", "neoirc_auth=", "other=1", "neoirc_auth=xyz; Path=/", &format!("neoirc_auth={value}\r\nX: y")]
        {
            assert_eq!(Cookie::from_set_cookie(line), None, "{line:?}");
        }
    }

    #[test]
    fn every_server_has_a_file_of_its_own() {
        assert_eq!(file_name("https://example.org:8443/a"), "https___example.org_8443_a.json");
        assert_ne!(file_name("http://a:80"), file_name("http://a:81"));
        assert!(!file_name("https://../../etc").contains('/'));
    }
}
