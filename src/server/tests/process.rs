//! The server as a process: the test executable runs itself again for one test, which
//! serves if its environment says so.

use crate::{config::Config, server};
use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Set for children alone.
const SERVES: &str = "SERVER_TEST_SERVES";

/// Before the address in what a child says.
const LISTENING: &str = "listening on ";

/// Hashes that cost next to nothing, rounds that the sixteenth hash wins, and no limit
/// for the one address that everything comes from.
const SETTINGS: &[(&str, &str)] = &[
    (SERVES, "yes"),
    ("TURNSTILE_TEST_MODE", "true"),
    ("HASHPASS_RETARGET", "step"),
    ("HASHPASS_DIFFICULTY", "1"),
    ("HASHPASS_MAX_DIFFICULTY", "1"),
    ("HASHPASS_ARGON2_MEMORY_COST", "64"),
    ("HASHPASS_ARGON2_TIME_COST", "1"),
    ("HASHPASS_HMAC_SECRET", "000102030405060708090a0b0c0d0e0f"),
    ("HASHPASS_LIMIT_REQUESTS_PER_SECOND", "0"),
    ("HASHPASS_LIMIT_SESSIONS_PER_HOUR", "0"),
    ("HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE", "0"),
    ("HASHPASS_LOBBY_DB", ":memory:"),
];

/// The child: serves until it ends at its fault point or is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_serves() {
    if env::var_os(SERVES).is_none() {
        return;
    }
    let config = Config::from_values(&env::vars().collect::<HashMap<_, _>>()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Who connects before the server runs is answered when it does.
    writeln!(std::io::stdout(), "{LISTENING}{}", listener.local_addr().unwrap()).unwrap();
    server::run(config, listener, std::future::pending()).await.unwrap();
}

/// A server that runs; killed when it is dropped.
pub(super) struct ServerProcess {
    child: Child,
    address: SocketAddr,
    _output: BufReader<ChildStdout>,
}

impl ServerProcess {
    /// Starts a server in `directory` that tells `webhook` of its prizes. It ends itself
    /// at `fault`, as [`fault`](crate::ledger::fault) reads it.
    pub(super) fn start(directory: &Path, webhook: &str, fault: Option<&str>) -> Self {
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args([&format!("{module}::child_that_serves"), "--exact", "--nocapture"])
            .current_dir(directory)
            .env_clear()
            .envs(SETTINGS.iter().copied())
            .env("WEBHOOK_URL", webhook)
            .envs(fault.map(|fault| ("FAULT_POINT", fault)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the server ended before it listened");
            if let Some((_, address)) = line.trim_end().split_once(LISTENING) {
                break address.parse().unwrap();
            }
        };
        Self { child, address, _output: output }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has ended itself; none if it has not after `patience`.
    pub(super) async fn end_by_itself(mut self, patience: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }

    /// Ends it without warning.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(KILLED));
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Nobody may be left, however a test ends; most have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The signal that a process is killed with.
const KILLED: i32 = 9;
