//! The server as a process of its own, seen as an operator sees it.

use crate::{BenchError, Result};
use procfs::process::{ClearRefs, Process};
use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    time::Duration,
};

/// What test mode is and what a bench needs to start from: nothing else is in the
/// server's environment, so that all other settings are those of production.
const SETTINGS: &[(&str, &str)] = &[
    ("HOST", "127.0.0.1"),
    ("PORT", "0"),
    ("TURNSTILE_TEST_MODE", "true"),
    ("HASHPASS_HMAC_SECRET", "000102030405060708090a0b0c0d0e0f"),
    ("RUST_LOG", "info"),
];

/// Settings with which one hash in sixteen wins, in every round.
pub const EASY_ROUNDS: &[(&str, &str)] =
    &[("HASHPASS_RETARGET", "step"), ("HASHPASS_DIFFICULTY", "1"), ("HASHPASS_MAX_DIFFICULTY", "1")];

/// Settings with which a hash costs next to nothing.
pub const CHEAP_HASHES: &[(&str, &str)] = &[("HASHPASS_ARGON2_MEMORY_COST", "64"), ("HASHPASS_ARGON2_TIME_COST", "1")];

/// How many bits a stamp has by [`CHEAP_STAMPS`].
pub const CHEAP_STAMP_BITS: u8 = 8;

/// Settings with which every session costs a stamp, and a stamp next to nothing: to judge
/// and to spend one costs the server the same whatever it cost to make.
pub const CHEAP_STAMPS: &[(&str, &str)] = &[("HASHPASS_GATE", "both"), ("HASHPASS_HASHCASH_BITS", "8")];

/// Settings with which clients can come from many addresses: this machine is a proxy
/// that says where they come from.
pub const TRUSTED_PROXY: &[(&str, &str)] = &[("HASHPASS_TRUSTED_PROXIES", "127.0.0.1")];

/// A running server on a free port, with its data in a directory of its own. It is
/// killed when this is dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

/// What a process holds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was resident since the start or [`ServerProcess::reset_peak`].
    pub peak: u64,
}

impl ServerProcess {
    /// Starts `binary` in test mode, otherwise as in production unless `settings`
    /// say so, and waits until it listens.
    ///
    /// # Errors
    /// [`BenchError::Start`] with what it said if it ended instead.
    pub fn start(binary: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut child = Command::new(binary)
            .current_dir(directory.path())
            .env_clear()
            .envs(SETTINGS.iter().copied())
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| BenchError::Start(format!("{}: {error}", binary.display())))?;
        let log = child.stderr.take().ok_or_else(|| BenchError::Start("it has no log".to_owned()))?;
        let mut log = BufReader::new(log);
        let address = wait_for_address(&mut log).inspect_err(|_| {
            let _ = child.kill();
            let _ = child.wait();
        })?;
        // Read to its end, so that the server never blocks on a full pipe.
        std::thread::spawn(move || drain(log));
        Ok(Self { child, address, directory })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number among the system's processes.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it runs and keeps its data.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it holds.
    ///
    /// # Errors
    /// [`BenchError::Process`] if it has ended.
    pub fn memory(&self) -> Result<Memory> {
        let status = self.process()?.status()?;
        let bytes = |kib: Option<u64>| kib.unwrap_or_default() * 1024;
        Ok(Memory { resident: bytes(status.vmrss), peak: bytes(status.vmhwm) })
    }

    /// Begins a new measurement of the peak.
    ///
    /// # Errors
    /// [`BenchError::Process`] if it has ended, or the system does not let us.
    pub fn reset_peak(&self) -> Result<()> {
        Ok(self.process()?.clear_refs(ClearRefs::PeakRSS)?)
    }

    /// The processor time it has used, over all threads.
    ///
    /// # Errors
    /// [`BenchError::Process`] if it has ended.
    pub fn cpu_time(&self) -> Result<Duration> {
        cpu_time(&self.process()?)
    }

    /// How many files and sockets it has open.
    ///
    /// # Errors
    /// [`BenchError::Process`] if it has ended.
    pub fn open_files(&self) -> Result<usize> {
        Ok(self.process()?.fd_count()?)
    }

    fn process(&self) -> Result<Process> {
        Ok(Process::new(i32::try_from(self.child.id()).unwrap_or(i32::MAX))?)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processor time that this process has used, over all threads.
///
/// # Errors
/// [`BenchError::Process`] if the system does not say.
pub fn own_cpu_time() -> Result<Duration> {
    cpu_time(&Process::myself()?)
}

fn cpu_time(process: &Process) -> Result<Duration> {
    let stat = process.stat()?;
    Ok(Duration::from_secs_f64((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64))
}

/// The released server in this workspace.
pub fn released_binary() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/hashpass")
}

/// Lets this process open as many sockets as the system allows; returns how many.
///
/// # Errors
/// The system's.
pub fn raise_open_files() -> Result<u64> {
    Ok(rlimit::increase_nofile_limit(u64::MAX)?)
}

fn wait_for_address(log: &mut BufReader<ChildStderr>) -> Result<SocketAddr> {
    let mut text = String::new();
    loop {
        let start = text.len();
        if log.read_line(&mut text)? == 0 {
            return Err(BenchError::Start(text));
        }
        if let Some((_, rest)) = text[start..].split_once("listening on http://") {
            let address: String = rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
            return address.parse().map_err(|_| BenchError::Start(format!("no address: {rest}")));
        }
    }
}

fn drain(mut log: BufReader<ChildStderr>) {
    let mut part = [0; 4096];
    while let Ok(1..) = log.read(&mut part) {}
}
