//! The log as a reader of the ledger: order, exactly once, a disk that fails, the end.
//! The file itself is tested in `file/tests.rs`.

use super::{
    file::WriteAndFlush,
    writer::{CURSOR, PAGE, Step},
    *,
};
use crate::{
    captured_log::CapturedLog,
    clock::ManualClock,
    ledger::{
        Body, Change, CommitError, MemoryLedger, Refused, Seq, Transaction,
        body::{Estimate, OpenReason, Opened},
    },
};
use puzzle::{Cost, Curve, Ticket, invite_code::CodeSecret, rule::RuleName, target::Target};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};
use tempfile::TempDir;

pub(super) fn record(round: u64) -> AuditRecord {
    let secret = CodeSecret::from_bytes((0..32).collect::<Vec<u8>>());
    let visitor_id = "visitor-1".parse().unwrap();
    let nonce = Nonce::new(42_855 + round).unwrap();
    let seed = "00112233445566778899aabbccddeeff".parse().unwrap();
    AuditRecord {
        timestamp: SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_120),
        invite_code: InviteCode::derive(&secret, &visitor_id, nonce, &seed),
        visitor_id,
        nonce,
        hash: Hash::from_bytes([0; 32]),
        seed,
        real_ip: "203.0.113.45".parse().unwrap(),
        trace_data: "fl=0f0\nip=203.0.113.45\n".parse().unwrap(),
        difficulty: 3.0,
        solve_time: 87.3,
        new_difficulty: 3.25,
        adjustment_reason: "Perfect timing (87.3s within 30-120s)".to_owned(),
        round: RoundNumber(round),
    }
}

/// The win that `record` tells of.
fn won(round: u64) -> Body {
    let record = record(round);
    Body::Won(Box::new(Won {
        session: "session 1".to_owned(),
        ticket: Ticket(round),
        code: record.invite_code,
        visitor: record.visitor_id,
        address: record.real_ip,
        network: record.real_ip.to_string(),
        trace: record.trace_data,
        seed: record.seed,
        nonce: record.nonce,
        hash: record.hash,
        difficulty: record.difficulty,
        mining_time: Duration::from_secs(90),
        solve_time: Duration::from_millis(87_300),
        new_difficulty: record.new_difficulty,
        adjustment_reason: record.adjustment_reason,
        estimate: Estimate::Step { difficulty: 3.25 },
    }))
}

fn opened() -> Body {
    Body::Opened(Opened {
        seed: Seed::from_bytes([1; 16]),
        curve: Curve::Fixed(Target::from_fraction(0.5)),
        estimate: Estimate::Step { difficulty: 3.0 },
        cost: Cost::DEFAULT,
        rule: RuleName::Step,
        reason: OpenReason::Solved,
    })
}

/// The rounds in a file, in order; panics if it is no JSON array of records.
pub(super) fn rounds(path: &Path) -> Vec<u64> {
    let records: Vec<AuditRecord> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    records.iter().map(|record| record.round.0).collect()
}

/// A data directory that can be made unusable, even for root.
struct Disk {
    root: TempDir,
}

impl Disk {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn file(&self) -> PathBuf {
        self.data().join("verify.json")
    }

    fn fail(&self) {
        fs::rename(self.data(), self.root.path().join("away")).unwrap();
        fs::write(self.data(), "no directory").unwrap();
    }

    fn recover(&self) {
        fs::remove_file(self.data()).unwrap();
        fs::rename(self.root.path().join("away"), self.data()).unwrap();
    }
}

/// A ledger, its clock and a disk.
struct Fixture {
    ledger: Arc<MemoryLedger>,
    clock: Arc<ManualClock>,
    disk: Disk,
    records_per_file: usize,
}

impl Fixture {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        clock.advance(Duration::from_millis(1_790_000_000_120));
        let ledger = Arc::new(MemoryLedger::new(clock.clone()));
        ledger.commit(Transaction::new().append(RoundNumber(1), opened())).await.unwrap();
        Self { ledger, clock, disk: Disk::new(), records_per_file: 1000 }
    }

    /// Wins rounds as the race does, and opens the next ones.
    async fn win(&self, rounds: impl IntoIterator<Item = u64>) {
        for round in rounds {
            let transaction = Transaction::new().append(RoundNumber(round), won(round));
            self.ledger.commit(transaction.append(RoundNumber(round + 1), opened())).await.unwrap();
        }
    }

    fn settings(&self) -> AuditSettings {
        AuditSettings { records_per_file: self.records_per_file, rest: 0, ..AuditSettings::new(self.disk.data()) }
    }

    fn open(&self) -> AuditLog {
        AuditLog::open(self.ledger.clone(), self.settings(), self.clock.clone()).unwrap()
    }

    fn open_with(&self, write: WriteAndFlush) -> AuditLog {
        let file = AuditFile::with_write(&self.disk.data(), self.records_per_file, self.clock.clone(), write);
        let settings = AuditSettings { look_every: Duration::from_millis(1), ..self.settings() };
        AuditLog::start(file, self.ledger.clone(), &settings, self.clock.clone()).unwrap()
    }

    /// A writer without a thread, as after a start.
    fn writer(&self) -> Writer {
        let file = AuditFile::new(&self.disk.data(), self.records_per_file, self.clock.clone());
        let (state, _) = watch::channel(WriterState::default());
        Writer::new(file, self.ledger.clone(), &self.settings(), self.clock.clone(), Arc::default(), state)
    }

    async fn cursor(&self) -> Seq {
        self.ledger.cursor(CURSOR).await.unwrap()
    }

    /// The rounds in all files of the log, put away ones first.
    fn all_rounds(&self) -> Vec<u64> {
        let names = fs::read_dir(self.disk.data()).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<u64> = names
            .filter(|path| path.extension().is_some_and(|is| is == "json"))
            .flat_map(|path| rounds(&path))
            .collect();
        all.sort_unstable();
        all
    }

    /// Waits until so many records are in the file.
    async fn recorded(&self, count: usize) -> Vec<u64> {
        loop {
            let found = self.all_rounds();
            if count <= found.len() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

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
