//! Where wins are kept: a disk that fills up, no disk at all, and the key that codes are
//! made with.

use crate::support::{Client, process::ServerProcess};
use puzzle::{
    Nonce,
    invite_code::{CodeSecret, InviteCode},
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::Duration,
};

/// Hands in a solution of the running round: what was submitted, and the answer.
async fn hand_in(client: &Client) -> (Value, reqwest::Response) {
    let solution = client.solve(&client.puzzle().await).await;
    let answer = client.verify(&solution).await;
    (solution, answer)
}

/// Wins the running round.
async fn win(client: &Client) -> (Value, Value) {
    let (solution, answer) = hand_in(client).await;
    assert_eq!(answer.status(), 200);
    (solution, answer.json().await.unwrap())
}

/// Takes all the space that is left.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let piece = [7; 4096];
    while file.write_all(&piece).is_ok() {}
}

/// The codes in the audit log.
fn recorded(data: &Path) -> Vec<Value> {
    let text = fs::read(data.join("verify.json")).unwrap();
    let records: Vec<Value> = serde_json::from_slice(&text).expect("always valid JSON");
    records.into_iter().map(|record| record["invite_code"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_gives_out_no_code_and_the_race_goes_on_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let settings = [("HASHPASS_LOBBY_DB", ":memory:"), ("HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE", "0")];
    // Where nobody may mount anything nothing is tested.
    let Some((server, data)) = ServerProcess::start_on_a_small_disk(directory.path(), &settings) else { return };
    let client = server.client().try_with_session().await.unwrap();
    let mut codes = vec![win(&client).await.1["invite_code"].clone()];
    let ballast = data.join("ballast");
    fill(&ballast);
    // The reserve finishes what is under way, and from then on nobody wins.
    let refused = loop {
        let (_, answer) = hand_in(&client).await;
        if answer.status() != 200 {
            break answer;
        }
        codes.push(answer.json::<Value>().await.unwrap()["invite_code"].clone());
        assert!(codes.len() < 5000, "the disk is full");
    };
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "storage_unavailable");
    let round = client.puzzle().await["round"].clone();
    assert_eq!(hand_in(&client).await.1.status(), 503);
    assert_eq!(client.puzzle().await["round"], round, "the round stays open");
    let health = client.get("/api/health").await;
    assert_eq!(health.status(), 503);
    assert_eq!(health.json::<Value>().await.unwrap()["checks"]["storage"], "failed");

    fs::remove_file(&ballast).unwrap();
    let won = async {
        loop {
            let (_, answer) = hand_in(&client).await;
            if answer.status() == 200 {
                break answer.json::<Value>().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let won = tokio::time::timeout(Duration::from_secs(20), won).await.expect("it goes on by itself");
    assert_eq!(won["round"], round);
    codes.push(won["invite_code"].clone());
    let wins: Vec<Value> = client.get("/api/wins").await.json().await.unwrap();
    let newest: Vec<&Value> = wins.iter().rev().map(|win| &win["invite_code"]).collect();
    assert_eq!(newest, codes.iter().skip(codes.len().saturating_sub(1000)).collect::<Vec<_>>());
    let caught_up = async {
        while !recorded(&data).ends_with(&codes[codes.len().saturating_sub(3)..]) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), caught_up).await.expect("the audit log catches up");
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");
    let said: Vec<&str> = log.lines().filter(|line| line.contains("the ledger cannot be written")).collect();
    assert_eq!(said.len(), 1, "{log}");
    assert!(said[0].contains("hashpass.db") && said[0].contains("errno=28"), "{}", said[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_memory_forgets_everything_and_says_so_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let settings = [("HASHPASS_STORE", "memory"), ("HASHPASS_HMAC_SECRET", "")];
    for _ in 0..2 {
        let server = ServerProcess::start(directory.path(), &settings);
        let client = server.client().try_with_session().await.unwrap();
        assert_eq!(win(&client).await.1["round"], 1);
        let (status, log) = server.terminate();
        let said = "HASHPASS_STORE=memory: wins, rounds and sessions are forgotten when the server stops";
        assert!(status.success() && log.contains(said), "{log}");
        assert!(!directory.path().join("data/hashpass.db").exists());
    }
}

/// True if these are the codes that follow from the key for these submissions.
fn follow(key: &str, wins: &[(Value, Value)]) -> bool {
    let bytes = (0..key.len()).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap());
    let secret = CodeSecret::from_bytes(bytes.collect::<Vec<u8>>());
    wins.iter().all(|(solution, won)| {
        let text = |field: &str| solution[field].as_str().unwrap();
        let nonce = Nonce::new(solution["nonce"].as_u64().unwrap()).unwrap();
        let visitor = text("visitorId").parse().unwrap();
        let code = InviteCode::derive(&secret, &visitor, nonce, &text("submittedSeed").parse().unwrap());
        won["invite_code"] == json!(code.as_str())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_can_be_checked_after_a_restart_with_the_key_that_was_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut wins = Vec::new();
    for _ in 0..2 {
        let server = ServerProcess::start(directory.path(), &[("HASHPASS_HMAC_SECRET", "")]);
        wins.push(win(&server.client().try_with_session().await.unwrap()).await);
        server.kill();
    }
    let key = fs::read_to_string(directory.path().join("data/hmac-secret")).unwrap();
    assert!(follow(key.trim(), &wins));

    // Whoever wants a fresh one at every start says so, and none is kept.
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[("HASHPASS_HMAC_SECRET", "random")]);
    let won = win(&server.client().try_with_session().await.unwrap()).await;
    server.kill();
    assert!(!directory.path().join("data/hmac-secret").exists() && !follow(key.trim(), &[won]));
}
