//! What clients were given and what must be found again, whatever ended the server.

use crate::{
    clock::SystemClock,
    ledger::{
        Body, DataDirectory, DeliveryId, Head, Ledger, Seq, SqliteLedger, Transaction, sqlite::SqliteSettings,
        verify_chain,
    },
};
use axum::{Router, extract::State, http::HeaderMap};
use hashpass_bench::{
    BenchError,
    client::{Connection, Visitor},
};
use hyper::StatusCode;
use puzzle::PuzzleHasher;
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

/// How long what follows from a win may take after a restart: deliveries begin within
/// five seconds.
const CATCHING_UP: Duration = Duration::from_secs(30);

/// A code that a client holds in its hands.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) code: String,
    round: u64,
    winner: Arc<Visitor>,
}

/// All codes that clients were given.
#[derive(Clone, Default)]
pub(super) struct AllGiven(Arc<Mutex<Vec<Given>>>);

/// What is told of a win.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Told {
    round: u64,
    invite_code: String,
}

impl AllGiven {
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(super) fn after(&self, count: usize) -> Vec<Given> {
        self.0.lock().unwrap()[count..].to_vec()
    }

    /// Wins until so many codes are given or the server has ended.
    pub(super) async fn win_until(self, server: SocketAddr, count: usize) {
        loop {
            match self.win(server, count).await {
                // It may be so busy that it asks for patience.
                Err(BenchError::Answer(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                Ok(()) | Err(_) => return,
            }
        }
    }

    async fn win(&self, server: SocketAddr, count: usize) -> hashpass_bench::Result<()> {
        let mut connection = Connection::open(server).await?;
        let winner = Arc::new(Visitor::new(server, None)?.pass_check(&mut connection).await?);
        let trace = winner.trace(&mut connection).await?;
        while self.count() < count {
            let round = winner.round(&mut connection).await?;
            let (nonce, hash) = round.mine_from(&mut PuzzleHasher::new(round.cost).unwrap(), &winner.id, &trace, 0)?;
            let submission = winner.submission(&round.seed, &trace, nonce, &hash);
            let answer = connection.send(winner.post("/api/verify", submission)).await?;
            if answer.status == StatusCode::OK {
                let Told { round, invite_code: code } = answer.json()?;
                self.0.lock().unwrap().push(Given { code, round, winner: Arc::clone(&winner) });
            }
        }
        Ok(())
    }
}

/// Asserts that each of these codes is among the wins of who holds it.
pub(super) async fn are_found_by_their_winners(server: SocketAddr, given: &[Given]) {
    let mut connection = Connection::open(server).await.unwrap();
    for Given { code, round, winner } in given {
        let wins: Vec<Told> = connection.send(winner.get("/api/wins")).await.unwrap().json().unwrap();
        assert!(wins.contains(&Told { round: *round, invite_code: code.clone() }), "its winner does not find {code}");
    }
}

/// Waits until the audit log has caught up with these codes, and asserts that it holds
/// no round and no code twice. Returns all its codes, by round.
pub(super) async fn are_recorded_once(directory: &Path, codes: &BTreeSet<String>) -> BTreeMap<u64, String> {
    let recorded = async {
        loop {
            let records = records(&directory.join("data"));
            let by_round: BTreeMap<u64, String> = records.iter().cloned().collect();
            let distinct: BTreeSet<&String> = by_round.values().collect();
            assert_eq!((by_round.len(), distinct.len()), (records.len(), records.len()), "a win is on record twice");
            if codes.iter().all(|code| distinct.contains(code)) {
                return by_round;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(CATCHING_UP, recorded).await.expect("a code that was given is not on record")
}

/// The rounds and codes in all files of the audit log that are there.
fn records(data: &Path) -> Vec<(u64, String)> {
    let files: Vec<_> = std::fs::read_dir(data).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    let logs = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    // One that is put away at this moment is found the next time.
    let texts = logs.filter_map(|path| std::fs::read(path).ok());
    texts
        .flat_map(|text| serde_json::from_slice::<Vec<Told>>(&text).expect("always valid JSON"))
        .map(|Told { round, invite_code }| (round, invite_code))
        .collect()
}

/// A receiver of the webhook that takes everything: the ids under which it was told of
/// each code.
#[derive(Clone, Default)]
pub(super) struct Receiver(Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>);

impl Receiver {
    /// A receiver and its address.
    pub(super) async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(Self::take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    async fn take(State(receiver): State<Self>, headers: HeaderMap, body: String) {
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        receiver.0.lock().unwrap().entry(code_in(&body)).or_default().insert(id);
    }

    /// Waits until it was told of every code, and asserts that each has the one id that
    /// the ledger knows it by.
    pub(super) async fn was_told_of(&self, ids: &BTreeMap<String, String>) {
        let all = async {
            while self.0.lock().unwrap().len() < ids.len() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(CATCHING_UP, all).await.expect("the receiver was not told of every code");
        let told = self.0.lock().unwrap();
        for (code, told) in told.iter() {
            assert_eq!(told.iter().collect::<Vec<_>>(), [&ids[code]], "{code} has one id");
        }
    }
}

fn code_in(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body["invite_code"].as_str().unwrap().to_owned()
}

/// What the ledger of a server that has ended holds, as far as it was read.
pub(super) struct Remembered {
    head: Head,
    /// The newest round that was opened.
    round: u64,
    /// The rounds that were won, by code.
    rounds: BTreeMap<String, u64>,
    /// The newest delivery.
    delivery: DeliveryId,
    /// The ids that the webhook's receiver knows the codes by.
    pub(super) webhook_ids: BTreeMap<String, String>,
}

impl Remembered {
    /// Nothing was read yet.
    pub(super) const fn new() -> Self {
        Self {
            head: Head::START,
            round: 0,
            rounds: BTreeMap::new(),
            delivery: DeliveryId(0),
            webhook_ids: BTreeMap::new(),
        }
    }

    /// Reads on from where it was read before, and asserts that the chain is unbroken,
    /// that no number is missing or given twice, that each win has one delivery, and
    /// that every code that was given is there.
    pub(super) async fn read_on(&mut self, directory: &Path, given: &[Given]) {
        let directory = DataDirectory::open(&directory.join("data")).unwrap();
        let ledger =
            SqliteLedger::open(&directory, Arc::new(SystemClock::default()), SqliteSettings::default()).unwrap();
        let head = verify_chain(&ledger, self.head).await.expect("an unbroken chain");
        for entry in ledger.entries_after(self.head.seq, usize::MAX).await.unwrap() {
            self.head.seq = Seq(self.head.seq.0 + 1);
            assert_eq!(entry.seq, self.head.seq, "no number is missing");
            match entry.body {
                Body::Opened(_) => {
                    self.round += 1;
                    assert_eq!(entry.round.0, self.round, "every round has the next number");
                }
                Body::Won(won) => {
                    assert_eq!(entry.round.0, self.round, "it is the running round that is won");
                    let before = self.rounds.insert(won.code.as_str().to_owned(), self.round);
                    assert_eq!(before, None, "no code is won twice");
                }
                _ => {}
            }
        }
        assert_eq!(head.seq, self.head.seq);
        self.head = head;
        for delivery in ledger.deliveries_after(self.delivery, None, usize::MAX).await.unwrap() {
            self.delivery = delivery.id;
            let code = code_in(&delivery.body);
            assert_eq!(delivery.round.map(|round| round.0), self.rounds.get(&code).copied(), "it tells of a win");
            let before = self.webhook_ids.insert(code, delivery.webhook_id.as_str().to_owned());
            assert_eq!(before, None, "no win has two deliveries");
        }
        assert!(self.rounds.keys().eq(self.webhook_ids.keys()), "every win has its delivery");
        let ids: BTreeSet<&String> = self.webhook_ids.values().collect();
        assert_eq!(ids.len(), self.webhook_ids.len(), "no two have the same id");
        for Given { code, round, .. } in given {
            assert_eq!(self.rounds.get(code), Some(round), "{code} was given");
        }
        ledger.close(Transaction::new()).await.unwrap();
    }

    /// The codes that were won, by round.
    pub(super) fn codes(&self) -> BTreeMap<u64, String> {
        self.rounds.iter().map(|(code, round)| (*round, code.clone())).collect()
    }
}
