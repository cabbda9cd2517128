//! The file `verify.json`: how a record gets into it, and how it is repaired.
//!
//! The file is `[`, the records separated by commas, a line each, and `\n]`. An append
//! writes the records that were there, the new ones and the ending into another file,
//! flushes it to the disk and gives it the name. So whoever opens the file reads a
//! complete array, however long that takes and whatever is appended meanwhile: a file
//! that grew in its place would show them an old ending with new records behind it. It
//! costs a copy of at most a thousand records, which the writer makes no more
//! often than the disk can bear.
//!
//! A crash leaves the old file or the new one. What somebody else has left is repaired:
//! whatever the file holds, opening it keeps the complete records at its start, byte for
//! byte; the bytes behind them go into a file of their own before they are cut off. A
//! file that is no such array at all is renamed. Nothing is ever deleted.
//!
//! The file is opened for each append and its length compared with what was left
//! there: a file that was moved away or edited meanwhile is read anew.

mod records;
#[cfg(test)]
mod tests;

pub(super) use records::RecordName;

use crate::clock::{Clock, timestamp};
use records::{complete_records, names_in};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// The name in the data directory.
const NAME: &str = "verify.json";

/// The name of the file that is being written and takes its place.
const NEXT: &str = "verify.json.next";

/// What ends the array.
const ENDING: &[u8] = b"\n]";

/// Writes the bytes at the file's position and flushes them to the disk.
pub(super) type WriteAndFlush = Box<dyn FnMut(&mut File, &[u8]) -> io::Result<()> + Send>;

/// The audit file. All of its methods block on the disk.
pub(super) struct AuditFile {
    directory: PathBuf,
    /// `verify.json` in it.
    path: PathBuf,
    /// After how many records a fresh file begins.
    records_per_file: usize,
    /// Names archives and torn bytes by the time of day.
    clock: Arc<dyn Clock>,
    /// The write of an append; a parameter, so that tests can let it fail half-way.
    write: WriteAndFlush,
    /// Where the records end. None: the file has to be read first.
    tail: Option<Tail>,
    /// True if a new name in the directory may not survive a crash yet.
    unflushed: bool,
}

/// Where the records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tail {
    /// How many records the file holds.
    records: usize,
    /// The offset behind the last one, or behind `[` if there is none.
    end: u64,
}

impl Tail {
    /// The length of the file in good order.
    fn length(self) -> u64 {
        self.end + ENDING.len() as u64
    }
}

impl AuditFile {
    /// The file in `directory`. Nothing is touched before the first use.
    pub(super) fn new(directory: &Path, records_per_file: usize, clock: Arc<dyn Clock>) -> Self {
        let write = |file: &mut File, bytes: &[u8]| {
            file.write_all(bytes)?;
            file.sync_data()
        };
        Self::with_write(directory, records_per_file, clock, Box::new(write))
    }

    /// As [`AuditFile::new`], with the write of an append.
    pub(super) fn with_write(
        directory: &Path,
        records_per_file: usize,
        clock: Arc<dyn Clock>,
        write: WriteAndFlush,
    ) -> Self {
        let path = directory.join(NAME);
        Self { directory: directory.to_owned(), path, records_per_file, clock, write, tail: None, unflushed: false }
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many records the next append may hold at most; at least 1.
    pub(super) fn room(&self) -> usize {
        let records = self.tail.map_or(0, |tail| tail.records);
        self.records_per_file.saturating_sub(records).max(1)
    }

    /// Makes sure that the file is there, in good order and open to writing, and that
    /// whatever is in it survives a crash.
    pub(super) fn check(&mut self) -> io::Result<()> {
        self.ready().map(drop)
    }

    /// Appends records, each in JSON without line breaks. When this returns they are on
    /// disk, all or none. Only if the new name could not be made to survive a crash they
    /// may be there after an error: see [`AuditFile::newest`].
    pub(super) fn append<'a>(&mut self, records: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let (before, tail) = self.ready()?;
        let mut bytes = Vec::new();
        let mut count = tail.records;
        for record in records {
            bytes.extend_from_slice(if count == 0 { b"\n" } else { b",\n" });
            bytes.extend_from_slice(record.as_bytes());
            count += 1;
        }
        let end = tail.end + bytes.len() as u64;
        bytes.extend_from_slice(ENDING);
        let next = self.directory.join(NEXT);
        let written = self.write_next(&next, &before, tail.end, &bytes).and_then(|()| fs::rename(&next, &self.path));
        if let Err(error) = written {
            let _ = fs::remove_file(&next);
            return Err(error);
        }
        self.tail = Some(Tail { records: count, end });
        self.flush_names()?;
        self.put_away_if_full();
        Ok(())
    }

    /// Writes the first `end` bytes of the file, and `bytes` behind them.
    fn write_next(&mut self, next: &Path, mut before: &File, end: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = private().create(true).truncate(true).open(next)?;
        restrict(&file)?;
        before.seek(SeekFrom::Start(0))?;
        if io::copy(&mut before.take(end), &mut file)? != end {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        (self.write)(&mut file, bytes)
    }

    /// The names of the newest records, at least `count` if there are so many, in this
    /// file and those that were put away.
    pub(super) fn newest(&self, count: usize) -> io::Result<Vec<RecordName>> {
        let mut archives: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_archive = name.to_str().is_some_and(|name| name.starts_with("verify_") && name.ends_with(".json"));
            if is_archive {
                archives.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        archives.sort();
        let mut names = names_in(&fs::read(&self.path)?);
        while names.len() < count
            && let Some((_, archive)) = archives.pop()
        {
            names.extend(names_in(&fs::read(archive)?));
        }
        Ok(names)
    }

    /// The file, open to reading and in good order.
    fn ready(&mut self) -> io::Result<(File, Tail)> {
        if self.unflushed {
            match self.flush_names() {
                // The whole directory is gone, and with it what was in it.
                Err(error) if error.kind() == ErrorKind::NotFound => (self.unflushed, self.tail) = (false, None),
                flushed => flushed?,
            }
        }
        let Some(tail) = self.tail else { return self.read() };
        match OpenOptions::new().read(true).write(true).open(&self.path) {
            Ok(file) => {
                if file.metadata()?.len() == tail.length() {
                    return Ok((file, tail));
                }
                tracing::warn!(path = %self.path.display(), "the audit log was changed by somebody else");
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), "the audit log was moved or deleted by somebody else");
            }
            Err(error) => return Err(error),
        }
        self.tail = None;
        self.read()
    }

    /// Makes new names in the directory survive a crash.
    fn flush_names(&mut self) -> io::Result<()> {
        self.unflushed = true;
        flush_directory(&self.directory)?;
        self.unflushed = false;
        Ok(())
    }

    /// Reads the file, repairs it and finds the end of its records.
    fn read(&mut self) -> io::Result<(File, Tail)> {
        fs::create_dir_all(&self.directory)?;
        // What a crash has left of an append that did not happen.
        let _ = fs::remove_file(self.directory.join(NEXT));
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return self.create(),
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::IsADirectory) => {
                self.set_file_aside(&error.to_string())?;
                return self.create();
            }
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            return self.create();
        }
        let Some((records, end)) = complete_records(&bytes) else {
            self.set_file_aside("it is no JSON array of records")?;
            return self.create();
        };
        let behind = &bytes[end..];
        let tail = Tail { records, end: end as u64 };
        let mut file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        if behind != ENDING {
            match behind.trim_ascii() {
                b"]" => {}
                b"" => tracing::warn!(complete_records = records, "the audit log had no ending and is repaired"),
                _ => self.set_bytes_aside(behind, records)?,
            }
            end_array_at(&mut file, tail.end)?;
        }
        restrict(&file)?;
        self.tail = Some(tail);
        if self.put_away_if_full() { self.ready() } else { Ok((file, tail)) }
    }

    /// Begins a fresh file where there is none, or an empty one.
    fn create(&mut self) -> io::Result<(File, Tail)> {
        let file = self.write_empty()?;
        fs::rename(self.directory.join(NEXT), &self.path)?;
        let tail = Tail { records: 0, end: 1 };
        self.tail = Some(tail);
        self.flush_names()?;
        Ok((file, tail))
    }

    /// Writes a file without records that waits for its name.
    fn write_empty(&self) -> io::Result<File> {
        let mut file = private().read(true).create(true).truncate(true).open(self.directory.join(NEXT))?;
        restrict(&file)?;
        file.write_all(b"[")?;
        file.write_all(ENDING)?;
        file.sync_all()?;
        Ok(file)
    }

    /// Renames the file once it holds enough records and begins a fresh one. If
    /// that fails, this file goes on growing and the next append tries again.
    fn put_away_if_full(&mut self) -> bool {
        if self.tail.is_none_or(|tail| tail.records < self.records_per_file) {
            return false;
        }
        // The next file is ready before the name is free: who reads waits for no disk.
        let renamed = self.free_path("verify_", ".json").and_then(|archive| {
            self.write_empty()?;
            fs::rename(&self.path, &archive)?;
            Ok(archive)
        });
        match renamed {
            Ok(archive) => {
                tracing::info!(archive = %archive.display(), "the audit log is full; a fresh one begins");
                self.tail = None;
                let named = fs::rename(self.directory.join(NEXT), &self.path);
                if let Err(error) = named.and_then(|()| self.flush_names()) {
                    tracing::error!(%error, "no fresh audit log could be begun; the next record tries again");
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "the full audit log could not be renamed; it goes on growing");
                false
            }
        }
    }

    /// Renames a file that is not ours.
    fn set_file_aside(&self, why: &str) -> io::Result<()> {
        let aside = self.free_path("verify.json.torn-", "")?;
        fs::rename(&self.path, &aside)?;
        tracing::warn!(aside = %aside.display(), why, "the audit log cannot be continued and is set aside");
        Ok(())
    }

    /// Saves bytes that are about to be cut off.
    fn set_bytes_aside(&self, bytes: &[u8], records: usize) -> io::Result<()> {
        let aside = self.free_path("verify.json.torn-", "")?;
        let mut file = private().create_new(true).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        flush_directory(&self.directory)?;
        tracing::warn!(
            aside = %aside.display(), torn_bytes = bytes.len(), complete_records = records,
            "the audit log was torn and is repaired: complete records are kept, the rest is set aside"
        );
        Ok(())
    }

    /// The first free of `{prefix}{time}{suffix}`, `{prefix}{time}_2{suffix}`, ….
    fn free_path(&self, prefix: &str, suffix: &str) -> io::Result<PathBuf> {
        let time = timestamp(self.clock.time_of_day()).strftime("%Y%m%d_%H%M%S").to_string();
        let mut path = self.directory.join(format!("{prefix}{time}{suffix}"));
        let mut number = 2_u64;
        loop {
            match fs::symlink_metadata(&path) {
                Ok(_) => path = self.directory.join(format!("{prefix}{time}_{number}{suffix}")),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path),
                Err(error) => return Err(error),
            }
            number += 1;
        }
    }
}

/// Ends the array at `end` and cuts off what is behind.
fn end_array_at(file: &mut File, end: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(end))?;
    file.write_all(ENDING)?;
    file.set_len(end + ENDING.len() as u64)?;
    file.sync_all()
}

/// Opens for writing what nobody else may read: the file holds codes.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes the file away from everybody but its owner, if it was open to others.
fn restrict(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// Makes a new name in the directory survive a crash.
fn flush_directory(directory: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}
