//! The released server as a process that is killed without warning while codes are being
//! won: every code that a client received is found by its cookie and in the audit log,
//! once, its receiver is told of it under one id, and rounds go on without a gap. The
//! same at every fault point, which the released server has not, is in
//! `src/server/tests/crash.rs`.

use crate::support::{Client, process::ServerProcess, receiver::Receiver};
use axum::http::StatusCode;
use hashpass::{
    clock::SystemClock,
    ledger::{DataDirectory, Head, SqliteLedger, sqlite::SqliteSettings, verify_chain},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How often the server is killed; `HASHPASS_TEST_CRASHES` asks for another number.
const CRASHES: usize = 6;
const WINS_BEFORE_A_CRASH: usize = 15;

/// The codes that were received, each with the cookie of its winner and its round.
type Received = Arc<Mutex<BTreeMap<String, (String, u64)>>>;

/// Wins round after round until the server is gone, noting every code received.
async fn win_until_the_end(address: SocketAddr, received: Received) -> Result<(), reqwest::Error> {
    let client = Client::at(address).try_with_session().await?;
    let cookie = client.cookie().unwrap().to_owned();
    loop {
        let puzzle: Value = client.try_get("/api/puzzle").await?.json().await?;
        let trace = client.try_get("/cdn-cgi/trace").await?.text().await?;
        let solution = client.solve_with_trace(&puzzle, &trace);
        let answer: Value = client.try_verify(&solution).await?.json().await?;
        if let Some(code) = answer["invite_code"].as_str() {
            let round = answer["round"].as_u64().unwrap();
            let before = received.lock().unwrap().insert(code.to_owned(), (cookie.clone(), round));
            assert_eq!(before, None, "{code} was given out twice");
        }
    }
}

/// The codes of every record in the audit log and its archives.
fn recorded(data: &Path) -> Vec<String> {
    let files = std::fs::read_dir(data.join("data")).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    logs.flat_map(|path| {
        let records: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).expect("always valid JSON");
        records.into_iter().map(|record| record["invite_code"].as_str().unwrap().to_owned())
    })
    .collect()
}

/// The codes in the audit log, once it has caught up with the ledger: it holds them all.
async fn recorded_in_the_end(data: &Path, received: &Received) -> Vec<String> {
    for _ in 0..500 {
        let recorded = recorded(data);
        let known: BTreeSet<&String> = recorded.iter().collect();
        if received.lock().unwrap().keys().all(|code| known.contains(code)) {
            return recorded;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a code was given out and is not on record");
}

/// The ids under which the receiver was told of each code, once it knows of so many.
async fn delivered(receiver: &Receiver, count: usize) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let mut delivered = BTreeMap::<String, BTreeSet<String>>::new();
        for (headers, body, _) in receiver.requests() {
            let body: Value = serde_json::from_str(&body).unwrap();
            let id = headers["webhook-id"].to_str().unwrap().to_owned();
            delivered.entry(body["invite_code"].as_str().unwrap().to_owned()).or_default().insert(id);
        }
        if count <= delivered.len() {
            return delivered;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads the ledger of a server that has ended from one end to the other.
async fn chain_is_unbroken(data: &Path) {
    let directory = DataDirectory::open(&data.join("data")).unwrap();
    let ledger = SqliteLedger::open(&directory, Arc::new(SystemClock::default()), SqliteSettings::default()).unwrap();
    verify_chain(&ledger, Head::START).await.expect("an unbroken chain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_that_was_given_out_is_lost_when_the_server_is_killed() {
    let crashes = std::env::var("HASHPASS_TEST_CRASHES").map_or(CRASHES, |number| number.parse().unwrap());
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(StatusCode::NO_CONTENT).await;
    let settings = [("WEBHOOK_URL", receiver.url.as_str())];
    let received = Received::default();
    let mut checked = BTreeSet::new();
    for crash in 1..=crashes {
        let server = ServerProcess::start(data.path(), &settings);
        let miners: Vec<_> =
            (0..4).map(|_| tokio::spawn(win_until_the_end(server.address(), received.clone()))).collect();
        while received.lock().unwrap().len() < crash * WINS_BEFORE_A_CRASH {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        for miner in miners {
            miner.await.unwrap().expect_err("the server is gone");
        }

        let server = ServerProcess::start(data.path(), &settings);
        let recorded = recorded_in_the_end(data.path(), &received).await;
        let known: BTreeSet<&String> = recorded.iter().collect();
        assert_eq!(known.len(), recorded.len(), "no code is there twice");
        let new: Vec<_> = {
            let received = received.lock().unwrap();
            let new = received.iter().filter(|(code, _)| !checked.contains(*code));
            new.map(|(code, (cookie, round))| (code.clone(), cookie.clone(), *round)).collect()
        };
        let client = server.client();
        for (code, cookie, round) in new {
            let request = client.http.get(client.url("/api/wins")).header("cookie", cookie);
            let wins: Value = request.send().await.unwrap().json().await.unwrap();
            let found = wins.as_array().unwrap().iter().find(|win| win["invite_code"] == code.as_str());
            assert_eq!(found.expect("its winner finds it")["round"], round, "crash {crash}");
            checked.insert(code);
        }
        // No number is given to two rounds, and none is left out by more than what was won
        // and not told any more.
        let rounds: BTreeSet<u64> = received.lock().unwrap().values().map(|(_, round)| *round).collect();
        assert_eq!(rounds.len(), received.lock().unwrap().len(), "one code a round");
        let health: Value = client.get("/api/health").await.json().await.unwrap();
        assert_eq!(health["round"].as_u64().unwrap(), recorded.len() as u64 + 1, "every round before was won");
        server.kill();
    }
    chain_is_unbroken(data.path()).await;
    let server = ServerProcess::start(data.path(), &settings);
    let recorded = recorded_in_the_end(data.path(), &received).await;
    let delivered = tokio::time::timeout(Duration::from_secs(30), delivered(&receiver, recorded.len()));
    let delivered = delivered.await.expect("every prize is delivered");
    assert!(delivered.keys().eq(recorded.iter().collect::<BTreeSet<_>>()));
    assert!(delivered.values().all(|ids| ids.len() == 1), "no prize is delivered under two ids");
    server.kill();
}
