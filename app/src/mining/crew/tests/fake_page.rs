//! What all tests share: a page without a browser, on which the crew works.

pub(super) use super::super::*;
pub(super) use puzzle::{RoundNumber, Seed};

/// A crew, and what its effects have led to: which workers exist, which were asked for
/// what and have not answered, and what was reported.
pub(super) struct FakePage {
    pub(super) crew: Crew,
    pub(super) alive: Vec<WorkerId>,
    pub(super) asked: Vec<(WorkerId, Request)>,
    pub(super) reports: Vec<PoolEvent>,
    /// Rises with every batch by `hash_time`.
    pub(super) now: Duration,
    pub(super) hash_time: Duration,
}

impl FakePage {
    pub(super) fn new() -> Self {
        Self {
            crew: Crew::default(),
            alive: Vec::new(),
            asked: Vec::new(),
            reports: Vec::new(),
            now: Duration::ZERO,
            hash_time: Duration::from_millis(150),
        }
    }

    pub(super) fn act(&mut self, step: impl FnOnce(&mut Crew)) {
        step(&mut self.crew);
        for effect in self.crew.take_effects() {
            match effect {
                Effect::Spawn(id) => self.alive.push(id),
                Effect::Dismiss(id) => {
                    self.alive.retain(|alive| *alive != id);
                    self.asked.retain(|(asked, _)| *asked != id);
                }
                Effect::Send(id, request) => {
                    assert!(self.alive.contains(&id), "asked a worker that does not exist");
                    assert!(self.asked.iter().all(|(asked, _)| *asked != id), "asked a worker that is busy");
                    self.asked.push((id, request));
                }
                Effect::Report(event) => self.reports.push(event),
            }
        }
    }

    pub(super) fn start(&mut self, round: u64, workers: usize) {
        let now = self.now;
        self.act(|crew| crew.start(job(round), workers, nonce(1000 * round), now));
    }

    pub(super) fn reply(&mut self, id: WorkerId, reply: Reply) {
        self.asked.retain(|(asked, _)| *asked != id);
        let now = self.now;
        self.act(|crew| crew.heard(id, reply, now));
    }

    pub(super) fn all_ready(&mut self) {
        for id in self.alive.clone() {
            self.reply(id, Reply::Ready);
        }
    }

    /// The oldest request is answered, with a hash of this height.
    pub(super) fn answer(&mut self, height: u8) -> u64 {
        let (id, request) = self.asked.remove(0);
        let Request::Mine { generation, job, batch } = request else {
            panic!("asked to prepare");
        };
        let best = (hash(height), batch.first);
        self.now += self.hash_time * batch.count;
        self.reply(id, Reply::Mined { generation, round: job.round, hashes: batch.count, best });
        batch.first.get()
    }

    pub(super) fn seconds(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.act(Crew::second_passed);
        }
    }

    /// What the page was told, without the lowest hashes of the batches.
    pub(super) fn reports(&mut self) -> Vec<PoolEvent> {
        let mut reports = std::mem::take(&mut self.reports);
        for report in &mut reports {
            if let PoolEvent::Progress { lowest, .. } = report {
                *lowest = None;
            }
        }
        reports
    }

    pub(super) fn lowest(&mut self) -> Vec<(Hash, Nonce)> {
        let lowest = |report| if let PoolEvent::Progress { lowest, .. } = report { lowest } else { None };
        std::mem::take(&mut self.reports).into_iter().filter_map(lowest).collect()
    }
}

pub(super) fn job(round: u64) -> Job {
    Job {
        round: RoundNumber(round),
        seed: Seed::from_bytes([round as u8; 16]),
        visitor: "visitor-1".parse().unwrap(),
        trace: "fl=0f0\nip=203.0.113.45\n".parse().unwrap(),
        cost: Cost::DEFAULT,
    }
}

pub(super) fn nonce(value: u64) -> Nonce {
    Nonce::new(value).unwrap()
}

pub(super) fn hash(first_byte: u8) -> Hash {
    Hash::from_bytes([first_byte; 32])
}

pub(super) fn workers(running: usize) -> PoolEvent {
    PoolEvent::Workers { running }
}

pub(super) fn progress(round: u64, best: Option<(u8, u64)>) -> PoolEvent {
    let best = best.map(|(height, at)| (hash(height), nonce(at)));
    PoolEvent::Progress { round: RoundNumber(round), hashes: 1, best, lowest: None }
}
