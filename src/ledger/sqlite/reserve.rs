//! The reserve: space that is kept for the moment when there is none.
//!
//! A file of random bytes (a file system that compresses would keep nothing free for
//! anything else). When a write fails for want of space it is removed, and what it
//! held is enough to finish the transaction under way and to stop in good order.
//! Nothing else may be written until it is there again.

use crate::ledger::directory::{flush_directory, private, restrict};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// The name of the file.
pub(super) const NAME: &str = "hashpass.reserve";

/// How much is written at once.
const PIECE: usize = 64 * 1024;

/// The reserve of a data directory.
#[derive(Debug)]
pub(super) struct Reserve {
    directory: PathBuf,
    path: PathBuf,
    /// How large it is.
    bytes: u64,
    /// True if it is there.
    held: bool,
}

impl Reserve {
    /// The reserve in `directory`; it is not there before [`Reserve::hold`].
    pub(super) fn new(directory: &Path, bytes: u64) -> Self {
        Self { directory: directory.to_owned(), path: directory.join(NAME), bytes, held: false }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that it is there. If there is no space for it, what was written is
    /// removed, so that the little there is stays free.
    pub(super) fn hold(&mut self) -> io::Result<()> {
        if self.held {
            return Ok(());
        }
        if fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes) {
            restrict(&self.path)?;
        } else if let Err(error) = self.write() {
            self.remove()?;
            return Err(error);
        }
        self.held = true;
        Ok(())
    }

    /// Gives the space back. False if there is nothing to give.
    pub(super) fn release(&mut self) -> bool {
        let held = std::mem::take(&mut self.held);
        match self.remove() {
            Ok(()) => held,
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "the reserve cannot be released");
                false
            }
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut file = private().create(true).truncate(true).open(&self.path)?;
        restrict(&self.path)?;
        let mut random = SmallRng::seed_from_u64(self.bytes);
        let mut piece = vec![0; PIECE];
        let mut left = self.bytes;
        while 0 < left {
            random.fill_bytes(&mut piece);
            let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            file.write_all(&piece[..length])?;
            left -= length as u64;
        }
        file.sync_all()?;
        flush_directory(&self.directory)
    }

    fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}
