//! Entries, rounds and wins.

use super::{
    Fixture, for_every_store,
    samples::{ESTIMATE, code, expired, opened, opening, seed, win, won},
};
use crate::{
    clock::Clock,
    ledger::{
        Body, Change, CommitError, Committed, Digest, Head, MemoryLedger, Refused, Seq, Transaction, WallTime,
        body::Estimate,
        error::Fault,
        rows::{Counter, Counters, Fingerprints, RecordedWin, RoundState},
        verify_chain,
    },
};
use puzzle::RoundNumber;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

for_every_store!(
    an_empty_ledger_knows_nothing,
    a_round_is_opened_once_and_ends_once,
    a_refused_change_takes_its_whole_transaction_with_it,
    an_empty_transaction_changes_nothing,
    entries_are_gapless_and_chained,
    wins_are_found_by_round_session_and_code,
    a_restart_finds_the_round_where_it_stood,
    a_round_that_ended_leaves_what_was_learnt,
    counters_never_go_back,
    a_cursor_moves_on_from_where_it_stands,
    what_cannot_be_stored_is_refused,
    nobody_who_hangs_up_cancels_a_commit,
    the_order_of_the_calls_is_the_order_of_the_entries,
    the_last_transaction_closes_the_ledger,
);

async fn an_empty_ledger_knows_nothing(it: Fixture) {
    assert_eq!(it.ledger.head().await.unwrap(), Head::START);
    assert_eq!(it.ledger.entries_after(Seq(0), 10).await.unwrap(), []);
    assert_eq!(it.ledger.wins_after(RoundNumber(0), 10).await.unwrap(), []);
    assert_eq!(it.ledger.win(RoundNumber(1)).await.unwrap(), None);
    assert_eq!(it.ledger.cursor("audit").await.unwrap(), Seq(0));
    let recovered = it.ledger.recover().await.unwrap();
    assert_eq!(recovered.head, Head::START);
    assert_eq!(recovered.round, None);
    assert_eq!(recovered.counters, Counters::default());
    assert_eq!(recovered.fingerprints, None);
    assert!(it.ledger.condition().borrow().is_ok());
}

async fn a_round_is_opened_once_and_ends_once(it: Fixture) {
    let one = |round, body| Transaction::new().append(RoundNumber(round), body);
    assert_eq!(
        it.refuse(one(1, won(1, 1, "a"))).await,
        Refused::RoundNotRunning { round: RoundNumber(1) },
        "nothing is open"
    );
    assert_eq!(it.refuse(one(2, opened(2))).await, Refused::NotTheNextRound { next: RoundNumber(1) });
    it.commit(opening()).await;
    assert_eq!(it.refuse(one(2, opened(2))).await, Refused::RoundRunning { running: RoundNumber(1) });
    assert_eq!(it.refuse(one(2, won(2, 1, "a"))).await, Refused::RoundNotRunning { round: RoundNumber(2) });
    it.commit(win(1, "a")).await;
    assert_eq!(it.refuse(win(1, "b")).await, Refused::RoundNotRunning { round: RoundNumber(1) }, "somebody was faster");
    assert_eq!(it.refuse(one(2, won(2, 1, "b"))).await, Refused::TicketUsed);
    it.commit(one(2, expired())).await;
    assert_eq!(it.refuse(one(2, expired())).await, Refused::RoundNotRunning { round: RoundNumber(2) });
    assert_eq!(it.refuse(one(2, opened(2))).await, Refused::NotTheNextRound { next: RoundNumber(3) });
    it.commit(one(3, opened(3))).await;
    it.commit(win(3, "a")).await;
    verify_chain(&*it.ledger, Head::START).await.unwrap();
}

async fn a_refused_change_takes_its_whole_transaction_with_it(it: Fixture) {
    it.commit(opening()).await;
    let before = it.ledger.recover().await.unwrap();
    let refused = win(1, "a")
        .with(Change::RaiseCounter { counter: Counter::Channels, to: 9 })
        .with(Change::SetFingerprints(fingerprints()))
        .with(Change::MoveCursor { name: "audit".to_owned(), from: Seq(0), to: Seq(1) })
        .append(RoundNumber(2), won(2, 1, "a"));
    assert_eq!(it.refuse(refused).await, Refused::TicketUsed);
    assert_eq!(it.ledger.recover().await.unwrap(), before);
    assert_eq!(it.ledger.win(RoundNumber(1)).await.unwrap(), None);
    assert_eq!(it.ledger.cursor("audit").await.unwrap(), Seq(0));
    assert_eq!(it.ledger.due_deliveries(WallTime::default(), 10).await.unwrap().deliveries, []);
    it.commit(win(1, "a")).await;
}

async fn an_empty_transaction_changes_nothing(it: Fixture) {
    let first = it.commit(opening()).await;
    it.advance(5);
    let at = WallTime::from_milliseconds(5000);
    assert_eq!(it.commit(Transaction::new()).await, Committed { at, head: first.head });
}

async fn entries_are_gapless_and_chained(it: Fixture) {
    it.commit(opening()).await;
    for round in 1..=20 {
        it.advance(1);
        let committed = it.commit(win(round, "a")).await;
        assert_eq!(committed.head.seq, Seq(2 * round + 1));
        assert_eq!(committed.at, WallTime::from_milliseconds(1000 * round));
        assert_eq!(it.ledger.head().await.unwrap(), committed.head);
    }
    let entries = it.ledger.entries_after(Seq(0), 100).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), (1..=41).collect::<Vec<_>>());
    assert_eq!(entries[1].body, won(1, 1, "a"));
    assert_eq!(entries[2].body, opened(2));
    let head = verify_chain(&*it.ledger, Head::START).await.unwrap();
    assert_eq!(head, it.ledger.head().await.unwrap());
    assert_eq!(verify_chain(&*it.ledger, (&entries[11]).into()).await.unwrap(), head);
    let page = it.ledger.entries_after(Seq(39), 1).await.unwrap();
    assert_eq!(page, entries[39..40]);
    assert_eq!(it.ledger.entries_after(Seq(u64::MAX), 1).await.unwrap(), []);
}

async fn wins_are_found_by_round_session_and_code(it: Fixture) {
    it.commit(opening()).await;
    for round in 1..=6 {
        it.commit(win(round, if round % 2 == 0 { "even" } else { "odd" })).await;
    }
    let rounds = |wins: Vec<RecordedWin>| wins.into_iter().map(|win| win.round.0).collect::<Vec<_>>();
    assert_eq!(rounds(it.ledger.wins_of("odd", RoundNumber(0), 10).await.unwrap()), [5, 3, 1]);
    assert_eq!(rounds(it.ledger.wins_of("odd", RoundNumber(1), 1).await.unwrap()), [5]);
    assert_eq!(rounds(it.ledger.wins_of("odd", RoundNumber(5), 10).await.unwrap()), [0; 0]);
    assert_eq!(rounds(it.ledger.wins_of("nobody", RoundNumber(0), 10).await.unwrap()), [0; 0]);
    assert_eq!(rounds(it.ledger.wins_after(RoundNumber(2), 3).await.unwrap()), [3, 4, 5]);
    let digest = |round| Digest::of(&[code(round).as_str().as_bytes()]);
    assert_eq!(it.ledger.win_with_code(digest(9)).await.unwrap(), None);
    let found = it.ledger.win_with_code(digest(4)).await.unwrap().unwrap();
    assert_eq!(it.ledger.win(RoundNumber(4)).await.unwrap(), Some(found.clone()));
    assert_eq!((found.seq, found.at, Body::Won(Box::new(found.won))), (Seq(8), WallTime::default(), won(4, 4, "even")));
}

async fn a_restart_finds_the_round_where_it_stood(it: Fixture) {
    it.commit(opening()).await;
    it.advance(10);
    it.commit(win(1, "a")).await;
    it.advance(10);
    let snapshot = |round, seconds| {
        let mining_time = Duration::from_secs(seconds);
        Transaction::new().with(Change::Snapshot { round: RoundNumber(round), mining_time })
    };
    it.commit(snapshot(2, 7)).await;
    it.advance(10);
    it.commit(snapshot(1, 99)).await;
    let round = it.ledger.recover().await.unwrap().round.unwrap();
    assert_eq!((round.round, round.opened_at), (RoundNumber(2), WallTime::from_milliseconds(10_000)));
    assert_eq!(Body::Opened(round.opened.clone()), opened(2));
    assert_eq!(round.opened.seed, seed(2));
    assert_eq!(
        round.state,
        RoundState::Running { mining_time: Duration::from_secs(7), noted_at: WallTime::from_milliseconds(20_000) },
        "a snapshot that comes after the end of its round is nothing"
    );
    it.commit(win(2, "a")).await;
    let state = it.ledger.recover().await.unwrap().round.unwrap().state;
    let noted_at = WallTime::from_milliseconds(30_000);
    assert_eq!(state, RoundState::Running { mining_time: Duration::ZERO, noted_at });
}

async fn a_round_that_ended_leaves_what_was_learnt(it: Fixture) {
    it.commit(opening()).await;
    it.commit(Transaction::new().append(RoundNumber(1), won(1, 1, "a"))).await;
    let state = it.ledger.recover().await.unwrap().round.unwrap().state;
    assert_eq!(state, RoundState::Ended { estimate: ESTIMATE });
    it.commit(Transaction::new().append(RoundNumber(2), opened(2)).append(RoundNumber(2), expired())).await;
    let round = it.ledger.recover().await.unwrap().round.unwrap();
    assert_eq!(round.round, RoundNumber(2));
    assert_eq!(round.state, RoundState::Ended { estimate: Estimate::Step { difficulty: 2.0 } });
}

async fn counters_never_go_back(it: Fixture) {
    let raise = |counter, to| Transaction::new().with(Change::RaiseCounter { counter, to });
    it.commit(raise(Counter::Channels, 5)).await;
    it.commit(raise(Counter::Channels, 3)).await;
    it.commit(raise(Counter::Sessions, 8)).await;
    it.commit(raise(Counter::Tickets, 100)).await;
    it.commit(opening()).await;
    it.commit(win(1, "a")).await;
    let counters = it.ledger.recover().await.unwrap().counters;
    assert_eq!(counters, Counters { rounds: 2, channels: 5, sessions: 8, tickets: 100 });
    it.commit(Transaction::new().append(RoundNumber(2), won(2, 101, "a"))).await;
    assert_eq!(it.ledger.recover().await.unwrap().counters.tickets, 101);
}

async fn a_cursor_moves_on_from_where_it_stands(it: Fixture) {
    it.commit(opening()).await;
    it.commit(win(1, "a")).await;
    let moving = |from, to| {
        Transaction::new().with(Change::MoveCursor { name: "audit".to_owned(), from: Seq(from), to: Seq(to) })
    };
    it.commit(moving(0, 2)).await;
    assert_eq!(it.ledger.cursor("audit").await.unwrap(), Seq(2));
    assert_eq!(it.refuse(moving(0, 3)).await, Refused::CursorMoved { name: "audit".to_owned(), at: Seq(2) });
    for to in [1, 2, 4, u64::MAX] {
        let refused = Refused::CursorOutOfRange { name: "audit".to_owned(), to: Seq(to) };
        assert_eq!(it.refuse(moving(2, to)).await, refused);
    }
    it.commit(moving(2, 3)).await;
    assert_eq!(it.ledger.cursor("audit").await.unwrap(), Seq(3));
    assert_eq!(it.ledger.cursor("other").await.unwrap(), Seq(0));
}

fn fingerprints() -> Fingerprints {
    Fingerprints { secret: Digest::of(&[b"secret"]), cost: "64 KiB".to_owned(), rule: "rising".to_owned() }
}

async fn what_cannot_be_stored_is_refused(it: Fixture) {
    it.commit(opening().with(Change::SetFingerprints(fingerprints()))).await;
    assert_eq!(it.ledger.recover().await.unwrap().fingerprints, Some(fingerprints()));
    let Body::Won(mut no_number) = won(1, 1, "a") else { unreachable!() };
    no_number.difficulty = f64::NAN;
    let unstorable = [
        Transaction::new().append(RoundNumber(1), Body::Won(no_number)),
        Transaction::new().append(RoundNumber(1), won(1, u64::MAX, "a")),
        Transaction::new().with(Change::RaiseCounter { counter: Counter::Sessions, to: u64::MAX }),
    ];
    for transaction in unstorable {
        assert!(matches!(it.refuse(transaction).await, Refused::Unstorable(_)));
    }
    assert_eq!(it.ledger.head().await.unwrap().seq, Seq(1));
    assert!(it.ledger.condition().borrow().is_ok(), "it is the transaction's fault, not the store's");
    it.commit(win(1, "a")).await;
}

async fn nobody_who_hangs_up_cancels_a_commit(it: Fixture) {
    drop(it.ledger.commit(opening()));
    drop(it.ledger.commit(win(1, "a")));
    let committed = it.commit(Transaction::new()).await;
    assert_eq!(committed.head.seq, Seq(3));
}

async fn the_order_of_the_calls_is_the_order_of_the_entries(it: Fixture) {
    let mut commits = vec![it.ledger.commit(opening())];
    commits.extend((1..=300).map(|round| it.ledger.commit(win(round, "a"))));
    // One that is refused holds up nobody.
    let refused = it.ledger.commit(win(7, "a"));
    let committed = futures::future::try_join_all(commits).await.unwrap();
    let seqs: Vec<u64> = committed.iter().map(|committed| committed.head.seq.0).collect();
    assert_eq!(seqs, (0..=300).map(|round| 2 * round + 1).collect::<Vec<_>>());
    refused.await.unwrap_err();
    verify_chain(&*it.ledger, Head::START).await.unwrap();
}

async fn the_last_transaction_closes_the_ledger(it: Fixture) {
    it.commit(opening()).await;
    let mut condition = it.ledger.condition();
    it.ledger.close(win(1, "a")).await.unwrap();
    let refused = it.ledger.commit(win(2, "a")).await.unwrap_err();
    assert!(matches!(refused, CommitError::Store(error) if error.fault() == Fault::Closed));
    assert_eq!(it.ledger.head().await.unwrap_err().fault(), Fault::Closed);
    assert!(!condition.wait_for(|condition| !condition.is_ok()).await.unwrap().is_ok());
}

/// A clock that somebody sets.
struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn time_of_day(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn time_never_goes_back_even_if_the_clock_does() {
    let clock = Arc::new(SetClock(AtomicU64::new(100)));
    let directory = tempfile::tempdir().unwrap();
    let ledgers: [Arc<dyn super::Ledger>; 2] =
        [Arc::new(MemoryLedger::new(clock.clone())), Arc::new(super::sqlite(directory.path(), clock.clone()))];
    for ledger in ledgers {
        clock.0.store(100, Ordering::SeqCst);
        let first = ledger.commit(opening()).await.unwrap();
        clock.0.store(50, Ordering::SeqCst);
        let second = ledger.commit(win(1, "a")).await.unwrap();
        assert_eq!((first.at, second.at), (WallTime::from_milliseconds(100_000), WallTime::from_milliseconds(100_000)));
        verify_chain(&*ledger, Head::START).await.unwrap();
    }
}

#[tokio::test]
async fn the_ledger_in_memory_lets_the_oldest_go() {
    let ledger = MemoryLedger::keeping(10, Arc::new(SetClock(AtomicU64::new(0))));
    let ledger: &dyn super::Ledger = &ledger;
    ledger.commit(opening()).await.unwrap();
    for round in 1..=50 {
        ledger.commit(win(round, "a")).await.unwrap();
    }
    let entries = ledger.entries_after(Seq(0), 100).await.unwrap();
    assert_eq!((entries.len(), entries[0].seq), (10, Seq(92)));
    assert_eq!(ledger.wins_of("a", RoundNumber(0), 100).await.unwrap().len(), 5);
    assert_eq!(ledger.recover().await.unwrap().round.unwrap().round, RoundNumber(51));
}
