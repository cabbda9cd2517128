//! A real server on a port of its own, and the built program as its user runs it.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

use hashpass::{config::Config, server};
use serde_json::{Value, json};
use std::{collections::HashMap, net::SocketAddr, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::oneshot,
    task::JoinHandle,
};

/// Longer than anything here takes; reached only if something hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A home directory for one user.
pub fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A server with a lobby, whose data outlives a restart.
pub struct Lobby {
    pub address: SocketAddr,
    data: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Lobby {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut lobby = Self { address, data: tempfile::tempdir().unwrap(), stop: None, running: None };
        lobby.run(listener);
        lobby
    }

    fn run(&mut self, listener: TcpListener) {
        let values: HashMap<String, String> = [
            ("TURNSTILE_TEST_MODE", "true"),
            ("HASHPASS_ARGON2_MEMORY_COST", "64"),
            ("HASHPASS_ARGON2_TIME_COST", "1"),
            ("HASHPASS_DATA_DIR", self.data.path().to_str().unwrap()),
            ("NEOIRC_HASHCASH_BITS", "8"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let config = Config::from_values(&values).unwrap();
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        self.running = Some(tokio::spawn(async move {
            server::run(config, listener, async { drop(stopped.await) }).await.unwrap();
        }));
    }

    /// Stops in good order.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        self.running.take().unwrap().await.unwrap();
    }

    /// Starts again at the same address, with the same data.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.run(listener);
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The program as a user of its own, who lives in `home`.
    pub fn client(&self, home: &Path, arguments: &[&str]) -> Command {
        let mut command = client(home);
        command.args(["--server", &self.url()]).args(arguments);
        command
    }

    /// The program in the middle of a conversation.
    pub fn talk(&self, home: &Path, arguments: &[&str]) -> Talk {
        let mut child = self.client(home, arguments).spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Talk { child, input, output }
    }

    /// What was said in `#lobby`, oldest first.
    pub async fn history(&self) -> Vec<Value> {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let request = "GET /api/v1/history?target=%23lobby HTTP/1.0\r\nhost: a\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        let said = |event: &&Value| event["command"] == "PRIVMSG";
        body["messages"].as_array().unwrap().iter().filter(said).cloned().collect()
    }

    /// The same, of each message only its lines.
    pub async fn said(&self) -> Vec<Value> {
        self.history().await.into_iter().map(|event| event["body"].clone()).collect()
    }
}

/// The program for somebody who lives in `home`, with nothing else around it.
pub fn client(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neoirc-cli"));
    command.env_clear().env("HOME", home).current_dir(home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the program with this input to its end.
pub async fn run(mut command: Command, input: &str) -> Ended {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end before it has read everything.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = tokio::time::timeout(TIME_LIMIT, child.wait_with_output()).await.expect("it ends").unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A conversation under way.
pub struct Talk {
    pub child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Talk {
    pub async fn type_line(&mut self, line: &str) {
        self.input.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// The next line of output that contains `part`, and all lines before it.
    pub async fn hear(&mut self, part: &str) -> Vec<String> {
        let mut heard = Vec::new();
        let search = async {
            loop {
                let line = self.output.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("{part:?} never came"));
                heard.push(line.clone());
                if line.contains(part) {
                    return;
                }
            }
        };
        tokio::time::timeout(TIME_LIMIT, search).await.unwrap_or_else(|_| panic!("{part:?} never came"));
        heard
    }

    /// Ends the input, and waits until the program has ended.
    pub async fn end(mut self) -> (i32, Vec<String>) {
        drop(self.input.take());
        let mut rest = Vec::new();
        while let Some(line) = self.output.next_line().await.unwrap() {
            rest.push(line);
        }
        let status = tokio::time::timeout(TIME_LIMIT, self.child.wait()).await.expect("it ends").unwrap();
        (status.code().unwrap(), rest)
    }
}

/// An envelope for `/raw`.
pub fn raw(to: &str, text: &str) -> String {
    format!("/raw {}", json!({"command": "PRIVMSG", "to": to, "body": [text]}))
}
