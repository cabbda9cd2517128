//! The handle and its writer: order, limits, retries, the end. The file itself is
//! tested in `file/tests.rs`.

use super::{file::WriteAndFlush, *};

use crate::{captured_log::CapturedLog, clock::ManualClock};
use puzzle::invite_code::CodeSecret;
use std::{
    fs::{self, File},
    io,
    io::Write,
    sync::atomic::AtomicBool,
};
use tempfile::TempDir;

const SETTINGS: AuditSettings =
    // Nothing is retried behind the tests' backs.
    AuditSettings {
        directory: PathBuf::new(),
        records_per_file: 1000,
        most_waiting: 100,
        retry_every: Duration::from_secs(3600),
    };

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

fn open(directory: &Path, settings: AuditSettings) -> AuditLog {
    let settings = AuditSettings { directory: directory.to_owned(), ..settings };
    AuditLog::open(settings, Arc::new(ManualClock::default())).unwrap()
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
async fn a_record_is_on_disk_when_the_future_is_done() {
    let disk = Disk::new();
    let log = open(&disk.data(), SETTINGS);
    assert!(rounds(&disk.file()).is_empty());
    for round in 1..=3 {
        log.append(&record(round)).await.unwrap();
        assert_eq!(rounds(&disk.file()).len() as u64, round);
    }
    assert_eq!(log.status(), AuditStatus { is_ok: true, waiting: 0, failed_writes: 0, lost: 0 });
}

#[tokio::test]
async fn a_record_is_written_although_nobody_waits_for_it() {
    let disk = Disk::new();
    let log = open(&disk.data(), SETTINGS);
    for round in 1..=20 {
        drop(log.append(&record(round)));
    }
    log.shutdown(Duration::MAX).await;
    assert_eq!(rounds(&disk.file()), (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn after_the_end_nothing_is_written_and_the_log_is_not_well() {
    let disk = Disk::new();
    let log = open(&disk.data(), SETTINGS);
    log.shutdown(Duration::MAX).await;
    assert!(matches!(log.append(&record(1)).await, Err(AuditError::Closed)));
    assert!(matches!(log.retry().await, Err(AuditError::Closed)));
    assert_eq!(log.status(), AuditStatus { is_ok: false, waiting: 0, failed_writes: 0, lost: 1 });
    log.shutdown(Duration::MAX).await;
    assert!(rounds(&disk.file()).is_empty());
}

#[tokio::test]
async fn failed_records_are_kept_and_written_before_newer_ones() {
    let disk = Disk::new();
    let log = open(&disk.data(), SETTINGS);
    log.append(&record(1)).await.unwrap();
    disk.fail();
    for round in 2..=4 {
        assert!(matches!(log.append(&record(round)).await, Err(AuditError::NotYetWritten(_))));
    }
    assert_eq!(log.status(), AuditStatus { is_ok: false, waiting: 3, failed_writes: 3, lost: 0 });
    assert!(matches!(log.retry().await, Err(AuditError::NotYetWritten(_))));
    disk.recover();
    log.append(&record(5)).await.unwrap();
    assert_eq!(rounds(&disk.file()), [1, 2, 3, 4, 5]);
    assert_eq!(log.status(), AuditStatus { is_ok: true, waiting: 0, failed_writes: 4, lost: 0 });
}

#[tokio::test]
async fn failed_records_are_written_by_a_retry_and_at_the_end() {
    let disk = Disk::new();
    let log = open(&disk.data(), SETTINGS);
    disk.fail();
    log.append(&record(1)).await.unwrap_err();
    disk.recover();
    log.retry().await.unwrap();
    assert_eq!(rounds(&disk.file()), [1]);
    disk.fail();
    log.append(&record(2)).await.unwrap_err();
    disk.recover();
    log.shutdown(Duration::MAX).await;
    assert_eq!(rounds(&disk.file()), [1, 2]);
}

#[tokio::test]
async fn failed_records_are_retried_without_being_asked_for() {
    let disk = Disk::new();
    let clock = Arc::new(ManualClock::default());
    let full = Arc::new(AtomicBool::new(true));
    let is_full = Arc::clone(&full);
    let write: WriteAndFlush = Box::new(move |file, bytes| {
        if is_full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { file.write_all(bytes) }
    });
    let file = AuditFile::with_write(&disk.data(), 1000, clock.clone(), write);
    let settings = AuditSettings { retry_every: Duration::from_millis(1), ..SETTINGS };
    let log = AuditLog::start(file, clock, settings).unwrap();
    log.append(&record(1)).await.unwrap_err();
    full.store(false, Ordering::SeqCst);
    let mut writer = log.shared.writer.clone();
    writer.wait_for(|state| state.succeeded).await.unwrap();
    assert_eq!(rounds(&disk.file()), [1]);
}

#[tokio::test]
async fn trouble_with_the_disk_shows_before_a_record_is_lost_to_it() {
    let disk = Disk::new();
    let log = open(&disk.data(), SETTINGS);
    disk.fail();
    log.retry().await.unwrap_err();
    assert!(!log.status().is_ok);
}

#[tokio::test]
async fn only_so_many_records_wait() {
    let disk = Disk::new();
    let log = open(&disk.data(), AuditSettings { most_waiting: 2, ..SETTINGS });
    disk.fail();
    log.append(&record(1)).await.unwrap_err();
    log.append(&record(2)).await.unwrap_err();
    assert!(matches!(log.append(&record(3)).await, Err(AuditError::TooManyWaiting)));
    assert_eq!((log.status().waiting, log.status().lost), (2, 1));
    disk.recover();
    log.retry().await.unwrap();
    log.append(&record(4)).await.unwrap();
    assert_eq!(rounds(&disk.file()), [1, 2, 4]);
}

#[tokio::test]
async fn records_that_wait_together_share_a_write_and_a_write_that_hangs_shows() {
    let disk = Disk::new();
    let clock = Arc::new(ManualClock::default());
    let (began, mut writes) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let write: WriteAndFlush = Box::new(move |file, bytes| {
        began.send(()).unwrap();
        gate.recv().unwrap();
        file.write_all(bytes)
    });
    let file = AuditFile::with_write(&disk.data(), 1000, clock.clone(), write);
    let log = AuditLog::start(file, clock.clone(), SETTINGS).unwrap();
    let first = log.append(&record(1));
    writes.recv().await.unwrap();
    let rest: Vec<_> = (2..=50).map(|round| log.append(&record(round))).collect();
    assert!(log.status().is_ok);
    clock.advance(STALL_LIMIT + Duration::from_secs(1));
    assert!(!log.status().is_ok);
    assert_eq!(log.status().waiting, 50);
    go_on.send(()).unwrap();
    first.await.unwrap();
    go_on.send(()).unwrap();
    for written in rest {
        written.await.unwrap();
    }
    log.shutdown(Duration::MAX).await;
    assert!(log.append(&record(51)).await.is_err());
    assert_eq!(rounds(&disk.file()), (1..=50).collect::<Vec<_>>());
    let mut further = 0;
    while writes.recv().await.is_some() {
        further += 1;
    }
    assert_eq!(further, 1);
}

#[tokio::test]
async fn a_writer_that_hangs_does_not_hold_up_the_end() {
    let disk = Disk::new();
    let clock = Arc::new(ManualClock::default());
    let (go_on, gate) = mpsc::channel::<()>();
    let write: WriteAndFlush = Box::new(move |_, _| {
        let _ = gate.recv();
        Err(io::Error::other("never"))
    });
    let file = AuditFile::with_write(&disk.data(), 1000, clock.clone(), write);
    let log = AuditLog::start(file, clock, SETTINGS).unwrap();
    let written = log.append(&record(1));
    log.shutdown(Duration::ZERO).await;
    drop(go_on);
    assert!(matches!(written.await, Err(AuditError::NotYetWritten(_))));
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_at_start() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    File::create(&file).unwrap();
    let error =
        AuditLog::open(AuditSettings { directory: file.join("data"), ..SETTINGS }, Arc::new(ManualClock::default()))
            .unwrap_err();
    assert!(error.to_string().contains("file/data/verify.json"), "{error}");
}

#[test]
fn codes_that_could_not_be_written_are_in_the_log_by_their_digests_only() {
    let disk = Disk::new();
    let clock = Arc::new(ManualClock::default());
    let mut file = AuditFile::new(&disk.data(), 1000, clock.clone());
    file.check().unwrap();
    disk.fail();
    let (captured, _guard) = CapturedLog::start();
    let lost = Arc::new(AtomicU64::new(0));
    let (state, _) = watch::channel(WriterState::default());
    let (commands, receiver) = mpsc::channel();
    let pending = |round| Pending {
        line: serde_json::to_string(&record(round)).unwrap(),
        code_digest: record(round).invite_code.digest(),
        answer: Some(oneshot::channel().0),
    };
    commands.send(Command::Append(pending(1))).unwrap();
    commands.send(Command::Append(pending(2))).unwrap();
    drop(commands);
    // On this thread, whose log is captured.
    Writer::new(file, clock, Arc::default(), lost.clone(), state).run(&receiver, Duration::from_secs(3600));
    assert_eq!(lost.load(Ordering::Relaxed), 2);
    let said = captured.text();
    for round in 1..=2 {
        let code = record(round).invite_code;
        assert!(said.contains(&code.digest()), "{said}");
        assert!(!said.contains(&code.as_str()[9..]), "{said}");
    }
    assert_eq!(said.matches("the audit log cannot be written").count(), 1, "{said}");
}
