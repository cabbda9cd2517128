//! The control socket and `hashpass ctl`, through the real program.

use crate::support::process::{ServerProcess, command};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

fn socket_path(directory: &Path) -> PathBuf {
    directory.join("data/control.sock")
}

/// Runs the program in `directory` beside the server.
pub(super) fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory).args(arguments).output().unwrap()
}

/// The exit code and all that was said.
pub(super) fn told(output: &Output) -> (i32, String) {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

fn ctl(directory: &Path, arguments: &[&str]) -> (i32, String) {
    told(&run(directory, &[&["ctl"], arguments].concat()))
}

/// What `ctl --json` says.
fn ctl_json(directory: &Path, arguments: &[&str]) -> Value {
    let (code, said) = ctl(directory, &[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{said}");
    serde_json::from_str(&said).unwrap()
}

/// A connection that speaks for itself.
struct Line {
    stream: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Line {
    fn open(directory: &Path) -> Self {
        let stream = UnixStream::connect(socket_path(directory)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { answers: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The next line; nothing at the end.
    fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.say(&format!("{request}\n"));
        self.hear().unwrap()
    }
}

async fn drop_of(server: &ServerProcess) -> Value {
    server.client().get("/api/drop").await.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_pauses_and_resumes_and_changes_the_supply() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]);
    let (code, said) = ctl(directory.path(), &["status"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("The drop is open.") && said.contains("There is no limit."), "{said}");

    let client = server.client().try_with_session().await.unwrap();
    let seed = client.puzzle().await["seed"].clone();
    let (code, said) = ctl(directory.path(), &["pause", "--why", "the lights went out"]);
    assert!(code == 0 && said.contains("The drop is paused"), "{code} {said}");
    let refused = client.get("/api/puzzle").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "drop_paused");
    assert_eq!(drop_of(&server).await["state"], "paused");
    assert_eq!(ctl(directory.path(), &["pause"]), (1, "hashpass: only an open drop can be paused\n".to_owned()));

    let (code, said) = ctl(directory.path(), &["resume"]);
    assert!(code == 0 && said.contains("The drop is open."), "{code} {said}");
    assert_ne!(client.puzzle().await["seed"], seed, "nobody has mined ahead");

    let (code, said) = ctl(directory.path(), &["set", "SUPPLY=1", "HASHPASS_WINS_PER_PERSON=5"]);
    assert!(code == 0 && said.contains("Left: 1 of 1.") && said.contains("At most 5 codes a person."), "{said}");
    let solution = client.solve(&client.puzzle().await).await;
    assert_eq!(client.verify(&solution).await.status(), 200);
    let status = ctl_json(directory.path(), &["status"]);
    assert_eq!((&status["answer"], &status["given"]), (&json!("status"), &json!(1)));
    assert_eq!((&status["drop"]["state"], &status["drop"]["reason"]), (&json!("over"), &json!("sold_out")));
    assert_eq!(ctl(directory.path(), &["open"]).0, 1, "there is nothing to win");
    assert_eq!(ctl_json(directory.path(), &["set", "SUPPLY=3"])["drop"]["left"], 2);
    assert_eq!(drop_of(&server).await["state"], "open");
    assert_eq!(ctl_json(directory.path(), &["close"])["drop"]["reason"], "closed");

    // What an operator wanted holds after a restart, and the ledger says who it was.
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");
    let server = ServerProcess::start(directory.path(), &[]);
    let after = ctl_json(directory.path(), &["status"]);
    assert_eq!((&after["drop"]["reason"], &after["drop"]["supply"]), (&json!("closed"), &json!(3)));
    server.kill();
    let ledger = fs::read(directory.path().join("data/hashpass.db")).unwrap();
    let wal = fs::read(directory.path().join("data/hashpass.db-wal")).unwrap_or_default();
    let written = String::from_utf8_lossy(&[ledger, wal].concat()).into_owned();
    assert!(written.contains("the lights went out") && written.contains("(uid "), "who and why are kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_values_are_refused_whole_and_told_all_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[("HASHPASS_SUPPLY", "7")]);
    let before = ctl_json(directory.path(), &["status"]);
    let wrong = ["set", "SUPPLY=9", "MIN_ROUND=soon", "OPENS_AT=2026-12-24T20:00:00", "PORT=80"];
    let (code, said) = ctl(directory.path(), &wrong);
    assert_eq!(code, 1, "{said}");
    for part in ["HASHPASS_MIN_ROUND=\"soon\" must be", "HASHPASS_OPENS_AT=", "with their zone", "PORT cannot be set"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let contradiction = ["set", "OPENS_AT=2026-12-24T20:00:00Z", "CLOSES_AT=2026-12-24T20:00:00Z"];
    assert!(ctl(directory.path(), &contradiction).1.contains("must be after HASHPASS_OPENS_AT"));
    for usage in [&["set"] as &[&str], &["set", "SUPPLY"], &["set", "SUPPLY=1", "SUPPLY=2"], &["restart"]] {
        assert_eq!(ctl(directory.path(), usage).0, 2, "{usage:?}");
    }
    let long = "x".repeat(501);
    for why in ["two\nlines", long.as_str()] {
        assert_eq!(ctl(directory.path(), &["pause", "--why", why]).0, 1);
    }
    let after = ctl_json(directory.path(), &["status"]);
    assert_eq!((&after["drop"]["supply"], &after["drop"]["rules"]), (&json!(7), &before["drop"]["rules"]));
    assert_eq!((&after["drop"]["state"], &after["round"]), (&json!("open"), &before["round"]));

    // With --json a refusal is JSON, too.
    let (code, said) = ctl(directory.path(), &["resume", "--json"]);
    let refused: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &refused["answer"]), (1, &json!("refused")), "{said}");
    server.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_at_once_lose_nothing_and_who_stalls_holds_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]);
    // One has begun a line and does not go on, one sends what is no request.
    let mut stalled = Line::open(directory.path());
    stalled.say("{\"command\":");
    let mut confused = Line::open(directory.path());
    for nonsense in ["", "[]", "{\"command\":\"stop\"}", "{\"command\":\"set\",\"values\":{\"SUPPLY\":1}}", "\u{0}"] {
        confused.say(&format!("{nonsense}\n"));
        let answer = confused.hear().unwrap();
        assert_eq!(answer["answer"], "refused", "{nonsense}");
    }
    assert_eq!(confused.ask(&json!({"command": "status"}))["answer"], "status");

    // Each changes another rule; all changes are there in the end.
    let threads: Vec<_> = ["SUPPLY=50", "MIN_ROUND=1.5", "WINS_PER_NETWORK=4", "WIN_COOLDOWN=2"]
        .map(|assignment| {
            let path = directory.path().to_owned();
            std::thread::spawn(move || ctl(&path, &["set", assignment]))
        })
        .into_iter()
        .collect();
    for thread in threads {
        let (code, said) = thread.join().unwrap();
        assert_eq!(code, 0, "{said}");
    }
    let told = ctl_json(directory.path(), &["status"])["drop"].clone();
    assert_eq!((&told["supply"], &told["limits"]["wins_per_network"]), (&json!(50), &json!(4)));
    assert_eq!((&told["limits"]["min_round"], &told["limits"]["win_cooldown"]), (&json!(1.5), &json!(2.0)));

    // A line without end is not read to its end.
    let mut endless = Line::open(directory.path());
    let _ = endless.stream.write_all(&vec![b'x'; 70_000]);
    assert_eq!(endless.hear().unwrap()["answer"], "refused");

    // Only so many are listened to; who comes later is told so, and nobody waits.
    let waiting: Vec<Line> = (0..20).map(|_| Line::open(directory.path())).collect();
    let (code, said) = ctl(directory.path(), &["status"]);
    assert!(code == 1 && said.contains("operators are connected already"), "{said}");
    drop(waiting);
    let again = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        ctl(directory.path(), &["status"]).0 == 0
    });
    assert!(again, "places that are given up are free");
    assert_eq!(server.client().get("/api/health").await.status(), 200);
    stalled.say("\"status\"}\n");
    assert_eq!(stalled.hear().unwrap()["answer"], "status");
    let (status, log) = server.terminate();
    assert!(status.success(), "a connection that is open keeps no server from stopping: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_is_the_servers_users_and_one_that_a_crash_has_left_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = socket_path(directory.path());
    let (code, said) = ctl(directory.path(), &["status"]);
    assert!(code == 2 && said.contains("no server runs in the data directory ./data"), "{said}");
    let server = ServerProcess::start(directory.path(), &[]);
    let found = fs::symlink_metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    server.kill();
    assert!(path.exists(), "nobody was left to remove it");
    let (code, said) = ctl(directory.path(), &["pause"]);
    assert!(code == 2 && said.contains("no server runs"), "{said}");

    let server = ServerProcess::start(directory.path(), &[]);
    assert_eq!(ctl(directory.path(), &["status"]).0, 0);
    let elsewhere = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    assert_eq!(ctl(elsewhere.path(), &["status", "--data-dir", data.to_str().unwrap()]).0, 0);
    let (status, _) = server.terminate();
    assert!(status.success());
    assert!(!path.exists(), "it goes with the server");

    // Whatever else stands there is nobody's to remove; the server serves all the same.
    fs::write(&path, "mine").unwrap();
    let server = ServerProcess::start(directory.path(), &[]);
    assert_eq!(server.client().get("/api/health").await.status(), 200);
    let (_, log) = server.terminate();
    assert!(log.contains("there is no control socket") && log.contains("is no socket: move it away"), "{log}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");

    let deep = directory.path().join("d".repeat(120));
    let server = ServerProcess::start(directory.path(), &[("HASHPASS_DATA_DIR", deep.to_str().unwrap())]);
    let (_, log) = server.terminate();
    assert!(log.contains("is too long for a socket"), "{log}");
    let (code, said) = ctl(directory.path(), &["status", "--data-dir", deep.to_str().unwrap()]);
    assert!(code == 2 && said.contains("too long"), "{said}");
}
