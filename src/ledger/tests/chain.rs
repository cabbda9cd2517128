//! The chain: its exact form, and that it shows what was tampered with.

use super::{
    Fixture, for_every_store,
    samples::{opened, opening, win, won},
    sqlite,
};
use crate::{
    clock::ManualClock,
    ledger::{
        Body, ChainError, DataDirectory, Digest, Head, Ledger, Seq, SqliteLedger, Transaction,
        body::{DropChange, OperatorAction, Redeemed, Revoked},
        error::Fault,
        sqlite::{DATABASE, OpenError},
        verify_chain,
    },
};
use puzzle::{
    RoundNumber,
    drop::{DropRules, DropState},
};
use rusqlite::Connection;
use std::{path::Path, sync::Arc, time::Duration};

for_every_store!(the_chain_is_what_anybody_can_compute, every_kind_of_body_is_written_as_documented);

/// Computed with Python's `hashlib` over the text that the documentation of `entry`
/// gives.
async fn the_chain_is_what_anybody_can_compute(it: Fixture) {
    let action = OperatorAction {
        who: "console".to_owned(),
        what: "supply".to_owned(),
        before: "10".to_owned(),
        after: "20".to_owned(),
        why: "more \"guests\" é".to_owned(),
    };
    it.clock.advance(Duration::from_millis(1_769_860_800_123));
    it.commit(Transaction::new().append(RoundNumber(0), Body::Operator(action))).await;
    it.advance(1);
    it.commit(Transaction::new().append(RoundNumber(7), redeemed())).await;
    let entries = it.ledger.entries_after(Seq(0), 10).await.unwrap();
    assert_eq!(
        entries[0].canonical(),
        r#"{"seq":1,"at":1769860800123,"kind":"operator","round":0,"body":{"who":"console","what":"supply","before":"10","after":"20","why":"more \"guests\" é"}}"#
    );
    let chains: Vec<String> = entries.iter().map(|entry| entry.chain.to_string()).collect();
    assert_eq!(
        chains,
        [
            "599027b35175f9d9abe3f7f009cc2d88678fd338fb698f2866009138459c4784",
            "e6c4e76436fac951203ca54ae4ea39e12e13ba457683b4c169f563c7bad598c7"
        ]
    );
}

fn redeemed() -> Body {
    let code_digest = Digest::from_bytes([0x11; 32]);
    Body::Redeemed(Redeemed { code_digest, key: "shop".to_owned(), redeemed_for: None })
}

/// What is written stays readable for ever: whoever changes one of these texts has
/// changed the format.
async fn every_kind_of_body_is_written_as_documented(it: Fixture) {
    let rules = DropRules { supply: 9, opens_at: Some(Duration::from_millis(1)), ..DropRules::default() };
    let drop = DropChange {
        state: DropState::SoldOut,
        reason: "the last one".to_owned(),
        supply: Some(9),
        won: 9,
        rules,
        environment: DropRules::default(),
    };
    let code_digest = Digest::from_bytes([0x11; 32]);
    let revoked = Revoked { code_digest, key: "shop".to_owned(), reason: "fraud".to_owned() };
    let transaction = Transaction::new()
        .append(RoundNumber(1), opened(1))
        .append(RoundNumber(1), won(1, 42, "session-1"))
        .append(RoundNumber(1), Body::Drop(drop))
        .append(RoundNumber(1), redeemed())
        .append(RoundNumber(1), Body::Revoked(revoked));
    it.commit(transaction).await;
    let entries = it.ledger.entries_after(Seq(0), 10).await.unwrap();
    let texts: Vec<(&str, &str)> = entries.iter().map(|entry| (entry.body.kind().name(), entry.text())).collect();
    let hash = "07".repeat(32);
    let digest = "11".repeat(32);
    let expected = [
        (
            "opened",
            r#"{"seed":"00000000000000000000000000000001","curve":{"rising":{"reference_time":60.0,"reference_target":"0010000000000000000000000000000000000000000000000000000000000000","power":2.0,"easiest":"1000000000000000000000000000000000000000000000000000000000000000","hardest":"000001ad7f29abcaf48000000000000000000000000000000000000000000000"}},"estimate":{"rising":{"solves":0.6666666666666666,"exposure":0.30000000000000004,"rate":12345.678901234567}},"cost":{"memory_cost":64,"time_cost":1,"parallelism":1},"rule":"rising","reason":"first"}"#.to_owned(),
        ),
        (
            "won",
            format!(
                r#"{{"session":"session-1","ticket":42,"code":"{}","visitor":"visitor-1","address":"2001:db8::1","network":"2001:db8::/64","trace":"fl=0f0\nip=2001:db8::1\nts=1\nuag=\"é\\\"\n","seed":"00000000000000000000000000000001","nonce":1,"hash":"{hash}","difficulty":3.1,"mining_time_ns":61123456789,"solve_time_ns":61123456789,"new_difficulty":3.2,"adjustment_reason":"Perfect timing (61.1s within 30-120s)","estimate":{{"rising":{{"solves":0.6666666666666666,"exposure":0.30000000000000004,"rate":12345.678901234567}}}}}}"#,
                super::samples::code(1).as_str()
            ),
        ),
        (
            "drop",
            r#"{"state":"sold_out","reason":"the last one","supply":9,"won":9,"rules":{"supply":9,"opens_at_ms":1,"wins_per_person":0,"win_cooldown_ms":0,"wins_per_network":0,"min_round_ms":0},"environment":{"supply":0,"wins_per_person":0,"win_cooldown_ms":0,"wins_per_network":0,"min_round_ms":0}}"#.to_owned(),
        ),
        ("redeemed", format!(r#"{{"code_digest":"{digest}","key":"shop","redeemed_for":null}}"#)),
        ("revoked", format!(r#"{{"code_digest":"{digest}","key":"shop","reason":"fraud"}}"#)),
    ];
    for (found, (kind, text)) in texts.into_iter().zip(&expected) {
        assert_eq!(found, (*kind, text.as_str()));
    }
}

/// Ten rounds in a directory, closed in good order.
async fn ten_rounds(directory: &Path) {
    let ledger = sqlite(directory, Arc::new(ManualClock::default()));
    ledger.commit(opening()).await.unwrap();
    for round in 1..=10 {
        ledger.commit(win(round, "a")).await.unwrap();
    }
    ledger.close(Transaction::new()).await.unwrap();
}

#[tokio::test]
async fn whatever_was_tampered_with_is_named() {
    let table = [
        ("UPDATE entries SET body = replace(body, '\"visitor-1\"', '\"visitor-2\"') WHERE seq = 6", 6),
        ("UPDATE entries SET body = replace(body, ',', ', ') WHERE seq = 6", 6),
        ("UPDATE entries SET at = at + 1 WHERE seq = 9", 9),
        ("UPDATE entries SET round = round + 1 WHERE seq = 9", 9),
        ("UPDATE entries SET chain = zeroblob(32) WHERE seq = 1", 1),
        ("DELETE FROM wins WHERE seq = 4; DELETE FROM entries WHERE seq = 4", 5),
        (
            "UPDATE entries SET seq = -seq WHERE seq IN (3, 5);
          UPDATE entries SET seq = 5 WHERE seq = -3; UPDATE entries SET seq = 3 WHERE seq = -5",
            3,
        ),
    ];
    for (tampering, wrong) in table {
        let directory = tempfile::tempdir().unwrap();
        ten_rounds(directory.path()).await;
        let connection = Connection::open(directory.path().join(DATABASE)).unwrap();
        connection.execute_batch(tampering).unwrap();
        drop(connection);
        let ledger = sqlite(directory.path(), Arc::new(ManualClock::default()));
        match verify_chain(&ledger, Head::START).await {
            Err(ChainError::Broken { at }) => assert_eq!(at, Seq(wrong), "{tampering}"),
            other => panic!("{tampering}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_ledger_without_its_end_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    ten_rounds(directory.path()).await;
    let connection = Connection::open(directory.path().join(DATABASE)).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM entries WHERE 19 < seq").unwrap();
    drop(connection);
    let data = DataDirectory::open(directory.path()).unwrap();
    match SqliteLedger::open(&data, Arc::new(ManualClock::default()), super::QUICK) {
        Err(OpenError::Store(error)) => assert_eq!(error.fault(), Fault::Damaged),
        other => panic!("{other:?}"),
    }
}
