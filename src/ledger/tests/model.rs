//! The store on disk does what the store in memory does, whatever it is given.

use super::{
    Fixture,
    samples::{client, code, delivery, expired, opened, session, token, won_until},
};
use crate::ledger::{
    Change, CodeRecord, CodeStatus, CommitError, Committed, DeliveryId, Digest, Entry, Head, Ledger, Recovered,
    Refused, Seq, Transaction, WallTime,
    body::{Redeemed, Revoked},
    callers::{ApiKeyRow, KeptAnswer, NewAnswer, NewKey},
    deliveries::{Delivery, Due, TryOutcome},
    rows::{Counter, ListedCode, RecordedWin, StrikeRow, WinQuota},
    verify_chain,
};
use proptest::{collection::vec, prelude::*};
use puzzle::RoundNumber;
use std::time::Duration;

/// Numbers so small that everything meets everything.
const FEW: std::ops::Range<u64> = 0..4;

const NAMES: [&str; 3] = ["a", "b", "c"];

fn name() -> impl Strategy<Value = String> {
    (0..NAMES.len()).prop_map(|number| NAMES[number].to_owned())
}

fn time() -> impl Strategy<Value = WallTime> {
    (0..20_u64).prop_map(|time| WallTime::from_milliseconds(100 * time))
}

fn outcome() -> impl Strategy<Value = TryOutcome> {
    prop_oneof![
        Just(TryOutcome::Delivered("204".to_owned())),
        Just(TryOutcome::Parked("410".to_owned())),
        time().prop_map(|next_try_at| TryOutcome::Failed { answer: "500".to_owned(), next_try_at }),
    ]
}

fn digest_of_code(round: RoundNumber) -> Digest {
    Digest::of(&[code(round.0).as_str().as_bytes()])
}

fn change() -> impl Strategy<Value = Change> {
    let id = || FEW.prop_map(DeliveryId);
    let round = || (1..6_u64).prop_map(RoundNumber);
    let key = || (0..5_u8).prop_map(|key| Digest::from_bytes([key; 32]));
    let counter = prop_oneof![Just(Counter::Channels), Just(Counter::Sessions), Just(Counter::Tickets)];
    prop_oneof![
        6 => round().prop_map(|round| Change::Append { round, body: opened(round.0) }),
        6 => (round(), 0..9_u64, name(), proptest::option::of(time())).prop_map(|(round, ticket, session, expires_at)| {
            Change::Append { round, body: won_until(round.0, ticket, &session, expires_at) }
        }),
        3 => (round(), name()).prop_map(|(round, key)| {
            Change::Redeem(Redeemed { code_digest: digest_of_code(round), key, redeemed_for: None })
        }),
        1 => (round(), name()).prop_map(|(round, key)| {
            Change::Revoke(Revoked { code_digest: digest_of_code(round), key, reason: String::new() })
        }),
        2 => vec(round(), 0..3).prop_map(Change::ReturnCodes),
        1 => (name(), key()).prop_map(|(name, digest)| {
            Change::CreateKey(NewKey { name, digest, scopes: "codes:read".to_owned() })
        }),
        1 => key().prop_map(Change::NoteKeyUse),
        1 => name().prop_map(Change::RevokeKey),
        1 => (key(), key(), proptest::option::of(name()))
            .prop_map(|(name, request, refusal)| Change::KeepAnswer(NewAnswer { name, request, refusal })),
        1 => time().prop_map(Change::ForgetAnswers),
        2 => round().prop_map(|round| Change::Append { round, body: expired() }),
        1 => (round(), 0..99_u64).prop_map(|(round, seconds)| {
            Change::Snapshot { round, mining_time: Duration::from_secs(seconds) }
        }),
        3 => (0..20_u64, name()).prop_map(|(id, receiver)| Change::Deliver(delivery(id, &receiver))),
        3 => (id(), outcome()).prop_map(|(id, outcome)| Change::DeliveryTried { id, outcome }),
        1 => id().prop_map(Change::ResendDelivery),
        1 => (proptest::option::of(name()), time())
            .prop_map(|(receiver, at)| Change::HurryDeliveries { receiver, at }),
        1 => time().prop_map(Change::ForgetDelivered),
        3 => name().prop_map(|name| Change::PutSession(session(&name))),
        3 => (0..5_u8, name(), time())
            .prop_map(|(key, name, time)| Change::PutClient(client(key, &name, time.milliseconds()))),
        1 => vec((key(), time()), 0..3).prop_map(Change::RenewClients),
        1 => key().prop_map(Change::RemoveClient),
        1 => name().prop_map(Change::RemoveSession),
        1 => time().prop_map(Change::ForgetClients),
        2 => (0..9_u64, time()).prop_map(|(number, time)| Change::SpendToken(token(number, time.milliseconds()))),
        1 => time().prop_map(Change::ForgetTokens),
        1 => (name(), 0..9_u32, time())
            .prop_map(|(session, count, until)| Change::PutStrike(StrikeRow { session, count, until })),
        1 => name().prop_map(Change::RemoveStrike),
        1 => time().prop_map(Change::ForgetStrikes),
        1 => (counter, 0..9_u64).prop_map(|(counter, to)| Change::RaiseCounter { counter, to }),
        1 => name().prop_map(|name| Change::AddCodes(vec![name.clone(), name])),
        2 => (name(), round()).prop_map(|(code, round)| Change::TakeCode { code, round }),
        1 => (name(), 0..3_u64, 0..4_u64, 0..3_u64).prop_map(|(session, person, seconds, network)| {
            Change::RequireQuota(WinQuota {
                session,
                visitor: "visitor-1".parse().unwrap(),
                network: "2001:db8::/64".to_owned(),
                wins_per_person: person,
                win_cooldown: Duration::from_secs(seconds),
                wins_per_network: network,
            })
        }),
        2 => (name(), FEW, FEW).prop_map(|(name, from, to)| Change::MoveCursor { name, from: Seq(from), to: Seq(to) }),
    ]
}

fn transaction() -> impl Strategy<Value = Transaction> {
    vec(change(), 0..4).prop_map(|changes| {
        let mut transaction = Transaction::new();
        transaction.extend(changes);
        transaction
    })
}

/// Everything that can be read.
#[derive(Debug, PartialEq)]
struct Everything {
    recovered: Recovered,
    entries: Vec<Entry>,
    wins: Vec<RecordedWin>,
    wins_of: Vec<Vec<RecordedWin>>,
    deliveries: Vec<Delivery>,
    due: Due,
    cursors: Vec<Seq>,
    codes: Vec<ListedCode>,
    lives: Vec<Option<CodeRecord>>,
    by_status: Vec<Vec<CodeRecord>>,
    returnable: Vec<RoundNumber>,
    keys: Vec<ApiKeyRow>,
    active_keys: Vec<Option<ApiKeyRow>>,
    answers: Vec<Option<KeptAnswer>>,
}

async fn everything(ledger: &dyn Ledger) -> Everything {
    let (mut wins_of, mut cursors) = (Vec::new(), Vec::new());
    for name in NAMES {
        wins_of.push(ledger.wins_of(name, RoundNumber(1), 2).await.unwrap());
        cursors.push(ledger.cursor(name).await.unwrap());
    }
    let now = WallTime::from_milliseconds(1000);
    let (mut lives, mut by_status) = (Vec::new(), Vec::new());
    for round in 1..6 {
        lives.push(ledger.code(digest_of_code(RoundNumber(round))).await.unwrap());
    }
    for status in CodeStatus::ALL {
        by_status.push(ledger.codes_after(RoundNumber(1), Some(status), now, 2).await.unwrap());
    }
    let (mut active_keys, mut answers) = (Vec::new(), Vec::new());
    for key in 0..5 {
        let digest = Digest::from_bytes([key; 32]);
        active_keys.push(ledger.active_key(digest).await.unwrap());
        answers.push(ledger.kept_answer(digest).await.unwrap());
    }
    Everything {
        recovered: ledger.recover().await.unwrap(),
        entries: ledger.entries_after(Seq(0), 1000).await.unwrap(),
        wins: ledger.wins_after(RoundNumber(0), 1000).await.unwrap(),
        wins_of,
        deliveries: ledger.deliveries_after(DeliveryId(0), None, 1000).await.unwrap(),
        due: ledger.due_deliveries(WallTime::from_milliseconds(1000), 2).await.unwrap(),
        cursors,
        codes: ledger.codes_left(0).await.unwrap(),
        lives,
        by_status,
        returnable: ledger.returnable_codes(now, 3).await.unwrap(),
        keys: ledger.api_keys().await.unwrap(),
        active_keys,
        answers,
    }
}

fn plain(outcome: Result<Committed, CommitError>) -> Result<Committed, Refused> {
    outcome.map_err(|error| match error {
        CommitError::Refused(refused) => refused,
        CommitError::Store(error) => panic!("the store failed: {error}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_answer_alike_and_know_alike(
        transactions in vec((transaction(), 0..400_u64), 1..40), together in 1..4_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (memory, disk) = (Fixture::memory(), Fixture::sqlite());
            for group in transactions.chunks(together) {
                let (mut expected, mut waiting) = (Vec::new(), Vec::new());
                // One group has one time: what waits together is committed together.
                let wait = Duration::from_millis(group[0].1);
                memory.clock.advance(wait);
                disk.clock.advance(wait);
                for (transaction, _) in group {
                    expected.push(plain(memory.ledger.commit(transaction.clone()).await));
                    waiting.push(disk.ledger.commit(transaction.clone()));
                }
                for (expected, answer) in expected.into_iter().zip(waiting) {
                    prop_assert_eq!(expected, plain(answer.await));
                }
            }
            prop_assert_eq!(everything(&*memory.ledger).await, everything(&*disk.ledger).await);
            verify_chain(&*disk.ledger, Head::START).await.unwrap();
            Ok(())
        })?;
    }
}
