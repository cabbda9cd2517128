//! The crew, with a desk in the place of the browser.

use super::*;
use puzzle::{RoundNumber, Seed};

fn job(round: u64) -> Job {
    Job {
        round: RoundNumber(round),
        seed: Seed::from_bytes([round as u8; 16]),
        visitor: "visitor-1".parse().unwrap(),
        trace: "fl=0f0\nip=203.0.113.45\n".parse().unwrap(),
        cost: Cost::DEFAULT,
    }
}

fn nonce(value: u64) -> Nonce {
    Nonce::new(value).unwrap()
}

fn hash(first_byte: u8) -> Hash {
    Hash::from_bytes([first_byte; 32])
}

/// A crew whose effects are carried out on paper: who exists, who was asked
/// for what and has not answered, and what was reported.
struct Desk {
    crew: Crew,
    alive: Vec<WorkerId>,
    asked: Vec<(WorkerId, Request)>,
    reports: Vec<PoolEvent>,
    /// Rises with every batch by `hash_time`.
    now: Duration,
    hash_time: Duration,
}

impl Desk {
    fn new() -> Self {
        Self {
            crew: Crew::default(),
            alive: Vec::new(),
            asked: Vec::new(),
            reports: Vec::new(),
            now: Duration::ZERO,
            hash_time: Duration::from_millis(150),
        }
    }

    fn act(&mut self, step: impl FnOnce(&mut Crew)) {
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

    fn start(&mut self, round: u64, workers: usize) {
        let now = self.now;
        self.act(|crew| crew.start(job(round), workers, nonce(1000 * round), now));
    }

    fn reply(&mut self, id: WorkerId, reply: Reply) {
        self.asked.retain(|(asked, _)| *asked != id);
        let now = self.now;
        self.act(|crew| crew.heard(id, reply, now));
    }

    fn all_ready(&mut self) {
        for id in self.alive.clone() {
            self.reply(id, Reply::Ready);
        }
    }

    /// The oldest request is answered, with a hash of this height.
    fn answer(&mut self, height: u8) -> u64 {
        let (id, request) = self.asked.remove(0);
        let Request::Mine { generation, job, batch } = request else {
            panic!("asked to prepare");
        };
        let best = (hash(height), batch.first);
        self.now += self.hash_time * batch.count;
        self.reply(id, Reply::Mined { generation, round: job.round, hashes: batch.count, best });
        batch.first.get()
    }

    fn seconds(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.act(Crew::second_passed);
        }
    }

    /// What the page was told, without the lowest hashes of the batches.
    fn reports(&mut self) -> Vec<PoolEvent> {
        let mut reports = std::mem::take(&mut self.reports);
        for report in &mut reports {
            if let PoolEvent::Progress { lowest, .. } = report {
                *lowest = None;
            }
        }
        reports
    }

    fn lowest(&mut self) -> Vec<(Hash, Nonce)> {
        let lowest = |report| if let PoolEvent::Progress { lowest, .. } = report { lowest } else { None };
        std::mem::take(&mut self.reports).into_iter().filter_map(lowest).collect()
    }
}

fn workers(running: usize) -> PoolEvent {
    PoolEvent::Workers { running }
}

fn progress(round: u64, best: Option<(u8, u64)>) -> PoolEvent {
    let best = best.map(|(height, at)| (hash(height), nonce(at)));
    PoolEvent::Progress { round: RoundNumber(round), hashes: 1, best, lowest: None }
}

#[test]
fn a_prepared_worker_mines_at_once() {
    let mut desk = Desk::new();
    desk.act(|crew| crew.prepare(Cost::DEFAULT, Duration::ZERO));
    assert_eq!(desk.alive.len(), 1);
    desk.all_ready();
    assert_eq!(desk.asked, [(desk.alive[0], Request::Prepare { cost: Cost::DEFAULT })]);
    desk.reply(desk.alive[0], Reply::Prepared { cost: Cost::DEFAULT });
    assert!(desk.asked.is_empty());
    assert!(!desk.crew.is_waiting());

    desk.start(1, 1);
    assert_eq!(desk.alive.len(), 1);
    assert_eq!(desk.answer(9), 1000);
    assert_eq!(desk.answer(9), 1001);
    assert_eq!(desk.reports(), [workers(1), workers(1), progress(1, Some((9, 1000))), progress(1, None)]);
}

#[test]
fn every_worker_has_its_share_and_the_best_hash_is_reported_once() {
    let mut desk = Desk::new();
    desk.start(1, 3);
    desk.all_ready();
    desk.reports();
    let tried: Vec<u64> = [5, 7, 3, 3, 2].into_iter().map(|height| desk.answer(height)).collect();
    assert_eq!(tried, [1000, 1001, 1002, 1003, 1004]);
    assert_eq!(
        desk.reports(),
        [
            progress(1, Some((5, 1000))),
            progress(1, None),
            progress(1, Some((3, 1002))),
            progress(1, None),
            progress(1, Some((2, 1004)))
        ]
    );
}

#[test]
fn every_batch_tells_its_lowest_hash() {
    let mut desk = Desk::new();
    desk.start(1, 1);
    desk.all_ready();
    for height in [2, 7, 5] {
        desk.answer(height);
    }
    assert_eq!(desk.lowest(), [(hash(2), nonce(1000)), (hash(7), nonce(1001)), (hash(5), nonce(1002))]);
}

#[test]
fn a_new_job_takes_effect_with_the_next_request_and_the_old_batch_counts_for_nothing() {
    let mut desk = Desk::new();
    desk.start(1, 2);
    desk.all_ready();
    desk.answer(5);
    desk.reports();
    desk.act(|crew| crew.replace_job(job(2), nonce(7), Duration::ZERO));
    desk.answer(1);
    desk.answer(1);
    assert_eq!(desk.reports(), []);
    assert_eq!(desk.answer(8), 8);
    assert_eq!(desk.answer(9), 7);
    assert_eq!(desk.reports(), [progress(2, Some((8, 8))), progress(2, None)]);
}

#[test]
fn the_same_job_again_disturbs_nobody() {
    let mut desk = Desk::new();
    desk.start(1, 1);
    desk.all_ready();
    desk.reports();
    desk.act(|crew| crew.replace_job(job(1), nonce(7), Duration::ZERO));
    assert_eq!(desk.answer(5), 1000);
    assert_eq!(desk.reports(), [progress(1, Some((5, 1000)))]);
}

#[test]
fn after_a_stop_nobody_is_asked_and_nothing_is_reported() {
    let mut desk = Desk::new();
    desk.start(1, 2);
    desk.all_ready();
    desk.reports();
    desk.act(Crew::stop);
    desk.act(Crew::stop);
    desk.answer(1);
    desk.answer(1);
    assert!(desk.asked.is_empty());
    assert_eq!(desk.reports(), []);
    assert_eq!(desk.alive.len(), 2);
    desk.act(|crew| crew.replace_job(job(2), nonce(7), Duration::ZERO));
    assert!(desk.asked.is_empty());
}

#[test]
fn starting_the_same_job_again_goes_on_where_it_stopped() {
    let mut desk = Desk::new();
    desk.start(1, 1);
    desk.all_ready();
    desk.answer(5);
    desk.act(Crew::stop);
    desk.answer(1);
    desk.reports();
    desk.start(1, 1);
    let kept =
        PoolEvent::Progress { round: RoundNumber(1), hashes: 0, best: Some((hash(5), nonce(1000))), lowest: None };
    assert_eq!(desk.reports(), [workers(1), kept]);
    assert_eq!(desk.answer(6), 1002);
    assert_eq!(desk.reports(), [progress(1, None)]);
}

#[test]
fn starting_while_starting_leaves_one_generation_of_workers() {
    let mut desk = Desk::new();
    for workers in [4, 1, 3, 2] {
        desk.start(1, workers);
        desk.act(Crew::stop);
        desk.start(2, workers);
    }
    assert_eq!(desk.alive.len(), 2);
    desk.all_ready();
    desk.start(3, 2);
    assert_eq!(desk.asked.len(), 2);
    desk.answer(1);
    desk.answer(1);
    assert_eq!(desk.asked.len(), 2);
    assert!(desk.asked.iter().all(|(_, request)| matches!(request, Request::Mine { job, .. } if *job == self::job(3))));
}

#[test]
fn the_number_of_workers_follows_the_page() {
    let mut desk = Desk::new();
    desk.start(1, 1);
    desk.all_ready();
    desk.act(|crew| crew.set_workers(3, Duration::ZERO));
    assert_eq!(desk.alive.len(), 3);
    desk.reply(desk.alive[1], Reply::Ready);
    desk.reply(desk.alive[2], Reply::Ready);
    assert_eq!(desk.asked.len(), 3);
    desk.act(|crew| crew.set_workers(0, Duration::ZERO));
    assert_eq!(desk.alive.len(), 1);
    assert_eq!(desk.reports(), [workers(0), workers(1), workers(2), workers(3), workers(1)]);
    desk.answer(5);
    assert_eq!(desk.asked.len(), 1);
}

#[test]
fn no_nonce_is_tried_twice_while_workers_come_and_go() {
    let mut desk = Desk::new();
    desk.start(1, 2);
    desk.all_ready();
    let mut tried = std::collections::HashSet::new();
    for workers in [4, 1, 3, 2] {
        desk.act(|crew| crew.set_workers(workers, Duration::ZERO));
        for id in desk.alive.clone() {
            if desk.asked.iter().all(|(asked, _)| *asked != id) {
                desk.reply(id, Reply::Ready);
            }
        }
        for _ in 0..9 {
            assert!(tried.insert(desk.answer(9)));
        }
    }
}

#[test]
fn a_worker_that_does_not_load_is_replaced_once_and_then_reported() {
    let mut desk = Desk::new();
    desk.start(1, 1);
    let first = desk.alive[0];
    desk.seconds(READY_SECONDS - 1);
    assert_eq!(desk.alive, [first]);
    desk.seconds(1);
    let second = desk.alive[0];
    assert_ne!(first, second);
    desk.seconds(READY_SECONDS);
    assert!(desk.alive.is_empty());
    assert!(!desk.crew.is_waiting());
    assert_eq!(desk.reports(), [workers(0), PoolEvent::Failed(PoolFailure::LoadFailed)]);

    desk.start(1, 1);
    desk.all_ready();
    desk.answer(5);
    assert_eq!(desk.reports(), [workers(0), workers(1), progress(1, Some((5, 1000)))]);
}

#[test]
fn a_file_that_is_not_to_be_had_is_reported_within_seconds() {
    let mut desk = Desk::new();
    desk.start(1, 2);
    for _ in 0..2 {
        for id in desk.alive.clone() {
            desk.act(|crew| crew.load_failed(id));
        }
        desk.seconds(GRACE_SECONDS);
    }
    assert_eq!(desk.reports(), [workers(0), PoolEvent::Failed(PoolFailure::LoadFailed)]);
}

#[test]
fn a_worker_that_came_out_of_a_cache_is_kept() {
    let mut desk = Desk::new();
    desk.start(1, 1);
    let id = desk.alive[0];
    desk.act(|crew| crew.load_failed(id));
    desk.reply(id, Reply::Ready);
    desk.act(|crew| crew.load_failed(id));
    desk.seconds(BATCH_SECONDS - 1);
    assert_eq!(desk.alive, [id]);
}

#[test]
fn a_silent_worker_is_replaced_once_and_its_place_is_taken() {
    let mut desk = Desk::new();
    desk.start(1, 2);
    desk.all_ready();
    let [busy, silent] = desk.alive[..] else { panic!() };
    for _ in 0..BATCH_SECONDS {
        let at = desk.asked.iter().position(|(id, _)| *id == busy).unwrap();
        desk.asked.swap(0, at);
        desk.answer(200);
        desk.seconds(1);
    }
    assert!(desk.alive.contains(&busy) && !desk.alive.contains(&silent));
    let stand_in = desk.alive[1];
    desk.reply(stand_in, Reply::Ready);
    desk.reports();

    desk.seconds(BATCH_SECONDS);
    // The busy one has now been silent too, and is replaced; the stand-in is not.
    assert!(!desk.alive.contains(&stand_in));
    assert_eq!(desk.alive.len(), 1);
    assert_eq!(desk.reports(), [workers(1), workers(0)]);
    desk.seconds(READY_SECONDS);
    assert_eq!(desk.reports(), [PoolEvent::Failed(PoolFailure::LoadFailed)]);
}

#[test]
fn a_replaced_worker_is_not_listened_to() {
    let mut desk = Desk::new();
    desk.start(1, 1);
    let late = desk.alive[0];
    desk.seconds(READY_SECONDS);
    desk.reports();
    desk.reply(late, Reply::Ready);
    assert!(desk.asked.is_empty());
    assert_eq!(desk.reports(), []);
}

#[test]
fn who_gets_no_memory_goes_and_the_others_go_on() {
    let mut desk = Desk::new();
    desk.start(1, 3);
    desk.all_ready();
    desk.reports();
    desk.reply(desk.alive[2], Reply::Failed(Failure::OutOfMemory));
    assert_eq!(desk.reports(), [workers(2), PoolEvent::Fewer { workers: 2 }]);
    desk.reply(desk.alive[1], Reply::Failed(Failure::OutOfMemory));
    assert_eq!(desk.reports(), [workers(1), PoolEvent::Fewer { workers: 1 }]);
    desk.reply(desk.alive[0], Reply::Failed(Failure::OutOfMemory));
    assert_eq!(desk.reports(), [workers(0), PoolEvent::Failed(PoolFailure::OutOfMemory)]);
    assert!(desk.alive.is_empty());
}

#[test]
fn a_failed_self_test_is_final() {
    let mut desk = Desk::new();
    desk.start(1, 1);
    desk.reply(desk.alive[0], Reply::Failed(Failure::SelfTest));
    assert!(desk.alive.is_empty());
    assert_eq!(desk.reports(), [workers(0), PoolEvent::Failed(PoolFailure::SelfTestFailed)]);
}

#[test]
fn what_fails_in_preparation_is_tried_again_at_the_start() {
    let mut desk = Desk::new();
    desk.act(|crew| crew.prepare(Cost::DEFAULT, Duration::ZERO));
    desk.all_ready();
    desk.reply(desk.alive[0], Reply::Failed(Failure::OutOfMemory));
    assert!(desk.alive.is_empty());
    assert_eq!(desk.reports(), [workers(1), workers(0)]);
    desk.start(1, 1);
    assert_eq!(desk.alive.len(), 1);
}

#[test]
fn another_cost_starts_with_a_single_hash_again() {
    let mut desk = Desk::new();
    desk.hash_time = Duration::from_millis(10);
    desk.start(1, 1);
    desk.all_ready();
    desk.answer(9);
    let count = |desk: &Desk| match &desk.asked[0].1 {
        Request::Mint { .. } => panic!("the crew mints no stamps"),
        Request::Mine { batch, .. } => batch.count,
        Request::Prepare { .. } => 0,
    };
    assert!(1 < count(&desk));
    let dearer = Job { cost: Cost { time_cost: 9, ..Cost::DEFAULT }, ..job(2) };
    desk.act(|crew| crew.replace_job(dearer, nonce(7), Duration::ZERO));
    desk.answer(9);
    assert_eq!(count(&desk), 1);
}
