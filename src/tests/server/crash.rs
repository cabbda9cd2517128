//! The server as a real process that is killed without warning while codes are
//! being won: every code that a client received is in the audit log, once.

use crate::support::{Client, process::ServerProcess};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const CRASHES: usize = 6;
const WINS_BEFORE_A_CRASH: usize = 15;

/// How long the server may take to write what it had not written before.
const PATIENCE: Duration = Duration::from_secs(20);

/// Wins round after round until the server is gone, noting every code received.
async fn win_until_the_end(address: SocketAddr, codes: Arc<Mutex<Vec<String>>>) -> Result<(), reqwest::Error> {
    let client = Client::at(address).try_with_session().await?;
    loop {
        let puzzle: Value = client.try_get("/api/puzzle").await?.json().await?;
        let trace = client.try_get("/cdn-cgi/trace").await?.text().await?;
        let solution = client.solve_with_trace(&puzzle, &trace);
        let answer: Value = client.try_verify(&solution).await?.json().await?;
        if let Some(code) = answer["invite_code"].as_str() {
            codes.lock().unwrap().push(code.to_owned());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_that_was_given_out_is_lost_when_the_server_is_killed() {
    let data = tempfile::tempdir().unwrap();
    let codes = Arc::new(Mutex::new(Vec::new()));
    for crash in 1..=CRASHES {
        let server = ServerProcess::start(data.path(), &[]);
        let miners: Vec<_> = (0..4).map(|_| tokio::spawn(win_until_the_end(server.address(), codes.clone()))).collect();
        while codes.lock().unwrap().len() < crash * WINS_BEFORE_A_CRASH {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        for miner in miners {
            miner.await.unwrap().expect_err("the server is gone");
        }
        // The next start writes what the crash has left undone.
        let server = ServerProcess::start(data.path(), &[]);
        let given_out = codes.lock().unwrap().clone();
        let begin = Instant::now();
        while given_out.iter().any(|code| !recorded(data.path()).contains(code)) && begin.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let recorded = recorded(data.path());
        let known: BTreeSet<&String> = recorded.iter().collect();
        assert_eq!(known.len(), recorded.len(), "no code is there twice");
        for code in &given_out {
            assert!(known.contains(code), "crash {crash}: {code} was given out and is not on record");
        }
        server.kill();
    }
}
