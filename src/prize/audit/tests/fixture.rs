//! A ledger with wins in it, and a disk that can fail.

use crate::{
    clock::ManualClock,
    ledger::{
        Body, Ledger, MemoryLedger, Seq, Transaction,
        body::{Estimate, OpenReason, Opened, Won},
    },
    prize::audit::{
        AuditLog, AuditRecord, AuditSettings,
        file::{AuditFile, WriteAndFlush},
        writer::{CURSOR, Writer, WriterState},
    },
};
use puzzle::{
    Cost, Curve, Hash, Nonce, RoundNumber, Seed, Ticket,
    invite_code::{CodeSecret, InviteCode},
    rule::RuleName,
    target::Target,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::sync::watch;

pub(in crate::prize::audit) fn record(round: u64) -> AuditRecord {
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
pub(super) fn won(round: u64) -> Body {
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
        expires_at: None,
        state: None,
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
pub(in crate::prize::audit) fn rounds(path: &Path) -> Vec<u64> {
    let records: Vec<AuditRecord> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    records.iter().map(|record| record.round.0).collect()
}

/// A data directory that can be made unusable, even for root.
pub(super) struct Disk {
    root: TempDir,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub(super) fn file(&self) -> PathBuf {
        self.data().join("verify.json")
    }

    pub(super) fn fail(&self) {
        fs::rename(self.data(), self.root.path().join("away")).unwrap();
        fs::write(self.data(), "no directory").unwrap();
    }

    pub(super) fn recover(&self) {
        fs::remove_file(self.data()).unwrap();
        fs::rename(self.root.path().join("away"), self.data()).unwrap();
    }
}

/// A ledger, its clock and a disk.
pub(super) struct Fixture {
    pub(super) ledger: Arc<MemoryLedger>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) disk: Disk,
    pub(super) records_per_file: usize,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        clock.advance(Duration::from_millis(1_790_000_000_120));
        let ledger = Arc::new(MemoryLedger::new(clock.clone()));
        ledger.commit(Transaction::new().append(RoundNumber(1), opened())).await.unwrap();
        Self { ledger, clock, disk: Disk::new(), records_per_file: 1000 }
    }

    /// Wins rounds as the race does, and opens the next ones.
    pub(super) async fn win(&self, rounds: impl IntoIterator<Item = u64>) {
        for round in rounds {
            let transaction = Transaction::new().append(RoundNumber(round), won(round));
            self.ledger.commit(transaction.append(RoundNumber(round + 1), opened())).await.unwrap();
        }
    }

    pub(super) fn settings(&self) -> AuditSettings {
        AuditSettings { records_per_file: self.records_per_file, rest: 0, ..AuditSettings::new(self.disk.data()) }
    }

    pub(super) fn open(&self) -> AuditLog {
        AuditLog::open(self.ledger.clone(), self.settings(), self.clock.clone()).unwrap()
    }

    pub(super) fn open_with(&self, write: WriteAndFlush) -> AuditLog {
        let file = AuditFile::with_write(&self.disk.data(), self.records_per_file, self.clock.clone(), write);
        let settings = AuditSettings { look_every: Duration::from_millis(1), ..self.settings() };
        AuditLog::start(file, self.ledger.clone(), &settings, self.clock.clone()).unwrap()
    }

    /// A writer without a thread, as after a start.
    pub(super) fn writer(&self) -> Writer {
        let file = AuditFile::new(&self.disk.data(), self.records_per_file, self.clock.clone());
        let (state, _) = watch::channel(WriterState::default());
        Writer::new(file, self.ledger.clone(), &self.settings(), self.clock.clone(), Arc::default(), state)
    }

    pub(super) async fn cursor(&self) -> Seq {
        self.ledger.cursor(CURSOR).await.unwrap()
    }

    /// The rounds in all files of the log, put away ones first.
    pub(super) fn all_rounds(&self) -> Vec<u64> {
        let names = fs::read_dir(self.disk.data()).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<u64> = names
            .filter(|path| path.extension().is_some_and(|is| is == "json"))
            .flat_map(|path| rounds(&path))
            .collect();
        all.sort_unstable();
        all
    }

    /// Waits until so many records are in the file.
    pub(super) async fn recorded(&self, count: usize) -> Vec<u64> {
        loop {
            let found = self.all_rounds();
            if count <= found.len() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}
