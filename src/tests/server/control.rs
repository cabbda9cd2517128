//! The control socket and the commands that use it, through the real program.

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
fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory).args(arguments).output().unwrap()
}

/// The exit code and all that was said.
fn told(output: &Output) -> (i32, String) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_looked_up_with_the_server_or_in_its_ledger() {
    let directory = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str]| told(&run(directory.path(), &[&["check-code"], arguments].concat()));
    let (code, said) = check(&["HASHPASS-0ZJJCX78FXAR"]);
    assert!(code == 2 && said.contains("there is no ledger"), "{said}");
    assert!(!directory.path().join("data").exists(), "looking makes nothing");

    let server = ServerProcess::start(directory.path(), &[]);
    let client = server.client().try_with_session().await.unwrap();
    let solution = client.solve(&client.puzzle().await).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    let won = won["invite_code"].as_str().unwrap();
    let typed = won.to_lowercase().replace("hashpass-", "").replace('0', "o").replace('1', "l");
    let known = |server_runs: bool| {
        for spelling in [won, &typed, &won.replace('-', " ")] {
            let (code, said) = check(&[spelling]);
            assert!(code == 0 && said.starts_with("valid: won in round 1 at "), "{server_runs} {spelling}: {said}");
        }
        let (code, said) = check(&["HASHPASS-0ZJJCX78FXAR"]);
        assert!(code == 1 && said.contains("nobody has won it"), "{said}");
        let (code, said) = check(&["--json", won]);
        let report: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((code, &report["status"], &report["round"]), (0, &json!("valid"), &json!(1)));
    };
    known(true);
    // Killed: what was won stands in the write-ahead log alone.
    server.kill();
    known(false);
    let server = ServerProcess::start(directory.path(), &[]);
    known(true);
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");
    known(false);
}

#[test]
fn a_code_is_recomputed_in_any_spelling_for_any_visitor() {
    let directory = tempfile::tempdir().unwrap();
    let secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let check = |visitor: &[&str], code: &str| {
        let origin = ["--nonce", "42856", "--seed", "00112233445566778899aabbccddeeff", code];
        let arguments = [&["check-code"], visitor, &origin].concat();
        command(directory.path()).env("HASHPASS_HMAC_SECRET", secret).args(arguments).output().unwrap()
    };
    for code in ["HASHPASS-0ZJJCX78FXAR", "hashpass-ozjjcx78fxar", "0ZJJ CX78 FXAR"] {
        assert_eq!(told(&check(&["--visitor", "visitor-1"], code)), (0, "valid\n".to_owned()), "{code}");
    }
    assert_eq!(told(&check(&["--visitor", "visitor-2"], "HASHPASS-0ZJJCX78FXAR")).0, 1);
    // A visitor id may begin with a hyphen.
    for visitor in [&["--visitor", "-example1"] as &[&str], &["--visitor=-example1"]] {
        assert_eq!(told(&check(visitor, "HASHPASS-0ZJJCX78FXAR")), (1, "not valid\n".to_owned()), "{visitor:?}");
    }
    let (code, said) = told(&run(directory.path(), &["check-code", "--nonce", "1", "HASHPASS-0ZJJCX78FXAR"]));
    assert!(code == 2 && said.contains("--visitor"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_are_put_at_the_end_of_the_list_are_handed_out_after_a_hang_up() {
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("codes.txt");
    fs::write(&list, "first\n").unwrap();
    let server = ServerProcess::start(directory.path(), &[("HASHPASS_CODES_FILE", "codes.txt")]);
    let client = server.client().try_with_session().await.unwrap();
    let win = async || -> String {
        let solution = client.solve(&client.puzzle().await).await;
        let won: Value = client.verify(&solution).await.json().await.unwrap();
        won["invite_code"].as_str().unwrap().to_owned()
    };
    assert_eq!(win().await, "first");
    let told = async |state: &str, left: u64| {
        for _ in 0..200 {
            let drop = drop_of(&server).await;
            if drop["state"] == state && drop["left"] == left {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{state} {left}: {}", drop_of(&server).await);
    };
    told("over", 0).await;
    // A wrong file changes nothing.
    fs::write(&list, "first\nSECRET\n\nSECRET\n").unwrap();
    server.signal("HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    told("over", 0).await;
    fs::write(&list, "first\nsecond\nthird\n").unwrap();
    server.signal("HUP");
    told("open", 2).await;
    assert_eq!(win().await, "second");
    fs::write(&list, "first\nsecond\nthird\nfourth\n").unwrap();
    server.signal("HUP");
    told("open", 2).await;
    assert_eq!(win().await, "third");
    assert_eq!(win().await, "fourth");
    told("over", 0).await;
    let (_, log) = server.terminate();
    let why = "the list of codes stays as it is: HASHPASS_CODES_FILE codes.txt: line 3 is empty; line 4 is the same as line 2";
    assert!(log.contains(why) && !log.contains("SECRET"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_are_listed_resent_and_tried() {
    let directory = tempfile::tempdir().unwrap();
    let webhooks = |arguments: &[&str]| told(&run(directory.path(), &[&["webhooks"], arguments].concat()));
    let server = ServerProcess::start(directory.path(), &[]);
    assert_eq!(webhooks(&["list"]), (0, "Nothing waits for the webhook.\n".to_owned()));
    let (code, said) = webhooks(&["test"]);
    assert!(code == 1 && said.contains("WEBHOOK_URL is not set"), "{said}");
    let (code, said) = webhooks(&["resend", "7"]);
    assert!(code == 1 && said.contains("there is no delivery 7"), "{said}");
    server.kill();

    // A receiver that takes everything and keeps the bodies.
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", receiver.local_addr().unwrap());
    let (bodies, mut received) = tokio::sync::mpsc::unbounded_channel();
    let routes = axum::Router::new().fallback(axum::routing::post(move |body: String| {
        let _ = bodies.send(body);
        async { axum::http::StatusCode::NO_CONTENT }
    }));
    tokio::spawn(async move { axum::serve(receiver, routes).await.unwrap() });
    let server = ServerProcess::start(directory.path(), &[("WEBHOOK_URL", &url)]);
    let (code, said) = tokio::task::block_in_place(|| webhooks(&["test"]));
    assert!(code == 0 && said.contains("1  delivered  msg_"), "{code} {said}");
    let body: Value = serde_json::from_str(&received.recv().await.unwrap()).unwrap();
    assert_eq!(body, json!({"visitor_id": "hashpass-test", "invite_code": "TEST"}));
    let (code, said) = tokio::task::block_in_place(|| webhooks(&["resend", "1", "--why", "it got lost"]));
    assert!(code == 0 && said.contains("1  delivered"), "{code} {said}");
    assert_eq!(serde_json::from_str::<Value>(&received.recv().await.unwrap()).unwrap(), body);
    assert_eq!(webhooks(&["list"]), (0, "Nothing waits for the webhook.\n".to_owned()));
    let (_, said) = webhooks(&["list", "--all", "--json"]);
    let row: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&row["id"], &row["state"], &row["tries"]), (&json!(1), &json!("delivered"), &json!(1)));
    assert!(!said.contains("TEST"), "what is delivered is not listed");
    server.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_made_and_revoked_and_codes_exported() {
    let directory = tempfile::tempdir().unwrap();
    let keys = |arguments: &[&str]| told(&run(directory.path(), &[&["keys"], arguments].concat()));
    let (code, said) = keys(&["list"]);
    assert!(code == 2 && said.contains("no server runs"), "{said}");
    let server = ServerProcess::start(directory.path(), &[]);
    assert_eq!(keys(&["list"]), (0, "There are no keys.\n".to_owned()));
    let (code, key) = keys(&["create", "--name", "shop", "--scope", "codes:read,codes:redeem"]);
    assert!(code == 0 && key.starts_with("hpk_") && key.len() == 69, "{key}");
    for wrong in [
        &["create", "--name", "shop", "--scope", "codes:read"] as &[&str],
        &["create", "--name", "other", "--scope", "codes:everything"],
        &["create", "--name", "a b", "--scope", "codes:read"],
        &["revoke", "nobody"],
    ] {
        assert_eq!(keys(wrong).0, 1, "{wrong:?}");
    }
    assert_eq!(keys(&["create", "--name", "shop"]).0, 2, "a key has a scope");

    let client = server.client().try_with_session().await.unwrap();
    let solution = client.solve(&client.puzzle().await).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    let won = won["invite_code"].as_str().unwrap();
    let site = server.client().with_bearer(key.trim_end());
    let body = json!({"code": won, "redeemed_for": "=SUM(A1), \"x\""}).to_string();
    assert_eq!(site.post_raw("/api/codes/redeem", &body).await.status(), 200);
    let (code, said) = told(&run(directory.path(), &["check-code", won]));
    assert!(
        code == 1 && said.starts_with("not valid: redeemed: won in round 1 at ") && said.contains(" for "),
        "{said}"
    );

    let (code, csv) = told(&run(directory.path(), &["codes", "export", "--format", "csv"]));
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!((code, lines.len(), lines[0]), (0, 3, "code,status,round,won_at,expires_at,redeemed_at,redeemed_for"));
    assert!(lines[1].starts_with(&format!("{won},redeemed,1,")), "{csv}");
    assert!(lines[1].ends_with(",\"'=SUM(A1), \"\"x\"\"\""), "{csv}");
    let (_, lines) = told(&run(directory.path(), &["codes", "export", "--format", "jsonl"]));
    let row: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((&row["code"], &row["status"]), (&json!(won), &json!("redeemed")));

    let (code, said) = keys(&["revoke", "shop", "--why", "it was lost"]);
    assert!(code == 0 && said.contains("shop  codes:read codes:redeem") && said.contains("  revoked "), "{said}");
    assert!(!said.contains("hpk_"), "a key is shown once");
    assert_eq!(site.post_raw("/api/codes/check", &json!({"code": won}).to_string()).await.status(), 401);
    let (_, log) = server.terminate();
    assert!(!log.contains(won) && !log.contains("hpk_"), "{log}");
}
