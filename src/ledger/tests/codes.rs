//! The life of codes, the keys of other servers and what they were answered.

use super::{
    Fixture, for_every_store,
    samples::{code, opening, win, won_until},
    sqlite,
};
use crate::{
    clock::ManualClock,
    ledger::{
        Body, Change, CodeEnd, CodeStatus, DataDirectory, Digest, Head, Ledger, Refused, Transaction, WallTime,
        body::{Redeemed, Revoked},
        callers::{ANSWER_LIFE, NewAnswer, NewKey},
        sqlite::DATABASE,
        transaction::FORGET_AT_ONCE,
        verify_chain,
    },
};
use puzzle::RoundNumber;
use rusqlite::Connection;
use std::{path::Path, sync::Arc, time::Duration};

for_every_store!(
    a_code_is_redeemed_once_and_its_entry_says_for_what,
    a_code_that_was_revoked_is_worth_nothing,
    a_code_expires_at_its_moment,
    codes_that_expired_unused_go_back_once,
    codes_are_listed_by_what_became_of_them,
    a_refused_redemption_takes_its_whole_transaction_with_it,
    a_key_is_known_by_its_digest_until_it_is_revoked,
    an_answer_is_kept_for_a_day_and_given_to_one_request,
    answers_are_forgotten_in_the_order_of_their_times,
);

fn digest(round: u64) -> Digest {
    Digest::of(&[code(round).as_str().as_bytes()])
}

fn redeemed(round: u64) -> Redeemed {
    Redeemed { code_digest: digest(round), key: "shop".to_owned(), redeemed_for: Some("order 7".to_owned()) }
}

fn revoked(round: u64) -> Revoked {
    Revoked { code_digest: digest(round), key: "desk".to_owned(), reason: "fraud".to_owned() }
}

fn one(change: Change) -> Transaction {
    Transaction::new().with(change)
}

fn redeem(round: u64) -> Transaction {
    one(Change::Redeem(redeemed(round)))
}

/// A win whose code is worth nothing from this second on, and the next round.
fn win_until(round: u64, second: Option<u64>) -> Transaction {
    let expires_at = second.map(|second| WallTime::from_milliseconds(1000 * second));
    Transaction::new()
        .append(RoundNumber(round), won_until(round, round, "a", expires_at))
        .append(RoundNumber(round + 1), super::samples::opened(round + 1))
}

fn at(second: u64) -> WallTime {
    WallTime::from_milliseconds(1000 * second)
}

async fn a_code_is_redeemed_once_and_its_entry_says_for_what(it: Fixture) {
    it.commit(opening()).await;
    it.commit(win(1, "a")).await;
    assert_eq!(it.refuse(redeem(2)).await, Refused::CodeUnknown);
    assert_eq!(it.ledger.code(digest(2)).await.unwrap(), None);
    let valid = it.ledger.code(digest(1)).await.unwrap().unwrap();
    assert_eq!((valid.status(at(0)), &valid.redeemed, &valid.revoked), (CodeStatus::Valid, &None, &None));
    assert_eq!(Some(valid.win), it.ledger.win(RoundNumber(1)).await.unwrap());
    it.advance(5);
    let committed = it.commit(redeem(1)).await;
    let used = it.ledger.code(digest(1)).await.unwrap().unwrap();
    assert_eq!((used.status(at(9)), used.end(at(9))), (CodeStatus::Redeemed, Some(CodeEnd::Redeemed(at(5)))));
    assert_eq!(used.redeemed, Some((committed.at, redeemed(1))));
    let entry = it.ledger.entries_after(crate::ledger::Seq(committed.head.seq.0 - 1), 1).await.unwrap().remove(0);
    assert_eq!((entry.round, entry.body), (RoundNumber(1), Body::Redeemed(redeemed(1))), "about the round of the win");
    it.advance(5);
    for again in [redeem(1), one(Change::Revoke(revoked(1)))] {
        assert_eq!(it.refuse(again).await, Refused::CodeEnded(CodeEnd::Redeemed(at(5))));
    }
    verify_chain(&*it.ledger, Head::START).await.unwrap();
}

async fn a_code_that_was_revoked_is_worth_nothing(it: Fixture) {
    it.commit(opening()).await;
    it.commit(win(1, "a")).await;
    assert_eq!(it.refuse(one(Change::Revoke(revoked(2)))).await, Refused::CodeUnknown);
    it.advance(3);
    let committed = it.commit(one(Change::Revoke(revoked(1)))).await;
    let record = it.ledger.code(digest(1)).await.unwrap().unwrap();
    assert_eq!(record.status(at(3)), CodeStatus::Revoked);
    assert_eq!(record.revoked, Some((committed.at, revoked(1))));
    for again in [redeem(1), one(Change::Revoke(revoked(1)))] {
        assert_eq!(it.refuse(again).await, Refused::CodeEnded(CodeEnd::Revoked(at(3))));
    }
}

async fn a_code_expires_at_its_moment(it: Fixture) {
    it.commit(opening()).await;
    it.commit(win_until(1, Some(10))).await;
    it.commit(win_until(2, Some(10))).await;
    it.advance(9);
    it.commit(redeem(1)).await;
    it.advance(1);
    for late in [redeem(2), one(Change::Revoke(revoked(2)))] {
        assert_eq!(it.refuse(late).await, Refused::CodeEnded(CodeEnd::Expired(at(10))));
    }
    let status = |record: crate::ledger::CodeRecord, second| record.status(at(second));
    assert_eq!(status(it.ledger.code(digest(2)).await.unwrap().unwrap(), 9), CodeStatus::Valid);
    assert_eq!(status(it.ledger.code(digest(2)).await.unwrap().unwrap(), 10), CodeStatus::Expired);
    assert_eq!(status(it.ledger.code(digest(1)).await.unwrap().unwrap(), 10), CodeStatus::Redeemed, "it was in time");
}

async fn codes_that_expired_unused_go_back_once(it: Fixture) {
    it.commit(opening()).await;
    for (round, second) in [(1, Some(20)), (2, Some(10)), (3, Some(10)), (4, Some(10)), (5, None), (6, Some(99))] {
        it.commit(win_until(round, second)).await;
    }
    it.commit(redeem(3)).await;
    it.commit(one(Change::Revoke(revoked(4)))).await;
    let back = |rounds: &[u64]| one(Change::ReturnCodes(rounds.iter().copied().map(RoundNumber).collect()));
    for early in [1, 2, 5, 7] {
        let refused = Refused::NotReturnable { round: RoundNumber(early) };
        assert_eq!(it.refuse(back(&[early])).await, refused, "{early}");
    }
    it.advance(20);
    let returnable = it.ledger.returnable_codes(at(20), 10).await.unwrap();
    assert_eq!(returnable, [RoundNumber(2), RoundNumber(1)], "those that expired first");
    assert_eq!(it.ledger.returnable_codes(at(20), 1).await.unwrap(), [RoundNumber(2)]);
    for used in [3, 4] {
        assert_eq!(it.refuse(back(&[2, used])).await, Refused::NotReturnable { round: RoundNumber(used) });
    }
    assert_eq!(it.refuse(back(&[2, 2])).await, Refused::NotReturnable { round: RoundNumber(2) }, "twice is too often");
    assert_eq!(it.ledger.recover().await.unwrap().returned, 0);
    it.commit(back(&[2, 1])).await;
    assert_eq!(it.refuse(back(&[1])).await, Refused::NotReturnable { round: RoundNumber(1) });
    let recovered = it.ledger.recover().await.unwrap();
    assert_eq!((recovered.wins, recovered.returned), (6, 2));
    let record = it.ledger.code(digest(1)).await.unwrap().unwrap();
    assert!(record.returned && record.status(at(20)) == CodeStatus::Expired, "its characters are dead for good");
    assert_eq!(it.refuse(redeem(1)).await, Refused::CodeEnded(CodeEnd::Expired(at(20))));
}

async fn codes_are_listed_by_what_became_of_them(it: Fixture) {
    it.commit(opening()).await;
    for (round, second) in [(1, None), (2, Some(5)), (3, None), (4, Some(50)), (5, None), (6, Some(5))] {
        it.commit(win_until(round, second)).await;
    }
    it.commit(redeem(3)).await;
    it.commit(redeem(6)).await;
    it.commit(one(Change::Revoke(revoked(5)))).await;
    for (status, after, limit, expected) in [
        (None, 0, 99, vec![1, 2, 3, 4, 5, 6]),
        (None, 2, 2, vec![3, 4]),
        (None, 6, 99, vec![]),
        (None, u64::MAX, 99, vec![]),
        (Some(CodeStatus::Valid), 0, 99, vec![1, 4]),
        (Some(CodeStatus::Valid), 0, 1, vec![1]),
        (Some(CodeStatus::Redeemed), 3, 99, vec![6]),
        (Some(CodeStatus::Redeemed), 0, 99, vec![3, 6]),
        (Some(CodeStatus::Expired), 0, 99, vec![2]),
        (Some(CodeStatus::Revoked), 0, 99, vec![5]),
    ] {
        let records = it.ledger.codes_after(RoundNumber(after), status, at(5), limit).await.unwrap();
        let rounds: Vec<_> = records.iter().map(|record| record.win.round.0).collect();
        assert_eq!(rounds, expected, "{status:?} after {after}");
    }
}

async fn a_refused_redemption_takes_its_whole_transaction_with_it(it: Fixture) {
    it.commit(opening()).await;
    it.commit(win(1, "a")).await;
    let before = it.ledger.recover().await.unwrap();
    let answer = answer(1, 1, None);
    let both = one(Change::KeepAnswer(answer.clone())).with(Change::Redeem(redeemed(1)));
    assert_eq!(
        it.refuse(both.clone().with(Change::Redeem(redeemed(1)))).await,
        Refused::CodeEnded(CodeEnd::Redeemed(at(0)))
    );
    assert_eq!(it.ledger.recover().await.unwrap(), before);
    assert_eq!(it.ledger.kept_answer(answer.name).await.unwrap(), None);
    assert_eq!(it.ledger.code(digest(1)).await.unwrap().unwrap().redeemed, None);
    it.commit(both).await;
    assert_eq!(it.ledger.kept_answer(answer.name).await.unwrap().unwrap().answer, answer);
}

fn key(name: &str, number: u8) -> NewKey {
    NewKey { name: name.to_owned(), digest: Digest::from_bytes([number; 32]), scopes: "codes:read".to_owned() }
}

async fn a_key_is_known_by_its_digest_until_it_is_revoked(it: Fixture) {
    let (shop, desk) = (key("shop", 1), key("desk", 2));
    it.commit(one(Change::CreateKey(shop.clone()))).await;
    it.advance(1);
    it.commit(one(Change::CreateKey(desk.clone()))).await;
    for used in [key("shop", 3), key("other", 1)] {
        assert_eq!(it.refuse(one(Change::CreateKey(used.clone()))).await, Refused::KeyNameUsed(used.name));
    }
    let found = it.ledger.active_key(shop.digest).await.unwrap().unwrap();
    assert_eq!((&found.key, found.created_at, found.last_used_at), (&shop, at(0), None));
    it.advance(1);
    it.commit(one(Change::NoteKeyUse(shop.digest)).with(Change::NoteKeyUse(Digest::ZERO))).await;
    assert_eq!(it.ledger.active_key(shop.digest).await.unwrap().unwrap().last_used_at, Some(at(2)));
    it.commit(one(Change::RevokeKey("shop".to_owned()))).await;
    for gone in ["shop", "nobody"] {
        let refused = it.refuse(one(Change::RevokeKey(gone.to_owned()))).await;
        assert_eq!(refused, Refused::UnknownKey(gone.to_owned()));
    }
    assert_eq!(it.ledger.active_key(shop.digest).await.unwrap(), None);
    let keys = it.ledger.api_keys().await.unwrap();
    let told: Vec<_> = keys.iter().map(|row| (row.key.name.as_str(), row.revoked_at)).collect();
    assert_eq!(told, [("desk", None), ("shop", Some(at(2)))]);
    let again = it.refuse(one(Change::CreateKey(key("shop", 9)))).await;
    assert_eq!(again, Refused::KeyNameUsed("shop".to_owned()), "what a name stands for in entries never changes");
}

fn answer(name: u8, request: u8, refusal: Option<&str>) -> NewAnswer {
    let (name, request) = (Digest::from_bytes([name; 32]), Digest::from_bytes([request; 32]));
    NewAnswer { name, request, refusal: refusal.map(str::to_owned) }
}

async fn an_answer_is_kept_for_a_day_and_given_to_one_request(it: Fixture) {
    let keep = |answer: &NewAnswer| one(Change::KeepAnswer(answer.clone()));
    let (first, second) = (answer(1, 1, Some("no")), answer(1, 2, None));
    assert_eq!(it.ledger.kept_answer(first.name).await.unwrap(), None);
    it.commit(keep(&first)).await;
    it.clock.advance(ANSWER_LIFE - Duration::from_millis(1));
    assert_eq!(it.refuse(keep(&second)).await, Refused::AnswerKept);
    let kept = it.ledger.kept_answer(first.name).await.unwrap().unwrap();
    assert_eq!((&kept.answer, kept.at), (&first, at(0)));
    it.clock.advance(Duration::from_millis(1));
    it.commit(keep(&second)).await;
    assert_eq!(it.ledger.kept_answer(first.name).await.unwrap().unwrap().answer, second);
}

async fn answers_are_forgotten_in_the_order_of_their_times(it: Fixture) {
    let mut many = Transaction::new();
    for number in 0..=FORGET_AT_ONCE as u64 {
        let name = Digest::of(&[&number.to_be_bytes()]);
        many = many.with(Change::KeepAnswer(NewAnswer { name, ..answer(0, 0, None) }));
    }
    it.commit(many).await;
    it.advance(1);
    let newest = answer(9, 9, None);
    it.commit(one(Change::KeepAnswer(newest.clone()))).await;
    let left = |it: &Fixture| {
        let ledger = it.ledger.clone();
        async move {
            let mut left = 0;
            for number in 0..=FORGET_AT_ONCE as u64 {
                let name = Digest::of(&[&number.to_be_bytes()]);
                left += u32::from(ledger.kept_answer(name).await.unwrap().is_some());
            }
            left
        }
    };
    for expected in [1, 0, 0] {
        it.commit(one(Change::ForgetAnswers(at(1)))).await;
        assert_eq!(left(&it).await, expected);
    }
    assert!(it.ledger.kept_answer(newest.name).await.unwrap().is_some());
}

#[tokio::test]
async fn a_restart_finds_what_became_of_codes() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let ledger = sqlite(directory.path(), clock.clone());
    ledger.commit(opening()).await.unwrap();
    for round in 1..=3 {
        ledger.commit(win_until(round, Some(round))).await.unwrap();
    }
    let used = redeem(1).with(Change::KeepAnswer(answer(1, 1, None))).with(Change::CreateKey(key("shop", 1)));
    ledger.commit(used).await.unwrap();
    clock.advance(Duration::from_secs(2));
    ledger.commit(one(Change::ReturnCodes(vec![RoundNumber(2)]))).await.unwrap();
    let before = ledger.codes_after(RoundNumber(0), None, at(2), 9).await.unwrap();
    ledger.close(Transaction::new()).await.unwrap();
    drop(ledger);
    let ledger = sqlite(directory.path(), clock);
    assert_eq!(ledger.codes_after(RoundNumber(0), None, at(2), 9).await.unwrap(), before);
    assert_eq!(
        before.iter().map(|record| record.status(at(2)).name()).collect::<Vec<_>>(),
        ["redeemed", "expired", "valid"]
    );
    assert_eq!(ledger.recover().await.unwrap().returned, 1);
    assert!(ledger.kept_answer(answer(1, 1, None).name).await.unwrap().is_some());
    assert!(ledger.active_key(key("shop", 1).digest).await.unwrap().is_some());
}

/// A ledger as the version before would have left it, with what is in `newer`.
fn write_older_ledger(directory: &Path, newer: &Path) {
    let connection = Connection::open(directory.join(DATABASE)).unwrap();
    for schema in [include_str!("../sqlite/schema_1.sql"), include_str!("../sqlite/schema_2.sql")] {
        connection.execute_batch(schema).unwrap();
    }
    connection.execute("ATTACH ?1 AS newer", [newer.join(DATABASE).to_str().unwrap()]).unwrap();
    let columns = "seq, chain, entry_at, at, round, opened, ended, mining_time, noted_at, rounds, channels, sessions,
        tickets, wins, won_at, drop_entry";
    let copy = format!(
        "INSERT INTO entries SELECT * FROM newer.entries;
         INSERT INTO wins SELECT round, seq, ticket, session, visitor, network, code_digest FROM newer.wins;
         UPDATE race SET ({columns}) = (SELECT {columns} FROM newer.race);
         PRAGMA user_version = 2;"
    );
    connection.execute_batch(&copy).unwrap();
}

#[tokio::test]
async fn codes_of_an_older_ledger_are_valid() {
    let (newer, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = sqlite(newer.path(), Arc::new(ManualClock::default()));
    ledger.commit(opening()).await.unwrap();
    ledger.commit(win(1, "a")).await.unwrap();
    ledger.close(Transaction::new()).await.unwrap();
    drop(DataDirectory::open(older.path()));
    write_older_ledger(older.path(), newer.path());
    let ledger = sqlite(older.path(), Arc::new(ManualClock::default()));
    assert_eq!(ledger.code(digest(1)).await.unwrap().unwrap().status(at(9)), CodeStatus::Valid);
    ledger.commit(redeem(1)).await.unwrap();
    verify_chain(&ledger, Head::START).await.unwrap();
}
