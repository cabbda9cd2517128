//! A process that wins round after round and ends itself at every step of what follows
//! from a win: in the end every code is on record once and at the receiver under one id.

use super::{
    audit::{AuditRecord, AuditSettings},
    webhook::{CodeWon, WebhookSettings, told_of_win},
    *,
};
use crate::{
    clock::SystemClock,
    https_client::ProxySettings,
    ledger::{
        Body, Change, DataDirectory, Ledger, SqliteLedger, Transaction,
        body::{Estimate, OpenReason, Opened, Won},
        deliveries::Outbox,
        sqlite::SqliteSettings,
    },
};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use puzzle::{
    Cost, Curve, Hash, Nonce, RoundNumber, Seed, Ticket,
    invite_code::{CodeSecret, InviteCode},
    rule::RuleName,
    target::Target,
};
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

/// Tell a child where it works and whom it tells.
const DIRECTORY: &str = "PRIZE_TEST_DIRECTORY";
const URL: &str = "PRIZE_TEST_URL";

/// How many rounds a child wins before it ends in good order.
const ROUNDS: u64 = 6;

fn opened(round: u64) -> Body {
    Body::Opened(Opened {
        seed: Seed::from_bytes(u128::from(round).to_be_bytes()),
        curve: Curve::Fixed(Target::from_fraction(0.5)),
        estimate: Estimate::Step { difficulty: 1.0 },
        cost: Cost::DEFAULT,
        rule: RuleName::Step,
        reason: OpenReason::Solved,
    })
}

/// A win as the race commits it.
fn win(settings: &WebhookSettings, round: u64) -> Transaction {
    let secret = CodeSecret::from_bytes([7; 32]);
    let (visitor, seed) = ("visitor-1".parse().unwrap(), Seed::from_bytes(u128::from(round).to_be_bytes()));
    let nonce = Nonce::new(round).unwrap();
    let code = InviteCode::derive(&secret, &visitor, nonce, &seed);
    let delivery = told_of_win(
        settings,
        &CodeWon { code: &code, round: RoundNumber(round), visitor: &visitor, expires_at: None, state: None },
    );
    let won = Body::Won(Box::new(Won {
        session: "session".to_owned(),
        ticket: Ticket(round),
        code,
        visitor,
        address: "203.0.113.45".parse().unwrap(),
        network: "203.0.113.45".to_owned(),
        trace: "ip=203.0.113.45\n".parse().unwrap(),
        seed,
        nonce,
        hash: Hash::from_bytes([0; 32]),
        difficulty: 1.0,
        mining_time: Duration::from_secs(60),
        solve_time: Duration::from_secs(60),
        new_difficulty: 1.0,
        adjustment_reason: "Perfect timing".to_owned(),
        estimate: Estimate::Step { difficulty: 1.0 },
        expires_at: None,
        state: None,
    }));
    Transaction::new()
        .append(RoundNumber(round), won)
        .append(RoundNumber(round + 1), opened(round + 1))
        .with(Change::Deliver(delivery))
}

fn open_ledger(directory: &Path) -> SqliteLedger {
    let directory = DataDirectory::open(directory).unwrap();
    SqliteLedger::open(&directory, Arc::new(SystemClock::default()), SqliteSettings::default()).unwrap()
}

/// The child: wins some rounds, and ends when all that follows from them is done.
#[tokio::test]
async fn child_that_wins() {
    let (Some(directory), Ok(url)) = (env::var_os(DIRECTORY).map(PathBuf::from), env::var(URL)) else { return };
    let ledger: Arc<dyn Ledger> = Arc::new(open_ledger(&directory));
    let settings = WebhookSettings::new(url.parse().unwrap(), None);
    // Archives, too: three records a file.
    let audit = AuditSettings { records_per_file: 3, rest: 0, ..AuditSettings::new(directory) };
    let clock = Arc::new(SystemClock::default());
    let prizes = open(ledger.clone(), audit, Some(settings.clone()), &ProxySettings::default(), clock).unwrap();
    let first = match ledger.recover().await.unwrap().round {
        Some(round) => round.round.0,
        None => {
            ledger.commit(Transaction::new().append(RoundNumber(1), opened(1))).await.unwrap();
            1
        }
    };
    for round in first..first + ROUNDS {
        ledger.commit(win(&settings, round)).await.unwrap();
        prizes.wake();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while ledger.outbox().await.unwrap() != Outbox::default() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    prizes.shut_down(Duration::from_secs(60)).await;
    ledger.close(Transaction::new()).await.unwrap();
}

/// The ids that the receiver was told each code under.
type Told = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

async fn take(State(told): State<Told>, headers: HeaderMap, body: String) -> StatusCode {
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    told.lock().unwrap().entry(body["invite_code"].as_str().unwrap().to_owned()).or_default().push(id);
    StatusCode::NO_CONTENT
}

fn run_child(directory: &Path, url: &str, fault_point: Option<&str>) -> bool {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["prize::tests::child_that_wins", "--exact"]).env(DIRECTORY, directory).env(URL, url);
    command.envs(fault_point.map(|point| ("FAULT_POINT", point)));
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_win_is_recorded_once_and_delivered_under_one_id_wherever_the_process_ends() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let told = Told::default();
    let router = Router::new().fallback(take).with_state(told.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let run = |point: Option<String>| {
        let (directory, url) = (directory.path().to_owned(), url.clone());
        tokio::task::spawn_blocking(move || run_child(&directory, &url, point.as_deref()))
    };
    for point in ["audit.before_write", "audit.after_write", "delivery.before_try", "delivery.after_answer"] {
        for time in [1, 2, 4] {
            let ended_well = run(Some(format!("{point}:{time}"))).await.unwrap();
            assert!(!ended_well, "{point}:{time}: it should have ended itself");
        }
    }
    assert!(run(None).await.unwrap());

    let ledger = open_ledger(directory.path());
    let wins = ledger.wins_after(RoundNumber(0), usize::MAX).await.unwrap();
    let mut won: Vec<(u64, String)> = wins.iter().map(|win| (win.round.0, win.won.code.as_str().to_owned())).collect();
    let files = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let records = files.flat_map(|path| serde_json::from_slice::<Vec<AuditRecord>>(&fs::read(path).unwrap()).unwrap());
    let mut recorded: Vec<(u64, String)> =
        records.map(|record| (record.round.0, record.invite_code.as_str().to_owned())).collect();
    won.sort();
    recorded.sort();
    assert!(12 < won.len());
    assert_eq!(recorded, won);
    let told = told.lock().unwrap();
    assert!(told.keys().eq(won.iter().map(|(_, code)| code).collect::<std::collections::BTreeSet<_>>()));
    for (code, ids) in told.iter() {
        assert!(ids.iter().all(|id| *id == ids[0]), "{code} came under several ids");
    }
}
