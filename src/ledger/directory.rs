//! The data directory: one process at a time, and nobody else reads it.
//!
//! The directory is created with the rights 0700 and every file in it with 0600,
//! whatever the umask: codes and addresses are in them. Whoever opens it holds an
//! exclusive lock on `hashpass.lock` until the last handle is dropped; the file holds
//! the process id, for the message to whoever comes second. The system gives the lock
//! back when the process ends, however it ends, so none is left over.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// The name of the file that is locked.
const LOCK: &str = "hashpass.lock";

/// For so long a directory that is in use is waited for: a process that ends, or one that
/// is just being started by its holder, gives it back in a moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks at the lock.
const PAUSE: Duration = Duration::from_millis(20);

/// Why the directory cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process uses it.
    #[error(
        "The data directory {path} is in use by {}: stop that one first, or give this one a directory of its own",
        holder_in_words(*.holder)
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The id of the process that uses it, if it can be told.
        holder: Option<u32>,
    },
    /// The operating system says no.
    #[error("{path}: {operation} failed: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        operation: &'static str,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// A secret is not what it must be.
    #[error("{path} does not hold 64 hex digits: restore it from a copy, or move it away to begin with a new secret")]
    BadSecret {
        /// The file.
        path: PathBuf,
    },
}

fn holder_in_words(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |id| format!("the process {id}"))
}

impl DirectoryError {
    pub(super) fn io(path: &Path, operation: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), operation, source: Arc::new(source) }
    }
}

/// The data directory, in the hands of this process alone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DataDirectory {
    shared: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory if there is none, and takes it for this process. Blocks on
    /// the disk; meant for the start.
    ///
    /// # Errors
    /// [`DirectoryError::InUse`], [`DirectoryError::Io`].
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        create_directory(path)?;
        let lock = lock(path)?;
        Ok(Self { shared: Arc::new(Held { path: path.to_owned(), _lock: lock }) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }
}

/// Makes a directory and those above it that are missing. Each is opened to its owner
/// before the next is made in it: the umask may have taken even that away.
pub(crate) fn create_directory(path: &Path) -> Result<(), DirectoryError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| *above != Path::new("")) {
        create_directory(above)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| DirectoryError::io(path, "creating the directory", source))?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .map_err(|source| DirectoryError::io(path, "restricting the directory", source))?;
    Ok(())
}

fn lock(directory: &Path) -> Result<File, DirectoryError> {
    let path = directory.join(LOCK);
    let failed = |operation| {
        let path = path.clone();
        move |source| DirectoryError::io(&path, operation, source)
    };
    let mut options = private();
    options.read(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(failed("opening the lock"))?;
    let patience = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < patience => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let holder = read_holder(&mut file);
                return Err(DirectoryError::InUse { path: directory.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed("locking")(source)),
        }
    }
    restrict(&path).map_err(failed("restricting the lock"))?;
    file.set_len(0).map_err(failed("emptying the lock"))?;
    // On a full disk the lock holds all the same; only the number is missing.
    if let Err(error) = writeln!(file, "{}", std::process::id()) {
        tracing::warn!(path = %path.display(), %error, "the process id cannot be written into the lock");
    }
    Ok(file)
}

fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Opens for writing what nobody else may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes a file away from everybody but its owner. Nothing is opened: a file that
/// SQLite has open must not be, because closing it would give up SQLite's locks.
pub(super) fn restrict(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600));
    #[cfg(not(unix))]
    fs::metadata(path).map(drop)
}

/// The same for a file that need not be there.
pub(crate) fn restrict_if_present(path: &Path) -> io::Result<()> {
    match restrict(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes new names in a directory survive a power cut.
pub(super) fn flush_directory(directory: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}
