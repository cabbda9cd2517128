//! The crew: what to do with the workers, decided without a browser.
//!
//! Everything that happens (the page's wishes, a worker's reply, a second that has
//! passed) goes in through a method; what is to be done about it comes out as
//! [`Effect`]s, in order. What always holds:
//!
//! - A worker has one request under way at most, so stopping is a matter of not
//!   asking again, and starting anew never makes anybody mine twice.
//! - Every start, stop and new job is a new generation; a batch of another
//!   generation counts for nothing.
//! - No worker is waited for without end. One that is not ready after [`READY_SECONDS`] or
//!   silent for [`BATCH_SECONDS`] is replaced; its replacement is given up.
//! - A worker whose device refuses memory is given up at once, and the others go on.
//! - Failures are reported only while the page wants to mine. Before that, workers
//!   are a preparation, and the start tries again.
//!
//! Time for the watchdog is counted in [`Crew::second_passed`] calls rather than
//! read from a clock: when a laptop wakes up, its workers must not be taken for lost
//! because of the hours that it slept. The crew never spawns, sends or shows anything itself.

use super::{
    batch_size::BatchSize,
    event::{PoolEvent, PoolFailure},
    nonces::DividedNonces,
};
use miner::{Batch, Failure, Generation, Job, Reply, Request};
use puzzle::{Cost, Hash, Nonce};
use std::time::Duration;

/// A worker that is not ready after so many seconds will never be.
pub(super) const READY_SECONDS: u32 = 10;

/// A worker that has not answered a request for so many seconds never will.
pub(super) const BATCH_SECONDS: u32 = 30;

/// When the worker's file is known not to load, the worker may still come up for so
/// many seconds, out of a cache for instance. It is also the pause before the second
/// attempt.
const LOAD_FAILURE_SECONDS: u32 = 2;

/// Names a worker; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct WorkerId(u64);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Start a worker under this name.
    Spawn(WorkerId),
    /// Send it a request.
    Send(WorkerId, Request),
    /// Let it end.
    Dismiss(WorkerId),
    /// Tell the page.
    Report(PoolEvent),
}

/// The workers and what they are for.
#[derive(Debug, Default)]
pub(super) struct Crew {
    workers: Vec<Worker>,
    /// The cost for which idle workers keep their memory ready.
    cost: Option<Cost>,
    /// What is mined, or was mined before the stop.
    task: Option<Task>,
    /// True between start and stop.
    mining: bool,
    generation: Generation,
    workers_ever: u64,
    /// What the page was last told; `None` if it must be told again.
    running_reported: Option<usize>,
    effects: Vec<Effect>,
}

#[derive(Debug)]
struct Task {
    job: Job,
    nonces: DividedNonces,
    best: Option<(Hash, Nonce)>,
}

#[derive(Debug)]
struct Worker {
    id: WorkerId,
    phase: Phase,
    /// True if it has replaced one that failed; then it is not replaced itself.
    replacement: bool,
    /// The cost for which it was last asked to do anything.
    cost: Option<Cost>,
    batch_size: BatchSize,
}

#[derive(Debug)]
enum Phase {
    /// Not ready yet.
    Loading { seconds: u32 },
    /// Nothing to do.
    Resting,
    /// A request is under way since `sent`.
    Working { seconds: u32, sent: Duration },
}

impl Crew {
    /// Brings one worker up and has it allocate its memory for hashes of `cost`,
    /// while the visitor still reads.
    pub(super) fn prepare(&mut self, cost: Cost, now: Duration) {
        self.cost = Some(cost);
        if self.workers.is_empty() {
            self.add_worker();
        }
        self.give_work(now);
    }

    /// Mines `job` with so many workers. The nonces begin at `first`, unless the
    /// job is the one mined before: then everything goes on where it stopped.
    pub(super) fn start(&mut self, job: Job, workers: usize, first: Nonce, now: Duration) {
        for worker in &mut self.workers {
            worker.replacement = false;
        }
        self.running_reported = None;
        self.take_on(job, first);
        self.set_workers(workers, now);
        if let Some(task) = &self.task
            && task.best.is_some()
        {
            let event = PoolEvent::Progress { round: task.job.round, hashes: 0, best: task.best, lowest: None };
            self.effects.push(Effect::Report(event));
        }
    }

    /// Goes on with another job. Without effect while nothing is mined.
    pub(super) fn replace_job(&mut self, job: Job, first: Nonce, now: Duration) {
        if self.mining {
            self.take_on(job, first);
            self.give_work(now);
        }
    }

    /// Mines with so many workers from now on; at least one.
    pub(super) fn set_workers(&mut self, workers: usize, now: Duration) {
        while workers.max(1) < self.workers.len() {
            self.dismiss(self.workers.len() - 1);
        }
        while self.mining && self.workers.len() < workers.max(1) {
            self.add_worker();
        }
        self.divide_nonces();
        self.report_running();
        self.give_work(now);
    }

    /// Asks the workers for nothing any more. They stay.
    pub(super) fn stop(&mut self) {
        if self.mining {
            self.generation = self.generation.next();
            self.mining = false;
        }
    }

    /// A worker has spoken.
    pub(super) fn heard(&mut self, id: WorkerId, reply: Reply, now: Duration) {
        let Some(index) = self.index(id) else { return };
        match reply {
            Reply::Ready => {
                self.workers[index].phase = Phase::Resting;
                self.report_running();
            }
            Reply::Prepared { .. } => self.workers[index].phase = Phase::Resting,
            // Nobody asks the crew's workers for stamps.
            Reply::Minted { .. } => {}
            Reply::Mined { generation, hashes, best, .. } => {
                self.workers[index].finish_batch(hashes, now);
                self.count(generation, hashes, best);
            }
            Reply::Failed(Failure::OutOfMemory) => self.give_up(index, PoolFailure::OutOfMemory),
            Reply::Failed(Failure::SelfTest | Failure::Hashing) => self.give_up(index, PoolFailure::SelfTestFailed),
        }
        self.give_work(now);
    }

    /// The worker's file cannot be loaded. The worker may have got it all the same,
    /// so it is not given up at once.
    pub(super) fn load_failed(&mut self, id: WorkerId) {
        if let Some(index) = self.index(id)
            && let Phase::Loading { seconds } = &mut self.workers[index].phase
        {
            *seconds = (*seconds).max(READY_SECONDS - LOAD_FAILURE_SECONDS);
        }
    }

    /// Another second has passed: a worker that has been silent for too long is replaced.
    pub(super) fn second_passed(&mut self) {
        let lost: Vec<_> =
            self.workers.iter_mut().filter_map(|worker| Some((worker.id, worker.second_passed()?))).collect();
        for (id, failure) in lost {
            match self.index(id) {
                Some(index) if self.workers[index].replacement => self.give_up(index, failure),
                Some(index) => self.replace(index),
                None => {}
            }
        }
    }

    /// Which start, stop or new job was the last.
    pub(super) const fn generation(&self) -> Generation {
        self.generation
    }

    /// True if a worker is waited for, so that seconds must be counted.
    pub(super) fn is_waiting(&self) -> bool {
        self.workers.iter().any(|worker| !matches!(worker.phase, Phase::Resting))
    }

    /// What is to be done, in order; each effect is handed out once. The reports
    /// come last, so that no worker rests while the page draws.
    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        let (reports, mut effects): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.effects).into_iter().partition(|effect| matches!(effect, Effect::Report(_)));
        effects.extend(reports);
        effects
    }

    fn index(&self, id: WorkerId) -> Option<usize> {
        self.workers.iter().position(|worker| worker.id == id)
    }

    /// From here on only batches of `job` count. If it is the job mined before,
    /// its nonces and its best hash are kept.
    fn take_on(&mut self, job: Job, first: Nonce) {
        let known = self.task.as_ref().is_some_and(|task| task.job == job);
        if known && self.mining {
            return;
        }
        self.generation = self.generation.next();
        self.mining = true;
        self.cost = Some(job.cost);
        if !known {
            let nonces = DividedNonces::new(first, self.workers.len());
            self.task = Some(Task { job, nonces, best: None });
        }
    }

    fn divide_nonces(&mut self) {
        let workers = self.workers.len();
        if let Some(task) = &mut self.task
            && task.nonces.stride() != workers as u64
        {
            task.nonces.divide_among(workers);
        }
    }

    /// Gives every worker that rests something to do, if there is anything.
    fn give_work(&mut self, now: Duration) {
        for (index, worker) in self.workers.iter_mut().enumerate() {
            if !matches!(worker.phase, Phase::Resting) {
                continue;
            }
            let request = match &mut self.task {
                Some(task) if self.mining => worker.next_batch(index, task, self.generation),
                _ => worker.preparation(self.cost),
            };
            if let Some(request) = request {
                worker.phase = Phase::Working { seconds: 0, sent: now };
                self.effects.push(Effect::Send(worker.id, request));
            }
        }
    }

    fn count(&mut self, generation: Generation, hashes: u32, best: (Hash, Nonce)) {
        let Some(task) = &mut self.task else { return };
        if !self.mining || generation != self.generation {
            return;
        }
        let improved = task.best.is_none_or(|(lowest, _)| best.0 < lowest);
        if improved {
            task.best = Some(best);
        }
        let event =
            PoolEvent::Progress { round: task.job.round, hashes, best: improved.then_some(best), lowest: Some(best) };
        self.effects.push(Effect::Report(event));
    }

    fn add_worker(&mut self) {
        let worker = self.new_worker(false);
        self.workers.push(worker);
    }

    fn new_worker(&mut self, replacement: bool) -> Worker {
        self.workers_ever += 1;
        let id = WorkerId(self.workers_ever);
        self.effects.push(Effect::Spawn(id));
        Worker { id, phase: Phase::Loading { seconds: 0 }, replacement, cost: None, batch_size: BatchSize::default() }
    }

    fn dismiss(&mut self, index: usize) {
        let worker = self.workers.remove(index);
        self.effects.push(Effect::Dismiss(worker.id));
    }

    /// A new worker in the same place, for the same part of the nonces.
    fn replace(&mut self, index: usize) {
        self.effects.push(Effect::Dismiss(self.workers[index].id));
        self.workers[index] = self.new_worker(true);
        self.report_running();
    }

    fn give_up(&mut self, index: usize, failure: PoolFailure) {
        self.dismiss(index);
        self.divide_nonces();
        self.report_running();
        if !self.mining {
            return;
        }
        if self.workers.is_empty() {
            self.stop();
            self.effects.push(Effect::Report(PoolEvent::Failed(failure)));
        } else if failure == PoolFailure::OutOfMemory {
            self.effects.push(Effect::Report(PoolEvent::Fewer { workers: self.workers.len() }));
        }
    }

    fn report_running(&mut self) {
        let running = self.workers.iter().filter(|worker| !matches!(worker.phase, Phase::Loading { .. })).count();
        if self.running_reported.replace(running) != Some(running) {
            self.effects.push(Effect::Report(PoolEvent::Workers { running }));
        }
    }
}

impl Worker {
    fn next_batch(&mut self, index: usize, task: &mut Task, generation: Generation) -> Option<Request> {
        self.expect_cost(task.job.cost);
        let count = self.batch_size.get();
        let batch = Batch { first: task.nonces.take(index, count)?, stride: task.nonces.stride(), count };
        Some(Request::Mine { generation, job: task.job.clone(), batch })
    }

    fn preparation(&mut self, cost: Option<Cost>) -> Option<Request> {
        let cost = cost.filter(|cost| self.cost != Some(*cost))?;
        self.expect_cost(cost);
        Some(Request::Prepare { cost })
    }

    fn expect_cost(&mut self, cost: Cost) {
        if self.cost.replace(cost) != Some(cost) {
            self.batch_size = BatchSize::default();
        }
    }

    fn finish_batch(&mut self, hashes: u32, now: Duration) {
        if let Phase::Working { sent, .. } = self.phase {
            self.batch_size.learn(hashes, now.saturating_sub(sent));
        }
        self.phase = Phase::Resting;
    }

    /// Why the worker must be taken for lost, if it must.
    fn second_passed(&mut self) -> Option<PoolFailure> {
        let (seconds, limit, failure) = match &mut self.phase {
            Phase::Loading { seconds } => (seconds, READY_SECONDS, PoolFailure::LoadFailed),
            Phase::Working { seconds, .. } => (seconds, BATCH_SECONDS, PoolFailure::Stalled),
            Phase::Resting => return None,
        };
        *seconds += 1;
        (limit <= *seconds).then_some(failure)
    }
}

#[cfg(test)]
mod tests;
