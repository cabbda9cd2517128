//! The server as a process of its own.

use super::Client;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    thread::JoinHandle,
    time::Duration,
};

/// A running server whose log is read along.
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
    log: JoinHandle<String>,
}

impl ServerProcess {
    /// Starts the server in `directory` and waits until it says where it listens.
    pub fn start(directory: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_with(directory, settings, &[])
    }

    /// The same with arguments on its command line.
    pub fn start_with(directory: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = command(directory);
        command.args(arguments);
        Self::start_command(command, settings)
    }

    /// The same under a umask, in octal digits.
    pub fn start_under_umask(directory: &Path, settings: &[(&str, &str)], umask: &str) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "umask \"$0\" && exec \"$1\"", umask, env!("CARGO_BIN_EXE_hashpass")]);
        Self::start_command(in_directory(shell, directory), settings)
    }

    fn start_command(mut command: Command, settings: &[(&str, &str)]) -> Self {
        let mut child = command.envs(settings.iter().copied()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (address, beginning) = wait_for_address(&mut log);
        // Read to its end, so that nobody is left to block on a full pipe.
        let log = std::thread::spawn(move || {
            let mut text = beginning;
            log.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, address, log }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, with its log going to `log`, where nobody may be reading it.
    pub fn start_with_log(directory: &Path, settings: &[(&str, &str)], log: Stdio) -> Self {
        // It cannot say where it listens.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let port = address.port().to_string();
        let mut command = command(directory);
        let mut child = command.envs(settings.iter().copied()).env("PORT", port).stderr(log).spawn().unwrap();
        while TcpStream::connect(address).is_err() {
            assert_eq!(child.try_wait().unwrap(), None, "the server ended before it listened");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address, log: std::thread::spawn(String::new) }
    }

    /// Starts it with its data directory on a disk of 12 MiB that only its own process
    /// has mounted, and the way to that directory for others; none where nobody may
    /// mount anything.
    pub fn start_on_a_small_disk(directory: &Path, settings: &[(&str, &str)]) -> Option<(Self, PathBuf)> {
        let may_mount = Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
        if !may_mount {
            return None;
        }
        let data = directory.join("data");
        fs::create_dir(&data).unwrap();
        let plain = command(directory);
        let mut command = Command::new("unshare");
        command
            .args(["-rm", "sh", "-c", "mount -t tmpfs -o size=12m none data && exec \"$0\""])
            .arg(plain.get_program())
            .current_dir(directory)
            .env_clear()
            .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let server = Self::start_command(command, settings);
        let root = PathBuf::from(format!("/proc/{}/root", server.child.id()));
        Some((server, root.join(data.strip_prefix("/").unwrap())))
    }

    /// The end of its log that nobody reads yet.
    pub fn take_log(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Sends it a signal, by its name.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// The memory that it holds, in bytes.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// A client that is nobody.
    pub fn client(&self) -> Client {
        Client::at(self.address)
    }

    /// Ends it without warning.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and returns how it did and all it has logged.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        (self.child.wait().unwrap(), self.log.join().unwrap())
    }
}

/// The server with cheap hashes and easy rounds, and nothing else in its environment.
pub fn command(directory: &Path) -> Command {
    in_directory(Command::new(env!("CARGO_BIN_EXE_hashpass")), directory)
}

fn in_directory(mut command: Command, directory: &Path) -> Command {
    command.current_dir(directory).env_clear().envs([
        ("PORT", "0"),
        ("HOST", "127.0.0.1"),
        ("TURNSTILE_TEST_MODE", "true"),
        ("HASHPASS_RETARGET", "step"),
        ("HASHPASS_DIFFICULTY", "1"),
        ("HASHPASS_MAX_DIFFICULTY", "1"),
        ("HASHPASS_ARGON2_MEMORY_COST", "64"),
        ("HASHPASS_ARGON2_TIME_COST", "1"),
        ("HASHPASS_HMAC_SECRET", "000102030405060708090a0b0c0d0e0f"),
    ]);
    command
}

fn wait_for_address(log: &mut BufReader<ChildStderr>) -> (SocketAddr, String) {
    let mut text = String::new();
    loop {
        let start = text.len();
        assert_ne!(log.read_line(&mut text).unwrap(), 0, "the server ended before it listened:\n{text}");
        if let Some((_, rest)) = text[start..].split_once("listening on http://") {
            let digits = |c: char| c.is_ascii_digit() || c == '.' || c == ':';
            let address = rest.chars().take_while(|c| digits(*c)).collect::<String>().parse().unwrap();
            return (address, text);
        }
    }
}
