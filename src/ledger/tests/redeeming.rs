//! A process that redeems codes and ends itself at a fault point: whatever it was told is
//! done is done, and no answer is kept of what is not.

use super::{
    QUICK, child,
    samples::{code, opening, win},
};
use crate::{
    clock::SystemClock,
    ledger::{
        Change, DataDirectory, Digest, Head, Ledger, SqliteLedger, Transaction, body::Redeemed, callers::NewAnswer,
        verify_chain,
    },
};
use puzzle::RoundNumber;
use std::{io::Write, path::Path, sync::Arc};

/// How many codes there are.
const CODES: u64 = 12;

fn open(directory: &Path) -> SqliteLedger {
    let directory = DataDirectory::open(directory).unwrap();
    SqliteLedger::open(&directory, Arc::new(SystemClock::default()), QUICK).unwrap()
}

/// What the answer about the code of a round is kept under.
fn name(round: u64) -> Digest {
    Digest::of(&[&round.to_be_bytes()])
}

fn redemption(round: u64) -> Transaction {
    let code_digest = Digest::of(&[code(round).as_str().as_bytes()]);
    let redeemed = Redeemed { code_digest, key: "shop".to_owned(), redeemed_for: None };
    let answer = NewAnswer { name: name(round), request: Digest::ZERO, refusal: None };
    Transaction::new().with(Change::KeepAnswer(answer)).with(Change::Redeem(redeemed))
}

/// The child: redeems what is not redeemed yet, and says what it was told.
#[tokio::test]
async fn child_that_redeems() {
    let Some(directory) = child::directory() else { return };
    let ledger = open(&directory);
    let mut output = std::io::stdout().lock();
    for round in 1..=CODES {
        if ledger.commit(redemption(round)).await.is_ok() {
            writeln!(output, "redeemed {round}").unwrap();
            output.flush().unwrap();
        }
    }
}

#[tokio::test]
async fn a_code_is_redeemed_with_its_answer_or_not_at_all_at_any_fault_point() {
    for point in ["before_begin", "after_change", "before_commit", "after_commit", "after_answer"] {
        for time in [1, 2, 5] {
            let directory = tempfile::tempdir().unwrap();
            let ledger = open(directory.path());
            ledger.commit(opening()).await.unwrap();
            for round in 1..=CODES {
                ledger.commit(win(round, "a")).await.unwrap();
            }
            ledger.close(Transaction::new()).await.unwrap();
            drop(ledger);

            let mut command = child::command("redeeming::child_that_redeems", directory.path());
            let output = command.env("FAULT_POINT", format!("ledger.{point}:{time}")).output().unwrap();
            assert!(!output.status.success(), "{point}: it should have ended itself");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let told = |round: u64| said.lines().any(|line| line == format!("redeemed {round}"));

            let ledger = open(directory.path());
            verify_chain(&ledger, Head::START).await.unwrap();
            let records = ledger.codes_after(RoundNumber(0), None, 0.into(), 99).await.unwrap();
            assert_eq!(records.len() as u64, CODES);
            for record in records {
                let round = record.win.round.0;
                let is_kept = ledger.kept_answer(name(round)).await.unwrap().is_some();
                assert_eq!(record.redeemed.is_some(), is_kept, "{point}:{time} {round}");
                assert!(!told(round) || is_kept, "{point}:{time} {round} was said to be redeemed");
            }
        }
    }
}
