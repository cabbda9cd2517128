//! What the workers do, and what the visitor wants of them.

use super::{event::Effect, turn::Turn};
use crate::{
    mining::{PoolFailure, RateMeter},
    scene::{Failure, Note},
};
use miner::Job;
use puzzle::RoundNumber;
use std::time::Duration;

/// How often the hash rate is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(2);

/// The workers of this page.
#[derive(Debug)]
pub(super) struct Workers {
    /// True while the visitor wants to mine.
    wanted: bool,
    /// How many.
    count: usize,
    /// How many there may be.
    most: usize,
    /// What they do; `None` while they rest.
    work: Option<Work>,
    /// True if they rest although the visitor wants to mine.
    paused: bool,
    meter: RateMeter,
    /// When to report the hash rate.
    report_at: Duration,
}

#[derive(Debug)]
struct Work {
    job: Job,
    /// True once the first batch came back.
    running: bool,
}

/// What has become of the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// They begin to mine.
    Began,
    /// They rest.
    Ended,
}

impl Workers {
    /// Workers that rest: so many, and no more than `most`.
    pub(super) fn new(count: usize, most: usize) -> Self {
        Self {
            wanted: false,
            count: count.clamp(1, most),
            most,
            work: None,
            paused: false,
            meter: RateMeter::default(),
            report_at: Duration::ZERO,
        }
    }

    /// True while the visitor wants to mine.
    pub(super) const fn are_wanted(&self) -> bool {
        self.wanted
    }

    /// True while they have a job.
    pub(super) const fn have_work(&self) -> bool {
        self.work.is_some()
    }

    /// True once hashes of the job have come back.
    pub(super) const fn are_running(&self) -> bool {
        matches!(self.work, Some(Work { running: true, .. }))
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// How many there may be.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Hashes per second.
    pub(super) fn rate(&self, now: Duration) -> f64 {
        if self.are_running() { self.meter.rate(now) } else { 0.0 }
    }

    /// When [`Workers::due_report`] has something to say.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.have_work().then_some(self.report_at)
    }

    /// The visitor wants to mine.
    pub(super) fn start(&mut self, turn: &mut Turn) {
        self.wanted = true;
        turn.write(Note::Started { workers: self.count });
    }

    /// The visitor does not want to mine any more.
    pub(super) const fn stop(&mut self) {
        self.wanted = false;
        self.paused = false;
    }

    /// Nothing goes on until the visitor does something.
    pub(super) const fn give_up(&mut self) {
        self.wanted = false;
    }

    /// The visitor wants another number of workers.
    pub(super) fn resize(&mut self, count: usize, turn: &mut Turn) {
        let count = count.clamp(1, self.most);
        if count == self.count {
            return;
        }
        self.count = count;
        turn.ask(Effect::RememberWorkers(count));
        if self.have_work() {
            turn.ask(Effect::SetWorkers(count));
        }
    }

    /// The device had no memory for more than so many.
    pub(super) fn reduced_to(&mut self, count: usize, turn: &mut Turn) {
        self.count = count.max(1);
        turn.ask(Effect::RememberWorkers(self.count));
        turn.write(Note::FewerWorkers(self.count));
    }

    /// A batch of `round` is done; false if that is not what they work at.
    pub(super) fn progressed(&mut self, round: RoundNumber, hashes: u32, now: Duration) -> bool {
        let Some(work) = self.work.as_mut().filter(|work| work.job.round == round) else { return false };
        work.running |= 0 < hashes;
        self.meter.record(now, hashes);
        true
    }

    /// The hash rate, if it is to be reported now.
    pub(super) fn due_report(&mut self, now: Duration) -> Option<f64> {
        if self.deadline().is_none_or(|at| now < at) {
            return None;
        }
        self.report_at = now + REPORT_INTERVAL;
        Some(self.meter.rate(now))
    }

    /// Has them do `job`, or rest if there is none; says if that changes anything for
    /// others. Called after every event, so that nothing else need think of it.
    pub(super) fn keep_in_step(&mut self, job: Option<Job>, turn: &mut Turn) -> Option<Change> {
        match (&mut self.work, job) {
            (None, Some(job)) => {
                self.work = Some(Work { job: job.clone(), running: false });
                self.report_at = turn.now + REPORT_INTERVAL;
                if std::mem::take(&mut self.paused) {
                    turn.write(Note::Resumed);
                }
                turn.ask(Effect::StartMiner { job, workers: self.count });
                Some(Change::Began)
            }
            (Some(work), Some(job)) => {
                if work.job != job {
                    work.job = job.clone();
                    turn.ask(Effect::ReplaceJob(job));
                }
                None
            }
            (Some(_), None) => {
                self.work = None;
                self.meter = RateMeter::default();
                turn.ask(Effect::StopMiner);
                self.paused = self.wanted;
                if self.paused {
                    turn.write(Note::Paused);
                }
                Some(Change::Ended)
            }
            (None, None) => None,
        }
    }
}

/// What the page tells of workers that failed.
pub(super) const fn failure(why: PoolFailure) -> Failure {
    match why {
        PoolFailure::LoadFailed => Failure::MinerNotLoaded,
        PoolFailure::SelfTestFailed => Failure::MinerFaulty,
        PoolFailure::OutOfMemory => Failure::OutOfMemory,
        PoolFailure::Stalled => Failure::MinerStalled,
    }
}
