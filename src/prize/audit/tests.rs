//! The log as a reader of the ledger: order, exactly once, a disk that fails, the end.
//! The file itself is tested in `file/tests.rs`.

mod fixture;

use super::{
    writer::{CURSOR, PAGE, Step},
    *,
};
use crate::{
    captured_log::CapturedLog,
    ledger::{Body, Change, CommitError, Refused, Seq, Transaction},
};
use fixture::{Fixture, won};
pub(super) use fixture::{record, rounds};
use puzzle::RoundNumber;
use std::{
    fs::{self, File},
    io::{self, Write},
};

/// Steps until there is nothing more to do.
fn finish(writer: &mut Writer) {
    while writer.step() != Step::Idle {}
}

#[test]
fn a_record_has_the_fields_and_the_order_of_the_protocol() {
    let expected = concat!(
        r#"{"timestamp":"2026-09-21T14:13:20.120Z","invite_code":"HASHPASS-0ZJJCX78FXAR","visitor_id":"visitor-1","#,
        r#""nonce":42856,"hash":"0000000000000000000000000000000000000000000000000000000000000000","#,
        r#""seed":"00112233445566778899aabbccddeeff","real_ip":"203.0.113.45","#,
        r#""trace_data":"fl=0f0\nip=203.0.113.45\n","difficulty":3,"solve_time":87.3,"new_difficulty":3.25,"#,
        r#""adjustment_reason":"Perfect timing (87.3s within 30-120s)","round":1}"#
    );
    assert_eq!(serde_json::to_string(&record(1)).unwrap(), expected);
    assert_eq!(serde_json::from_str::<AuditRecord>(expected).unwrap(), record(1));
}

#[tokio::test]
async fn every_win_is_recorded_with_all_that_the_ledger_says_of_it() {
    let it = Fixture::new().await;
    let log = it.open();
    assert!(rounds(&it.disk.file()).is_empty());
    it.win([1]).await;
    log.wake();
    it.recorded(1).await;
    let records: Vec<AuditRecord> = serde_json::from_slice(&fs::read(it.disk.file()).unwrap()).unwrap();
    assert_eq!(records, [record(1)]);
    it.win(2..=20).await;
    log.shut_down(Duration::MAX).await;
    assert_eq!(rounds(&it.disk.file()), (1..=20).collect::<Vec<_>>());
    assert_eq!(it.cursor().await, it.ledger.head().await.unwrap().seq);
    assert!(!log.status().is_ok, "it has ended");
}

#[tokio::test]
async fn what_was_won_while_nobody_wrote_is_written_at_the_next_start() {
    let it = Fixture::new().await;
    it.win(1..=3).await;
    let log = it.open();
    it.recorded(3).await;
    log.shut_down(Duration::MAX).await;
    it.win(4..=5).await;
    let log = it.open();
    assert_eq!(it.recorded(5).await, [1, 2, 3, 4, 5]);
    assert_eq!(log.status(), AuditStatus { is_ok: true, failed_writes: 0 });
}

#[tokio::test]
async fn a_process_that_ends_between_any_two_steps_writes_every_win_once() {
    // Also where the file is put away in the middle of a page.
    for records_per_file in [1000, 7, 2] {
        let it = Fixture { records_per_file, ..Fixture::new().await };
        let mut next = 1;
        for steps in 0..40 {
            it.win(next..next + 3).await;
            next += 3;
            let mut writer = it.writer();
            for _ in 0..steps % 5 {
                writer.step();
            }
        }
        finish(&mut it.writer());
        assert_eq!(it.all_rounds(), (1..next).collect::<Vec<_>>(), "{records_per_file} records a file");
        assert_eq!(it.cursor().await, it.ledger.head().await.unwrap().seq);
    }
}

#[tokio::test]
async fn more_wins_than_a_page_holds_are_written_in_order() {
    let it = Fixture::new().await;
    let many = 2 * PAGE as u64 + 5;
    it.win(1..=many).await;
    let mut writer = it.writer();
    // The cursor is read, and a page written.
    writer.step();
    writer.step();
    assert_eq!(it.cursor().await, Seq(0));
    finish(&mut it.writer());
    assert_eq!(it.all_rounds(), (1..=many).collect::<Vec<_>>());
    let newest = rounds(&it.disk.file());
    assert!(newest.is_sorted() && newest.last() == Some(&many));
}

#[tokio::test]
async fn rounds_that_begin_anew_are_no_records_that_are_there_already() {
    let it = Fixture::new().await;
    it.win(1..=3).await;
    finish(&mut it.writer());
    // Another ledger, as one in memory after a restart: the same numbers, other codes.
    let other = Fixture::new().await;
    let Body::Won(mut won) = won(2) else { unreachable!() };
    won.code = record(77).invite_code;
    other.win([1]).await;
    other.ledger.commit(Transaction::new().append(RoundNumber(2), Body::Won(won))).await.unwrap();
    let it = Fixture { ledger: other.ledger, ..it };
    finish(&mut it.writer());
    // The first one is the very same win, the second one is not.
    assert_eq!(rounds(&it.disk.file()), [1, 2, 3, 2]);
}

#[tokio::test]
async fn a_disk_that_fails_loses_nothing_and_is_said_once() {
    let (captured, _guard) = CapturedLog::start();
    let it = Fixture::new().await;
    it.win([1]).await;
    let mut writer = it.writer();
    finish(&mut writer);
    it.disk.fail();
    it.win(2..=3).await;
    for _ in 0..4 {
        assert_eq!(writer.step(), Step::Failed);
    }
    it.disk.recover();
    it.win([4]).await;
    finish(&mut writer);
    assert_eq!(rounds(&it.disk.file()), [1, 2, 3, 4]);
    let said = captured.text();
    assert_eq!(said.matches("the audit log cannot be written").count(), 1, "{said}");
    assert!(said.contains("the audit log can be written again"), "{said}");
    for round in 1..=4 {
        assert!(!said.contains(&record(round).invite_code.as_str()[9..]), "{said}");
    }
}

#[tokio::test]
async fn trouble_with_the_disk_shows_before_a_record_needs_it() {
    let it = Fixture::new().await;
    let mut writer = it.writer();
    finish(&mut writer);
    it.disk.fail();
    assert_eq!(writer.step(), Step::Failed);
}

#[tokio::test]
async fn failed_writes_are_tried_again_without_being_asked_for() {
    let it = Fixture::new().await;
    let full = Arc::new(AtomicBool::new(true));
    let is_full = Arc::clone(&full);
    let log = it.open_with(Box::new(move |file, bytes| {
        if is_full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { file.write_all(bytes) }
    }));
    it.win([1]).await;
    log.wake();
    log.writer.clone().wait_for(|state| !state.succeeded).await.unwrap();
    assert!(!log.status().is_ok);
    full.store(false, Ordering::SeqCst);
    assert_eq!(it.recorded(1).await, [1]);
    log.writer.clone().wait_for(|state| state.succeeded).await.unwrap();
    assert!(log.status().is_ok);
}

#[tokio::test]
async fn a_write_that_hangs_shows_and_does_not_hold_up_the_end() {
    let it = Fixture::new().await;
    let (began, mut writes) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let log = it.open_with(Box::new(move |_, _| {
        began.send(()).unwrap();
        let _ = gate.recv();
        Err(io::Error::other("never"))
    }));
    it.win([1]).await;
    log.wake();
    writes.recv().await.unwrap();
    assert!(log.status().is_ok);
    it.clock.advance(STALL_LIMIT + Duration::from_secs(1));
    assert!(!log.status().is_ok);
    log.shut_down(Duration::ZERO).await;
    drop(go_on);
    log.shut_down(Duration::MAX).await;
    finish(&mut it.writer());
    assert_eq!(rounds(&it.disk.file()), [1]);
}

#[tokio::test]
async fn a_cursor_that_somebody_else_moved_is_followed() {
    let it = Fixture::new().await;
    it.win(1..=4).await;
    let mut writer = it.writer();
    writer.step();
    let moved = |from, to| {
        let change = Change::MoveCursor { name: CURSOR.to_owned(), from: Seq(from), to: Seq(to) };
        it.ledger.commit(Transaction::new().with(change))
    };
    moved(0, 2).await.unwrap();
    finish(&mut writer);
    assert_eq!(it.all_rounds(), [1, 2, 3, 4]);
    assert_eq!(it.cursor().await, it.ledger.head().await.unwrap().seq);
    assert!(matches!(moved(0, 3).await, Err(CommitError::Refused(Refused::CursorMoved { .. }))));
}

#[tokio::test]
async fn whoever_reads_the_file_while_it_is_written_finds_valid_json() {
    let it = Fixture::new().await;
    let log = it.open();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (done, path) = (done.clone(), it.disk.file());
            std::thread::spawn(move || {
                let (mut reads, mut most) = (0, 0);
                while !done.load(Ordering::SeqCst) {
                    let found = rounds(&path);
                    assert!(found.iter().copied().eq(1..=found.len() as u64));
                    assert!(most <= found.len());
                    (reads, most) = (reads + 1, found.len());
                }
                reads
            })
        })
        .collect();
    for round in 1..=150 {
        it.win([round]).await;
        log.wake();
        it.recorded(usize::try_from(round).unwrap()).await;
    }
    done.store(true, Ordering::SeqCst);
    let reads: u64 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
    assert!(150 < reads, "{reads}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_an_error_at_start() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    File::create(&file).unwrap();
    let it = Fixture::new().await;
    let settings = AuditSettings::new(file.join("data"));
    let error = AuditLog::open(it.ledger.clone(), settings, it.clock.clone()).unwrap_err();
    assert!(error.to_string().contains("file/data/verify.json"), "{error}");
}
