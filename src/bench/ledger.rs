//! What the ledger costs: how long a win waits for the disk, how many wins fit into a
//! second, how long a restart takes after a million rounds, and how large a round is.
//!
//! `./x bench ledger [ROUNDS]`. No server takes part: the store itself is measured, as
//! the race commits to it, on the disk under `target`.

use futures::{StreamExt, stream::FuturesOrdered};
use hashpass::{
    clock::SystemClock,
    ledger::{
        Body, Change, DataDirectory, Ledger, SqliteLedger, Transaction,
        body::{Estimate, OpenReason, Opened, Won},
        deliveries::NewDelivery,
        sqlite::{DATABASE, SqliteSettings},
        values::WebhookId,
    },
};
use hashpass_bench::{
    report::{self, Column, Report, Table},
    samples::Samples,
};
use puzzle::{
    Cost, Curve, Hash, Nonce, RoundNumber, Seed, Target, Ticket,
    curve::RisingCurve,
    invite_code::{CodeSecret, InviteCode},
    rule::RuleName,
};
use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

/// Wins that are committed one after the other, each waiting for the one before.
const SINGLE_WINS: u64 = 1_000;

/// Wins that are under way at once, as when many instances or a burst commit.
const AT_ONCE: usize = 64;

/// Rounds of one transaction while the file is filled: that is preparation.
const ROUNDS_OF_A_TRANSACTION: u64 = 500;

const ESTIMATE: Estimate = Estimate::Rising { solves: 8.5, exposure: 0.001, rate: 8_500.0 };

fn opened(round: u64, reason: OpenReason) -> Body {
    let curve = Curve::Rising(RisingCurve {
        reference_time: 60.0,
        reference_target: Target::from_fraction(1.0 / 4096.0),
        power: 2.0,
        easiest: Target::from_fraction(1.0 / 16.0),
        hardest: Target::from_fraction(1.0 / 16_777_216.0),
    });
    let seed = Seed::from_bytes(u128::from(round).to_be_bytes());
    Body::Opened(Opened { seed, curve, estimate: ESTIMATE, cost: Cost::DEFAULT, rule: RuleName::Rising, reason })
}

/// What the race commits when `round` is won.
fn win(transaction: Transaction, round: u64) -> Result<Transaction, Box<dyn Error>> {
    let (visitor, nonce) = ("0123456789abcdef0123456789abcdef".parse()?, Nonce::new(round)?);
    let seed = Seed::from_bytes(u128::from(round).to_be_bytes());
    let code = InviteCode::derive(&CodeSecret::from_bytes([7; 32]), &visitor, nonce, &seed);
    let body = format!(r#"{{"visitor_id":"{visitor}","invite_code":"{}"}}"#, code.as_str());
    let won = Won {
        session: format!("{round:032x}"),
        ticket: Ticket(round),
        code,
        visitor,
        address: "2001:db8::1".parse()?,
        network: "2001:db8::/64".to_owned(),
        trace: "fl=0f0\nh=race.example\nip=2001:db8::1\nts=1.000\nvisit_scheme=https\nuag=Mozilla/5.0\ncolo=FRA\n"
            .parse()?,
        seed,
        nonce,
        hash: Hash::from_bytes([7; 32]),
        difficulty: 3.1,
        mining_time: Duration::from_secs(61),
        solve_time: Duration::from_secs(61),
        new_difficulty: 3.2,
        adjustment_reason: "Perfect timing (61.0s within 30-120s)".to_owned(),
        estimate: ESTIMATE,
        expires_at: None,
        state: None,
    };
    let delivery = NewDelivery {
        webhook_id: WebhookId::random(),
        receiver: "https://receiver.example/codes".to_owned(),
        round: Some(RoundNumber(round)),
        body,
    };
    Ok(transaction
        .append(RoundNumber(round), Body::Won(Box::new(won)))
        .append(RoundNumber(round + 1), opened(round + 1, OpenReason::Solved))
        .with(Change::Deliver(delivery)))
}

fn open(directory: &DataDirectory) -> Result<SqliteLedger, Box<dyn Error>> {
    Ok(SqliteLedger::open(directory, Arc::new(SystemClock::default()), SqliteSettings::default())?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`; a number is how many rounds there shall be.
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000_u64);
    let mut report = Report::new("ledger");
    std::fs::create_dir_all(report::directory())?;
    let folder = tempfile::tempdir_in(report::directory())?;
    let directory = DataDirectory::open(folder.path())?;
    let ledger = open(&directory)?;
    ledger.commit(Transaction::new().append(RoundNumber(1), opened(1, OpenReason::First))).await?;

    let mut round = 1;
    let mut waits = Samples::default();
    let began = Instant::now();
    for _ in 0..SINGLE_WINS {
        let (transaction, start) = (win(Transaction::new(), round)?, Instant::now());
        ledger.commit(transaction).await?;
        waits.add(start.elapsed());
        round += 1;
    }
    let single = f64::from(u32::try_from(SINGLE_WINS)?) / began.elapsed().as_secs_f64();

    let (mut under_way, began, burst_from) = (FuturesOrdered::new(), Instant::now(), round);
    while began.elapsed() < Duration::from_secs(5) {
        while under_way.len() < AT_ONCE {
            under_way.push_back(ledger.commit(win(Transaction::new(), round)?));
            round += 1;
        }
        if let Some(committed) = under_way.next().await {
            committed?;
        }
    }
    while let Some(committed) = under_way.next().await {
        committed?;
    }
    let burst = f64::from(u32::try_from(round - burst_from)?) / began.elapsed().as_secs_f64();

    while round < rounds {
        let mut transaction = Transaction::new();
        for _ in 0..ROUNDS_OF_A_TRANSACTION {
            transaction = win(transaction, round)?;
            round += 1;
        }
        ledger.commit(transaction).await?;
    }
    ledger.close(Transaction::new()).await?;
    drop(ledger);
    let bytes = std::fs::metadata(folder.path().join(DATABASE))?.len();

    let began = Instant::now();
    let ledger = open(&directory)?;
    let recovered = ledger.recover().await?;
    let restart = began.elapsed();
    if recovered.round.is_none_or(|found| found.round != RoundNumber(round)) {
        return Err("a restart does not find the last round".into());
    }

    let column = |name, unit, decimals| Column { name, unit, decimals };
    let mut table = Table::new(
        "The ledger on this disk",
        &[
            column("commit p50", "ms", 2),
            column("commit p99", "ms", 2),
            column("wins, one at a time", "/s", 0),
            column("wins, 64 at once", "/s", 0),
            column("rounds", "", 0),
            column("restart", "ms", 1),
            column("a round", "bytes", 0),
        ],
    );
    table.row(vec![
        waits.percentile_ms(50.0).into(),
        waits.percentile_ms(99.0).into(),
        single.into(),
        burst.into(),
        f64::from(u32::try_from(round)?).into(),
        (restart.as_secs_f64() * 1000.0).into(),
        f64::from(u32::try_from(bytes / round)?).into(),
    ]);
    report.table(table);
    report.note("The restart reads a file that was just written: it is in the system's memory.");
    report.publish(&report::directory())?;
    Ok(())
}
