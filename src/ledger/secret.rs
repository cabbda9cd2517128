//! A secret that nobody configured: made at the first start and kept in the data
//! directory, so that codes can still be checked after a restart.

use super::{
    directory::{DataDirectory, DirectoryError, flush_directory, private, restrict},
    values::{Digest, decode_hex},
};
use rand::Rng;
use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::Path,
};

/// The secret in the file `name`: 64 hex digits. Where there is no such file it is
/// made from random bytes, with the rights 0600, and is on disk when this returns. A
/// file that holds anything else is never replaced: whatever was derived from the
/// secret that it held would be worth nothing. Blocks on the disk; meant for the start.
///
/// # Errors
/// [`DirectoryError::Io`], [`DirectoryError::BadSecret`].
pub fn load_or_create_secret(directory: &DataDirectory, name: &str) -> Result<[u8; 32], DirectoryError> {
    let path = directory.path().join(name);
    match fs::read_to_string(&path) {
        Ok(text) => {
            restrict(&path).map_err(|source| DirectoryError::io(&path, "restricting the secret", source))?;
            decode_hex(text.trim_end()).ok_or(DirectoryError::BadSecret { path })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(directory.path(), &path).map_err(|source| DirectoryError::io(&path, "writing the secret", source))
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(DirectoryError::BadSecret { path }),
        Err(source) => Err(DirectoryError::io(&path, "reading the secret", source)),
    }
}

/// Writes the secret under another name first: under its own it is there whole or
/// not at all.
fn create(directory: &Path, path: &Path) -> io::Result<[u8; 32]> {
    let mut secret = [0; 32];
    rand::rng().fill_bytes(&mut secret);
    let unfinished = path.with_added_extension("new");
    // What a crash has left there was never used.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private().create_new(true).open(&unfinished)?;
    restrict(&unfinished)?;
    writeln!(file, "{}", Digest::from_bytes(secret))?;
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished, path)?;
    flush_directory(directory)?;
    Ok(secret)
}
